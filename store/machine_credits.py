"""Turns money that a payment provider took, and tokens that a vendor sold, into top-ups, each once."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection

from metering.access import THE_SERVICE
from metering.ledger import Credit, LedgerSource, credit_of_money, credit_of_units, row_time
from metering.money import Money
from store import ledger, ledger_rows, ledger_terms
from store.connections import Row


async def expected_credit(
    connection: AsyncConnection[Row], *, panel_id: int, zone: ZoneInfo, paid: Money, now: datetime
) -> Credit:
    """What a payment would buy now; nothing is changed.

    Raises:
        Refused: BAD_AMOUNT, BAD_CURRENCY, NO_TARIFF.
    """
    terms = await ledger_terms.terms(connection, viewer=THE_SERVICE, panel_id=panel_id, zone=zone, at=now)
    return credit_of_money(paid, terms=terms)


async def credit_payment(
    connection: AsyncConnection[Row], *, panel_id: int, zone: ZoneInfo, paid: Money, reference: str, now: datetime
) -> int | None:
    """Credits a payment by the panel's tariff and returns the row's id; None when that reference was credited before.

    The panel's ledger is held until the transaction ends.

    Raises:
        Refused: PANEL_NOT_FOUND, BAD_AMOUNT, BAD_CURRENCY, NO_TARIFF; nothing was changed.
    """
    at = await _placed(connection, panel_id=panel_id, now=now)
    terms = await ledger_terms.terms(connection, viewer=THE_SERVICE, panel_id=panel_id, zone=zone, at=at)
    entry = await ledger_rows.top_up(
        connection,
        viewer=THE_SERVICE,
        panel_id=panel_id,
        at=at,
        credit=credit_of_money(paid, terms=terms),
        idempotency_key=None,
        source=LedgerSource.PAYMENT,
        reference=reference,
    )
    return entry and entry.id


async def credit_token(
    connection: AsyncConnection[Row],
    *,
    panel_id: int,
    zone: ZoneInfo,
    token: str,
    units_kwh: Decimal,
    price: Money,
    reference: str,
    now: datetime,
) -> int | None:
    """Credits a token's units and returns the row's id; None when the token or the reference was credited before.

    The panel's ledger is held until the transaction ends.

    Raises:
        Refused: PANEL_NOT_FOUND; nothing was changed.
    """
    at = await _placed(connection, panel_id=panel_id, now=now)
    terms = await ledger_terms.terms(connection, viewer=THE_SERVICE, panel_id=panel_id, zone=zone, at=at)
    entry = await ledger_rows.top_up(
        connection,
        viewer=THE_SERVICE,
        panel_id=panel_id,
        at=at,
        credit=credit_of_units(units_kwh, terms=terms, token=token),
        idempotency_key=None,
        source=LedgerSource.VEND,
        reference=reference,
        paid=price,
    )
    return entry and entry.id


async def _placed(connection: AsyncConnection[Row], *, panel_id: int, now: datetime) -> datetime:
    """When a row of now takes effect, in the panel's turn."""
    await ledger.take_turn(connection, viewer=THE_SERVICE, panel_id=panel_id)
    state = await ledger.state(connection, viewer=THE_SERVICE, panel_id=panel_id, at=now, is_now=True)
    return row_time(now, is_now=True, newest_at=state.newest_at, since=state.since)
