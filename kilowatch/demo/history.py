"""Turns a simulated panel and a span of time into the readings its meter would have sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from kilowatch.demo.load import flow
from kilowatch.demo.site import SimulatedPanel
from metering.readings import Reading

OLD_EVERY_S = 300
"""Spacing of a power meter's history; the last day has RECENT_EVERY_S, as a meter would send it."""
OLD_EVERY_AT_HOME_S = 900
RECENT_EVERY_S = 10
_RECENT = timedelta(days=1)
_FACTOR = 0.93


@dataclass(frozen=True, slots=True)
class PanelHistory:
    """A panel's readings of (since, until], ready to be generated; the registers are those at `since`."""

    panel: SimulatedPanel
    since: datetime
    until: datetime
    import_kwh: float
    export_kwh: float

    @property
    def count(self) -> int:
        """How many readings there will be."""
        return len(self._instants_s())

    def readings(self) -> Iterator[Reading]:
        """The readings in the order of time; received when they were made, as if ingest had been there."""
        at_s = self._instants_s()
        flows = flow(self.panel, at_s)
        step_h = np.diff(at_s, prepend=self.since.timestamp()) / 3600
        imports = np.round(self.import_kwh + np.cumsum(flows.import_kw * step_h), 3).tolist()
        exports = np.round(self.export_kwh + np.cumsum(flows.export_kw * step_h), 3).tolist()
        powers = np.round(flows.power_kw, 3).tolist()
        for second, kw, import_kwh, export_kwh in zip(at_s.tolist(), powers, imports, exports, strict=True):
            yield self._reading(datetime.fromtimestamp(second, UTC), kw, import_kwh, export_kwh)

    def _reading(self, at: datetime, kw: float, import_kwh: float, export_kwh: float) -> Reading:
        is_power_meter = self.panel.device is None
        return Reading(
            at,
            at,
            active_power_kw=kw,
            apparent_power_kva=round(kw / _FACTOR, 3) if is_power_meter else None,
            power_factor=_FACTOR if is_power_meter else None,
            energy_import_kwh=import_kwh if self.panel.counts_import else None,
            energy_export_kwh=export_kwh if self.panel.counts_export else None,
        )

    def _instants_s(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        since_s, until_s = self.since.timestamp(), self.until.timestamp()
        recent_s = max(since_s, until_s - _RECENT.total_seconds())
        old = _grid(since_s, recent_s, OLD_EVERY_AT_HOME_S if self.panel.device else OLD_EVERY_S)
        return np.concatenate([old, _grid(recent_s, until_s, RECENT_EVERY_S)])


def _grid(since_s: float, until_s: float, step_s: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The multiples of `step_s` in (since_s, until_s]."""
    return np.arange(since_s // step_s * step_s + step_s, until_s + 0.5, step_s, dtype=np.float64)
