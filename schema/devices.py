"""Describes the devices that send messages: whether they are there, what they say of themselves, their panels."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from metering.devices import DeviceKind, ReportKind
from resolvers import devices, nodes, pages
from resolvers.context import Info
from resolvers.pages import Cursor
from schema.nodes import Node
from schema.pages import Connection
from schema.panels import Panel
from store.device_reports import KeptReport
from store.devices import Device as DeviceRow
from store.devices import DeviceFilter as Filter
from store.panels import Panel as PanelRow

strawberry.enum(
    ReportKind,
    name="DeviceReportKind",
    description="What a document is about: HEARTBEAT, that the device lives; STATUS, how it is.",
)


@strawberry.type(description="A document that a device sent of itself.")
class DeviceReport:
    """See `store.device_reports.KeptReport`."""

    kind: ReportKind = strawberry.field(description="What it is about.")
    received_at: datetime = strawberry.field(description="When it arrived; UTC.")
    document: JSON = strawberry.field(  # pyright: ignore[reportInvalidTypeForm]
        description="What it says, as the device's own JSON: its keys and units are those of the device."
    )


@strawberry.type(description="Whatever sends messages: a meter, a plug, a hub. It has one panel or several.")
class Device(Node):
    """See `store.devices.Device`."""

    id: strawberry.ID = strawberry.field(  # pyright: ignore[reportIncompatibleVariableOverride]
        resolver=nodes.device_id, description="Opaque, the only one in the whole API."
    )
    kind: DeviceKind = strawberry.field(description="Its family.")
    name: str = strawberry.field(description="What its MQTT topics call it; unique together with `kind`.")
    is_online: bool = strawberry.field(
        description="Whether it is there, as it or the broker on its behalf said last. Of a device of which nobody says"
        " that: whether it was heard in the last 5 minutes (a setting)."
    )
    online_changed_at: datetime | None = strawberry.field(
        description="Since when that was said; UTC. Null where nobody ever did."
    )
    first_heard_at: datetime = strawberry.field(description="When it was heard, or heard of, first; UTC.")
    last_heard_at: datetime | None = strawberry.field(
        description="When it sent something last, in steps of ten seconds; UTC. Null while only the broker has spoken"
        " of it."
    )
    meter_number: str | None = strawberry.field(
        description="The number of the meter that it reads, as the meter itself says it; null when unknown."
    )
    latest_heartbeat: KeptReport | None = strawberry.field(
        resolver=devices.latest_heartbeat,
        graphql_type=DeviceReport | None,
        description="Its newest heartbeat; null when it never sent one, or when you do not see all of its panels.",
    )
    latest_status: KeptReport | None = strawberry.field(
        resolver=devices.latest_status,
        graphql_type=DeviceReport | None,
        description="What it said last of how it is; null when it never did, or when you do not see all of its panels.",
    )
    panels: list[PanelRow] = strawberry.field(
        resolver=devices.panels,
        graphql_type=list[Panel],
        description="Its panels that you may see, by code: those whose code is the device's, or begins with it and a"
        " colon.",
    )

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        """Whether a node is one of these."""
        return isinstance(value, DeviceRow)

    @strawberry.field(
        description="The documents that it has sent, newest first; the newest 1000 of each kind are kept. None when you"
        " do not see all of its panels.",
        graphql_type=Connection[DeviceReport],
    )
    @staticmethod
    async def reports(
        parent: strawberry.Parent[DeviceRow],
        info: Info,
        kind: Annotated[ReportKind, strawberry.argument(description="Which documents.")],
        first: Annotated[int, strawberry.argument(description="How many at the most, 1 to 500.")] = 50,
        after: Annotated[Cursor | None, strawberry.argument(description="Only documents after this cursor.")] = None,
    ) -> pages.Page[KeptReport]:
        """A page of documents."""
        return await devices.reports(parent, info, kind=kind, first=first, after=after)


@strawberry.input(description="Which devices are meant. What is left out or null stays open.")
class DeviceFilter:
    """See `store.devices.DeviceFilter`."""

    kind: DeviceKind | None = strawberry.field(default=None, description="Only devices of this family.")
    is_online: bool | None = strawberry.field(
        default=None, description="Only devices that are there, or only the others."
    )


@strawberry.type
class DeviceQueries:
    """The list of devices."""

    @strawberry.field(
        description="The devices behind the panels that you may see, by name; for an admin all devices.",
        graphql_type=Connection[Device],
    )
    async def devices(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many at the most, 1 to 500.")] = 50,
        after: Annotated[Cursor | None, strawberry.argument(description="Only devices after this cursor.")] = None,
        where: Annotated[
            DeviceFilter | None, strawberry.argument(name="filter", description="Which devices; all when left out.")
        ] = None,
    ) -> pages.Page[DeviceRow]:
        """A page of devices."""
        chosen = Filter(where.kind, where.is_online) if where else Filter()
        return await devices.page(info, first=first, after=after, where=chosen)
