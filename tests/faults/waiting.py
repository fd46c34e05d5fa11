"""Turns a condition into a wait for it, with a deadline; a database that is away counts as not yet."""

import time
from collections.abc import Callable
from contextlib import suppress

import psycopg


def eventually(condition: Callable[[], object], *, within_s: float = 60) -> None:
    ends_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends_at, "it did not come to pass"
        time.sleep(0.02)


def one(database: str, query: str) -> object:
    """A single value; None while the database is away."""
    with suppress(psycopg.OperationalError), psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None
    return None


STORED = "SELECT count(*) FROM reading"


def holds(database: str, query: str, expected: object, *, within_s: float = 60) -> None:
    """Waits until the query answers the value; a failure tells what it answered last."""
    ends_at = time.monotonic() + within_s
    while (found := one(database, query)) != expected and time.monotonic() < ends_at:
        time.sleep(0.02)
    assert found == expected
