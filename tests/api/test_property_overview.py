"""How it stands with properties: each on its own, and all that somebody acts for together."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from metering.access import Role, Viewer
from tests.api.conftest import NOW, Site, reading

SHOWN = """panelCount onlineCount offlineCount prepaidCount lowBalanceCount emptyBalanceCount letCount vacantCount
  tenancyCount tenantCount openInvitationCount today { energyKwh cost { amount currency } }
  thisMonth { energyKwh cost { amount currency } } monthBefore { energyKwh cost { amount currency } }
  creditSold { amount currency } debts { amount currency }"""
OVERVIEW = f"{{ propertyOverview {{ {SHOWN} }} properties {{ nodes {{ name overview {{ {SHOWN} }} }} }} }}"


@pytest.fixture
def landlord(site: Site) -> Viewer:
    """Who has a house with a let and a vacant flat, and a shop in another currency; somebody else has a tower."""
    found, other = (site.add_person(f"{name}@x.org", role=Role.LANDLORD) for name in ("ann", "ben"))
    for code in ("A1", "A2", "SHOP", "TOWER"):
        site.add_panel(code, is_prepaid=code != "SHOP")
        site.add_tariff(code, "2020-01-01", "10", currency="EUR" if code == "SHOP" else "IDR")
        site.load(code, [reading(NOW - timedelta(days=20), 0.0), reading(NOW - timedelta(days=19), 5.0)])
        site.load(code, [reading(NOW - timedelta(hours=3), 5.0), reading(NOW - timedelta(hours=1), 7.0)])
    house = site.add_property("House", landlord=found, panels=["A1", "A2"])
    site.add_property("Row of shops", landlord=found, panels=["SHOP"])
    site.add_property("Tower", landlord=other, panels=["TOWER"])
    for number in range(2):
        tenant = site.add_person(f"tenant{number}@x.org")
        site.add_tenancy(tenant, "A1", since=NOW - timedelta(days=9), property_id=house)
    for code, units_kwh, amount, debt in (("A1", 9, 100, 0), ("A2", 1, 50, 40), ("TOWER", 1, 7, 7)):
        site.database.execute(
            "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh, amount, currency, debt_change)"
            " SELECT id, %s, 'TOP_UP', %s, %s, 'IDR', %s FROM panel WHERE code = %s",
            (NOW - timedelta(days=2), units_kwh, amount, debt, code),
        )
    site.load("A1", [reading(NOW - timedelta(seconds=9), 7.0)])
    return found


def idr(amount: str) -> list[dict[str, str]]:
    return [{"amount": amount, "currency": "IDR"}]


async def test_a_landlord_sees_each_property_and_the_totals_of_the_own_ones(site: Site, landlord: Viewer) -> None:
    data = await site.ask(OVERVIEW, viewer=landlord)
    house, shops = (node["overview"] for node in data["properties"]["nodes"])
    assert house == {
        "panelCount": 2, "onlineCount": 1, "offlineCount": 1, "prepaidCount": 2,
        "lowBalanceCount": 1, "emptyBalanceCount": 1, "letCount": 1, "vacantCount": 1,
        "tenancyCount": 2, "tenantCount": 2, "openInvitationCount": 0,
        "today": {"energyKwh": 4.0, "cost": idr("40.00")},
        "thisMonth": {"energyKwh": 4.0, "cost": idr("40.00")},
        "monthBefore": {"energyKwh": 10.0, "cost": idr("100.00")},
        "creditSold": idr("150.00"), "debts": idr("40.00"),
    }  # fmt: skip
    assert shops["today"] == {"energyKwh": 2.0, "cost": [{"amount": "20.00", "currency": "EUR"}]}
    assert (shops["creditSold"], shops["debts"], shops["vacantCount"]) == ([], [], 1)
    total = data["propertyOverview"]
    assert (total["panelCount"], total["tenancyCount"]) == (3, 2)
    assert total["today"] == {
        "energyKwh": 6.0,
        "cost": [{"amount": "20.00", "currency": "EUR"}, {"amount": "40.00", "currency": "IDR"}],
    }
    assert (await site.ask(OVERVIEW))["propertyOverview"]["panelCount"] == 4


async def test_another_month_and_another_measure_of_low_can_be_asked_for(site: Site, landlord: Viewer) -> None:
    query = """{ propertyOverview(year: 2026, month: 2, lowBelowKwh: "2") {
      lowBalanceCount thisMonth { energyKwh } monthBefore { energyKwh } creditSold { amount } } }"""
    assert (await site.ask(query, viewer=landlord))["propertyOverview"] == {
        "lowBalanceCount": 0, "thisMonth": {"energyKwh": 15.0}, "monthBefore": {"energyKwh": 0.0}, "creditSold": [],
    }  # fmt: skip
    assert await site.code("{ propertyOverview(year: 2026) { panelCount } }") == "BAD_MONTH"
    assert await site.code('{ propertyOverview(lowBelowKwh: "-1") { panelCount } }') == "BAD_AMOUNT"


async def test_many_properties_take_as_many_statements_as_one(
    site: Site, landlord: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def counting(self: psycopg.AsyncCursor, query: Any, *args: Any, **kwargs: Any) -> psycopg.AsyncCursor:
        seen.append(query)
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counting)
    for number in range(20):
        site.add_panel(code := f"MORE{number}")
        site.add_property(f"More {number}", landlord=landlord, panels=[code])
    data = await site.ask(f"{{ properties {{ nodes {{ overview {{ {SHOWN} }} }} }} }}", viewer=landlord)
    assert len(data["properties"]["nodes"]) == 22
    assert len(seen) <= 10
