"""Keeps every change of a prepaid panel's credit, once and for good, and says what is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.ledger import LedgerKind, LedgerSource, Receipt
from metering.money import Money
from metering.refusals import Refused
from store.connections import Row


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A change of credit. A top-up keeps the tariff it was computed with; of a token, the last four digits are shown.

    `at` is when it takes effect, `recorded_at` when it was typed in, or came from the meter; both in UTC.
    """

    id: int
    at: datetime
    kind: LedgerKind
    units_kwh: Decimal
    shown_kwh: Decimal | None
    paid: Money | None
    unit_price: Decimal | None
    vat_percent: Decimal | None
    tariff_name: str | None
    token_ending: str | None
    recorded_at: datetime
    source: LedgerSource


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left of a panel's credit, from what is known up to `at` (UTC)."""

    panel_id: int
    balance_kwh: Decimal
    at: datetime


_BALANCES: LiteralString = """
SELECT panel.id, balance_now_kwh(panel.id, %(now)s), least(greatest(ledger.at, latest.at), %(now)s)
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN LATERAL (SELECT max(at) AS at FROM ledger_entry WHERE panel_id = panel.id) AS ledger ON ledger.at IS NOT NULL
LEFT JOIN latest_reading AS latest ON latest.panel_id = panel.id
WHERE panel.id = ANY(%(panel_ids)s)
"""


async def balances(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int], now: datetime
) -> list[Balance]:
    """What is left of each visible panel's credit; panels without a ledger row are absent."""
    parameters = {**_scope(viewer), "panel_ids": list(panel_ids), "now": now}
    cursor = await connection.execute(_BALANCES, parameters, binary=True)
    return [Balance(*row) for row in await cursor.fetchall()]


_PAGE: LiteralString = """
SELECT entry.id, entry.at, entry.kind, entry.units_kwh, entry.shown_kwh, entry.amount, entry.currency,
       trim_scale(entry.unit_price), trim_scale(entry.vat_percent), entry.tariff_name, right(entry.token, 4),
       entry.created_at, entry.source
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN ledger_entry AS entry ON entry.panel_id = panel.id
WHERE panel.id = %(panel_id)s
  AND (%(before_id)s::bigint IS NULL OR (entry.at, entry.id) < (%(before_at)s, %(before_id)s))
ORDER BY entry.at DESC, entry.id DESC
LIMIT %(limit)s
"""

_COUNT: LiteralString = """
SELECT count(*)::integer FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
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
    parameters = {**_scope(viewer), "panel_id": panel_id}
    place = {"before_at": before_at, "before_id": before_id, "limit": limit}
    entries = await (await connection.execute(_PAGE, {**parameters, **place}, binary=True)).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, parameters)).fetchall()
    return [_entry(row) for row in entries], total


_USE_OF_KEY: LiteralString = """
SELECT entry.id, entry.at, entry.kind, entry.units_kwh, entry.shown_kwh, entry.amount, entry.currency,
       trim_scale(entry.unit_price), trim_scale(entry.vat_percent), entry.tariff_name, right(entry.token, 4),
       entry.created_at, entry.source, panel.id IS NOT NULL
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
    parameters = {**_scope(viewer), "idempotency_key": idempotency_key}
    row = await (await connection.execute(_USE_OF_KEY, parameters, binary=True)).fetchone()
    return KeyUse(_entry(row[:-1]) if row[-1] else None) if row else None


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
    if not await (await connection.execute(_LOCK, {**_scope(viewer), "panel_id": panel_id})).fetchone():
        raise _not_found()


def _not_found() -> Refused:
    return Refused("PANEL_NOT_FOUND", "You have no panel of this code.", "panelCode")


# What is shown now already holds what a device whose clock runs ahead has metered "later", as in balance_now_kwh, and
# every row that is there, though another server's clock may be a little ahead.
_STATE: LiteralString = """
SELECT balance_kwh(panel.id, known.until), CASE WHEN %(is_now)s THEN newest.at ELSE newest.shown_at END
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
LEFT JOIN latest_reading AS latest ON latest.panel_id = panel.id
CROSS JOIN LATERAL (
    SELECT max(at) AS at, max(at) FILTER (WHERE kind = 'BALANCE_READING') AS shown_at
    FROM ledger_entry WHERE panel_id = panel.id
) AS newest
CROSS JOIN LATERAL (
    SELECT CASE WHEN %(is_now)s THEN greatest(latest.at, newest.at, %(at)s) ELSE %(at)s END AS until
) AS known
WHERE panel.id = %(panel_id)s
"""


async def state(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int, at: datetime, is_now: bool = False
) -> tuple[Decimal | None, datetime | None]:
    """The balance at an instant, None before the first row; and the instant before which no new row may take effect.

    That is when the display was last read; None where it never was. With `is_now`, everything metered so far counts
    and what happens now comes after every row.

    Raises:
        Refused: PANEL_NOT_FOUND when the viewer does not see the panel, or no longer: sight may be withdrawn while one
            waits for a turn.
    """
    parameters = {**_scope(viewer), "panel_id": panel_id, "at": at, "is_now": is_now}
    row = await (await connection.execute(_STATE, parameters)).fetchone()
    if not row:
        raise _not_found()
    return row[0], row[1]


_INSERT: LiteralString = """
INSERT INTO ledger_entry (panel_id, at, kind, units_kwh, shown_kwh, amount, currency, unit_price, vat_percent,
                          tariff_name, token, idempotency_key, account_id, usage_from_at)
VALUES (%(panel_id)s, %(at)s, %(kind)s, %(units_kwh)s, %(shown_kwh)s, %(amount)s, %(currency)s, %(unit_price)s,
        %(vat_percent)s, %(tariff_name)s, %(token)s, %(idempotency_key)s, %(account_id)s,
        (SELECT at FROM latest_reading WHERE %(is_shown_now)s AND panel_id = %(panel_id)s AND at > %(at)s))
ON CONFLICT DO NOTHING
RETURNING id, at, kind, units_kwh, shown_kwh, amount, currency, trim_scale(unit_price), trim_scale(vat_percent),
          tariff_name, right(token, 4), created_at, source
"""

_TELL: LiteralString = "SELECT pg_notify('ledger', %(panel_id)s::text)"


async def top_up(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    at: datetime,
    receipt: Receipt,
    idempotency_key: str,
) -> LedgerEntry | None:
    """Credits a receipt; None, and nothing changed, when its token or the viewer's key was used before."""
    tariff, paid = receipt.tariff, receipt.paid
    return await _insert(
        connection,
        {
            **_EMPTY,
            "panel_id": panel_id,
            "at": at,
            "kind": LedgerKind.TOP_UP.value,
            "units_kwh": receipt.units_kwh,
            "amount": paid and paid.amount,
            "currency": paid and paid.currency,
            "unit_price": tariff and tariff.unit_price,
            "vat_percent": tariff and tariff.tax_percent,
            "tariff_name": tariff and tariff.name,
            "token": receipt.token,
            "idempotency_key": idempotency_key,
            "account_id": viewer.account_id,
        },
    )


async def record_balance(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    at: datetime,
    units_kwh: Decimal,
    shown_kwh: Decimal,
    idempotency_key: str | None,
    is_now: bool = False,
) -> LedgerEntry | None:
    """Makes the balance what was shown; None, and nothing changed, when the key was used before.

    `units_kwh` is the correction as it is known; readings that arrive later may change it, and not the balance. With
    `is_now` the display holds all that was metered so far, though the device's clock may run ahead.
    """
    return await _insert(
        connection,
        {
            **_EMPTY,
            "panel_id": panel_id,
            "at": at,
            "kind": LedgerKind.BALANCE_READING.value,
            "units_kwh": units_kwh,
            "shown_kwh": shown_kwh,
            "is_shown_now": is_now,
            "idempotency_key": idempotency_key,
            "account_id": viewer.account_id,
        },
    )


_EMPTY: dict[str, Any] = {
    **dict.fromkeys(("shown_kwh", "amount", "currency", "unit_price", "vat_percent", "tariff_name", "token")),
    "is_shown_now": False,
}


async def _insert(connection: AsyncConnection[Row], parameters: dict[str, Any]) -> LedgerEntry | None:
    row = await (await connection.execute(_INSERT, parameters, binary=True)).fetchone()
    if row is None:
        return None
    await connection.execute(_TELL, {"panel_id": parameters["panel_id"]})
    return _entry(row)


def _entry(row: Row) -> LedgerEntry:
    entry_id, at, kind, units_kwh, shown_kwh, amount, currency, *others, source = row
    paid = None if amount is None else Money(amount, currency)
    return LedgerEntry(entry_id, at, LedgerKind(kind), units_kwh, shown_kwh, paid, *others, source=LedgerSource(source))


def _scope(viewer: Viewer) -> dict[str, Any]:
    return {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all}
