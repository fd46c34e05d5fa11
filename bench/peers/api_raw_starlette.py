"""A peer of bench/api.py: no GraphQL at all, orjson and binary results; the least that Python can do."""

import os
import sys
from contextlib import asynccontextmanager
from datetime import datetime

import orjson
import uvicorn
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PANELS = """
SELECT code, name, at, active_power_kw, energy_import_kwh
FROM panel JOIN latest_reading ON panel_id = id ORDER BY code LIMIT 50"""
POINTS = """
SELECT at, active_power_kw, energy_import_kwh FROM reading
WHERE panel_id = %s AND at >= %s AND at < %s ORDER BY at"""
COLUMNS = """
SELECT array_agg(extract(epoch FROM at)::float8 * 1000), array_agg(active_power_kw), array_agg(energy_import_kwh)
FROM (SELECT at, active_power_kw, energy_import_kwh FROM reading
      WHERE panel_id = %s AND at >= %s AND at < %s ORDER BY at) AS point"""
pool = AsyncConnectionPool(os.environ["DATABASE_URL"], open=False, kwargs={"autocommit": True})


def answer(data: object) -> Response:
    return Response(orjson.dumps({"data": data}), media_type="application/json")


async def rows(query: str, *parameters: object) -> list[tuple[object, ...]]:
    async with pool.connection() as connection, connection.cursor(binary=True) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()


def period(request: Request) -> tuple[int, datetime, datetime]:
    asked = request.query_params
    return int(asked["panel_id"]), datetime.fromisoformat(asked["since"]), datetime.fromisoformat(asked["until"])


async def hello(_request: Request) -> Response:
    return answer({"__typename": "Query"})


async def panels(_request: Request) -> Response:
    found = [
        {
            "code": code,
            "name": name,
            "latestReading": {"at": at, "activePowerKw": kw, "energyImportKwh": kwh},
        }
        for code, name, at, kw, kwh in await rows(PANELS)
    ]
    return answer({"panels": found})


async def columns(request: Request) -> Response:
    ((at_ms, kw, kwh),) = await rows(COLUMNS, *period(request))
    return answer({"readings": {"atMs": at_ms, "activePowerKw": kw, "energyImportKwh": kwh}})


async def readings(request: Request) -> Response:
    found = await rows(POINTS, *period(request))
    return answer({"readings": [{"at": at, "activePowerKw": kw, "energyImportKwh": kwh} for at, kw, kwh in found]})


@asynccontextmanager
async def lifespan(_app: Starlette):
    async with pool:
        yield


routes = [Route(f"/{one.__name__}", one) for one in (hello, panels, columns, readings)]
app = Starlette(routes=routes, lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False, ws="none")
