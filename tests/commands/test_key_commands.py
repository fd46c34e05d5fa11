"""Keys and the audit on the command line."""

import asyncio
import json

import pytest
from typer.testing import CliRunner, Result

from kilowatch.cli import app
from metering.access import Role
from metering.api_keys import known_key
from store.connections import connect
from tests.fixtures.server import add_account


@pytest.fixture
def landlord(database_url: str) -> int:
    return asyncio.run(add_account(database_url, role=Role.LANDLORD, email="l@x.org"))


def done(database_url: str, *words: str) -> Result:
    environment = {"DATABASE_URL": database_url, "COLUMNS": "40", "TERMINAL_WIDTH": "200"}
    return CliRunner().invoke(app, words, env=environment)


def said(database_url: str, *words: str) -> str:
    result = done(database_url, *words)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def created(database_url: str, *more: str) -> str:
    words = ("create", "l@x.org", "--account", "Till", "--scope", "READ", *more)
    return said(database_url, "key", *words).strip()


def listed(database_url: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in said(database_url, "key", "list", "--json").splitlines()]


@pytest.mark.usefixtures("landlord")
def test_a_landlord_gets_no_key_for_what_admins_do(database_url: str) -> None:
    result = done(database_url, "key", "create", "l@x.org", "--account", "Till", "--scope", "SERVICE")
    assert "accepted: READ" in str(result.exception)
    assert listed(database_url) == []


@pytest.mark.usefixtures("landlord")
def test_keys_are_made_rotated_and_revoked(database_url: str) -> None:
    first, second = created(database_url), created(database_url, "--name", "till 2", "--expires-on", "2030-12-31")
    known = known_key(first), known_key(second)
    assert None not in known
    assert [(key["account"], key["name"], key["prefix"], key["counts"]) for key in listed(database_url)] == [
        ("Till", "key", first[4:12], True),
        ("Till", "till 2", second[4:12], True),
    ]
    third = said(database_url, "key", "rotate", first[4:12], "--overlap-hours", "0").strip()
    said(database_url, "key", "revoke", second[:12])
    assert [(key["prefix"], key["counts"]) for key in listed(database_url)] == [
        (first[4:12], False), (second[4:12], False), (third[4:12], True),
    ]  # fmt: skip
    assert "till 2" in said(database_url, "key", "list")
    with connect(database_url) as connection:
        kept = connection.execute("SELECT api_key::text FROM api_key").fetchall()
        kept += connection.execute("SELECT audit_entry::text FROM audit_entry").fetchall()
    assert not [key for key in (first, second, third) if key[13:] in str(kept)]


@pytest.mark.usefixtures("landlord")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("create", "nobody@x.org", "--account", "Till", "--scope", "READ"), "Nobody signs in as nobody@x.org"),
        (("create", "l@x.org", "--account", "Till", "--scope", "ALL"), "--scope ALL is not accepted"),
        (("create", "l@x.org", "--account", "Till", "--scope", "READ", "--expires-on", "2020-01-01"), "today or later"),
        (("revoke", "AAAAAAAA"), "No key that counts"),
        (("rotate", "AAAAAAAA"), "No key that counts"),
    ],
)
def test_what_cannot_be_done_is_said(database_url: str, words: tuple[str, ...], why: str) -> None:
    result = done(database_url, "key", *words)
    assert result.exit_code == 1
    assert why in str(result.exception)


@pytest.mark.usefixtures("landlord")
def test_a_key_is_for_no_more_than_its_account(database_url: str) -> None:
    created(database_url)
    assert "is for READ alone" in str(
        done(database_url, "key", "create", "l@x.org", "--account", "Till", "--scope", "CREDIT").exception
    )


def test_tenants_have_no_keys(database_url: str) -> None:
    asyncio.run(add_account(database_url, email="l@x.org"))
    result = done(database_url, "key", "create", "l@x.org", "--account", "Till", "--scope", "READ")
    assert "Only landlords and admins" in str(result.exception)


@pytest.mark.usefixtures("landlord")
def test_the_audit_is_shown_and_searched(database_url: str) -> None:
    key = created(database_url)
    said(database_url, "key", "revoke", key[4:12])
    found = [json.loads(line) for line in said(database_url, "audit", "--json").splitlines()]
    assert [(entry["action"], entry["actor"], entry["via"]) for entry in found] == [
        ("REVOKE_API_KEY", "command line", "COMMAND_LINE"),
        ("CREATE_API_KEY", "command line", "COMMAND_LINE"),
        ("CREATE_SERVICE_ACCOUNT", "command line", "COMMAND_LINE"),
    ]
    shown = said(database_url, "audit", "--action", "CREATE_API_KEY", "--limit", "5")
    assert ("CREATE_API_KEY" in shown, "REVOKE" in shown) == (True, False)
    assert "not before" in str(done(database_url, "audit", "--since", "2026-02-02", "--until", "2026-02-01").exception)
