"""Plans charge spans as charging each of their slices does, and ask for no more energy than they need."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from metering.charging import ChargingPlan
from metering.tariffs.book import NO_TARIFFS, TariffBook
from metering.tariffs.cost import Charges, Span, charges_of
from metering.tariffs.rules import Band, Block, Recurrence, StandingCharge, Window
from tests.metering.test_tariff_costs import BERLIN, book, series, tariff

NOW = datetime(2026, 4, 2, 9, tzinfo=UTC)


def amounts(found: list[Charges]) -> dict[str, dict[tuple[str, str], Fraction]]:
    sums: dict[str, dict[tuple[str, str], Fraction]] = {one.currency: defaultdict(Fraction) for one in found}
    for one in found:
        for line in one.lines:
            if line.amount:
                sums[one.currency][line.kind.value, line.name] += Fraction(line.amount)
    return sums


@settings(max_examples=40)
@given(asked=series(), cuts=st.sets(st.integers(1, 143), max_size=6), since_h=st.integers(-800, 140))
def test_a_plan_charges_spans_as_charging_each_slice_does(
    asked: tuple[TariffBook, list[Span]], cuts: set[int], since_h: int
) -> None:
    known, given_spans = asked
    start = datetime(2026, 3, 28, 5, tzinfo=UTC)
    first_at = start + timedelta(hours=since_h)
    edges = tuple(start + timedelta(hours=hour) for hour in sorted({0, 144, *cuts}))
    plan = ChargingPlan(known, edges=edges, time_zone=BERLIN)
    energies = [Decimal(number * 7 % 11) / 4 for number, _ in enumerate(plan.pieces)]
    parts = [Decimal(0)] * plan.part_count
    for piece, energy_kwh in zip(plan.pieces, energies, strict=True):
        parts[piece.part] += energy_kwh
    spans = [Span(piece.start, piece.end, energy) for piece, energy in zip(plan.pieces, energies, strict=True)]
    each = charges_of(spans, book=known, time_zone=BERLIN, accrues_from=first_at, accrues_until=NOW)
    expected: list[list[Charges]] = [[] for _ in edges[1:]]
    for piece, charges in zip(plan.pieces, each, strict=True):
        if piece.span >= 0 and charges is not None:
            expected[piece.span].append(charges)
    found = plan.charged(parts, accrues_from=first_at, accrues_until=NOW)
    assert [amounts(of_span) for of_span in found] == [amounts(of_span) for of_span in expected]
    assert {span.start for span in given_spans} <= {piece.start for piece in plan.pieces} | {given_spans[0].start}


PEAK = Band("Peak", (Block(Decimal(0), Decimal(3)),), (Window(7 * 60, 20 * 60),))
REST = Band("Rest", (Block(Decimal(0), Decimal(1)),))


def test_a_year_of_two_rates_takes_two_sums_a_span_and_blocks_take_one_a_month() -> None:
    year = tuple(datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13))
    rates = ChargingPlan(book(tariff(PEAK, REST)), edges=year, time_zone=BERLIN)
    assert (rates.part_count, rates.is_cut) == (22, True)
    stepped = tariff(Band("All", (Block(Decimal(0), Decimal(1)), Block(Decimal(9), Decimal(2)))))
    months = ChargingPlan(book(stepped), edges=year[:2], time_zone=BERLIN)
    assert [piece.span for piece in months.pieces] == [-1, 0, 0]
    single = tariff(PEAK, REST, standing_charges=(StandingCharge("Base", Decimal(2), Recurrence.DAY),))
    hours = tuple(datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(24))
    assert not ChargingPlan(book(single), edges=hours, time_zone=BERLIN).is_cut


def test_without_a_tariff_spans_cost_nothing_in_no_currency() -> None:
    plan = ChargingPlan(NO_TARIFFS, edges=(NOW, NOW + timedelta(days=40)), time_zone=BERLIN)
    assert plan.charged([Decimal(1)] * plan.part_count, accrues_from=NOW, accrues_until=NOW) == [[]]
