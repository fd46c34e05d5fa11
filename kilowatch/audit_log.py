"""Turns the audit into lines of the command line; imports what it runs."""
# ruff: noqa: PLC0415 - a command imports only what it runs

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from kilowatch.options import AsJson, Limit, Since, Until
from kilowatch.starting import CommandError, started
from kilowatch.tables import printable, show_json, show_table, shown_at

if TYPE_CHECKING:
    from store.audit_pages import AuditEntry, Which


def show_audit(
    *,
    action: Annotated[str | None, typer.Option(help="Only this action, such as LOG_IN.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this one did, by name.")] = None,
    panel: Annotated[str | None, typer.Option(help="Only what concerns this panel, by code.")] = None,
    property_id: Annotated[int | None, typer.Option("--property", help="Only this property, by its id.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show who did what, and what was tried in vain, the newest first."""
    from store.audit_pages import Which

    if since is not None and until is not None and since >= until:
        raise CommandError(f"--since {since.isoformat()} is not before --until {until.isoformat()}")
    which = Which(action=action, actor=actor, panel_code=panel, property_id=property_id, since=since, until=until)
    found = asyncio.run(_entries(started(needs=("database_url",)).database_url, which, limit=limit))
    if as_json:
        show_json(found)
        return
    columns = ["at", "actor", "by", "from", "action", "outcome", "panel", "property", "account", "times", "details"]
    show_table(columns, map(_cells, found))


async def _entries(database_url: str, which: "Which", *, limit: int) -> "list[AuditEntry]":
    from store import audit_pages
    from store.connections import connect_async

    async with await connect_async(database_url) as connection:
        return await audit_pages.page(connection, viewer=None, which=which, before_id=None, limit=limit)


def _cells(entry: "AuditEntry") -> tuple[str, ...]:
    by = entry.key_name or (entry.via.value.lower().replace("_", " ") if entry.via else "")
    numbers = (entry.property_id, entry.subject_account_id)
    return (
        shown_at(entry.at), printable(entry.actor), printable(by), entry.address or "", entry.action, entry.outcome,
        printable(entry.panel_code or ""), *("" if number is None else str(number) for number in numbers),
        str(entry.times), printable(" ".join(f"{name}={value}" for name, value in entry.details.items())),
    )  # fmt: skip
