"""Turns OpenPAYGO tokens into units by the meter's key, and units into tokens, each of them once.

A meter counts the tokens that it took: even counts add units (ADD_TIME), odd ones set them, end the metering or only
move the count. The library looks for a token among the counts that the meter may be at; what may be entered at an
instant follows from the tokens that were entered before it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Final

from openpaygo import OpenPAYGOTokenDecoder, OpenPAYGOTokenEncoder, TokenType
from openpaygo.token_shared import OpenPAYGOTokenShared

from metering.money import Money
from metering.refusals import Refused

MAX_COUNT: Final = 20_000
"""Looking for a token costs 10 us a count, so 0.2 s at the most; a meter that is fed daily gets there in 27 years."""
MAX_KWH_PER_VALUE: Final = Decimal(100)
MAX_WRONG: Final = ((10, timedelta(hours=1)), (30, timedelta(days=1)))
"""How many wrong tokens a panel may be given in how long. One guess in 15,600 is right: a token has a million heads, of
which those of the 64 counts ahead are the meter's. So guessing takes a year and a half."""
WRONG_WITHIN: Final = timedelta(days=1)
"""How long a wrong token counts."""
MAX_AHEAD: Final = OpenPAYGOTokenDecoder.MAX_TOKEN_JUMP
"""How many counts a meter looks ahead of the last one that it took."""

_SHORT_MAX, _LONG_MAX = 995, 999_999
_KEPT_BACK = OpenPAYGOTokenDecoder.MAX_UNUSED_OLDER_TOKENS
_KEY = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)
_MAX_CODE = 999_999_999


class PaygoKind(Enum):
    """What a token makes its meter do."""

    ADD_TIME = "ADD_TIME"
    SET_TIME = "SET_TIME"
    DISABLE_PAYG = "DISABLE_PAYG"
    COUNTER_SYNC = "COUNTER_SYNC"


class PaygoFault(Enum):
    """Why a token of the right form does nothing: it was used, or it is none of the meter's."""

    USED = "USED"
    WRONG = "WRONG"


_KINDS: Final = {
    TokenType.ADD_TIME: PaygoKind.ADD_TIME,
    TokenType.SET_TIME: PaygoKind.SET_TIME,
    TokenType.DISABLE_PAYG: PaygoKind.DISABLE_PAYG,
    TokenType.COUNTER_SYNC: PaygoKind.COUNTER_SYNC,
}
_TYPES: Final = {kind: number for number, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class PaygoMeter:
    """How a meter's tokens are made and read; up to `starting_count` every token counts as used."""

    secret_key_hex: str = field(repr=False)
    starting_code: int
    kwh_per_value: Decimal
    starting_count: int
    has_restricted_digits: bool
    makes_long_tokens: bool


@dataclass(frozen=True, slots=True)
class PaygoToken:
    """What a token says: `value` is in the meter's own steps, 0 of those that have none."""

    kind: PaygoKind
    value: int
    count: int


@dataclass(frozen=True, slots=True)
class PaygoCounts:
    """Where a meter's count is, and which of the counts up to it were used, as far as it remembers."""

    last: int
    used: tuple[int, ...]


def checked_meter(
    *,
    secret_key_hex: str,
    starting_code: int | None,
    kwh_per_value: Decimal,
    starting_count: int,
    has_restricted_digits: bool,
    makes_long_tokens: bool,
) -> PaygoMeter:
    """How the meter's tokens are read, from what somebody typed in; the key is never repeated in a message.

    `starting_code` None stands for the one that follows from the key.

    Raises:
        Refused: BAD_INPUT with the field.
    """
    if not _KEY.fullmatch(secret_key_hex):
        raise Refused("BAD_INPUT", "`secretKeyHex` must have 32 hexadecimal digits.", "secretKeyHex")
    if starting_code is not None and not 1 <= starting_code <= _MAX_CODE:
        message = f"`startingCode` must be 1 to {_MAX_CODE}; left out, it follows from the key."
        raise Refused("BAD_INPUT", message, "startingCode")
    if not 0 < kwh_per_value <= MAX_KWH_PER_VALUE or kwh_per_value != kwh_per_value.quantize(Decimal("0.001")):
        message = f"`kwhPerValue` must be above 0 and at most {MAX_KWH_PER_VALUE} kWh, with three decimals at the most."
        raise Refused("BAD_INPUT", message, "kwhPerValue")
    if not 0 <= starting_count <= MAX_COUNT:
        raise Refused("BAD_INPUT", f"`startingCount` must be 0 to {MAX_COUNT}.", "startingCount")
    key = secret_key_hex.lower()
    code = OpenPAYGOTokenShared.generate_starting_code(bytes.fromhex(key)) if starting_code is None else starting_code
    return PaygoMeter(key, code, kwh_per_value, starting_count, has_restricted_digits, makes_long_tokens)


def checked_digits(token: str, *, meter: PaygoMeter) -> str:
    """The token's digits; spaces and hyphens between them are left out.

    Raises:
        Refused: BAD_TOKEN that says whether it is the length or the digits.
    """
    digits = re.sub(r"[ -]", "", token) if len(token) <= 60 else token
    short, long = (15, 20) if meter.has_restricted_digits else (9, 12)
    allowed = "1234" if meter.has_restricted_digits else "0123456789"
    if any(digit not in allowed for digit in digits):
        raise Refused(
            "BAD_TOKEN", f"Tokens of this meter have the digits {allowed[0]} to {allowed[-1]} alone.", "token"
        )
    if len(digits) not in (short, long):
        message = f"Tokens of this meter have {short} or {long} digits: this one has {min(len(digits), 99)}."
        raise Refused("BAD_TOKEN", message, "token")
    return digits


def counts_after(meter: PaygoMeter, entered: Iterable[PaygoToken]) -> PaygoCounts:
    """Where the meter's count is after tokens that were entered in this order.

    A count never goes back: what a COUNTER_SYNC leaves behind is used.
    """
    last = meter.starting_count
    used = list(range(max(0, last - _KEPT_BACK), last + 1))
    for token in entered:
        # No value: openpaygo 0.6.3 takes a long token that adds 998 or 999 steps for one that ends all before it.
        found = OpenPAYGOTokenDecoder.update_used_counts(used, 0, token.count, _TYPES[token.kind])
        used = [count for count in found or used if count >= 0]
        last = max(last, token.count)
    return PaygoCounts(last, tuple(used))


def token_of(
    digits: str, *, meter: PaygoMeter, counts: PaygoCounts, newest_count: int | None = None
) -> PaygoToken | PaygoFault:
    """What checked digits say to a meter whose counts are these.

    `newest_count` is the highest count that is known, of a token that was made or entered later: counts are looked
    through up to as many beyond it as a meter would.
    """
    ahead = max(0, (newest_count or 0) - counts.last)
    reach = type("_Reach", (OpenPAYGOTokenDecoder,), {"MAX_TOKEN_JUMP": MAX_AHEAD + ahead})
    try:
        value, number, count, _ = reach.decode_token(
            token=digits,
            secret_key=meter.secret_key_hex,
            count=counts.last,
            used_counts=list(counts.used),
            starting_code=meter.starting_code,
            restricted_digit_set=meter.has_restricted_digits,
        )
    except UnboundLocalError:  # openpaygo 0.6.3, of a long token that it does not find
        return PaygoFault.WRONG
    if number == TokenType.ALREADY_USED:
        return PaygoFault.USED
    if number not in _KINDS or value is None or count is None:
        return PaygoFault.WRONG
    return _believed(PaygoToken(_KINDS[number], int(value), count), is_short=len(digits) in (9, 15), counts=counts)


def _believed(token: PaygoToken, *, is_short: bool, counts: PaygoCounts) -> PaygoToken | PaygoFault:
    """The token as it is meant: openpaygo 0.6.3 takes any long token of value 999 again and again."""
    if token.kind in (PaygoKind.DISABLE_PAYG, PaygoKind.COUNTER_SYNC):
        return PaygoToken(token.kind, 0, token.count)
    if is_short and token.value > _SHORT_MAX:
        return PaygoFault.WRONG
    is_behind = token.count <= counts.last
    if token.count in counts.used or (is_behind and token.kind is not PaygoKind.ADD_TIME):
        return PaygoFault.USED
    return PaygoFault.USED if token.count <= counts.last - _KEPT_BACK else token


def kwh_of(token: PaygoToken, *, meter: PaygoMeter) -> Decimal:
    """The units of a token that adds or sets them."""
    return token.value * meter.kwh_per_value


def value_of(units_kwh: Decimal, *, meter: PaygoMeter, rounds_down: bool = False) -> int:
    """How many of the meter's steps the units are.

    Raises:
        Refused: BAD_AMOUNT when that is no step, more than a token can say, or, without `rounds_down`, not whole.
    """
    steps, rest = divmod(units_kwh, meter.kwh_per_value)
    most = _LONG_MAX if meter.makes_long_tokens else _SHORT_MAX
    if not 1 <= steps <= most or (rest and not rounds_down):
        message = (
            f"A token of this meter adds {meter.kwh_per_value} to {most * meter.kwh_per_value} kWh, in steps of"
            f" {meter.kwh_per_value} kWh."
        )
        raise Refused("BAD_AMOUNT", message, "unitsKwh" if not rounds_down else "amount")
    return int(steps)


def next_count(last: int) -> int:
    """The next count of a token that adds units; the library's own rule."""
    return last + 2 - last % 2


def digits_of(token: PaygoToken, *, meter: PaygoMeter) -> str:
    """The digits of a token that adds units, at its count: the same each time."""
    count, digits = OpenPAYGOTokenEncoder.generate_token(
        secret_key=meter.secret_key_hex,
        count=token.count - 1,
        value=token.value,
        token_type=_TYPES[token.kind],
        starting_code=meter.starting_code,
        restricted_digit_set=meter.has_restricted_digits,
        extended_token=meter.makes_long_tokens,
    )
    if count != token.count:
        raise ValueError(f"a token that adds units has an even count, not {token.count}")
    return digits


def check_wrong(earlier: Sequence[datetime], *, now: datetime) -> None:
    """Whether one more token may be tried, after the wrong ones of these instants.

    Raises:
        Refused: TOO_MANY_ATTEMPTS with the instant of the next try, in the time zone of `now`.
    """
    again_at = next_try_at(earlier, now=now)
    if again_at is not None:
        shown_at = again_at.astimezone(now.tzinfo).isoformat(timespec="seconds")
        message = f"Too many wrong tokens were entered for this panel: the next one is looked at from {shown_at} on."
        raise Refused("TOO_MANY_ATTEMPTS", message, "token")


def next_try_at(earlier: Sequence[datetime], *, now: datetime) -> datetime | None:
    """From when on a token may be tried again; None: now."""
    waits = [again_at for most, within in MAX_WRONG if (again_at := _again_at(earlier, now, most, within))]
    return max(waits, default=None)


def _again_at(earlier: Sequence[datetime], now: datetime, most: int, within: timedelta) -> datetime | None:
    recent = sorted((at for at in earlier if at > now - within), reverse=True)
    return recent[most - 1] + within if len(recent) >= most else None


def check_alone(*, paid: Money | None, units_kwh: Decimal | None) -> None:
    """Whether the token comes alone: it says itself what it does.

    Raises:
        Refused: BAD_INPUT with an amount or units.
    """
    if paid is not None or units_kwh is not None:
        field = "amount" if paid is not None else "unitsKwh"
        raise Refused("BAD_INPUT", "Give the token alone: those of this panel's meter say what they add.", field)
