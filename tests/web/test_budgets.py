"""A purse holds a minute's points, comes back evenly, and belongs to one client."""

from datetime import UTC, datetime, timedelta

import pytest

from kilowatch.web.engine.budgets import Budgets, OverBudgetError


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 3, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budgets(clock: Clock) -> Budgets:
    return Budgets(clock)


def test_what_is_left_is_told_and_when_all_of_it_is_there_again(budgets: Budgets) -> None:
    allowance = budgets.spend(150, client=1, limit=600)
    assert (allowance.limit, allowance.remaining, allowance.full_in_s) == (600, 450, 15.0)


def test_points_come_back_evenly(budgets: Budgets, clock: Clock) -> None:
    budgets.spend(600, client=1, limit=600)
    clock.move(10)
    assert budgets.spend(40, client=1, limit=600).remaining == 60
    clock.move(600)
    assert budgets.spend(0, client=1, limit=600).remaining == 600


def test_a_client_that_has_too_little_left_is_told_how_long_to_wait(budgets: Budgets, clock: Clock) -> None:
    budgets.spend(550, client=1, limit=600)
    with pytest.raises(OverBudgetError) as refused:
        budgets.spend(100, client=1, limit=600)
    assert (refused.value.allowance.remaining, refused.value.wait_s) == (50, 5.0)
    clock.move(refused.value.wait_s)
    assert budgets.spend(100, client=1, limit=600).remaining == 0


def test_a_refused_operation_takes_nothing(budgets: Budgets) -> None:
    budgets.spend(550, client=1, limit=600)
    with pytest.raises(OverBudgetError):
        budgets.spend(100, client=1, limit=600)
    assert budgets.spend(50, client=1, limit=600).remaining == 0


def test_clients_have_purses_of_their_own(budgets: Budgets) -> None:
    budgets.spend(600, client=1, limit=600)
    assert budgets.spend(10, client=2, limit=600).remaining == 590
    assert budgets.spend(10, client="10.0.0.1", limit=60).remaining == 50


def test_an_operation_dearer_than_a_whole_budget_is_paid_from_a_full_purse(budgets: Budgets, clock: Clock) -> None:
    assert budgets.spend(900, client=1, limit=600).remaining == 0
    clock.move(30)
    with pytest.raises(OverBudgetError):
        budgets.spend(1, client=1, limit=600)
    clock.move(1)
    assert budgets.spend(10, client=1, limit=600).remaining == 0


def test_a_clock_that_goes_back_gives_nothing(budgets: Budgets, clock: Clock) -> None:
    budgets.spend(600, client=1, limit=600)
    clock.move(-3600)
    with pytest.raises(OverBudgetError):
        budgets.spend(1, client=1, limit=600)


def test_clients_that_asked_longest_ago_are_forgotten(budgets: Budgets) -> None:
    for client in range(50_001):
        budgets.spend(600, client=client, limit=600)
    assert budgets.spend(0, client=0, limit=600).remaining == 600
    with pytest.raises(OverBudgetError):
        budgets.spend(1, client=50_000, limit=600)


def test_what_was_done_already_is_taken_even_from_an_empty_purse(budgets: Budgets, clock: Clock) -> None:
    budgets.spend(600, client=1, limit=600)
    allowance = budgets.take(100, client=1, limit=600)
    assert (allowance.remaining, allowance.full_in_s) == (0, 70.0)
    clock.move(10)
    assert budgets.take(0, client=1, limit=600).full_in_s == 60.0
