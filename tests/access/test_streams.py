"""Subscriptions, asked for as everybody: how they begin, and what they tell as it happens."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from forecasting.refresh import refresh_stale
from store.connections import connect
from store.merge import BatchWriter
from tests.access.asking import CORE, ENGINE, Asker, asking, strangers_things, subscriptions
from tests.access.conftest import MakeWorld
from tests.access.matrix import HOME, asking_where_others_differ, differences
from tests.access.questions import Question, target_of
from tests.access.world import ACCOUNTS, HOUR, MAY_SEE, NOW, PANELS, World, reading
from tests.live.test_hub import raise_alert

WITHIN_S = 60
SEES_PANELS = {
    "landlord A": {"A1", "A2", "A3", "X:1"}, "current": {"A1"}, "flatmate": {"A1"},
    "arrived": {"A3"}, "landlord B": {"B1", "X:2"}, "renter": {"A2", "C1"},
    "service": {"A1", "A2", "A3", "X:1"}, "admin": set(PANELS),
    "former": set[str](), "next": set[str](), "outsider": set[str](),
}  # fmt: skip
LATER = NOW + HOUR / 2
"""When all panels have been silent for a while, on the same day."""


async def opening(asker: Asker, question: Question, *, person: str) -> Any:
    """The first answer of a subscription, but for its places in the stream."""
    executor = asker.executor(question.text, person=person)
    events: Any = await ENGINE.events(executor)
    if not hasattr(events, "__anext__"):
        return [error["extensions"]["code"] for error in events.body["errors"]]
    try:
        answer = await ENGINE.answer_of(executor, await asyncio.wait_for(anext(events), WITHIN_S))
    finally:
        await events.aclose()
    return _without_places(answer.body)


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_places(one) for key, one in value.items() if not key.endswith(("cursor", "_at"))}
    return [_without_places(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("person", MAY_SEE)
async def test_no_stream_begins_with_what_is_not_the_persons(
    base: World, asker: Asker, make_world: MakeWorld, person: str
) -> None:
    async with asking_where_others_differ(make_world, person=person) as other:
        for question in subscriptions(target_of(base, *HOME[person])):
            answer = await opening(asker, question, person=person)
            assert strangers_things(answer, person=person) == set(), question.name
            again = await opening(other, question, person=person)
            assert differences(answer, again) == [], question.name


async def _meters_report(asker: Asker) -> None:
    """Stores a reading of each panel in one batch, with the panel's number as its power."""

    def store() -> None:
        with connect(asker.world.url) as connection:
            numbers = [number for number, _, _ in PANELS.values()]
            BatchWriter(connection).write([(one, reading(LATER, 900_000.0, power_kw=float(one))) for one in numbers])

    await asyncio.to_thread(store)


async def _forecasts_are_made(asker: Asker) -> None:
    """Forecasts each panel."""
    await refresh_stale(asker.services.pool, now=LATER, min_interval=timedelta(0))


HAPPENS = {
    "panelReadings": (_meters_report, set(PANELS)),
    "panelStatus": (_meters_report, set(PANELS)),
    "usageToday": (_meters_report, set(PANELS)),
    "depletionForecast": (_forecasts_are_made, {"A1", "A2", "B1", "C1", "N1"}),
}
"""What makes each of the streams about panels go on, and at which panels: of X there is no balance, A3 is silent."""


def test_no_stream_is_left_out() -> None:
    assert CORE.subscription_type
    assert {*CORE.subscription_type.fields} == {*HAPPENS, "alerts"}


@dataclass(frozen=True, slots=True)
class Listener:
    """A subscription of somebody, after its snapshot."""

    executor: Any
    events: Any

    async def told(self, count: int) -> list[dict[str, Any]]:
        """What it is told: so many events, and whatever else comes before a second of silence."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(WITHIN_S):
            while True:
                answer = await ENGINE.answer_of(self.executor, await anext(self.events))
                (event,) = answer.body["data"].values()
                if event["__typename"] != "Heartbeat":
                    found.append({name.rpartition("_")[2]: value for name, value in event.items()})
                elif len(found) >= count:
                    return found


@asynccontextmanager
async def listening(asker: Asker, name: str) -> AsyncGenerator[dict[str, Listener]]:
    """A stream of each person, of all that is theirs."""
    target = target_of(asker.world, *HOME["landlord A"])
    question = next(one for one in subscriptions(target) if one.name == name)
    async with AsyncExitStack() as opened:
        listeners: dict[str, Listener] = {}
        for person in SEES_PANELS:
            executor = asker.executor(question.text, person=person)
            events: Any = await ENGINE.events(executor)
            opened.push_async_callback(events.aclose)
            await asyncio.wait_for(anext(events), WITHIN_S)
            listeners[person] = Listener(executor, events)
        yield listeners


async def all_told(
    listeners: dict[str, Listener], expected: Mapping[str, Collection[str]]
) -> dict[str, list[dict[str, Any]]]:
    """What everybody is told; who is to be told nothing listens until the others have been told everything."""
    found: dict[str, list[dict[str, Any]]] = {}
    for has_news in (True, False):
        people = [person for person, news in expected.items() if bool(news) == has_news]
        told = await asyncio.gather(*(listeners[person].told(len(expected[person])) for person in people))
        found.update(zip(people, told, strict=True))
    return found


@pytest.mark.parametrize("name", HAPPENS)
async def test_each_is_told_of_the_own_panels_alone(scratch: World, name: str) -> None:
    happens, panels = HAPPENS[name]
    async with asking(scratch, now=LATER) as asker, listening(asker, name) as listeners:
        await happens(asker)
        seen = {person: codes & panels for person, codes in SEES_PANELS.items()}
        for person, told in (await all_told(listeners, seen)).items():
            assert sorted(map(_panel_of, told)) == sorted(seen[person]), person
            assert person == "admin" or strangers_things(told, person=person) == set()
            if name == "panelReadings":
                assert all(event["reading"]["activePowerKw"] == PANELS[_panel_of(event)][0] for event in told)


def _panel_of(event: dict[str, Any]) -> str:
    return event["panelCode"] if "panelCode" in event else event["state"]["panelCode"]


async def test_each_is_told_of_the_own_alerts_alone(scratch: World) -> None:
    async with asking(scratch) as asker, listening(asker, "alerts") as listeners:
        raised = {
            person: await raise_alert(scratch.url, account_id=ACCOUNTS[person][0], panel_id=PANELS[min(codes)][0])
            for person, codes in SEES_PANELS.items()
            if codes
        }
        own = {person: [str(raised[person])] if person in raised else [] for person in listeners}
        for person, told in (await all_told(listeners, own)).items():
            assert [event["alert"]["id"] for event in told] == own[person], person
