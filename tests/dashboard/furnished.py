"""Turns an empty product into a floor, a prepaid flat and their tenant, and instants into what meters say."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import orjson

from ingest.publisher import Publisher
from kilowatch.people import NewPerson, add_person
from metering.tariffs.rules import flat
from store.connections import connect_async
from store.registry import PanelDescription, describe_panel
from store.tariffs import set_tariff
from tests.fixtures.stack import PASSWORD, Stack

TENANT = "tenant@example.org"
FLOOR = PanelDescription("FLOOR_1", "Offices", "Jakarta", 1, "Asia/Jakarta", is_prepaid=False, meter_number=None)
FLAT = PanelDescription("FLAT_1", "Flat 1", "Lagos", 2, "Africa/Lagos", is_prepaid=True, meter_number="45041234567")


async def furnish(stack: Stack) -> None:
    """The floor and the flat, which is the tenant's; a unit costs the tenant 200 naira."""
    async with await connect_async(stack.database_url) as connection:
        await describe_panel(connection, FLOOR)
        panel_id = await describe_panel(connection, FLAT)
        band_a = flat("Band A", valid_from=date(2020, 1, 1), unit_price=Decimal(200), currency="NGN")
        await set_tariff(connection, panel_id=panel_id, tariff=band_a)
    await asyncio.to_thread(
        add_person,
        stack.database_url,
        NewPerson(TENANT, None, "Tenant", "TENANT", PASSWORD, [FLAT.code]),
    )


@dataclass(frozen=True, slots=True)
class Said:
    """What a meter says: its clock `minutes_ago`, its power and its register."""

    minutes_ago: float
    power_kw: float
    energy_import_kwh: float


@dataclass(frozen=True, slots=True)
class Meters:
    """Publishes what the panels' meters say."""

    publisher: Publisher

    def say(self, panel: PanelDescription, *readings: Said) -> None:
        now = datetime.now(UTC)
        for said in readings:
            local = (now - timedelta(minutes=said.minutes_ago)).astimezone(ZoneInfo(panel.time_zone))
            data = {
                "kw": f"{said.power_kw}",
                "kWh": f"{said.energy_import_kwh}",
                "time": local.strftime("%Y-%m-%d %H:%M:%S"),
            }
            self.publisher.publish(f"DATA/PM/{panel.code}", orjson.dumps({"status": "OK", "data": data}))


@asynccontextmanager
async def meters(stack: Stack) -> AsyncGenerator[Meters]:
    async with Publisher(stack.mqtt_url, client_id="meters") as publisher:
        yield Meters(publisher)


def steadily(minutes_ago: Sequence[int], *, power_kw: float, register_kwh: float) -> list[Said]:
    """A reading at each of these minutes, from the first on, at a constant power."""
    first = minutes_ago[0]
    return [Said(ago, power_kw, round(register_kwh + (first - ago) * power_kw / 60, 3)) for ago in minutes_ago]
