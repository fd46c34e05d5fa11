"""The documents say what the code does."""

import importlib.metadata
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kilowatch.cli import app
from kilowatch.error_tables import with_tables
from kilowatch.settings import SECRETS, described, file_variable
from resolvers.codes import CodePlace, error_codes
from schema.contract import printed

ROOT = Path(__file__).parents[2]
OWN = ["kilowatch", "schema", "resolvers", "ingest", "forecasting", "notifications", "market", "store",
       "metering", "dashboard"]  # fmt: skip


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in listed.stdout.splitlines()]


def test_every_setting_is_in_the_documents_with_its_default_and_description() -> None:
    text = (ROOT / "docs/settings.md").read_text("utf-8")
    missing = [
        name
        for name, default, words in described()
        if f"| `{name}` | {f'`{default}`' if default else 'none'} | {words} |" not in text
    ]
    assert missing == []


def test_the_documents_name_no_setting_that_is_gone() -> None:
    known = {name for name, _, _ in described()} | {
        "KILOWATCH_TEST_DATABASE_URL", "KILOWATCH_PASSWORD", "KILOWATCH_END_WITH_STDIN",
    }.union(map(file_variable, SECRETS))  # fmt: skip
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        named = set(re.findall(r"\bKILOWATCH_[A-Z_]+\b", path.read_text("utf-8")))
        assert named <= known, path


def test_every_command_is_in_the_documents() -> None:
    text = (ROOT / "docs/commands.md").read_text("utf-8")
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}).output
    verbs = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    groups = [group.name for group in app.registered_groups]
    assert verbs
    for verb in [*verbs, *groups]:
        assert str(verb) in shown
        assert f"`kilowatch {verb}" in text, verb


def test_the_printed_schema_is_up_to_date() -> None:
    assert (ROOT / "schema/schema.graphql").read_text("utf-8") == printed()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 150


def test_links_between_documents_lead_somewhere() -> None:
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name} -> {target}"


def test_no_dependency_brings_a_package_with_one_of_our_names() -> None:
    owners = importlib.metadata.packages_distributions()
    taken = {name: owners[name] for name in OWN if set(owners.get(name, [])) - {"kilowatch"}}
    assert taken == {}


def test_lock_files_are_hashed_and_name_no_registry() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        lines = (ROOT / name).read_text("utf-8").splitlines()
        assert not [line for line in lines if "://" in line or line.startswith("-")]
        assert sum("==" in line for line in lines) <= sum("--hash=sha256:" in line for line in lines)
    assert '"resolved"' not in (ROOT / "dashboard/graphiql/package-lock.json").read_text("utf-8")


def test_nothing_names_a_path_of_the_machine_that_wrote_it() -> None:
    place = re.compile(r"(?<![\w.])/(work|root|home/\w+)/")
    for path in tracked_files():
        if path.suffix in {".py", ".md", ".toml", ".sql", ".js", ".jsx", ".html", ".graphql", ".json", ".yaml"}:
            assert not [line for line in path.read_text("utf-8").splitlines() if place.search(line)], path


def test_the_tables_of_codes_are_those_of_the_catalogue() -> None:
    page = (ROOT / "docs/errors.md").read_text("utf-8")
    assert page == with_tables(page), "run `kilowatch schema --write`"
    assert {f"<!-- codes: {place.name} -->" for place in CodePlace} == set(re.findall(r"<!-- codes: \w+ -->", page))


def test_the_descriptions_of_the_contract_name_only_codes_that_there_are() -> None:
    known = {code.code for code in error_codes()}
    named = re.findall(
        r"(?:Refuses with |^ *\"*)((?:[A-Z_]{3,}(?:, | or ))*[A-Z_]{3,})(?:\.|; null)", printed(), re.MULTILINE
    )
    codes = {code for listed in named for code in re.findall(r"[A-Z_]+", listed)}
    assert codes - known == set()
    assert len(codes) > 20


def test_the_documents_list_every_code_and_no_other() -> None:
    listed = set(
        re.findall(
            r"`([A-Z]+(?:_[A-Z]+)+|INTERNAL|FORBIDDEN|UNAUTHENTICATED)`", (ROOT / "docs/errors.md").read_text("utf-8")
        )
    )
    sources = [path for folder in OWN for path in (ROOT / folder).rglob("*.py") if "demo" not in path.parts]
    raised = {
        code
        for path in sources
        for code in re.findall(
            r'(?:Refused|Rejected|_refuse|_coded|_error|BadRequestError)\(\s*(?:\w+,\s*)?"([A-Z_]+)"',
            path.read_text("utf-8"),
        )
    }
    assert raised <= listed, raised - listed
    assert {code.code for code in error_codes()} - listed == set()
    everything = "\n".join(path.read_text("utf-8") for path in sources if path.name != "codes.py")
    assert [code for code in listed if f'"{code}"' not in everything] == []
