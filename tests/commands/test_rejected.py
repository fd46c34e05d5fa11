"""Rejected messages are chosen on the command line as in the API."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from kilowatch.cli import app
from store.connections import connect
from store.rejected import RejectedMessage, keep_rejected

AT = datetime(2026, 1, 16, 4, 30, tzinfo=UTC)


@pytest.fixture
def ids(database_url: str) -> list[int]:
    said = [("tele/a/SENSOR", "UNKNOWN_TOPIC"), ("DATA/PM/A", "BAD_JSON"), ("DATA/PM/B", "BAD_JSON")]
    with connect(database_url) as connection:
        messages = [
            RejectedMessage(topic, b"{", AT + timedelta(hours=hour), code, "no")
            for hour, (topic, code) in enumerate(said)
        ]
        keep_rejected(connection, messages)
        return [number for (number,) in connection.execute("SELECT id FROM rejected_message ORDER BY id")]


def done(database_url: str, *words: str) -> Result:
    environment = {"DATABASE_URL": database_url, "COLUMNS": "40", "TERMINAL_WIDTH": "200"}
    return CliRunner().invoke(app, ["rejected", *words], env=environment)


def said(database_url: str, *words: str) -> str:
    result = done(database_url, *words)
    assert result.exit_code == 0, result.output
    return result.output


def kept(database_url: str) -> list[tuple[str, str]]:
    with connect(database_url) as connection:
        return connection.execute("SELECT topic, code FROM rejected_message ORDER BY id").fetchall()


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    ("options", "topics"),
    [
        ([], ["DATA/PM/B", "DATA/PM/A", "tele/a/SENSOR"]),
        (["--code", "BAD_JSON"], ["DATA/PM/B", "DATA/PM/A"]),
        (["--topic", "tele/"], ["tele/a/SENSOR"]),
        (["--since", "2026-01-16T05:30:00"], ["DATA/PM/B", "DATA/PM/A"]),
        (["--since", "2026-01-16T05:30:00Z", "--until", "2026-01-16T13:30:00+0700"], ["DATA/PM/A"]),
        (["--since", "2026-01-16", "--until", "2026-01-16T05:30:00"], ["tele/a/SENSOR"]),
        (["--replayed"], []),
    ],
)
def test_the_list_is_narrowed_by_options(database_url: str, options: list[str], topics: list[str]) -> None:
    lines = said(database_url, "list", "--json", *options).splitlines()
    assert [json.loads(line)["topic"] for line in lines] == topics


def test_some_messages_are_replayed_and_the_others_left_alone(database_url: str, ids: list[int]) -> None:
    assert "0 stored, 1 still rejected" in said(database_url, "replay", "--id", str(ids[1]))
    assert "0 stored, 2 still rejected" in said(database_url, "replay", "--code", "BAD_JSON")


def test_the_table_says_how_a_replay_went_and_cuts_nothing_off(database_url: str, ids: list[int]) -> None:
    topic, reason = "DATA/PM/" + "B" * 60, "a reason " * 20 + "at its end"
    with connect(database_url) as connection:
        keep_rejected(connection, [RejectedMessage(topic, b"\x1b[2J", AT, "BAD_JSON", reason)])
        connection.execute("UPDATE rejected_message SET replayed_at = '2026-02-03 10:00Z' WHERE id = %s", [ids[1]])
        connection.execute("UPDATE rejected_message SET tried_at = '2026-02-03 11:00Z' WHERE id = %s", [ids[2]])
    table = said(database_url, "list")
    for words in (topic, reason, "stored 2026-02-03 10:00:00+0000", "in vain 2026-02-03 11:00:00+0000"):
        assert words in table
    assert "\x1b" not in table


@pytest.mark.usefixtures("ids")
def test_messages_are_counted_by_code_and_topic(database_url: str) -> None:
    with connect(database_url) as connection:
        keep_rejected(connection, [RejectedMessage("DATA/PM/A", b"[", AT + timedelta(days=1), "BAD_JSON", "newest")])
    groups = [json.loads(line) for line in said(database_url, "groups", "--json").splitlines()]
    assert [(group["topic"], group["message_count"], group["newest_reason"]) for group in groups] == [
        ("DATA/PM/A", 2, "newest"), ("DATA/PM/B", 1, "no"), ("tele/a/SENSOR", 1, "no"),
    ]  # fmt: skip
    assert "DATA/PM/B" not in said(database_url, "groups", "--limit", "1")
    assert "UNKNOWN_TOPIC" in said(database_url, "groups", "--topic", "tele/")


def test_the_chosen_messages_are_thrown_away_and_no_others(database_url: str, ids: list[int]) -> None:
    assert "1 discarded" in said(database_url, "discard", "--id", str(ids[1]))
    assert "0 discarded" in said(database_url, "discard", "--replayed")
    assert kept(database_url) == [("tele/a/SENSOR", "UNKNOWN_TOPIC"), ("DATA/PM/B", "BAD_JSON")]
    assert "2 discarded" in said(database_url, "discard", "--all")
    assert kept(database_url) == []


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["discard"], "give --all, or options"),
        (["discard", "--all", "--code", "BAD_JSON"], "give --all, or options"),
        (["discard", "--id", "4444"], "There is no rejected message 4444"),
        (["replay", "--id", "4444"], "There is no rejected message 4444"),
        (["replay", "--id", str(2**63), "--id", "-1"], "There is no rejected message -1, 9223372036854775808"),
        (["replay", "--since", "2026-02-01", "--until", "2026-01-01"], "is not before --until"),
        (["list", "--since", "2026-02-01", "--until", "2026-02-01"], "is not before --until"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(database_url: str, words: list[str], reason: str) -> None:
    result = done(database_url, *words)
    assert reason in str(result.exception)
    assert len(kept(database_url)) == 3


@pytest.mark.usefixtures("ids")
def test_a_replay_without_any_message_says_so(database_url: str) -> None:
    assert "nothing to replay" in said(database_url, "replay", "--code", "NOPE")


@pytest.mark.parametrize(
    ("words", "accepted"),
    [
        (["--limit", "0"], "from 1 to 10000"),
        (["--limit", "many"], "from 1 to 10000"),
        (["--since", "yesterday"], "a day like 2026-03-01"),
        (["--until", "2026-13-01"], "a day like 2026-03-01"),
    ],
)
def test_what_an_option_takes_is_said(words: list[str], accepted: str) -> None:
    result = done("", "list", *words)
    assert result.exit_code == 2
    assert accepted in result.output
