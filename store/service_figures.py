"""Turns the database into the figures that whoever runs the service looks at."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import class_row

from store.connections import Row


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """Which database this is, how much is stored in it, what was rejected of late, and who follows what.

    Sizes are rounded up. `timescaledb_version` is None on plain Postgres, `oldest_reading_at` (UTC) before the first
    reading. Counted are rejected messages since an instant, server processes with a sign of life within a minute, and
    the subscriptions of these.
    """

    postgres_version: str
    timescaledb_version: str | None
    database_size_mib: int
    readings_size_mib: int
    oldest_reading_at: datetime | None
    rejected_last_day_count: int
    server_count: int
    subscription_count: int


_FIGURES = """
WITH server AS (
    SELECT id FROM serving_process WHERE seen_at >= clock_timestamp() - interval '1 minute'
)
SELECT current_setting('server_version') AS postgres_version,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb_version,
       ceil(pg_database_size(current_database()) / 1048576.0)::integer AS database_size_mib,
       ceil(size_bytes / 1048576.0)::integer AS readings_size_mib,
       oldest_at AS oldest_reading_at,
       (SELECT count(*)::integer FROM rejected_message
        WHERE coalesce(last_received_at, received_at) >= %(rejected_since)s) AS rejected_last_day_count,
       (SELECT count(*)::integer FROM server) AS server_count,
       (SELECT count(*)::integer FROM open_subscription WHERE process_id IN (SELECT id FROM server))
           AS subscription_count
FROM reading_storage()"""


async def service_figures(connection: AsyncConnection[Row], *, rejected_since: datetime) -> ServiceFigures:
    """The figures now."""
    async with connection.cursor(row_factory=class_row(ServiceFigures)) as cursor:
        await cursor.execute(_FIGURES, {"rejected_since": rejected_since})
        (found,) = await cursor.fetchall()
    return found
