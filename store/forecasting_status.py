"""Keeps which model the jobs forecast by, and how many forecasts they have made."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg.rows import class_row

from store.connections import Database


@dataclass(frozen=True, slots=True)
class ForecastingStatus:
    """What the jobs forecast by: `model` names the model in use, `model_problem` says why there is none.

    Both are None before jobs ran. `made_count` forecasts took `computing_s` seconds so far; `failed_count` panels
    could not be forecast. `seen_at` (UTC) is when the last ones were computed.
    """

    model: str | None
    model_problem: str | None
    made_count: int
    failed_count: int
    computing_s: float
    seen_at: datetime | None


_STATUS: LiteralString = """
SELECT model, model_problem, made_count, failed_count, computing_s, seen_at FROM forecasting_status"""


async def forecasting_status(connection: Database) -> ForecastingStatus:
    """How forecasting is doing."""
    async with connection.cursor(row_factory=class_row(ForecastingStatus)) as cursor:
        (found,) = await (await cursor.execute(_STATUS)).fetchall()
    return found


_COUNT: LiteralString = """
UPDATE forecasting_status
SET made_count = made_count + %(made)s, failed_count = failed_count + %(failed)s,
    computing_s = computing_s + %(took_s)s, seen_at = %(now)s"""


async def count(connection: Database, *, made: int, failed: int, took_s: float, now: datetime) -> None:
    """Counts forecasts that were made."""
    await connection.execute(_COUNT, {"made": made, "failed": failed, "took_s": took_s, "now": now})


_USE_MODEL: LiteralString = """
UPDATE forecasting_status SET model = %(model)s, model_problem = %(model_problem)s
WHERE (model, model_problem) IS DISTINCT FROM (%(model)s, %(model_problem)s)"""


async def use_model(connection: Database, *, model: str | None, model_problem: str | None) -> None:
    """Says which model the jobs use from now on, or why they use none."""
    await connection.execute(_USE_MODEL, {"model": model, "model_problem": model_problem})
