"""docs/clients.md shows what the tests run, to the letter, and names the versions that they run with."""

import json
import re
from pathlib import Path

import pytest

from tests.clients.workshop import EXAMPLES, SOURCES

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
KINDS = {".js": "js", ".ts": "ts", ".py": "python"}
SHOWN = sorted(path for path in EXAMPLES.rglob("*") if path.suffix in KINDS)


@pytest.mark.parametrize("example", SHOWN, ids=lambda path: path.name)
def test_the_page_shows_an_example_as_it_runs(example: Path) -> None:
    block = f"```{KINDS[example.suffix]}\n{example.read_text('utf-8')}```\n"
    page = PAGE.read_text("utf-8")
    assert block in page, f"{PAGE.name} shows another {example.name}"
    assert f"`{example.relative_to(EXAMPLES).as_posix()}`" in page


def test_the_page_shows_no_other_code() -> None:
    blocks = re.findall(r"```(\w+)\n", PAGE.read_text("utf-8"))
    assert sorted(kind for kind in blocks if kind != "graphql") == sorted(KINDS[path.suffix] for path in SHOWN)


def test_the_page_names_the_versions_that_are_tested() -> None:
    packages = json.loads((SOURCES / "package.json").read_text("utf-8"))["devDependencies"]
    page = " ".join(PAGE.read_text("utf-8").split())
    for name in ("@apollo/client", "@urql/core", "relay-runtime", "graphql-ws", "graphql-sse"):
        major, minor, _ = packages[name].split(".")
        assert re.search(rf"{re.escape(name)} {major}(\.{minor})?\b", page), name
