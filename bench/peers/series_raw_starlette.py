"""A peer of bench/series.py: no GraphQL at all, columns by array_agg, orjson; the least that Python can do."""

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

SELECT = """
SELECT array_agg(extract(epoch FROM at)::float8 * 1000), array_agg(active_power_kw), array_agg(energy_import_kwh)
FROM (SELECT at, active_power_kw, energy_import_kwh FROM reading
      WHERE panel_id = %s AND at >= %s AND at < %s ORDER BY at) AS point"""
pool = AsyncConnectionPool(os.environ["DATABASE_URL"], open=False)


async def readings(request: Request) -> Response:
    asked = orjson.loads(await request.body())
    since, until = datetime.fromisoformat(asked["since"]), datetime.fromisoformat(asked["until"])
    async with pool.connection() as connection, connection.cursor(binary=True) as cursor:
        await cursor.execute(SELECT, (asked["panelId"], since, until))
        ((at_ms, kw, kwh),) = await cursor.fetchall()
    columns = {"atMs": at_ms, "activePowerKw": kw, "energyImportKwh": kwh}
    return Response(orjson.dumps({"data": {"readings": columns}}), media_type="application/json")


@asynccontextmanager
async def lifespan(_app: Starlette):
    async with pool:
        yield


app = Starlette(routes=[Route("/readings", readings, methods=["POST"])], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False, ws="none")
