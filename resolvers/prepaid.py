"""Turns a prepaid panel into what is left and how long it lasts, and what was paid or shown into its ledger."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import strawberry

from metering.ledger import checked_key, checked_units, correction_kwh, entry_time, ordered_time, receipt
from metering.money import Money
from metering.periods import local_day
from metering.refusals import Refused
from resolvers import low_units, panels, tariffs
from resolvers.context import Context, Info
from resolvers.loading import loaded
from resolvers.low_units import LowUnitsRule
from resolvers.pages import Cursor, Page, bad_cursor, checked_first, cursor_of, page_of, place_of
from resolvers.places import instant_in, micros_of, number_in
from store import ledger
from store.connections import Database
from store.ledger import Balance, LedgerEntry
from store.panels import Panel

CURSOR = "ledger"


@dataclass(frozen=True, slots=True)
class PrepaidAccount:
    """A prepaid panel's credit; the balance is None before the first top-up or recorded balance."""

    panel: Panel
    meter_number: str | None
    balance_kwh: Decimal | None
    balance_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyUsed:
    """Why nothing was changed: the key did its work before."""

    code: str = "IDEMPOTENCY_KEY_USED"
    message: str = "This key was used before: `entry` is what it did then. Nothing was changed."
    field: str = "idempotencyKey"


@dataclass(frozen=True, slots=True)
class LedgerChange:
    """What became of a top-up or a recorded balance. A repeated key shows the entry that it made the first time."""

    entry: LedgerEntry | None = None
    prepaid: PrepaidAccount | None = None
    refusal: KeyUsed | None = None


async def account(parent: strawberry.Parent[Panel], info: Info) -> PrepaidAccount | None:
    """The panel's credit; None for a post-paid panel."""
    return await _account(info.context, parent) if parent.is_prepaid else None


async def _account(context: Context, panel: Panel) -> PrepaidAccount:
    balance = await loaded(context, _balances, panel.id)
    return PrepaidAccount(
        panel=panel,
        meter_number=panel.meter_number,
        balance_kwh=balance and balance.balance_kwh,
        balance_at=balance and balance.at.astimezone(panel.zone),
    )


async def _balances(context: Context, panel_ids: list[int]) -> dict[int, Balance]:
    async with context.pool.connection() as connection:
        found = await ledger.balances(connection, viewer=context.signed_in, panel_ids=panel_ids, now=context.now())
    return {balance.panel_id: balance for balance in found}


async def entries(
    parent: strawberry.Parent[PrepaidAccount], info: Info, first: int = 50, after: Cursor | None = None
) -> Page[LedgerEntry]:
    """The changes of the panel's credit, newest first.

    Raises:
        Refused: BAD_INPUT (first), BAD_CURSOR.
    """
    async with info.context.pool.connection() as connection:
        rows, total = await ledger.page(
            connection,
            viewer=info.context.signed_in,
            panel_id=parent.panel.id,
            before=None if after is None else _place(after),
            limit=checked_first(first) + 1,
        )
    local = [_local(row, panel=parent.panel) for row in rows]
    return page_of(local, first=first, after=after, total_count=total, cursor=_cursor)


def _local(entry: LedgerEntry, *, panel: Panel) -> LedgerEntry:
    return replace(entry, at=entry.at.astimezone(panel.zone), recorded_at=entry.recorded_at.astimezone(panel.zone))


def _cursor(entry: LedgerEntry) -> Cursor:
    return cursor_of(CURSOR, f"{micros_of(entry.at)}.{entry.id}")


def _place(cursor: Cursor) -> tuple[datetime, int]:
    at_us, _, entry_id = place_of(cursor, kind=CURSOR).partition(".")
    at, number = instant_in(at_us), number_in(entry_id)
    if at is None or number is None:
        raise bad_cursor()
    return at, number


async def low_units_rule(parent: strawberry.Parent[PrepaidAccount], info: Info) -> LowUnitsRule | None:
    """The viewer's own low-units rule of the panel; None without one."""
    return await low_units.rule_of(info.context, parent.panel)


async def top_up(
    context: Context,
    *,
    panel_code: str,
    paid: Money | None,
    units_kwh: Decimal | None,
    token: str | None,
    at: datetime | None,
    idempotency_key: str,
) -> LedgerChange:
    """Credits what was paid, by the tariff of its day, or the units of a token's slip.

    Raises:
        Refused: UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID, BAD_AMOUNT, BAD_CURRENCY, BAD_TOKEN, BAD_TIME,
            BAD_INPUT, NO_TARIFF, TOKEN_USED.
    """
    viewer, key = context.signed_in, checked_key(idempotency_key)
    panel = await _prepaid_panel(context, panel_code)
    now = context.now()
    taken_at = entry_time(at, now=now)
    is_now = taken_at >= now
    tariff = tariffs.required(await tariffs.book(context, panel), local_day(taken_at, panel.zone))
    credited = receipt(paid=paid, units_kwh=units_kwh, token=token, tariff=tariff)

    async def write(connection: Database) -> LedgerEntry | None:
        _, earliest_at = await ledger.state(connection, viewer=viewer, panel_id=panel.id, at=taken_at, is_now=is_now)
        return await ledger.top_up(
            connection,
            viewer=viewer,
            panel_id=panel.id,
            at=ordered_time(taken_at, is_now=is_now, earliest_at=earliest_at),
            receipt=credited,
            idempotency_key=key,
        )

    return await _changed(context, panel, write=write, key=key)


async def record_balance(
    context: Context, *, panel_code: str, shown_kwh: Decimal, at: datetime | None, idempotency_key: str | None
) -> LedgerChange:
    """Makes the panel's balance what its display shows.

    Raises:
        Refused: UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID, BAD_AMOUNT, BAD_TIME, BAD_INPUT.
    """
    viewer, key = context.signed_in, None if idempotency_key is None else checked_key(idempotency_key)
    shown = checked_units(shown_kwh, field="shownKwh", above_zero=False)
    panel = await _prepaid_panel(context, panel_code)
    now = context.now()
    read_at = entry_time(at, now=now)
    is_now = read_at >= now

    async def write(connection: Database) -> LedgerEntry | None:
        balance_kwh, earliest_at = await ledger.state(
            connection, viewer=viewer, panel_id=panel.id, at=read_at, is_now=is_now
        )
        return await ledger.record_balance(
            connection,
            viewer=viewer,
            panel_id=panel.id,
            at=ordered_time(read_at, is_now=is_now, earliest_at=earliest_at),
            units_kwh=correction_kwh(shown_kwh=shown, balance_kwh=balance_kwh),
            shown_kwh=shown,
            idempotency_key=key,
            is_now=is_now,
        )

    return await _changed(context, panel, write=write, key=key)


async def _prepaid_panel(context: Context, code: str) -> Panel:
    panel = await panels.required(context, code)
    if not panel.is_prepaid:
        raise Refused("NOT_PREPAID", "Only prepaid panels have credit.", "panelCode")
    return panel


async def _changed(
    context: Context,
    panel: Panel,
    *,
    write: Callable[[Database], Awaitable[LedgerEntry | None]],
    key: str | None,
) -> LedgerChange:
    """Writes one row of the panel's ledger while nobody else does; nothing when its key or token was used before."""
    viewer = context.signed_in
    async with context.pool.connection() as connection, connection.transaction():
        await ledger.take_turn(connection, viewer=viewer, panel_id=panel.id)
        use = await ledger.use_of_key(connection, viewer=viewer, idempotency_key=key)
        entry = None if use else await write(connection)
        if entry is None and use is None:
            use = await ledger.use_of_key(connection, viewer=viewer, idempotency_key=key)
    if entry is None and use is None:
        raise Refused("TOKEN_USED", "This token was used before. Nothing was changed.", "token")
    known = use.entry if use else entry
    return LedgerChange(
        entry=known and _local(known, panel=panel),
        prepaid=await _account(context, panel),
        refusal=KeyUsed() if use else None,
    )
