"""Makes readings of the panels that the tests of storing have, and reads rows back."""

from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection

from metering.readings import Reading
from store.connections import Row
from store.merge import PanelReading

BERLIN, JAKARTA, KATHMANDU = "Europe/Berlin", "Asia/Jakarta", "Asia/Kathmandu"
ZONES = {1: BERLIN, 2: JAKARTA, 3: KATHMANDU}
RECEIVED_AT = datetime(2026, 6, 1, tzinfo=UTC)
# Before a day of 23 hours in Berlin, midnight in Kathmandu at 18:15 UTC, and a month's end.
START = datetime(2026, 3, 28, 17, 0, tzinfo=UTC)


def reading(at: datetime, kwh: float | None = None, **measured: Any) -> Reading:
    return Reading(at=at, received_at=measured.pop("received_at", RECEIVED_AT), energy_import_kwh=kwh, **measured)


def minutes(start: datetime, *registers: float | None) -> list[PanelReading]:
    return [(1, reading(start + timedelta(minutes=number), kwh)) for number, kwh in enumerate(registers)]


def rows(database: Connection[Row], query: str) -> list[Row]:
    found = database.execute(query.encode()).fetchall()
    database.rollback()
    return found
