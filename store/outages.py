"""Tells a database that is away, a value that it refuses, and text that it cannot keep, from a fault of our own."""

from collections.abc import Mapping
from typing import Final

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout

_REFUSING_CLASSES: Final = frozenset({"21", "22", "23", "44", "54", "P0"})
"""Of SQLSTATE: one row twice, data, constraints, WITH CHECK, limits such as an index's longest key, triggers' RAISE."""

_NO_CONNECTIONS: Final = (
    "it has no connection left: raise max_connections or the account's CONNECTION LIMIT, or lower KILOWATCH_POOL_SIZE"
)
_IS_STARTING: Final = "it is being stopped, started or recovered"
_WAS_BUSY: Final = "another transaction was in the way"
_ADVICE: Final[Mapping[str, str]] = {
    "53100": "its disk is full: free space there, or give it more",
    "53200": "it is out of memory: lower its work_mem or max_connections, or give it more",
    "53300": _NO_CONNECTIONS,
    "25006": "it is read-only: name the primary in DATABASE_URL, or turn default_transaction_read_only off",
    "40001": _WAS_BUSY,
    "40P01": _WAS_BUSY,
    "55P03": "its lock_timeout passed: something holds a lock on the tables, see pg_locks",
    "57014": "a statement was cancelled, by somebody or by its statement_timeout",
    "57P01": _IS_STARTING,
    "57P02": _IS_STARTING,
    "57P03": _IS_STARTING,
}
# libpq gives no SQLSTATE for a connection that was refused, just the server's words, in its language.
_ADVICE_BY_WORDS: Final[Mapping[str, str]] = {
    "too many clients": _NO_CONNECTIONS,
    "too many connections": _NO_CONNECTIONS,
    "remaining connection slots": _NO_CONNECTIONS,
    "the database system is": _IS_STARTING,
    "password authentication failed": "it does not know the account or the password in DATABASE_URL",
}


def is_outage(error: BaseException) -> bool:
    """Whether a statement failed because the database is away, starting, read-only, too busy or out of time."""
    away = psycopg.OperationalError | psycopg.InterfaceError | PoolTimeout | PoolClosed
    return isinstance(error, away | errors.ReadOnlySqlTransaction | errors.IdleInTransactionSessionTimeout)


def is_timeout(error: BaseException) -> bool:
    """Whether a statement was cancelled for the time it took: it would take as long again, unlike after an outage."""
    return isinstance(error, errors.QueryCanceled)


def is_refusal(error: psycopg.Error) -> bool:
    """Whether the database refuses a value of a statement: it would refuse it again, so it must not be waited for."""
    if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
        return True
    return error.sqlstate is not None and error.sqlstate[:2] in _REFUSING_CLASSES


def first_line(error: BaseException) -> str:
    """What an error says, in one line: its kind where the database named one, and its first line."""
    words = str(error).strip().partition("\n")[0]
    kind = type(error).__name__
    return f"{kind}: {words}" if words else kind


def outage_in_words(error: BaseException) -> str:
    """Why the database is away in one line, and what there is to do about it where that is known."""
    advice = _advice(error)
    return f"{first_line(error)} ({advice})" if advice else first_line(error)


def _advice(error: BaseException) -> str | None:
    sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
    if sqlstate is not None:
        return _ADVICE.get(sqlstate)
    return next((advice for words, advice in _ADVICE_BY_WORDS.items() if words in str(error)), None)


def is_nul(error: BaseException) -> bool:
    """Whether a statement was given text with a NUL: Postgres keeps none, psycopg 3 refuses it before it is sent."""
    return type(error) is psycopg.DataError and "NUL (0x00)" in str(error)
