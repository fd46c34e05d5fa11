"""Describes the subscriptions to what panels are like: their status, their day so far, and their forecasts."""

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from resolvers import forecast_stream, forecasts, status_stream
from resolvers import usage_stream as today_stream
from resolvers.context import Info
from resolvers.pages import Cursor
from resolvers.usage_today import UsageToday as DaySoFar
from schema.events import instances_of
from schema.forecasts import DepletionForecast
from schema.live import AT, CODES, CURSOR, HEARTBEAT, Gap, Heartbeat
from schema.panels import Panel
from schema.usage import UsageToday
from store.panels import Panel as PanelRow
from store.panels import PanelStatus

_AFTER = (
    "The cursor of the last event that was received: the snapshot then has only the panels whose state may have changed"
    " since, a whole one where nobody can say."
)
_STATES = "The state of each panel, by code."
_IS_WHOLE = (
    "Whether these are all panels: forget those that are missing. False after `after`, when they are those that may"
    " have changed since."
)
_IS_COMPLETE = "Whether this is the last part: over 200 panels come in several."
_PANEL_CODE = "The panel's code."
_PANEL = "The panel as it was then."
_SNAPSHOT = " Another one comes when panels come into your sight or go out of it."

Codes = Annotated[list[str] | None, strawberry.argument(description=CODES)]
After = Annotated[Cursor | None, strawberry.argument(description=_AFTER)]
HeartbeatEvery = Annotated[float | None, strawberry.argument(description=HEARTBEAT)]


@strawberry.type(description="Whether a panel has been heard of lately.")
class PanelStatusState:
    """See `resolvers.status_stream.PanelStatusState`."""

    panel_code: str = strawberry.field(description=_PANEL_CODE)
    status: PanelStatus = strawberry.field(description="Its status.")
    last_seen_at: datetime | None = strawberry.field(
        description="When its last reading arrived; panel's offset; null before the first."
    )
    panel: PanelRow = strawberry.field(graphql_type=Panel, description=_PANEL)


@strawberry.type(description="The status of panels where the stream begins." + _SNAPSHOT)
class PanelStatusSnapshot:
    """See `resolvers.status_stream.PanelStatusSnapshot`."""

    cursor: Cursor = strawberry.field(description=CURSOR)
    states: list[PanelStatusState] = strawberry.field(description=_STATES)
    is_whole: bool = strawberry.field(description=_IS_WHOLE)
    is_complete: bool = strawberry.field(description=_IS_COMPLETE)

    is_type_of = instances_of(status_stream.PanelStatusSnapshot)


@strawberry.type(description="A panel came online or went offline.")
class PanelStatusChanged:
    """See `resolvers.status_stream.PanelStatusChanged`."""

    cursor: Cursor = strawberry.field(description=CURSOR)
    at: datetime = strawberry.field(description=AT)
    state: PanelStatusState = strawberry.field(description="The panel's state as it is now.")

    is_type_of = instances_of(status_stream.PanelStatusChanged)


@strawberry.type(description="A panel's local day so far.")
class PanelUsageToday:
    """See `resolvers.usage_stream.PanelUsageToday`."""

    panel_code: str = strawberry.field(description=_PANEL_CODE)
    today: DaySoFar | None = strawberry.field(
        graphql_type=UsageToday | None, description="The day so far; null while no tariff is known that is valid on it."
    )
    panel: PanelRow = strawberry.field(graphql_type=Panel, description=_PANEL)


@strawberry.type(description="The day so far of panels where the stream begins." + _SNAPSHOT)
class UsageTodaySnapshot:
    """See `resolvers.usage_stream.UsageTodaySnapshot`."""

    cursor: Cursor = strawberry.field(description=CURSOR)
    states: list[PanelUsageToday] = strawberry.field(description=_STATES)
    is_whole: bool = strawberry.field(description=_IS_WHOLE)
    is_complete: bool = strawberry.field(description=_IS_COMPLETE)

    is_type_of = instances_of(today_stream.UsageTodaySnapshot)


@strawberry.type(
    description="New readings changed a panel's day so far, or a new day began at its local midnight. Each panel's"
    " changes of a second are told as one, the newest."
)
class UsageTodayChanged:
    """See `resolvers.usage_stream.UsageTodayChanged`."""

    cursor: Cursor = strawberry.field(description=CURSOR)
    at: datetime = strawberry.field(description=AT)
    state: PanelUsageToday = strawberry.field(description="The panel's state as it is now.")

    is_type_of = instances_of(today_stream.UsageTodayChanged)


@strawberry.type(description="A prepaid panel's credit and when it is foreseen to run out.")
class PanelDepletionForecast:
    """See `resolvers.forecast_stream.PanelDepletionForecast`."""

    panel_code: str = strawberry.field(description=_PANEL_CODE)
    balance_kwh: Decimal | None = strawberry.field(
        description="Units left in kWh; null before the first top-up or recorded balance."
    )
    balance_at: datetime | None = strawberry.field(
        description="The newest reading or change that the balance knows; panel's offset. Null without a balance."
    )
    forecast: forecasts.DepletionForecast | None = strawberry.field(
        graphql_type=DepletionForecast | None, description="When the units run out; null when nothing is known yet."
    )
    panel: PanelRow = strawberry.field(graphql_type=Panel, description=_PANEL)


@strawberry.type(description="The forecasts of prepaid panels where the stream begins." + _SNAPSHOT)
class DepletionForecastSnapshot:
    """See `resolvers.forecast_stream.DepletionForecastSnapshot`."""

    cursor: Cursor = strawberry.field(description=CURSOR)
    states: list[PanelDepletionForecast] = strawberry.field(description=_STATES)
    is_whole: bool = strawberry.field(description=_IS_WHOLE)
    is_complete: bool = strawberry.field(description=_IS_COMPLETE)

    is_type_of = instances_of(forecast_stream.DepletionForecastSnapshot)


@strawberry.type(description="A prepaid panel has a new forecast.")
class DepletionForecastChanged:
    """See `resolvers.forecast_stream.DepletionForecastChanged`."""

    cursor: Cursor = strawberry.field(description=CURSOR)
    at: datetime = strawberry.field(description=AT)
    state: PanelDepletionForecast = strawberry.field(description="The panel's state as it is now.")

    is_type_of = instances_of(forecast_stream.DepletionForecastChanged)


PanelStatusEvent = Annotated[
    PanelStatusSnapshot | PanelStatusChanged | Heartbeat | Gap,
    strawberry.union("PanelStatusEvent", description="What a subscription to status says."),
]
UsageTodayEvent = Annotated[
    UsageTodaySnapshot | UsageTodayChanged | Heartbeat | Gap,
    strawberry.union("UsageTodayEvent", description="What a subscription to the local day says."),
]
DepletionForecastEvent = Annotated[
    DepletionForecastSnapshot | DepletionForecastChanged | Heartbeat | Gap,
    strawberry.union("DepletionForecastEvent", description="What a subscription to forecasts says."),
]


@strawberry.type
class StateSubscriptions:
    """The subscriptions to what panels are like."""

    @strawberry.subscription(
        description="The status of each panel, then each change; silence alone turns a panel OFFLINE.",
        graphql_type=PanelStatusEvent,
    )
    def panel_status(
        self, info: Info, codes: Codes = None, after: After = None, heartbeat_every_s: HeartbeatEvery = None
    ) -> AsyncIterator[Any]:
        """See `resolvers.status_stream.panel_status`."""
        return status_stream.panel_status(info, codes=codes, after=after, heartbeat_every_s=heartbeat_every_s)

    @strawberry.subscription(
        description="The local day so far of each panel, with its cost, then each change that new readings make, once a"
        " second and panel at the most, and the new day at the panel's local midnight.",
        graphql_type=UsageTodayEvent,
    )
    def usage_today(
        self, info: Info, codes: Codes = None, after: After = None, heartbeat_every_s: HeartbeatEvery = None
    ) -> AsyncIterator[Any]:
        """See `resolvers.usage_stream.usage_today`."""
        return today_stream.usage_today(info, codes=codes, after=after, heartbeat_every_s=heartbeat_every_s)

    @strawberry.subscription(
        description="When the units of each prepaid panel run out, with its balance, then each new forecast as it is"
        " made.",
        graphql_type=DepletionForecastEvent,
    )
    def depletion_forecast(
        self, info: Info, codes: Codes = None, after: After = None, heartbeat_every_s: HeartbeatEvery = None
    ) -> AsyncIterator[Any]:
        """See `resolvers.forecast_stream.depletion_forecast`."""
        return forecast_stream.depletion_forecast(info, codes=codes, after=after, heartbeat_every_s=heartbeat_every_s)
