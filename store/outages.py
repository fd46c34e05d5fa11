"""Tells a database that is away from a fault of our own."""

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout


def is_outage(error: BaseException) -> bool:
    """Whether a statement failed because the database is away, starting, too busy or out of time."""
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | PoolTimeout | PoolClosed)
