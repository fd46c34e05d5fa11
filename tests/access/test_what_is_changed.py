"""Nobody changes what is others', nor what was before they came."""

from itertools import chain

import pytest

from tests.access.asking import Asker
from tests.access.matrix import FOREIGN, everything, foreign, unequal, written_before
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
