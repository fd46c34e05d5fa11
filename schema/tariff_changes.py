"""Describes how tariffs are set and removed, and which there are to begin with."""

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, cast

import strawberry

from metering.tariffs.rules import Recurrence, TaxBase, TaxMethod
from resolvers import tariff_changes, tariff_examples
from resolvers.context import Info
from resolvers.tariff_changes import TariffChange
from resolvers.tariffs import Weekday
from schema.refusals import Refusal, RefusedAsData
from schema.tariffs import Tariff

Panel = Annotated["Panel", strawberry.lazy("schema.panels")]

_AMOUNT = "in the tariff's currency"


@strawberry.input(description="Hours of some days, by the clock on the wall of the tariff's time zone.")
class TariffWindowInput:
    """See `metering.tariffs.document_shapes.WindowDocument`."""

    from_time: str = strawberry.field(default="00:00", description='When it begins, inclusive, like "07:00".')
    to_time: str = strawberry.field(
        default="24:00", description='When it ends, exclusive, up to "24:00"; not after `fromTime`: on the next day.'
    )
    weekdays: list[Weekday] | None = strawberry.field(
        default=None, description="The weekdays on which it begins; all when left out."
    )
    months: list[int] | None = strawberry.field(
        default=None, description="The months in which it begins, 1 to 12; all when left out."
    )


@strawberry.input(description="The price of the kWh of a local month from one on.")
class TariffBlockInput:
    """See `metering.tariffs.document_shapes.BlockDocument`."""

    from_kwh: Decimal = strawberry.field(description="From which kWh of the month on; of the first block 0.")
    unit_price: Decimal = strawberry.field(description=f"The price of a kWh without taxes, {_AMOUNT}.")


@strawberry.input(description="What a kWh costs at some hours: `unitPrice`, or `blocks`.")
class TariffBandInput:
    """See `metering.tariffs.document_shapes.BandDocument`."""

    name: str = strawberry.field(description="What it is called, like Peak.")
    unit_price: Decimal | None = strawberry.field(
        default=None, description=f"The price of a kWh without taxes, {_AMOUNT}, where there are no `blocks`."
    )
    blocks: list[TariffBlockInput] | None = strawberry.field(
        default=None, description="The prices by what was used in the local month, ascending from 0 kWh."
    )
    windows: list[TariffWindowInput] = strawberry.field(
        default_factory=list[TariffWindowInput],
        description="The hours that it is for; none, of one band at the most: all hours that no other band is for.",
    )


@strawberry.input(description="An amount that falls due whatever is used.")
class StandingChargeInput:
    """See `metering.tariffs.document_shapes.StandingChargeDocument`."""

    name: str = strawberry.field(description="What it is called.")
    amount: Decimal = strawberry.field(description=f"The amount without taxes, {_AMOUNT}.")
    per: Recurrence = strawberry.field(description="How often: at the start of each local day or month.")


@strawberry.input(description="A tax or levy, such as VAT or PPJ.")
class TaxInput:
    """See `metering.tariffs.document_shapes.TaxDocument`."""

    name: str = strawberry.field(description="What it is called.")
    percent: Decimal = strawberry.field(description="How much, 0 to 100 percent.")
    on: TaxBase = strawberry.field(default=TaxBase.NET, description="Of what.")


@strawberry.input(description="What is kept of each top-up.")
class FeeInput:
    """See `metering.tariffs.document_shapes.FeeDocument`."""

    name: str = strawberry.field(description="What it is called.")
    amount: Decimal | None = strawberry.field(default=None, description=f"An amount {_AMOUNT}.")
    percent: Decimal | None = strawberry.field(default=None, description="Of what is paid, in percent.")


@strawberry.input(description="A fixed duty on large payments, such as Indonesia's materai.")
class StampDutyInput:
    """See `metering.tariffs.document_shapes.StampDutyDocument`."""

    amount: Decimal = strawberry.field(description=f"The duty, {_AMOUNT}.")
    above: Decimal = strawberry.field(description=f"It is due on payments above this amount, {_AMOUNT}.")


@strawberry.input(description="What a top-up bears beside its energy and taxes.")
class VendingInput:
    """See `metering.tariffs.document_shapes.VendingDocument`."""

    fees: list[FeeInput] = strawberry.field(default_factory=list[FeeInput], description="What is kept of each top-up.")
    stamp_duty: StampDutyInput | None = strawberry.field(default=None, description="The duty on large payments.")
    debt_percent: Decimal | None = strawberry.field(
        default=None, description="How much of what is paid goes to the panel's debt while there is one, in percent."
    )
    minimum: Decimal | None = strawberry.field(default=None, description=f"The least that may be paid, {_AMOUNT}.")
    taxes: TaxMethod = strawberry.field(default=TaxMethod.ADDED, description="How taxes are taken out of what is paid.")


@strawberry.input(
    description="What energy costs: `unitPrice` where a kWh always costs the same, else `bands`. Together they are for"
    " every hour of every day exactly once."
)
class TariffInput:
    """See `metering.tariffs.document_shapes.TariffDocument`."""

    name: str = strawberry.field(description="What it is called on receipts: 1 to 200 characters.")
    currency: str = strawberry.field(description="ISO 4217, like IDR.")
    unit_price: Decimal | None = strawberry.field(
        default=None, description=f"The price of a kWh without taxes, {_AMOUNT}, where there are no `bands`."
    )
    bands: list[TariffBandInput] | None = strawberry.field(
        default=None,
        description="The prices by hour. A prepaid panel's top-up for money is priced by the band of its `at`, whenever"
        " its units are used.",
    )
    standing_charges: list[StandingChargeInput] = strawberry.field(
        default_factory=list[StandingChargeInput], description="What falls due whatever is used."
    )
    minimum_charge: Decimal | None = strawberry.field(
        default=None, description=f"The least that a local month's energy costs, without taxes, {_AMOUNT}."
    )
    taxes: list[TaxInput] = strawberry.field(
        default_factory=list[TaxInput], description="The taxes, in the order in which they are added."
    )
    vending: VendingInput | None = strawberry.field(
        default=None, description="What a top-up bears beside its energy and taxes."
    )
    time_zone: str | None = strawberry.field(
        default=None, description="IANA name of the zone whose hours, days and months count; the panel's if left out."
    )
    note: str | None = strawberry.field(default=None, description="What people should know of it.")
    source: str | None = strawberry.field(default=None, description="Where its figures are from.")


@strawberry.input(description="A tariff, whose it is, and from when on.")
class SetTariffInput:
    """See `resolvers.tariff_changes.set_tariff`."""

    tariff: TariffInput = strawberry.field(description="What energy costs.")
    valid_from: date = strawberry.field(
        description="The first local day that it is for; a tariff of the same day is replaced."
    )
    panel_code: str | None = strawberry.field(
        default=None,
        description="The panel's code. Left out: the default of all panels without tariffs of their own, for admins.",
    )


@strawberry.input(description="Which tariff is to go.")
class RemoveTariffInput:
    """See `resolvers.tariff_changes.remove_tariff`."""

    valid_from: date = strawberry.field(description="The first local day that it is for.")
    panel_code: str | None = strawberry.field(
        default=None, description="The panel's code. Left out: the default of all panels, for admins."
    )


_PANEL = "The panel; null when refused, and for the default of all panels."


@strawberry.type(description="The tariff as set, or why it was refused.")
class SetTariffPayload:
    """See `resolvers.tariff_changes.TariffChange`."""

    tariff: Tariff | None = strawberry.field(description="The tariff; null when refused.")
    panel: Panel | None = strawberry.field(description=_PANEL)
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND or BAD_TARIFF, whose `field` is the path of what is"
        " wrong, like `tariff.bands[1].windows[0].toTime`; null when done."
    )


@strawberry.type(description="The tariff that was removed, or why it was not.")
class RemoveTariffPayload:
    """See `resolvers.tariff_changes.TariffChange`."""

    tariff: Tariff | None = strawberry.field(description="The tariff as it was; null when refused.")
    panel: Panel | None = strawberry.field(description=_PANEL)
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND or TARIFF_NOT_FOUND; null when done."
    )


@strawberry.type(description="A tariff to begin with: an example, to be checked with the utility.")
class TariffExample:
    """See `resolvers.tariff_examples.TariffExample`."""

    id: strawberry.ID = strawberry.field(description="What it is called in `kilowatch tariff examples`.")
    tariff: Tariff = strawberry.field(description="The tariff; `note` and `source` say what it rests on.")


@strawberry.type
class TariffQueries:
    """The queries about tariffs."""

    @strawberry.field(
        description="Tariffs to begin with, of Nigeria, Indonesia, Germany and others: examples, to be checked with the"
        " utility.",
        graphql_type=list[TariffExample],
    )
    @staticmethod
    async def tariff_examples(info: Info) -> list[tariff_examples.TariffExample]:
        """All of them."""
        return tariff_examples.every(info.context)


@strawberry.type
class TariffMutations:
    """The changes of tariffs."""

    @strawberry.mutation(
        description="Sets what energy costs from a local day on. Costs of usage since follow at once, in the past too;"
        " receipts of top-ups stay as they were written.",
        graphql_type=SetTariffPayload,
        extensions=[RefusedAsData(TariffChange)],
    )
    async def set_tariff(
        self,
        info: Info,
        given: Annotated[SetTariffInput, strawberry.argument(name="input", description="The tariff.")],
    ) -> TariffChange:
        """The tariff and the panel."""
        return await tariff_changes.set_tariff(
            info.context, panel_code=given.panel_code, valid_from=given.valid_from, document=_document(given.tariff)
        )

    @strawberry.mutation(
        description="Removes a tariff: the one before it goes on, or the default of all panels.",
        graphql_type=RemoveTariffPayload,
        extensions=[RefusedAsData(TariffChange)],
    )
    async def remove_tariff(
        self,
        info: Info,
        given: Annotated[RemoveTariffInput, strawberry.argument(name="input", description="Which one.")],
    ) -> TariffChange:
        """The tariff and the panel."""
        return await tariff_changes.remove_tariff(
            info.context, panel_code=given.panel_code, valid_from=given.valid_from
        )


_KEYS = {"from_time": "from", "to_time": "to"}
"""The keys of documents that have other names here."""


def _document(given: object) -> Any:
    """The input as a document of `metering.tariffs.documents`; null is as good as left out."""
    if isinstance(given, Enum):
        return given.value
    if isinstance(given, list):
        return [_document(part) for part in cast("list[object]", given)]
    if not hasattr(given, "__strawberry_definition__"):
        return given
    values = cast("dict[str, object]", vars(given))
    return {_KEYS.get(name, name): _document(value) for name, value in values.items() if value is not None}
