"""Turns what a payment provider posts to us into what was paid, or says why it cannot be read; checks its signature."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, Final

from metering.money import Money, trimmed
from metering.vending import is_amount

_TEXT = re.compile(r"[!-~]{1,200}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_SUBUNITS: Final = Decimal(100)
"""Paystack counts in kobo, cents or pesewas; also of currencies without any, such as XOF."""


class PaymentProvider(Enum):
    """Who takes people's money."""

    PAYSTACK = "PAYSTACK"
    FLUTTERWAVE = "FLUTTERWAVE"


def subunits(money: Money) -> Decimal:
    """An amount as Paystack counts it: 100 for 1, of every currency."""
    return trimmed(money.amount * _SUBUNITS)


class PaymentState(Enum):
    """How far a payment is; see `schema.payments`."""

    STARTED = "STARTED"
    PAID = "PAID"
    UNMATCHED = "UNMATCHED"
    DISMISSED = "DISMISSED"
    FAILED = "FAILED"
    REFUNDED = "REFUNDED"


class EventKind(Enum):
    """What a provider tells of a payment; OTHER is kept and changes nothing."""

    PAID = "PAID"
    FAILED = "FAILED"
    REFUNDED = "REFUNDED"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """What a provider tells: `name` in its words, of a payment by our `reference` and by its own `provider_id`.

    `provider_id` is the transaction's; of a refund, the refund's own. `money` is what was paid, or given back.
    """

    kind: EventKind
    name: str
    reference: str | None
    provider_id: str | None
    money: Money | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A body that is not what the provider documents."""

    reason: str


@dataclass(frozen=True, slots=True)
class Selling:
    """What a deployment sells through whom: providers whose secrets it has, and the currency of its token vendor."""

    providers: frozenset[PaymentProvider] = frozenset()
    vendor_currency: str | None = None


def is_signed(provider: PaymentProvider, body: bytes, *, secret: str, headers: Mapping[str, str]) -> bool:
    """Whether the provider itself has sent that body, told in constant time.

    Paystack signs the body with its secret key. Flutterwave signs it with the secret hash (version 4), or sends the
    secret hash as it is (version 3). `headers` have lower-case names.
    """
    if provider is PaymentProvider.PAYSTACK:
        expected = hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()
        return _is_same(headers.get("x-paystack-signature", "").lower(), expected)
    given = headers.get("flutterwave-signature")
    if given is not None:
        return _is_same(given, base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode())
    return _is_same(headers.get("verif-hash", ""), secret)


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def event_of(provider: PaymentProvider, body: bytes) -> PaymentEvent | Unreadable:
    """What a provider's body says."""
    try:
        document: Any = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError, InvalidOperation):
        return Unreadable("not JSON")
    data = _object(_object(document).get("data"))
    if not data:
        return Unreadable("no object `data`")
    return _paystack(document, data) if provider is PaymentProvider.PAYSTACK else _flutterwave(document, data)


def _object(value: Any) -> dict[str, Any]:
    """The value; an empty one when it is no object."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _no_number(_word: str) -> None:
    raise ValueError


def _paystack(document: dict[str, Any], data: dict[str, Any]) -> PaymentEvent | Unreadable:
    name = _text(document.get("event"))
    if name is None:
        return Unreadable("no `event`")
    if name.startswith("refund."):
        kind = EventKind.REFUNDED if name == "refund.processed" else EventKind.OTHER
        number = data.get("refund_reference") or data.get("id")
        return PaymentEvent(kind, name, _text(data.get("transaction_reference")), _text(number), _kobo(data))
    if name == "charge.success" and data.get("status", "success") == "success":
        return _whole(PaymentEvent(EventKind.PAID, name, *_numbers(data, "reference"), _kobo(data)))
    kind = EventKind.FAILED if name == "charge.failed" else EventKind.OTHER
    return PaymentEvent(kind, name, *_numbers(data, "reference"), _kobo(data))


def _flutterwave(document: dict[str, Any], data: dict[str, Any]) -> PaymentEvent | Unreadable:
    """Version 3 says `event`, `tx_ref` and `successful`; version 4 `type`, `reference` and `succeeded`."""
    name = _text(document.get("event") or document.get("type"))
    if name is None:
        return Unreadable("no `event` or `type`")
    status, numbers = data.get("status"), _numbers(data, "tx_ref" if "tx_ref" in data else "reference")
    if name.startswith("refund."):
        is_done = name == "refund.completed" and status in {None, "completed", "succeeded", "successful"}
        return PaymentEvent(EventKind.REFUNDED if is_done else EventKind.OTHER, name, *numbers, _refunded(data))
    if name == "charge.completed" and status in {"successful", "succeeded"}:
        return _whole(PaymentEvent(EventKind.PAID, name, *numbers, _naira(data)))
    is_failed = name == "charge.failed" or (name == "charge.completed" and status == "failed")
    return PaymentEvent(EventKind.FAILED if is_failed else EventKind.OTHER, name, *numbers, _naira(data))


def _whole(event: PaymentEvent) -> PaymentEvent | Unreadable:
    """A payment as it is; without a reference, a number or an amount nobody could say what it was."""
    if event.reference is None or event.provider_id is None:
        return Unreadable("no reference or id of the transaction")
    return event if event.money else Unreadable("no amount or currency")


def _numbers(data: dict[str, Any], reference: str) -> tuple[str | None, str | None]:
    return _text(data.get(reference)), _text(data.get("id"))


def _text(value: object) -> str | None:
    """A word, or a whole number, as text; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30:
        return str(value)
    return value if isinstance(value, str) and _TEXT.fullmatch(value) else None


def _kobo(data: dict[str, Any]) -> Money | None:
    return _money(data.get("amount"), data.get("currency"), divisor=_SUBUNITS)


def _naira(data: dict[str, Any]) -> Money | None:
    return _money(data.get("amount"), data.get("currency"), divisor=Decimal(1))


def _refunded(data: dict[str, Any]) -> Money | None:
    amount = data.get("amount_refunded", data.get("amount"))
    return _money(amount, data.get("currency"), divisor=Decimal(1))


def _money(amount: object, currency: object, *, divisor: Decimal) -> Money | None:
    number = _number(amount)
    if number is None or not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        return None
    exact = number / divisor
    return Money(exact, currency) if is_amount(exact) and exact * divisor == number else None


def _number(value: object) -> Decimal | None:
    """An amount: a number, or one as text; None when it is none or longer than any amount is."""
    text = str(value) if isinstance(value, (int, Decimal, str)) and not isinstance(value, bool) else ""
    return Decimal(text) if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,6})?", text, re.ASCII) else None
