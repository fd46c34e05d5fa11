"""Describes how the service itself is doing, and ingest's switch."""

from datetime import datetime

import strawberry

from resolvers import service
from store.forecasting_status import ForecastingStatus as Forecasting
from store.service_figures import ServiceFigures


@strawberry.type(description="The process that takes messages from the broker into the database.")
class IngestService:
    """See `resolvers.service.IngestService`."""

    is_wanted: bool = strawberry.field(description="The owner's switch: see startIngest and stopIngest.")
    is_running: bool = strawberry.field(description="Whether the process gave a sign of life within 15 seconds.")
    is_connected: bool = strawberry.field(description="Whether it is connected to the broker.")
    heartbeat_at: datetime | None = strawberry.field(description="Its last sign of life (UTC); null before the first.")
    last_message_at: datetime | None = strawberry.field(description="When the last message arrived (UTC).")
    backlog: int = strawberry.field(description="Messages that arrived and are not stored yet.")
    lag_s: float | None = strawberry.field(
        description="Seconds from arrival to commit of the oldest message of the last batch; null before the first."
    )
    message_count: int = strawberry.field(description="Messages taken so far.")
    reading_count: int = strawberry.field(description="Readings stored so far.")
    duplicate_count: int = strawberry.field(description="Readings that were stored already when they came again.")
    rejected_count: int = strawberry.field(description="Messages that could not be read; see rejectedMessages.")


@strawberry.type(description="What whoever runs the service looks at: the database, what was rejected, who listens.")
class ServiceOperations:
    """See `store.service_figures.ServiceFigures`."""

    postgres_version: str = strawberry.field(description="The version of the database's server.")
    timescaledb_version: str | None = strawberry.field(
        description="The version of TimescaleDB; null where readings are in plain Postgres."
    )
    database_size_mib: int = strawberry.field(description="What the database takes on disk in MiB, rounded up.")
    readings_size_mib: int = strawberry.field(
        description="What readings take of it in MiB, with their indexes, rounded up."
    )
    oldest_reading_at: datetime | None = strawberry.field(
        description="When the oldest reading was (UTC); null before the first."
    )
    rejected_last_day_count: int = strawberry.field(
        description="Different messages of the last 24 hours that could not be read; see rejectedMessages."
    )
    server_count: int = strawberry.field(description="Server processes that gave a sign of life within a minute.")
    subscription_count: int = strawberry.field(description="The subscriptions that are open there, of everybody.")


@strawberry.type(description="How the jobs that forecast are doing.")
class ForecastingStatus:
    """See `store.forecasting_status.ForecastingStatus`."""

    model: str | None = strawberry.field(
        description="The model that forecasts are made by: `shipped` or the file's name, and the beginning of its"
        " SHA-256. Null where none is in use, and before the jobs ran."
    )
    model_problem: str | None = strawberry.field(
        description="Why no model is in use, so that forecasts are made by PROFILE; null when one is."
    )
    seen_at: datetime | None = strawberry.field(
        description="When the jobs computed forecasts last (UTC); null before the first."
    )


@strawberry.type(description="How the service is doing. The address /readyz answers the same for machines.")
class ServiceStatus:
    """See `resolvers.service.ServiceStatus`."""

    at: datetime = strawberry.field(description="The server's clock (UTC).")
    ingest: IngestService = strawberry.field(description="How ingest is doing.")
    version: str = strawberry.field(description="The version of the software.")
    schema_version: int = strawberry.field(description="The version of the database's schema.")
    oldest_forecast_at: datetime | None = strawberry.field(
        description="When the oldest of the prepaid panels' current forecasts was made (UTC); null without any."
    )
    newest_forecast_at: datetime | None = strawberry.field(
        description="When the newest of the prepaid panels' current forecasts was made (UTC); null without any."
    )
    forecasting: Forecasting = strawberry.field(
        graphql_type=ForecastingStatus, description="How the jobs that forecast are doing."
    )
    operations: ServiceFigures | None = strawberry.field(
        resolver=service.operations,
        graphql_type=ServiceOperations | None,
        description="What whoever runs the service looks at; null unless you are an admin.",
    )


@strawberry.type
class ServiceQueries:
    """The queries about the service itself."""

    service_status: service.ServiceStatus = strawberry.field(
        resolver=service.status,
        graphql_type=ServiceStatus,
        description="How the service is doing.",
    )


@strawberry.type
class ServiceMutations:
    """The switch of ingest."""

    start_ingest: service.ServiceStatus = strawberry.mutation(
        resolver=service.start_ingest,
        graphql_type=ServiceStatus,
        description="Connects ingest to the broker again; what was queued meanwhile is taken.",
    )
    stop_ingest: service.ServiceStatus = strawberry.mutation(
        resolver=service.stop_ingest,
        graphql_type=ServiceStatus,
        description="Disconnects ingest from the broker, which keeps what comes meanwhile.",
    )
