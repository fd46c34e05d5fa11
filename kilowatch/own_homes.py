"""Turns the panels of a database into homes that a forecast can be trained on."""

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.own_homes import own_home
from forecasting.training_rows import TrainingHome
from store import training
from store.connections import Database, connect_async
from store.forecast_inputs import histories

HISTORY_DAYS = 730


def own_homes(database_url: str, *, now: datetime) -> list[TrainingHome]:
    """The panels with enough usage, by what they used in the last two years; their names are numbers, not codes."""

    async def fetched() -> list[TrainingHome]:
        async with await connect_async(database_url, application="kilowatch train") as connection:
            return await homes_of(connection, now=now)

    return asyncio.run(fetched())


async def homes_of(connection: Database, *, now: datetime) -> list[TrainingHome]:
    """The panels of the database, as `own_homes` gives them."""
    panels = await training.panels(connection)
    found = [await _home(connection, panel_id, time_zone=ZoneInfo(zone), now=now) for panel_id, zone in panels]
    return [home for home in found if home]


async def _home(connection: Database, panel_id: int, *, time_zone: ZoneInfo, now: datetime) -> TrainingHome | None:
    registers = await histories(connection, viewer=None, panel_ids=[panel_id], now=now, days=HISTORY_DAYS)
    if panel_id not in registers:
        return None
    points = registers[panel_id]
    return own_home(
        f"own_{panel_id}",
        at_s=np.array(points.at_s),
        register_kwh=np.array(points.register_kwh),
        time_zone=time_zone,
    )
