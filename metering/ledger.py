"""Turns what a person typed in into rows of the prepaid ledger, or says why it is none."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from metering.money import Money
from metering.readings import EARLIEST_AT
from metering.refusals import Refused
from metering.tariffs.receipts import credit_kwh
from metering.tariffs.rules import Tariff

MAX_UNITS_KWH = Decimal(100_000)
MAX_AHEAD = timedelta(minutes=5)

_TOKEN = re.compile(r"[0-9]{20}", re.ASCII)
_KEY = re.compile(r"[!-~]{8,100}", re.ASCII)
_THOUSANDTH = Decimal("0.001")


class LedgerKind(Enum):
    """What changed a panel's credit."""

    TOP_UP = "TOP_UP"
    BALANCE_READING = "BALANCE_READING"


class LedgerSource(Enum):
    """Who knew of a change of credit: somebody who typed it in, or the prepaid meter itself."""

    PERSON = "PERSON"
    METER = "METER"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a top-up credits. With money, `tariff` is the one it was computed with; None for a slip that says units."""

    units_kwh: Decimal
    paid: Money | None
    tariff: Tariff | None
    token: str | None


def receipt(*, paid: Money | None, units_kwh: Decimal | None, token: str | None, tariff: Tariff) -> Receipt:
    """What is credited for money by the tariff, or for a 20-digit token whose slip says the units.

    Raises:
        Refused: BAD_TOKEN, BAD_AMOUNT, BAD_CURRENCY, or BAD_INPUT unless it is either of the two.
    """
    digits = None if token is None else checked_token(token)
    if paid is not None and units_kwh is None:
        return Receipt(credit_kwh(paid, tariff), paid, tariff, digits)
    if paid is None and units_kwh is not None and digits is not None:
        return Receipt(checked_units(units_kwh, field="unitsKwh", above_zero=True), None, None, digits)
    raise Refused("BAD_INPUT", "Give either `amount`, or `token` with the `unitsKwh` of its slip.", "amount")


def checked_token(token: str) -> str:
    """The token's digits; spaces and hyphens between them, as slips print them, are left out.

    Raises:
        Refused: BAD_TOKEN unless they are 20.
    """
    digits = re.sub(r"[ -]", "", token) if len(token) <= 40 else ""
    if not _TOKEN.fullmatch(digits):
        raise Refused("BAD_TOKEN", "`token` must have 20 digits; spaces and hyphens may stand between them.", "token")
    return digits


def checked_units(units_kwh: Decimal, *, field: str, above_zero: bool) -> Decimal:
    """The units as they are.

    Raises:
        Refused: BAD_AMOUNT unless they are 0 (or above 0) to 100,000 kWh, with three decimals at the most.
    """
    is_in_range = 0 <= units_kwh <= MAX_UNITS_KWH and not (above_zero and units_kwh == 0)
    if not is_in_range or units_kwh != units_kwh.quantize(_THOUSANDTH):
        least = "above 0" if above_zero else "at least 0"
        message = f"`{field}` must be {least} and at most {MAX_UNITS_KWH} kWh, with three decimals at the most."
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


def ordered_time(at: datetime, *, is_now: bool, earliest_at: datetime | None) -> datetime:
    """When a row takes effect, so that it does not slip under a display that was read later, at `earliest_at`.

    What happens now never does: two people at once, or two servers' clocks, may only seem to say so.

    Raises:
        Refused: BAD_TIME when a balance was recorded after `at`: it holds whatever happened before.
    """
    if earliest_at is None or at >= earliest_at:
        return at
    if is_now:
        return earliest_at
    shown_at = earliest_at.isoformat(timespec="seconds")
    message = f"`at` must not be before {shown_at}: the balance recorded then holds whatever happened before."
    raise Refused("BAD_TIME", message, "at")
