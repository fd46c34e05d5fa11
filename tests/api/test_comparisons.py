"""Weeks, months and years against the same part of those before, by a plain sum of the readings themselves."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from store.retention import Level
from tests.api.conftest import Site, reading

NOW = datetime(2026, 3, 29, 10, 20, tzinfo=UTC)
"""A day of 23 hours in Berlin, 12:20 there and 17:20 in Jakarta: the 29th, a Sunday, of a month after a shorter one."""

PREVIOUS = """previous {
  firstDay lastDay energyKwh cost { amount currency } isPartial energyChangePercent costChangePercent
}"""
ZONES = {"A": ZoneInfo("Asia/Jakarta"), "B": ZoneInfo("Europe/Berlin")}
PRICES = {"A": Decimal(1500), "B": Decimal("0.25")}

Points = list[tuple[datetime, Decimal]]


@pytest.fixture
def readings(site: Site) -> dict[str, Points]:
    """Two panels with a reading every 35 minutes of 15 months, whose registers rise by uneven steps."""
    site.now = NOW
    kept: dict[str, Points] = {}
    for place, code in enumerate(ZONES):
        site.add_panel(code, zone=ZONES[code].key)
        at, total, kept[code] = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=place), Decimal(0), []
        while at < NOW:
            total += Decimal((at.hour + 3 * at.day + 7 * at.month + place) % 11) / 100
            kept[code].append((at, total))
            at += timedelta(minutes=35)
        site.load(code, (reading(at, float(kwh)) for at, kwh in kept[code]))
    site.add_tariff("B", "2020-01-01", "0.25", currency="EUR")
    return kept


def used(points: Points, since: datetime, until: datetime) -> Decimal:
    """The rises of the register to readings in [since, until)."""
    return sum((b[1] - a[1] for a, b in pairwise(points) if since <= b[0] < until), Decimal(0))


def midnight(code: str, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONES[code]).astimezone(UTC)


def amount(code: str, energy_kwh: Decimal) -> Decimal:
    return (energy_kwh * PRICES[code]).quantize(Decimal("0.01"), ROUND_HALF_UP)


def money(code: str, energy_kwh: Decimal) -> dict[str, str]:
    return {"amount": str(amount(code, energy_kwh)), "currency": {"A": "IDR", "B": "EUR"}[code]}


def percent(now: Decimal | int, before: Decimal | int) -> float:
    return float(round(Decimal(now - before) / before * 100, 2))


@dataclass(frozen=True)
class Compared:
    """A field, its days, and those before: a part of the last of these where the field is about running days."""

    field: str
    days: tuple[date, date]
    before: tuple[date, date]
    is_running: bool = False

    @property
    def dates(self) -> dict[str, str]:
        last_day = self.before[1] - timedelta(days=0 if self.is_running else 1)
        return {"firstDay": self.before[0].isoformat(), "lastDay": last_day.isoformat()}

    def now_kwh(self, code: str, points: Points) -> Decimal:
        return used(points, midnight(code, self.days[0]), min(midnight(code, self.days[1]), NOW))

    def before_kwh(self, code: str, points: Points) -> Decimal:
        until = midnight(code, self.before[1])
        if self.is_running:
            until = datetime.combine(self.before[1], NOW.astimezone(ZONES[code]).time(), ZONES[code]).astimezone(UTC)
        return used(points, midnight(code, self.before[0]), until)


WEEK = Compared(
    'weeklySummary(date: "2026-03-25")',
    (date(2026, 3, 23), date(2026, 3, 30)),
    (date(2026, 3, 16), date(2026, 3, 22)),
    is_running=True,
)
MONTH = Compared(
    "monthlySummary(year: 2026, month: 3)",
    (date(2026, 3, 1), date(2026, 4, 1)),
    (date(2026, 2, 1), date(2026, 3, 1)),
)
YEAR = Compared(
    "yearlySummary(year: 2026)",
    (date(2026, 1, 1), date(2027, 1, 1)),
    (date(2025, 1, 1), date(2025, 3, 29)),
    is_running=True,
)


async def test_each_panel_and_the_total_are_compared_with_the_same_part_of_the_span_before(
    site: Site, readings: dict[str, Points]
) -> None:
    for compared in (WEEK, MONTH, YEAR):
        lines = f"panels {{ energyKwh {PREVIOUS} }} total {{ energyKwh {PREVIOUS} }}"
        (found,) = (await site.ask(f"{{ {compared.field} {{ {lines} }} }}")).values()
        now_kwh = {code: compared.now_kwh(code, readings[code]) for code in ZONES}
        before_kwh = {code: compared.before_kwh(code, readings[code]) for code in ZONES}
        for code, shown in zip(ZONES, found["panels"], strict=True):
            assert Decimal(str(shown["energyKwh"])) == now_kwh[code]
            assert shown["previous"] == compared.dates | {
                "energyKwh": float(before_kwh[code]),
                "cost": [money(code, before_kwh[code])],
                "isPartial": False,
                "energyChangePercent": percent(now_kwh[code], before_kwh[code]),
                "costChangePercent": percent(amount(code, now_kwh[code]), amount(code, before_kwh[code])),
            }
        assert found["total"]["previous"] == compared.dates | {
            "energyKwh": float(sum(before_kwh.values())),
            "cost": [money(code, before_kwh[code]) for code in ("B", "A")],
            "isPartial": False,
            "energyChangePercent": percent(sum(now_kwh.values()), sum(before_kwh.values())),
            "costChangePercent": None,
        }


async def test_a_year_is_the_sum_of_its_months_and_has_them(site: Site, readings: dict[str, Points]) -> None:
    query = "{ yearlySummary(year: 2025) { total { energyKwh } months { month total { energyKwh } } } }"
    found = (await site.ask(query))["yearlySummary"]
    assert [month["month"] for month in found["months"]] == list(range(1, 13))
    months_kwh = [Decimal(str(month["total"]["energyKwh"])) for month in found["months"]]
    assert Decimal(str(found["total"]["energyKwh"])) == sum(months_kwh)
    alone = await site.panel("yearlySummary(year: 2025) { energyKwh previous { energyKwh } }", code="A")
    expected = used(readings["A"], midnight("A", date(2025, 1, 1)), midnight("A", date(2026, 1, 1)))
    assert alone["yearlySummary"] == {"energyKwh": float(expected), "previous": None}


async def test_a_summary_of_some_panels_adds_up_these_alone(site: Site) -> None:
    for code, zone in (("A", "Asia/Jakarta"), ("B", "Europe/Berlin")):
        site.add_panel(code, zone=zone)
        days = (datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 2, 4, tzinfo=UTC))
        site.load(code, [reading(at, float(place)) for place, at in enumerate(days)])
    query = """query ($filter: PanelFilter) { monthlySummary(year: 2026, month: 2, filter: $filter) {
      panels { panel { code } } total { energyKwh } } }"""
    found = (await site.ask(query, filter={"timeZone": "Europe/Berlin"}))["monthlySummary"]
    assert found == {"panels": [{"panel": {"code": "B"}}], "total": {"energyKwh": 1.0}}
    assert await site.code(query, filter={"codes": []}) == "BAD_INPUT"


async def test_a_hub_is_counted_once_by_its_loads(site: Site) -> None:
    for place, part in enumerate(("LOAD", "SOLAR", "BATTERY", "GRID_IMPORT")):
        site.add_panel(f"hub-01:{part}")
        at = datetime(2026, 2, 3, tzinfo=UTC)
        site.load(f"hub-01:{part}", [reading(at, 0.0), reading(at + timedelta(hours=1), 2.0 + place)])
    query = "{ monthlySummary(year: 2026, month: 2) { panels { energyKwh isCounted } total { energyKwh } } }"
    found = (await site.ask(query))["monthlySummary"]
    shown = [(line["energyKwh"], line["isCounted"]) for line in found["panels"]]
    assert shown == [(4.0, False), (5.0, False), (2.0, True), (3.0, False)]
    assert found["total"] == {"energyKwh": 2.0}


async def test_a_list_of_panels_says_which_of_them_totals_count(site: Site) -> None:
    tenant = site.add_person("tenant@example.com")
    site.add_panel("PM")
    for hub, parts in (("a", ("LOAD", "SOLAR", "GRID_IMPORT")), ("b", ("BATTERY", "GRID_IMPORT"))):
        for part in parts:
            site.add_panel(f"{hub}:{part}", seen_by=[] if part == "LOAD" else [tenant])
    query = "{ panels { nodes { code isCounted } } }"
    found = {panel["code"]: panel["isCounted"] for panel in (await site.ask(query))["panels"]["nodes"]}
    assert [code for code, is_counted in found.items() if is_counted] == ["PM", "a:LOAD", "b:GRID_IMPORT"]
    without_load = (await site.ask(query, viewer=tenant))["panels"]["nodes"]
    assert [one["code"] for one in without_load if one["isCounted"]] == ["a:GRID_IMPORT", "b:GRID_IMPORT"]


async def test_a_panel_that_began_inside_the_span_before_is_compared_with_a_part_of_it(site: Site) -> None:
    site.add_panel("PM")
    days = [datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 1, 21, tzinfo=UTC), datetime(2026, 2, 3, tzinfo=UTC)]
    site.load("PM", [reading(at, kwh) for at, kwh in zip(days, (0.0, 0.0, 5.0), strict=True)])
    previous = "previous { energyKwh isPartial energyChangePercent costChangePercent cost { amount } }"
    months = [f"m{month}: monthlySummary(year: 2026, month: {month}) {{ {previous} }}" for month in (1, 2)]
    found = await site.panel(" ".join(months))
    assert found["m1"] == {"previous": None}
    assert found["m2"]["previous"] == {
        "energyKwh": 0.0,
        "isPartial": True,
        "energyChangePercent": None,
        "costChangePercent": None,
        "cost": [{"amount": "0.00"}],
    }


async def test_a_week_is_asked_for_by_number_or_by_day(site: Site) -> None:
    site.add_panel("PM")
    shown = "{ year week firstDay lastDay total { energyKwh previous { energyKwh } } }"
    for arguments in ("year: 2020, week: 53", 'date: "2021-01-02"'):
        assert (await site.ask(f"{{ weeklySummary({arguments}) {shown} }}"))["weeklySummary"] == {
            "year": 2020,
            "week": 53,
            "firstDay": "2020-12-28",
            "lastDay": "2021-01-03",
            "total": {"energyKwh": 0.0, "previous": None},
        }
    assert (await site.panel("weeklySummary(year: 2026, week: 3) { energyKwh }"))["weeklySummary"] == {"energyKwh": 0.0}
    assert await site.code("{ weeklySummary(year: 2026, week: 54) { week } }") == "BAD_WEEK"
    assert await site.code("{ yearlySummary(year: 1999) { year } }") == "BAD_MONTH"


async def test_the_part_of_a_day_whose_five_minutes_are_gone_is_from_hours_or_in_proportion(site: Site) -> None:
    site.add_panel("PM")
    start = datetime(2026, 1, 31, 17, tzinfo=UTC)  # midnight in Jakarta
    halves = range(2 * 24 * 12)
    site.load("PM", [reading(start + timedelta(minutes=30 * half), half / 2) for half in halves])
    site.load("PM", [reading(site.now - timedelta(days=2), 1000.0), reading(site.now - timedelta(days=1), 1001.0)])
    site.now = datetime(2026, 3, 10, 3, 20, tzinfo=UTC)  # 10:20: what 9 days and 10 h 20 min of February used
    query = "monthlySummary(year: 2026, month: 3) { previous { lastDay energyKwh cost { amount } isPartial } }"

    async def previous_kwh() -> float:
        found = (await site.panel(query))["monthlySummary"]["previous"]
        assert (found["lastDay"], found["isPartial"]) == ("2026-02-10", False)
        assert Decimal(found["cost"][0]["amount"]) == (Decimal(str(found["energyKwh"])) * 1500).quantize(
            Decimal("0.01")
        )
        return found["energyKwh"]

    whole_days_kwh = 9 * 24 - 0.5
    assert await previous_kwh() == whole_days_kwh + 10.5
    horizon = datetime(2026, 3, 1, tzinfo=UTC)
    for level in (Level.FIVE_MINUTES, Level.HOURS):
        site.remove(level, before=horizon)
        assert await previous_kwh() == pytest.approx(whole_days_kwh + 10 + 1 / 3, abs=1e-5)
