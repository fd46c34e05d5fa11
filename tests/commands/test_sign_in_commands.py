"""The command line shows and ends sessions, and lets people in or not."""

from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from kilowatch.cli import app
from kilowatch.people import NewPerson, add_person
from store.passwords import is_right

EMAIL = "ann@example.org"


@pytest.fixture
def ann(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", database_url)
    add_person(database_url, NewPerson(EMAIL, None, "Ann", "TENANT", "correct horse battery"))
    return database_url


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def row(url: str, query: str) -> tuple[object, ...] | None:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchone()


def test_sessions_are_listed_and_ended(ann: str) -> None:
    assert "PASSWORD" in run("user", "sessions", EMAIL)
    assert "ended 1 sessions" in run("user", "log-out", EMAIL)
    assert "PASSWORD" not in run("user", "sessions", EMAIL)
    assert row(ann, "SELECT end_reason FROM session") == ("ENDED_BY_OPERATOR",)
    assert row(ann, "SELECT actor, via, subject_account_id IS NOT NULL FROM audit_entry") == (
        "command line", "COMMAND_LINE", True,
    )  # fmt: skip


def test_who_is_disabled_is_out_until_they_are_enabled(ann: str) -> None:
    run("user", "disable", EMAIL)
    assert row(ann, "SELECT end_reason FROM session") == ("DISABLED",)
    assert row(ann, "SELECT disabled_at IS NULL FROM account") == (False,)
    run("user", "enable", EMAIL)
    assert row(ann, "SELECT disabled_at IS NULL FROM account") == (True,)


def test_a_password_that_is_given_ends_the_sessions(ann: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOWATCH_PASSWORD", "another horse battery")
    run("user", "set-password", EMAIL)
    found = row(ann, "SELECT password_hash, end_reason FROM account JOIN session ON session.account_id = account.id")
    assert found is not None
    assert is_right("another horse battery", password_hash=str(found[0]))
    assert found[1] == "PASSWORD_CHANGED"


def test_a_password_that_is_given_ends_what_the_old_one_began(ann: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(ann) as connection:
        connection.execute(
            """INSERT INTO one_time_code (challenge, purpose, account_id, tries_left, created_at, expires_at)
               SELECT sha256('asked for a second factor'), 'SECOND_FACTOR', id, 5, now(), now() + interval '10 minutes'
               FROM account"""
        )
    monkeypatch.setenv("KILOWATCH_PASSWORD", "another horse battery")
    run("user", "set-password", EMAIL)
    assert row(ann, "SELECT count(*) FROM one_time_code") == (0,)


def test_signing_keys_are_listed_and_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOWATCH_DATA_DIR", str(tmp_path))
    before = run("keys", "list")
    added = run("keys", "rotate").split()[-1]
    assert added not in before
    assert added in run("keys", "list")
    assert run("keys", "rotate", "--drop-old")
    assert added not in run("keys", "list")
