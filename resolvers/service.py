"""Turns ingest's row, the database and the forecasts into how the service is doing, for whoever runs it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version

from metering.access import Role
from resolvers.context import Context, Info
from store import forecasting_status, forecasts, ingest_status, migrations
from store.forecasting_status import ForecastingStatus
from store.ingest_status import IngestStatus
from store.service_figures import ServiceFigures, service_figures

HEARTBEAT_WITHIN = timedelta(seconds=15)
"""How old ingest's last sign of life may be; it gives one every two seconds."""


REJECTED_WITHIN = timedelta(hours=24)
"""How long ago a message may have been rejected to be counted as of late."""


@dataclass(frozen=True, slots=True)
class IngestService:
    """How ingest is doing; `is_running` says that its process gave a sign of life, `is_connected` that it hears."""

    is_wanted: bool
    is_running: bool
    is_connected: bool
    heartbeat_at: datetime | None
    last_message_at: datetime | None
    backlog: int
    lag_s: float | None
    message_count: int
    reading_count: int
    duplicate_count: int
    rejected_count: int


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """How the whole service is doing."""

    at: datetime
    ingest: IngestService
    version: str
    schema_version: int
    oldest_forecast_at: datetime | None
    newest_forecast_at: datetime | None
    forecasting: ForecastingStatus


async def status(info: Info) -> ServiceStatus:
    """How the service is doing now; every signed-in viewer may ask, it shows nobody's data.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    _ = info.context.signed_in
    return await _status(info.context)


async def operations(info: Info) -> ServiceFigures | None:
    """What whoever runs the service looks at; None for others than admins."""
    context = info.context
    if context.signed_in.role is not Role.ADMIN:
        return None
    async with context.pool.connection() as connection:
        return await service_figures(connection, rejected_since=context.now() - REJECTED_WITHIN)


async def start_ingest(info: Info) -> ServiceStatus:
    """Turns ingest on and answers how the service is doing.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN.
    """
    return await _want_ingest(info.context, is_wanted=True)


async def stop_ingest(info: Info) -> ServiceStatus:
    """Turns ingest off, the broker keeps what comes meanwhile; answers how the service is doing.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN.
    """
    return await _want_ingest(info.context, is_wanted=False)


async def _want_ingest(context: Context, *, is_wanted: bool) -> ServiceStatus:
    _ = context.admin
    async with context.pool.connection() as connection:
        await ingest_status.want_ingest(connection, is_wanted=is_wanted)
    return await _status(context)


async def _status(context: Context) -> ServiceStatus:
    now = context.now()
    async with context.pool.connection() as connection:
        kept = await ingest_status.ingest_status(connection)
        schema_version = await migrations.version(connection)
        oldest_at, newest_at = await forecasts.ages(connection)
        made = await forecasting_status.forecasting_status(connection)
    ingest = _ingest(kept, now=now)
    return ServiceStatus(now, ingest, version("kilowatch"), schema_version, oldest_at, newest_at, made)


def _ingest(kept: IngestStatus, *, now: datetime) -> IngestService:
    is_running = kept.heartbeat_at is not None and now - kept.heartbeat_at <= HEARTBEAT_WITHIN
    return IngestService(
        is_wanted=kept.is_wanted,
        is_running=is_running,
        is_connected=is_running and kept.is_connected,
        heartbeat_at=kept.heartbeat_at,
        last_message_at=kept.last_message_at,
        backlog=kept.backlog if is_running else 0,
        lag_s=kept.lag_s,
        message_count=kept.message_count,
        reading_count=kept.reading_count,
        duplicate_count=kept.duplicate_count,
        rejected_count=kept.rejected_count,
    )
