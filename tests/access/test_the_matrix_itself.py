"""The matrix finds what is broken: a wall that is taken away, a rule that lets in too many."""

import pytest

from schema.access_rules import Rule
from tests.access.asking import asking, queries
from tests.access.conftest import MakeWorld
from tests.access.questions import target_of
from tests.access.test_matrix import leaks
from tests.access.test_rules import wrong_doors
from tests.access.world import MAY_SEE, SEEDS, World

NO_WALL = (
    "CREATE OR REPLACE FUNCTION visible_panel(viewer_id bigint, sees_all boolean) RETURNS SETOF panel"
    " LANGUAGE sql STABLE AS 'SELECT panel.* FROM panel'"
)


async def test_it_finds_that_everybody_sees_every_panel(scratch: World, make_world: MakeWorld) -> None:
    with make_world(SEEDS - MAY_SEE["landlord B"]) as different:
        for world in (scratch, different):
            world.database.execute(NO_WALL.encode())
        questions = [one for one in queries(target_of(scratch, "B", "B1")) if one.name in {"devices", "monthlySummary"}]
        async with asking(scratch) as asker, asking(different) as other:
            found = {name for name, _ in await leaks(asker, other, questions, person="landlord B")}
    assert found == {"devices", "monthlySummary"}


async def test_it_finds_a_door_that_everybody_may_pass(scratch: World, monkeypatch: pytest.MonkeyPatch) -> None:
    check = Rule.check
    async with asking(scratch) as asker:
        monkeypatch.setattr(Rule, "check", lambda rule, who: None if who else check(rule, who))
        let_in = await asker.ask("{ serviceStatus { at } }", person="service", scopes=[])
        monkeypatch.undo()
        assert let_in["errors"] == []
        assert (await asker.ask("{ serviceStatus { at } }", person="service", scopes=[]))["errors"] != []
        assert await wrong_doors(asker, "stranger") == []
