"""The load factor is the average demand as a share of the peak."""

from datetime import timedelta
from decimal import Decimal

import pytest

from metering.demand import load_factor

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("energy_kwh", "peak_kw", "length", "expected"),
    [
        (24, 2, DAY, 0.5),
        (25, 1, timedelta(hours=25), 1.0),
        (10, 4, DAY, 0.1042),
        (0, None, DAY, None),
        (49, 2, DAY, None),
        (5, 2, timedelta(0), None),
    ],
    ids=["half", "a long day at its peak", "rounded", "no peak", "energy of a silence", "nothing has passed"],
)
def test_the_load_factor_is_known_where_a_peak_is_and_covers_the_energy(
    energy_kwh: int, peak_kw: int | None, length: timedelta, expected: float | None
) -> None:
    peak_demand_kw = None if peak_kw is None else Decimal(peak_kw)
    assert load_factor(Decimal(energy_kwh), peak_demand_kw=peak_demand_kw, length=length) == expected
