"""What is theirs everybody is shown, and garbage leads to nothing."""

import pytest

from tests.access.asking import Asker, plain, queries, strangers_things
from tests.access.matrix import HOME, THEIRS
from tests.access.questions import GARBAGE, target_of
from tests.access.world import MAY_SEE, World, seeds_in


@pytest.mark.parametrize("person", [person for person in MAY_SEE if person != "stranger"])
async def test_each_sees_what_is_theirs(base: World, asker: Asker, person: str) -> None:
    seen = set[str]()
    for question in queries(target_of(base, *HOME[person])):
        answer = await asker.ask(question.text, person=person)
        assert "INTERNAL" not in plain(answer["errors"]), question.name
        seen |= seeds_in(plain(answer))
    assert seen >= THEIRS[person]


@pytest.mark.parametrize("person", MAY_SEE)
async def test_garbage_is_refused_without_a_word_of_others(asker: Asker, person: str) -> None:
    for question in queries(GARBAGE):
        answer = await asker.ask(question.text, person=person)
        assert strangers_things(answer, person=person) == set(), question.name
        assert "INTERNAL" not in plain(answer["errors"]), question.name
