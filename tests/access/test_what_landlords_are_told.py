"""Everything that the schema lets one ask for, asked as landlords: nobody learns of what is not theirs."""

import pytest

from tests.access.asking import Asker
from tests.access.conftest import MakeWorld
from tests.access.matrix import leaks_of


@pytest.mark.parametrize("person", ["landlord A", "landlord B", "renter", "service"])
async def test_no_answer_holds_or_depends_on_what_is_not_the_persons(
    asker: Asker, make_world: MakeWorld, person: str
) -> None:
    assert await leaks_of(make_world, asker, person=person) == []
