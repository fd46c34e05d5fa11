"""The command line shows and ends sessions, and lets people in or not."""

from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from kilowatch.cli import app
from kilowatch.people import NewPerson, add_person
from metering.refusals import Refused
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


def test_who_did_not_do_it_is_told_of_a_new_password_and_a_lost_second_factor(
    ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILOWATCH_PASSWORD", "another horse battery")
    with psycopg.connect(ann) as connection:
        connection.execute(
            """INSERT INTO second_factor (account_id, sealed_secret, started_at, confirmed_at)
               SELECT id, '', now(), now() FROM account"""
        )
    run("user", "set-password", EMAIL)
    assert row(ann, "SELECT count(*) FROM account_message") == (0,)
    monkeypatch.setenv("KILOWATCH_MAIL_URL", "mailto://mail.example.org?to={to}")
    run("user", "set-password", EMAIL)
    run("user", "reset-second-factor", EMAIL)
    run("user", "reset-second-factor", EMAIL)
    told = "SELECT array_agg(kind ORDER BY id), min(sent_to), max(sent_to) FROM account_message WHERE state = 'PENDING'"
    assert row(ann, told) == (["PASSWORD_CHANGED", "SECOND_FACTOR_OFF"], EMAIL, EMAIL)


def test_the_last_admin_is_neither_disabled_nor_removed(ann: str) -> None:
    add_person(ann, NewPerson("root@example.org", None, "Root", "ADMIN", None))
    for verb in ("disable", "remove"):
        with pytest.raises(Refused, match=r"LAST_ADMIN: .* make another one first"):
            run("user", verb, "root@example.org")
    assert row(ann, "SELECT count(*) FROM account WHERE role = 'ADMIN' AND disabled_at IS NULL") == (1,)
    add_person(ann, NewPerson("other@example.org", None, "Other", "ADMIN", None))
    run("user", "disable", "root@example.org")
    run("user", "remove", "root@example.org")


def test_signing_keys_are_listed_and_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOWATCH_DATA_DIR", str(tmp_path))
    before = run("keys", "list")
    added = run("keys", "rotate").split()[-1]
    assert added not in before
    assert added in run("keys", "list")
    assert run("keys", "rotate", "--drop-old")
    assert added not in run("keys", "list")
