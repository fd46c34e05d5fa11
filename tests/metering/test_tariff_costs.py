"""Costs against a model that looks at each minute by itself, and whatever the series is split into."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.money import EXACT
from metering.tariffs.book import TariffBook
from metering.tariffs.checks import checked
from metering.tariffs.cost import ChargeKind, Charges, Span, by_currency, charges_of, flat_cost, sum_of
from metering.tariffs.rules import (
    EVERY_DAY,
    EVERY_MONTH,
    Band,
    Block,
    Recurrence,
    StandingCharge,
    Tariff,
    Tax,
    TaxBase,
    Window,
    flat,
)
from metering.tariffs.slices import needs_slices, slice_edges

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
EVER = datetime(2000, 1, 1, tzinfo=UTC)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)
WORKDAYS = frozenset(range(5))
WEEKEND = EVERY_DAY - WORKDAYS


def blocks(*prices: str, step_kwh: int = 5) -> tuple[Block, ...]:
    return tuple(Block(Decimal(index * step_kwh), Decimal(price)) for index, price in enumerate(prices))


def tariff(*bands: Band, valid_from: date = date(2026, 1, 1), currency: str = "EUR", **rest: object) -> Tariff:
    return checked(Tariff("Rates", valid_from, currency, bands, **rest))  # pyright: ignore[reportArgumentType]


def book(*tariffs: Tariff) -> TariffBook:
    return TariffBook(own=tariffs, default=())


def costs(
    spans: list[Span], known: TariffBook, zone: ZoneInfo, *, since: datetime | None = EVER
) -> list[Charges | None]:
    return charges_of(spans, book=known, time_zone=zone, accrues_from=since, accrues_until=NEVER)


def evenly(edges: list[datetime], *, minute_kwh: Decimal) -> list[Span]:
    return [Span(a, b, (b - a) // MINUTE * minute_kwh) for a, b in pairwise(edges)]


# The model: what the clock on the wall shows decides for each quarter of an hour; all that follows changes with them.


def wall_band(bands: tuple[Band, ...], local: datetime) -> Band:
    minute, yesterday = local.hour * 60 + local.minute, local.date() - timedelta(days=1)
    for band in bands:
        for window in band.windows:
            is_over_midnight = window.to_minute <= window.from_minute
            begins = local.month in window.months and local.weekday() in window.weekdays
            began = yesterday.month in window.months and yesterday.weekday() in window.weekdays
            if begins and window.from_minute <= minute and (is_over_midnight or minute < window.to_minute):
                return band
            if is_over_midnight and began and minute < window.to_minute:
                return band
    return next(band for band in bands if not band.windows)


def marginal_price(band: Band, used_kwh: Decimal, energy_kwh: Decimal) -> Decimal:
    """In 28 digits, which are enough for the model's prices and energies."""
    edges = [*(block.from_kwh for block in band.blocks), Decimal(10**12)]
    end_kwh = used_kwh + energy_kwh
    parts = (max(min(end_kwh, high) - max(used_kwh, low), Decimal(0)) for low, high in pairwise(edges))
    return sum((part * block.unit_price for part, block in zip(parts, band.blocks, strict=True)), Decimal(0))


def by_quarters(
    known: TariffBook, zone: ZoneInfo, *, start: datetime, end: datetime, quarter_kwh: Decimal
) -> dict[tuple[ChargeKind, str], Fraction]:
    amounts: dict[tuple[ChargeKind, str], Decimal] = defaultdict(Decimal)
    used: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    at, before = start, (start - QUARTER).astimezone(zone)
    while at < end:
        local = at.astimezone(zone)
        if valid := known.on(local.date()):
            band, month = wall_band(valid.bands, local), (local.year, local.month)
            amounts[ChargeKind.ENERGY, band.name] += marginal_price(band, used[month], quarter_kwh)
            used[month] += quarter_kwh
            for charge in valid.standing_charges:
                is_due = local.date() != before.date() if charge.per is Recurrence.DAY else local.month != before.month
                amounts[ChargeKind.STANDING_CHARGE, charge.name] += charge.amount * is_due
        at, before = at + QUARTER, local
    return {key: Fraction(amount) for key, amount in amounts.items() if amount}


def of_kinds(charges: list[Charges | None]) -> dict[tuple[ChargeKind, str], Fraction]:
    lines = (line for one in by_currency(charges) for line in one.lines)
    return {(line.kind, line.name): Fraction(line.amount) for line in lines}


SUMMER = frozenset(range(4, 10))
PRICES = st.lists(st.sampled_from(["1", "2.5", "7", "0.000001"]), min_size=1, max_size=3)


@st.composite
def banded(draw: st.DrawFn) -> tuple[Band, ...]:
    """Bands that share the hours after a minute of the day: by weekday and season, and over midnight."""
    first = draw(st.integers(0, 95))
    windows: dict[str, list[Window]] = {"A": [], "B": [], "C": []}
    for weekdays in (WORKDAYS, WEEKEND):
        for months in (SUMMER, EVERY_MONTH - SUMMER):
            cuts = sorted({first, *draw(st.lists(st.integers(first, 95), max_size=3))})
            for begin, end in pairwise([*cuts, first]):
                windows[draw(st.sampled_from("ABC"))].append(Window(begin * 15, end * 15, weekdays, months))
    made = [Band(name, blocks(*draw(PRICES)), tuple(of_band)) for name, of_band in windows.items() if of_band]
    rest = draw(st.integers(-1, len(made) - 1))  # one of them may have what is left instead
    return tuple(Band(band.name, band.blocks) if index == rest else band for index, band in enumerate(made))


CHARGES = st.lists(
    st.builds(StandingCharge, st.just("Base"), st.just(Decimal(3)), st.sampled_from(Recurrence)), max_size=1
)
CLOCK_CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 3, 28, 22, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 10, 24, 21, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 3, 31, 18, 30, tzinfo=UTC)),
    ("Asia/Jakarta", datetime(2026, 9, 30, 17, tzinfo=UTC)),
]


@settings(max_examples=25)
@given(
    bands=banded(),
    later=banded(),
    charges=CHARGES,
    change=st.sampled_from(CLOCK_CHANGES),
    hours=st.tuples(st.integers(0, 40), st.integers(1, 40)),
)
def test_costs_are_those_of_each_minute_by_the_clock_on_the_wall(
    bands: tuple[Band, ...],
    later: tuple[Band, ...],
    charges: tuple[StandingCharge, ...],
    change: tuple[str, datetime],
    hours: tuple[int, int],
) -> None:
    zone, start, end = ZoneInfo(change[0]), change[1] - hours[0] * HOUR, change[1] + hours[1] * HOUR
    valid_from = (change[1] + 20 * HOUR).astimezone(zone).date()
    known = book(tariff(*bands, standing_charges=charges), tariff(*later, valid_from=valid_from))
    edges = slice_edges(known, start=start, end=end, time_zone=zone)
    minute_kwh = Decimal("0.007")
    priced = costs(evenly(edges, minute_kwh=minute_kwh), known, zone)
    assert of_kinds(priced) == by_quarters(known, zone, start=edges[0], end=end, quarter_kwh=15 * minute_kwh)


energies = st.decimals(0, 40, places=6)


@st.composite
def series(draw: st.DrawFn) -> tuple[TariffBook, list[Span]]:
    """A panel's tariffs, and what was used between all of their edges around a clock change and a month's end."""
    taxes = tuple(Tax(base.value, Decimal(7), base) for base in draw(st.lists(st.sampled_from(TaxBase), unique=True)))
    minimum = draw(st.sampled_from([None, Decimal(50), Decimal(5000)]))
    charges = draw(CHARGES)
    one = tariff(*draw(banded()), standing_charges=charges, minimum_charge=minimum, taxes=taxes)
    other = tariff(*draw(banded()), taxes=taxes, valid_from=date(2026, 3, 30))
    known = book(one, other) if draw(st.booleans()) else book(one)
    start = datetime(2026, 3, 28, 5, tzinfo=UTC)
    edges = slice_edges(known, start=start, end=start + 6 * 24 * HOUR, time_zone=BERLIN)
    return known, [Span(a, b, draw(energies)) for a, b in pairwise(edges)]


def split(span: Span, *, at: float, share: Decimal) -> list[Span]:
    middle = span.start + (span.end - span.start) * at
    first_kwh = span.energy_kwh * share
    return [Span(span.start, middle, first_kwh), Span(middle, span.end, span.energy_kwh - first_kwh)]


@settings(max_examples=40)
@given(asked=series(), points=st.lists(st.tuples(st.floats(0.001, 0.999), st.decimals(0, 1, places=3)), min_size=1))
def test_splitting_any_span_anywhere_changes_no_sum(
    asked: tuple[TariffBook, list[Span]], points: list[tuple[float, Decimal]]
) -> None:
    known, spans = asked
    with localcontext(EXACT):
        parts = [split(span, at=at, share=share) for span, (at, share) in zip(spans, points, strict=False)]
    finer = [part for pair in parts for part in pair] + spans[len(parts) :]
    whole, of_parts = costs(spans, known, BERLIN), costs(finer, known, BERLIN)
    assert by_currency(of_parts) == by_currency(whole)
    of_pairs = [sum_of(of_parts[2 * place : 2 * place + 2], currency="EUR") for place in range(len(parts))]
    of_spans = [*of_pairs, *of_parts[2 * len(parts) :]]
    assert [one and one.amount for one in of_spans] == [one and one.amount for one in whole]


@settings(max_examples=20)
@given(asked=series(), cuts=st.sets(st.integers(0, 30)))
def test_sums_of_sums_are_the_sum_of_the_whole(asked: tuple[TariffBook, list[Span]], cuts: set[int]) -> None:
    known, spans = asked
    priced = costs(spans, known, BERLIN)
    folded = [sum_of(priced[a:b], currency="EUR") for a, b in pairwise(sorted({0, *cuts, len(priced)}))]
    assert sum_of(folded, currency="EUR") == sum_of(priced, currency="EUR")
    assert sum_of(priced, currency="NGN") is None


@given(energies=st.lists(energies, min_size=1, max_size=5), price=st.decimals("0.01", 1000, places=6))
def test_a_flat_tariff_costs_what_its_price_says(energies: list[Decimal], price: Decimal) -> None:
    one = flat("Flat", valid_from=date(2026, 1, 1), unit_price=price, currency="EUR", vat_percent=Decimal("7.5"))
    start = datetime(2026, 3, 28, tzinfo=UTC)
    spans = [Span(start + index * HOUR, start + (index + 1) * HOUR, kwh) for index, kwh in enumerate(energies)]
    priced = costs(spans, book(one), BERLIN)
    assert [found and found.amount for found in priced] == [flat_cost(kwh, tariff=one) for kwh in energies]


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def amounts(found: Charges | None) -> dict[str, Decimal]:
    assert found
    return {line.name: line.amount for line in found.lines}


METER = StandingCharge("Meter", Decimal(1), Recurrence.DAY)
STEPPED = Band("All", blocks("1", "10"))


def test_blocks_begin_again_with_each_local_month() -> None:
    known = book(tariff(STEPPED))
    edges = slice_edges(known, start=local("2026-03-30"), end=local("2026-04-02"), time_zone=BERLIN)
    assert edges == [local("2026-03-01"), local("2026-03-30"), local("2026-04-01"), local("2026-04-02")]
    spans = [Span(a, b, Decimal(kwh)) for (a, b), kwh in zip(pairwise(edges), (4, 3, 6), strict=True)]
    assert [one and one.amount for one in costs(spans, known, BERLIN)] == [4, 1 + 2 * 10, 5 + 10]


def test_a_tariff_that_changes_within_a_month_goes_on_counting_its_kwh() -> None:
    known = book(tariff(STEPPED), tariff(Band("New", blocks("2", "20")), valid_from=date(2026, 3, 15)))
    edges = [local(day) for day in ("2026-03-10", "2026-03-15", "2026-03-16")]
    spans = [Span(a, b, Decimal(4)) for a, b in pairwise(edges)]
    first, second = costs(spans, known, BERLIN)
    assert amounts(first) == {"All": 4}
    assert amounts(second) == {"New": 1 * 2 + 3 * 20}


def test_a_day_of_25_hours_has_its_repeated_hour_twice_and_one_of_23_lacks_it() -> None:
    night = Band("Night", blocks("1"), (Window(120, 180),))
    known = book(tariff(Band("Day", blocks("0.1")), night))
    for day, hours in (("2026-10-25", 2), ("2026-03-29", 0)):
        start = local(day)
        end = start + 24 * HOUR
        spans = evenly(slice_edges(known, start=start, end=end, time_zone=BERLIN), minute_kwh=Decimal(1))
        assert of_kinds(costs(spans, known, BERLIN)).get((ChargeKind.ENERGY, "Night"), 0) == 60 * hours


def test_a_day_that_begins_at_one_oclock_lacks_the_hour_before_and_leaves_the_evening_before_as_it_is() -> None:
    santiago = ZoneInfo("America/Santiago")
    late, early = Band("Late", blocks("1"), (Window(1425, 1440),)), Band("Early", blocks("1"), (Window(0, 30),))
    known = book(tariff(Band("Rest", blocks("1")), late, early))
    start = local("2026-09-05T20:00", santiago)
    spans = evenly(slice_edges(known, start=start, end=start + 9 * HOUR, time_zone=santiago), minute_kwh=Decimal(1))
    assert of_kinds(costs(spans, known, santiago)) == {
        (ChargeKind.ENERGY, "Late"): 15,
        (ChargeKind.ENERGY, "Rest"): 9 * 60 - 15,
    }


def test_standing_charges_fall_due_as_days_and_months_begin_while_the_panel_is_metered() -> None:
    base, meter = (
        StandingCharge("Base", Decimal(12), Recurrence.MONTH),
        StandingCharge("Meter", Decimal(1), Recurrence.DAY),
    )
    known = book(tariff(Band("All", blocks("1")), standing_charges=(base, meter)))
    edges = slice_edges(known, start=local("2026-03-30"), end=local("2026-04-03"), time_zone=BERLIN)
    assert len(edges) == 5
    spans = evenly(edges, minute_kwh=Decimal(0))
    assert [amounts(one) for one in costs(spans, known, BERLIN)] == [
        {"Meter": 1},
        {"Meter": 1},
        {"Base": 12, "Meter": 1},
        {"Meter": 1},
    ]
    later = charges_of(
        spans,
        book=known,
        time_zone=BERLIN,
        accrues_from=local("2026-03-30T00:01"),
        accrues_until=local("2026-04-02"),
    )
    assert [amounts(one) for one in later] == [{}, {"Meter": 1}, {"Base": 12, "Meter": 1}, {}]
    assert all(one and not one.lines and one.amount == 0 for one in costs(spans, known, BERLIN, since=None))


def test_a_day_that_a_zone_left_out_costs_nothing() -> None:
    apia = ZoneInfo("Pacific/Apia")
    known = book(tariff(Band("All", blocks("1")), standing_charges=(METER,), valid_from=date(2011, 1, 1)))
    edges = slice_edges(known, start=local("2011-12-29", apia), end=local("2012-01-01", apia), time_zone=apia)
    priced = costs(evenly(edges, minute_kwh=Decimal(0)), known, apia)
    assert [amounts(one) for one in priced] == [{"Meter": 1}, {"Meter": 1}]


def test_a_charge_that_falls_due_within_a_coarse_span_is_in_it() -> None:
    known = book(
        tariff(Band("All", blocks("1")), standing_charges=(StandingCharge("Meter", Decimal(1), Recurrence.DAY),))
    )
    kolkata = ZoneInfo("Asia/Kolkata")
    start = datetime(2026, 3, 3, 18, tzinfo=UTC)  # midnight is at 18:30
    priced = costs([Span(start, start + HOUR, Decimal(2))], known, kolkata)
    assert amounts(priced[0]) == {"All": 2, "Meter": 1}


def test_the_minimum_charge_tops_up_the_month_in_the_span_that_ends_it() -> None:
    vat = Tax("VAT", Decimal(10))
    known = book(tariff(Band("All", blocks("1")), minimum_charge=Decimal(30), taxes=(vat,)))
    edges = slice_edges(known, start=local("2026-03-20"), end=local("2026-04-10"), time_zone=BERLIN)
    assert edges[0] == local("2026-03-01")
    spans = [Span(a, b, Decimal(9)) for a, b in pairwise(edges)]
    assert [amounts(one) for one in costs(spans, known, BERLIN)] == [
        {"All": 9, "VAT": Decimal("0.9")},
        {"All": 9, "Rates": 12, "VAT": Decimal("2.1")},
        {"All": 9, "VAT": Decimal("0.9")},
    ]
    unknown_yet = charges_of(spans, book=known, time_zone=BERLIN, accrues_from=EVER, accrues_until=local("2026-03-31"))
    assert "Rates" not in amounts(unknown_yet[1])


def test_taxes_are_on_energy_on_all_charges_or_on_the_taxes_before() -> None:
    taxes = (
        Tax("Levy", Decimal(50), TaxBase.ENERGY),
        Tax("VAT", Decimal(10)),
        Tax("Tax on tax", Decimal(100), TaxBase.COMPOUND),
    )
    base = StandingCharge("Base", Decimal(100), Recurrence.DAY)
    one = tariff(Band("All", blocks("1")), standing_charges=(base,), taxes=taxes)
    priced = costs([Span(local("2026-03-03"), local("2026-03-04"), Decimal(10))], book(one), BERLIN)
    assert amounts(priced[0]) == {"All": 10, "Base": 100, "Levy": 5, "VAT": 11, "Tax on tax": 126}
    assert one.price_with_taxes == Decimal("3.2")


def test_each_currency_has_a_sum_of_its_own_and_days_without_a_tariff_have_none() -> None:
    known = book(
        tariff(Band("All", blocks("2")), valid_from=date(2026, 3, 2)),
        tariff(Band("All", blocks("3")), valid_from=date(2026, 3, 3), currency="NGN"),
    )
    edges = slice_edges(known, start=local("2026-03-01"), end=local("2026-03-04"), time_zone=BERLIN)
    priced = costs(evenly(edges, minute_kwh=Decimal(1)), known, BERLIN)
    assert priced[0] is None
    assert [(one.currency, one.amount) for one in by_currency(priced)] == [("EUR", 2880), ("NGN", 4320)]


def test_a_tariffs_own_time_zone_decides_on_its_hours_and_the_panels_on_its_first_day() -> None:
    night = Band("Night", blocks("1"), (Window(0, 360),))
    one = tariff(Band("Day", blocks("2")), night, time_zone="Asia/Jakarta", valid_from=date(2026, 3, 2))
    edges = slice_edges(book(one), start=local("2026-03-01T12:00"), end=local("2026-03-03"), time_zone=BERLIN)
    jakarta = ZoneInfo("Asia/Jakarta")
    assert edges[1:-1] == [
        local("2026-03-02"),
        local("2026-03-03T00:00", jakarta),
    ]
    assert [amounts(one) for one in costs(evenly(edges, minute_kwh=Decimal(1)), book(one), BERLIN)[1:]] == [
        {"Day": 18 * 60 * 2},
        {"Night": 6 * 60},
    ]


def test_only_a_tariff_of_more_than_one_price_needs_slices() -> None:
    one_price = flat("Flat", valid_from=date(2026, 1, 1), unit_price=Decimal(1), currency="EUR")
    known = book(one_price, tariff(STEPPED, valid_from=date(2026, 3, 15)))
    assert not needs_slices(known, first=date(2026, 3, 1), end=date(2026, 3, 15))
    assert needs_slices(known, first=date(2026, 3, 1), end=date(2026, 3, 16))
    assert needs_slices(known, first=date(2027, 3, 1), end=date(2027, 3, 2))
    assert slice_edges(book(one_price), start=EVER, end=NEVER, time_zone=BERLIN) == [
        EVER,
        local("2026-01-01"),
        NEVER,
    ]


@pytest.mark.parametrize("energy", ["99999999.999999", "0.000001"])
def test_nothing_is_rounded_however_many_digits_there_are(energy: str) -> None:
    taxes = tuple(Tax(f"Tax {index}", Decimal("16.9999"), TaxBase.COMPOUND) for index in range(10))
    one = tariff(Band("All", blocks("99999999.999999")), taxes=taxes)
    priced = costs([Span(local("2026-03-03"), local("2026-03-04"), Decimal(energy))], book(one), BERLIN)
    exact = Fraction(energy) * Fraction("99999999.999999") * Fraction("1.169999") ** 10
    assert [Fraction(found.amount) for found in priced if found] == [exact]
    assert Fraction(flat_cost(Decimal(energy), tariff=one)) == exact
