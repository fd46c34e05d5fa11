"""Guessing tells nothing: others' cursors lead nowhere, and what is another's takes the same statements."""

import psycopg
import pytest

from tests.access.asking import Asker, queries, strangers_things
from tests.access.questions import target_of
from tests.access.world import MAY_SEE, World

LISTS = ("panels", "devices", "alerts", "deviceMappings", "payments", "auditLog", "properties")


@pytest.mark.parametrize("person", MAY_SEE)
async def test_a_cursor_of_somebody_elses_list_shows_nothing_of_that_list(asker: Asker, person: str) -> None:
    for name in LISTS:
        text = f"{{ {name}(first: 1) {{ pageInfo {{ endCursor }} }} }}"
        page = (await asker.ask(text, person="admin"))["data"][name]
        cursor = page["pageInfo"]["endCursor"]
        (question, *_) = [one for one in queries(target_of(asker.world, "B", "B1")) if one.name == name]
        after = f'(after: "{cursor}")'
        answer = await asker.ask(question.text.replace(f"{{ {name} {{", f"{{ {name}{after} {{", 1), person=person)
        assert strangers_things(answer, person=person) == set(), name


async def test_what_is_anothers_takes_the_statements_of_what_is_not_there(
    base: World, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    execute = psycopg.AsyncCursor.execute

    async def kept(self: psycopg.AsyncCursor, query: object, *args: object, **kwargs: object) -> psycopg.AsyncCursor:
        if "viewer_id" in str(query):  # others are the server's own, such as what it listens to
            seen.append(query)
        return await execute(self, query, *args, **kwargs)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", kept)
    theirs = target_of(base, "B", "B1")
    for one, other in zip(queries(theirs), queries(theirs.unknown), strict=True):
        if one.text != other.text:
            await asker.ask(one.text, person="current")
            statements = [*seen]
            seen.clear()
            await asker.ask(other.text, person="current")
            assert statements == seen, one.name
            seen.clear()
