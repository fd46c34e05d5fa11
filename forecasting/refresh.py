"""Turns panels whose readings or credit moved on into new depletion forecasts, and judges the earlier ones."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter

from forecasting.depletion import DepletionForecast, forecast_depletions
from forecasting.displays import register_of
from forecasting.inputs import inputs_of
from forecasting.judging import backtest_of
from forecasting.model import DepletionModel
from forecasting.stored import Asked, asked, stored
from forecasting.widening import Widening
from store import forecasting_status, forecasts, month_forecasts, resolved_forecasts
from store.connections import Database, Pool
from store.forecast_inputs import ForecastInputs
from store.forecasts import StalePanel, StoredForecast
from store.resolved_forecasts import Backtest, PastForecasts

_log = logging.getLogger(__name__)

MIN_INTERVAL = timedelta(seconds=30)
MAX_AGE = timedelta(hours=1)
"""How old a forecast grows before it is made anew without news; earlier ones are judged as often."""
LONGEST_MONTH = timedelta(days=31)
BATCH = 200
"""How many panels one call takes at the most, those with new credit first, so that a top-up never waits long."""

_AT_ONCE = 50
"""How many panels are computed together: half a second for those with half a year of history."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of some panels, as the database had it at one instant, each by panel id."""

    inputs: dict[int, ForecastInputs]
    past: dict[int, PastForecasts]
    backtests: dict[int, Backtest]
    pooled: Widening


@dataclass(frozen=True, slots=True)
class _Made:
    """What was computed for a panel; None where there is nothing to say."""

    panel: StalePanel
    forecast: StoredForecast | None
    backtest: Backtest | None
    has_failed: bool = False


async def refresh_stale(
    pool: Pool,
    *,
    now: datetime,
    min_interval: timedelta = MIN_INTERVAL,
    limit: int = BATCH,
    model: DepletionModel | None = None,
) -> int:
    """Forecasts up to `limit` panels that are due, and returns how many it looked at.

    A panel is due at once when its ledger changed, at most every `min_interval` when only readings did, and an hour
    after the last time in any case: a silent panel's forecast ages. Once an hour its earlier forecasts are judged. The
    computing runs in a thread. A panel that fails is logged, keeps its last forecast, and waits its turn again.
    """
    async with pool.connection() as connection:
        due = await forecasts.stale(connection, now=now, min_interval=min_interval, max_age=MAX_AGE, limit=limit)
        for start in range(0, len(due), _AT_ONCE):
            await _refresh(connection, due[start : start + _AT_ONCE], now=now, model=model)
    return len(due)


async def _refresh(
    connection: Database, panels: list[StalePanel], *, now: datetime, model: DepletionModel | None
) -> None:
    known = await _known(connection, panels, now=now)
    began_s = perf_counter()
    made = await asyncio.to_thread(_made, panels, known, now=now, model=model)
    took_s = perf_counter() - began_s
    for one in made:
        if one.backtest:
            await resolved_forecasts.save(connection, one.backtest)
        await forecasts.save(connection, one.forecast, panel=one.panel, now=now)
    await month_forecasts.ask_anew(connection, _shown_lately(known, now=now))
    await forecasting_status.count(
        connection,
        made=sum(one.forecast is not None for one in made),
        failed=sum(one.has_failed for one in made),
        took_s=took_s,
        now=now,
    )


def _shown_lately(known: _Known, *, now: datetime) -> list[int]:
    """The panels of whose month displays may say what was used: it cannot be counted as readings come."""
    since_s = (now - LONGEST_MONTH).timestamp()
    return [
        panel_id
        for panel_id, inputs in known.inputs.items()
        if any(row.shown_kwh is not None and row.at_s >= since_s for row in inputs.rows)
    ]


async def _known(connection: Database, panels: list[StalePanel], *, now: datetime) -> _Known:
    panel_ids = [panel.panel_id for panel in panels]
    to_judge = [panel.panel_id for panel in panels if panel.judged_at is None or now - panel.judged_at >= MAX_AGE]
    lower, upper = await resolved_forecasts.pooled_widening(connection)
    return _Known(
        inputs=await inputs_of(connection, {panel.panel_id: panel.code for panel in panels}, now=now),
        past=await resolved_forecasts.past_forecasts(connection, viewer=None, panel_ids=to_judge, now=now),
        backtests=await resolved_forecasts.backtests(connection, viewer=None, panel_ids=panel_ids),
        pooled=Widening(lower, upper),
    )


def _made(panels: Sequence[StalePanel], known: _Known, *, now: datetime, model: DepletionModel | None) -> list[_Made]:
    """What is new of each panel, in their order."""
    backtests = {panel.panel_id: _judged(panel, known, now=now) for panel in panels}
    questions = {panel.panel_id: _asked(panel, known, backtest=backtests[panel.panel_id], now=now) for panel in panels}
    askable = {panel_id: question for panel_id, question in questions.items() if isinstance(question, Asked)}
    answers = dict(zip(askable, _answers(list(askable.values()), model=model), strict=True))
    made: list[_Made] = []
    for panel in panels:
        question = questions[panel.panel_id]
        answer = question if isinstance(question, Exception) else answers.get(panel.panel_id)
        if isinstance(answer, Exception):
            _log.error("no forecast for panel %s", panel.code, exc_info=answer)
        forecast = stored(answer, asked=askable[panel.panel_id]) if isinstance(answer, DepletionForecast) else None
        made.append(_Made(panel, forecast, backtests[panel.panel_id], isinstance(answer, Exception)))
    return made


def _judged(panel: StalePanel, known: _Known, *, now: datetime) -> Backtest | None:
    """The panel's new backtest; None when its last one is younger than an hour, or where it failed."""
    inputs = known.inputs.get(panel.panel_id)
    if inputs is None or (panel.judged_at is not None and now - panel.judged_at < MAX_AGE):
        return None
    try:
        past = known.past.get(panel.panel_id)
        return backtest_of(panel.panel_id, past, register_of(inputs), pooled=known.pooled, now=now)
    except Exception:  # noqa: BLE001 - one panel must not hold up the others
        _log.exception("the forecasts of panel %s were not judged", panel.code)
        return None


def _asked(panel: StalePanel, known: _Known, *, backtest: Backtest | None, now: datetime) -> Asked | Exception | None:
    """What to ask of the panel; None where nothing is known of it, the error where it cannot be asked."""
    inputs = known.inputs.get(panel.panel_id)
    if inputs is None:
        return None
    judged = backtest or known.backtests.get(panel.panel_id)
    widening = Widening(judged.widening_lower, judged.widening_upper) if judged else known.pooled
    try:
        return asked(
            inputs,
            panel_id=panel.panel_id,
            ledger_id=panel.ledger_id,
            time_zone=panel.time_zone,
            now=now,
            widening=widening,
        )
    except Exception as error:  # noqa: BLE001 - one panel must not hold up the others
        return error


def _answers(questions: list[Asked], *, model: DepletionModel | None) -> Sequence[DepletionForecast | Exception | None]:
    """The answer to each; where all at once fail, one by one, with the error in the place of the answer."""
    try:
        return forecast_depletions([one.question for one in questions], model=model)
    except Exception as error:  # noqa: BLE001 - one panel must not hold up the others
        if len(questions) == 1:
            return [error]
    return [answer for one in questions for answer in _answers([one], model=model)]
