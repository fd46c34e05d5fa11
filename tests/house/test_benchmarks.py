"""What the documents tell to run is there, and decisions can be told apart by their numbers."""

import re
from collections import Counter
from pathlib import Path

from bench.__main__ import NAMES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]


def test_every_benchmark_that_the_documents_name_is_there() -> None:
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    named = {name for names in re.findall(r'make bench ARGS="?([a-z -]+[a-z])', text) for name in names.split()}
    assert named
    assert named - {*NAMES} == set()
    modules = set(re.findall(r"python -m bench\.([a-z_]+)", text))
    assert modules
    assert [name for name in modules if not (ROOT / "bench" / f"{name}.py").exists()] == []


def test_every_benchmark_of_the_command_line_is_a_module() -> None:
    assert [name for name in NAMES if not (ROOT / "bench" / f"{name.replace('-', '_')}.py").exists()] == []


def test_decisions_have_numbers_of_their_own() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs/decisions").glob("*.md")]
    assert [number for number, count in Counter(numbers).items() if count > 1 or not number.isdecimal()] == []
