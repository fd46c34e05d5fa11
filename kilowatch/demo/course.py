"""Turns what a flat's meter counted, or would have, into how much was used hour by hour."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np

from kilowatch.demo.load import flow
from kilowatch.demo.site import SimulatedPanel
from metering.access import Viewer
from store.connections import Database
from store.forecast_inputs import histories

_HOUR_S = 3600
_STEPS = 12


@dataclass(frozen=True, slots=True)
class Course:
    """A register at ascending instants, in seconds since 1970 UTC."""

    at_s: list[float]
    register_kwh: list[float]

    @property
    def begins_at(self) -> datetime:
        """The first instant."""
        return datetime.fromtimestamp(self.at_s[0], UTC)

    def hours(self) -> Iterator[tuple[datetime, Decimal]]:
        """Each instant after the first, and what was used since the one before, in kWh."""
        for (_, before_kwh), (at_s, kwh) in pairwise(zip(self.at_s, self.register_kwh, strict=True)):
            yield datetime.fromtimestamp(at_s, UTC), Decimal(str(round(kwh - before_kwh, 3)))

    def after(self, at: datetime) -> int:
        """Which of `hours` comes at that instant, or next."""
        return bisect_left(self.at_s, at.timestamp(), lo=1) - 1


async def metered_course(
    connection: Database, *, viewer: Viewer, panel_id: int, since: datetime, until: datetime
) -> Course:
    """What the panel's meter counted, by hours."""
    days = (until - since) // timedelta(days=1) + 1
    found = await histories(connection, viewer=viewer, panel_ids=[panel_id], now=until, days=days)
    return Course(found[panel_id].at_s, found[panel_id].register_kwh)


def typed_in_course(panel: SimulatedPanel, *, since: datetime, until: datetime) -> Course:
    """What a meter that nobody reads would have counted, by hours of UTC."""
    first_s = since.timestamp() // _HOUR_S * _HOUR_S + _HOUR_S
    step_s = _HOUR_S / _STEPS
    at_s = np.arange(first_s, until.timestamp(), step_s)
    used_kwh = flow(panel, at_s).import_kw * step_s / 3600
    register_kwh = np.concatenate([[0.0], np.cumsum(used_kwh)[:-1]])
    return Course(at_s[::_STEPS].tolist(), np.round(register_kwh[::_STEPS], 3).tolist())
