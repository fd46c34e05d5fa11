"""Turns a panel and a span into usage and cost by bucket."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import strawberry

from metering.buckets import Grid, Level, grid, usage_level
from metering.money import Money, money
from metering.periods import Period, Range, Step, chosen_period, local_day, local_midnight
from metering.tariffs.book import TariffBook
from metering.usage import Prices, average_factor, total
from resolvers import tariffs
from resolvers.context import Context, Info
from resolvers.costs import Spans, amount_in, charged, has_slices
from resolvers.loading import loaded
from resolvers.windows import looked_back, looking_back, seen_until, tenure_of
from store import usage
from store.connections import Database
from store.panels import Panel
from store.usage import UsageSum


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """Usage of all buckets together, those of `period`.

    The peak is somewhere in `peak_in`, None where no power was measured.
    """

    panel: Panel
    period: Period
    energy_kwh: float
    export_kwh: float
    cost: Money
    peak_kw: float | None
    peak_in: Period | None
    average_power_factor: float | None


@dataclass(frozen=True, slots=True)
class UsageSeries:
    """Usage by bucket: columns of equal length, ascending, in the panel's time zone.

    `panel`, `buckets`, `energies_kwh` and `first_at`, the panel's first reading (UTC), are what it is made of.
    """

    panel: Panel
    buckets: Grid
    first_at: datetime | None
    step: Step
    currency: str
    starts: list[datetime]
    start_ms: list[float]
    energy_kwh: list[float | None]
    export_kwh: list[float | None]
    cost: list[Decimal | None]
    peak_kw: list[float | None]
    average_power_factor: list[float | None]
    is_partial: list[bool]
    total_energy_kwh: float
    total_cost: Money
    total: UsageTotal


@dataclass(slots=True)
class _Bucket:
    """What is known of a bucket so far."""

    energy_kwh: Decimal = Decimal(0)
    export_kwh: Decimal = Decimal(0)
    cost: Decimal | None = None
    peak_kw: float | None = None
    peak_on: date | None = None
    factor_sum: float = 0.0
    factor_count: int = 0

    def add(self, part: UsageSum[int] | UsageSum[date], *, cost: Decimal | None) -> None:
        """Counts a part of the bucket."""
        self.energy_kwh += part.energy_kwh
        self.export_kwh += part.export_kwh
        self.cost = self.cost if cost is None else cost + (self.cost or 0)
        if part.peak_kw is not None and (self.peak_kw is None or part.peak_kw > self.peak_kw):
            self.peak_kw = part.peak_kw
            self.peak_on = part.key if isinstance(part.key, date) else None
        self.factor_sum += part.factor_sum
        self.factor_count += part.factor_count

    @property
    def power_factor(self) -> float | None:
        """The average of the readings that had one."""
        return average_factor(self.factor_sum, self.factor_count)


async def series(
    parent: strawberry.Parent[Panel],
    info: Info,
    step: Step,
    *,
    range_: Range | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> UsageSeries:
    """Usage and cost of each whole bucket that the period touches.

    Raises:
        Refused: BAD_RANGE, TOO_MANY_BUCKETS, TOO_MANY_POINTS, NO_TARIFF.
    """
    context, panel = info.context, parent
    period = chosen_period(range_, since=since, until=until, now=context.now(), default=Range.LAST_24H)
    book = await tariffs.book(context, panel)
    async with context.turns:
        return await _series(info, panel, step=step, period=period, book=book)


async def _series(info: Info, panel: Panel, *, step: Step, period: Period, book: TariffBook) -> UsageSeries:
    context, buckets = info.context, grid(period, step=step, time_zone=panel.zone)
    context.spend(len(buckets.days), root=info.root_value)
    currency = tariffs.required(book, buckets.days[-1]).currency
    parts, first_at = await parts_of(context, panel, buckets=buckets, step=step)
    found = _filled(parts, buckets=buckets, prices=Prices(book, currency=currency))
    costs = await _costs(context, panel, found, buckets=buckets, step=step, book=book, currency=currency)
    until = seen_until(await tenure_of(context, panel.id), now=context.now())
    is_partial = partial(buckets, known=found.keys(), first_at=first_at, now=until)
    columns = [found.get(index) for index in range(len(buckets.days))]
    whole = _total(found, panel=panel, buckets=buckets, cost=money(total(costs), currency))
    return UsageSeries(
        panel=panel,
        buckets=buckets,
        first_at=first_at,
        step=step,
        currency=currency,
        starts=[edge.astimezone(panel.zone) for edge in buckets.starts],
        start_ms=[edge.timestamp() * 1000 for edge in buckets.starts],
        energy_kwh=[bucket and float(bucket.energy_kwh) for bucket in columns],
        export_kwh=[bucket and float(bucket.export_kwh) for bucket in columns],
        cost=costs,
        peak_kw=[bucket and bucket.peak_kw for bucket in columns],
        average_power_factor=[bucket and bucket.power_factor for bucket in columns],
        is_partial=is_partial,
        total_energy_kwh=whole.energy_kwh,
        total_cost=whole.cost,
        total=whole,
    )


async def _costs(
    context: Context,
    panel: Panel,
    found: dict[int, _Bucket],
    *,
    buckets: Grid,
    step: Step,
    book: TariffBook,
    currency: str,
) -> list[Decimal | None]:
    """What each bucket costs; None without a reading, unless a charge fell due."""
    columns = [found.get(index) for index in range(len(buckets.days))]
    if not has_slices(book, start=buckets.edges[0], end=buckets.edges[-1], zone=panel.zone):
        return [bucket and bucket.cost for bucket in columns]
    energies = tuple(bucket.energy_kwh if bucket else Decimal(0) for bucket in columns)
    is_known = usage_level(buckets, step=step) is not Level.DAY
    spans = Spans(panel.id, panel.zone, book, tuple(buckets.edges), energies if is_known else None)
    (charges,) = await charged(context, [spans])
    amounts = [amount_in(currency, of_bucket) for of_bucket in charges]
    return [amount if bucket or amount else None for amount, bucket in zip(amounts, columns, strict=True)]


def _total(found: dict[int, _Bucket], *, panel: Panel, buckets: Grid, cost: Money) -> UsageTotal:
    known = found.values()
    peaks = [(bucket.peak_kw, -index) for index, bucket in found.items() if bucket.peak_kw is not None]
    peak_kw, place = max(peaks, default=(None, None))
    return UsageTotal(
        panel=panel,
        period=Period(buckets.edges[0], buckets.edges[-1]),
        energy_kwh=float(sum((bucket.energy_kwh for bucket in known), Decimal(0))),
        export_kwh=float(sum((bucket.export_kwh for bucket in known), Decimal(0))),
        cost=cost,
        peak_kw=peak_kw,
        peak_in=None if place is None else _peak_in(-place, found[-place], buckets=buckets, panel=panel),
        average_power_factor=average_factor(
            sum(bucket.factor_sum for bucket in known), sum(bucket.factor_count for bucket in known)
        ),
    )


def _peak_in(index: int, bucket: _Bucket, *, buckets: Grid, panel: Panel) -> Period:
    """The bucket, or the day in it, with the highest power."""
    if bucket.peak_on is None:
        return Period(buckets.edges[index], buckets.edges[index + 1])
    next_day = bucket.peak_on + timedelta(days=1)
    return Period(local_midnight(bucket.peak_on, panel.zone), local_midnight(next_day, panel.zone))


async def peak_at(parent: strawberry.Parent[UsageTotal], info: Info) -> datetime | None:
    """When the five minutes with the highest power began; the bucket or day, where five minutes are not kept."""
    if parent.peak_kw is None or parent.peak_in is None:
        return None
    found = await loaded(info.context, _peaks, (parent.panel.id, parent.peak_in, parent.peak_kw))
    return (found or parent.peak_in.start).astimezone(parent.panel.zone)


_Peak = tuple[int, Period, float]
"""A panel's id, a period, and its highest power in kW."""


async def _peaks(context: Context, keys: list[_Peak]) -> dict[_Peak, datetime]:
    async def read(connection: Database, panel_ids: list[int]) -> list[tuple[_Peak, datetime | None]]:
        asked = [key for key in keys if key[0] in panel_ids]
        return list(zip(asked, await usage.peaks_at(connection, viewer=context.signed_in, peaks=asked), strict=True))

    found = await looked_back(context, {panel_id for panel_id, _, _ in keys}, read)
    return {key: at for key, at in found if at is not None}


async def parts_of(
    context: Context, panel: Panel, *, buckets: Grid, step: Step
) -> tuple[list[UsageSum[int]] | list[UsageSum[date]], datetime | None]:
    """The sums of buckets, or of the local days in them, and when the panel's first reading is from (UTC)."""
    viewer, level = context.signed_in, usage_level(buckets, step=step)
    async with looking_back(context, panel.id) as connection:
        first_at = await usage.first_reading_at(connection, viewer=viewer, panel_id=panel.id)
        if level is not Level.DAY:
            parts = await usage.by_bucket(connection, viewer=viewer, panel_id=panel.id, buckets=buckets, level=level)
            return parts, first_at
        end_day = local_day(buckets.edges[-1], panel.zone)
        days = await usage.by_day(
            connection, viewer=viewer, panel_id=panel.id, first_day=buckets.days[0], end_day=end_day
        )
        return days, first_at


def _filled(parts: Iterable[UsageSum[int] | UsageSum[date]], *, buckets: Grid, prices: Prices) -> dict[int, _Bucket]:
    """The buckets that have readings, by index; each part costs what a kWh cost on its local day."""
    found: dict[int, _Bucket] = {}
    for part in parts:
        if isinstance(part.key, date):
            index, day = bisect_right(buckets.days, part.key) - 1, part.key
        else:
            index, day = part.key, buckets.days[part.key]
        cost = prices.cost(part.energy_kwh, day=day)
        found.setdefault(index, _Bucket()).add(part, cost=cost)
    return found


def partial(buckets: Grid, *, known: Iterable[int], first_at: datetime | None, now: datetime) -> list[bool]:
    """Whether each bucket has no reading, is not over, or starts before the panel's first reading."""
    complete = {
        index
        for index in known
        if buckets.edges[index + 1] <= now and first_at is not None and first_at <= buckets.edges[index]
    }
    return [index not in complete for index in range(len(buckets.days))]
