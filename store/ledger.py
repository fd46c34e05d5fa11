"""Turns the rows of the prepaid ledger into what is left, what is owed and lent, and pages of changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.ledger import LedgerKind, LedgerSource
from metering.lending import EmergencyRule
from metering.money import Money
from metering.refusals import Refused
from store.connections import Row
from store.scope import scope


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A change of credit. Of a token the last four digits are shown.

    `at` is when it takes effect, `recorded_at` when it was typed in, or came from a machine; both in UTC. `receipt` is
    the document of a top-up for money, None of those from before there were receipts: these have `paid`, `unit_price`
    and `vat_percent` alone. `emergency_kwh` and `debt_change` are by how much what is lent and owed changed, the
    latter in `currency`. `reverses` is the entry that this one took back, `reversed_by` the one that took this back.
    `panel_code` is the code of its panel.
    """

    id: int
    at: datetime
    kind: LedgerKind
    units_kwh: Decimal
    shown_kwh: Decimal | None
    amount: Decimal | None
    currency: str | None
    unit_price: Decimal | None
    vat_percent: Decimal | None
    tariff_name: str | None
    token_ending: str | None
    recorded_at: datetime
    source: LedgerSource
    receipt: dict[str, Any] | None
    emergency_kwh: Decimal
    debt_change: Decimal
    reverses: int | None
    reversed_by: int | None
    reason: str | None
    panel_code: str

    @property
    def paid(self) -> Money | None:
        """What was paid; None where no money was."""
        return None if self.amount is None or self.currency is None else Money(self.amount, self.currency)


ENTRY_COLUMNS: LiteralString = """entry.id, entry.at, entry.kind, entry.units_kwh, entry.shown_kwh, entry.amount,
       entry.currency, trim_scale(entry.unit_price), trim_scale(entry.vat_percent), entry.tariff_name,
       coalesce(right(entry.token, 4), (SELECT token_ending FROM openpaygo_token WHERE entry_id = entry.id)),
       entry.created_at, entry.source, entry.receipt, entry.emergency_kwh, entry.debt_change,
       entry.reverses, (SELECT opposite.id FROM ledger_entry AS opposite WHERE opposite.reverses = entry.id),
       entry.reason, (SELECT code FROM panel WHERE panel.id = entry.panel_id)"""
"""What `entry_of` is made of, of a row `entry`."""

_KIND: Final = 2
_SOURCE: Final = 12


def entry_of(row: Row) -> LedgerEntry:
    """The entry of ENTRY_COLUMNS."""
    values = list(row)
    values[_KIND], values[_SOURCE] = LedgerKind(row[_KIND]), LedgerSource(row[_SOURCE])
    return LedgerEntry(*values)


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left of a panel's credit, from what is known up to `at` (UTC)."""

    panel_id: int
    balance_kwh: Decimal
    at: datetime


_BALANCES: LiteralString = """
SELECT panel.id, known.balance_kwh, least(greatest(ledger.at, latest.at), %(now)s)
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN LATERAL (SELECT max(at) AS at FROM ledger_entry WHERE panel_id = panel.id) AS ledger ON ledger.at IS NOT NULL
CROSS JOIN LATERAL (SELECT balance_now_kwh(panel.id, %(now)s) AS balance_kwh) AS known
LEFT JOIN latest_reading AS latest ON latest.panel_id = panel.id
WHERE panel.id = ANY(%(panel_ids)s) AND known.balance_kwh IS NOT NULL
"""


async def balances(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int], now: datetime
) -> list[Balance]:
    """What is left of each visible panel's credit; panels without a ledger row are absent."""
    parameters = {**scope(viewer), "panel_ids": list(panel_ids), "now": now}
    cursor = await connection.execute(_BALANCES, parameters, binary=True)
    return [Balance(*row) for row in await cursor.fetchall()]


_BALANCES_AT: LiteralString = """
SELECT panel.id, asked.at, balance_kwh(panel.id, asked.at)
FROM unnest(%(panel_ids)s::integer[], %(instants)s::timestamptz[]) AS asked (panel_id, at)
JOIN history_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = asked.panel_id
"""


async def balances_at(
    connection: AsyncConnection[Row], *, viewer: Viewer, asked: Sequence[tuple[int, datetime]]
) -> dict[tuple[int, datetime], Decimal]:
    """What was left of each visible panel at an instant, by both; absent before the first row."""
    parameters = {
        **scope(viewer),
        "panel_ids": [panel_id for panel_id, _ in asked],
        "instants": [at for _, at in asked],
    }
    rows = await (await connection.execute(_BALANCES_AT, parameters, binary=True)).fetchall()
    return {(panel_id, at): balance_kwh for panel_id, at, balance_kwh in rows if balance_kwh is not None}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a panel owes and was lent besides its balance, and how much it may be lent; None is nothing."""

    panel_id: int
    debt: Money | None
    lent_kwh: Decimal
    rule: EmergencyRule | None


_STANDINGS: LiteralString = """
SELECT panel.id, debt.amount, debt.currency, lent.kwh, rule.limit_kwh, rule.available_below_kwh
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
LEFT JOIN emergency_rule AS rule ON rule.panel_id = panel.id
LEFT JOIN LATERAL (
    SELECT sum(debt_change) AS amount, currency FROM ledger_entry
    WHERE panel_id = panel.id AND debt_change <> 0
    GROUP BY currency HAVING sum(debt_change) <> 0 ORDER BY max(id) DESC LIMIT 1
) AS debt ON true
CROSS JOIN LATERAL (
    SELECT coalesce(sum(emergency_kwh), 0) AS kwh FROM ledger_entry
    WHERE panel_id = panel.id AND emergency_kwh <> 0
) AS lent
WHERE panel.id = ANY(%(panel_ids)s)
"""


async def standings(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int]
) -> dict[int, Standing]:
    """What each visible panel owes and was lent, by panel id."""
    parameters = {**scope(viewer), "panel_ids": list(panel_ids)}
    rows = await (await connection.execute(_STANDINGS, parameters, binary=True)).fetchall()
    return {row[0]: _standing(row) for row in rows}


def _standing(row: Row) -> Standing:
    panel_id, debt, currency, lent_kwh, limit_kwh, available_below_kwh = row
    rule = None if limit_kwh is None else EmergencyRule(limit_kwh, available_below_kwh)
    return Standing(panel_id, None if debt is None else Money(debt, currency), lent_kwh, rule)


_PAGE: LiteralString = f"""
SELECT {ENTRY_COLUMNS}
FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN ledger_entry AS entry ON entry.panel_id = panel.id
WHERE panel.id = %(panel_id)s
  AND (%(before_id)s::bigint IS NULL OR (entry.at, entry.id) < (%(before_at)s, %(before_id)s))
ORDER BY entry.at DESC, entry.id DESC
LIMIT %(limit)s
"""

_COUNT: LiteralString = """
SELECT count(*)::integer FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN ledger_entry AS entry ON entry.panel_id = panel.id
WHERE panel.id = %(panel_id)s
"""


async def page(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    before: tuple[datetime, int] | None,
    limit: int,
) -> tuple[list[LedgerEntry], int]:
    """Up to `limit` entries, newest first, those before the instant and id; and how many there are in all."""
    before_at, before_id = before or (None, None)
    parameters = {**scope(viewer), "panel_id": panel_id}
    place = {"before_at": before_at, "before_id": before_id, "limit": limit}
    entries = await (await connection.execute(_PAGE, {**parameters, **place}, binary=True)).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, parameters)).fetchall()
    return [entry_of(row) for row in entries], total


_ONE: LiteralString = f"""
SELECT {ENTRY_COLUMNS}
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN ledger_entry AS entry ON entry.panel_id = panel.id
WHERE entry.id = %(entry_id)s
"""


async def one(connection: AsyncConnection[Row], *, viewer: Viewer, entry_id: int) -> LedgerEntry | None:
    """The entry of this id; None when there is none that the viewer may see."""
    row = await (await connection.execute(_ONE, {**scope(viewer), "entry_id": entry_id}, binary=True)).fetchone()
    return None if row is None else entry_of(row)


_USE_OF_KEY: LiteralString = f"""
SELECT panel.id IS NOT NULL, {ENTRY_COLUMNS}
FROM ledger_entry AS entry
LEFT JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = entry.panel_id
WHERE entry.account_id = %(viewer_id)s AND entry.idempotency_key = %(idempotency_key)s
"""


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What the viewer wrote with a key before; None once they have lost sight of its panel."""

    entry: LedgerEntry | None


async def use_of_key(connection: AsyncConnection[Row], *, viewer: Viewer, idempotency_key: str | None) -> KeyUse | None:
    """What the viewer used that key for; None for a new key, and without one."""
    parameters = {**scope(viewer), "idempotency_key": idempotency_key}
    row = await (await connection.execute(_USE_OF_KEY, parameters, binary=True)).fetchone()
    return KeyUse(entry_of(row[1:]) if row[0] else None) if row else None


_LOCK: LiteralString = """
SELECT panel.id FROM panel
JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS visible ON visible.id = panel.id
WHERE panel.id = %(panel_id)s
FOR NO KEY UPDATE OF panel
"""


async def take_turn(connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int) -> None:
    """Holds the panel's ledger until the transaction ends: what a row is computed from cannot change under it.

    Raises:
        Refused: PANEL_NOT_FOUND when the viewer does not see the panel, or no longer.
    """
    if not await (await connection.execute(_LOCK, {**scope(viewer), "panel_id": panel_id})).fetchone():
        raise _not_found()


def _not_found() -> Refused:
    return Refused("PANEL_NOT_FOUND", "You have no panel of this code.", "panelCode")


@dataclass(frozen=True, slots=True)
class State:
    """What a row is computed from: the balance at its instant, None before the first row.

    `newest_at` is the newest row's instant, `since` from when on the panel's meter is known to have been there; None:
    neither is known.
    """

    balance_kwh: Decimal | None
    newest_at: datetime | None
    since: datetime | None


# What is shown now already holds what a device whose clock runs ahead has metered "later", as in balance_now_kwh, and
# every row that is there, though another server's clock may be a little ahead.
_STATE: LiteralString = """
SELECT balance_kwh(panel.id, known.until), newest.at, credit_since(panel.id)
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
LEFT JOIN latest_reading AS latest ON latest.panel_id = panel.id
CROSS JOIN LATERAL (SELECT max(at) AS at FROM ledger_entry WHERE panel_id = panel.id) AS newest
CROSS JOIN LATERAL (
    SELECT CASE WHEN %(is_now)s THEN greatest(latest.at, newest.at, %(at)s) ELSE %(at)s END AS until
) AS known
WHERE panel.id = %(panel_id)s
"""


async def state(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int, at: datetime, is_now: bool = False
) -> State:
    """What a row at an instant is computed from. With `is_now`, everything that was metered and written so far counts.

    Raises:
        Refused: PANEL_NOT_FOUND when the viewer does not see the panel, or no longer: sight may be withdrawn while one
            waits for a turn.
    """
    parameters = {**scope(viewer), "panel_id": panel_id, "at": at, "is_now": is_now}
    row = await (await connection.execute(_STATE, parameters)).fetchone()
    if not row:
        raise _not_found()
    return State(*row)
