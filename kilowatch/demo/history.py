"""Turns a simulated panel and a span of time into the readings its meter would have sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from kilowatch.demo.load import power_kw
from kilowatch.demo.site import SimulatedPanel
from metering.readings import Reading

OLD_EVERY_S = 300
"""Spacing of history; the last day has RECENT_EVERY_S, as a meter would send it."""
RECENT_EVERY_S = 10
_RECENT = timedelta(days=1)
_FACTOR = 0.93


@dataclass(frozen=True, slots=True)
class PanelHistory:
    """A panel's readings of (since, until], ready to be generated; `register_kwh` is its register at `since`."""

    panel: SimulatedPanel
    since: datetime
    until: datetime
    register_kwh: float

    @property
    def count(self) -> int:
        """How many readings there will be."""
        return len(self._instants_s())

    def readings(self) -> Iterator[Reading]:
        """The readings in the order of time; received when they were made, as if ingest had been there."""
        at_s = self._instants_s()
        power = power_kw(self.panel, at_s)
        step_h = np.diff(at_s, prepend=self.since.timestamp()) / 3600
        registers = np.round(self.register_kwh + np.cumsum(power * step_h), 3)
        for second, kw, kwh in zip(at_s.tolist(), np.round(power, 3).tolist(), registers.tolist(), strict=True):
            at = datetime.fromtimestamp(second, UTC)
            yield Reading(
                at,
                at,
                active_power_kw=kw,
                apparent_power_kva=round(kw / _FACTOR, 3),
                power_factor=_FACTOR,
                energy_import_kwh=kwh,
            )

    def _instants_s(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        since_s, until_s = self.since.timestamp(), self.until.timestamp()
        recent_s = max(since_s, until_s - _RECENT.total_seconds())
        old = _grid(since_s, recent_s, OLD_EVERY_S)
        return np.concatenate([old, _grid(recent_s, until_s, RECENT_EVERY_S)])


def _grid(since_s: float, until_s: float, step_s: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The multiples of `step_s` in (since_s, until_s]."""
    return np.arange(since_s // step_s * step_s + step_s, until_s + 0.5, step_s, dtype=np.float64)
