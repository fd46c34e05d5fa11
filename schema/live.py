"""Describes the subscription to readings, and what all subscriptions say."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import strawberry

from resolvers import reading_events, reading_stream
from resolvers.context import Info
from resolvers.pages import Cursor
from resolvers.reading_events import GapReason
from schema.events import instances_of
from schema.panels import Panel
from schema.readings import Reading
from store.panels import Panel as PanelRow

strawberry.enum(
    GapReason,
    description="Why something is missing: TOO_MANY (over 10,000 readings or 500 alerts were missed) and TOO_OLD (too"
    " much was stored since) cannot be replayed; UNKNOWN_CURSOR is not of this database; a SLOW_CLIENT got the newest"
    " of each panel only.",
)

CODES = (
    "The panels, 1 to 1,000; all you may see, later ones too, when left out. Codes of no panel, or of one that is not"
    " yours, are passed over: the stream tells nothing of them."
)
HEARTBEAT = "Seconds of silence before a heartbeat, 1 to 300; a setting when left out (15)."
CURSOR = "Where the stream stands after this event: pass it as `after` to go on from here."
AT = "When it was told, by the server's clock; UTC."
_PANEL_CODE = "The panel's code."
_PANEL = "The panel as it is now; null when you may no longer see it."


@strawberry.type(
    description="Panels as they are where the stream begins, and as they are whenever panels come into your sight or"
    " leave it. Over 200 panels come in several of these; the cursor of all but the last begins with the snapshot"
    " again."
)
class ReadingSnapshot:
    """See `resolvers.reading_events.ReadingSnapshot`."""

    cursor: Cursor = strawberry.field(description=CURSOR)
    panels: list[Panel] = strawberry.field(description="The panels, by code, with their latest readings.")
    is_whole: bool = strawberry.field(
        description="Whether these are all panels: forget those that are missing. Always true here."
    )
    is_complete: bool = strawberry.field(description="Whether this is the last part: readings follow.")

    is_type_of = instances_of(reading_events.ReadingSnapshot)


@strawberry.type(description="A reading that was stored. Readings come in the order in which they were stored.")
class ReadingReceived:
    """See `resolvers.reading_events.ReadingReceived`."""

    cursor: Cursor = strawberry.field(description=CURSOR)
    at: datetime = strawberry.field(description=AT + " The reading has times of its own.")
    panel_code: str = strawberry.field(description=_PANEL_CODE)
    reading: Reading = strawberry.field(description="What the meter said; it may be older than the one before.")
    panel: PanelRow | None = strawberry.field(
        resolver=reading_stream.panel_of_event, graphql_type=Panel | None, description=_PANEL
    )

    is_type_of = instances_of(reading_events.ReadingReceived)


@strawberry.type(description="Nothing was told for a while, and the stream is alive.")
class Heartbeat:
    """See `resolvers.reading_events.Heartbeat`."""

    cursor: Cursor = strawberry.field(description=CURSOR)
    at: datetime = strawberry.field(description=AT)
    last_seen_at: datetime | None = strawberry.field(
        description="When the newest reading of all watched panels arrived; UTC. Null before the first, and for alerts."
    )
    is_current: bool = strawberry.field(
        description="False while the server cannot reach its database: what was stored meanwhile follows later."
    )

    is_type_of = instances_of(reading_events.Heartbeat)


@strawberry.type(
    description="Something is missing here; of readings, each panel's `readings` has it. After all reasons but"
    " SLOW_CLIENT a snapshot follows, a whole one."
)
class Gap:
    """See `resolvers.reading_events.Gap`."""

    cursor: Cursor = strawberry.field(description=CURSOR)
    reason: GapReason = strawberry.field(description="Why they are missing.")
    missed: int | None = strawberry.field(description="How many events are missing; null where that is not known.")

    is_type_of = instances_of(reading_events.Gap)


PanelReadingEvent = Annotated[
    ReadingSnapshot | ReadingReceived | Heartbeat | Gap,
    strawberry.union("PanelReadingEvent", description="What a subscription to readings says."),
]


@strawberry.type
class LiveSubscriptions:
    """The subscription to readings."""

    @strawberry.subscription(
        description="First the state of the panels, or with `after` everything that was missed, then each reading as it"
        " is stored, and the state anew whenever panels come into your sight or leave it. Nothing is lost or repeated"
        " across a reconnect that passes the last event's cursor.",
        graphql_type=PanelReadingEvent,
    )
    def panel_readings(
        self,
        info: Info,
        codes: Annotated[
            list[str] | None,
            strawberry.argument(description=CODES),
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
            strawberry.argument(description=HEARTBEAT),
        ] = None,
    ) -> AsyncIterator[Any]:
        """See `resolvers.reading_stream.panel_readings`."""
        return reading_stream.panel_readings(info, codes=codes, after=after, heartbeat_every_s=heartbeat_every_s)
