"""Turns what a person typed in into rows of the prepaid ledger, or says why it is none."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Final

from metering.money import Money
from metering.readings import EARLIEST_AT
from metering.refusals import Refused
from metering.tariffs.receipts import MAX_UNITS_KWH, Receipt, ReceiptKind, quote, vend
from metering.tariffs.rules import Recurrence, StandingCharge, Tariff

MAX_AHEAD: Final = timedelta(minutes=5)

_TOKEN: Final = re.compile(r"[0-9]{20}", re.ASCII)
_KEY: Final = re.compile(r"[!-~]{8,100}", re.ASCII)
_THOUSANDTH: Final = Decimal("0.001")


class LedgerKind(Enum):
    """What a row of the ledger is about."""

    TOP_UP = "TOP_UP"
    BALANCE_READING = "BALANCE_READING"
    REVERSAL = "REVERSAL"
    EMERGENCY_CREDIT = "EMERGENCY_CREDIT"
    DEBT = "DEBT"


class LedgerSource(Enum):
    """Who knew of a change of credit: who typed it in, the prepaid meter itself, a payment or a vendor of tokens."""

    PERSON = "PERSON"
    METER = "METER"
    PAYMENT = "PAYMENT"
    VEND = "VEND"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a top-up hangs on besides the payment, as it is known when it is entered.

    `at` is when it takes effect, in the panel's zone; `tariff` that of its local day, None without one. `bought_kwh`
    were bought in its local month before, `debt` is what is owed in the tariff's currency, `lent_kwh` the emergency
    credit that is not repaid; `is_standing_paid` says that a top-up of the month bore the month's standing charges.
    """

    at: datetime
    tariff: Tariff | None
    bought_kwh: Decimal = Decimal(0)
    debt: Decimal = Decimal(0)
    lent_kwh: Decimal = Decimal(0)
    is_standing_paid: bool = False

    @property
    def standing_due(self) -> tuple[StandingCharge, ...]:
        """The monthly standing charges that the month's first top-up for money bears; daily ones are never vended."""
        if self.tariff is None or self.is_standing_paid:
            return ()
        return tuple(charge for charge in self.tariff.standing_charges if charge.per is Recurrence.MONTH)

    @property
    def required_tariff(self) -> Tariff:
        """The tariff.

        Raises:
            Refused: NO_TARIFF when none is valid then.
        """
        if self.tariff is None:
            raise Refused("NO_TARIFF", f"No tariff is known for {self.at.date()}.")
        return self.tariff


@dataclass(frozen=True, slots=True)
class Credit:
    """What a top-up buys. `receipt` says how money became units; None for a slip that says them.

    Of the units `repaid_kwh` go back to emergency credit; the rest is what the balance rises by.
    """

    units_kwh: Decimal
    repaid_kwh: Decimal = Decimal(0)
    receipt: Receipt | None = None
    token: str | None = None

    @property
    def added_kwh(self) -> Decimal:
        """By how much the balance rises."""
        return self.units_kwh - self.repaid_kwh

    @property
    def recovered(self) -> Decimal:
        """What was paid off the debt, in the receipt's currency."""
        lines = self.receipt.lines if self.receipt else ()
        return sum((line.amount for line in lines if line.kind is ReceiptKind.DEBT), Decimal(0))


def credit(*, paid: Money | None, units_kwh: Decimal | None, token: str | None, terms: Terms) -> Credit:
    """What is credited for money by the tariff, or for a 20-digit token whose slip says the units.

    Raises:
        Refused: BAD_TOKEN, BAD_AMOUNT, BAD_CURRENCY, NO_TARIFF, or BAD_INPUT unless it is either of the two.
    """
    digits = None if token is None else checked_token(token)
    if paid is not None and units_kwh is None:
        return credit_of_money(paid, terms=terms, token=digits)
    if paid is None and units_kwh is not None and digits is not None:
        return credit_of_units(checked_units(units_kwh, field="unitsKwh", above_zero=True), terms=terms, token=digits)
    message = (
        "Give `amount`, with the `token` that it bought or without, or else `token` with the `unitsKwh` of its slip."
    )
    raise Refused("BAD_INPUT", message, "amount")


def credit_of_money(paid: Money, *, terms: Terms, token: str | None = None) -> Credit:
    """What a payment buys.

    Raises:
        Refused: BAD_AMOUNT, BAD_CURRENCY, NO_TARIFF.
    """
    sold = vend(
        paid,
        terms.required_tariff,
        at=terms.at,
        bought_kwh=terms.bought_kwh,
        debt=terms.debt,
        standing_due=terms.standing_due,
    )
    return _credit(sold, terms=terms, token=token)


def credit_of_units(units_kwh: Decimal, *, terms: Terms, token: str | None = None) -> Credit:
    """What units that were bought elsewhere are worth: emergency credit is repaid of them too."""
    repaid_kwh = min(max(terms.lent_kwh, Decimal(0)), units_kwh)
    return Credit(units_kwh, repaid_kwh.quantize(_THOUSANDTH), token=token)


def quoted(*, paid: Money | None, units_kwh: Decimal | None, terms: Terms) -> Credit:
    """What a payment would buy, or the least payment that would buy at least these units.

    Raises:
        Refused: BAD_AMOUNT, BAD_CURRENCY, NO_TARIFF, or BAD_INPUT unless one of the two is given.
    """
    if paid is not None and units_kwh is None:
        return credit_of_money(paid, terms=terms)
    if paid is not None or units_kwh is None:
        raise Refused("BAD_INPUT", "Give either `amount` or `unitsKwh`.", "amount")
    sold = quote(
        checked_units(units_kwh, field="unitsKwh", above_zero=True),
        terms.required_tariff,
        at=terms.at,
        bought_kwh=terms.bought_kwh,
        debt=terms.debt,
        standing_due=terms.standing_due,
    )
    return _credit(sold, terms=terms, token=None)


def _credit(sold: Receipt, *, terms: Terms, token: str | None) -> Credit:
    repaid_kwh = credit_of_units(sold.units_kwh, terms=terms).repaid_kwh
    return Credit(sold.units_kwh, repaid_kwh, receipt=sold, token=token)


def checked_token(token: str) -> str:
    """The token's digits; spaces and hyphens between them, as slips print them, are left out.

    Raises:
        Refused: BAD_TOKEN unless they are 20.
    """
    digits = re.sub(r"[ -]", "", token) if len(token) <= 40 else token
    if not _TOKEN.fullmatch(digits):
        wrong = (
            f"this one has {min(len(digits), 99)}" if re.fullmatch(r"[0-9]*", digits) else "this one has other signs"
        )
        message = f"`token` must have 20 digits, with spaces and hyphens between them at the most: {wrong}."
        raise Refused("BAD_TOKEN", message, "token")
    return digits


def checked_units(units_kwh: Decimal, *, field: str, above_zero: bool) -> Decimal:
    """The units as they are.

    Raises:
        Refused: BAD_AMOUNT unless they are 0 (or above 0) to 100,000 kWh, with three decimals at the most.
    """
    is_in_range = 0 <= units_kwh <= MAX_UNITS_KWH and not (above_zero and units_kwh == 0)
    if not is_in_range or units_kwh != units_kwh.quantize(_THOUSANDTH):
        least = "above 0" if above_zero else "at least 0"
        message = f"`{field}` must be {least} and at most {MAX_UNITS_KWH:,} kWh, with three decimals at the most."
        raise Refused("BAD_AMOUNT", message, field)
    return units_kwh


def checked_key(key: str) -> str:
    """The idempotency key as it is.

    Raises:
        Refused: BAD_INPUT unless it has 8 to 100 letters, digits or signs, without spaces.
    """
    if not _KEY.fullmatch(key):
        raise Refused(
            "BAD_INPUT", "`idempotencyKey` must have 8 to 100 letters, digits or signs, like a UUID.", "idempotencyKey"
        )
    return key


def entry_time(at: datetime | None, *, now: datetime) -> datetime:
    """When a ledger row takes effect: `at`, or now when it is left out or a little ahead of our clock.

    Raises:
        Refused: BAD_TIME before 2010 or more than five minutes after now.
    """
    if at is None:
        return now
    if not EARLIEST_AT <= at <= now + MAX_AHEAD:
        raise Refused("BAD_TIME", "`at` must be from 2010 on and not in the future.", "at")
    return min(at, now)


def correction_kwh(*, shown_kwh: Decimal, balance_kwh: Decimal | None) -> Decimal:
    """How far the display is from the balance as it is known; None is an account without any row."""
    return shown_kwh - (balance_kwh or Decimal(0))


def row_time(at: datetime, *, is_now: bool, newest_at: datetime | None, since: datetime | None) -> datetime:
    """When a row takes effect. What happens now comes after the newest row: another server's clock may be ahead.

    What happened earlier stands where it happened, whatever was recorded since: a display that was read later holds it.
    Messages have `since` as it is: give it in the panel's time zone.

    Raises:
        Refused: BEFORE_METER when it is from before `since`, when the panel's meter was not there yet.
    """
    if is_now:
        return at if newest_at is None else max(at, newest_at)
    if since is not None and at < since:
        shown_at = since.isoformat(timespec="seconds")
        raise Refused("BEFORE_METER", f"`at` must not be before {shown_at}: the meter was not there.", "at")
    return at
