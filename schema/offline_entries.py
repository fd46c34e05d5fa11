"""Describes what apps submit that was done while they were offline, and what became of each entry."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from metering.money import Money
from metering.offline_entries import OfflineEntry, OfflineKind
from resolvers import offline_entries
from resolvers.context import Info
from resolvers.offline_entries import EntriesSubmitted
from schema.prepaid import LedgerEntry
from schema.receipts import MoneyInput
from schema.refusals import Refusal, RefusedAsData
from schema.typed_readings import TypedReading

strawberry.enum(
    OfflineKind,
    name="OfflineEntryKind",
    description="What was done while an app was offline. TOP_UP: as by topUp. BALANCE_READING: as by recordBalance."
    " METER_READING: as by recordReading.",
)


@strawberry.input(description="One thing that was done while the app was offline.")
class OfflineEntryInput:
    """See `metering.offline_entries.OfflineEntry`."""

    client_id: str = strawberry.field(
        description="Your app's id of the entry, like a UUID: 8 to 100 letters, digits or signs. It is the idempotency"
        " key: an entry that is submitted again changes nothing, by whichever mutation."
    )
    kind: OfflineKind = strawberry.field(description="What was done.")
    panel_code: str = strawberry.field(description="The panel's code.")
    at: datetime = strawberry.field(
        description="When it was done, by the app's clock: from 2010 on, not in the future."
    )
    amount: MoneyInput | None = strawberry.field(default=None, description="TOP_UP: as in TopUpInput.")
    units_kwh: Decimal | None = strawberry.field(default=None, description="TOP_UP: in kWh, as in TopUpInput.")
    token: str | None = strawberry.field(default=None, description="TOP_UP: as in TopUpInput.")
    shown_kwh: Decimal | None = strawberry.field(
        default=None, description="BALANCE_READING: in kWh, as in RecordBalanceInput."
    )
    energy_import_kwh: float | None = strawberry.field(
        default=None, description="METER_READING: in kWh, as in RecordReadingInput."
    )

    def entry(self) -> OfflineEntry:
        """What is given."""
        return OfflineEntry(
            client_id=self.client_id,
            kind=self.kind,
            panel_code=self.panel_code,
            at=self.at,
            amount=self.amount and Money(self.amount.amount, self.amount.currency),
            units_kwh=self.units_kwh,
            token=self.token,
            shown_kwh=self.shown_kwh,
            energy_import_kwh=self.energy_import_kwh,
        )


@strawberry.input(description="What was done while the app was offline.")
class SubmitEntriesInput:
    """See `resolvers.offline_entries.submit`."""

    entries: list[OfflineEntryInput] = strawberry.field(description="1 to 100 entries, in any order.")


@strawberry.type(description="What became of an entry: what it made, or why it was refused.")
class OfflineEntryResult:
    """See `resolvers.offline_entries.EntryResult`."""

    client_id: str = strawberry.field(description="The entry's own id.")
    entry: LedgerEntry | None = strawberry.field(
        description="TOP_UP and BALANCE_READING: the ledger's entry that it made, now or when it was submitted first;"
        " null of a token that changes no units."
    )
    typed_reading: TypedReading | None = strawberry.field(
        description="METER_READING: the reading, now or when it was submitted first."
    )
    is_repeated: bool = strawberry.field(
        description="Whether it was submitted before: nothing was changed, and it may be forgotten like a new one."
    )
    refusal: Refusal | None = strawberry.field(
        description="Why it was refused: the codes of topUp, recordBalance and recordReading. Null when it was entered,"
        " now or before."
    )


@strawberry.type(description="What became of each entry, or why none was looked at.")
class SubmitEntriesPayload:
    """See `resolvers.offline_entries.EntriesSubmitted`."""

    results: list[OfflineEntryResult] | None = strawberry.field(
        description="One of each entry, in the order in which they were given; null when refused."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED or BAD_INPUT, about the whole list; null when each entry has its own answer."
    )


@strawberry.type
class OfflineMutations:
    """What is done offline."""

    @strawberry.mutation(
        description="Enters what was done while an app was offline: up to 100 top-ups, displays and readings with their"
        " own times and ids. They may come in any order, in parts and again: the result is that of entering each once,"
        " in the order of their times. Each is a change of its own; one that is refused holds up no other. After a lost"
        " answer submit the same again.",
        graphql_type=SubmitEntriesPayload,
        extensions=[RefusedAsData(EntriesSubmitted)],
    )
    async def submit_entries(
        self,
        info: Info,
        given: Annotated[SubmitEntriesInput, strawberry.argument(name="input", description="The entries.")],
    ) -> EntriesSubmitted:
        """What became of each."""
        return await offline_entries.submit(info.context, [entry.entry() for entry in given.entries])
