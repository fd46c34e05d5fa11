"""Tells a database that is away, and text that it cannot keep, from a fault of our own."""

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout


def is_outage(error: BaseException) -> bool:
    """Whether a statement failed because the database is away, starting, too busy or out of time."""
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | PoolTimeout | PoolClosed)


def is_nul(error: BaseException) -> bool:
    """Whether a statement was given text with a NUL: Postgres keeps none, psycopg 3 refuses it before it is sent."""
    return type(error) is psycopg.DataError and "NUL (0x00)" in str(error)
