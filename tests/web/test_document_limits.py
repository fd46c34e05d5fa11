"""Documents that are too much are found before anything compares their fields, in one look at each of their parts."""

import pytest
from graphql import parse

from kilowatch.web.engine.document_limits import MAX_ALIASES, MAX_DEPTH, MAX_REPEATS, MAX_SCHEMA_DEPTH, over_limits


def nested(levels: int, field: str = "a") -> str:
    return f"{field} {{ " * levels + "leaf" + " }" * levels


def words(document: str) -> list[str]:
    return [error.message for error in over_limits(parse(document))]


def test_fields_may_lie_as_deep_as_the_limit_and_no_deeper() -> None:
    assert words(f"{{ {nested(MAX_DEPTH)} }}") == []
    assert words(f"query Deep {{ {nested(MAX_DEPTH + 1)} }}") == [f"'Deep' exceeds the depth of {MAX_DEPTH}."]


def test_fragments_count_where_they_are_spread() -> None:
    fragment = f"fragment F on A {{ {nested(MAX_DEPTH - 1)} }}"
    assert words(f"{{ a {{ ...F }} }} {fragment}") == []
    assert len(words(f"{{ a {{ b {{ ... {{ ...F }} }} }} }} {fragment}")) == 1


def test_the_schema_may_be_asked_deeper_than_data() -> None:
    assert words(f"{{ __schema {{ {nested(MAX_SCHEMA_DEPTH - 1)} }} }}") == []
    assert len(words(f"{{ __schema {{ {nested(MAX_SCHEMA_DEPTH)} }} }}")) == 1


def test_aliases_and_repeated_fields_are_counted_in_the_whole_document() -> None:
    aliases = " ".join(f"a{number}: leaf" for number in range(MAX_ALIASES + 1))
    assert words(f"{{ {aliases} }}") == [f"{MAX_ALIASES + 1} aliases found. Allowed: {MAX_ALIASES}."]
    repeated = "leaf ... { leaf } " * (MAX_REPEATS // 2)
    assert words(f"{{ {repeated} }}") == []
    assert "Allowed: 30" in words(f"{{ {repeated} a {{ leaf leaf leaf }} }}")[0]


def test_a_field_of_several_fragments_is_no_repeat() -> None:
    fragments = " ".join(f"fragment F{number} on Query {{ id }}" for number in range(40))
    assert words("{ " + " ".join(f"...F{number}" for number in range(40)) + " } " + fragments) == []


@pytest.mark.parametrize("levels", [40, 60])
def test_fragments_that_double_or_turn_in_circles_take_no_longer_than_reading(levels: int) -> None:
    doubling = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels))
    assert words(f"{{ ...F0 }} {doubling} fragment F{levels} on Query {{ ...F0 leaf }}") == []
