"""How many SQL statements an answer takes: never one for each panel of a list."""

from datetime import timedelta

import psycopg
import pytest

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
    for number in range(50):
        code = f"PM{number:02}"
        site.add_panel(code, is_prepaid=number % 2 == 0)
        site.load(code, [reading(NOW - timedelta(minutes=2), 1.0, 0.5), reading(NOW - timedelta(minutes=1), 2.0, 0.5)])
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
        ("prepaid { balanceKwh forecast { daysLeft } lowUnits { isArmed } }", 4),
        ("monthlySummary(year: 2026, month: 3) { energyKwh cost { amount } }", 4),
        ("a: monthlySummary(year: 2026, month: 3) { peakKw } b: monthlySummary(year: 2025, month: 3) { peakKw }", 5),
        ("latestReading { at } today { energyKwh } prepaid { balanceKwh forecast { daysLeft } }", 5),
    ],
)
async def test_a_list_of_fifty_panels_takes_a_few_statements(
    fifty: Site, statements: list[str], selection: str, most: int
) -> None:
    data = await fifty.ask(f"{{ panels(first: 50) {{ totalCount nodes {{ {selection} }} }} }}")
    assert len(data["panels"]["nodes"]) == 50
    assert len(statements) == most


async def test_a_month_and_a_year_of_fifty_panels_take_the_same_few(fifty: Site, statements: list[str]) -> None:
    data = await fifty.ask("{ monthlySummary(year: 2026, month: 3) { total { energyKwh } panels { energyKwh } } }")
    assert data["monthlySummary"]["total"]["energyKwh"] == 50.0
    assert len(statements) == 4
    await fifty.ask("{ yearSummary(year: 2026) { total { energyKwh } panels { energyKwh } } }")
    assert len(statements) == 8


async def test_a_days_readings_take_one_statement_after_the_panel(fifty: Site, statements: list[str]) -> None:
    await fifty.panel("readings { atMs activePowerKw }", code="PM01")
    assert len(statements) == 2
