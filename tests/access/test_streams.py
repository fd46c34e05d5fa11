"""Subscriptions, asked for as everybody: how they begin, and what they tell as it happens."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from store.connections import connect
from store.merge import BatchWriter
from tests.access.asking import ENGINE, Asker, asking, strangers_things, subscriptions
from tests.access.conftest import MakeWorld
from tests.access.matrix import HOME, differences
from tests.access.questions import Question, target_of
from tests.access.world import MAY_SEE, NOW, PANELS, SEEDS, World, reading

WITHIN_S = 60
SEES_PANELS = {
    "landlord A": {"A1", "A2", "A3", "X:1"}, "current": {"A1"}, "flatmate": {"A1"},
    "arrived": {"A3"}, "landlord B": {"B1", "X:2"}, "renter": {"A2", "C1"},
    "service": {"A1", "A2", "A3", "X:1"}, "admin": set(PANELS),
}  # fmt: skip
LIVE = "subscription { panelReadings { __typename ... on ReadingReceived { panelCode reading { activePowerKw } } } }"


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
    with make_world(SEEDS - MAY_SEE[person]) as different:
        async with asking(different) as other:
            for question in subscriptions(target_of(base, *HOME[person])):
                answer = await opening(asker, question, person=person)
                assert strangers_things(answer, person=person) == set(), question.name
                again = await opening(other, question, person=person)
                assert differences(answer, again) == [], question.name


async def test_each_is_told_of_readings_of_the_own_panels_alone(scratch: World) -> None:
    async with asking(scratch) as asker, AsyncExitStack() as open_streams:
        streams: dict[str, Any] = {}
        for person in SEES_PANELS:
            executor = asker.executor(LIVE, person=person)
            events: Any = await ENGINE.events(executor)
            open_streams.push_async_callback(events.aclose)
            await asyncio.wait_for(anext(events), WITHIN_S)  # the snapshot
            streams[person] = (executor, events)
        await asyncio.to_thread(_store_for_all, scratch)
        for person, codes in SEES_PANELS.items():
            told = [await _told(*streams[person]) for _ in codes]
            assert set(told) == {(code, float(PANELS[code][0])) for code in codes}, person


def _store_for_all(world: World) -> None:
    """A reading of each panel in one batch, with the panel's number as its power."""
    with connect(world.url) as connection:
        batch = [(number, reading(NOW, 900_000.0, power_kw=float(number))) for number, _, _ in PANELS.values()]
        BatchWriter(connection).write(batch)


async def _told(executor: Any, events: Any) -> tuple[str, float]:
    """The next reading that a stream tells of."""
    while True:
        answer = await ENGINE.answer_of(executor, await asyncio.wait_for(anext(events), WITHIN_S))
        event = answer.body["data"]["panelReadings"]
        if event["__typename"] == "ReadingReceived":
            return event["panelCode"], event["reading"]["activePowerKw"]
