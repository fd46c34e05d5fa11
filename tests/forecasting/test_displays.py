"""What was used, by what the display showed and what was bought in between."""

from itertools import pairwise

import pytest

from forecasting.displays import UNKNOWN_FALL_KWH, register_of, register_of_displays
from store.forecast_inputs import CreditRow, ForecastInputs, RegisterPoints

DAY_S = 86_400.0
NOTHING = RegisterPoints([], [])


def shown(day: float, kwh: float) -> CreditRow:
    return CreditRow(day * DAY_S, kwh, 0.0)


def bought(day: float, kwh: float) -> CreditRow:
    return CreditRow(day * DAY_S, None, kwh)


def test_between_two_looks_was_used_what_was_left_and_bought_less_what_is() -> None:
    points = register_of_displays([bought(0, 9), shown(1, 50), bought(3, 20), shown(8, 35), shown(15, 0)])
    assert points == RegisterPoints([DAY_S, 8 * DAY_S, 15 * DAY_S], [0.0, 35.0, 70.0])


def test_a_purchase_that_nobody_typed_in_leaves_an_unknown_span_and_never_hides_usage() -> None:
    points = register_of_displays([shown(0, 20), shown(7, 8), shown(14, 60), shown(21, 40)])
    assert points.register_kwh == [0.0, 12.0, 12.0 - UNKNOWN_FALL_KWH, 32.0 - UNKNOWN_FALL_KWH]


def test_without_a_look_at_the_display_nothing_is_known() -> None:
    assert register_of_displays([bought(0, 20), bought(5, 20)]) == NOTHING


def test_displays_go_on_where_the_register_fell_silent() -> None:
    metered = RegisterPoints([0.0, DAY_S], [0.0, 10.0])
    inputs = ForecastInputs(None, metered, [bought(3, 5), shown(6, 20), shown(8, 12)], left_kwh=40.0)
    assert register_of(inputs) == RegisterPoints([0.0, DAY_S, 6 * DAY_S, 8 * DAY_S], [0.0, 10.0, 35.0, 43.0])


def test_a_register_from_before_the_ledger_does_not_say_what_was_used_up_to_the_first_look() -> None:
    metered = RegisterPoints([0.0, DAY_S], [0.0, 10.0])
    inputs = ForecastInputs(None, metered, [shown(6, 20), shown(8, 12)], left_kwh=None)
    assert register_of(inputs) == RegisterPoints(
        [0.0, DAY_S, 6 * DAY_S, 8 * DAY_S], [0.0, 10.0, 10.0 - UNKNOWN_FALL_KWH, 18.0 - UNKNOWN_FALL_KWH]
    )


def test_a_register_that_is_heard_is_all_there_is() -> None:
    metered = RegisterPoints([0.0, DAY_S], [0.0, 10.0])
    assert register_of(ForecastInputs(None, metered, [], left_kwh=None)) is metered


def test_displays_say_what_was_used_until_the_register_begins() -> None:
    metered = RegisterPoints([20 * DAY_S, 20 * DAY_S + 71], [0.0, 0.4])
    inputs = ForecastInputs(None, metered, [shown(1, 50), bought(3, 20), shown(8, 35), shown(15, 0)], left_kwh=None)
    joined = register_of(inputs)
    assert joined.at_s == [DAY_S, 8 * DAY_S, 15 * DAY_S, 20 * DAY_S, 20 * DAY_S + 71]
    fall = 70.0 - UNKNOWN_FALL_KWH
    assert joined.register_kwh == pytest.approx([0.0, 35.0, 70.0, fall, fall + 0.4])


def test_one_look_before_the_register_begins_says_nothing() -> None:
    metered = RegisterPoints([20 * DAY_S, 20 * DAY_S + 71], [0.0, 0.4])
    assert register_of(ForecastInputs(None, metered, [shown(1, 50), bought(3, 20)], left_kwh=None)) == metered


def test_displays_say_what_was_used_between_an_old_register_and_a_new_one() -> None:
    metered = RegisterPoints([0.0, DAY_S, 30 * DAY_S, 31 * DAY_S], [0.0, 12.0, 12.5, 24.5])
    inputs = ForecastInputs(None, metered, [shown(2, 300), shown(12, 180), shown(29, 0)], left_kwh=None)
    joined = register_of(inputs)
    assert joined.at_s == [day * DAY_S for day in (0, 1, 2, 12, 29, 30, 31)]
    rises = [after - before for before, after in pairwise(joined.register_kwh)]
    assert rises == pytest.approx([12, -UNKNOWN_FALL_KWH, 120, 180, -UNKNOWN_FALL_KWH, 12])


def test_a_register_that_was_read_once_a_month_says_more_than_the_looks_in_between() -> None:
    metered = RegisterPoints([0.0, 30 * DAY_S, 60 * DAY_S], [0.0, 360.0, 720.0])
    looks = [shown(35, 100), bought(40, 200), shown(45, 180), shown(55, 60)]
    assert register_of(ForecastInputs(None, metered, looks, left_kwh=None)) == metered
