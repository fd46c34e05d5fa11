"""Picks among many powers: few enough, real ones, and none of the peaks lost."""

import struct

from hypothesis import example, given
from hypothesis import strategies as st

from resolvers.downsampling import picked_places
from store.reading_picks import PowerSample

powers_kw = st.lists(st.floats(-1e6, 1e6), max_size=2000)


def sample(powers: list[float], *, every_us: int = 10_000_000) -> PowerSample:
    places = [place * every_us for place in range(len(powers))]
    sent = struct.pack(f">{len(powers)}d", *powers)
    return PowerSample(struct.pack(f">{len(powers)}q", *places), sent, sent, sent)


def picked(powers: list[float], *, max_points: int) -> list[int]:
    """Which of the powers were picked, by their numbers."""
    return [place // 10_000_000 for place in picked_places(sample(powers), max_points=max_points)]


@given(powers=powers_kw, max_points=st.integers(2, 500))
@example(powers=[], max_points=2)
@example(powers=[1.0] * 1000, max_points=100)
def test_picks_are_few_enough_in_order_and_hold_both_ends_and_the_extremes(
    powers: list[float], max_points: int
) -> None:
    found = picked(powers, max_points=max_points)
    assert found == sorted(set(found))
    assert len(found) <= max_points
    if len(powers) <= max_points:
        assert found == list(range(len(powers)))
        return
    assert (found[0], found[-1]) == (0, len(powers) - 1)
    if max_points >= 4:
        kept = [powers[number] for number in found]
        assert (min(kept), max(kept)) == (min(powers), max(powers))


@given(
    spikes=st.lists(st.integers(1, 98), min_size=1, max_size=10, unique=True),
    height_kw=st.sampled_from([5.0, -5.0]),
)
def test_every_lone_spike_of_a_quiet_day_is_picked(spikes: list[int], height_kw: float) -> None:
    powers = [0.0] * 8640
    for spike in spikes:
        powers[spike * 86] = height_kw
    assert {spike * 86 for spike in spikes} <= set(picked(powers, max_points=600))


@given(max_points=st.integers(300, 2000))
def test_a_pick_of_a_line_that_swings_is_never_between_its_ups_and_downs(max_points: int) -> None:
    powers = [float(number % 864) if number % 2 else -float(number % 864) for number in range(8640)]
    for number in picked(powers, max_points=max_points)[1:-1]:
        around = powers[max(0, number - 1) : number + 2]
        assert powers[number] in (min(around), max(around))
