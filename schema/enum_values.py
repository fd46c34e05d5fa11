"""Turns enums of the rules, which know nothing of GraphQL, into enums whose every value is described."""

from collections.abc import Mapping
from typing import Final

from graphql import GraphQLEnumType, GraphQLSchema

DESCRIPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "AuditVia": {
        "SESSION": "Somebody who had signed in.",
        "KEY": "A service account, by the key in `keyName`.",
        "SIGN_IN": "Somebody who was signing in or up.",
        "COMMAND_LINE": "Somebody with the server's command line.",
        "DEVICE": "A registered device.",
        "MACHINE": "A machine, such as `paystack`.",
    },
    "DemandStep": {"DAY": "A local day of the panel.", "MONTH": "A local calendar month of the panel."},
    "DeviceKind": {
        "PANEL_METER": "A power meter that publishes on DATA/PM/ and its code.",
        "TASMOTA": "A plug or reading head with Tasmota.",
        "ENERGY_HUB": "A hub that reads several meters and tells of each by its number.",
        "SHELLY": "A Shelly device of the second generation or later.",
        "ZIGBEE2MQTT": "A Zigbee plug or meter behind Zigbee2MQTT.",
        "HOME_ASSISTANT": "A device that was announced by Home Assistant's discovery.",
        "MAPPED": "Whatever else publishes, read by a mapping of its owner's.",
    },
    "Channel": {"MAIL": "By e-mail.", "SMS": "By text message."},
    "ChargeKind": {
        "ENERGY": "What was used, by the band in which it was; without taxes.",
        "STANDING_CHARGE": "A charge that falls due each day or month.",
        "MINIMUM_CHARGE": "What a month's energy lacked to the least that it costs.",
        "TAX": "A tax or levy on the others.",
    },
    "Direction": {"ASC": "The least first.", "DESC": "The most first."},
    "LedgerKind": {
        "TOP_UP": "Units that were bought.",
        "BALANCE_READING": "What the meter's display showed: the balance goes on from there.",
        "REVERSAL": "The opposite of an entry that was wrong, at the entry's own instant.",
        "EMERGENCY_CREDIT": "Units that were lent, to be repaid by the next top-ups.",
        "DEBT": "Money that is owed: no units.",
    },
    "LedgerSource": {
        "PERSON": "Somebody who typed it in.",
        "METER": "The prepaid meter itself, of what its display shows.",
        "PAYMENT": "A payment that a provider told of.",
        "VEND": "A vendor's token.",
    },
    "MeterRegister": {
        "IMPORT": "The energy taken from the grid, in kWh.",
        "EXPORT": "The energy given to the grid, in kWh.",
    },
    "PanelOrderField": {"FLOOR": "The storey."},
    "PanelStatus": {
        "ONLINE": "A reading arrived lately.",
        "OFFLINE": "No reading arrived for a while, or ever.",
    },
    "PaymentProvider": {"PAYSTACK": "Paystack.", "FLUTTERWAVE": "Flutterwave."},
    "PaymentState": {
        "STARTED": "Its reference was given out; nothing was paid yet.",
        "PAID": "The money has bought units: see `entryId` or `vend`.",
        "UNMATCHED": "Money came, and nobody could be credited with it: an admin has to assign or dismiss it.",
        "DISMISSED": "An admin has noted that it buys nothing.",
        "FAILED": "An attempt to pay has failed; another one may follow.",
        "REFUNDED": "The provider gave all of it back.",
    },
    "PushPlatform": {"ANDROID": "An Android phone.", "IOS": "An iPhone or iPad.", "WEB": "A browser."},
    "Quantity": {
        "ENERGY_IMPORT": "Cumulative import register.",
        "ENERGY_EXPORT": "Cumulative export register.",
        "ACTIVE_POWER": "Active power, negative while the panel exports.",
        "APPARENT_POWER": "Apparent power.",
        "POWER_FACTOR": "Power factor, -1 to 1.",
        **{f"VOLTAGE_{phase}": f"Voltage of phase {phase} to neutral." for phase in "RST"},
        "VOLTAGE_N": "Voltage of the neutral.",
        **{f"CURRENT_{phase}": f"Current of phase {phase}." for phase in "RST"},
        "CURRENT_N": "Current of the neutral.",
        "BALANCE": "The credit in kWh that a prepaid meter itself shows.",
    },
    "Range": {
        "LAST_1H": "The last hour.",
        "LAST_6H": "The last 6 hours.",
        "LAST_12H": "The last 12 hours.",
        "LAST_24H": "The last 24 hours.",
        "LAST_7D": "The last 7 days of 24 hours.",
        "LAST_30D": "The last 30 days of 24 hours.",
        "LAST_1Y": "The last 365 days of 24 hours.",
    },
    "ReceiptLineKind": {
        "STAMP_DUTY": "A fixed duty on payments above an amount.",
        "FEE": "What is kept of each payment.",
        "STANDING_CHARGE": "A month's standing charge: the month's first top-up bears it.",
        "DEBT": "What went to the panel's debt.",
        "TAX": "A tax or levy.",
        "ENERGY": "The money that bought units.",
    },
    "Recurrence": {"DAY": "As each local day begins.", "MONTH": "As each local month begins."},
    "Role": {
        "TENANT": "Sees the panels that they rent, and those given to them.",
        "LANDLORD": "Sees the panels of their properties, and decides about them.",
        "ADMIN": "Sees every panel, changes stored readings and runs the service.",
    },
    "Scope": {
        "READ": "Reading what the owner sees: panels, readings, usage, balances, forecasts, and all streams of them.",
        "CREDIT": "Credit: top-ups, balances, debts, payments, typed readings.",
        "TARIFFS": "Changing tariffs.",
        "PROPERTIES": "Properties, tenancies and invitations.",
        "DEVICES": "Devices, mappings, and the correction of readings.",
        "ALERTS": "Alerts and rules of the service account's own.",
        "SERVICE": "Running the service: ingest, rejected messages.",
    },
    "SignUpPolicy": {
        "OPEN": "Whoever has an address that codes are sent to.",
        "INVITED": "Whoever has a landlord's invitation, too.",
        "CLOSED": "Nobody: an admin makes accounts.",
    },
    "SessionKind": {
        "PASSWORD": "By a password.",
        "CODE": "By a one-time code.",
        "FIREBASE": "By Firebase.",
        "SIGN_UP": "With the account itself.",
    },
    "Step": {
        "MINUTE": "60 seconds.",
        "FIVE_MINUTES": "300 seconds.",
        "QUARTER_HOUR": "900 seconds.",
        "HOUR": "3600 seconds.",
        "DAY": "A local day, of 23 or 25 hours when the clocks change.",
        "WEEK": "Seven local days from a Monday on.",
        "MONTH": "A local calendar month.",
        "YEAR": "A local calendar year.",
    },
    "TaxBase": {
        "ENERGY": "The price of energy alone.",
        "NET": "The price of energy, standing charges and what a minimum charge adds.",
        "COMPOUND": "The same as NET, and the taxes before it.",
    },
    "TaxMethod": {
        "ADDED": "What is paid is the price and the taxes on it: 1.075 pays 1 and 7.5 %.",
        "DEDUCTED": "A tax is its percentage of what is paid: of 100 with 3 %, 97 buy energy.",
    },
    "TransferFormat": {
        "CSV": "Comma-separated values with a header, as text.",
        "JSONL": "A JSON object a line.",
        "PARQUET": "An Apache Parquet file.",
    },
    "VendState": {
        "REQUESTED": "Taken down; nothing was sent yet.",
        "UNKNOWN": "Sent, and the vendor's answer is not known yet or was lost. The vendor is asked again, never paid"
        " again.",
        "DELIVERED": "The vendor gave a token; see `reason` where its units are not credited at once.",
        "ACCEPTED": "The token's units are in the ledger.",
        "FAILED": "Nothing was bought and nothing was charged; see `reason`.",
    },
}
"""What each value means, by the names of the contract; enums that explain their values themselves are not here."""


def describe_values(schema: GraphQLSchema) -> None:
    """Puts the descriptions on the enums of a schema.

    Raises:
        KeyError: an enum or a value that is described is not there.
    """
    for name, values in DESCRIPTIONS.items():
        enum = schema.type_map[name]
        assert isinstance(enum, GraphQLEnumType)  # noqa: S101 - tells the type checker what the names above are
        for value, description in values.items():
            enum.values[value].description = description
