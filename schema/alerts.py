"""Describes alerts: how a viewer's own are listed, acknowledged and followed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from metering.alerts import AlertKind, AlertState
from resolvers import alert_stream, alerts, pages
from resolvers.context import Info
from resolvers.pages import Cursor
from schema.events import instances_of
from schema.live import AT, CURSOR, HEARTBEAT, Gap, Heartbeat
from schema.pages import Connection
from schema.refusals import Refusal, RefusedAsData
from store.alerts import Alert as AlertRow

strawberry.enum(AlertKind, description="What an alert is about: LOW_UNITS when a prepaid panel's credit runs low.")
strawberry.enum(AlertState, description="OPEN while the reason holds; CLEARED once there are enough units again.")


@strawberry.type(description="A warning to you. One is raised each time a rule's threshold is crossed.")
class Alert:
    """See `store.alerts.Alert`."""

    id: strawberry.ID = strawberry.field(description="Its number; pushes carry it as `alertId`.")
    panel_code: str = strawberry.field(description="The code of the panel that it is about.")
    panel_name: str = strawberry.field(description="What people call that panel.")
    kind: AlertKind = strawberry.field(description="What it is about.")
    state: AlertState = strawberry.field(description="Whether the reason still holds.")
    balance_kwh: Decimal = strawberry.field(
        description="Units left when it was raised, in kWh: likely left, where the meter was last read over an hour"
        " before."
    )
    days_left: float | None = strawberry.field(
        description="Expected days until the units run out, when it was raised; null where it could not be foreseen."
    )
    message: str = strawberry.field(description="What the push says, in English.")
    raised_at: datetime = strawberry.field(description="When it was raised; panel's offset.")
    acknowledged_at: datetime | None = strawberry.field(
        description="When you acknowledged it first; panel's offset. Null before."
    )
    cleared_at: datetime | None = strawberry.field(
        description="When the reason was gone; panel's offset. Null while it is open."
    )


@strawberry.type(description="Alerts where the stream begins, newest first, 500 at the most.")
class AlertSnapshot:
    """See `resolvers.alert_stream.AlertSnapshot`."""

    cursor: Cursor = strawberry.field(description=CURSOR)
    alerts: list[Alert] = strawberry.field(
        description="Your open alerts; with `after` those that were raised, acknowledged or cleared since, or up to"
        " two minutes before."
    )
    is_whole: bool = strawberry.field(description="Whether these are all open alerts: forget those that are missing.")
    is_complete: bool = strawberry.field(description="Whether this is the last part: always, alerts come in one.")

    is_type_of = instances_of(alert_stream.AlertSnapshot)


@strawberry.type(description="An alert was raised, acknowledged or cleared.")
class AlertChanged:
    """See `resolvers.alert_stream.AlertChanged`."""

    cursor: Cursor = strawberry.field(description=CURSOR)
    at: datetime = strawberry.field(description=AT)
    alert: Alert = strawberry.field(description="The alert as it is now.")

    is_type_of = instances_of(alert_stream.AlertChanged)


AlertEvent = Annotated[
    AlertSnapshot | AlertChanged | Heartbeat | Gap,
    strawberry.union(
        "AlertEvent", description="What a subscription to alerts says. A change may be told twice: see its id."
    ),
]


@strawberry.input(description="Which alert was seen.")
class AcknowledgeAlertInput:
    """An alert of the viewer's."""

    alert_id: strawberry.ID = strawberry.field(description="The alert's id.")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What became of an acknowledgement."""

    alert: AlertRow | None = None
    refusal: Refusal | None = None


@strawberry.type(description="The acknowledged alert, or why there is none.")
class AcknowledgeAlertPayload:
    """Exactly one of the two is set."""

    alert: Alert | None = strawberry.field(description="Null when it was refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED or ALERT_NOT_FOUND; null when it was acknowledged."
    )


@strawberry.type
class AlertQueries:
    """The list of alerts."""

    @strawberry.field(description="Your alerts, newest first. Nobody else sees them.", graphql_type=Connection[Alert])
    async def alerts(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many at the most, 1 to 500.")] = 50,
        after: Annotated[Cursor | None, strawberry.argument(description="Only alerts after this cursor.")] = None,
        state: Annotated[
            AlertState | None, strawberry.argument(description="Only alerts in this state; all when left out.")
        ] = None,
    ) -> pages.Page[AlertRow]:
        """A page of alerts."""
        return await alerts.page(info, first=first, after=after, state=state)


@strawberry.type
class AlertMutations:
    """What a person does about an alert."""

    @strawberry.mutation(
        description="Notes that you have seen an alert; the first time stays.",
        graphql_type=AcknowledgeAlertPayload,
        extensions=[RefusedAsData(Acknowledged)],
    )
    async def acknowledge_alert(
        self,
        info: Info,
        given: Annotated[AcknowledgeAlertInput, strawberry.argument(name="input", description="Which alert.")],
    ) -> Acknowledged:
        """The alert, or why there is none."""
        return Acknowledged(await alerts.acknowledge(info.context, alert_id=given.alert_id))


@strawberry.type
class AlertSubscriptions:
    """The stream of alerts."""

    @strawberry.subscription(
        description="Your open alerts, or with `after` those that changed since, then each alert as it is raised,"
        " acknowledged or cleared.",
        graphql_type=AlertEvent,
    )
    def alerts(
        self,
        info: Info,
        after: Annotated[
            Cursor | None, strawberry.argument(description="The cursor of the last event that was received.")
        ] = None,
        heartbeat_every_s: Annotated[float | None, strawberry.argument(description=HEARTBEAT)] = None,
    ) -> AsyncIterator[Any]:
        """See `resolvers.alert_stream.alert_stream`."""
        return alert_stream.alert_stream(info, after=after, heartbeat_every_s=heartbeat_every_s)
