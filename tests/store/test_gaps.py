"""Spans without readings are found by hours, and are the ones that the readings themselves tell."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from statistics import median_low
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.readings import Reading
from store.connections import Database
from store.gaps import Gap, gaps
from tests.fixtures.flat import Flat

START = datetime(2025, 3, 4, 10, tzinfo=UTC)
HOUR, LEAST = timedelta(hours=1), timedelta(minutes=5)


def average_spacings(instants: list[datetime]) -> list[timedelta]:
    """The average spacing of each hour with two readings or more; without such an hour, the spans between hours."""
    hours: dict[datetime, list[datetime]] = {}
    for at in sorted(instants):
        hours.setdefault(at.replace(minute=0, second=0, microsecond=0), []).append(at)
    within = [(hour[-1] - hour[0]) / (len(hour) - 1) for hour in hours.values() if len(hour) > 1]
    return within or [after[0] - before[-1] for before, after in pairwise(hours.values())]


def plain_gaps(instants: list[datetime], *, start: datetime, end: datetime, at_least: timedelta | None) -> list[Gap]:
    """The same from every single reading."""
    first_hour = start.replace(minute=0, second=0, microsecond=0)
    last_hour = (end - timedelta(microseconds=1)).replace(minute=0, second=0, microsecond=0)
    near = [at for at in instants if first_hour <= at < last_hour + HOUR]
    spacings = average_spacings(near)
    longest = at_least or max(LEAST, 3 * median_low(spacings) if spacings else LEAST)
    shown = sorted(at for at in instants if start <= at < end)
    return [Gap(before, after) for before, after in pairwise([start, *shown, end]) if after - before > longest]


SPACINGS_S = st.lists(
    st.one_of(st.integers(1, 120), st.sampled_from([10, 60, 299, 300, 301, 599, 601, 900, 3600, 7000])),
    min_size=1,
    max_size=60,
)
EDGES = st.tuples(st.integers(-4000, 20_000), st.integers(1, 30_000))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spacings_s=SPACINGS_S,
    order=st.randoms(use_true_random=False),
    edges=EDGES,
    at_least_s=st.sampled_from([None, 300, 700, 3601]),
)
async def test_gaps_are_those_that_every_single_reading_tells(  # noqa: PLR0917
    flat: Flat,
    connection: Database,
    spacings_s: list[int],
    order: Random,
    edges: tuple[int, int],
    at_least_s: int | None,
) -> None:
    instants = [START + timedelta(seconds=sum(spacings_s[:place])) for place in range(len(spacings_s))]
    flat.execute("DELETE FROM reading")
    for table in ("rollup_five_minutes", "rollup_hour", "rollup_day", "latest_reading"):
        flat.execute(f"DELETE FROM {table}")  # noqa: S608  # pyright: ignore[reportArgumentType]
    arriving = [(flat.panel_id, Reading(at, at, energy_import_kwh=1.0)) for at in instants]
    if order.random() < 0.5:
        order.shuffle(arriving)
    while arriving:
        size = order.randint(1, len(arriving))
        flat.writer.write(arriving[:size])
        arriving = arriving[size:]
    start = START + timedelta(seconds=edges[0])
    end = start + timedelta(seconds=edges[1])
    at_least = None if at_least_s is None else timedelta(seconds=at_least_s)
    found = await gaps(connection, viewer=flat.tenant, panel_id=flat.panel_id, start=start, end=end, at_least=at_least)
    assert found == plain_gaps(instants, start=start, end=end, at_least=at_least)


async def test_the_longest_gap_of_an_hour_is_the_same_whatever_order_its_readings_came_in(flat: Flat) -> None:
    instants = [START + timedelta(minutes=minute) for minute in (0, 4, 6, 17, 18, 55, 59, 61, 118)]
    for at in instants:
        flat.writer.write([(flat.panel_id, Reading(at, at))])
    in_order = flat.execute("SELECT longest_gap FROM rollup_hour ORDER BY starts_at")
    assert in_order == [(timedelta(minutes=37),), (timedelta(minutes=57),)]
    flat.writer.write([(flat.panel_id, Reading(START - HOUR, START))])
    ((other_id,),) = flat.execute(
        "INSERT INTO panel (code, name, time_zone) VALUES ('OTHER', 'x', 'Africa/Lagos') RETURNING id"
    )
    for at in reversed(instants):
        flat.writer.write([(other_id, Reading(at, at))])
    late = flat.execute("SELECT longest_gap FROM rollup_hour WHERE panel_id = %(id)s ORDER BY starts_at", id=other_id)
    assert late == in_order


async def test_gaps_between_hours_and_days_are_known_when_what_they_are_summed_from_is_no_longer_kept(
    flat: Flat, connection: Database
) -> None:
    minutes = [*range(0, 70, 10), *range(170, 400, 10), *range(3 * 1440, 3 * 1440 + 60, 10)]
    instants = [START + timedelta(minutes=minute) for minute in minutes]
    flat.writer.write([(flat.panel_id, Reading(at, at)) for at in instants])
    end = instants[-1] + timedelta(minutes=1)
    known: dict[str, Any] = {"viewer": flat.tenant, "panel_id": flat.panel_id, "start": START, "end": end}
    both = [Gap(instants[6], instants[7]), Gap(instants[29], instants[30])]
    assert await gaps(connection, **known) == both
    flat.execute("DELETE FROM rollup_five_minutes WHERE starts_at < %(end)s", end=end)
    flat.execute("INSERT INTO retention VALUES ('FIVE_MINUTES', %(end)s, %(end)s, %(end)s)", end=end)
    assert await gaps(connection, **known) == both
    before = START + timedelta(days=1)
    flat.execute("DELETE FROM rollup_hour WHERE starts_at < %(before)s", before=before)
    flat.execute("INSERT INTO retention VALUES ('HOURS', %(before)s, %(before)s, %(before)s)", before=before)
    assert await gaps(connection, **known) == both[1:]
