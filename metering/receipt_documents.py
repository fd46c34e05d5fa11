"""Turns receipts into plain data that keeps, and the lines of what was kept back."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from metering.currencies import cent_of
from metering.money import Money, in_cents
from metering.tariffs.documents import document_of
from metering.tariffs.receipts import Receipt, ReceiptKind, ReceiptLine


def receipt_document(receipt: Receipt) -> dict[str, Any]:
    """The receipt as JSON can say it, decimals as text; what was paid is not in it. Its tariff is there as a document.

    A tariff that is replaced later changes nothing of it.
    """
    return {
        "lines": [_line_document(line) for line in receipt.lines],
        "energy": str(receipt.energy),
        "units_kwh": str(receipt.units_kwh),
        "unit_price": str(receipt.unit_price),
        "tariff": document_of(receipt.tariff),
    }


def _line_document(line: ReceiptLine) -> dict[str, Any]:
    document = {"kind": line.kind.value, "name": line.name, "amount": str(line.amount)}
    return document if line.percent is None else {**document, "percent": str(line.percent)}


def lines_of(document: Mapping[str, Any]) -> tuple[ReceiptLine, ...]:
    """The lines of a receipt that was kept."""
    return tuple(_line(line) for line in document["lines"])


def _line(document: Mapping[str, Any]) -> ReceiptLine:
    percent = document.get("percent")
    return ReceiptLine(
        ReceiptKind(document["kind"]),
        document["name"],
        Decimal(document["amount"]),
        None if percent is None else Decimal(percent),
    )


def plain_lines(gross: Money, *, vat_percent: Decimal, name: str) -> tuple[ReceiptLine, ...]:
    """The lines of a payment by one price and VAT, as it was kept before receipts had lines."""
    net = in_cents(gross.amount / (1 + vat_percent / 100), gross.currency)
    tax = (gross.amount - net).quantize(cent_of(gross.currency))
    lines = (ReceiptLine(ReceiptKind.TAX, "VAT", tax, vat_percent),) if tax else ()
    return (*lines, ReceiptLine(ReceiptKind.ENERGY, name, gross.amount - tax))
