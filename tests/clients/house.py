"""Turns an empty database into a house on a running server: five floors, a prepaid flat, its people, one busy meter."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from kilowatch.people import NewPerson, add_person
from metering.readings import PhaseValues, Reading
from metering.tariffs.rules import flat
from store.connections import connect_async
from store.registry import PanelDescription, describe_panel
from store.tariffs import set_tariff
from tests.fixtures.readings import Meters, metering
from tests.fixtures.server import Server, make_app, serving

ADMIN, TENANT, PASSWORD = "admin@example.org", "tenant@example.org", "correct horse battery"
FLAT = PanelDescription("FLAT_1", "Flat 1", "Lagos", 6, "Africa/Lagos", is_prepaid=True, meter_number="45041234567")
FLOORS = [
    PanelDescription(f"FLOOR_{n}", f"Floor {n}", "Jakarta", n, "Asia/Jakarta", is_prepaid=False, meter_number=None)
    for n in range(1, 6)
]
TOKEN_LIFETIME = timedelta(seconds=4)
"""So short that clients see tokens expire while they run."""

_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class House:
    """A furnished server."""

    server: Server
    database_url: str
    metered_id: int

    @property
    def environment(self) -> dict[str, str]:
        """What a client's process is told."""
        return {
            "GRAPHQL_URL": self.server.url,
            "SOCKET_URL": self.server.socket_url,
            "ADMIN": ADMIN,
            "TENANT": TENANT,
            "PASSWORD": PASSWORD,
        }


@asynccontextmanager
async def furnished(database_url: str, *, token_lifetime: timedelta = TOKEN_LIFETIME) -> AsyncGenerator[House]:
    """The house; its busy meter, that of FLOOR_1, counts one kWh up with each reading, some twenty a second."""
    metered_id = await _furnish(database_url)
    app = make_app(database_url, token_lifetime=token_lifetime, graphiql=True)
    async with serving(app) as server, _counting(database_url, metered_id):
        yield House(server, database_url, metered_id)


async def _furnish(database_url: str) -> int:
    """Panels, tariff and people; the id of the metered panel."""
    async with await connect_async(database_url) as connection:
        ids = [await describe_panel(connection, floor) for floor in FLOORS]
        band_a = flat("Band A", valid_from=date(2020, 1, 1), unit_price=Decimal(200), currency="NGN")
        await set_tariff(connection, panel_id=await describe_panel(connection, FLAT), tariff=band_a)
    for email, role, panels in ((ADMIN, "ADMIN", []), (TENANT, "TENANT", [FLAT.code])):
        await asyncio.to_thread(add_person, database_url, NewPerson(email, None, role.title(), role, PASSWORD, panels))
    return ids[0]


@asynccontextmanager
async def _counting(database_url: str, panel_id: int) -> AsyncGenerator[None]:
    async with metering(database_url) as meters:
        task = asyncio.create_task(_count(meters, panel_id))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _count(meters: Meters, panel_id: int) -> None:
    began_at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
    for number in itertools.count():
        reading = Reading(
            at=began_at + timedelta(seconds=number),
            received_at=datetime.now(UTC),
            voltage_v=PhaseValues(r=224.7, s=224.1, t=225.3, n=1.1),
            active_power_kw=1.5,
            energy_import_kwh=float(number),
        )
        await meters.store([(panel_id, reading)])
        await asyncio.sleep(_EVERY_S)
