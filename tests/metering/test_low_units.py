"""The rule that warns once a crossing."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.low_units import REARM_MARGIN, Decision, days_until, decide

NOW = datetime(2025, 3, 4, 12, tzinfo=UTC)


@dataclass(slots=True)
class Rule:
    """A rule that acts on its decisions, as the job does."""

    threshold: Decimal
    is_armed: bool = True
    alerts: list[Decimal] = field(default_factory=list)

    def see(self, level: Decimal | None, *, has_topped_up: bool = False) -> Decision:
        decision = decide(is_armed=self.is_armed, level=level, threshold=self.threshold, has_topped_up=has_topped_up)
        if decision is Decision.ALERT:
            self.is_armed = False
            self.alerts.append(level or Decimal(0))
        if decision is Decision.REARM:
            self.is_armed = True
        return decision


@pytest.mark.parametrize(
    ("is_armed", "level", "has_topped_up", "expected"),
    [
        (True, "5.001", False, Decision.NOTHING),
        (True, "5.000", False, Decision.ALERT),
        (True, "4.999", False, Decision.ALERT),
        (True, "-2", False, Decision.ALERT),
        (True, "4", True, Decision.ALERT),
        (True, None, False, Decision.NOTHING),
        (False, "4.999", False, Decision.NOTHING),
        (False, "5.001", False, Decision.NOTHING),
        (False, "5.499", False, Decision.NOTHING),
        (False, "5.500", False, Decision.REARM),
        (False, "5.001", True, Decision.REARM),
        (False, "5.000", True, Decision.NOTHING),
        (False, "4.999", True, Decision.NOTHING),
        (False, None, False, Decision.REARM),
        (False, None, True, Decision.REARM),
    ],
)
def test_a_rule_of_five_decides(
    is_armed: bool,  # noqa: FBT001
    level: str | None,
    has_topped_up: bool,  # noqa: FBT001
    expected: Decision,
) -> None:
    given_level = None if level is None else Decimal(level)
    decision = decide(is_armed=is_armed, level=given_level, threshold=Decimal(5), has_topped_up=has_topped_up)
    assert decision is expected


levels = st.decimals(min_value=-100, max_value=1000, places=3)
thresholds = st.decimals(min_value=Decimal("0.001"), max_value=500, places=3)


@given(st.lists(levels, max_size=200), thresholds)
def test_falling_units_warn_once(seen: list[Decimal], threshold: Decimal) -> None:
    rule = Rule(threshold)
    for level in sorted(seen, reverse=True):
        rule.see(level)
    assert len(rule.alerts) == (1 if any(level <= threshold for level in seen) else 0)


@given(thresholds, st.lists(st.decimals(min_value=-1, max_value=1, places=4), min_size=1, max_size=200))
def test_noise_around_the_threshold_never_flaps(threshold: Decimal, noise: list[Decimal]) -> None:
    rule = Rule(threshold)
    margin = threshold * (REARM_MARGIN - 1)
    for part in noise:
        rule.see(threshold + part * margin * Decimal("0.999"))
    assert len(rule.alerts) <= 1


@given(st.lists(st.one_of(st.none(), levels), max_size=200), thresholds)
def test_between_two_alerts_units_were_plenty(seen: list[Decimal | None], threshold: Decimal) -> None:
    rule = Rule(threshold)
    since_alert: list[Decimal | None] = []
    for level in seen:
        if rule.see(level) is Decision.ALERT:
            is_first = len(rule.alerts) == 1
            assert is_first or any(past is None or past >= threshold * REARM_MARGIN for past in since_alert)
            since_alert = []
        since_alert.append(level)


@given(st.lists(st.tuples(levels, st.booleans()), max_size=200), thresholds)
def test_every_alert_is_at_or_below_the_threshold(seen: list[tuple[Decimal, bool]], threshold: Decimal) -> None:
    rule = Rule(threshold)
    for level, has_topped_up in seen:
        rule.see(level, has_topped_up=has_topped_up)
    assert all(level <= threshold for level in rule.alerts)


@given(levels, thresholds, st.booleans())
def test_deciding_twice_on_the_same_level_warns_once(
    level: Decimal,
    threshold: Decimal,
    has_topped_up: bool,  # noqa: FBT001
) -> None:
    rule = Rule(threshold)
    rule.see(level, has_topped_up=has_topped_up)
    rule.see(level)
    assert len(rule.alerts) <= 1


def test_a_rule_set_while_already_below_warns_at_once_and_once() -> None:
    rule = Rule(Decimal(5))
    decisions = [rule.see(Decimal(3)), rule.see(Decimal("2.9")), rule.see(Decimal("2.9"))]
    assert decisions == [Decision.ALERT, Decision.NOTHING, Decision.NOTHING]


def test_days_left_count_down_to_zero_and_stay_there() -> None:
    assert days_until(NOW + timedelta(days=2, hours=12), now=NOW) == Decimal("2.5")
    assert days_until(NOW - timedelta(days=1), now=NOW) == 0
    assert days_until(None, now=NOW) is None
