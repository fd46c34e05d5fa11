"""Turns the powers of a long period into the few places where a line through them keeps its shape and its peaks."""

import numpy as np
from tsdownsample import MinMaxLTTBDownsampler

from store.reading_picks import PowerSample

_LEAST_POINTS = 3  # of tsdownsample: what a line needs besides its ends


def picked_places(sample: PowerSample, *, max_points: int) -> list[int]:
    """Up to `max_points`, 2 or more, of the sample's places, ascending; all of them where they are no more.

    The first and the last are among them, and from 4 on the highest and the lowest of all: MinMaxLTTB alone keeps the
    lowest and highest of each bin only for its own second look at them. It takes 2 ms for 500,000.
    """
    places = np.frombuffer(sample.places, ">i8").astype(np.int64)
    lowest, highest = np.frombuffer(sample.lowest_kw, ">f8"), np.frombuffer(sample.highest_kw, ">f8")
    if len(places) <= max_points:
        return places.tolist()
    most = np.array([0, len(places) - 1, highest.argmax(), lowest.argmin()])[:max_points]
    room = max_points - 2
    if room < _LEAST_POINTS:
        return places[np.unique(most)].tolist()
    powers = np.frombuffer(sample.powers_kw, ">f8").astype(np.float64)
    line = MinMaxLTTBDownsampler().downsample(places, powers, n_out=room)  # pyright: ignore[reportUnknownMemberType]
    return places[np.union1d(most, line.astype(np.int64))].tolist()
