"""Lists of many series: a few are worked on at once, and none is read once an answer holds too many points."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from resolvers import context
from tests.api.conftest import NOW, Site, reading


@pytest.fixture
def twelve(site: Site) -> Site:
    for number in range(12):
        site.add_panel(f"PM{number:02}")
        site.load(f"PM{number:02}", [reading(NOW - timedelta(minutes=place), 1.0, 0.5) for place in range(1, 11)])
    return site


class Running:
    """How many statements run, have run, and ran at once at the most."""

    def __init__(self) -> None:
        self.now = self.all = self.most = 0

    def __enter__(self) -> None:
        self.now, self.all = self.now + 1, self.all + 1
        self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        self.now -= 1


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    found, execute = Running(), psycopg.AsyncCursor.execute

    async def counted(self: psycopg.AsyncCursor, query: str, *args: object, **kwargs: object) -> psycopg.AsyncCursor:
        with found:
            return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    return found


@pytest.mark.parametrize(
    "selection",
    [
        "readings { atMs activePowerKw }",
        "readings(maxPoints: 2, downsampling: MIN_MAX_LTTB) { atMs }",
        "readings { missing { from } }",
        "readingHistory { nodes { at } }",
        "gaps { from }",
        "a: demand { energyKwh } b: demand { energyKwh }",
        "a: usageProfile { firstDay } b: usageProfile { firstDay }",
    ],
)
async def test_four_series_of_a_list_are_read_at_once_at_the_most(
    twelve: Site, running: Running, selection: str
) -> None:
    data = await twelve.ask(f"{{ panels(first: 12) {{ nodes {{ {selection} }} }} }}")
    assert len(data["panels"]["nodes"]) == 12
    assert running.most <= context.AT_ONCE


@pytest.mark.parametrize("selection", ["readings { atMs }", "readingHistory { nodes { at } }"])
async def test_no_series_is_read_after_an_answer_holds_too_many_points(
    twelve: Site, running: Running, monkeypatch: pytest.MonkeyPatch, selection: str
) -> None:
    monkeypatch.setattr(context, "MAX_POINTS", 15)
    body = await twelve.answer(f"{{ panels(first: 12) {{ nodes {{ {selection} }} }} }}")
    assert {error["extensions"]["code"] for error in body["errors"]} == {"TOO_MANY_POINTS"}
    assert running.all <= 1 + 2 + context.AT_ONCE
