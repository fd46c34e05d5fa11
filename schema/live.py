"""Describes subscriptions to readings and to the panels' status."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any

import strawberry

from resolvers import reading_events, reading_stream, status_stream
from resolvers.context import Info
from resolvers.pages import Cursor
from resolvers.reading_events import GapReason
from schema.panels import Panel
from schema.readings import Reading
from store.panels import Panel as PanelRow
from store.panels import PanelStatus

strawberry.enum(
    GapReason,
    description="Why readings are missing: TOO_MANY (over 10,000 were missed) and TOO_OLD (too much was stored since)"
    " cannot be replayed; UNKNOWN_CURSOR is not of this database; a SLOW_CLIENT got the newest of each panel only.",
)

_CURSOR = "Where the stream stands after this event: pass it as `after` to go on from here."
_PANEL_CODE = "The panel's code."
_PANEL = "The panel as it is now; null when you may no longer see it."


@strawberry.type(
    description="Panels as they are where the stream begins. Over 200 panels come in several of these; the cursor of"
    " all but the last begins with the snapshot again."
)
class ReadingSnapshot:
    """See `resolvers.reading_events.ReadingSnapshot`."""

    cursor: Cursor = strawberry.field(description=_CURSOR)
    panels: list[Panel] = strawberry.field(description="The panels, by code, with their latest readings.")
    is_complete: bool = strawberry.field(description="Whether this is the last part: readings follow.")

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        """Whether an event is one of these."""
        return isinstance(value, reading_events.ReadingSnapshot)


@strawberry.type(description="A reading that was stored. Readings come in the order in which they were stored.")
class ReadingReceived:
    """See `resolvers.reading_events.ReadingReceived`."""

    cursor: Cursor = strawberry.field(description=_CURSOR)
    panel_code: str = strawberry.field(description=_PANEL_CODE)
    reading: Reading = strawberry.field(description="What the meter said; it may be older than the one before.")
    panel: PanelRow | None = strawberry.field(
        resolver=reading_stream.panel_of_event, graphql_type=Panel | None, description=_PANEL
    )

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        """Whether an event is one of these."""
        return isinstance(value, reading_events.ReadingReceived)


@strawberry.type(description="Nothing was stored for a while, and the stream is alive.")
class Heartbeat:
    """See `resolvers.reading_events.Heartbeat`."""

    cursor: Cursor = strawberry.field(description=_CURSOR)
    at: datetime = strawberry.field(description="The server's clock; UTC.")
    last_seen_at: datetime | None = strawberry.field(
        description="When the newest reading of all watched panels arrived; null before the first."
    )
    is_current: bool = strawberry.field(
        description="False while the server cannot reach its database: what was stored meanwhile follows later."
    )

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        """Whether an event is one of these."""
        return isinstance(value, reading_events.Heartbeat)


@strawberry.type(
    description="Readings are missing here; `readings` of each panel has them. After all reasons but SLOW_CLIENT a"
    " snapshot follows."
)
class Gap:
    """See `resolvers.reading_events.Gap`."""

    cursor: Cursor = strawberry.field(description=_CURSOR)
    reason: GapReason = strawberry.field(description="Why they are missing.")
    missed: int | None = strawberry.field(description="How many readings are missing; null where that is not known.")

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        """Whether an event is one of these."""
        return isinstance(value, reading_events.Gap)


PanelReadingEvent = Annotated[
    ReadingSnapshot | ReadingReceived | Heartbeat | Gap,
    strawberry.union("PanelReadingEvent", description="What a subscription to readings says."),
]


@strawberry.type(description="What a panel's status is from `at` on.")
class PanelStatusEvent:
    """See `resolvers.status_stream.PanelStatusEvent`."""

    panel_code: str = strawberry.field(description=_PANEL_CODE)
    status: PanelStatus = strawberry.field(description="Whether the panel has been heard of lately.")
    last_seen_at: datetime | None = strawberry.field(
        description="When its last reading arrived; panel's offset; null before the first."
    )
    at: datetime = strawberry.field(description="The server's clock; UTC.")
    is_change: bool = strawberry.field(description="False for the first event of each panel, which says how it is.")
    panel: PanelRow | None = strawberry.field(
        resolver=status_stream.panel_of_event, graphql_type=Panel | None, description=_PANEL
    )


@strawberry.type
class LiveSubscriptions:
    """The subscriptions to readings and status."""

    @strawberry.subscription(
        description="First the state of the panels, or with `after` everything that was missed, then each reading as it"
        " is stored. Nothing is lost or repeated across a reconnect that passes the last event's cursor.",
        graphql_type=PanelReadingEvent,
    )
    def panel_readings(
        self,
        info: Info,
        codes: Annotated[
            list[str] | None,
            strawberry.argument(description="The panels, 1 to 1,000; all you may see, later ones too, when left out."),
        ] = None,
        after: Annotated[
            Cursor | None,
            strawberry.argument(
                description="The cursor of the last event that was received, or of a panel's `readings`, so that the"
                " stream goes on where the chart ends."
            ),
        ] = None,
        heartbeat_every_s: Annotated[
            float | None,
            strawberry.argument(
                description="Seconds of silence before a heartbeat, 1 to 300; a setting when left out (15)."
            ),
        ] = None,
    ) -> AsyncGenerator[Any]:
        """See `resolvers.reading_stream.panel_readings`."""
        return reading_stream.panel_readings(info, codes=codes, after=after, heartbeat_every_s=heartbeat_every_s)

    @strawberry.subscription(
        description="The status of each panel, then each change; silence alone turns a panel OFFLINE.",
        graphql_type=PanelStatusEvent,
    )
    def panel_status(
        self,
        info: Info,
        codes: Annotated[
            list[str] | None,
            strawberry.argument(description="The panels, 1 to 1,000; all you may see, later ones too, when left out."),
        ] = None,
    ) -> AsyncGenerator[Any]:
        """See `resolvers.status_stream.panel_status`."""
        return status_stream.panel_status(info, codes=codes)
