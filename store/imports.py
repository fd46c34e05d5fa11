"""Keeps how far files were imported, and their rows that are no readings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from metering.refusals import Refused
from store.connections import Row
from store.rejected import storable_text

_ADVISORY_CLASS: Final = 0x4B57_494D  # "KWIM"
_ROWS_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class FileImport:
    """A file that is being imported, or was: read up to `place_offset` bytes and `place_line` lines."""

    id: int
    started_at: datetime
    finished_at: datetime | None
    place_offset: int
    place_line: int
    row_count: int
    rejected_count: int


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A line of a file that is no reading, and why."""

    line: int
    code: str
    reason: str
    row_text: str


# 30,000 staged rows fit into memory then, and no batch waits for the disk: 85,000 rows/s where it were 59,000. What a
# crash of the server takes back are rows and the import's place alike.
_FOR_BULK = """
SELECT set_config('work_mem', '64MB', false), set_config('temp_buffers', '64MB', false),
       set_config('synchronous_commit', 'off', false)"""
_DURABLY = "SELECT set_config('synchronous_commit', 'on', true)"


def prepare_for_bulk(connection: Connection[Row]) -> None:
    """Makes batches of tens of thousands of rows quick on a connection that has not used temporary tables yet."""
    connection.execute(_FOR_BULK)
    connection.commit()


_BEGIN = """
INSERT INTO reading_import (fingerprint, file_name) VALUES (%(fingerprint)s, %(file_name)s)
ON CONFLICT (fingerprint) DO UPDATE SET file_name = excluded.file_name
RETURNING id, started_at, finished_at, place_offset, place_line, row_count, rejected_count"""
_TAKE = "SELECT pg_try_advisory_lock(%s, %s)"
_FORGET = "DELETE FROM reading_import WHERE fingerprint = %(fingerprint)s"


def begin_import(
    connection: Connection[Row], *, fingerprint: str | None, file_name: str, is_restart: bool
) -> FileImport:
    """The import of a file, at the place that an earlier run has reached; committed.

    Without a fingerprint, and at a restart, it begins anew. The session holds it until the connection ends.

    Raises:
        Refused: IMPORT_RUNNING while another session has it.
    """
    parameters = {"fingerprint": fingerprint, "file_name": file_name}
    found = _taken(connection, parameters)
    if is_restart and fingerprint is not None:
        connection.execute(_FORGET, parameters)
        found = _taken(connection, parameters)
    connection.commit()
    return found


def _taken(connection: Connection[Row], parameters: dict[str, str | None]) -> FileImport:
    with connection.cursor(row_factory=class_row(FileImport)) as cursor:
        (found,) = cursor.execute(_BEGIN, parameters).fetchall()
    ((is_taken,),) = connection.execute(_TAKE, (_ADVISORY_CLASS, found.id % 2**31)).fetchall()
    if not is_taken:
        raise Refused("IMPORT_RUNNING", "This file is being imported by another process; wait for its end.", "file")
    return found


_ADVANCE = """
UPDATE reading_import SET place_offset = %(offset)s, place_line = %(line)s,
    row_count = row_count + %(row_count)s, rejected_count = rejected_count + %(rejected_count)s
WHERE id = %(import_id)s"""
_COPY_REJECTED = "COPY rejected_row (import_id, line, code, reason, row_text) FROM STDIN (FORMAT BINARY)"


def advance_import(
    connection: Connection[Row],
    import_id: int,
    *,
    offset: int,
    line: int,
    row_count: int,
    rejected: Sequence[RejectedRow],
) -> None:
    """Moves an import's place and keeps rejected rows, inside the transaction that stores the others."""
    values = {"import_id": import_id, "offset": offset, "line": line, "row_count": row_count}
    connection.execute(_ADVANCE, {**values, "rejected_count": len(rejected)})
    if not rejected:
        return
    with connection.cursor() as cursor, cursor.copy(_COPY_REJECTED) as copy:
        copy.set_types(["int8", "int8", "text", "text", "text"])
        for row in rejected:
            copy.write_row((import_id, row.line, row.code, storable_text(row.reason), storable_text(row.row_text)))


_FINISH = "UPDATE reading_import SET finished_at = clock_timestamp() WHERE id = %s"


def finish_import(connection: Connection[Row], import_id: int) -> None:
    """Notes that a file was read to its end, and commits: from then on all of it is on the disk."""
    connection.execute(_DURABLY)
    connection.execute(_FINISH, (import_id,))
    connection.commit()


_REJECTED = """
SELECT line, code, reason, row_text FROM rejected_row
WHERE import_id = %(import_id)s AND line > %(after_line)s ORDER BY line LIMIT %(limit)s"""


def rejected_rows(connection: Connection[Row], import_id: int) -> Iterator[RejectedRow]:
    """All rejected rows of an import, by line; read in pages."""
    after_line = -1
    while True:
        parameters = {"import_id": import_id, "after_line": after_line, "limit": _ROWS_AT_ONCE}
        with connection.cursor(row_factory=class_row(RejectedRow)) as cursor:
            page = cursor.execute(_REJECTED, parameters).fetchall()
        yield from page
        if len(page) < _ROWS_AT_ONCE:
            return
        after_line = page[-1].line


_REASONS = """
SELECT code, count(*) FROM rejected_row WHERE import_id = %s GROUP BY code ORDER BY count(*) DESC, code"""


def rejected_codes(connection: Connection[Row], import_id: int) -> dict[str, int]:
    """How many rows of an import were rejected by each code, the most frequent first."""
    return dict(connection.execute(_REASONS, (import_id,)).fetchall())
