"""Says which states a purchase from a token vendor may have, and which may follow which."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Final

from metering.money import MAX_AMOUNT, Money
from metering.refusals import Refused


class VendState(Enum):
    """How far a purchase of units is.

    REQUESTED: written down, nothing sent. UNKNOWN: a request for payment is on its way or its answer was lost, so the
    vendor is asked what became of it and never asked to pay again. DELIVERED: the vendor gave a token. ACCEPTED: the
    token's units are in the ledger. FAILED: nothing was bought and nothing was charged.
    """

    REQUESTED = "REQUESTED"
    UNKNOWN = "UNKNOWN"
    DELIVERED = "DELIVERED"
    ACCEPTED = "ACCEPTED"
    FAILED = "FAILED"


_NEXT: Final[Mapping[VendState, frozenset[VendState]]] = {
    VendState.REQUESTED: frozenset({VendState.UNKNOWN, VendState.FAILED}),
    VendState.UNKNOWN: frozenset({VendState.REQUESTED, VendState.DELIVERED, VendState.FAILED}),
    VendState.DELIVERED: frozenset({VendState.ACCEPTED}),
    VendState.ACCEPTED: frozenset(),
    VendState.FAILED: frozenset(),
}
"""UNKNOWN goes back to REQUESTED when it is certain that nothing left this machine: no connection could be made."""


class IllegalMoveError(Exception):
    """A purchase cannot go from its state to that one."""


def moved(state: VendState, to: VendState) -> VendState:
    """The state that follows.

    Raises:
        IllegalMoveError: no purchase goes that way.
    """
    if to not in _NEXT[state]:
        raise IllegalMoveError(f"{state.value} -> {to.value}")
    return to


FORGOTTEN_AFTER: Final = timedelta(minutes=30)
"""How long after it was sent a purchase is given up that the vendor says it has never seen: a request that is still
under way must have arrived by then."""

SEND_WITHIN: Final = timedelta(seconds=20)
"""How soon after a purchase was marked as sent its request must go out; a worker that slept in between does not send
it any more, because others may have given it up meanwhile."""

UNSENT_AFTER: Final = timedelta(hours=24)
"""How old a purchase may be that could not be sent; then it is given up, and nothing was charged."""

_LAGOS: Final = timezone(timedelta(hours=1))
_CENT: Final = Decimal("0.01")
_FIRST_ASKED_AFTER_S: Final = 5.0
_ASKED_AT_LEAST_EVERY_S: Final = 3600.0


def ask_again_after(attempts: int) -> timedelta:
    """How long to wait before the vendor is asked again, after `attempts` (from 0): 5 s, doubling up to an hour."""
    return timedelta(seconds=min(_FIRST_ASKED_AFTER_S * 2.0 ** min(attempts, 16), _ASKED_AT_LEAST_EVERY_S))


def checked_price(price: Money, *, currency: str) -> Money:
    """What is to be spent, as it is.

    Raises:
        Refused: BAD_CURRENCY for another currency than the vendor's; BAD_AMOUNT unless the amount is above 0 and at
            most 1,000,000,000, with two decimals at the most.
    """
    if price.currency != currency:
        raise Refused("BAD_CURRENCY", f"Units are sold in {currency}.", "amount")
    return checked_amount(price)


def checked_amount(price: Money) -> Money:
    """What is to be spent, as it is.

    Raises:
        Refused: BAD_AMOUNT unless it is above 0 and at most 1,000,000,000, with two decimals at the most.
    """
    if not is_amount(price.amount):
        raise Refused(
            "BAD_AMOUNT", "`amount` must be above 0 and at most 1000000000, with two decimals at the most.", "amount"
        )
    return price


def is_amount(amount: Decimal) -> bool:
    """Whether it is above 0 and at most 1,000,000,000, with two decimals at the most."""
    return amount.is_finite() and 0 < amount <= MAX_AMOUNT and amount == amount.quantize(_CENT)


def new_reference(now: datetime, *, random: str) -> str:
    """Our name of a purchase or payment: twelve digits of Lagos' date and time, as vendors there want them, and more.

    `random` are letters and digits that no other has, 16 or more.
    """
    return f"{now.astimezone(_LAGOS):%Y%m%d%H%M}{random}"
