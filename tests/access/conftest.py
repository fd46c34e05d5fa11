"""Worlds to ask in: clones of one that is furnished once, and as they would be if others' things were different."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from psycopg import sql

from store.connections import Row
from tests.access.asking import Asker, asking
from tests.access.world import World, furnish
from tests.fixtures.database import cloned

MakeWorld = Callable[[frozenset[str]], AbstractContextManager[World]]


@pytest.fixture(scope="module")
def make_world(server_url: str, server: psycopg.Connection[Row], template: sql.Identifier) -> MakeWorld:
    """Furnishes a world in a database of its own, with these twists."""

    @contextmanager
    def made(twists: frozenset[str]) -> Iterator[World]:
        with cloned(server_url, server, template) as url:
            world = furnish(url, twists=twists)
            try:
                yield world
            finally:
                world.database.close()

    return made


@pytest.fixture(scope="module")
def base(make_world: MakeWorld) -> Iterator[World]:
    """The world as it is, in which nothing is changed."""
    with make_world(frozenset()) as world:
        yield world


@pytest.fixture
async def asker(base: World) -> AsyncIterator[Asker]:
    async with asking(base) as opened:
        yield opened


@pytest.fixture
def scratch(make_world: MakeWorld) -> Iterator[World]:
    """A world of the test's own, to change."""
    with make_world(frozenset()) as world:
        yield world
