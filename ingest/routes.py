"""Turns what the database knows of topics into the router of ingest."""

from collections.abc import Sequence

from ingest.mapped import discovered_decoders, mapped_decoders
from ingest.ownership import Ownership
from ingest.routing import Router
from store.connections import connect
from store.discovery import discovered_sensors
from store.mappings import current_mappings
from store.registered_devices import rights


def load_router(database_url: str, *, wanted: Sequence[str] = ("#",), is_closed: bool = False) -> Router:
    """Who reads what of whom, as the database has it now.

    `wanted` are the MQTT filters of the settings, `is_closed` is whether unregistered devices make nothing new.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    with connect(database_url) as connection:
        mapped = mapped_decoders(current_mappings(connection))
        announced = discovered_decoders(discovered_sensors(connection))
        ownership = Ownership(rights(connection), is_closed=is_closed)
    return Router(wanted=wanted, mapped=mapped, announced=announced, ownership=ownership)
