"""Turns what was stored of a panel's future into its forecast, in the panel's time zone."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

import strawberry

from resolvers.context import Context, Info
from resolvers.loading import loaded
from resolvers.prepaid import PrepaidAccount
from store import forecasts
from store.forecasts import StoredForecast, UsageColumns
from store.panels import Panel


@dataclass(frozen=True, slots=True)
class TimeQuantiles:
    """When something happens: early, in the median, late; in the panel's time zone. None is beyond the horizon."""

    p10: datetime | None
    p50: datetime | None
    p90: datetime | None


@dataclass(frozen=True, slots=True)
class ExpectedUsage:
    """Expected usage of the days and hours to come."""

    daily: UsageColumns
    hourly: UsageColumns


class ForecastMethod(Enum):
    """How a forecast was made: as the panel's usage is still being learnt, or from its profile."""

    LEARNING = "LEARNING"
    PROFILE = "PROFILE"


@dataclass(frozen=True, slots=True)
class DepletionForecast:
    """When a panel's units run out, in its time zone."""

    made_at: datetime
    data_up_to: datetime
    method: ForecastMethod
    depletes_at: TimeQuantiles
    days_left: float | None
    expected_usage: ExpectedUsage
    history_days: float


async def forecast(parent: strawberry.Parent[PrepaidAccount], info: Info) -> DepletionForecast | None:
    """When the panel's units run out; None when nothing is known yet."""
    found = await loaded(info.context, _forecasts, parent.panel.id)
    return None if found is None else local_forecast(found, panel=parent.panel)


async def _forecasts(context: Context, panel_ids: list[int]) -> dict[int, StoredForecast]:
    async with context.pool.connection() as connection:
        return await forecasts.current(connection, context.signed_in, panel_ids)


def local_forecast(stored: StoredForecast, *, panel: Panel) -> DepletionForecast:
    """The forecast with its instants in the panel's time zone."""

    def local(at: datetime | None) -> datetime | None:
        return at and at.astimezone(panel.zone)

    def columns(usage: UsageColumns) -> UsageColumns:
        return replace(usage, starts_at=[at.astimezone(panel.zone) for at in usage.starts_at])

    return DepletionForecast(
        made_at=stored.made_at.astimezone(panel.zone),
        data_up_to=stored.data_up_to.astimezone(panel.zone),
        method=ForecastMethod(stored.method),
        depletes_at=TimeQuantiles(local(stored.p10_at), local(stored.p50_at), local(stored.p90_at)),
        days_left=stored.days_left,
        expected_usage=ExpectedUsage(columns(stored.daily), columns(stored.hourly)),
        history_days=stored.history_days,
    )
