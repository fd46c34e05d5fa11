"""Brings a database to the schema that this version of the code expects, and says which version it has."""

import re
from dataclasses import dataclass
from importlib.resources import files

from psycopg import Connection, ProgrammingError

from store.connections import Database, Row, connect

_ADVISORY_KEY = 0x4B57_4D49  # "KWMI"

_CREATE_VERSIONS = """
CREATE TABLE IF NOT EXISTS schema_version (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""
_APPLIED = "SELECT number FROM schema_version"
_RECORD = "INSERT INTO schema_version (number, name) VALUES (%s, %s)"
_NEWEST = "SELECT coalesce(max(number), 0) FROM schema_version"
_HAS_VERSIONS = "SELECT to_regclass('schema_version') IS NOT NULL"


class SchemaMismatchError(Exception):
    """The database's schema is not the one that this version of Kilowatch needs."""

    def __init__(self, *, found: int, needed: int) -> None:
        self.found, self.needed = found, needed
        remedy = (
            "run `kilowatch migrate`" if found < needed else "this Kilowatch is older than its database: upgrade it"
        )
        super().__init__(f"the database has schema version {found}, this Kilowatch needs {needed}: {remedy}")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of SQL."""

    number: int
    name: str
    sql: str


def available() -> list[Migration]:
    """Every migration in the package, by number."""
    found = (re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name) for file in files("migrations").iterdir())
    return sorted(
        (
            Migration(int(match[1]), match[2], (files("migrations") / match[0]).read_text("utf-8"))
            for match in found
            if match
        ),
        key=lambda migration: migration.number,
    )


def migrate(url: str) -> list[Migration]:
    """Applies what is missing, each file in a transaction of its own, and returns what was applied.

    Any number of processes may call it at once: they take turns under a lock.
    """
    with connect(url, application="kilowatch migrate") as connection:
        connection.autocommit = True
        connection.execute("SELECT pg_advisory_lock(%s)", (_ADVISORY_KEY,))
        connection.execute(_CREATE_VERSIONS)
        applied = {number for (number,) in connection.execute(_APPLIED)}
        missing = [migration for migration in available() if migration.number not in applied]
        for migration in missing:
            _apply(connection, migration)
    return missing


def _apply(connection: Connection[Row], migration: Migration) -> None:
    with connection.transaction():
        connection.execute(migration.sql.encode())
        connection.execute(_RECORD, (migration.number, migration.name))


async def version(connection: Database) -> int:
    """The version of the database's schema; 0 before the first migration."""
    ((number,),) = await (await connection.execute(_NEWEST)).fetchall()
    return number


def mismatch_behind(error: Exception, *, url: str) -> SchemaMismatchError | None:
    """That the schema is another one, where a statement failed because of what the database at `url` has not."""
    if not (url and isinstance(error, ProgrammingError)):
        return None
    try:
        check_version(url)
    except SchemaMismatchError as mismatch:
        return mismatch
    return None


def check_version(url: str) -> None:
    """Makes sure that code and database fit, before a process does anything.

    Raises:
        SchemaMismatchError: they do not; the message says what to run.
    """
    needed = available()[-1].number
    with connect(url) as connection:
        connection.autocommit = True
        has_versions = connection.execute(_HAS_VERSIONS).fetchone() == (True,)
        found = connection.execute(_NEWEST).fetchone() if has_versions else None
    if found != (needed,):
        raise SchemaMismatchError(found=found[0] if found else 0, needed=needed)
