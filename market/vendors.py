"""Defines what a token vendor can be asked, and every way in which its answer can end."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from metering.money import Money


@dataclass(frozen=True, slots=True)
class Order:
    """Units for a meter, to be paid once by that reference."""

    reference: str
    meter_number: str
    price: Money
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """The vendor sells to that meter."""


@dataclass(frozen=True, slots=True)
class NotKnown:
    """The vendor says that it sells to no such meter."""

    detail: str


@dataclass(frozen=True, slots=True)
class NotTold:
    """The vendor could not be asked about a meter, or did not answer: it may later."""

    detail: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """The token, 20 digits, and its units; None where the vendor did not say them."""

    token: str
    units_kwh: Decimal | None
    vendor_reference: str | None


@dataclass(frozen=True, slots=True)
class Declined:
    """The vendor says for certain that it has sold and charged nothing, and will not."""

    detail: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """It is certain that the request never left this machine."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """The vendor says that it knows no such reference: perhaps not yet."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """Anything else: the vendor is still at it, did not answer, or not in words that we know."""

    detail: str


Verification = Known | NotKnown | NotTold
Payment = Delivered | Declined | NotSent | Unclear
Answer = Delivered | Declined | Unseen | Unclear


class Vendor(Protocol):
    """Whoever sells units; every way in which asking can end is a value, no exception."""

    async def verify(self, meter_number: str) -> Verification:
        """Whether units can be bought for a meter. Costs nothing and may be asked again."""
        ...

    async def pay(self, order: Order) -> Payment:
        """Buys, with one request, which is never repeated by itself."""
        ...

    async def query(self, reference: str) -> Answer:
        """What became of a purchase. Costs nothing and may be asked again."""
        ...
