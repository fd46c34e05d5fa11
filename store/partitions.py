"""Makes the tables of the months ahead, drops those that are too old, and compresses what TimescaleDB can."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import AsyncConnection
from psycopg.errors import LockNotAvailable
from psycopg.rows import class_row

from store.batch_turns import ADVISORY_KEY
from store.connections import Row
from store.retention import Level, mark_removed

_PATIENCE: Final = timedelta(milliseconds=300)
"""How long ingest and readers may have to wait behind us; then we give way and try again later."""

_AHEAD = "SELECT to_regclass(%s) IS NOT NULL OR (SELECT relkind FROM pg_class WHERE oid = 'reading'::regclass) <> 'p'"
_BE_PATIENT = "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', '0', true)"
_MAKE = "SELECT ensure_reading_partitions(%s, %s) FROM pg_advisory_xact_lock(%s)"


async def make_months(connection: AsyncConnection[Row], *, now: datetime, until: datetime) -> bool:
    """Makes the partitions of the months from `now` to `until` (UTC); whether they are there.

    False when somebody is in the way for longer than 0.3 s: try again later.
    """
    if (await (await connection.execute(_AHEAD, (f"reading_{until:%Y_%m}",))).fetchone()) == (True,):
        return True
    try:
        async with connection.transaction():
            await connection.execute(_BE_PATIENT, (_milliseconds(_PATIENCE),))
            await connection.execute(_MAKE, (now, until, ADVISORY_KEY))
    except LockNotAvailable:
        return False
    return True


_HORIZON = "SELECT reading_horizon(%s)"


async def horizon(connection: AsyncConnection[Row], *, wanted: datetime) -> datetime | None:
    """The latest instant, not after `wanted`, up to which readings can be removed as whole tables; None: there is none.

    The start of a month (UTC), or with TimescaleDB the end of a chunk.
    """
    ((instant,),) = await (await connection.execute(_HORIZON, (wanted,))).fetchall()
    return instant


_REMOVE = "SELECT remove_readings(%s, %s, %s)"


async def remove_readings(connection: AsyncConnection[Row], *, until: datetime) -> bool:
    """Drops the readings before `until`, one of `horizon`, but for what later answers hang on; whether it did.

    Kept are those that a panel's next register is judged and counted from, and those around the ledger's rows. False
    when somebody is in the way for longer than 0.3 s: nothing was changed.
    """
    try:
        async with connection.transaction():
            await connection.execute(_BE_PATIENT, ("0",))
            await connection.execute(_REMOVE, (until, ADVISORY_KEY, _PATIENCE))
            await mark_removed(connection, Level.READINGS, until=until)
    except LockNotAvailable:
        return False
    return True


_COMPRESS = "SELECT compress_readings(%s, %s)"


async def compress(connection: AsyncConnection[Row], *, until: datetime) -> str | None:
    """Compresses one chunk of readings that ends before `until`, and returns its name; None: there is none to compress.

    None as well without TimescaleDB, and when somebody is in the way for longer than 0.3 s.
    """
    try:
        async with connection.transaction():
            await connection.execute(_BE_PATIENT, ("0",))
            ((chunk,),) = await (await connection.execute(_COMPRESS, (until, _PATIENCE))).fetchall()
            return chunk
    except LockNotAvailable:
        return None


@dataclass(frozen=True, slots=True)
class Storage:
    """How much is stored of readings: rows by the planner's estimate, what they take on disk, when the oldest was.

    `has_next_month` is false while next month's partition is still to be made.
    """

    row_estimate: int
    size_bytes: int
    oldest_at: datetime | None
    has_next_month: bool


_STORAGE = "SELECT row_estimate, size_bytes, oldest_at, has_next_month FROM reading_storage()"


async def storage(connection: AsyncConnection[Row]) -> Storage:
    """How much is stored of readings, for operators."""
    async with connection.cursor(row_factory=class_row(Storage)) as cursor:
        await cursor.execute(_STORAGE)
        (found,) = await cursor.fetchall()
    return found


def _milliseconds(span: timedelta) -> str:
    return str(int(span.total_seconds() * 1000))
