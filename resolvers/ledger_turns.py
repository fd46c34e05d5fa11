"""Turns a change of one panel's credit into its row and the panel's balance, while nobody else changes it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from metering.access import Viewer
from metering.ledger import Credit, LedgerSource, Terms, entry_time, row_time
from metering.money import Money
from metering.refusals import Refused
from resolvers import panels
from resolvers.audit import Audit
from resolvers.context import Context
from resolvers.loading import loaded
from store import ledger, ledger_rows, ledger_terms
from store.connections import Database
from store.ledger import Balance, KeyUse, LedgerEntry
from store.panels import Panel


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
    """What became of a change of credit. A repeated key shows the entry that it made the first time."""

    entry: LedgerEntry | None = None
    prepaid: PrepaidAccount | None = None
    refusal: KeyUsed | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """When a change takes effect, as it was given; `is_now` says that it is what happens now."""

    at: datetime
    is_now: bool


Write = Callable[[Database], Awaitable[LedgerEntry | None]]
"""Writes a row; None, and nothing changed, where what may be used once was used before."""


def moment_of(context: Context, at: datetime | None) -> Moment:
    """When a change takes effect: `at`, or now when it is left out or a little ahead of our clock.

    Raises:
        Refused: BAD_TIME before 2010 or in the future.
    """
    now = context.now()
    taken_at = entry_time(at, now=now)
    return Moment(taken_at, is_now=taken_at >= now)


async def placed(
    connection: Database, viewer: Viewer, panel: Panel, *, moment: Moment
) -> tuple[datetime, Decimal | None]:
    """Where in the panel's ledger a change has its place, and the balance there; in the panel's turn.

    Raises:
        Refused: PANEL_NOT_FOUND, BEFORE_METER.
    """
    state = await ledger.state(connection, viewer=viewer, panel_id=panel.id, at=moment.at, is_now=moment.is_now)
    since = state.since and state.since.astimezone(panel.zone)
    at = row_time(moment.at, is_now=moment.is_now, newest_at=state.newest_at, since=since)
    return at, state.balance_kwh


async def credited(
    connection: Database,
    viewer: Viewer,
    panel: Panel,
    *,
    moment: Moment,
    credit_of: Callable[[Terms], Credit],
    key: str | None,
    source: LedgerSource = LedgerSource.PERSON,
    reference: str | None = None,
    paid: Money | None = None,
) -> LedgerEntry | None:
    """The row of what `credit_of` makes of the panel's terms; None when its token, key or reference was used before.

    In a transaction that has taken the panel's turn. A machine's `viewer` is THE_SERVICE, its row has a `reference`,
    and `paid` where a vendor took the price.

    Raises:
        Refused: PANEL_NOT_FOUND, BEFORE_METER, and what `credit_of` raises.
    """
    at, _ = await placed(connection, viewer, panel, moment=moment)
    terms = await ledger_terms.terms(connection, viewer=viewer, panel_id=panel.id, zone=panel.zone, at=at)
    return await ledger_rows.top_up(
        connection,
        viewer=viewer,
        panel_id=panel.id,
        at=at,
        credit=credit_of(terms),
        idempotency_key=key,
        source=source,
        reference=reference,
        paid=paid,
    )


async def prepaid_panel(context: Context, code: str) -> Panel:
    """The visible prepaid panel of this code.

    Raises:
        Refused: UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID.
    """
    panel = await panels.required(context, code)
    if not panel.is_prepaid:
        raise Refused("NOT_PREPAID", "Only prepaid panels have credit.", "panelCode")
    return panel


async def changed(context: Context, panel: Panel, audit: Audit, *, write: Write, key: str | None) -> LedgerChange:
    """Writes one row of the panel's ledger while nobody else does; nothing when its key or token was used before.

    Raises:
        Refused: PANEL_NOT_FOUND, TOKEN_USED, and what `write` raises: nothing is changed then.
    """
    viewer = context.signed_in
    async with context.pool.connection() as connection, connection.transaction():
        await ledger.take_turn(connection, viewer=viewer, panel_id=panel.id)
        use = await ledger.use_of_key(connection, viewer=viewer, idempotency_key=key)
        entry = None if use else await write(connection)
        if entry is None and use is None:
            use = await ledger.use_of_key(connection, viewer=viewer, idempotency_key=key)
        if entry:
            await audit.done(connection, panel_id=panel.id, entryId=entry.id, addedKwh=entry.units_kwh)
    if entry is None and use is None:
        raise Refused("TOKEN_USED", "This token was used before. Nothing was changed.", "token")
    audit.code = "IDEMPOTENCY_KEY_USED" if use else None
    if use:
        return await repeated(context, panel, use)
    return LedgerChange(entry and local_entry(entry, panel=panel), await account_of(context, panel))


async def repeated(context: Context, panel: Panel, use: KeyUse) -> LedgerChange:
    """What a key that was used before answers: its entry, and the panel's account unless that is another panel's."""
    entry, own = use.entry, panel
    if entry and entry.panel_code != panel.code:
        own = await panels.required(context, entry.panel_code)
    prepaid = await account_of(context, panel) if own is panel else None
    return LedgerChange(entry and local_entry(entry, panel=own), prepaid, KeyUsed())


def local_entry(entry: LedgerEntry, *, panel: Panel) -> LedgerEntry:
    """The entry with its instants in the panel's time zone."""
    return replace(entry, at=entry.at.astimezone(panel.zone), recorded_at=entry.recorded_at.astimezone(panel.zone))


async def account_of(context: Context, panel: Panel) -> PrepaidAccount:
    """The panel's credit as it is now."""
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
