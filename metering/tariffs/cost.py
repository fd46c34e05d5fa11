"""Turns energy and tariffs into what it costs, exactly: nothing is rounded, so parts add up to the whole."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from enum import Enum
from zoneinfo import ZoneInfo

from metering.money import EXACT, exact_sum, trimmed
from metering.periods import local_day
from metering.tariffs.book import TariffBook
from metering.tariffs.rules import Block, Recurrence, StandingCharge, Tariff
from metering.tariffs.slices import Run, Stretch, local_days, runs, stretches

_ZERO = Decimal(0)


def flat_cost(energy_kwh: Decimal, *, tariff: Tariff) -> Decimal:
    """What that energy costs with taxes by a flat tariff, exactly, without trailing zeros."""
    return cost_of(energy_kwh, price=tariff.price_with_taxes)


def cost_of(energy_kwh: Decimal, *, price: Decimal) -> Decimal:
    """What that energy costs at a price a kWh, exactly, without trailing zeros."""
    return trimmed(EXACT.multiply(energy_kwh, price))


@dataclass(frozen=True, slots=True)
class Span:
    """What was used from `start` up to, not including, `end`; 0 where nothing is known: charges fall due in it too."""

    start: datetime
    end: datetime
    energy_kwh: Decimal


class ChargeKind(Enum):
    """What an amount of a cost is for."""

    ENERGY = "ENERGY"
    STANDING_CHARGE = "STANDING_CHARGE"
    MINIMUM_CHARGE = "MINIMUM_CHARGE"
    TAX = "TAX"


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """An amount of a cost, exactly; `name` is that of the band, standing charge or tax, or of the tariff."""

    kind: ChargeKind
    name: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Charges:
    """What a span costs; no lines where it costs nothing."""

    currency: str
    lines: tuple[ChargeLine, ...]

    @property
    def amount(self) -> Decimal:
        """All lines together, taxes included, without trailing zeros."""
        return trimmed(exact_sum(line.amount for line in self.lines))


def charges_of(
    spans: Sequence[Span],
    *,
    book: TariffBook,
    time_zone: ZoneInfo,
    accrues_from: datetime | None,
    accrues_until: datetime,
) -> list[Charges | None]:
    """What each span costs, None without a tariff; spans ascend, and none reaches over one of `slices.slice_edges`.

    A span that does reach over one (hours, where no finer sums are kept) counts as what it begins with. `time_zone` is
    the panel's. Blocks and minimum charges count what these spans have of the local month. A standing charge falls due
    as a local day or month begins, if that is from `accrues_from` on, the panel's first reading, and before
    `accrues_until`, now; never where `accrues_from` is None. The minimum charge tops up, in the span with which a local
    month ends, what the month's energy cost in the same currency. Some 6 us a span: thousands are for a thread.
    """
    if not spans:
        return []
    found = stretches(book, start=spans[0].start, end=spans[-1].end, time_zone=time_zone)
    accrual = None if accrues_from is None else (accrues_from, accrues_until)
    account = _Account(found, time_zone=time_zone, accrual=accrual)
    with localcontext(EXACT):
        return [account.charged(span) for span in spans]


@dataclass(frozen=True, slots=True)
class _MonthEnd:
    """A month (year and month by the tariff's zone) that ends, and the tariff that is valid as it does."""

    at: datetime
    month: tuple[int, int]
    tariff: Tariff


@dataclass(frozen=True, slots=True)
class _Rates:
    """What a stretch charges; `tax_shares` are those of its tariff."""

    stretch: Stretch
    tax_shares: list[tuple[Decimal, Decimal]]


class _Account:
    """What was used and charged so far in each local month."""

    def __init__(self, found: list[Stretch], *, time_zone: ZoneInfo, accrual: tuple[datetime, datetime] | None) -> None:
        rates = [_Rates(stretch, stretch.tariff.tax_shares) for stretch in found]
        self._runs = [(run, of_stretch) for of_stretch in rates for run in runs(of_stretch.stretch)]
        self._begun = 0
        self._time_zone = time_zone
        self._standing = deque(due for stretch in found for due in _standing_dues(stretch, accrual))
        self._month_ends = deque(end for stretch in found for end in _month_ends(stretch, accrual))
        self._used_kwh: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
        self._energy_cost: dict[tuple[tuple[int, int], str], Decimal] = defaultdict(Decimal)

    def charged(self, span: Span) -> Charges | None:
        """What the span costs; the next one asked for must be later."""
        while self._begun < len(self._runs) and self._runs[self._begun][0].start <= span.start:
            self._begun += 1
        run, rates = self._runs[self._begun - 1] if self._begun else (None, None)
        if run is None or rates is None or rates.stretch.end <= span.start:
            local = span.start.astimezone(self._time_zone)
            self._used_kwh[local.year, local.month] += span.energy_kwh
            return None
        tariff = rates.stretch.tariff
        energy = self._energy(span, run=run, currency=tariff.currency)
        fixed = [*self._standing_in(span), *self._minimum_in(span, currency=tariff.currency)]
        lines = [ChargeLine(ChargeKind.ENERGY, run.band.name, energy), *fixed] if energy else fixed
        return Charges(tariff.currency, (*lines, *_taxes(rates, energy=energy, fixed=fixed)))

    def _energy(self, span: Span, *, run: Run, currency: str) -> Decimal:
        before_kwh = self._used_kwh[run.month]
        amount = energy_cost(span.energy_kwh, blocks=run.band.blocks, before_kwh=before_kwh)
        self._used_kwh[run.month] = before_kwh + span.energy_kwh
        self._energy_cost[run.month, currency] += amount
        return amount

    def _standing_in(self, span: Span) -> Iterator[ChargeLine]:
        while self._standing and self._standing[0][0] < span.end:
            at, charge = self._standing.popleft()
            if at >= span.start and charge.amount:
                yield ChargeLine(ChargeKind.STANDING_CHARGE, charge.name, charge.amount)

    def _minimum_in(self, span: Span, *, currency: str) -> Iterator[ChargeLine]:
        while self._month_ends and self._month_ends[0].at <= span.end:
            end = self._month_ends.popleft()
            cost = self._energy_cost[end.month, currency]
            missing = (end.tariff.minimum_charge or _ZERO) - cost
            if end.at > span.start and missing > 0 and end.tariff.currency == currency:
                yield ChargeLine(ChargeKind.MINIMUM_CHARGE, end.tariff.name, missing)


def _standing_dues(
    stretch: Stretch, accrual: tuple[datetime, datetime] | None
) -> Iterator[tuple[datetime, StandingCharge]]:
    """The standing charges that fall due in a stretch, and when."""
    charges = stretch.tariff.standing_charges
    if accrual is None or not charges:
        return
    for day in local_days(stretch):
        if max(stretch.start, accrual[0]) <= day.start < min(stretch.end, accrual[1]):
            due = (charge for charge in charges if charge.per is Recurrence.DAY or day.day.day == 1)
            yield from ((day.start, charge) for charge in due)


def _month_ends(stretch: Stretch, accrual: tuple[datetime, datetime] | None) -> Iterator[_MonthEnd]:
    """The months with a minimum charge that end in a stretch, at its end too."""
    if accrual is None or stretch.tariff.minimum_charge is None:
        return
    for day in local_days(stretch):
        if day.day.day == 1 and max(stretch.start, accrual[0]) < day.start <= min(stretch.end, accrual[1]):
            of_month = local_day(day.start - timedelta(minutes=1), stretch.zone)
            yield _MonthEnd(day.start, (of_month.year, of_month.month), stretch.tariff)


def energy_cost(energy_kwh: Decimal, *, blocks: Sequence[Block], before_kwh: Decimal) -> Decimal:
    """What energy costs in stepped blocks after `before_kwh` of the same month, without taxes.

    Exact in a context that rounds nothing, such as `metering.money.EXACT`.
    """
    if before_kwh >= blocks[-1].from_kwh:
        return energy_kwh * blocks[-1].unit_price
    after_kwh, cost = before_kwh + energy_kwh, _ZERO
    for index, block in enumerate(blocks):
        until_kwh = blocks[index + 1].from_kwh if index + 1 < len(blocks) else after_kwh
        within_kwh = min(until_kwh, after_kwh) - max(block.from_kwh, before_kwh)
        cost += max(within_kwh, _ZERO) * block.unit_price
    return cost


def _taxes(rates: _Rates, *, energy: Decimal, fixed: Sequence[ChargeLine]) -> list[ChargeLine]:
    """The taxes on energy and on charges; percentages all of them, so they add up over spans."""
    charges = sum((line.amount for line in fixed), _ZERO) if fixed else _ZERO
    amounts = [
        (tax, energy * on_energy + charges * on_charges if fixed else energy * on_energy)
        for tax, (on_energy, on_charges) in zip(rates.stretch.tariff.taxes, rates.tax_shares, strict=True)
    ]
    return [ChargeLine(ChargeKind.TAX, tax.name, amount) for tax, amount in amounts if amount]


def sum_of(charges: Iterable[Charges | None], *, currency: str) -> Charges | None:
    """All charges of one currency together, a line for each kind and name, in their order; None when there are none."""
    amounts: dict[tuple[ChargeKind, str], Decimal] = {}
    known = [one for one in charges if one is not None and one.currency == currency]
    for line in (line for one in known for line in one.lines):
        key = (line.kind, line.name)
        amounts[key] = EXACT.add(amounts.get(key, _ZERO), line.amount)
    order = list(ChargeKind)
    keys = sorted(amounts, key=lambda key: (order.index(key[0]), key[1]))
    lines = (ChargeLine(*key, trimmed(amounts[key])) for key in keys)
    return Charges(currency, tuple(lines)) if known else None


def by_currency(charges: Sequence[Charges | None]) -> list[Charges]:
    """All charges together, one sum a currency, by its code."""
    currencies = sorted({one.currency for one in charges if one is not None})
    sums = (sum_of(charges, currency=currency) for currency in currencies)
    return [one for one in sums if one is not None]
