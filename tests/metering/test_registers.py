"""What a register does that is no usage is told apart, in whatever order its readings become known."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.registers import LOOK_BACK, Course, EventKind, RegisterReading, full_hour, is_regular

START = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
RESET, ROLLOVER, SWAP, GLITCH = EventKind.RESET, EventKind.ROLLOVER, EventKind.METER_SWAP, EventKind.GLITCH


def spaced(registers: Sequence[float], *, every_s: int = 60) -> list[RegisterReading]:
    return [RegisterReading(START + timedelta(seconds=every_s * place), kwh) for place, kwh in enumerate(registers)]


def judged(readings: Sequence[RegisterReading]) -> tuple[list[int], list[EventKind]]:
    judgement = Course(readings, is_beginning=True).judged(0, len(readings))
    return sorted(judgement.glitches), [event.kind for event in judgement.events]


EXAMPLES: dict[str, tuple[list[float], list[int], list[EventKind]]] = {
    "nothing": ([], [], []),
    "rises": ([100, 100, 101.5], [], []),
    "a fall that was the last word": ([100.0, 0.5], [], [RESET]),
    "a reset": ([5000.0, 0.0, 0.25, 0.5, 0.75, 1, 1.25, 1.5], [], [RESET]),
    "one zero": ([98_412, 98_412.01, 0, 98_412.02], [2], [GLITCH]),
    "zeros": ([98_412, 0, 0, 0, 0, 0, 98_412.02], [1, 2, 3, 4, 5], [GLITCH]),
    "more zeros than a glitch has": ([98_412, 0, 0, 0, 0, 0, 0, 98_412.02], [], [RESET, SWAP]),
    "every second one a zero": ([500, 0, 500.1, 0, 500.2, 0, 500.3], [1, 3, 5], [GLITCH] * 3),
    "one peak": ([98_412, 999_999, 98_412.02], [1], [GLITCH]),
    "a peak that might be a rise": ([100, 130, 100.1, 100.2], [1], [GLITCH]),
    "another meter with less": ([98_412, 512.5, 512.6], [], [SWAP]),
    "another meter with more": ([1.5, 98_412, 98_412.25], [], [SWAP]),
    "five digits": ([99_999.9, 0.1, 0.2], [], [ROLLOVER]),
    "32 bits of Wh": ([4_294_967.2, 0.004, 0.01], [], [ROLLOVER]),
    "from nearly full to zero, too far": ([99_900.0, 0.1, 0.2], [], [RESET]),
}


@pytest.mark.parametrize(("registers", "glitches", "kinds"), EXAMPLES.values(), ids=EXAMPLES)
def test_what_a_register_did_is_told(registers: list[float], glitches: list[int], kinds: list[EventKind]) -> None:
    assert judged(spaced(registers)) == (glitches, kinds)


def test_a_single_fault_is_one_however_long_it_was_silent() -> None:
    assert judged(spaced([1500, 0, 1500.2], every_s=90_000)) == ([1], [GLITCH])
    assert judged(spaced([1500, 0, 0, 0, 1500.2], every_s=3600)) == ([], [RESET])


def test_a_rollover_uses_what_was_left_and_what_came_after() -> None:
    readings = spaced([99_999.9, 0.123456])
    (event,) = Course(readings, is_beginning=True).judged(0, 2).events
    assert (event.usage_kwh, event.before, event.after_kwh) == (Decimal("0.223456"), readings[0], 0.123456)


def test_a_glitch_says_from_where_usage_goes_on_and_how_long_it_took() -> None:
    readings = spaced([98_412, 0, 0, 98_412.02])
    (event,) = Course(readings, is_beginning=True).judged(0, 4).events
    assert (event.before, event.at, event.ends_at) == (readings[0], readings[1].at, readings[2].at)
    assert (event.after_kwh, event.reading_count) == (0, 2)


@pytest.mark.parametrize(
    ("registers", "expected"),
    [([], True), ([1, 2, 3], True), ([9, 1, 2], False), ([9, *range(1, 7)], False), ([9, *range(1, 8)], True)],
)
def test_what_came_last_is_settled_after_six_regular_steps(registers: list[float], *, expected: bool) -> None:
    assert Course(spaced(registers), is_beginning=True).is_settled is expected


def course_of(random: Random) -> list[RegisterReading]:
    """A register that rises, with zeros, peaks, resets, swaps, silences, and stretches of nothing but noise."""
    readings: list[RegisterReading] = []
    at, kwh = START, random.choice([0.0, 50.0, 9_999.0, 98_412.0])
    for _ in range(random.randint(1, 25)):
        every_s = random.choice([1, 60, 60, 900, 7200])
        noise = random.choice([0.0, 0.0, 0.1, 0.5, 1.0])
        for _ in range(random.choice([1, 3, 10, 30])):
            at += timedelta(seconds=every_s)
            kwh += random.choice([0, 0.01, 0.1])
            is_noise = random.random() < noise
            readings.append(RegisterReading(at, random.choice([0, kwh / 2, kwh + 20, 999_999]) if is_noise else kwh))
        kwh = random.choice([kwh, kwh, kwh, 0.0, kwh * 1.5, kwh / 3])
    return readings


def window(readings: Sequence[RegisterReading], place: int) -> tuple[Course, int]:
    """What is known of a register where only LOOK_BACK readings before the hour of the one before are read."""
    before_at = readings[max(0, place - 1)].at
    hour = next(number for number, one in enumerate(readings) if one.at >= full_hour(before_at))
    first = max(0, min(hour, place) - LOOK_BACK)
    return Course(readings[first:], is_beginning=first == 0), first


@settings(max_examples=80, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_the_readings_around_a_place_tell_what_all_of_them_tell(random: Random) -> None:
    readings = course_of(random)
    whole = Course(readings, is_beginning=True)
    everything = whole.judged(0, len(readings))
    for place in random.sample(range(len(readings)), min(5, len(readings))):
        course, first = window(readings, place)
        start = course.start_before(place - first)
        assert start is not None
        assert start <= max(0, place - first - 1)
        found = course.judged(start, len(readings) - first)
        assert {first + number for number in found.glitches} == {
            number for number in everything.glitches if number >= first + start
        }
        since = readings[first + start].at
        assert list(found.events) == [event for event in everything.events if event.at >= since]


@settings(max_examples=80, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_a_late_reading_changes_nothing_outside_of_the_span_that_is_judged_again(random: Random) -> None:
    readings = course_of(random)
    late = random.randrange(len(readings))
    before = Course(readings[:late] + readings[late + 1 :], is_beginning=True)
    kept = before.judged(0, len(readings) - 1)
    after = Course(readings, is_beginning=True)
    start, end = after.start_before(late), after.end_after(late)
    assert start is not None
    end = len(readings) if end is None else end
    again = after.judged(start, end)
    stayed = {number + (number >= late) for number in kept.glitches}
    everything = after.judged(0, len(readings))
    assert everything.glitches == again.glitches | {number for number in stayed if not start <= number < end}


@settings(max_examples=80, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_usage_is_never_negative_nor_more_than_plausible(random: Random) -> None:
    readings = course_of(random)
    judgement = Course(readings, is_beginning=True).judged(0, len(readings))
    irregular = {event.at for event in judgement.events if event.kind is not GLITCH}
    chain = [one for place, one in enumerate(readings) if place not in judgement.glitches]
    for before, after in pairwise(chain):
        assert is_regular(before, after) or after.at in irregular or after.at.hour != before.at.hour
    assert all(event.usage_kwh >= 0 for event in judgement.events)
