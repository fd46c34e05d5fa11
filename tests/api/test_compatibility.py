"""What a change of the contract does to clients, on made-up contracts."""

import re
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kilowatch.cli import app
from kilowatch.starting import CommandError
from schema import compatibility, contract
from schema.compatibility import changes, deprecations
from schema.contract import printed

TODAY = date(2027, 6, 1)
RELEASED = """
type Query { panel(code: String!, name: String @deprecated(reason: "Use `code`. Removed on 2027-06-01.")): Panel }
type Panel {
    code: String!
    floor: Int! @deprecated(reason: "Use `place`. Removed on 2027-06-01.")
    spot: Spot @deprecated(reason: "Use `place`. Removed on 2027-06-01.")
    place: String
    status: Status!
}
type Spot { floor: Int }
enum Status { ONLINE OFFLINE AWAY @deprecated(reason: "Never told. Removed on 2027-06-01.") }
input Filter { floor: Int @deprecated(reason: "Use `search`. Removed on 2027-06-01.") search: String }
type Mutation { find(filter: Filter): Int }
"""
WITHOUT_WHAT_WAS_ANNOUNCED = """
type Query { panel(code: String!): Panel }
type Panel { code: String! place: String status: Status! }
enum Status { ONLINE OFFLINE }
input Filter { search: String }
type Mutation { find(filter: Filter): Int }
"""


def breaking(current: str, *, today: date = TODAY) -> tuple[str, ...]:
    return changes(RELEASED, current, today=today).breaking


def test_the_same_contract_breaks_nothing() -> None:
    assert changes(RELEASED, RELEASED, today=TODAY) == compatibility.Changes((), ())


def test_what_was_announced_may_be_gone_once_its_day_has_come() -> None:
    assert breaking(WITHOUT_WHAT_WAS_ANNOUNCED) == ()


def test_what_was_announced_may_also_stay_longer() -> None:
    assert breaking(RELEASED, today=date(2030, 1, 1)) == ()


def test_what_was_announced_may_not_be_gone_before_its_day() -> None:
    found = " ".join(breaking(WITHOUT_WHAT_WAS_ANNOUNCED, today=date(2027, 5, 31)))
    for what in ("Panel.floor", "Panel.spot", "Spot was removed", "AWAY", "Filter.floor", "name"):
        assert what in found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("place: String\n", "", "Panel.place"),
        ("code: String!\n", "code: String\n", "Panel.code"),
        ("panel(code: String!,", "panel(code: String!, floor: Int!,", "floor"),
        ("ONLINE OFFLINE", "ONLINE", "OFFLINE"),
    ],
)
def test_what_was_never_announced_breaks_clients(old: str, new: str, words: str) -> None:
    (change,) = breaking(RELEASED.replace(old, new, 1))
    assert words in change


def test_a_new_value_of_an_enum_is_dangerous_and_breaks_nothing() -> None:
    found = changes(RELEASED, RELEASED.replace("ONLINE OFFLINE", "ONLINE OFFLINE ASLEEP"), today=TODAY)
    assert found.breaking == ()
    assert "ASLEEP" in found.dangerous[0]


def test_deprecations_say_where_they_are_and_when_it_will_be_removed() -> None:
    found = {one.place: one.removed_on for one in deprecations(RELEASED)}
    assert found == dict.fromkeys(
        ["Query.panel(name:)", "Panel.floor", "Panel.spot", "Status.AWAY", "Filter.floor"], TODAY
    )


@pytest.mark.parametrize("reason", ["Use `place`.", "Removed soon.", "Use it. Removed on 2027-13-01.", ""])
def test_a_deprecation_without_a_day_is_seen(reason: str) -> None:
    (found,) = deprecations(f'type Query {{ a: Int @deprecated(reason: "{reason}") }}')
    assert (found.place, found.removed_on) == ("Query.a", None)


@pytest.fixture
def baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path, current = tmp_path / "released.graphql", tmp_path / "schema.graphql"
    current.write_text(printed(), "utf-8")
    monkeypatch.setattr(contract, "PRINTED", current)
    monkeypatch.setattr(compatibility, "RELEASED", path)
    return path


def run(*arguments: str) -> tuple[str, str]:
    """What the command prints, and why it fails."""
    result = CliRunner().invoke(app, ["schema", *arguments])
    if result.exception is not None:
        assert isinstance(result.exception, CommandError), result.exception
        return result.output, str(result.exception)
    return result.output, ""


def test_the_command_writes_the_baseline_and_checks_against_it(baseline: Path) -> None:
    assert run("--release") == ("", "")
    assert baseline.read_text("utf-8") == printed()
    assert run("--check") == ("", "")


def test_the_command_fails_for_a_change_that_breaks_clients(baseline: Path) -> None:
    gone = printed().replace("type PageInfo {", 'type PageInfo {\n  """Gone."""\n  gone: Int\n', 1)
    baseline.write_text(gone, "utf-8")
    _, reason = run("--check")
    assert "PageInfo.gone" in reason
    assert "@deprecated" in reason


def test_the_command_names_dangerous_changes_and_passes(baseline: Path) -> None:
    before = re.sub(r'\n  """[^"]*"""\n  LAST_1Y\n', "", printed())
    baseline.write_text(before, "utf-8")
    output, reason = run("--check")
    assert "LAST_1Y" in output
    assert reason == ""
