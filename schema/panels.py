"""Describes panels: what each one is, measured, used and costs."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from metering.devices import DeviceKind
from resolvers import (
    devices,
    nodes,
    properties,
    registered_devices,
    totals,
    usage_today,
)
from resolvers.current_price import CurrentPrice as PriceRow
from resolvers.current_price import of_panel as current_price_of
from resolvers.month_forecasts import MonthForecast as Month
from resolvers.month_forecasts import of_panel as month_forecast_of
from resolvers.prepaid import PrepaidAccount as Account
from resolvers.prepaid import account
from resolvers.tariffs import TariffVersion
from resolvers.tariffs import tariff as tariff_of
from schema.arguments import Arguments
from schema.month_forecasts import MonthForecast
from schema.nodes import Node
from schema.panel_history import PanelPast
from schema.prepaid import PrepaidAccount
from schema.properties import PropertyAddress
from schema.readings import Reading
from schema.tariffs import CurrentPrice, Tariff
from schema.usage import UsageToday
from store.panels import Panel as PanelRow
from store.panels import PanelStatus

if TYPE_CHECKING:
    from schema.devices import Device
    from schema.registered_devices import RegisteredDevice

strawberry.enum(
    PanelStatus,
    description="Decided by the server: ONLINE while the last reading came no more than 5 minutes ago (a setting).",
)

strawberry.enum(
    DeviceKind,
    description="The family that a device belongs to. PANEL_METER: a power meter on DATA/PM/; MAPPED: read by a mapping"
    " of its owner's; HOME_ASSISTANT: announced by Home Assistant's discovery.",
)


@strawberry.type(description="A metered connection: a floor's electrical panel, a home, a flat's prepaid meter.")
class Panel(PanelPast, Node):
    """See `store.panels.Panel`."""

    id: strawberry.ID = strawberry.field(  # pyright: ignore[reportIncompatibleVariableOverride]
        resolver=nodes.panel_id, description="Opaque, the only one in the whole API; stays when code or name change."
    )
    code: str = strawberry.field(description="What the panel is called in MQTT topics and in this API.")
    name: str = strawberry.field(description="What people call it.")
    location: str = strawberry.field(description="Where it is; empty when nobody said.")
    floor: int = strawberry.field(description="The storey; 0 is the ground floor.")
    time_zone: str = strawberry.field(description="IANA name; the panel's days, months and offsets follow it.")
    is_prepaid: bool = strawberry.field(description="Whether credit is bought before it is used.")
    is_counted: bool = strawberry.field(
        resolver=totals.is_counted,
        description="Whether totals of all panels that you see count it. Of a solar or battery hub they count its"
        " loads, or what it took from the grid where you see no load of it: its other parts are in there already.",
    )
    status: PanelStatus = strawberry.field(description="Whether the panel has been heard of lately.")
    last_seen_at: datetime | None = strawberry.field(
        description="When the last reading arrived; panel's offset. Null before the first."
    )
    latest_reading: Reading | None = strawberry.field(
        description="The newest reading by the device's clock; null before the first."
    )
    today: usage_today.UsageToday = strawberry.field(
        resolver=usage_today.today,
        graphql_type=UsageToday,
        description="The local day so far.",
    )

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        """Whether a node is one of these."""
        return isinstance(value, PanelRow)

    tariff: TariffVersion = strawberry.field(
        resolver=tariff_of,
        graphql_type=Tariff,
        description="What a kWh costs.",
        extensions=[Arguments(at="The tariff of this instant's local day; today's when left out.")],
    )
    month_forecast: Month | None = strawberry.field(
        resolver=month_forecast_of,
        graphql_type=MonthForecast | None,
        description="What the panel will have used and cost by the end of its local month, prepaid or not. Null before"
        " two readings are known, and until the jobs have looked at it, up to a minute.",
    )
    current_price: PriceRow = strawberry.field(
        resolver=current_price_of,
        graphql_type=CurrentPrice | None,
        description="What the next kWh costs, by hour and by what was used this month, and when that changes. Null when"
        " refused.",
    )
    property: properties.PropertyAddress | None = strawberry.field(
        resolver=properties.of_panel,
        graphql_type=PropertyAddress | None,
        description="The property that it belongs to; null where it belongs to nobody.",
    )
    prepaid: Account | None = strawberry.field(
        resolver=account, graphql_type=PrepaidAccount | None, description="Its credit; null for a post-paid panel."
    )
    device: Annotated["Device", strawberry.lazy("schema.devices")] | None = strawberry.field(  # pyright: ignore[reportAssignmentType]
        resolver=devices.of_panel,
        description="The device that its readings come from; null where that has told nothing of itself.",
    )
    registered_device: Annotated["RegisteredDevice", strawberry.lazy("schema.registered_devices")] | None = (
        strawberry.field(  # pyright: ignore[reportAssignmentType]
            resolver=registered_devices.of_panel,
            description="The device that alone may send its readings, for its landlord and admins; null where there is"
            " none, and for tenants.",
        )
    )
