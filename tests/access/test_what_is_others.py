"""What is others' is answered like what is not there."""

from itertools import chain

import pytest

from tests.access.asking import Asker
from tests.access.matrix import FOREIGN, foreign, unequal
from tests.access.world import World


@pytest.mark.parametrize("person", FOREIGN)
async def test_what_is_anothers_is_answered_like_what_is_not_there(base: World, asker: Asker, person: str) -> None:
    wrong = [await unequal(asker, target, person=person, changes=False) for target in foreign(base, person)]
    assert list(chain(*wrong)) == []
