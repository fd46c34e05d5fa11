"""Turns every code that a refusal or an error may have into what it means and what helps."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from metering.buckets import MAX_BUCKETS
from metering.ledger import MAX_UNITS_KWH
from metering.passwords import MAX_LENGTH, MIN_LENGTH
from metering.reading_changes import MAX_WITHDRAWN
from resolvers.context import MAX_POINTS as MAX_ANSWER_POINTS
from resolvers.mappings import MAX_TOPIC_LENGTH
from resolvers.readings import MAX_POINT_VALUES, MAX_POINTS
from store.api_keys import MAX_OF_AN_ACCOUNT
from store.connections import STATEMENT_TIMEOUT_MS
from store.service_accounts import MAX_OF_AN_OWNER


class CodePlace(Enum):
    """Where a code is met."""

    REQUEST = "REQUEST"
    ACCOUNT = "ACCOUNT"
    INPUT = "INPUT"
    COMMAND = "COMMAND"
    DOWNLOAD = "DOWNLOAD"
    WEBHOOK = "WEBHOOK"
    IMPORT_ROW = "IMPORT_ROW"
    METER_MESSAGE = "METER_MESSAGE"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """A code at the place where it is met; `is_retryable` says that the same request may succeed later."""

    code: str
    where: CodePlace
    meaning: str
    help: str
    is_retryable: bool = False


_NO_CODE: Final = "Use 1 to 64 letters, digits, `_ . : -`."
_RETRYABLE: Final = frozenset(
    {
        "TOO_MANY_SUBSCRIPTIONS",
        "RATE_LIMITED",
        "DATABASE_UNAVAILABLE",
        "TOO_MANY_ATTEMPTS",
        "IMPORT_RUNNING",
        "TOO_MANY_EXPORTS",
    }
)
_TOO_OLD: Final = "The reading is from before what is kept."

_CODES: Final[Mapping[CodePlace, Mapping[str, tuple[str, str]]]] = {
    CodePlace.REQUEST: {
        "BAD_REQUEST": (
            "Not a GraphQL request: no JSON, no `query`, or a NUL in text.",
            'Send `{"query": "…", "variables": {…}}`.',
        ),
        "GRAPHQL_PARSE_FAILED": ("The document has a syntax error.", "See `locations`."),
        "GRAPHQL_VALIDATION_FAILED": (
            "The document does not fit the schema, or is over a limit of depth, aliases or tokens.",
            "Ask for what the schema has; for less, or in several requests: see `limits`.",
        ),
        "OPERATION_NOT_FOUND": (
            "Several operations and no `operationName`, or an unknown one.",
            "Name one of the document's operations.",
        ),
        "PERSISTED_QUERY_NOT_FOUND": (
            "No document with this hash was left here yet, or it was forgotten.",
            "Send `query` along with the hash once.",
        ),
        "PERSISTED_QUERY_NOT_SUPPORTED": ("A version of persisted queries other than 1.", "Send `query`."),
        "PERSISTED_QUERY_MISMATCH": (
            "`query` has another SHA-256 than `sha256Hash` says.",
            "Hash the very text that is sent, as UTF-8.",
        ),
        "DOCUMENT_NOT_TRUSTED": (
            "The server runs the documents of a list alone, and this is none of them.",
            "Ask whoever runs the server.",
        ),
        "SUBSCRIPTION_NEEDS_STREAM": (
            "A subscription by plain HTTP.",
            "Send `Accept: text/event-stream`, or use a websocket with `graphql-transport-ws`.",
        ),
        "SUBSCRIPTION_CLOSED": (
            "Its owner has ended this subscription by `closeSubscription`.",
            "Subscribe again when it is wanted.",
        ),
        "TOO_MANY_SUBSCRIPTIONS": (
            (
                "As many operations as a websocket may have, websockets, event streams or subscriptions as an account"
                " may, or distinct subscriptions as a server may: `limits` has the figures."
            ),
            "Complete one, or close one; ask alike where that will do.",
        ),
        "COST_TOO_HIGH": (
            "The operation would cost more than one may; `extensions` has `cost`, `maxCost` and `dearest`.",
            "Ask for fewer items, points or buckets there; `queryCost` says what an operation costs.",
        ),
        "RATE_LIMITED": (
            "The points of this minute are spent, by requests or by the events of subscriptions; HTTP 429.",
            "Wait `retryAfterS` seconds, or as `Retry-After` says.",
        ),
        "BAD_QUERY": ("`queryCost` was asked of what cannot be run.", "See the message."),
        "BODY_TOO_LARGE": (
            "HTTP 413, 414 or 431: the body, the address or the headers are too long.",
            "Send up to 100,000 bytes by POST, 60,000 in an address, 131,072 with the headers.",
        ),
        "UNSUPPORTED_MEDIA_TYPE": (
            "HTTP 415: the body is not JSON in UTF-8, or is compressed.",
            "Send `application/json`, as it is.",
        ),
        "NOT_ACCEPTABLE": (
            "HTTP 406: none of the media types that `Accept` names.",
            "Accept `application/graphql-response+json` or `application/json`.",
        ),
        "METHOD_NOT_ALLOWED": ("HTTP 405.", "Use POST, or GET for queries."),
        "DATABASE_UNAVAILABLE": (
            "The database does not answer.",
            "Try again in a moment; `/readyz` says more.",
        ),
        "QUERY_TIMEOUT": (
            f"The database took over {STATEMENT_TIMEOUT_MS // 1000} s for a part of this.",
            "Ask for less: a shorter period, fewer panels.",
        ),
        "INTERNAL": ("A fault of ours; it was logged.", "Tell us."),
    },
    CodePlace.ACCOUNT: {
        "UNAUTHENTICATED": ("Nobody has signed in, or the session has ended.", "Sign in by `logIn`."),
        "FORBIDDEN": (
            "Only admins, or landlords too, may do this; a key is not for it; or a page of another site sent a GET.",
            "Ask one of them; use a key with the scope that the message names; use POST from pages.",
        ),
        "BAD_CREDENTIALS": ("Unknown address or wrong password: the same for both.", "Type them again."),
        "BAD_REFRESH_TOKEN": (
            "The refresh token was used before, has expired, or its session has ended.",
            "Sign in again.",
        ),
        "ACCOUNT_DISABLED": ("The account was disabled.", "Ask an admin."),
        "SESSION_NOT_FOUND": ("No session of yours has this id, or it is over.", "`viewer { sessions }` lists yours."),
        "SERVICE_ACCOUNT_NOT_FOUND": (
            "No service account of yours has this id.",
            "`viewer { serviceAccounts }` lists yours.",
        ),
        "TOO_MANY_SERVICE_ACCOUNTS": (
            f"You have {MAX_OF_AN_OWNER} service accounts.",
            "Remove one that is not used any more.",
        ),
        "KEY_NOT_FOUND": (
            "No key of yours has this id, or it counts no more.",
            "`viewer { serviceAccounts }` lists yours with their `keys`.",
        ),
        "TOO_MANY_KEYS": (
            f"The service account has {MAX_OF_AN_ACCOUNT} keys that count.",
            "Revoke one that is not used any more.",
        ),
        "TOO_MANY_ATTEMPTS": (
            "Too many sign-ins or codes for this address, or from this place.",
            "Wait as long as the message says.",
        ),
        "CODE_NOT_VALID": (
            "A one-time code that is wrong, was used, is over, or of a challenge that there is not: the same for all.",
            "Type it again, up to five times; or ask for a new one.",
        ),
        "CHANNEL_UNAVAILABLE": (
            "The server cannot write to such a contact.",
            "`signInOptions { channels }` says to which it can.",
        ),
        "PROVIDER_UNAVAILABLE": (
            "The server takes no sign-ins by this provider, or cannot ask it now.",
            "Sign in by password or code.",
        ),
        "ID_TOKEN_NOT_VALID": ("The ID token is not of this project, was changed, or has expired.", "Get a new one."),
        "CONTACT_NOT_VERIFIED": ("The provider has not verified the e-mail address.", "Open the link in its mail."),
        "SIGN_UP_CLOSED": ("People cannot make accounts on this server.", "Ask an admin for one."),
        "BAD_EMAIL": ("Not an e-mail address.", "Use an address like ann@example.org."),
        "BAD_PHONE": (
            "Not a phone number, or without its country.",
            "Use + and the country's code, like +234 801 234 5678.",
        ),
        "BAD_NAME": ("Not a name.", "Use 1 to 200 characters; for a device those that the message names."),
        "BAD_PASSWORD": (
            "Too short or long, one that is tried first, your own name or address, or the password that you have.",
            f"Use {MIN_LENGTH} to {MAX_LENGTH} characters, such as four words by chance.",
        ),
        "ACCOUNT_NOT_FOUND": ("Nobody has this id.", "`people` lists everybody, for admins."),
        "HAS_PROPERTIES": ("Tenants have no properties.", "Hand theirs over first: `updateProperty`."),
        "LAST_ADMIN": ("Somebody must run the server.", "Make another person an admin first."),
        "SECOND_FACTOR_ON": ("A second factor is set up already.", "`disableSecondFactor` takes it away."),
        "SECOND_FACTOR_OFF": ("No second factor is set up.", "`startSecondFactor` begins."),
    },
    CodePlace.INPUT: {
        "BAD_INPUT": ("A value of the wrong type or outside its bounds.", "The message says which are accepted."),
        "BAD_RANGE": (
            "`range` and `from`/`to` together, `from` not before `to`, or over ten years.",
            "Give either of them, up to ten years.",
        ),
        "BAD_MAX_POINTS": ("`maxPoints` is outside its bounds.", f"Use 2 to {MAX_POINTS:,}."),
        "TOO_MANY_BUCKETS": (
            f"Over {MAX_BUCKETS:,} buckets.",
            "Use the step that the message names, or a shorter span.",
        ),
        "TOO_MANY_POINTS": (
            (
                f"All series of one answer hold over {MAX_ANSWER_POINTS:,} points and buckets, or a list of points over"
                f" {MAX_POINT_VALUES:,} values."
            ),
            "Ask for fewer panels, points or buckets.",
        ),
        "BAD_MONTH": ("No such month.", "`year` is 2000 to 2100, `month` 1 to 12."),
        "BAD_WEEK": (
            "No such week.",
            "Give `date`, or `year` from 2000 to 2100 and one of its ISO weeks, 1 to 52 or 53.",
        ),
        "BAD_TOPIC": (
            "Not a topic that can be mapped.",
            f"Use an exact MQTT topic of up to {MAX_TOPIC_LENGTH} characters, without `+` and `#`.",
        ),
        "BAD_CODE": ("Not a panel's code.", _NO_CODE),
        "DEVICE_NOT_FOUND": (
            "No registered device of this id, not yours, or revoked: the same for all.",
            "`registeredDevices` lists yours.",
        ),
        "TOPIC_TAKEN": (
            "Another registered device publishes on a topic that the device's kind and name would give it.",
            "Use the name that the device's own topics have, or revoke the other one.",
        ),
        "PANEL_HAS_DEVICE": (
            "Another registered device alone may send readings of the panel.",
            "Change that one by `updateDevice`, or revoke it.",
        ),
        "BAD_PATH": ("Not a place in a message.", "Use keys with dots, or a JSON pointer."),
        "BAD_UNIT": ("Not a unit of the quantity.", "The message names those that are."),
        "BAD_CURSOR": ("Not a cursor that this field answered.", "Pass one back as it was answered."),
        "BAD_DATETIME": ("Not an instant.", "Use RFC 3339 with an offset, like 2026-03-01T06:30:00+07:00."),
        "BAD_DATE": ("Not a day.", "Use a day like 2026-03-01."),
        "BAD_DECIMAL": ("Not an exact number.", "Use plain digits as text, up to 18."),
        "BAD_TIME": (
            "`at` is in the future, before 2010 or before the own tenancy began, or an end in the past.",
            "Use an instant that the message accepts.",
        ),
        "BEFORE_METER": (
            "`at` is from before the panel's meter was there.",
            "Use an instant that the message accepts; `kilowatch panel set --meter-since` says since when it is there.",
        ),
        "PANEL_NOT_FOUND": (
            "No panel of this code, or not yours: the same for both.",
            "`panels` lists those that you see.",
        ),
        "SUBSCRIPTION_NOT_FOUND": (
            "No open subscription of yours has this id.",
            "`viewer { subscriptions }` lists them.",
        ),
        "ALERT_NOT_FOUND": ("No such alert of yours.", "`alerts` lists them."),
        "NOT_PREPAID": ("The panel is post-paid.", "Ask for prepaid panels alone: see `isPrepaid`."),
        "NO_METER_NUMBER": (
            "The vendor sells by meter number, and the panel's is not known.",
            "Set it: `kilowatch panel set --meter-number`.",
        ),
        "VENDING_NOT_SET_UP": ("This server has no token vendor.", "Ask whoever runs the server."),
        "PAYMENTS_NOT_SET_UP": (
            "This server takes no payments by that provider; HTTP 404 where the provider posts an event.",
            "Use another provider, or ask whoever runs the server.",
        ),
        "PAYMENT_NOT_FOUND": ("No such payment, or nothing was paid.", "`payments` lists them."),
        "PAYMENT_SETTLED": ("The payment is settled already.", "Only UNMATCHED payments can be settled."),
        "PROPERTY_NOT_FOUND": ("No property of this id is yours.", "`properties` lists them."),
        "STILL_LET": (
            "A tenancy of the property, or of the panels, is not over.",
            "End it first: `endTenancy`; or move all panels that are let together.",
        ),
        "NOT_A_LANDLORD": ("The account is no landlord's.", "Make it one: `setRole`."),
        "PANEL_TAKEN": ("The panel belongs to a property already.", "Its landlord or an admin can move it."),
        "CLAIM_NOT_VALID": (
            "The claim code is unknown, was used or replaced, or has expired: the same for all.",
            "Ask whoever gave it to you for another one.",
        ),
        "INVITATION_NOT_VALID": (
            "The invitation's code is unknown, was used or revoked, or has expired: the same for all.",
            "Ask the landlord for another one.",
        ),
        "INVITATION_NOT_FOUND": (
            "No invitation of this id is of a property of yours.",
            "`property { invitations }` lists them.",
        ),
        "INVITATION_ACCEPTED": ("The invitation has led to a tenancy.", "End that: `endTenancy`."),
        "TENANCY_NOT_FOUND": (
            "No tenancy of this id is yours, or of a property of yours.",
            "`viewer { tenancies }` and `property { tenancies }` list them.",
        ),
        "TENANCY_ENDED": ("The tenancy is over.", "Invite the tenant again."),
        "NO_TARIFF": ("The panel has no tariff on that day.", "Set one, or ask for a later day."),
        "BAD_TARIFF": (
            "Not a tariff: `field` is the path of what is wrong, such as hours that two bands claim or none.",
            "The message says what is accepted there; docs/tariffs.md has every key.",
        ),
        "TARIFF_NOT_FOUND": ("No tariff begins on that day.", "`tariffs` lists them with `validFrom`."),
        "BAD_AMOUNT": (
            "The amount is outside its bounds.",
            f"Use above 0, with the currency's decimals, for at most {MAX_UNITS_KWH:,} kWh; units have three decimals.",
        ),
        "BAD_CURRENCY": ("The tariff is in another currency.", "Use the one that the message names."),
        "BAD_TOKEN": (
            "Not a token, or none of the panel's meter.",
            "A token has 20 digits; the message says what is wrong.",
        ),
        "TOO_MANY_ATTEMPTS": (
            (
                "Ten wrong OpenPAYGO tokens were entered for the panel within an hour, or thirty within a day; or the"
                " account has started 60 payments within an hour and not paid them."
            ),
            "Wait until `openPaygo { nextTryAt }`; an hour, or pay one of them.",
        ),
        "NO_OPEN_PAYGO": ("The panel's tokens are not OpenPAYGO's.", "Set its meter by `setOpenPaygo`."),
        "METER_IN_USE": (
            "Another panel has the OpenPAYGO meter of this key.",
            "Remove it there by `removeOpenPaygo` first.",
        ),
        "TOKENS_NOT_ENTERED": (
            "So many tokens were made and not entered that the meter would not take one more.",
            "Enter those first: `openPaygo { tokensNotEntered }`.",
        ),
        "TOKEN_USED": ("The token was credited before.", "Each token is credited once."),
        "NO_DEBT": ("The panel owes nothing.", "Nothing is left to do."),
        "NO_EMERGENCY_CREDIT": ("The panel is lent nothing.", "A landlord or an admin sets it: `setEmergencyCredit`."),
        "EMERGENCY_CREDIT_TAKEN": ("It was taken and is not repaid.", "Top up: that repays it."),
        "EMERGENCY_CREDIT_NOT_YET": (
            "More is left than it is meant for.",
            "Wait until less is left than the message says.",
        ),
        "ENTRY_NOT_FOUND": ("No entry of this id in a ledger that you see.", "`prepaid { ledger }` lists them."),
        "ALREADY_REVERSED": ("The entry was reversed before.", "Nothing is left to do."),
        "NOT_REVERSIBLE": ("The entry is a reversal.", "Enter anew what was right."),
        "ALREADY_REPAID": ("Top-ups have repaid of this debt or loan.", "Reverse those top-ups first."),
        "READING_NOT_FOUND": (
            "The panel has no reading at exactly this instant, or none from `from` up to `to`.",
            "Use `at` as a reading says it; of a typed-in one its `id`.",
        ),
        "TOO_MANY_READINGS": (f"One withdrawal takes up to {MAX_WITHDRAWN:,} readings.", "Use shorter spans."),
        "TOO_OLD": (
            "Readings from before what is kept cannot be changed.",
            "The message says from when on they can.",
        ),
        "READING_WITHDRAWN": (
            "The reading of this instant was withdrawn.",
            "Give another instant, or ask an admin to restore it.",
        ),
        "CHANGE_NOT_FOUND": ("No correction or withdrawal of this id.", "`readingChanges` lists them."),
        "ALREADY_RESTORED": ("The change was undone before.", "Nothing is left to do."),
        "CHANGED_SINCE": ("The reading was corrected again, or withdrawn, since.", "Undo that first."),
        "IDEMPOTENCY_KEY_USED": (
            "The key was used; the payload's `entry` is what it made the first time.",
            "Make a key of its own for each purchase.",
        ),
    },
    CodePlace.COMMAND: {
        "BAD_HEADER": ("The file's columns are not those of readings.", "See docs/transfer.md."),
        "BAD_FORMAT": ("Not a format of files.", "Use CSV, JSON lines or Parquet."),
        "BAD_FILE": ("The file cannot be read.", "See the message."),
        "IMPORT_RUNNING": ("The file is being imported already.", "Wait until that has ended."),
        "BAD_TARIFF": ("Not a tariff: the message says where and what.", "`kilowatch tariff examples` shows some."),
        "BAD_EMAIL": ("Not an e-mail address.", "Use an address like ann@example.org."),
        "BAD_NAME": ("Not a name.", "The message says what is accepted."),
        "BAD_PASSWORD": (
            "Not a password, or one of those that are tried first.",
            f"Use {MIN_LENGTH} to {MAX_LENGTH} characters, such as four words by chance.",
        ),
        "BAD_ROLE": ("Not a role.", "Use ADMIN, LANDLORD or TENANT."),
        "BAD_CODE": ("Not a panel's code.", _NO_CODE),
        "BAD_PHONE": ("Not a phone number, or without its country.", "Use a number like +2348012345678."),
        "PHONE_TAKEN": ("An account has this number.", "`kilowatch user list` shows it."),
        "EMAIL_TAKEN": ("An account has this address.", "`kilowatch user list` shows it."),
        "ACCOUNT_NOT_FOUND": ("No account has this address.", "`kilowatch user list` shows all."),
        "MESSAGE_NOT_FOUND": ("No rejected message of this id.", "`kilowatch rejected list` shows them."),
    },
    CodePlace.DOWNLOAD: {
        "EXPORT_LINK_INVALID": (
            "HTTP 404: the link was changed, has expired, or its panel may not be seen any more: the same for all.",
            "Ask `exportLink` for a new one.",
        ),
        "TOO_MANY_EXPORTS": (
            "HTTP 429: two downloads of the account run already, or eight of the server.",
            "Wait until one has ended.",
        ),
    },
    CodePlace.WEBHOOK: {
        "BROKERS_NOT_SET_UP": (
            "HTTP 404: brokers may not ask this server about their clients.",
            "Set KILOWATCH_BROKER_SECRET: docs/brokers.md.",
        ),
        "BAD_SIGNATURE": (
            "HTTP 401: the signature is not that of this body; nothing was done.",
            "Give the server the provider's own secret, and leave the body as it was sent.",
        ),
        "UNREADABLE_EVENT": (
            "HTTP 400: signed, but no event in the provider's form; its beginning was kept.",
            "Look at it in `payment_event`, and tell us.",
        ),
    },
    CodePlace.IMPORT_ROW: {
        "BAD_ROW": ("Not as many values as the first line has, or not JSON of the right types.", "Mend the line."),
        "BAD_VALUE": ("A number that is none or outside its bounds.", "Mend the value."),
        "NO_VALUE": ("No value at all.", "Leave the line out."),
        "BAD_TIME": ("Not an instant from 2010 to now.", "Mend the time, or name its time zone."),
        "TOO_OLD": (_TOO_OLD, "Keep readings longer, or leave it out."),
        "BAD_CODE": ("Not a panel's code.", _NO_CODE),
        "BAD_FLAGS": ("Unknown flags.", "Use those that an export writes."),
        "PANEL_NOT_FOUND": ("No such panel, with `--no-create-panels`.", "Make the panel first."),
    },
    CodePlace.METER_MESSAGE: {
        "UNKNOWN_TOPIC": ("No device of ours publishes there.", "Map the topic: `setDeviceMapping`."),
        "NOT_OWNED": (
            "A registered device spoke of a panel that is not its own, or somebody else of its panel.",
            "Let the device itself publish, or give it the panel: `updateDevice`. Then replay.",
        ),
        "DEVICE_REVOKED": ("The device was revoked.", "Register it anew: `registerDevice`."),
        "UNKNOWN_DEVICE": (
            "A device or panel that nobody registered, while discovery is closed.",
            "`registerDevice` or `setDeviceMapping`, then replay.",
        ),
        "BAD_TOPIC": (
            "The topic has over 512 characters, or its panel's code is not 1 to 64 letters, digits, `_ . : -`.",
            "Give the device another name.",
        ),
        "TOO_LARGE": ("Over 256 KiB; the first 256 KiB are kept.", "Let the device send less at a time."),
        "BAD_JSON": ("Not JSON.", "Mend the device, or map its topic."),
        "BAD_PAYLOAD": (
            "A field is missing, of another type or outside its bounds.",
            "Mend the device, or map its topic.",
        ),
        "BAD_STATUS": ("The meter itself reports an error.", "See to the meter."),
        "BAD_TIME": (
            "Not a time; one that cannot be right is replaced by the arrival and flagged as such.",
            "Set the device's clock.",
        ),
        "UNKNOWN_LABELS": (
            "Numbers under labels that nobody knows.",
            "Set a mapping of them (`setDeviceMapping`), then replay.",
        ),
        "BAD_TIME_ZONE": ("The panel's time zone is unknown.", "`kilowatch panel set` gives it another."),
        "UNUSABLE_ANNOUNCEMENT": (
            "A device announced to Home Assistant what is not read: a template, unit, state class or topic.",
            "Map the topic: `setDeviceMapping`.",
        ),
        "STORE_ERROR": ("The database refused a value.", "Replay the message once that is mended."),
        "DECODER_FAULT": (
            "A fault of ours in reading the message; it was logged.",
            "Tell us, and replay the message with a newer version.",
        ),
        "TOO_OLD": (_TOO_OLD, "Keep readings longer: KILOWATCH_KEEP_READINGS_DAYS."),
    },
}
"""The one list of codes: `errorCodes` answers it, and the tables of docs/errors.md are written from it."""


def error_codes(*, where: CodePlace | None = None) -> list[ErrorCode]:
    """Every code, by place; those of one place when it is given."""
    return [
        ErrorCode(code, place, meaning, help_, is_retryable=code in _RETRYABLE)
        for place, codes in _CODES.items()
        if where in {None, place}
        for code, (meaning, help_) in codes.items()
    ]
