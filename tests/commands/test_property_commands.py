"""The command line keeps properties, invites tenants, makes claim codes and sets roles; each act is audited."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from kilowatch.cli import app
from metering.access import Role, Viewer
from metering.entry_codes import hash_of
from metering.refusals import Refused
from store import claim_codes, invitations, properties
from store.connections import connect_async


@pytest.fixture
def url(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", database_url)
    with psycopg.connect(database_url) as database:
        for number, role in enumerate(("ADMIN", "LANDLORD", "TENANT")):
            database.execute(
                "INSERT INTO account (email, name, role) VALUES (%s, %s, %s)",
                (f"p{number}@x.org", f"P{number}", role),
            )
        database.execute("INSERT INTO panel (code, name, time_zone) SELECT c, c, 'UTC' FROM unnest('{A,B}'::text[]) c")
    return database_url


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, Refused)
    return result.exception.code


def rows(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as database:
        return database.execute(query.encode()).fetchall()


async def accepted(url: str, code: str) -> int | None:
    """What the tenant does with the code."""
    async with await connect_async(url) as connection, connection.transaction():
        sha256, now = hash_of(code), datetime.now(UTC)
        return await invitations.accept(connection, code_sha256=sha256, account_id=3, now=now)


async def claimed(url: str, code: str) -> None:
    """What the landlord does with the code."""
    landlord, now = Viewer(2, Role.LANDLORD), datetime.now(UTC)
    async with await connect_async(url) as connection, connection.transaction():
        found = await claim_codes.hold(connection, code_sha256=hash_of(code), now=now)
        number = await properties.create(connection, viewer=landlord, name="Cabin", address="")
        await claim_codes.use(connection, found, viewer=landlord, property_id=number, now=now)


def test_properties_are_let_and_go_when_nothing_is(url: str) -> None:
    assert refused("property", "add", "House", "--landlord", "p2@x.org") == "NOT_A_LANDLORD"
    assert "added property 1" in run("property", "add", "House", "--landlord", "p1@x.org", "--address", "Quay 3")
    run("property", "assign", "1", "A", "B")
    assert "House" in run("property", "list")
    code = run("tenancy", "invite", "1", "A", "--from", "2026-01-01", "--name", "Flat A").split()[0]
    assert asyncio.run(accepted(url, code)) == 1
    assert "P2" in run("tenancy", "list", "1")
    assert refused("property", "remove", "1") == "STILL_LET"
    assert refused("property", "release", "A") == "STILL_LET"
    run("tenancy", "end", "1")
    assert refused("tenancy", "end", "1") == "TENANCY_ENDED"
    run("property", "hand-over", "1", "--landlord", "p0@x.org")
    run("property", "release", "A", "B")
    run("property", "remove", "1")
    assert rows(url, "SELECT count(*) FROM property") == [(0,)]
    kept = rows(url, "SELECT DISTINCT action FROM audit_entry WHERE actor = 'command line' ORDER BY 1")
    assert [action for (action,) in kept] == [
        "ASSIGN_PANELS", "CREATE_PROPERTY", "END_TENANCY", "INVITE_TENANT", "REMOVE_PROPERTY", "UPDATE_PROPERTY",
    ]  # fmt: skip


def test_a_claim_code_of_the_shell_is_used_once(url: str) -> None:
    code = run("panel", "claim-code", "A", "B").split()[0]
    asyncio.run(claimed(url, code))
    assert rows(url, "SELECT code FROM panel WHERE property_id = 1 ORDER BY code") == [("A",), ("B",)]
    assert refused("panel", "claim-code", "A") == "PANEL_TAKEN"
    assert code not in str(rows(url, "SELECT * FROM audit_entry"))


def test_roles_are_set_but_the_last_admins(url: str) -> None:
    assert refused("user", "set-role", "p0@x.org", "TENANT") == "LAST_ADMIN"
    assert refused("user", "set-role", "p2@x.org", "KING") == "BAD_ROLE"
    assert refused("user", "set-role", "nobody@x.org", "ADMIN") == "ACCOUNT_NOT_FOUND"
    run("user", "set-role", "p2@x.org", "ADMIN")
    assert rows(url, "SELECT role FROM account ORDER BY id") == [("ADMIN",), ("LANDLORD",), ("ADMIN",)]
