"""Which local hour an instant falls into, and where local days start."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from forecasting.local_time import day_starts, hour_starts, hours_of_day


@pytest.mark.parametrize(
    "zone", ["UTC", "Asia/Jakarta", "Asia/Kolkata", "Europe/Berlin", "Africa/Casablanca", "Australia/Lord_Howe"]
)
def test_each_hour_of_a_year_is_the_clock_s(zone: str) -> None:
    time_zone = ZoneInfo(zone)
    at_s = datetime(2025, 1, 1, tzinfo=UTC).timestamp() + 3600.0 * np.arange(365 * 24) + 1800
    expected = [datetime.fromtimestamp(at, tz=time_zone).hour for at in at_s]
    assert hours_of_day(at_s, time_zone=time_zone).tolist() == expected


def test_no_instants_have_no_hours() -> None:
    assert hours_of_day(np.array([]), time_zone=UTC).tolist() == []


def test_days_start_at_the_coming_midnights() -> None:
    now = datetime(2025, 6, 1, 20, tzinfo=UTC)
    assert day_starts(now, days=2, time_zone=ZoneInfo("Asia/Jakarta")) == [
        datetime(2025, 6, 2, 17, tzinfo=UTC),
        datetime(2025, 6, 3, 17, tzinfo=UTC),
        datetime(2025, 6, 4, 17, tzinfo=UTC),
    ]


def test_days_of_23_and_25_hours_keep_their_length() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    spring = day_starts(datetime(2025, 3, 28, 12, tzinfo=UTC), days=3, time_zone=berlin)
    autumn = day_starts(datetime(2025, 10, 24, 12, tzinfo=UTC), days=3, time_zone=berlin)
    lengths = [[(b - a) / timedelta(hours=1) for a, b in pairwise(days)] for days in (spring, autumn)]
    assert lengths == [[24, 23, 24], [24, 25, 24]]


def test_hours_start_with_the_coming_whole_hour_of_utc() -> None:
    nine = datetime(2025, 6, 1, 9, tzinfo=UTC)
    assert hour_starts(nine, hours=1) == [nine, nine + timedelta(hours=1)]
    later = datetime(2025, 6, 1, 14, 40, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert hour_starts(later, hours=1) == [nine + timedelta(hours=1), nine + timedelta(hours=2)]
