"""Reads forecasts whose outcome should be known by now, and keeps how wrong those of each panel were."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from metering.access import Viewer
from store.connections import Database
from store.households import HOUSEHOLD
from store.scope import scope

JUDGED_FOR = timedelta(days=120)
"""How old a forecast may be to be judged: 90 days lie between a forecast and its latest P90."""

# One of three hours: neighbours say the same, and 10,000 panels take a third of the time.
_PAST: LiteralString = f"""
SELECT panel.id,
       array_agg(date_part('epoch', made_at) ORDER BY hour_at),
       array_agg(date_part('epoch', balance_at) ORDER BY hour_at),
       array_agg(balance_kwh::float8 ORDER BY hour_at),
       array_agg(date_part('epoch', p10_at) ORDER BY hour_at),
       array_agg(date_part('epoch', p50_at) ORDER BY hour_at),
       array_agg(date_part('epoch', p90_at) ORDER BY hour_at),
       array_agg(widening_lower ORDER BY hour_at), array_agg(widening_upper ORDER BY hour_at)
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
{HOUSEHOLD}
JOIN depletion_forecast AS past ON past.panel_id = panel.id
WHERE panel.id = ANY(%(panel_ids)s) AND hour_at >= greatest(%(since)s, household.since)
  AND p90_at <= %(now)s AND balance_at IS NOT NULL AND balance_kwh > 0.05
  AND extract(hour FROM hour_at)::integer %% 3 = 0
GROUP BY panel.id"""


@dataclass(frozen=True, slots=True)
class PastForecasts:
    """Earlier forecasts of a panel, oldest first, whose P90 has passed: equally long columns.

    Instants are seconds since 1970. `balance_kwh` units were left when usage up to `balance_at_s` had been taken off.
    `widening` is what their bands had been stretched by.
    """

    made_at_s: list[float]
    balance_at_s: list[float]
    balance_kwh: list[float]
    p10_at_s: list[float]
    p50_at_s: list[float]
    p90_at_s: list[float]
    widening_lower: list[float]
    widening_upper: list[float]


@dataclass(frozen=True, slots=True)
class HorizonBacktest:
    """How forecasts did that told P50 from `from_days` up to before `to_days` ahead; None is without end."""

    from_days: float
    to_days: float | None
    resolved_count: int
    coverage: float
    median_absolute_error_hours: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """How earlier forecasts of a panel did, made from `since_at` on; None in place of figures before the first.

    `coverage` is the share that came between P10 and P90, `early_share` before P10, `late_share` after P90.
    `bias_hours` is how much later than it came P50 was on average. `own_lower` and `own_upper` are what bands should be
    stretched by in the eyes of this panel's forecasts alone, None where they are too few; `widening_lower` and
    `widening_upper` are what the next ones are stretched by.
    """

    panel_id: int
    judged_at: datetime
    since_at: datetime | None = None
    resolved_count: int = 0
    coverage: float | None = None
    early_share: float | None = None
    late_share: float | None = None
    median_error_hours: float | None = None
    mean_percent_error: float | None = None
    bias_hours: float | None = None
    by_horizon: tuple[HorizonBacktest, ...] = ()
    widening_lower: float = 1.0
    widening_upper: float = 1.0
    own_lower: float | None = None
    own_upper: float | None = None


async def past_forecasts(
    connection: Database, *, viewer: Viewer | None, panel_ids: Sequence[int], now: datetime
) -> dict[int, PastForecasts]:
    """The forecasts of each panel that can be judged, by panel id; None is the jobs, who act for nobody.

    They are chosen by what they said alone, never by what came of it: those of the last 120 days whose P90 has passed.
    """
    parameters = {
        **scope(viewer), "panel_ids": list(panel_ids), "since": now - JUDGED_FOR, "now": now,
    }  # fmt: skip
    found = await (await connection.execute(_PAST, parameters, binary=True)).fetchall()
    return {panel_id: PastForecasts(*columns) for panel_id, *columns in found}


_SAVE: LiteralString = """
INSERT INTO forecast_backtest (panel_id, judged_at, since_at, resolved_count, coverage, early_share, late_share,
                               median_error_hours, mean_percent_error, bias_hours, by_horizon,
                               widening_lower, widening_upper, own_lower, own_upper)
VALUES (%(panel_id)s, %(judged_at)s, %(since_at)s, %(resolved_count)s, %(coverage)s, %(early_share)s, %(late_share)s,
        %(median_error_hours)s, %(mean_percent_error)s, %(bias_hours)s, %(by_horizon)s,
        %(widening_lower)s, %(widening_upper)s, %(own_lower)s, %(own_upper)s)
ON CONFLICT (panel_id) DO UPDATE SET
    judged_at = excluded.judged_at, since_at = excluded.since_at, resolved_count = excluded.resolved_count,
    coverage = excluded.coverage, early_share = excluded.early_share, late_share = excluded.late_share,
    median_error_hours = excluded.median_error_hours, mean_percent_error = excluded.mean_percent_error,
    bias_hours = excluded.bias_hours, by_horizon = excluded.by_horizon, widening_lower = excluded.widening_lower,
    widening_upper = excluded.widening_upper, own_lower = excluded.own_lower, own_upper = excluded.own_upper"""


async def save(connection: Database, backtest: Backtest) -> None:
    """Keeps the newest backtest of a panel."""
    values: dict[str, Any] = {name: getattr(backtest, name) for name in Backtest.__slots__}
    horizons = [{name: getattr(one, name) for name in HorizonBacktest.__slots__} for one in backtest.by_horizon]
    await connection.execute(_SAVE, values | {"by_horizon": Jsonb(horizons)})


_BACKTESTS: LiteralString = """
SELECT backtest.*
FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN forecast_backtest AS backtest ON backtest.panel_id = panel.id
WHERE panel.id = ANY(%(panel_ids)s)"""


async def backtests(connection: Database, *, viewer: Viewer | None, panel_ids: Sequence[int]) -> dict[int, Backtest]:
    """How earlier forecasts of each panel did, by panel id; None is the jobs. Panels never judged are absent."""
    async with connection.cursor(row_factory=kwargs_row(_backtest)) as cursor:
        await cursor.execute(_BACKTESTS, {**scope(viewer), "panel_ids": list(panel_ids)})
        return {backtest.panel_id: backtest for backtest in await cursor.fetchall()}


def _backtest(*, by_horizon: list[dict[str, Any]], **others: Any) -> Backtest:
    return Backtest(by_horizon=tuple(HorizonBacktest(**one) for one in by_horizon), **others)


_POOLED: LiteralString = """
SELECT exp(coalesce(sum(ln(own_lower)), 0) / (count(*) + 5)), exp(coalesce(sum(ln(own_upper)), 0) / (count(*) + 5))
FROM forecast_backtest WHERE own_lower IS NOT NULL"""


async def pooled_widening(connection: Database) -> tuple[float, float]:
    """What bands below and above P50 should be stretched by in the eyes of all panels: their geometric mean.

    Five panels that need nothing are counted with them, so that one or two panels do not speak for the others.
    """
    ((lower, upper),) = await (await connection.execute(_POOLED)).fetchall()
    return lower, upper
