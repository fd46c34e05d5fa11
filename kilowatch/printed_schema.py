"""Turns the contract into the files that are committed of it, and finds where they and it differ."""

from collections.abc import Callable
from datetime import date

from kilowatch import access_tables, error_tables
from kilowatch.starting import CommandError
from schema import compatibility, contract
from schema.contract import printed


def text() -> str:
    """The GraphQL schema."""
    return printed()


def write() -> None:
    """Writes schema/schema.graphql, and the tables of docs/errors.md and docs/access.md where these are."""
    contract.PRINTED.write_text(printed(), "utf-8")
    for tables in (error_tables, access_tables):
        if tables.PAGE.exists():
            tables.PAGE.write_text(tables.with_tables(tables.PAGE.read_text("utf-8")), "utf-8")


def release() -> None:
    """Writes schema/released.graphql: from now on clients rely on this schema."""
    compatibility.RELEASED.write_text(printed(), "utf-8")


def check(*, today: date, warn: Callable[[str], None]) -> None:
    """Says of each change since the last release that may surprise its clients.

    Raises:
        CommandError: the committed file is out of date, or these clients would break.
    """
    current, path = printed(), contract.PRINTED
    if not path.exists() or path.read_text("utf-8") != current:
        raise CommandError("schema/schema.graphql is out of date: run `kilowatch schema --write`")
    if not compatibility.RELEASED.exists():
        return
    found = compatibility.changes(compatibility.RELEASED.read_text("utf-8"), current, today=today)
    for change in found.dangerous:
        warn(f"may surprise clients: {change}")
    if found.breaking:
        remedy = "mark it @deprecated with a reason that ends in `Removed on <day>.`, release, and wait for the day"
        raise CommandError(f"clients of the last release would break: {' '.join(found.breaking)} ({remedy})")
