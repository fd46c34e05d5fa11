"""Turns writers' wish to change readings into turns, and each turn into a batch's number."""

from typing import Final

from psycopg import Connection

from store.connections import Row

ADVISORY_KEY: Final = 0x4B57_424D  # "KWBM"

_BEGIN = "SELECT nextval('reading_batch') FROM pg_advisory_xact_lock(%s)"
_TELL = "SELECT pg_notify('reading', %s)"


def begin_batch(connection: Connection[Row]) -> int:
    """Waits until no other transaction changes readings, and returns the number of a new batch.

    The turn is held until the transaction ends, so numbers rise in the order of commits: rows that are stored or
    changed carry the number as their `batch_id`.
    """
    ((batch_id,),) = connection.execute(_BEGIN, (ADVISORY_KEY,)).fetchall()
    return batch_id


def tell_batch(connection: Connection[Row], batch_id: int) -> None:
    """Lets everybody who waits for readings know of the batch, once the transaction is committed."""
    connection.execute(_TELL, (str(batch_id),))
