"""Tenants look back on the time that they rented: an answer is what a database that never held anything else would say.

Beside the panel that is rented stands another one, which has the readings and entries of the window alone, and which an
admin asks the same.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.access import Role, Viewer
from metering.readings import Reading
from tests.api.conftest import NOW, Site, reading

SPAN = 'from: "2026-03-04T00:00:00Z", to: "2026-03-10T05:00:00Z"'
COLUMNS = "fromMs energyKwh exportKwh cost peakKw averagePowerFactor totalEnergyKwh total { peakAt energyKwh }"
STEPS = ("MINUTE", "FIVE_MINUTES", "QUARTER_HOUR", "HOUR", "DAY", "WEEK", "MONTH", "YEAR")
SUMMARY = "energyKwh exportKwh cost { amount } peakKw averagePowerFactor isPartial"
PAST = (
    " ".join(f"u{step}: usage({SPAN}, step: {step}) {{ {COLUMNS} }}" for step in STEPS)
    + f"""
    statistics({SPAN}) {{ energyKwh minPowerKw maxPowerKw averagePowerKw loadFactor cost {{ amount }} count }}
    days: demand({SPAN}) {{ from energyKwh peakDemandKw peakDemandAt averagePowerKw minPowerKw maxPowerKw }}
    months: demand({SPAN}, step: MONTH) {{ from energyKwh peakDemandKw peakDemandAt averagePowerKw maxPowerKw }}
    usageProfile({SPAN}) {{ allDays {{ hourCount averageEnergyKwh averagePowerKw peakKw }} }}
    dailyUsage(days: 40) {{ energyKwh yearBeforeKwh }}
    weeklySummary(date: "2026-03-06") {{ {SUMMARY} previous {{ energyKwh }} costBreakdown {{ name amount }} }}
    monthlySummary(year: 2026, month: 3) {{ {SUMMARY} previous {{ energyKwh }} }}
    yearlySummary(year: 2026) {{ {SUMMARY} }}
    readings({SPAN}) {{ atMs activePowerKw energyImportKwh energyExportKwh downsampledFrom }}
    few: readings({SPAN}, maxPoints: 20) {{ count activePowerKw maxActivePowerKw energyImportKwh downsampledFrom }}
    picked: readings({SPAN}, maxPoints: 20, downsampling: MIN_MAX_LTTB) {{ atMs activePowerKw }}
    readingHistory({SPAN}, first: 500) {{ totalCount nodes {{ at energyImportKwh activePowerKw }} }}
    newest: readingHistory({SPAN}, first: 3, direction: DESC) {{ nodes {{ at }} }}
    registerEvents {{ totalCount nodes {{ at kind register beforeKwh afterKwh usageKwh }} }}
    typedReadings {{ totalCount }} readingChanges {{ totalCount }}"""
)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)


def random_readings(chance: random.Random) -> Iterator[Reading]:
    """Some days of a meter: silences, registers that come with few readings, and one that begins anew."""
    at, import_kwh, export_kwh = datetime(2026, 3, 4, 1, 0, 7, tzinfo=UTC), 9_000.0, 70.0
    while at < NOW:
        import_kwh = 3.0 if chance.random() < 0.01 else round(import_kwh + chance.random(), 3)
        export_kwh = round(export_kwh + chance.random() / 9, 3)
        yield reading(
            at,
            import_kwh if chance.random() < 0.8 else None,
            round(chance.random() * 5, 3) if chance.random() < 0.9 else None,
            energy_export_kwh=export_kwh if chance.random() < 0.3 else None,
            power_factor=0.875 if chance.random() < 0.5 else None,
        )
        at += timedelta(seconds=chance.choice((30, 300, 420, 600, 900, 900, 1800, 20_000)))


def random_window(chance: random.Random) -> tuple[datetime, datetime]:
    """It begins and ends anywhere: at midnights of the zone, and in the midst of five minutes."""
    step = chance.choice((86_400, 3_600, 300, 61))
    since = datetime(2026, 3, 4, 17, tzinfo=UTC) + chance.randrange(150_000 // step + 1) * timedelta(seconds=step)
    return since, since + timedelta(seconds=step * chance.randrange(1 + 90_000 // step, 2 + 180_000 // step))


def the_same(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without whether something is over, which both cannot say of the other's time."""
    plain = {name: value for name, value in answer.items() if name != "isPartial"}
    return {name: the_same(value) if isinstance(value, dict) else value for name, value in plain.items()}  # pyright: ignore[reportUnknownArgumentType]


async def former(site: Site, tenant: Viewer, selection: str = PAST) -> Any:
    """What is asked of the first panel of the tenant's only tenancy."""
    query = f"{{ viewer {{ tenancies {{ nodes {{ panels {{ {selection} }} }} }} }} }}"
    (tenancy,) = (await site.ask(query, viewer=tenant))["viewer"]["tenancies"]["nodes"]
    return tenancy["panels"][0]


def add_both(site: Site, *, zone: str = "Asia/Jakarta", is_prepaid: bool = False) -> Viewer:
    """The panel that is rented and the one that only ever had the window; and a tenant of nothing yet."""
    site.add_tariff(None, "2026-01-01", "1500")
    for code in ("PM", "ONLY"):
        site.add_panel(code, zone=zone, is_prepaid=is_prepaid)
    return site.add_person("tenant@x.org")


@pytest.mark.parametrize("seed", range(4))
async def test_a_current_tenant_is_answered_as_if_nothing_else_had_ever_been(site: Site, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    tenant = add_both(site, zone=chance.choice(("Asia/Jakarta", "Asia/Kolkata")))
    readings, (since, _) = list(random_readings(chance)), random_window(chance)
    site.load("PM", readings)
    site.load("ONLY", [one for one in readings if one.at >= since])
    site.add_tenancy(tenant, "PM", since=since)
    asked = f"{PAST} averages: dailyUsage(days: 40) {{ movingAverage30dKwh averageDailyKwh yearlyAverageKwh }}"
    expected = await site.panel(asked, code="ONLY")
    assert expected["statistics"]["count"] > 10
    assert await site.panel(asked, viewer=tenant) == near(expected)


def near(value: Any) -> Any:
    """The value, whose averages may differ in the last digit: rows are summed in the order in which they lie."""
    if isinstance(value, dict):
        return {key: near(part) for key, part in value.items()}
    if isinstance(value, list):
        return [near(part) for part in value]
    return pytest.approx(value, rel=0, abs=2e-6) if isinstance(value, float) else value


@pytest.mark.parametrize("seed", range(4, 8))
async def test_a_former_tenant_keeps_the_own_time_alone(site: Site, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    tenant = add_both(site, zone=chance.choice(("Asia/Jakarta", "Asia/Kolkata")))
    readings, (since, until) = list(random_readings(chance)), random_window(chance)
    site.load("PM", readings)
    site.load("ONLY", [one for one in readings if since <= one.at < until])
    site.add_tenancy(tenant, "PM", since=since, until=until)
    expected = await site.panel(PAST, code="ONLY")
    assert expected["statistics"]["count"] > 5
    assert the_same(await former(site, tenant)) == near(the_same(expected))
    assert await site.panel("code", viewer=tenant) is None


async def test_days_and_months_that_a_tenancy_cuts_are_partial(site: Site) -> None:
    tenant, since = add_both(site), datetime(2026, 3, 6, 3, 0, tzinfo=UTC)
    until = since + timedelta(days=2)
    hours = (datetime(2026, 3, 4, tzinfo=UTC) + hour * timedelta(hours=1) for hour in range(140))
    site.load("PM", (reading(at, place) for place, at in enumerate(hours)))
    site.add_tenancy(tenant, "PM", since=since, until=until)
    asked = f"""usage({SPAN}, step: DAY) {{ energyKwh isPartial }} demand({SPAN}) {{ energyKwh isPartial }}
                monthlySummary(year: 2026, month: 3) {{ energyKwh isPartial }}
                gaps({SPAN}, atLeastS: 7000) {{ from }}"""
    found = await former(site, tenant, asked)
    assert found["usage"] == {
        "energyKwh": [None, None, 13.0, 24.0, 10.0, None, None],
        "isPartial": [True, True, True, False, True, True, True],
    }
    assert [day["isPartial"] for day in found["demand"]] == [True, False, True]
    assert found["monthlySummary"] == {"energyKwh": 47.0, "isPartial": True}
    assert found["gaps"] == []


async def test_what_was_measured_before_is_not_what_is_now(site: Site) -> None:
    tenant = add_both(site)
    site.load("PM", [reading(NOW - timedelta(minutes=2), 5.0, 1.0)])
    tenancy = site.add_tenancy(tenant, "PM", since=NOW - timedelta(minutes=1))
    now = "latestReading { energyImportKwh } lastSeenAt status today { energyKwh registerAtMidnightKwh registerNowKwh }"
    nothing = {"energyKwh": 0.0, "registerAtMidnightKwh": None, "registerNowKwh": None}
    expected = {"latestReading": None, "lastSeenAt": None, "status": "OFFLINE", "today": nothing}
    assert await site.panel(now, viewer=tenant) == expected
    listed = await site.ask("{ panels(orderBy: {field: POWER_NOW}) { nodes { latestReading { at } } } }", viewer=tenant)
    assert listed["panels"]["nodes"] == [{"latestReading": None}]
    site.database.execute("UPDATE tenancy SET starts_at = %s WHERE id = %s", (NOW - timedelta(hours=1), tenancy))
    assert (await site.panel(now, viewer=tenant))["latestReading"] == {"energyImportKwh": 5.0}


async def test_a_ledger_shows_the_own_entries_and_the_whole_balance(site: Site) -> None:
    tenant, since = add_both(site, is_prepaid=True), NOW - timedelta(days=2)
    (panel,) = site.database.execute("SELECT id FROM panel WHERE code = 'PM'").fetchone() or (0,)
    for days, units in ((4, 10), (1, 7)):
        site.database.execute(
            "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh) VALUES (%s, %s, 'TOP_UP', %s)",
            (panel, NOW - timedelta(days=days), units),
        )
    site.add_tenancy(tenant, "PM", since=since)
    asked = """prepaid { balanceKwh ledger { totalCount nodes { unitsKwh } }
               before: balanceKwhAt(at: "2026-03-07T00:00:00Z") within: balanceKwhAt(at: "2026-03-08T12:00:00Z") }"""
    assert (await site.panel(asked, viewer=tenant))["prepaid"] == {
        "balanceKwh": "17.000", "ledger": {"totalCount": 1, "nodes": [{"unitsKwh": "7.000"}]},
        "before": None, "within": "10.000",
    }  # fmt: skip
    own = await former(site, tenant, "code isPrepaid ledger { totalCount nodes { unitsKwh } }")
    assert own["ledger"] == {"totalCount": 1, "nodes": [{"unitsKwh": "7.000"}]}


async def test_totals_of_all_panels_hold_the_own_time_of_those_that_are_rented(site: Site) -> None:
    landlord, since = site.add_person("ann@x.org", role=Role.LANDLORD), datetime(2026, 3, 6, 17, tzinfo=UTC)
    add_both(site)
    site.add_property("House", landlord=landlord, panels=["ONLY"])
    for code in ("PM", "ONLY"):
        hours = (datetime(2026, 3, 4, 17, tzinfo=UTC) + hour * timedelta(hours=1) for hour in range(120))
        site.load(code, (reading(at, float(place)) for place, at in enumerate(hours)))
    site.add_tenancy(landlord, "PM", since=since)
    query = "{ monthlySummary(year: 2026, month: 3) { total { energyKwh } panels { energyKwh panel { code } } } }"
    found = (await site.ask(query, viewer=landlord))["monthlySummary"]
    assert {line["panel"]["code"]: line["energyKwh"] for line in found["panels"]} == {"ONLY": 119.0, "PM": 71.0}
    assert found["total"]["energyKwh"] == 190.0


async def test_a_grant_and_the_own_property_are_not_bounded_by_a_tenancy(site: Site) -> None:
    landlord = site.add_person("ann@x.org", role=Role.LANDLORD)
    friend = site.add_person("friend@x.org")
    site.add_panel("PM", seen_by=[friend])
    site.add_property("House", landlord=landlord, panels=["PM"])
    site.load("PM", [reading(NOW - timedelta(days=day), 9.0 - day) for day in range(5)])
    for viewer in (landlord, friend):
        site.add_tenancy(viewer, "PM", since=NOW - timedelta(days=2))
        assert (await site.panel(f"readings({SPAN}) {{ count }}", viewer=viewer))["readings"]["count"] == 4


async def test_who_does_not_rent_is_not_asked_about_tenancies(site: Site) -> None:
    landlord = Viewer(site.add_person("ann@x.org", role=Role.LANDLORD).account_id, Role.LANDLORD, may_rent=False)
    add_both(site)
    site.add_property("House", landlord=landlord, panels=["PM"])
    tenant = site.add_person("other@x.org")
    site.add_tenancy(tenant, "PM", since=NOW - timedelta(days=2))
    site.load("PM", [reading(NOW - timedelta(days=day), 9.0 - day) for day in range(5)])
    unknowing = Viewer(tenant.account_id, Role.TENANT, may_rent=False)
    asked = f"readings({SPAN}) {{ count }} usage({SPAN}, step: DAY) {{ totalEnergyKwh }} typedReadings {{ totalCount }}"
    assert (await site.panel(asked, viewer=landlord))["readings"]["count"] == 4
    nothing = {"readings": {"count": 0}, "usage": {"totalEnergyKwh": 0.0}, "typedReadings": {"totalCount": 0}}
    assert await site.panel(asked, viewer=unknowing) == nothing  # a forgotten window shows nothing, and leaks nothing


async def test_five_minutes_that_are_no_longer_kept_leave_the_import_of_a_day_that_is_cut(site: Site) -> None:
    tenant, since = add_both(site), datetime(2026, 3, 6, 5, tzinfo=UTC)  # noon
    hours = (datetime(2026, 3, 5, 17, tzinfo=UTC) + hour * timedelta(hours=1) for hour in range(72))
    site.load("PM", (reading(at, float(place), 1.0) for place, at in enumerate(hours)))
    site.add_tenancy(tenant, "PM", since=since)
    site.database.execute("DELETE FROM rollup_five_minutes")
    site.database.execute("DELETE FROM rollup_hour")
    for level in ("FIVE_MINUTES", "HOURS"):
        values = (level, NOW, NOW, datetime(2026, 3, 9, tzinfo=UTC))
        site.database.execute("INSERT INTO retention VALUES (%s, %s, %s, %s)", values)
    days = (await site.panel(f"usage({SPAN}, step: DAY) {{ energyKwh peakKw }}", viewer=tenant))["usage"]
    assert days["energyKwh"][2:5] == [11.5, 24.0, 24.0]
    assert days["peakKw"][2:5] == [None, 1.0, 1.0]


async def test_the_same_connection_serves_tenants_and_others_in_turn(site: Site) -> None:
    tenant = add_both(site)
    site.load("PM", [reading(NOW - timedelta(days=day), 9.0 - day, 1.0) for day in range(5)])
    site.add_tenancy(tenant, "PM", since=NOW - timedelta(days=2))
    asked = f"""usage({SPAN}, step: HOUR) {{ totalEnergyKwh }} statistics({SPAN}) {{ count energyKwh }}
                monthlySummary(year: 2026, month: 3) {{ energyKwh }} dailyUsage(days: 9) {{ energyKwh }}"""
    alone = {viewer.account_id: await site.panel(asked, viewer=viewer) for viewer in (tenant, site.admin)}
    assert alone[tenant.account_id] != alone[site.admin.account_id]
    for _ in range(8):  # statements are prepared at the fifth
        for viewer in (tenant, site.admin):
            assert await site.panel(asked, viewer=viewer) == alone[viewer.account_id]


async def test_many_accounts_see_by_one_statement_what_each_sees(site: Site) -> None:
    chance = random.Random(3)  # noqa: S311 - nothing secret
    roles = (Role.TENANT, Role.LANDLORD)
    people = [site.add_person(f"{number}@x.org", role=chance.choice(roles)) for number in range(20)]
    codes = [f"P{number}" for number in range(30)]
    for code in codes:
        site.add_panel(code, seen_by=chance.sample(people, 2))
    for number in range(6):
        site.add_property(f"House {number}", landlord=chance.choice(people), panels=chance.sample(codes, 4))
    for viewer in people:
        since = datetime.now(UTC) + chance.choice((-5, 5)) * timedelta(days=1)
        until = chance.choice((None, since + timedelta(days=3), since + timedelta(days=30)))
        site.add_tenancy(viewer, *chance.sample(codes, 3), since=since, until=until)
    site.database.execute(
        "INSERT INTO account (name, role, kind, owner_id)"
        " SELECT name, role, 'SERVICE', id FROM account WHERE id = ANY(%s)",
        ([viewer.account_id for viewer in people],),
    )
    ids = site.database.execute("SELECT array_agg(id) FROM account WHERE role <> 'ADMIN'").fetchall()[0]
    together = site.database.execute("SELECT account_id, panel_id FROM panels_seen_by(%s)", ids).fetchall()
    each = site.database.execute(
        "SELECT seer.id, panel.id FROM unnest(%s::bigint[]) AS seer (id), visible_panel(seer.id, false) AS panel", ids
    ).fetchall()
    assert sorted(together) == sorted(each)
    assert len(each) > 100
