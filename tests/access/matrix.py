"""Compares what people are answered: about what is theirs, what is others', and in worlds where others' is different.

Answers are looked at in two ways. What belongs to somebody is marked, so that it is seen where it should not be; and
whatever is not marked, such as counts, sums and the order of lists, is compared with the answer of a world in which all
that the person may not see is different.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from psycopg import sql

from tests.access.asking import Asker, asking, mutations, plain, queries, strangers_things, without
from tests.access.conftest import MakeWorld
from tests.access.questions import Question, Target, target_of
from tests.access.world import FORMER_FROM, HOUR, MAY_SEE, SEEDS, World

HOME = {
    "landlord A": ("current", "A1"), "former": ("former", "A1"), "current": ("current", "A1"),
    "flatmate": ("current", "A1"), "next": ("next", "A1"), "landlord B": ("B", "B1"), "renter": ("renting", "A2"),
    "arrived": ("arrived", "A3"), "outsider": ("B", "B1"), "service": ("current", "A1"), "stranger": ("B", "B1"),
}  # fmt: skip
"""What each person asks for by name: their own, where they have anything."""

FOREIGN = {
    "landlord A": [("B", "B1"), ("C", "C1"), ("nobody", "N1"), ("current's own", "B1")],
    "former": [("current", "A1"), ("A", "A1"), ("B", "B1")],
    "current": [("former", ""), ("A", ""), ("landlord A's own", ""), ("renting", "A2"), ("B", "B1")],
    "flatmate": [("former", ""), ("current's own", ""), ("landlord B's own", "B1")],
    "next": [("current", "A1"), ("former", "A1")],
    "arrived": [("vacant", "")],
    "landlord B": [("current", "A1"), ("A", "A1"), ("nobody", "N1"), ("service's own", "A1")],
    "renter": [("current", "A1"), ("A", "A1"), ("B", "B1")],
    "outsider": [("current", "A1"), ("B", "B1"), ("nobody", "N1")],
    "service": [("B", "B1"), ("current's own", "B1"), ("nobody", "N1")],
    "stranger": [("current", "A1"), ("B", "B1")],
}  # fmt: skip
"""What each person tries to get at; without a panel where the panel is theirs, and other things of it are not."""


def foreign(world: World, person: str) -> list[Target]:
    """What a person tries to get at."""
    return [
        target_of(world, seed, panel) if panel else target_of(world, seed, "A1").elsewhere()
        for seed, panel in FOREIGN[person]
    ]


async def leaks(one: Asker, other: Asker, questions: Iterable[Question], *, person: str) -> list[tuple[str, Any]]:
    """The questions whose answers hold what is others', or are different where only others' things are."""
    found: list[tuple[str, Any]] = []
    for question in questions:
        answer = await one.ask(question.text, person=person)
        if seen := strangers_things(answer, person=person):
            found.append((question.name, sorted(seen)))
        again = await other.ask(question.text, person=person)
        found += [(question.name, difference) for difference in differences(answer, again)[:3]]
    return found


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """Where two answers are not the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [found for key in one for found in differences(one[key], other.get(key), f"{place}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            found
            for number, (this, that) in enumerate(zip(one, other, strict=True))
            for found in differences(this, that, f"{place}[{number}]")
        ]
    if plain(one) == plain(other):
        return []
    return [f"{place}: {plain(one)[:60]} and {plain(other)[:60]}"]


THEIRS = {
    "landlord A": {"A", "house", "former", "current"}, "former": {"former"}, "current": {"house", "current"},
    "flatmate": {"house", "current"}, "next": set[str](), "arrived": {"house", "arrived"},
    "landlord B": {"B"}, "renter": {"house", "renting", "C"},
    "outsider": set[str](), "service": {"A", "house", "former", "current"},
}  # fmt: skip
"""Of what each sees something, at the least."""


async def unequal(asker: Asker, target: Target, *, person: str, changes: bool) -> list[str]:
    """What is answered in another way about a target than about what is not there."""
    found: list[str] = []
    for theirs, nobodys in pairs(target, changes=changes):
        clear_attempts(asker.world)
        answer = await asker.ask(theirs.text, person=person)
        expected = without(await asker.ask(nobodys.text, person=person), target.unknown)
        if seen := strangers_things(without(answer, target), person=person):
            found.append(f"{theirs.name} shows {seen}")
        if without(answer, target) != expected:
            found.append(f"{theirs.name}: {without(answer, target)[:300]} and {expected[:300]}")
    return found


def clear_attempts(world: World) -> None:
    """Forgets what was tried, so that no limit hides an answer."""
    world.database.execute("DELETE FROM attempt_count")
    world.database.execute("DELETE FROM openpaygo_attempt")


def pairs(target: Target, *, changes: bool) -> list[tuple[Question, Question]]:
    """Each question about a target beside the same one about what is not there; none that asks about neither."""
    ask = mutations if changes else queries
    both = zip(ask(target), ask(target.unknown), strict=True)
    return [(theirs, nobodys) for theirs, nobodys in both if theirs.text != nobodys.text]


def everything(world: World) -> dict[str, Any]:
    """What each table holds, but for what was tried."""
    tables = world.database.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    held = sql.SQL("SELECT md5(coalesce(string_agg(one::text, ',' ORDER BY one::text), '')) FROM {} AS one")
    return {
        name: world.database.execute(held.format(sql.Identifier(name))).fetchall()
        for (name,) in tables
        if name not in {"audit_entry", "attempt_count", "openpaygo_attempt", "serving_process"}
    }


@asynccontextmanager
async def asking_where_others_differ(make_world: MakeWorld, *, person: str) -> AsyncIterator[Asker]:
    """Somebody who asks in a world in which all is different that the person may not see."""
    with make_world(SEEDS - MAY_SEE[person]) as different:
        async with asking(different) as other:
            yield other


async def leaks_of(make_world: MakeWorld, asker: Asker, *, person: str) -> list[tuple[str, Any]]:
    """What a person is told that is not theirs, by everything that can be asked about what is theirs."""
    async with asking_where_others_differ(make_world, person=person) as other:
        questions = queries(target_of(asker.world, *HOME[person]))
        return await leaks(asker, other, questions, person=person)


async def written_before(asker: Asker, *, person: str) -> list[str]:
    """What a tenant writes, at an instant at which others lived there, that is not refused."""
    now = target_of(asker.world, *HOME[person])
    then = replace(now, at=FORMER_FROM + 30 * HOUR)
    written: list[str] = []
    for past, present in zip(mutations(then), mutations(now), strict=True):
        clear_attempts(asker.world)
        if past.text != present.text:
            answer = await asker.ask(past.text, person=person)
            ((_, payload),) = (answer["data"] or {"": None}).items()
            written += [past.name] if payload and not _is_refused(payload) else []
    return written


def _is_refused(payload: dict[str, Any]) -> bool:
    """Whether a mutation did nothing; of several things in one, with none of them."""
    return bool(payload["refusal"]) or all(one.get("refusal") for one in payload.get("results") or [{}])
