"""How a register's readings become hours of usage."""

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.hours import HourlyUsage, RegisterHistory, hourly_usage

START = 1_750_000_000.0 - 1_750_000_000.0 % 3600


def read(*points: tuple[float, float], until_hours: float = 1e6) -> HourlyUsage | None:
    """The usage of points (hours after the start, register in kWh)."""
    hours, register_kwh = np.array(points, dtype=float).reshape(-1, 2).T
    history = RegisterHistory(at=START + 3600 * hours, register_kwh=register_kwh)
    return hourly_usage(history, until_s=START + 3600 * until_hours)


def energy(usage: HourlyUsage | None) -> list[float]:
    assert usage is not None
    return [round(float(kwh), 9) for kwh in usage.energy_kwh]


def known(usage: HourlyUsage | None) -> list[float]:
    assert usage is not None
    return [round(float(share), 9) for share in usage.known_share]


def test_each_hour_holds_what_the_register_rose() -> None:
    usage = read((0, 100), (1, 101), (2, 103))
    assert energy(usage) == [1, 2]
    assert known(usage) == [1, 1]


def test_hours_count_back_from_the_newest_reading() -> None:
    usage = read((0, 100), (1.5, 101.5), (2.5, 103.5))
    assert usage is not None
    assert energy(usage) == [0.5, 1, 2]
    assert known(usage) == [0.5, 1, 1]
    assert usage.ends_at_s == START + 2.5 * 3600
    assert list(usage.starts_at_s) == [START - 0.5 * 3600, START + 0.5 * 3600, START + 1.5 * 3600]
    assert usage.span_s == 2.5 * 3600


def test_a_silent_meter_s_usage_is_spread_evenly() -> None:
    assert energy(read((0, 10), (4, 18), (5, 19))) == [2, 2, 2, 2, 1]


def test_a_fall_is_an_unknown_span_and_never_usage() -> None:
    usage = read((0, 500), (1, 501), (2, 0.25), (3, 1.25))
    assert energy(usage) == [1, 0, 1]
    assert known(usage) == [1, 0, 1]


def test_one_reading_that_its_neighbours_contradict_is_left_out() -> None:
    assert energy(read((0, 500), (1, 0), (2, 502), (3, 503))) == [1, 1, 1]
    assert energy(read((0, 500), (1, 9999), (2, 502), (3, 503))) == [1, 1, 1]


def test_order_does_not_matter_and_the_last_of_one_instant_stands() -> None:
    assert energy(read((2, 13), (0, 10), (1, 99), (1, 11))) == [1, 2]


def test_what_lies_after_now_or_is_no_number_is_left_out() -> None:
    assert energy(read((0, 10), (1, 11), (1.5, float("nan")), (2, 13), (3, 99), until_hours=2.5)) == [1, 2]


@pytest.mark.parametrize("points", [(), ((0, 10),), ((0, 10), (0, 11)), ((0, 10), (5, 11))])
def test_fewer_than_two_instants_are_nothing(points: tuple[tuple[float, float], ...]) -> None:
    assert read(*points, until_hours=4) is None


def test_datetimes_and_seconds_mean_the_same() -> None:
    at = np.array(["2025-06-01T00:00", "2025-06-01T01:00", "NaT"], dtype="datetime64[m]")
    usage = hourly_usage(RegisterHistory(at=at, register_kwh=np.array([1.0, 2.0, 9.0])), until_s=2e9)
    assert energy(usage) == [1]
    assert usage
    assert usage.ends_at_s == 1_748_739_600


def test_half_a_year_is_the_most() -> None:
    hours = np.arange(200 * 24 + 1)
    usage = hourly_usage(RegisterHistory(at=START + 3600.0 * hours, register_kwh=hours * 0.5), until_s=1e12)
    assert usage
    assert len(usage.energy_kwh) == 180 * 24
    assert usage.span_s == 180 * 86400
    assert set(energy(usage)) == {0.5}


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 1e6)), min_size=2, max_size=60))
def test_usage_is_never_negative_and_never_more_than_the_rises(points: list[tuple[float, float]]) -> None:
    usage = read(*points)
    if usage is None:
        return
    ordered = [register for _, register in sorted(dict(points).items())]
    assert (usage.energy_kwh >= -1e-6).all()
    assert ((usage.known_share >= -1e-9) & (usage.known_share <= 1 + 1e-9)).all()
    assert usage.energy_kwh.sum() <= sum(max(b - a, 0) for a, b in pairwise(ordered)) + 1e-3


@given(st.lists(st.floats(0, 50), min_size=1, max_size=100), st.randoms())
def test_points_may_come_in_any_order_and_twice(rises_kwh: list[float], random: Random) -> None:
    register_kwh = np.append(0.0, np.cumsum(rises_kwh))
    points = list(enumerate(register_kwh.tolist()))
    shuffled = [*points, *random.choices(points, k=5)]
    random.shuffle(shuffled)
    assert energy(read(*points)) == energy(read(*shuffled))
