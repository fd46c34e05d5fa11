"""Which panels a building's total counts."""

import pytest

from metering.building import counted


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], []),
        (["PM1", "PM2"], ["PM1", "PM2"]),
        (["h:LOAD", "h:SOLAR", "h:BATTERY", "h:GRID_IMPORT", "h:GRID_EXPORT"], ["h:LOAD"]),
        (["h:LOAD", "h:LOAD_METER", "h:SOLAR_INPUT", "h:GRID_IMPORT"], ["h:LOAD", "h:LOAD_METER"]),
        (["h:LOAD_METER", "h:GRID_IMPORT"], ["h:LOAD_METER"]),
        (["h:SOLAR", "h:GRID_IMPORT", "h:GRID_EXPORT"], ["h:GRID_IMPORT"]),
        (["a:LOAD", "b:GRID_IMPORT"], ["a:LOAD", "b:GRID_IMPORT"]),
        (["site:h:LOAD", "site:h:SOLAR", "site:GRID_IMPORT"], ["site:h:LOAD", "site:GRID_IMPORT"]),
        (["SOLAR", ":SOLAR", "h:solar", "plug:0", "plug:1"], ["SOLAR", ":SOLAR", "h:solar", "plug:0", "plug:1"]),
    ],
)
def test_a_hub_counts_by_its_loads_or_what_it_took_from_the_grid(codes: list[str], expected: list[str]) -> None:
    assert counted(codes) == set(expected)
    assert counted([*reversed(codes), *codes]) == set(expected)
