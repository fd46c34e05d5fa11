"""Turns what is left, and whether the rule has warned already, into one alert a crossing and no flapping."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

REARM_MARGIN = Decimal("1.1")
"""What is left must reach this many times the threshold before a rule warns again without a top-up."""

MAX_THRESHOLD_KWH = Decimal(1_000_000)
MAX_THRESHOLD_DAYS = Decimal(365)

_SECONDS_A_DAY = 86_400


class Unit(Enum):
    """What a low-units rule counts: units (kWh), or the days that they are expected to last."""

    KWH = "KWH"
    DAYS = "DAYS"


@dataclass(frozen=True, slots=True)
class Threshold:
    """Warn when this much or less is left; greater than zero."""

    unit: Unit
    value: Decimal


class Decision(Enum):
    """What a rule does about what is left now."""

    NOTHING = "NOTHING"
    ALERT = "ALERT"
    REARM = "REARM"


def decide(*, is_armed: bool, level: Decimal | None, threshold: Decimal, has_topped_up: bool) -> Decision:
    """Whether to warn, to get ready to warn again, or to do nothing.

    `level` is what is left in the threshold's unit; None means more than can be foreseen, so plenty.
    `has_topped_up`: credit was bought since the last alert. An armed rule warns at the threshold or below it and is
    then disarmed; it is armed again at 1.1 times the threshold, or above the threshold after a top-up. Usage that
    wavers around the threshold therefore warns once.
    """
    if is_armed:
        is_low = level is not None and level <= threshold
        return Decision.ALERT if is_low else Decision.NOTHING
    is_plenty = level is None or level >= threshold * REARM_MARGIN
    is_lifted = has_topped_up and level is not None and level > threshold
    return Decision.REARM if is_plenty or is_lifted else Decision.NOTHING


def days_until(depletes_at: datetime | None, *, now: datetime) -> Decimal | None:
    """Days from now until the units run out, zero once they have; None stays None: beyond the horizon."""
    if depletes_at is None:
        return None
    seconds = Decimal(max((depletes_at - now).total_seconds(), 0.0))
    return (seconds / _SECONDS_A_DAY).quantize(Decimal("0.0001"))
