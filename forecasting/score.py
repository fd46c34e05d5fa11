"""Turns the forecast into the call that a scorer of depletion forecasts makes, in numpy's terms."""

import logging
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.depletion import HORIZON, RegisterHistory, forecast_depletion
from forecasting.hours import Floats
from forecasting.model import BadModel, DepletionModel, load_model

_log = logging.getLogger(__name__)


def forecast(
    times_utc: NDArray[np.datetime64],
    cumulative_kwh: Floats,
    balance_kwh: float,
    now: np.datetime64,
    *,
    tz_offset_hours: float,
) -> dict[str, Any]:
    """P10, P50 and P90 of the depletion time as datetime64[s], `hourly_kwh` the median of each of 168 hours ahead.

    `times_utc` `(n,)` are the instants of the register readings `cumulative_kwh` `(n,)`. What lies beyond the
    horizon comes back as its end, 90 days after `now`.
    """
    made_at = datetime.fromtimestamp(int(now.astype("datetime64[s]").astype(np.int64)), tz=UTC)
    made = forecast_depletion(
        RegisterHistory(at=times_utc, register_kwh=cumulative_kwh),
        balance_kwh=balance_kwh,
        now=made_at,
        time_zone=timezone(timedelta(hours=tz_offset_hours)),
        model=_shipped_model(),
    )
    latest_at = made_at + HORIZON
    if made is None:
        return {"p10": now, "p50": _seconds(latest_at), "p90": _seconds(latest_at)}
    return {
        "p10": _seconds(made.depletes_at_p10 or latest_at),
        "p50": _seconds(made.depletes_at_p50 or latest_at),
        "p90": _seconds(made.depletes_at_p90 or latest_at),
        "hourly_kwh": made.hourly.p50_kwh,
    }


@cache
def _shipped_model() -> DepletionModel | None:
    """Read once; without it the untrained forecast is scored."""
    try:
        return load_model()
    except BadModel:
        _log.exception("the untrained forecast is used")
        return None


def _seconds(at: datetime) -> np.datetime64:
    return np.datetime64(round(at.timestamp()), "s")
