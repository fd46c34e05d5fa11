"""A month and a year of all panels that a person sees, each in its own time zone, and the total."""

from datetime import UTC, datetime, timedelta

from tests.api.conftest import Site, reading

MONTH = """query ($year: Int!, $month: Int!) { monthlySummary(year: $year, month: $month) {
  year month total { energyKwh cost { amount currency } }
  panels { panel { code } year month energyKwh cost { amount currency } peakKw averagePowerFactor isPartial }
} }"""


def at_local(text: str, hours: int) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) - timedelta(hours=hours)


async def test_a_month_has_each_panels_sums_and_the_buildings_total_of_the_amounts_shown(site: Site) -> None:
    site.add_panel("A")
    site.add_panel("B", zone="Africa/Lagos")
    site.add_panel("C")
    site.add_tariff("B", "2020-01-01", "206.80", currency="NGN", vat_percent="7.5")
    site.load("A", [
        reading(at_local("2026-01-31T23:00", 7), 100.0),
        reading(at_local("2026-02-01T00:00", 7), 101.0, 5.0, power_factor=0.9),
        reading(at_local("2026-02-28T23:59", 7), 110.333, 7.5, power_factor=0.7),
        reading(at_local("2026-03-01T00:00", 7), 111.0, 99.0),
    ])  # fmt: skip
    site.load("B", [
        reading(at_local("2026-02-10T00:00", 1), 5.0),
        reading(at_local("2026-02-28T23:59", 1), 7.0),
        reading(at_local("2026-03-01T00:00", 1), 50.0),
    ])  # fmt: skip
    found = (await site.ask(MONTH, year=2026, month=2))["monthlySummary"]
    assert found == {
        "year": 2026,
        "month": 2,
        "total": {
            "energyKwh": 12.333,
            "cost": [{"amount": "15499.50", "currency": "IDR"}, {"amount": "444.62", "currency": "NGN"}],
        },
        "panels": [
            {"panel": {"code": "A"}, "year": 2026, "month": 2, "energyKwh": 10.333, "isPartial": False,
             "cost": {"amount": "15499.50", "currency": "IDR"}, "peakKw": 7.5, "averagePowerFactor": 0.8},
            {"panel": {"code": "B"}, "year": 2026, "month": 2, "energyKwh": 2.0, "isPartial": True,
             "cost": {"amount": "444.62", "currency": "NGN"}, "peakKw": None, "averagePowerFactor": None},
            {"panel": {"code": "C"}, "year": 2026, "month": 2, "energyKwh": 0.0, "isPartial": True,
             "cost": {"amount": "0.00", "currency": "IDR"}, "peakKw": None, "averagePowerFactor": None},
        ],
    }  # fmt: skip
    alone = await site.panel(
        "monthlySummary(year: 2026, month: 2) { energyKwh cost { amount } panel { code } }", code="B"
    )
    assert alone == {"monthlySummary": {"energyKwh": 2.0, "cost": {"amount": "444.62"}, "panel": {"code": "B"}}}


async def test_months_that_are_asked_of_several_panels_at_once_are_each_panels_own(site: Site) -> None:
    for place, code in enumerate(("A", "B"), start=1):
        site.add_panel(code)
        days = [datetime(2026, month, 3, tzinfo=UTC) for month in (1, 1, 2, 3)]
        days[1] += timedelta(days=1)
        registers = [0.0, 1.0 * place, 11.0 * place, 111.0 * place]
        site.load(code, [reading(at, kwh) for at, kwh in zip(days, registers, strict=True)])
    months = " ".join(
        f"m{month}: monthlySummary(year: 2026, month: {month}) {{ month energyKwh }}" for month in (1, 3, 4)
    )
    found = (await site.ask(f"{{ panels {{ nodes {{ code {months} }} }} }}"))["panels"]["nodes"]
    assert [(panel["code"], [panel[f"m{month}"]["energyKwh"] for month in (1, 3, 4)]) for panel in found] == [
        ("A", [1.0, 100.0, 0.0]),
        ("B", [2.0, 200.0, 0.0]),
    ]


async def test_the_total_is_the_sum_of_rounded_amounts_so_that_a_bill_adds_up(site: Site) -> None:
    for code in ("A", "B", "C"):
        site.add_panel(code)
        site.add_tariff(code, "2020-01-01", "0.25", currency="EUR")
        site.load(
            code, [reading(datetime(2026, 2, 3, tzinfo=UTC), 1.0), reading(datetime(2026, 2, 4, tzinfo=UTC), 1.02)]
        )
    found = (await site.ask(MONTH, year=2026, month=2))["monthlySummary"]
    assert [line["cost"]["amount"] for line in found["panels"]] == ["0.01"] * 3
    assert found["total"]["cost"] == [{"amount": "0.03", "currency": "EUR"}]


async def test_a_tariff_that_begins_inside_a_month_prices_its_own_days(site: Site) -> None:
    site.add_panel("PM")
    site.add_tariff("PM", "2026-02-15", "2000", vat_percent="10")
    days = [datetime(2026, 2, day, 5, tzinfo=UTC) for day in (13, 14, 15, 16)]
    site.load("PM", [reading(at, 10.0 * place) for place, at in enumerate(days)])
    month = await site.panel("monthlySummary(year: 2026, month: 2) { energyKwh cost { amount } }")
    assert month["monthlySummary"] == {"energyKwh": 30.0, "cost": {"amount": "59000.00"}}
    usage = await site.panel(
        'usage(step: MONTH, from: "2026-02-01T00:00:00+07:00", to: "2026-03-01T00:00:00+07:00") { cost totalEnergyKwh }'
    )
    assert usage["usage"] == {"cost": ["59000"], "totalEnergyKwh": 30.0}


async def test_a_change_of_currency_inside_a_month_shows_in_the_total(site: Site) -> None:
    site.add_panel("PM")
    site.add_tariff("PM", "2026-02-15", "0.30", currency="EUR")
    days = [datetime(2026, 2, day, 5, tzinfo=UTC) for day in (13, 14, 15)]
    site.load("PM", [reading(at, 10.0 * place) for place, at in enumerate(days)])
    found = (await site.ask(MONTH, year=2026, month=2))["monthlySummary"]
    assert found["panels"][0]["energyKwh"] == 20.0
    assert found["panels"][0]["cost"] == {"amount": "3.00", "currency": "EUR"}
    own = await site.panel("monthlySummary(year: 2026, month: 2) { costs { amount currency } }")
    assert (
        found["total"]["cost"]
        == own["monthlySummary"]["costs"]
        == [
            {"amount": "3.00", "currency": "EUR"},
            {"amount": "15000.00", "currency": "IDR"},
        ]
    )


async def test_a_year_has_twelve_months_those_to_come_too(site: Site) -> None:
    site.add_panel("PM")
    site.load(
        "PM",
        [reading(datetime(2025, 12, 31, 12, tzinfo=UTC), 1.0), reading(datetime(2026, 1, 31, 12, tzinfo=UTC), 3.0)],
    )
    months = (await site.ask("{ yearSummary(year: 2026) { year month total { energyKwh } panels { isPartial } } }"))[
        "yearSummary"
    ]
    assert [month["month"] for month in months] == list(range(1, 13))
    assert [month["total"]["energyKwh"] for month in months] == [2.0] + [0.0] * 11
    assert [month["panels"][0]["isPartial"] for month in months] == [False] + [True] * 11


async def test_a_week_a_month_and_a_year_of_a_panel_say_when_they_are(site: Site) -> None:
    site.add_panel("PM")
    when = "{ year month week firstDay lastDay }"
    found = await site.panel(
        f"""week: weeklySummary(year: 2020, week: 53) {when}
        month: monthlySummary(year: 2024, month: 2) {when} year: yearlySummary(year: 2024) {when}"""
    )
    assert [tuple(found[step].values()) for step in ("week", "month", "year")] == [
        (2020, None, 53, "2020-12-28", "2021-01-03"),
        (2024, 2, None, "2024-02-01", "2024-02-29"),
        (2024, None, None, "2024-01-01", "2024-12-31"),
    ]
    for query in ("monthlySummary(year: 2024, month: 2)", "yearlySummary(year: 2024)"):
        (summary,) = (await site.ask(f"{{ {query} {{ firstDay lastDay panels {{ firstDay lastDay }} }} }}")).values()
        assert summary["panels"] == [{"firstDay": summary["firstDay"], "lastDay": summary["lastDay"]}]


async def test_a_site_without_panels_has_an_empty_month(site: Site) -> None:
    found = (await site.ask(MONTH, year=2026, month=2))["monthlySummary"]
    assert found == {"year": 2026, "month": 2, "panels": [], "total": {"energyKwh": 0.0, "cost": []}}
