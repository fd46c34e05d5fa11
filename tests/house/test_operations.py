"""Every GraphQL operation that we show to people is valid against the contract."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from kilowatch.demo.card import OPERATIONS
from schema.contract import printed

ROOT = Path(__file__).parents[2]
SCHEMA = build_schema(printed())


def shown() -> Iterator[tuple[str, str]]:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for number, block in enumerate(re.findall(r"```graphql\n(.*?)```", path.read_text("utf-8"), re.DOTALL), 1):
            yield f"{path.relative_to(ROOT)} {number}", block
    yield from ((f"demo: {title}", operation) for title, operation in OPERATIONS.items())
    sources = [ROOT / "dashboard/graphiql/src/samples.js", *(ROOT / "dashboard/static/app").glob("*.js")]
    for path in sources:
        literals = re.findall(r"`([^`]*)`", path.read_text("utf-8"))
        operations = [text for text in literals if re.match(r"\s*(?:#.*\s*)*(query|mutation|subscription)\b", text)]
        for number, operation in enumerate(operations, 1):
            if "${" not in operation:
                yield f"{path.relative_to(ROOT)} {number}", operation


OPERATIONS_SHOWN = dict(shown())


@pytest.mark.parametrize("place", OPERATIONS_SHOWN)
def test_an_operation_that_we_show_is_valid(place: str) -> None:
    assert validate(SCHEMA, parse(OPERATIONS_SHOWN[place])) == []


def test_operations_are_shown_in_all_places() -> None:
    assert {"README.md 1", "README.md 2", "docs/api.md 1", "dashboard/graphiql/src/samples.js 1"} <= set(
        OPERATIONS_SHOWN
    )
