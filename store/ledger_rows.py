"""Turns credit, displays, loans and debts into rows of the prepaid ledger, and takes rows back by opposite ones."""

from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from metering.access import Viewer
from metering.currencies import cent_of
from metering.ledger import Credit, LedgerKind, LedgerSource
from metering.lending import EmergencyRule
from metering.money import Money
from metering.receipt_documents import receipt_document
from store.connections import Row
from store.ledger import ENTRY_COLUMNS, LedgerEntry, entry_of

_INSERT: LiteralString = f"""
INSERT INTO ledger_entry AS entry (panel_id, at, kind, units_kwh, shown_kwh, amount, currency, unit_price, vat_percent,
                                   tariff_name, token, idempotency_key, account_id, usage_from_at, source, receipt,
                                   emergency_kwh, debt_change, reason, reference)
VALUES (%(panel_id)s, %(at)s, %(kind)s, %(units_kwh)s, %(shown_kwh)s, %(amount)s, %(currency)s, %(unit_price)s,
        %(vat_percent)s, %(tariff_name)s, %(token)s, %(idempotency_key)s,
        (SELECT id FROM account WHERE id = %(account_id)s),
        (SELECT at FROM latest_reading WHERE %(is_shown_now)s AND panel_id = %(panel_id)s AND at > %(at)s),
        %(source)s, %(receipt)s, %(emergency_kwh)s, %(debt_change)s, %(reason)s, %(reference)s)
ON CONFLICT DO NOTHING
RETURNING {ENTRY_COLUMNS}
"""

_EMPTY: dict[str, Any] = {
    **dict.fromkeys(("shown_kwh", "amount", "currency", "unit_price", "vat_percent", "tariff_name", "token")),
    **dict.fromkeys(("receipt", "reason", "reference")),
    "source": LedgerSource.PERSON.value,
    "units_kwh": Decimal(0),
    "emergency_kwh": Decimal(0),
    "debt_change": Decimal(0),
    "is_shown_now": False,
}

_TELL: LiteralString = "SELECT pg_notify('ledger', %(panel_id)s::text)"


async def top_up(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    at: datetime,
    credit: Credit,
    idempotency_key: str | None,
    source: LedgerSource = LedgerSource.PERSON,
    reference: str | None = None,
    paid: Money | None = None,
) -> LedgerEntry | None:
    """Credits what was bought; None, and nothing changed, when its token, reference or the viewer's key was used.

    The balance rises by the units less what goes back to emergency credit; the receipt's part for the debt goes off it.
    `reference` is of the payment or the vend, where a machine credits: `viewer` is THE_SERVICE then. `paid` is for
    units whose price a vendor took, without a receipt of ours.
    """
    return await _insert(
        connection,
        {
            **_money_columns(credit, paid=paid),
            "panel_id": panel_id,
            "at": at,
            "kind": LedgerKind.TOP_UP.value,
            "units_kwh": credit.added_kwh,
            "emergency_kwh": -credit.repaid_kwh,
            "debt_change": -credit.recovered,
            "token": credit.token,
            "idempotency_key": idempotency_key,
            "account_id": viewer.account_id,
            "source": source.value,
            "reference": reference,
        },
    )


def _money_columns(credit: Credit, *, paid: Money | None) -> dict[str, Any]:
    receipt = credit.receipt
    gross = receipt.gross if receipt else paid
    return {
        "amount": gross and gross.amount.quantize(cent_of(gross.currency)),
        "currency": gross and gross.currency,
        "unit_price": receipt and receipt.unit_price,
        "vat_percent": receipt and receipt.tariff.tax_percent,
        "tariff_name": receipt and receipt.tariff.name,
        "receipt": receipt and Jsonb(receipt_document(receipt)),
    }


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


async def lend(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    at: datetime,
    units_kwh: Decimal,
    idempotency_key: str,
) -> LedgerEntry | None:
    """Lends emergency credit; None, and nothing changed, when the key was used before."""
    return await _insert(
        connection,
        {
            "panel_id": panel_id,
            "at": at,
            "kind": LedgerKind.EMERGENCY_CREDIT.value,
            "units_kwh": units_kwh,
            "emergency_kwh": units_kwh,
            "idempotency_key": idempotency_key,
            "account_id": viewer.account_id,
        },
    )


async def owe(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    panel_id: int,
    at: datetime,
    debt: Money,
    reason: str,
    idempotency_key: str,
) -> LedgerEntry | None:
    """Records a debt, below zero one that is settled; None, and nothing changed, when the key was used before.

    The balance stays as it is.
    """
    return await _insert(
        connection,
        {
            "panel_id": panel_id,
            "at": at,
            "kind": LedgerKind.DEBT.value,
            "currency": debt.currency,
            "debt_change": debt.amount.quantize(cent_of(debt.currency)),
            "reason": reason,
            "idempotency_key": idempotency_key,
            "account_id": viewer.account_id,
        },
    )


async def _insert(connection: AsyncConnection[Row], values: dict[str, Any]) -> LedgerEntry | None:
    row = await (await connection.execute(_INSERT, {**_EMPTY, **values}, binary=True)).fetchone()
    if row is None:
        return None
    await connection.execute(_TELL, {"panel_id": values["panel_id"]})
    return entry_of(row)


# It takes effect where the entry did: a display that was read since holds what had happened, right or wrong.
_REVERSE: LiteralString = f"""
INSERT INTO ledger_entry AS entry (panel_id, at, kind, units_kwh, amount, currency, emergency_kwh, debt_change,
                                   reverses, reason, idempotency_key, account_id, source)
SELECT panel_id, at, 'REVERSAL', -units_kwh, -amount, currency, -emergency_kwh, -debt_change,
       id, %(reason)s, %(idempotency_key)s, (SELECT id FROM account WHERE id = %(account_id)s), %(source)s
FROM ledger_entry WHERE id = %(entry_id)s
ON CONFLICT DO NOTHING
RETURNING {ENTRY_COLUMNS}, pg_notify('ledger', entry.panel_id::text)
"""


async def reverse(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    entry_id: int,
    reason: str,
    idempotency_key: str | None,
    source: LedgerSource = LedgerSource.PERSON,
) -> LedgerEntry | None:
    """Takes an entry back by an opposite one; None, and nothing changed, when that was done or the key used before.

    What is known of the entry, its token among it, stays. Take the turn of its panel first.
    """
    parameters = {
        "entry_id": entry_id,
        "reason": reason,
        "idempotency_key": idempotency_key,
        "account_id": viewer.account_id,
        "source": source.value,
    }
    row = await (await connection.execute(_REVERSE, parameters, binary=True)).fetchone()
    return None if row is None else entry_of(row[:-1])


_SET_RULE: LiteralString = """
INSERT INTO emergency_rule (panel_id, limit_kwh, available_below_kwh)
VALUES (%(panel_id)s, %(limit_kwh)s, %(available_below_kwh)s)
ON CONFLICT (panel_id) DO UPDATE SET limit_kwh = excluded.limit_kwh,
    available_below_kwh = excluded.available_below_kwh, updated_at = clock_timestamp()"""

_REMOVE_RULE: LiteralString = "DELETE FROM emergency_rule WHERE panel_id = %(panel_id)s"


async def set_emergency_rule(connection: AsyncConnection[Row], *, panel_id: int, rule: EmergencyRule | None) -> None:
    """Sets how much the panel may be lent, None for nothing more; what is lent already stays to be repaid."""
    if rule is None:
        await connection.execute(_REMOVE_RULE, {"panel_id": panel_id})
        return
    values = {"limit_kwh": rule.limit_kwh, "available_below_kwh": rule.available_below_kwh}
    await connection.execute(_SET_RULE, {"panel_id": panel_id, **values})
