"""Turns the address of somebody of the demo into whom the database sees acting."""

from metering.access import Viewer
from store import accounts
from store.connections import Database


async def viewer_of(connection: Database, email: str) -> Viewer:
    """The account of the address.

    Raises:
        LookupError: nobody was invited under it.
    """
    known = await accounts.by_email(connection, email)
    if known is None:
        raise LookupError(f"{email} was not invited")
    return Viewer(known[0].id, known[0].role)
