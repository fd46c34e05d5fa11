"""Turns what a top-up kept into its receipt, and an amount or units into the receipt that there would be."""

from dataclasses import dataclass
from decimal import Decimal

import msgspec
import strawberry

from metering.ledger import Credit, quoted
from metering.money import Money, in_cents, money, trimmed
from metering.receipt_documents import lines_of, plain_lines, receipt_document
from metering.tariffs.receipts import ReceiptKind, ReceiptLine
from resolvers.context import Info
from resolvers.ledger_turns import PrepaidAccount
from store import ledger_terms
from store.ledger import LedgerEntry


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """What a payment bought: its lines add up to `gross`, its units are those lent before and those added.

    `tariff` is the document, JSON, of the tariff that it was computed with; None where that was not kept.
    """

    gross: Money
    lines: list[ReceiptLine]
    energy_amount: Decimal
    units_kwh: Decimal
    repaid_kwh: Decimal
    added_kwh: Decimal
    unit_price: Decimal
    tariff_name: str
    tariff: str | None


def of_entry(parent: strawberry.Parent[LedgerEntry]) -> ReceiptView | None:
    """The receipt of a top-up for money; None of anything else."""
    if parent.paid is None or parent.unit_price is None or parent.reverses is not None:
        return None
    lines, tariff = _kept(parent)
    return ReceiptView(
        gross=parent.paid,
        lines=lines,
        energy_amount=in_cents(
            sum((line.amount for line in lines if line.kind is ReceiptKind.ENERGY), Decimal(0)), parent.paid.currency
        ),
        units_kwh=parent.units_kwh - parent.emergency_kwh,
        repaid_kwh=-parent.emergency_kwh,
        added_kwh=parent.units_kwh,
        unit_price=parent.unit_price,
        tariff_name=parent.tariff_name or "",
        tariff=tariff,
    )


def debt_change(parent: strawberry.Parent[LedgerEntry]) -> Money | None:
    """By how much the debt changed; None where it did not."""
    return Money(parent.debt_change, parent.currency) if parent.debt_change and parent.currency else None


def _kept(entry: LedgerEntry) -> tuple[list[ReceiptLine], str | None]:
    """The lines and the tariff's document of a top-up; of one from before receipts, what its price and VAT say."""
    if entry.receipt is None:
        gross, vat_percent = entry.paid or Money(Decimal(0), ""), entry.vat_percent or Decimal(0)
        return list(plain_lines(gross, vat_percent=vat_percent, name=entry.tariff_name or "")), None
    return list(lines_of(entry.receipt)), _text(entry.receipt["tariff"])


def _text(document: object) -> str:
    """The document as the database orders it too, which keeps no order of keys."""
    return msgspec.json.encode(document, order="sorted").decode()


async def quote(
    parent: strawberry.Parent[PrepaidAccount], info: Info, paid: Money | None, units_kwh: Decimal | None
) -> ReceiptView:
    """The receipt of a payment made now, or of the least one that buys at least these units. Nothing is changed.

    Raises:
        Refused: BAD_INPUT unless one of the two is given, BAD_AMOUNT, BAD_CURRENCY, NO_TARIFF.
    """
    context, panel = info.context, parent.panel
    async with context.pool.connection() as connection:
        terms = await ledger_terms.terms(
            connection, viewer=context.signed_in, panel_id=panel.id, zone=panel.zone, at=context.now()
        )
    return view_of(quoted(paid=paid, units_kwh=units_kwh, terms=terms))


def view_of(credit: Credit) -> ReceiptView:
    """The receipt of credit for money.

    Raises:
        ValueError: it has none.
    """
    receipt = credit.receipt
    if receipt is None:
        raise ValueError("credit without a receipt")
    return ReceiptView(
        gross=money(receipt.gross.amount, receipt.gross.currency),
        lines=list(receipt.lines),
        energy_amount=in_cents(receipt.energy, receipt.gross.currency),
        units_kwh=receipt.units_kwh,
        repaid_kwh=credit.repaid_kwh,
        added_kwh=credit.added_kwh,
        unit_price=trimmed(receipt.unit_price),
        tariff_name=receipt.tariff.name,
        tariff=_text(receipt_document(receipt)["tariff"]),
    )
