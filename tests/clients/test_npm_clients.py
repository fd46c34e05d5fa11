"""The npm clients that apps use do what docs/clients.md shows, against a running server."""

import re

import pytest

from tests.clients.house import House
from tests.clients.workshop import SOURCES, Workshop

PROGRAMS = sorted(path.name for path in SOURCES.glob("*.test.js"))


@pytest.fixture(scope="module", autouse=True)
async def compiled(workshop: Workshop) -> None:
    """Relay runs only what its compiler made, and checked against the printed schema."""
    await workshop.run("node_modules/relay-compiler/cli.js")


@pytest.mark.parametrize("program", PROGRAMS)
async def test_every_check_of_an_npm_client_passes(program: str, workshop: Workshop, house: House) -> None:
    printed = await workshop.run("--test-reporter=tap", program, environment=house.environment)
    assert re.search(r"^# pass [1-9]", printed, re.MULTILINE), printed


def test_the_lock_of_the_clients_names_no_registry() -> None:
    lock = (SOURCES / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    assert "://registry" not in lock
    assert lock.count('"integrity"') > 100
