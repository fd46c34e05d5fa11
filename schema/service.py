"""Describes how the service itself is doing, and ingest's switch."""

from datetime import datetime
from typing import Annotated

import strawberry

from resolvers import pages, service
from resolvers.context import Info
from resolvers.pages import Cursor
from schema.pages import Connection
from store.rejected import KeptRejection


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


@strawberry.type(description="How the service is doing. The address /readyz answers the same for machines.")
class ServiceStatus:
    """See `resolvers.service.ServiceStatus`."""

    at: datetime = strawberry.field(description="The server's clock (UTC).")
    ingest: IngestService = strawberry.field(description="How ingest is doing.")
    schema_version: int = strawberry.field(description="The version of the database's schema.")
    oldest_forecast_at: datetime | None = strawberry.field(
        description="When the oldest of the prepaid panels' current forecasts was made (UTC); null without any."
    )
    newest_forecast_at: datetime | None = strawberry.field(
        description="When the newest of the prepaid panels' current forecasts was made (UTC); null without any."
    )


@strawberry.type(description="A message from a meter that could not be read, kept as it came.")
class RejectedMessage:
    """See `store.rejected.KeptRejection`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    topic: str = strawberry.field(description="The MQTT topic that it came on.")
    payload_text: str = strawberry.field(description="Its body as text; bytes that are no UTF-8 show as \ufffd.")
    code: str = strawberry.field(description="Stable, for programs: what kind of fault it was.")
    reason: str = strawberry.field(description="For people: what was wrong and what is accepted.")
    received_at: datetime = strawberry.field(description="When it arrived (UTC).")
    replayed_at: datetime | None = strawberry.field(
        description="When it was read again and could be stored (UTC); null while it is only kept."
    )


@strawberry.type
class ServiceQueries:
    """The queries about the service itself."""

    service_status: service.ServiceStatus = strawberry.field(
        resolver=service.status, graphql_type=ServiceStatus, description="How the service is doing."
    )

    @strawberry.field(
        description="Messages that could not be read, newest first. For admins.",
        graphql_type=Connection[RejectedMessage],
    )
    async def rejected_messages(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many at the most, 1 to 500.")] = 50,
        after: Annotated[Cursor | None, strawberry.argument(description="Only messages after this cursor.")] = None,
    ) -> pages.Page[KeptRejection]:
        """A page of rejected messages."""
        return await service.rejected_messages(info, first=first, after=after)


@strawberry.type
class ServiceMutations:
    """The switch of ingest."""

    start_ingest: service.ServiceStatus = strawberry.mutation(
        resolver=service.start_ingest,
        graphql_type=ServiceStatus,
        description="Connects ingest to the broker again; what was queued meanwhile is taken. For admins.",
    )
    stop_ingest: service.ServiceStatus = strawberry.mutation(
        resolver=service.stop_ingest,
        graphql_type=ServiceStatus,
        description="Disconnects ingest from the broker, which keeps what comes meanwhile. For admins.",
    )
