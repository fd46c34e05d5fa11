"""Turns a panel and a period into the spans that lack readings."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import strawberry

from metering.periods import Period, Range, chosen_period
from metering.refusals import Refused
from resolvers.context import Context, Info
from resolvers.reading_series import ReadingSeries
from resolvers.windows import looking_back, seen_until, tenure_of
from store import gaps
from store.panels import Panel

LEAST_S = 300.0
MOST_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open span in the panel's time zone."""

    start: datetime
    end: datetime


async def missing(parent: strawberry.Parent[ReadingSeries], info: Info) -> list[Interval]:
    """The spans of the period without readings, longer than 5 minutes and than 3 times the usual spacing."""
    async with info.context.turns:
        return await _found(info.context, parent.panel, parent.period, at_least=None)


async def of_panel(
    parent: strawberry.Parent[Panel],
    info: Info,
    *,
    range_: Range | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    at_least_s: float | None = None,
) -> list[Interval]:
    """The spans of a period without readings, longer than `at_least_s`, or as in `missing` where that is left out.

    Raises:
        Refused: BAD_RANGE, TOO_MANY_POINTS, BAD_INPUT unless `at_least_s` is 300 s to 366 days.
    """
    context = info.context
    if at_least_s is not None and not LEAST_S <= at_least_s <= MOST_S:
        raise Refused("BAD_INPUT", f"`atLeastS` must be {LEAST_S:.0f} to {MOST_S:.0f} seconds.", "atLeastS")
    period = chosen_period(range_, since=since, until=until, now=context.now(), default=Range.LAST_24H)
    at_least = None if at_least_s is None else timedelta(seconds=at_least_s)
    async with context.turns:
        context.check_points(root=info.root_value)
        found = await _found(context, parent, period, at_least=at_least)
        context.spend(len(found), root=info.root_value)
        return found


async def _found(context: Context, panel: Panel, period: Period, *, at_least: timedelta | None) -> list[Interval]:
    """What is to come is not missing, nor what is of another's time."""
    tenure = await tenure_of(context, panel.id)
    start = period.start if tenure is None else max(period.start, tenure.since)
    end = min(period.end, seen_until(tenure, now=context.now()))
    if end <= start:
        return []
    async with looking_back(context, panel.id) as connection:
        found = await gaps.gaps(
            connection,
            viewer=context.signed_in,
            panel_id=panel.id,
            start=start,
            end=end,
            at_least=at_least,
        )
    return [Interval(gap.start.astimezone(panel.zone), gap.end.astimezone(panel.zone)) for gap in found]
