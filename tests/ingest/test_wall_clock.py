"""Wall-clock times without an offset become instants, also on the days on which clocks change."""

from datetime import UTC, datetime

import pytest

from ingest.wall_clock import WallClock


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
    assert WallClock(time_zone).instant(text) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-01-16 24:00:00", "2026-01-16 11:30", "2026-13-01 00:00:00", "٢٠٢٦-01-16 11:30:05"]
)
def test_other_text_is_no_instant(text: str) -> None:
    clock = WallClock("UTC")
    assert clock.instant(text) is None
    assert clock.instant(text) is None


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Asia", "\0"])
def test_an_unknown_time_zone_is_refused_in_plain_words(name: str) -> None:
    with pytest.raises(ValueError, match="an IANA name such as Asia/Jakarta is"):
        WallClock(name)


def test_the_memory_of_converted_times_is_bounded() -> None:
    clock = WallClock("UTC")
    for number in range(10_000):
        clock.instant(f"not a time {number}")
    assert len(clock._instants) <= 4096
