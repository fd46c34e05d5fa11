"""Wall-clock times without an offset become instants, also on the days on which clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.wall_clock import WallClock

RECEIVED_AT = datetime(2026, 1, 16, 4, 30, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time_zone", "text", "expected"),
    [
        ("Asia/Jakarta", "2026-01-16 11:30:05", datetime(2026, 1, 16, 4, 30, 5, tzinfo=UTC)),
        ("Asia/Kathmandu", "2026-01-16 00:00:00", datetime(2026, 1, 15, 18, 15, tzinfo=UTC)),
        ("Europe/Berlin", "2026-10-25 01:59:59", datetime(2026, 10, 24, 23, 59, 59, tzinfo=UTC)),
        ("Europe/Berlin", "2026-10-25 02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("Europe/Berlin", "2026-10-25 03:00:00", datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
        ("Europe/Berlin", "2026-03-29 02:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("Europe/Berlin", "2026-03-29 03:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
    ],
)
def test_a_wall_time_is_one_instant(time_zone: str, text: str, expected: datetime) -> None:
    assert WallClock(time_zone).instant(text, received_at=RECEIVED_AT) == expected


# When clocks are turned back, and by how much.
TURNED_BACK = {
    "Europe/Berlin": (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), timedelta(hours=1)),
    "Atlantic/Azores": (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), timedelta(hours=1)),
    "America/Havana": (datetime(2026, 11, 1, 5, 0, tzinfo=UTC), timedelta(hours=1)),
    "Australia/Lord_Howe": (datetime(2026, 4, 4, 15, 0, tzinfo=UTC), timedelta(minutes=30)),
}


@given(st.sampled_from(sorted(TURNED_BACK)), st.integers(-7200, 7200), st.integers(-899, 899))
def test_a_time_shown_twice_is_the_passing_nearer_to_its_arrival(time_zone: str, second: int, delay_s: int) -> None:
    turned_at, _ = TURNED_BACK[time_zone]
    at = turned_at + timedelta(seconds=second)
    text = f"{at.astimezone(ZoneInfo(time_zone)):%Y-%m-%d %H:%M:%S}"
    assert WallClock(time_zone).instant(text, received_at=at + timedelta(seconds=delay_s)) == at


@pytest.mark.parametrize("time_zone", TURNED_BACK)
def test_the_same_clock_tells_both_passings_apart(time_zone: str) -> None:
    turned_at, by = TURNED_BACK[time_zone]
    clock = WallClock(time_zone)
    text = f"{turned_at.astimezone(ZoneInfo(time_zone)):%Y-%m-%d %H:%M:%S}"
    assert clock.instant(text, received_at=turned_at - by) == turned_at - by
    assert clock.instant(text, received_at=turned_at) == turned_at


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-01-16 24:00:00", "2026-01-16 11:30", "2026-13-01 00:00:00", "٢٠٢٦-01-16 11:30:05"]
)
def test_other_text_is_no_instant(text: str) -> None:
    clock = WallClock("UTC")
    assert clock.instant(text, received_at=RECEIVED_AT) is None
    assert clock.instant(text, received_at=RECEIVED_AT) is None


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Asia", "\0"])
def test_an_unknown_time_zone_is_refused_in_plain_words(name: str) -> None:
    with pytest.raises(ValueError, match="an IANA name such as Asia/Jakarta is"):
        WallClock(name)


def test_the_memory_of_converted_times_is_bounded() -> None:
    clock = WallClock("UTC")
    for number in range(10_000):
        clock.instant(f"not a time {number}", received_at=RECEIVED_AT)
    assert len(clock._instants) <= 4096
