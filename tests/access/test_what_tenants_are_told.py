"""Everything that the schema lets one ask for, asked as tenants: nobody learns of what is not theirs."""

import pytest

from tests.access.asking import Asker
from tests.access.conftest import MakeWorld
from tests.access.matrix import leaks_of


@pytest.mark.parametrize("person", ["former", "current", "flatmate", "next", "arrived", "outsider", "stranger"])
async def test_no_answer_holds_or_depends_on_what_is_not_the_persons(
    asker: Asker, make_world: MakeWorld, person: str
) -> None:
    assert await leaks_of(make_world, asker, person=person) == []
