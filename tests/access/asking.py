"""Asks a world's operations as each of its people, and looks in the answers for what is not theirs."""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from unittest import mock
from uuid import UUID

import msgspec
import orjson
from graphql import OperationDefinitionNode, parse

from kilowatch.web import app
from kilowatch.web.app import Services
from kilowatch.web.engine.documents import Document, Prepared
from kilowatch.web.engine.engine import build_engine
from kilowatch.web.engine.execution import PlannedExecutor, outlines_of
from kilowatch.web.engine.operation import Operation
from metering.access import Scope
from resolvers import live
from resolvers.context import Context
from tests.access.questions import Question, Target, Writer
from tests.access.world import MAY_SEE, NOW, World, seeds_in, viewer
from tests.fixtures.server import app_options

ENGINE = build_engine(introspection=True)
CORE = ENGINE.schema


@dataclass(slots=True)
class Asker:
    """Asks in one world."""

    world: World
    services: Services

    def context(self, person: str, *, scopes: Iterable[Scope] | None = None) -> Context:
        """What a request of a person is given."""
        who = viewer(person, scopes=scopes)
        session_id = UUID(int=who.account_id) if who and who.scopes is None else None
        return self.services.context(who, "127.0.0.1", session_id=session_id)

    async def ask(self, text: str, *, person: str, scopes: Iterable[Scope] | None = None) -> dict[str, Any]:
        """The answer as it stands on the wire, but for where in the text an error is."""
        executor = self.executor(text, person=person, scopes=scopes)
        answer = await ENGINE._executed(executor)
        return orjson.loads(orjson.dumps({"data": answer.body.get("data"), "errors": [
            {key: part for key, part in error.items() if key != "locations"} for error in answer.body.get("errors", [])
        ]}))  # fmt: skip

    def executor(self, text: str, *, person: str, scopes: Iterable[Scope] | None = None) -> PlannedExecutor:
        """What runs an operation, with the plans of the server; what it costs is no matter here."""
        executor = ENGINE.executor(read(text), Operation(query=text), self.context(person, scopes=scopes))
        assert isinstance(executor, PlannedExecutor), executor
        return executor


@cache
def read(text: str) -> Prepared:
    """An operation. That it fits the schema is a test of its own: checking one takes longer than running it."""
    tree = parse(text)
    (node,) = (node for node in tree.definitions if isinstance(node, OperationDefinitionNode))
    return Prepared(Document(text, tree, (node,), outlines_of(tree, warm_after=0)), node)


@asynccontextmanager
async def asking(world: World, *, now: datetime = NOW) -> AsyncIterator[Asker]:
    """Somebody who asks in a world, of a server whose clock stands still; its streams tell of each silent second."""
    options = app_options(world.url, now=lambda: now, pool_size=8, heartbeat=timedelta(seconds=1))
    with mock.patch.object(app, "build_engine", return_value=ENGINE):  # making one takes a second
        services = app._services(options)
    services.pool.timeout = 60.0  # a slow machine is no leak
    with mock.patch.object(live, "_READY_WITHIN_S", 60.0):
        async with services.running():
            yield Asker(world, services)


def queries(target: Target) -> list[Question]:
    """All queries about a target."""
    assert CORE.query_type
    return list(Writer(CORE, target).questions(CORE.query_type))


def mutations(target: Target) -> list[Question]:
    """All mutations of a target."""
    assert CORE.mutation_type
    return list(Writer(CORE, target).questions(CORE.mutation_type))


def subscriptions(target: Target) -> list[Question]:
    """All subscriptions about a target."""
    assert CORE.subscription_type
    return list(Writer(CORE, target).questions(CORE.subscription_type))


_WRITTEN = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:[+-]\d\d:\d\d|Z)"')
"""Instants of the test itself: those of its things are whole seconds."""


def plain(answer: Any) -> str:
    """An answer as text, without the instants at which the test wrote something."""
    return _WRITTEN.sub('"<then>"', msgspec.json.encode(answer).decode())


def without(answer: Any, target: Target) -> str:
    """An answer as text, without what it repeats of the question."""
    text = plain(answer)
    for word in target.words:
        text = text.replace(word, "…")
    return text


def strangers_things(answer: Any, *, person: str) -> set[str]:
    """The seeds of which an answer holds something, that the person may not see."""
    return seeds_in(plain(answer)) - MAY_SEE[person]
