"""How many SQL statements an answer takes: never one for each panel of a list."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest

from forecasting.months import refresh_months
from metering.tariffs.rules import Band, Block, Window, flat
from store.connections import connect
from store.merge import BatchWriter
from store.tariffs import set_tariff
from tests.api.conftest import NOW, Site, reading


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that were run through psycopg's asynchronous cursors, as they are run."""
    seen: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def counted(self: psycopg.AsyncCursor, query: str, *args: object, **kwargs: object) -> psycopg.AsyncCursor:
        if query:
            seen.append(query)
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    return seen


@pytest.fixture
def fifty(site: Site) -> Site:
    panel_ids: list[int] = []
    for number in range(50):
        code = f"PM{number:02}"
        panel_ids.append(site.add_panel(code, is_prepaid=number % 2 == 0))
    both = [reading(NOW - timedelta(minutes=2), 1.0, 0.5), reading(NOW - timedelta(minutes=1), 2.0, 0.5)]
    with connect(site.url) as connection:
        BatchWriter(connection).write([(panel_id, one) for panel_id in panel_ids for one in both])
    site.database.execute(
        "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh)"
        " SELECT id, %s, 'TOP_UP', 5 FROM panel WHERE is_prepaid",
        (NOW - timedelta(hours=1),),
    )
    return site


@pytest.mark.parametrize(
    ("selection", "most"),
    [
        ("code status lastSeenAt latestReading { activePowerKw voltage { r } }", 1),
        ("today { energyKwh cost { amount } }", 3),
        ("tariff { unitPrice }", 2),
        ("a: demand { peakDemandKw } b: demand(step: MONTH) { peakDemandKw }", 3),
        ("prepaid { balanceKwh balanceAt }", 2),
        ("prepaid { balanceKwh estimatedBalanceKwh }", 3),
        ("prepaid { balanceKwh forecast { daysLeft } lowUnits { isArmed } }", 4),
        ("prepaid { openPaygo { kwhPerValue nextTryAt tokensNotEntered { digits } } }", 4),
        ('prepaid { debt { amount } emergencyCredit { takenKwh } balanceKwhAt(at: "2026-03-10T04:00:00Z") }', 4),
        ("monthlySummary(year: 2026, month: 3) { energyKwh cost { amount } }", 4),
        ("a: monthlySummary(year: 2026, month: 3) { peakKw } b: monthlySummary(year: 2025, month: 3) { peakKw }", 4),
        ('weeklySummary(date: "2026-03-10") { energyKwh previous { energyKwh } }', 5),
        ("yearlySummary(year: 2026) { energyKwh previous { energyKwh energyChangePercent cost { amount } } }", 5),
        ("tariffs { name bands { blocks { unitPrice } } } tariff { name }", 2),
        ("a: usageProfile { allDays { busiestHour } } b: usageProfile(range: LAST_7D) { weekends { hour } }", 4),
        ("device { id }", 2),
        ("id code", 1),
        ("code isCounted", 1),
        ("property { name address }", 2),
        ("latestReading { at } today { energyKwh } prepaid { balanceKwh forecast { daysLeft } }", 5),
    ],
)
async def test_a_list_of_fifty_panels_takes_a_few_statements(
    fifty: Site, statements: list[str], selection: str, most: int
) -> None:
    data = await fifty.ask(f"{{ panels(first: 50) {{ totalCount nodes {{ {selection} }} }} }}")
    assert len(data["panels"]["nodes"]) == 50
    assert len(statements) == most


@pytest.mark.parametrize(
    ("selection", "most"),
    [
        ("today { cost { amount } }", 4),
        ("currentPrice { unitPrice changesAt changesAtKwh }", 3),
        ("monthlySummary(year: 2026, month: 3) { cost { amount } }", 5),
        ("monthlySummary(year: 2026, month: 3) { costBreakdown { name amount } }", 6),
        ("yearlySummary(year: 2026) { cost { amount } previous { cost { amount } } }", 6),
    ],
)
async def test_prices_by_hour_and_month_take_a_statement_more_for_all_panels(
    fifty: Site, statements: list[str], selection: str, most: int
) -> None:
    tariff = flat("Rates", valid_from=date(2020, 1, 1), unit_price=Decimal(1), currency="IDR")
    windows = (Window(7 * 60, 20 * 60),)
    blocks = (Block(Decimal(0), Decimal(1)), Block(Decimal(20), Decimal(2)))
    async with fifty.pool.connection() as connection:
        bands = (Band("Peak", blocks, windows), Band("Rest", blocks))
        await set_tariff(connection, panel_id=None, tariff=replace(tariff, bands=bands))
    statements.clear()
    data = await fifty.ask(f"{{ panels(first: 50) {{ totalCount nodes {{ {selection} }} }} }}")
    assert len(data["panels"]["nodes"]) == 50
    assert len(statements) == most


async def test_what_hubs_took_from_the_grid_takes_one_statement_for_all_their_loads(
    fifty: Site, statements: list[str]
) -> None:
    for number in range(50):
        fifty.add_panel(f"hub{number}:GRID_IMPORT")
    data = await fifty.ask("{ panels(first: 100) { nodes { isCounted } } }")
    assert [panel["isCounted"] for panel in data["panels"]["nodes"]] == [True] * 100
    assert len(statements) == 2


async def test_a_month_and_a_year_of_fifty_panels_take_the_same_few(fifty: Site, statements: list[str]) -> None:
    data = await fifty.ask("{ monthlySummary(year: 2026, month: 3) { total { energyKwh } panels { energyKwh } } }")
    assert data["monthlySummary"]["total"]["energyKwh"] == 50.0
    assert len(statements) == 4
    await fifty.ask("{ yearSummary(year: 2026) { total { energyKwh } panels { energyKwh } } }")
    assert len(statements) == 8


async def test_a_year_compared_with_the_one_before_takes_one_statement_more(fifty: Site, statements: list[str]) -> None:
    previous = "previous { energyKwh cost { amount } energyChangePercent }"
    data = await fifty.ask(f"{{ yearlySummary(year: 2026) {{ panels {{ {previous} }} total {{ {previous} }} }} }}")
    assert len(data["yearlySummary"]["panels"]) == 50
    assert len(statements) == 5
    months = f"months {{ panels {{ {previous} }} total {{ {previous} }} }}"
    await fifty.ask(f"{{ yearlySummary(year: 2026) {{ total {{ {previous} }} {months} }} }}")
    assert len(statements) <= 5 + 10


async def test_the_months_to_come_of_fifty_panels_take_a_few(fifty: Site, statements: list[str]) -> None:
    await refresh_months(fifty.pool, now=NOW)
    statements.clear()
    shown = "monthForecast { energySoFarKwh cost { p50 { amount } } }"
    data = await fifty.ask(f"{{ panels(first: 50) {{ nodes {{ {shown} }} }} }}")
    assert all(panel["monthForecast"]["cost"] for panel in data["panels"]["nodes"])
    assert len(statements) == 4


async def test_a_days_readings_take_one_statement_after_the_panel(fifty: Site, statements: list[str]) -> None:
    await fifty.panel("readings { atMs activePowerKw }", code="PM01")
    assert len(statements) == 2


@pytest.mark.parametrize(
    ("selection", "most"),
    [
        ("readings { points { at activePowerKw voltage { r } } level }", 2),
        ("readings(maxPoints: 2) { atMs maxActivePowerKw }", 3),
        ("readings(maxPoints: 2, downsampling: MIN_MAX_LTTB) { atMs activePowerKw }", 4),
        ("readingHistory { nodes { at } pageInfo { endCursor } }", 2),
        ("readingHistory { totalCount nodes { at } }", 4),
    ],
)
async def test_a_panels_readings_take_a_few_statements_however_many_they_are(
    site: Site, statements: list[str], selection: str, most: int
) -> None:
    site.add_panel("PM")
    site.load("PM", [reading(NOW - timedelta(minutes=place), 1.0, 0.5) for place in range(1, 11)])
    await site.panel(selection)
    assert len(statements) == most
