"""Rejected messages are chosen on the command line as in the API."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from kilowatch.cli import app
from store.connections import connect
from store.rejected import RejectedMessage, keep_rejected

AT = datetime(2026, 1, 16, 4, 30, tzinfo=UTC)


@pytest.fixture
def ids(database_url: str) -> list[int]:
    said = [("tele/a/SENSOR", "UNKNOWN_TOPIC"), ("DATA/PM/A", "BAD_JSON"), ("DATA/PM/B", "BAD_JSON")]
    with connect(database_url) as connection:
        kept = [
            RejectedMessage(topic, b"{", AT + timedelta(hours=hour), code, "no")
            for hour, (topic, code) in enumerate(said)
        ]
        keep_rejected(connection, kept)
        return [number for (number,) in connection.execute("SELECT id FROM rejected_message ORDER BY id")]


def said(database_url: str, *words: str) -> str:
    done = CliRunner().invoke(app, ["rejected", *words], env={"DATABASE_URL": database_url}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    ("options", "topics"),
    [
        ([], ["DATA/PM/B", "DATA/PM/A", "tele/a/SENSOR"]),
        (["--code", "BAD_JSON"], ["DATA/PM/B", "DATA/PM/A"]),
        (["--topic", "tele/"], ["tele/a/SENSOR"]),
        (["--since", "2026-01-16T05:30:00"], ["DATA/PM/B", "DATA/PM/A"]),
        (["--since", "2026-01-16T05:30:00Z", "--until", "2026-01-16T13:30:00+0700"], ["DATA/PM/A"]),
        (["--replayed"], []),
    ],
)
def test_the_list_is_narrowed_by_options(database_url: str, options: list[str], topics: list[str]) -> None:
    lines = said(database_url, "list", "--json", *options).splitlines()
    assert [json.loads(line)["topic"] for line in lines] == topics


def test_some_messages_are_replayed_and_the_others_left_alone(database_url: str, ids: list[int]) -> None:
    assert "0 stored, 1 still rejected" in said(database_url, "replay", "--id", str(ids[1]))
    assert "0 stored, 2 still rejected" in said(database_url, "replay", "--code", "BAD_JSON")
