"""Turns what an app kept while it was offline into top-ups, displays and readings, each of them once, in any order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from metering.offline_entries import OfflineEntry, OfflineKind, check_count, checked_entry, in_time_order
from metering.refusals import Refused
from resolvers import prepaid, typed_readings
from resolvers.audit import audited
from resolvers.context import Context
from resolvers.ledger_turns import LedgerChange
from resolvers.typed_readings import ReadingTyped
from store.ledger import LedgerEntry
from store.typed_readings import TypedReading

_ACTIONS: Final = {
    OfflineKind.TOP_UP: "TOP_UP",
    OfflineKind.BALANCE_READING: "RECORD_BALANCE",
    OfflineKind.METER_READING: "RECORD_READING",
}


@dataclass(frozen=True, slots=True)
class EntryRefusal:
    """Why an entry was refused: the values of Refused, which as an exception would be raised where it is answered."""

    code: str
    message: str
    field: str | None


@dataclass(frozen=True, slots=True)
class EntryResult:
    """What became of an entry: what it made, now or the first time it was submitted, or why it was refused."""

    client_id: str
    entry: LedgerEntry | None = None
    typed_reading: TypedReading | None = None
    is_repeated: bool = False
    refusal: EntryRefusal | None = None


@dataclass(frozen=True, slots=True)
class EntriesSubmitted:
    """What became of each entry, in the order in which they were given."""

    results: list[EntryResult] | None = None
    refusal: Refused | None = None


async def submit(context: Context, entries: Sequence[OfflineEntry]) -> EntriesSubmitted:
    """Enters what was done offline, the earliest first, each in a transaction of its own and audited by itself.

    One that is refused holds up no other. What was submitted before changes nothing and is answered again.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT unless there are 1 to 100.
    """
    _ = context.signed_in
    check_count(entries)
    results = {place: await _result(context, entries[place]) for place in in_time_order(entries)}
    return EntriesSubmitted([results[place] for place in range(len(entries))])


async def _result(context: Context, entry: OfflineEntry) -> EntryResult:
    try:
        async with audited(context, action=_ACTIONS[entry.kind], panel_code=entry.panel_code):
            checked_entry(entry)
        made = await _entered(context, entry)
    except Refused as refused:
        return EntryResult(entry.client_id, refusal=EntryRefusal(refused.code, refused.message, refused.field))
    is_repeated = made.refusal is not None
    if isinstance(made, ReadingTyped):
        return EntryResult(entry.client_id, typed_reading=made.typed_reading, is_repeated=is_repeated)
    return EntryResult(entry.client_id, entry=made.entry, is_repeated=is_repeated)


async def _entered(context: Context, entry: OfflineEntry) -> LedgerChange | ReadingTyped:
    """What the mutation of the entry's kind makes of it."""
    own: dict[str, Any] = {"panel_code": entry.panel_code, "at": entry.at, "idempotency_key": entry.client_id}
    if entry.shown_kwh is not None:
        return await prepaid.record_balance(context, shown_kwh=entry.shown_kwh, **own)
    if entry.energy_import_kwh is not None:
        return await typed_readings.record(context, energy_import_kwh=entry.energy_import_kwh, **own)
    return await prepaid.top_up(context, paid=entry.amount, units_kwh=entry.units_kwh, token=entry.token, **own)
