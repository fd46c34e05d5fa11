"""A peer of bench/api.py: Strawberry as its tutorial has it, lists of objects, psycopg and default settings."""

import os
import sys
from contextlib import asynccontextmanager
from datetime import datetime

import strawberry
import uvicorn
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from strawberry.asgi import GraphQL

PANELS = """
SELECT code, name, at, active_power_kw, energy_import_kwh
FROM panel JOIN latest_reading ON panel_id = id ORDER BY code LIMIT 50"""
POINTS = """
SELECT at, active_power_kw, energy_import_kwh FROM reading
WHERE panel_id = %s AND at >= %s AND at < %s ORDER BY at"""
pool = AsyncConnectionPool(os.environ["DATABASE_URL"], open=False)


@strawberry.type
class Reading:
    at: datetime
    active_power_kw: float
    energy_import_kwh: float


@strawberry.type
class Panel:
    code: str
    name: str
    latest_reading: Reading


@strawberry.type
class Query:
    @strawberry.field
    async def panels(self) -> list[Panel]:
        async with pool.connection() as connection:
            cursor = await connection.execute(PANELS)
            return [
                Panel(
                    code=code,
                    name=name,
                    latest_reading=Reading(at=at, active_power_kw=kw, energy_import_kwh=kwh),
                )
                async for code, name, at, kw, kwh in cursor
            ]

    @strawberry.field
    async def readings(self, panel_id: int, since: datetime, until: datetime) -> list[Reading]:
        async with pool.connection() as connection:
            cursor = await connection.execute(POINTS, (panel_id, since, until))
            return [Reading(at=at, active_power_kw=kw, energy_import_kwh=kwh) async for at, kw, kwh in cursor]


@asynccontextmanager
async def lifespan(_app: Starlette):
    async with pool:
        yield


app = Starlette(lifespan=lifespan)
app.mount("/graphql", GraphQL(strawberry.Schema(Query)))

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
