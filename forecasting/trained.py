"""Turns a trained forest and what it sees of homes into bands around their expected times and usage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.absence import absence
from forecasting.band_tables import TIME_BANDS
from forecasting.bands import Band, band, interpolation
from forecasting.features import KNOT_HOURS, feature_rows
from forecasting.forest import Forest
from forecasting.hours import Floats, HourlyUsage
from forecasting.outlook import PATH_HOURS, Outlook, expected_total

_AT_ONCE = 64
_KNOTS: Floats = KNOT_HOURS.astype(np.float64)
_TIMES: Floats = np.concatenate(
    [np.arange(1.0, 48.0), np.geomspace(48, PATH_HOURS, 61), PATH_HOURS * np.exp2(np.arange(1, 15))]
)
_HOURS: Floats = np.arange(PATH_HOURS + 1, dtype=np.float64)
_BETWEEN_TIMES: Floats = interpolation(_TIMES, knots=_KNOTS).T
_BETWEEN_HOURS: Floats = interpolation(_HOURS[1:], knots=_KNOTS).T
_SHORT_HOURS, _LONG_HOURS = 24.0, 672.0
_DOUBTED_HOURS, _TRUSTED_HOURS = 72.0, 672.0
_LEAST_TRUST = 0.25
_TOTALS_SHARE, _TABLE_SHARE = 0.5, 0.4


@dataclass(frozen=True, slots=True)
class DepletionModel:
    """A trained model, one for all homes. `fingerprint`, the SHA-256 of its file, tells models apart.

    `forest` answers with six numbers a row: quantiles 10, 50 and 90 % of log(used / expected) up to a horizon, and of
    log(hours that units last / hours expected) where the horizon is the time expected. `prior` `(24,)` is the mean
    home's shape of a day, with which outlooks for this model are to be made.
    """

    forest: Forest
    prior: Floats
    fingerprint: str

    def time_bands(self, usages: Sequence[HourlyUsage], *, outlooks: Sequence[Outlook]) -> list[Band]:
        """How long units last in each home, against the time expected, at horizons from an hour on."""
        found: list[Band] = []
        for start in range(0, len(usages), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            found += self._time_bands(usages[part], outlooks=outlooks[part])
        return found

    def _time_bands(self, usages: Sequence[HourlyUsage], *, outlooks: Sequence[Outlook]) -> list[Band]:
        rows = feature_rows(usages, outlooks=outlooks)
        ratios = self.forest.predict(rows.reshape(-1, rows.shape[2])).reshape(2, 3, len(usages), -1)
        totals, times = np.moveaxis(np.sort(ratios, axis=1), 2, 1)
        return [
            _early_if_away(_blended(of_usage, of_times, expected), usage=usage, expected=expected)
            for of_usage, of_times, usage, expected in zip(totals, times, usages, outlooks, strict=True)
        ]


def _blended(totals: Floats, times: Floats, expected: Outlook) -> Band:
    """The answers averaged in log time.

    From four weeks of history on, half is what follows from usage. Up to a day, how long people's units last says more
    than what they use, and the untrained forecast's own bands are as good as trees: they have four tenths.
    """
    grown = _grown(expected.history_hours)
    of_totals, of_table = _TOTALS_SHARE * grown, _TABLE_SHARE * (1 - grown)
    ratios = (
        of_totals * times_of_totals(totals, expected=expected)
        + of_table * _times_of_table(expected)
        + (1 - of_totals - of_table) * times @ _BETWEEN_TIMES
    )
    return Band(horizon_hours=_TIMES, log_ratios=np.sort(ratios, axis=0) - _doubt(expected.history_hours))


def _early_if_away(own: Band, *, usage: HourlyUsage, expected: Outlook) -> Band:
    """The band with a P10 that allows for people who come back, where the history ends with nobody in.

    Trees learn from the few homes that stood empty for long, and what is expected then is next to nothing.
    """
    away = absence(usage)
    if away is None:
        return own
    early_hours = away.early_hours(expected_total(expected, hours=_TIMES))
    p10 = np.minimum(own.log_ratios[0], np.log(early_hours / _TIMES))
    return Band(horizon_hours=_TIMES, log_ratios=np.vstack([p10, own.log_ratios[1:]]))


def _grown(history_hours: float) -> float:
    """0 up to a day of history, 1 from four weeks on, straight in the logarithm between."""
    return _share(history_hours, between=(_SHORT_HOURS, _LONG_HOURS))


def _share(hours: float, *, between: tuple[float, float]) -> float:
    """0 up to the first, 1 from the second on, straight in the logarithm between."""
    first, last = between
    return float(np.clip(np.log(hours / first) / np.log(last / first), 0.0, 1.0))


def _doubt(history_hours: float) -> Floats:
    """What is taken off the log ratios of times beyond 45 days, `(t,)`, while little is known of the home.

    Few people hold units for that long: hours of next to no usage are the likelier reason. Up to three days of
    history, the time grows with the fourth root of what is expected beyond, from four weeks on as it does.
    """
    trusted = _share(history_hours, between=(_DOUBTED_HOURS, _TRUSTED_HOURS))
    trust = _LEAST_TRUST + (1 - _LEAST_TRUST) * trusted
    return (1 - trust) * np.log(np.maximum(_TIMES / PATH_HOURS, 1.0))


def _times_of_table(expected: Outlook) -> Floats:
    own = band(TIME_BANDS, history_hours=expected.history_hours, signs=expected.signs)
    return own.log_ratios @ interpolation(_TIMES, knots=own.horizon_hours).T


def times_of_totals(totals: Floats, *, expected: Outlook) -> Floats:
    """The log ratios of times `(3, t)` that follow from those of usage: P90 of usage uses units up by P10 of time.

    They are sought hour by hour: a home that uses less than expected runs out at another hour of the day.
    """
    wanted_kwh = expected_total(expected, hours=_TIMES)
    used_kwh = expected.total_kwh[1:] * np.exp(totals[::-1] @ _BETWEEN_HOURS)
    rows = [_hours_of(wanted_kwh, used_kwh=row) for row in np.maximum.accumulate(used_kwh, axis=1)]
    return np.log(np.array(rows) / _TIMES)


def _hours_of(wanted_kwh: Floats, *, used_kwh: Floats) -> Floats:
    """When that much is used `(t,)`, given what is used up to each hour `(1080,)`; at the mean pace beyond the last."""
    used_kwh = np.append(0.0, used_kwh)
    return np.interp(wanted_kwh, used_kwh, _HOURS) * np.maximum(wanted_kwh / used_kwh[-1], 1.0)
