"""Turns what is known of a panel into a question for the forecast, and the answer into what is kept of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.depletion import DepletionForecast, DepletionQuestion, RegisterHistory, UsageForecast
from forecasting.displays import history_of, register_of
from forecasting.widening import NO_WIDENING, Widening
from store.forecast_inputs import ForecastInputs, RegisterPoints
from store.forecasts import StoredForecast, UsageColumns


@dataclass(frozen=True, slots=True)
class Asked:
    """What a panel's forecast is asked with: `ledger_id` is the newest ledger row that the balance counts.

    `data_up_to` is the newest reading or look at the display, UTC; None without any.
    """

    panel_id: int
    ledger_id: int
    balance_kwh: Decimal
    question: DepletionQuestion
    data_up_to: datetime | None


def asked(
    inputs: ForecastInputs,
    *,
    panel_id: int,
    ledger_id: int,
    time_zone: str,
    now: datetime,
    widening: Widening = NO_WIDENING,
    added_kwh: Decimal = Decimal(0),
    usage_factor: float = 1.0,
) -> Asked | None:
    """When the balance, and `added_kwh` more, run out; None without a balance.

    Raises:
        ZoneInfoNotFoundError: there is no such time zone.
    """
    if inputs.credit is None:
        return None
    balance_kwh = inputs.credit.balance_kwh + added_kwh
    question = DepletionQuestion(
        history=register_history(history_of(inputs)),
        balance_kwh=float(balance_kwh),
        now=now,
        time_zone=ZoneInfo(time_zone),
        balance_at=inputs.balance_at,
        widening=widening,
        usage_factor=usage_factor,
    )
    newest_s = register_of(inputs).at_s[-1:]
    data_up_to = datetime.fromtimestamp(int(newest_s[0]), UTC) if newest_s else None
    return Asked(panel_id, ledger_id, balance_kwh, question, data_up_to)


def register_history(points: RegisterPoints) -> RegisterHistory:
    """The points as arrays, whole seconds; of several in one second the last one stays."""
    at = np.asarray(points.at_s, dtype=np.float64).astype("datetime64[s]")
    register_kwh = np.asarray(points.register_kwh, dtype=np.float64)
    is_last = np.append(at[1:] != at[:-1], True) if at.size else np.zeros(0, dtype=bool)
    return RegisterHistory(at=at[is_last], register_kwh=register_kwh[is_last])


def stored(made: DepletionForecast, *, asked: Asked) -> StoredForecast:
    """The answer as it is kept: instants to the minute, energy to the watt-hour."""
    widening = asked.question.widening
    return StoredForecast(
        panel_id=asked.panel_id,
        made_at=made.made_at,
        data_up_to=min(asked.data_up_to or made.data_up_to, made.made_at),
        ledger_id=asked.ledger_id,
        method=made.method,
        history_days=round(made.history_days, 2),
        balance_kwh=asked.balance_kwh,
        balance_at=asked.question.balance_at,
        widening_lower=widening.lower,
        widening_upper=widening.upper,
        p10_at=_to_the_minute(made.depletes_at_p10),
        p50_at=_to_the_minute(made.depletes_at_p50),
        p90_at=_to_the_minute(made.depletes_at_p90),
        days_left=None if made.days_left is None else round(made.days_left, 3),
        daily=_columns(made.daily),
        hourly=_columns(made.hourly),
    )


def _to_the_minute(at: datetime | None) -> datetime | None:
    """No forecast knows the second."""
    return at and at.replace(second=0, microsecond=0)


def _columns(usage: UsageForecast) -> UsageColumns:
    return UsageColumns(
        starts_at=[at.astimezone(UTC) for at in usage.starts_at],
        p10_kwh=_to_the_watt_hour(usage.p10_kwh),
        p50_kwh=_to_the_watt_hour(usage.p50_kwh),
        p90_kwh=_to_the_watt_hour(usage.p90_kwh),
    )


def _to_the_watt_hour(energy_kwh: Sequence[float]) -> list[float]:
    return [round(kwh, 3) for kwh in energy_kwh]
