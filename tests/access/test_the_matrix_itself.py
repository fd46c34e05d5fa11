"""The matrix finds what is broken: a wall taken away, a right taken for another, a rule that lets in too many."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import pytest

from resolvers import openpaygo, prepaid, typed_readings
from schema.access_rules import Rule
from store import devices
from tests.access.asking import asking, queries
from tests.access.conftest import MakeWorld
from tests.access.matrix import HOME, leaks, written_before
from tests.access.questions import target_of
from tests.access.test_rules import wrong_doors
from tests.access.world import MAY_SEE, SEEDS, World


@pytest.fixture(scope="module")
def different(make_world: MakeWorld) -> Iterator[World]:
    """A world in which all is different that neither landlord B nor who has just moved in may see."""
    with make_world(SEEDS - MAY_SEE["landlord B"] - MAY_SEE["arrived"]) as world:
        yield world


PANEL_RULE: LiteralString = "(viewer_id bigint, sees_all boolean) RETURNS SETOF panel LANGUAGE sql STABLE AS"
BROKEN: list[tuple[str, LiteralString, LiteralString, str, set[str]]] = [
    (
        "everybody sees every panel", "visible_panel",
        f"FUNCTION visible_panel{PANEL_RULE} 'SELECT panel.* FROM panel'",  # noqa: S608 - no values
        "landlord B", {"devices", "monthlySummary"},
    ),
    (
        "who sees a panel has the rights of its landlord", "managed_panel",
        f"FUNCTION managed_panel{PANEL_RULE} 'SELECT * FROM visible_panel(viewer_id, sees_all)'",  # noqa: S608 - no values
        "renter", {"auditLog"},
    ),
    (
        "everybody acts for every property", "managed_property",
        ("FUNCTION managed_property(viewer_id bigint, sees_all boolean) RETURNS SETOF property LANGUAGE sql STABLE AS"
         " 'SELECT property.* FROM property'"),
        "landlord B", {"propertyOverview", "properties"},
    ),
    (
        "what a device says is for who sees one of its panels", "wholly_visible_device",
        ("FUNCTION wholly_visible_device(viewer_id bigint, sees_all boolean) RETURNS SETOF device LANGUAGE sql AS"
         " 'SELECT * FROM visible_device(viewer_id, sees_all)'"),
        "landlord B", {"devices"},
    ),
    (
        "a registered device is of who has one of its panels", "managed_device",
        ("FUNCTION managed_device(viewer_id bigint, sees_all boolean) RETURNS SETOF registered_device LANGUAGE sql"
         " STABLE AS 'SELECT device.* FROM registered_device AS device WHERE EXISTS (SELECT FROM"
         " managed_panel(viewer_id, sees_all) AS panel WHERE panel.code = ANY (device.panel_codes))'"),
        "landlord A", {"registeredDevices"},
    ),
    (
        "a tenant is told what the meter showed last before", "rented.latest_state",
        "VIEW rented.latest_state AS SELECT latest.* FROM public.latest_state AS latest",
        "arrived", {"panels"},
    ),
]  # fmt: skip
"""What is wrong, where, the statement that makes it so, who then learns too much, and by which questions."""


@pytest.mark.parametrize(("wrong", "place", "statement", "person", "names"), BROKEN)
async def test_it_finds_a_wall_that_is_broken(  # noqa: PLR0917 - a row of the table and two worlds
    base: World, different: World, wrong: str, place: str, statement: LiteralString, person: str, names: set[str]
) -> None:
    with broken(base, place, statement), broken(different, place, statement):
        assert await found(base, different, person=person, names=names) == names, wrong


@contextmanager
def broken(world: World, place: str, statement: LiteralString) -> Iterator[None]:
    """A function or view of a world is another one for a while."""
    is_view = statement.startswith("VIEW")
    known = "'CREATE OR REPLACE VIEW ' || %s || ' AS ' || pg_get_viewdef(%s::regclass)"
    asked = f"SELECT {known if is_view else 'pg_get_functiondef(%s::regproc)'}".encode()
    row = world.database.execute(asked, [place] * (2 if is_view else 1)).fetchone()
    assert row
    world.database.execute(b"CREATE OR REPLACE " + statement.encode())
    try:
        yield
    finally:
        world.database.execute(row[0].encode())


async def found(one: World, other: World, *, person: str, names: set[str]) -> set[str]:
    """Those of the questions in whose answers somebody is told too much."""
    questions = [each for each in queries(target_of(one, *HOME[person])) if each.name in names]
    async with asking(one) as asker, asking(other) as again:
        return {name for name, _ in await leaks(asker, again, questions, person=person)}


async def test_it_finds_a_statement_without_a_wall(base: World, monkeypatch: pytest.MonkeyPatch) -> None:
    wall = "visible_panel(%(viewer_id)s, %(sees_all)s)"
    assert wall in devices._PANELS_OF
    monkeypatch.setattr(devices, "_PANELS_OF", devices._PANELS_OF.replace(wall, "panel"))
    assert await found(base, base, person="landlord B", names={"devices"}) == {"devices"}


async def test_it_finds_tokens_that_others_made_and_never_entered(base: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openpaygo, "_is_own", lambda *_: True)
    assert await found(base, base, person="current", names={"panel"}) == {"panel"}


async def test_it_finds_that_tenants_write_into_the_time_of_others(
    scratch: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def passed(*_: Any) -> None:
        """Lets everything by."""

    for module in (prepaid, typed_readings):
        monkeypatch.setattr(module, "check_own_time", passed)
    async with asking(scratch) as asker:
        written = await written_before(asker, person="arrived")
    assert {*written} == {"recordBalance", "submitEntries"}


async def test_it_finds_a_door_that_everybody_may_pass(scratch: World, monkeypatch: pytest.MonkeyPatch) -> None:
    check = Rule.check
    async with asking(scratch) as asker:
        monkeypatch.setattr(Rule, "check", lambda rule, who: None if who else check(rule, who))
        let_in = await asker.ask("{ serviceStatus { at } }", person="service", scopes=[])
        monkeypatch.undo()
        assert let_in["errors"] == []
        assert (await asker.ask("{ serviceStatus { at } }", person="service", scopes=[]))["errors"] != []
        assert await wrong_doors(asker, "stranger") == []
