"""Nobody changes what is others', nor what was before they came."""

from itertools import chain

import pytest

from tests.access.asking import Asker, asking, mutations
from tests.access.matrix import FOREIGN, everything, foreign, unequal, written_before
from tests.access.questions import target_of
from tests.access.world import World


@pytest.mark.parametrize("person", FOREIGN)
async def test_nobody_changes_what_is_anothers(base: World, asker: Asker, person: str) -> None:
    before = everything(base)
    wrong = [await unequal(asker, target, person=person, changes=True) for target in foreign(base, person)]
    assert list(chain(*wrong)) == []
    assert [table for table, rows in everything(base).items() if rows != before[table]] == []


@pytest.mark.parametrize("person", ["current", "flatmate", "arrived"])
async def test_nobody_writes_into_the_time_of_others(base: World, asker: Asker, person: str) -> None:
    before = everything(base)
    assert await written_before(asker, person=person) == []
    assert [table for table, rows in everything(base).items() if rows != before[table]] == []


async def test_keys_of_their_own_are_made_so_that_a_refusal_is_for_others(scratch: World) -> None:
    async with asking(scratch) as asker:
        own = next(one for one in mutations(target_of(scratch, "A", "A1")) if one.name == "createApiKey")
        answer = await asker.ask(own.text, person="landlord A")
    assert answer["data"]["createApiKey"]["refusal"] is None
