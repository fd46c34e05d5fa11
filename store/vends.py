"""Keeps purchases from the token vendor: each is asked for once, and shown to who sees its panel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.money import Money
from metering.vending import VendState
from store.connections import Row
from store.scope import scope


@dataclass(frozen=True, slots=True)
class Vend:
    """A purchase of units by our `reference`; instants in UTC. `reason` is a code, `detail` the vendor's words.

    `token` is there from DELIVERED on, and `units_kwh` unless the vendor did not say them.
    """

    id: int
    reference: str
    panel_code: str
    meter_number: str
    price: Money
    state: VendState
    reason: str | None
    detail: str | None
    requested_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    token: str | None
    units_kwh: Decimal | None
    ledger_entry_id: int | None


_COLUMNS: LiteralString = """vend.id, vend.reference, panel.code, vend.meter_number, vend.amount, vend.currency,
       vend.state, vend.reason, vend.detail, vend.created_at, vend.sent_at, vend.delivered_at,
       vend.token, vend.units_kwh, vend.ledger_entry_id"""


def _vend(row: Row) -> Vend:
    number, reference, panel_code, meter_number, amount, currency, state, *others = row
    return Vend(number, reference, panel_code, meter_number, Money(amount, currency), VendState(state), *others)


_ADD: LiteralString = """
INSERT INTO vend (reference, panel_id, account_id, payment_id, meter_number, amount, currency, idempotency_key,
                  created_at, next_attempt_at)
VALUES (%(reference)s, %(panel_id)s, %(account_id)s, %(payment_id)s, %(meter_number)s, %(amount)s, %(currency)s,
        %(idempotency_key)s, %(now)s, %(now)s)
ON CONFLICT DO NOTHING
RETURNING id, pg_notify('vend', id::text)
"""


async def add(
    connection: AsyncConnection[Row],
    *,
    reference: str,
    panel_id: int,
    account_id: int | None,
    meter_number: str,
    price: Money,
    now: datetime,
    payment_id: int | None = None,
    idempotency_key: str | None = None,
) -> int | None:
    """Asks for units, and returns the purchase's id; None, and nothing changed, when the key or the payment was used.

    The request goes out after this transaction, once.
    """
    parameters = {
        "reference": reference,
        "panel_id": panel_id,
        "account_id": account_id,
        "payment_id": payment_id,
        "meter_number": meter_number,
        "amount": price.amount,
        "currency": price.currency,
        "idempotency_key": idempotency_key,
        "now": now,
    }
    row = await (await connection.execute(_ADD, parameters)).fetchone()
    return row[0] if row else None


_BY_KEY: LiteralString = f"""
SELECT {_COLUMNS}, visible.id IS NOT NULL
FROM vend
JOIN panel ON panel.id = vend.panel_id
LEFT JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS visible ON visible.id = panel.id
WHERE vend.account_id = %(viewer_id)s AND vend.idempotency_key = %(idempotency_key)s
"""


@dataclass(frozen=True, slots=True)
class VendKeyUse:
    """What the viewer asked for with a key before; None once they have lost sight of its panel."""

    vend: Vend | None


async def use_of_key(connection: AsyncConnection[Row], *, viewer: Viewer, idempotency_key: str) -> VendKeyUse | None:
    """What the viewer used that key for; None for a new one."""
    parameters = {**scope(viewer), "idempotency_key": idempotency_key}
    row = await (await connection.execute(_BY_KEY, parameters, binary=True)).fetchone()
    return VendKeyUse(_vend(row[:-1]) if row[-1] else None) if row else None


_BY_REFERENCE: LiteralString = f"""
SELECT {_COLUMNS}
FROM panel_in_time(%(viewer_id)s, %(sees_all)s) AS panel
JOIN vend ON vend.panel_id = panel.id AND vend.created_at >= panel.since AND vend.created_at < panel.until
WHERE vend.reference = %(reference)s
"""


async def by_reference(connection: AsyncConnection[Row], *, viewer: Viewer, reference: str) -> Vend | None:
    """The purchase of that reference; None when there is none for the viewer."""
    parameters = {**scope(viewer), "reference": reference}
    row = await (await connection.execute(_BY_REFERENCE, parameters, binary=True)).fetchone()
    return _vend(row) if row else None


_OF_PAYMENTS: LiteralString = f"""
SELECT DISTINCT ON (vend.payment_id) vend.payment_id, {_COLUMNS}
FROM panel_in_time(%(viewer_id)s, %(sees_all)s) AS panel
JOIN vend ON vend.panel_id = panel.id AND vend.created_at >= panel.since AND vend.created_at < panel.until
WHERE vend.payment_id = ANY(%(payment_ids)s)
ORDER BY vend.payment_id, vend.id DESC
"""


async def of_payments(
    connection: AsyncConnection[Row], *, viewer: Viewer, payment_ids: Sequence[int]
) -> dict[int, Vend]:
    """The newest purchase of each payment; payments that led to none the viewer sees are absent."""
    parameters = {**scope(viewer), "payment_ids": list(payment_ids)}
    cursor = await connection.execute(_OF_PAYMENTS, parameters, binary=True)
    return {payment_id: _vend(tuple(row)) for payment_id, *row in await cursor.fetchall()}


_PAGE: LiteralString = f"""
SELECT {_COLUMNS}
FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN vend ON vend.panel_id = panel.id
WHERE panel.id = %(panel_id)s AND (%(before_id)s::bigint IS NULL OR vend.id < %(before_id)s)
ORDER BY vend.id DESC
LIMIT %(limit)s
"""

_COUNT: LiteralString = """
SELECT count(*)::integer FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN vend ON vend.panel_id = panel.id
WHERE panel.id = %(panel_id)s
"""


async def page(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int, before_id: int | None, limit: int
) -> tuple[list[Vend], int]:
    """Up to `limit` purchases of a panel, newest first, those before that id; and how many there are in all."""
    parameters = {**scope(viewer), "panel_id": panel_id}
    place = {"before_id": before_id, "limit": limit}
    rows = await (await connection.execute(_PAGE, {**parameters, **place}, binary=True)).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, parameters)).fetchall()
    return [_vend(row) for row in rows], total


_BY_STATE: LiteralString = "SELECT state, count(*)::integer FROM vend GROUP BY state"


async def by_state(connection: AsyncConnection[Row]) -> dict[VendState, int]:
    """How many purchases there are in each state, those with none included."""
    found = dict(await (await connection.execute(_BY_STATE)).fetchall())
    return {state: found.get(state.value, 0) for state in VendState}
