"""Downloads: the CSV files behind all links that people are shown hold nothing of others."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from kilowatch.web.export_links import PATH
from tests.access.asking import Asker, plain, queries
from tests.access.conftest import MakeWorld
from tests.access.matrix import HOME, asking_where_others_differ
from tests.access.questions import target_of
from tests.access.world import MAY_SEE

LINK = re.compile(f'{PATH}[^"]+')
PEOPLE = sorted(MAY_SEE.keys() - {"service"})
"""A service account's link works only together with its key: tests/web/test_api_keys.py."""


async def links(asker: Asker, *, person: str) -> set[str]:
    """Those in the answers to all that can be asked about what is the person's."""
    questions = [one for one in queries(target_of(asker.world, *HOME[person])) if "exportLink" in one.text]
    answers = [await asker.ask(one.text, person=person) for one in questions]
    return {link for answer in answers for link in LINK.findall(plain(answer))}


async def files(asker: Asker, paths: set[str]) -> AsyncIterator[tuple[str, str]]:
    """What each of the links brings."""
    app = Starlette(routes=[Route(f"{PATH}{{token}}", asker.services.exports(asker.world.url).download)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        for path in sorted(paths):
            answer = await client.get(path)
            assert answer.status_code == httpx.codes.OK
            yield path, answer.text


@pytest.mark.parametrize("person", PEOPLE)
async def test_no_file_holds_or_depends_on_what_is_not_the_persons(
    asker: Asker, make_world: MakeWorld, person: str
) -> None:
    found = await links(asker, person=person)
    assert bool(found) == (person not in {"outsider", "stranger"})
    async with asking_where_others_differ(make_world, person=person) as other:
        again = {path: text async for path, text in files(other, found)}
    async for path, text in files(asker, found):
        assert text == again[path]
        assert (text.count("\n") > 1) == (person not in {"next", "arrived"})  # of whose time there are no readings
