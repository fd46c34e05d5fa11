"""Turns what was stored of a panel's future into its forecast, in the panel's time zone, and asks "what if"."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Protocol

import strawberry

from metering.ledger import checked_units
from metering.money import Money
from metering.refusals import Refused
from resolvers import receipts
from resolvers.context import Context, Info
from resolvers.ledger_turns import PrepaidAccount
from resolvers.loading import loaded
from resolvers.windows import looked_back
from store import forecasts, resolved_forecasts
from store.connections import Database
from store.forecast_inputs import ForecastInputs, forecast_inputs
from store.forecasts import StoredForecast, UsageColumns
from store.panels import Panel
from store.resolved_forecasts import Backtest, HorizonBacktest

MAX_LESS_PERCENT = 90.0
AT_ONCE_FOR = timedelta(minutes=1)
"""For how long after a change of credit the API computes by itself: by then the jobs have, unless they are away."""


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
    """How a forecast was made: while usage is still being learnt, from the panel's profile, or by the model."""

    LEARNING = "LEARNING"
    PROFILE = "PROFILE"
    MODEL = "MODEL"


@dataclass(frozen=True, slots=True)
class BandWidening:
    """What the distances from P50 to P10 (lower) and to P90 (upper) were stretched by."""

    lower_factor: float
    upper_factor: float


@dataclass(frozen=True, slots=True)
class HorizonView:
    """How forecasts did that told P50 from `from_days` up to before `to_days` ahead; None is without end."""

    from_days: float
    to_days: float | None
    resolved_count: int
    coverage_percent: float
    median_absolute_error_hours: float


@dataclass(frozen=True, slots=True)
class ForecastBacktest:
    """How earlier forecasts of a panel did; figures are None before the first could be judged."""

    oldest_made_at: datetime | None
    resolved_count: int
    coverage_percent: float | None
    early_percent: float | None
    late_percent: float | None
    median_absolute_error_hours: float | None
    mean_absolute_error_percent: float | None
    bias_hours: float | None
    by_horizon: list[HorizonView]


@dataclass(frozen=True, slots=True)
class DepletionForecast:
    """When a panel's units run out, in its time zone."""

    panel: Panel
    made_at: datetime
    data_up_to: datetime
    data_age_s: float
    method: ForecastMethod
    balance_kwh: Decimal
    depletes_at: TimeQuantiles
    days_left: float | None
    expected_usage: ExpectedUsage
    history_days: float
    widening: BandWidening


class Forecaster(Protocol):
    """What computes forecasts at once: `forecasting.on_demand.Forecaster`."""

    async def depletion(
        self,
        inputs: ForecastInputs,
        *,
        panel_id: int,
        ledger_id: int,
        time_zone: str,
        now: datetime,
        widening: tuple[float, float],
        added_kwh: Decimal = Decimal(0),
        usage_factor: float = 1.0,
    ) -> StoredForecast | None:
        """When the balance and `added_kwh` more run out, at so much of the usual usage; None when nothing is known."""
        ...


async def forecast(parent: strawberry.Parent[PrepaidAccount], info: Info) -> DepletionForecast | None:
    """When the panel's units run out; None when nothing is known yet.

    Where the credit changed a moment ago, and the jobs have not got to it, it is computed at once: a forecast never
    contradicts the balance beside it.
    """
    context, panel = info.context, parent.panel
    found = await loaded(context, _forecasts, panel.id)
    if found is None:
        return None
    newest = found.newest_ledger
    made = None
    if newest and newest.id != found.forecast.ledger_id and context.now() - newest.created_at < AT_ONCE_FOR:
        made = await _computed(context, panel, ledger_id=newest.id)
    return local_forecast(made or found.forecast, panel=panel, now=context.now())


async def _forecasts(context: Context, panel_ids: list[int]) -> dict[int, forecasts.CurrentForecast]:
    async with context.pool.connection() as connection:
        return await forecasts.current(connection, context.signed_in, panel_ids)


async def what_if(
    account: PrepaidAccount,
    info: Info,
    *,
    top_up_kwh: Decimal | None,
    paid: Money | None,
    use_less_percent: float | None,
) -> DepletionForecast | None:
    """When the units would run out after a top-up made now, or if less were used from now on; nothing is changed.

    None when nothing is known yet.

    Raises:
        Refused: BAD_INPUT, BAD_AMOUNT, BAD_CURRENCY, NO_TARIFF.
    """
    if top_up_kwh is not None and paid is not None:
        raise Refused("BAD_INPUT", "Give either `topUpKwh` or `topUpAmount`, not both.", "topUpKwh")
    factor = 1 - _checked_percent(use_less_percent or 0.0) / 100
    added = Decimal(0) if top_up_kwh is None else checked_units(top_up_kwh, field="topUpKwh", above_zero=False)
    if paid is not None:
        added = await _bought_kwh(account, info, paid)
    made = await _computed(info.context, account.panel, added_kwh=added, usage_factor=factor)
    return made and local_forecast(made, panel=account.panel, now=info.context.now())


async def _bought_kwh(account: PrepaidAccount, info: Info, paid: Money) -> Decimal:
    """By how much the balance would rise; refusals name the argument as `whatIf` has it."""
    try:
        return (await receipts.quote(account, info, paid, None)).added_kwh
    except Refused as refused:
        if refused.field != "amount":
            raise
        raise Refused(refused.code, refused.message.replace("`amount`", "`topUpAmount`"), "topUpAmount") from None


def _checked_percent(percent: float) -> float:
    if not -MAX_LESS_PERCENT <= percent <= MAX_LESS_PERCENT:
        message = f"`useLessPercent` must be -{MAX_LESS_PERCENT:g} to {MAX_LESS_PERCENT:g}; below 0 is more."
        raise Refused("BAD_INPUT", message, "useLessPercent")
    return percent


async def _computed(
    context: Context,
    panel: Panel,
    *,
    ledger_id: int = 0,
    added_kwh: Decimal = Decimal(0),
    usage_factor: float = 1.0,
) -> StoredForecast | None:
    """The panel's forecast, computed now; None when nothing is known yet, or where nothing can compute it."""
    forecaster: Forecaster | None = context.forecaster
    if forecaster is None:
        return None
    viewer, now = context.signed_in, context.now()
    async with context.turns, context.pool.connection() as connection:
        found = await forecast_inputs(connection, viewer=viewer, panel_ids=[panel.id], now=now)
        judged = (await resolved_forecasts.backtests(connection, viewer=None, panel_ids=[*found])).get(panel.id)
    if panel.id not in found:
        return None
    return await forecaster.depletion(
        found[panel.id],
        panel_id=panel.id,
        ledger_id=ledger_id,
        time_zone=panel.time_zone,
        now=now,
        widening=(judged.widening_lower, judged.widening_upper) if judged else (1.0, 1.0),
        added_kwh=added_kwh,
        usage_factor=usage_factor,
    )


def local_forecast(stored: StoredForecast, *, panel: Panel, now: datetime) -> DepletionForecast:
    """The forecast with its instants in the panel's time zone; units run out now at the earliest."""

    def local(at: datetime | None) -> datetime | None:
        return at and max(at, now).astimezone(panel.zone)

    def columns(usage: UsageColumns) -> UsageColumns:
        return replace(usage, starts_at=[at.astimezone(panel.zone) for at in usage.starts_at])

    return DepletionForecast(
        panel=panel,
        made_at=stored.made_at.astimezone(panel.zone),
        data_up_to=stored.data_up_to.astimezone(panel.zone),
        data_age_s=max((stored.made_at - stored.data_up_to).total_seconds(), 0.0),
        method=ForecastMethod(stored.method),
        balance_kwh=stored.balance_kwh,
        depletes_at=TimeQuantiles(local(stored.p10_at), local(stored.p50_at), local(stored.p90_at)),
        days_left=stored.days_left,
        expected_usage=ExpectedUsage(columns(stored.daily), columns(stored.hourly)),
        history_days=stored.history_days,
        widening=BandWidening(stored.widening_lower, stored.widening_upper),
    )


async def backtest(parent: strawberry.Parent[DepletionForecast], info: Info) -> ForecastBacktest:
    """How earlier forecasts of the panel did."""
    found = await loaded(info.context, _backtests, parent.panel.id)
    if found is None:
        return ForecastBacktest(None, 0, None, None, None, None, None, None, [])
    return ForecastBacktest(
        oldest_made_at=found.since_at and found.since_at.astimezone(parent.panel.zone),
        resolved_count=found.resolved_count,
        coverage_percent=_percent(found.coverage),
        early_percent=_percent(found.early_share),
        late_percent=_percent(found.late_share),
        median_absolute_error_hours=_rounded(found.median_error_hours),
        mean_absolute_error_percent=_rounded(found.mean_percent_error),
        bias_hours=_rounded(found.bias_hours),
        by_horizon=[_horizon(row) for row in found.by_horizon],
    )


def _horizon(row: HorizonBacktest) -> HorizonView:
    return HorizonView(
        row.from_days,
        row.to_days,
        row.resolved_count,
        round(100 * row.coverage, 1),
        round(row.median_absolute_error_hours, 1),
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 1)


async def _backtests(context: Context, panel_ids: list[int]) -> dict[int, Backtest]:
    async def read(connection: Database, panel_ids: list[int]) -> Iterable[tuple[int, Backtest]]:
        found = await resolved_forecasts.backtests(connection, viewer=context.signed_in, panel_ids=panel_ids)
        return found.items()

    return dict(await looked_back(context, panel_ids, read))
