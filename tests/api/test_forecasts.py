"""Forecasts over the API: how they were made and did, what if, and the month's end; for every kind of household."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from forecasting.model import load_model
from forecasting.months import refresh_months
from forecasting.on_demand import Forecaster
from forecasting.refresh import refresh_stale
from metering.tariffs.rules import Band, Block, Recurrence, StandingCharge, Window, flat
from resolvers.context import Context
from store import forecasting_status
from store.tariffs import set_tariff
from tests.api.conftest import SCHEMA, Site, reading

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FORECAST = """prepaid { balanceKwh forecast {
  madeAt dataUpTo dataAgeS method balanceKwh daysLeft historyDays depletesAt { p10 p50 p90 }
  widening { lowerFactor upperFactor }
  expectedUsage { daily { startsAt p10Kwh p50Kwh p90Kwh } hourly { startsAt p50Kwh } }
  backtest { oldestMadeAt resolvedCount coveragePercent earlyPercent latePercent medianAbsoluteErrorHours
             meanAbsoluteErrorPercent biasHours
             byHorizon { fromDays toDays resolvedCount coveragePercent medianAbsoluteErrorHours } } } }"""
WHAT_IF = "daysLeft balanceKwh depletesAt { p10 p50 p90 }"


class Home:
    """A prepaid home in Lagos, whose readings and credit are put in as time goes by."""

    def __init__(self, site: Site) -> None:
        self.site, self.panel_id = site, site.add_panel("HOME", zone="Africa/Lagos", is_prepaid=True)
        site.add_tariff("HOME", "2020-01-01", "200", currency="NGN", vat_percent="7.5", name="Band A")

    def meter(self, *, since: datetime, until: datetime, every: timedelta = HOUR, kw: float = 0.5) -> None:
        """A register that rises steadily from 0 at START."""
        count = (until - since) // every
        instants = [since + number * every for number in range(count + 1)]
        rows = [reading(at, round((at - START) / HOUR * kw, 6)) for at in instants]
        self.site.load("HOME", rows)

    def credit(self, kwh: str, *, at: datetime) -> None:
        self.site.database.execute(
            "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh, created_at)"
            " VALUES (%(id)s, %(at)s, 'TOP_UP', %(kwh)s, %(at)s)",
            {"id": self.panel_id, "at": at, "kwh": Decimal(kwh)},
        )

    def show(self, kwh: str, *, at: datetime) -> None:
        self.site.database.execute(
            "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh, shown_kwh, created_at)"
            " VALUES (%(id)s, %(at)s, 'BALANCE_READING',"
            " %(kwh)s - coalesce(balance_kwh(%(id)s, %(at)s), 0), %(kwh)s, %(at)s)",
            {"id": self.panel_id, "at": at, "kwh": Decimal(kwh)},
        )

    async def forecast(self, *, now: datetime) -> Any:
        """The forecast as it is told at an instant, made then."""
        self.site.now = now
        await refresh_stale(self.site.pool, now=now, min_interval=timedelta(0), model=MODEL)
        return (await self.site.panel(FORECAST, code="HOME"))["prepaid"]["forecast"]

    async def ask(self, selection: str) -> Any:
        """What is asked of the panel with something that computes forecasts at once."""
        document = f'{{ panel(code: "HOME") {{ {selection} }} }}'
        context = Context(self.site.pool, self.site.admin, now=lambda: self.site.now, forecaster=FORECASTER)
        answer = await SCHEMA.execute(document, context_value=context)
        assert answer.errors is None
        assert answer.data
        return answer.data["panel"]

    async def what_if(self, arguments: str) -> Any:
        return (await self.ask(f"prepaid {{ whatIf{arguments} {{ {WHAT_IF} }} }}"))["prepaid"]["whatIf"]


FORECASTER, MODEL = Forecaster(), load_model()


@pytest.fixture
def home(site: Site) -> Home:
    return Home(site)


def days_to(forecast: Any, quantile: str) -> float:
    ahead = datetime.fromisoformat(forecast["depletesAt"][quantile]) - datetime.fromisoformat(forecast["madeAt"])
    return ahead / DAY


def width(forecast: Any) -> float:
    """How far P10 and P90 lie apart, in the median's time."""
    return (days_to(forecast, "p90") - days_to(forecast, "p10")) / days_to(forecast, "p50")


async def test_a_forecast_says_when_from_what_and_how_it_was_made(home: Home) -> None:
    now = START + 30 * DAY
    home.meter(since=START, until=now)
    home.credit("60", at=now)
    told = await home.forecast(now=now + timedelta(minutes=20))
    assert told["method"] == "MODEL"
    assert told["balanceKwh"] == "60.000"
    assert (told["dataUpTo"], told["dataAgeS"]) == ("2026-02-04T01:00:00+01:00", 1200)
    assert told["daysLeft"] == pytest.approx(5, abs=0.5)
    assert told["historyDays"] == pytest.approx(30, abs=0.1)
    assert told["widening"] == {"lowerFactor": 1, "upperFactor": 1}
    assert days_to(told, "p10") < days_to(told, "p50") < days_to(told, "p90")
    daily = told["expectedUsage"]["daily"]
    assert (len(daily["startsAt"]), len(told["expectedUsage"]["hourly"]["startsAt"])) == (30, 168)
    assert sum(daily["p50Kwh"][:5]) == pytest.approx(60, rel=0.15)
    assert told["backtest"]["resolvedCount"] == 0
    assert told["backtest"]["coveragePercent"] is None


async def test_a_new_household_is_being_learnt_with_an_honest_width(home: Home) -> None:
    home.credit("60", at=START)
    widths: list[float] = []
    for hours in (6, 20, 24 * 28):
        now = START + hours * HOUR
        home.meter(since=now - hours * HOUR / 2, until=now, every=HOUR / 2)
        if hours > 24:
            home.meter(since=START, until=now)
            home.credit("400", at=now)
        told = await home.forecast(now=now)
        assert (told["method"] == "LEARNING") == (hours < 24)
        widths.append(width(told))
    assert widths[0] > 0.6
    assert widths[0] >= widths[1] > 1.5 * widths[2]


async def test_without_a_reading_or_a_look_at_the_display_there_is_no_forecast(home: Home) -> None:
    home.credit("60", at=START)
    assert await home.forecast(now=START + DAY) is None


async def test_an_empty_home_may_stay_so_or_be_used_again_tomorrow(home: Home) -> None:
    home.meter(since=START, until=START + 20 * DAY)
    away = [reading(START + 20 * DAY + number * HOUR, 240 + 0.03 * number) for number in range(1, 24 * 14)]
    home.site.load("HOME", away)
    now = START + 34 * DAY
    home.credit("60", at=now)
    told = await home.forecast(now=now)
    assert 5 < days_to(told, "p10") < 25  # they may come back
    assert told["depletesAt"]["p90"] is None or days_to(told, "p90") > 45
    assert width(told) > 1


async def test_a_meter_that_fell_silent_is_forecast_anew_each_hour_and_ever_less_surely(home: Home) -> None:
    silent_at = START + 28 * DAY
    home.meter(since=START, until=silent_at)
    home.credit("120", at=silent_at)
    widths: list[float] = []
    for hours in (0, 30, 150):
        told = await home.forecast(now=silent_at + hours * HOUR)
        assert told["dataAgeS"] == hours * 3600
        assert days_to(told, "p50") == pytest.approx(10 - hours / 24, abs=0.8)
        widths.append(width(told))
    assert widths == sorted(widths)
    assert widths[2] > 1.5 * widths[0]


async def test_readings_at_odd_times_with_outages_make_a_forecast_at_least_as_wide(home: Home) -> None:
    now = START + 28 * DAY
    for number in range(28):
        if number not in {9, 10}:
            home.meter(since=START + number * DAY + 7 * HOUR, until=START + (number + 1) * DAY - HOUR, every=5 * HOUR)
    home.meter(since=now - HOUR, until=now)
    home.credit("60", at=now)
    told = await home.forecast(now=now)
    assert told["daysLeft"] == pytest.approx(5, abs=0.5)
    assert told["historyDays"] == pytest.approx(27.7, abs=0.5)
    assert width(told) > 0.05


async def test_a_register_that_somebody_reads_once_a_week_makes_a_forecast(home: Home) -> None:
    now = START + 56 * DAY
    home.meter(since=START, until=now, every=7 * DAY)
    home.credit("60", at=now)
    told = await home.forecast(now=now + 2 * DAY)
    assert told["method"] == "MODEL"
    assert days_to(told, "p50") == pytest.approx(3, abs=0.5)
    assert told["dataAgeS"] == 2 * 86_400


async def test_what_the_display_shows_once_a_week_is_enough_without_any_register(home: Home) -> None:
    """84 kWh a week, by looks at the display and the units on the slips alone."""
    for week in range(8):
        at = START + week * 7 * DAY
        home.show("20", at=at)
        home.credit("84", at=at + HOUR)
    now = START + 49 * DAY + HOUR
    told = await home.forecast(now=now)
    assert told["method"] == "MODEL"
    assert told["balanceKwh"] == "104.000"
    assert told["historyDays"] == pytest.approx(49, abs=0.1)
    assert (
        told["dataUpTo"] == (START + 49 * DAY).astimezone(datetime.fromisoformat(told["dataUpTo"]).tzinfo).isoformat()
    )
    assert days_to(told, "p50") == pytest.approx(104 / 12, abs=1)
    assert days_to(told, "p90") > days_to(told, "p50") > days_to(told, "p10")


async def test_two_readings_typed_in_do_not_throw_away_what_displays_told(home: Home) -> None:
    """84 kWh a week by looks at the display, then a register that rises by 0.4 kWh within 71 seconds."""
    for week in range(8):
        home.show("20", at=START + week * 7 * DAY)
        home.credit("84", at=START + week * 7 * DAY + HOUR)
    now = START + 49 * DAY + 2 * HOUR
    home.show("100", at=now)
    before = await home.forecast(now=now)
    first = now + timedelta(minutes=2)
    for at, register_kwh in ((first, 500.0), (first + timedelta(seconds=71), 500.4)):
        home.site.load("HOME", [reading(at, register_kwh)])
        told = await home.forecast(now=at)
        assert told["dataAgeS"] == 0
        assert (told["method"], told["historyDays"]) == ("MODEL", pytest.approx(before["historyDays"], abs=0.1))
        assert told["daysLeft"] == pytest.approx(before["daysLeft"], rel=0.1)
        assert days_to(told, "p10") > 0.6 * days_to(told, "p50")


async def test_what_was_used_between_the_last_look_and_the_first_reading_is_counted(home: Home) -> None:
    for week in range(8):
        home.show("20", at=START + week * 7 * DAY)
        home.credit("84", at=START + week * 7 * DAY + HOUR)
    now = START + 53 * DAY
    home.site.load("HOME", [reading(now, 500.0)])
    told = await home.forecast(now=now)
    assert days_to(told, "p50") == pytest.approx(104 / 12 - 4, abs=1)


async def test_displays_bridge_the_months_between_an_old_meter_and_a_new_one(home: Home) -> None:
    """12 kWh a day by an old register, then 24 by looks, then 24 by a new register that begins at 0."""
    home.credit("2000", at=START)
    home.meter(since=START, until=START + 20 * DAY)
    for week in range(6):
        home.show(str(1500 - 168 * week), at=START + (21 + 7 * week) * DAY)
    begins = START + 58 * DAY
    home.site.load("HOME", [reading(begins + number * HOUR, 1.0 * number) for number in range(49)])
    told = await home.forecast(now=begins + 2 * DAY)
    balance_kwh = Decimal(told["balanceKwh"])
    assert balance_kwh == 1500 - 168 * 5 - 48
    assert told["daysLeft"] == pytest.approx(float(balance_kwh) / 24, rel=0.15)
    assert sum(told["expectedUsage"]["daily"]["p50Kwh"]) == pytest.approx(30 * 24, rel=0.1)


async def test_looks_at_the_display_alone_leave_minutes_of_a_new_register_to_be_learnt(home: Home) -> None:
    home.show("60", at=START)
    now = START + 3 * DAY
    home.site.load("HOME", [reading(now - timedelta(minutes=9), 500.0), reading(now, 500.1)])
    assert (await home.forecast(now=now))["method"] == "LEARNING"


async def test_a_withdrawn_look_at_the_display_is_forgotten(home: Home) -> None:
    for week, shown in enumerate(("100", "16", "90", "6")):
        home.show(shown, at=START + week * 7 * DAY)
        home.credit("84" if week == 1 else "10", at=START + week * 7 * DAY + HOUR)
    told = await home.forecast(now=START + 21 * DAY + HOUR)
    with home.site.database.transaction():
        home.site.database.execute(
            "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh, reverses)"
            " SELECT panel_id, at, 'REVERSAL', -units_kwh, id FROM ledger_entry WHERE shown_kwh = 90"
        )
    again = await home.forecast(now=START + 21 * DAY + HOUR)
    assert again["historyDays"] == told["historyDays"]
    assert again["daysLeft"] > told["daysLeft"]


async def test_earlier_forecasts_are_judged_by_the_usage_that_followed(home: Home) -> None:
    home.meter(since=START, until=START + 20 * DAY)
    home.credit("480", at=START)
    for hours in range(0, 10 * 24, 3):
        await refresh_stale(home.site.pool, now=START + 5 * DAY + hours * HOUR, min_interval=timedelta(0))
    home.site.database.execute(
        "UPDATE depletion_forecast SET balance_kwh = 12, p10_at = made_at + interval '20 hours',"
        " p50_at = made_at + interval '30 hours', p90_at = made_at + interval '40 hours'"
    )
    told = await home.forecast(now=START + 20 * DAY)
    judged = told["backtest"]
    assert judged["resolvedCount"] == 80
    assert judged["oldestMadeAt"] == "2026-01-10T01:00:00+01:00"
    assert (judged["coveragePercent"], judged["earlyPercent"], judged["latePercent"]) == (100, 0, 0)
    assert judged["medianAbsoluteErrorHours"] == pytest.approx(6, abs=0.1)
    assert judged["biasHours"] == pytest.approx(6, abs=0.1)
    assert judged["meanAbsoluteErrorPercent"] == pytest.approx(25, abs=0.5)
    assert [(row["fromDays"], row["toDays"], row["resolvedCount"]) for row in judged["byHorizon"]] == [(0, 2, 80)]


@pytest.mark.parametrize(("every_hours", "weeks"), [(1, 7), (6, 4), (24, 7)])
async def test_bands_that_missed_too_often_are_widened(home: Home, every_hours: int, weeks: int) -> None:
    now = START + weeks * 7 * DAY
    home.meter(since=START, until=now)
    home.credit("700", at=START)
    home.site.database.execute(
        "INSERT INTO depletion_forecast (panel_id, hour_at, made_at, data_up_to, ledger_id, method, history_days,"
        " balance_kwh, balance_at, p10_at, p50_at, p90_at)"
        " SELECT %(id)s, at, at, at, 1, 'PROFILE', 10, 12, at, at + interval '10 hours', at + interval '12 hours',"
        " at + interval '14 hours' FROM generate_series(%(since)s, %(until)s, make_interval(hours => %(every)s)) AS at",
        {"id": home.panel_id, "since": START, "until": now - DAY, "every": every_hours},
    )
    told = await home.forecast(now=now)
    assert told["backtest"]["latePercent"] == 100
    assert told["backtest"]["biasHours"] == pytest.approx(-12, abs=0.1)
    assert told["widening"]["upperFactor"] > 1.5
    assert told["widening"]["lowerFactor"] < 1.1


LEFT = "prepaid { balanceKwh estimatedBalanceKwh forecast { madeAt depletesAt { p10 p50 p90 } } }"


async def left(home: Home, *, at: datetime) -> Any:
    home.site.now = at
    return (await home.site.panel(LEFT, code="HOME"))["prepaid"]


async def test_what_is_likely_left_now_is_less_than_what_was_shown_days_ago(home: Home) -> None:
    """12 kWh a day, by looks at the display."""
    now = START + 49 * DAY
    for week in range(8):
        home.show("20", at=START + week * 7 * DAY)
        home.credit("84", at=START + week * 7 * DAY)
    await refresh_stale(home.site.pool, now=now, min_interval=timedelta(0))
    told = await left(home, at=now + timedelta(minutes=50))
    assert (told["balanceKwh"], told["estimatedBalanceKwh"]) == ("104.000", "104.000")
    for days in (1, 3, 5):
        told = await left(home, at=now + days * DAY)
        assert told["balanceKwh"] == "104.000"
        assert float(told["estimatedBalanceKwh"]) == pytest.approx(104 - 12 * days, abs=2)
        await refresh_stale(home.site.pool, now=now + days * DAY, min_interval=timedelta(0))
        again = await left(home, at=now + days * DAY)
        assert float(again["estimatedBalanceKwh"]) == pytest.approx(104 - 12 * days, abs=3)
    assert (await left(home, at=now + 20 * DAY))["estimatedBalanceKwh"] == "0.000"
    home.show("50", at=now + 20 * DAY)
    assert (await left(home, at=now + 20 * DAY))["estimatedBalanceKwh"] == "50.000"


async def test_what_is_likely_left_of_a_meter_that_is_heard_is_the_balance(home: Home) -> None:
    now = START + 30 * DAY
    home.credit("400", at=START)
    home.meter(since=START, until=now)
    told = await left(home, at=now + timedelta(minutes=10))
    assert told["estimatedBalanceKwh"] == told["balanceKwh"] == "40.000"
    assert (await left(home, at=now + DAY))["estimatedBalanceKwh"] is None  # nothing was forecast yet
    await refresh_stale(home.site.pool, now=now, min_interval=timedelta(0))
    assert float((await left(home, at=now + DAY))["estimatedBalanceKwh"]) == pytest.approx(28, abs=2)
    home.meter(since=now, until=now + DAY)
    home.site.now = now + DAY + 2 * HOUR
    told = await left(home, at=now + DAY + 2 * HOUR)
    assert told["balanceKwh"] == "28.000"
    assert float(told["estimatedBalanceKwh"]) == pytest.approx(27, abs=0.5)


async def test_without_a_balance_nothing_is_likely_left(home: Home) -> None:
    assert (await left(home, at=START))["estimatedBalanceKwh"] is None


async def test_units_run_out_now_at_the_earliest(home: Home) -> None:
    now = START + 30 * DAY
    home.credit("361", at=START)
    home.meter(since=START, until=now)
    await refresh_stale(home.site.pool, now=now, min_interval=timedelta(0))
    later = now + timedelta(minutes=130)
    told = await left(home, at=later)
    instants = [datetime.fromisoformat(told["forecast"]["depletesAt"][quantile]) for quantile in ("p10", "p50", "p90")]
    assert min(instants) == instants[0] == later


async def test_what_if_answers_at_once_and_changes_nothing(home: Home) -> None:
    now = START + 30 * DAY
    home.meter(since=START, until=now)
    home.credit("60", at=now)
    told = await home.forecast(now=now)
    rows = home.site.database.execute("SELECT * FROM depletion_forecast, ledger_entry").fetchall()
    plain = await home.what_if("")
    more = await home.what_if('(topUpKwh: "60")')
    less = await home.what_if("(useLessPercent: 50)")
    paid = await home.what_if('(topUpAmount: {amount: "12900", currency: "NGN"})')
    assert plain["daysLeft"] == pytest.approx(told["daysLeft"], abs=0.01)
    assert (more["balanceKwh"], paid["balanceKwh"]) == ("120.000", "120.000")
    assert more["daysLeft"] == pytest.approx(10, abs=0.8)
    assert less["daysLeft"] == pytest.approx(10, abs=0.8)
    assert home.site.database.execute("SELECT * FROM depletion_forecast, ledger_entry").fetchall() == rows


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('(topUpKwh: "-1")', "BAD_AMOUNT"),
        ('(topUpKwh: "1.0001")', "BAD_AMOUNT"),
        ("(useLessPercent: 91)", "BAD_INPUT"),
        ('(topUpKwh: "1", topUpAmount: {amount: "1", currency: "NGN"})', "BAD_INPUT"),
        ('(topUpAmount: {amount: "100", currency: "EUR"})', "BAD_CURRENCY"),
    ],
)
async def test_what_cannot_be_is_refused(home: Home, arguments: str, code: str) -> None:
    document = f'{{ panel(code: "HOME") {{ prepaid {{ whatIf{arguments} {{ daysLeft }} }} }} }}'
    assert await home.site.code(document) == code


async def test_a_refused_amount_is_named_as_it_was_given(home: Home) -> None:
    document = (
        '{ panel(code: "HOME") { prepaid { whatIf(topUpAmount: {amount: "-1", currency: "NGN"}) { daysLeft } } } }'
    )
    (error,) = (await home.site.answer(document))["errors"]
    assert error["extensions"] == {"code": "BAD_AMOUNT", "field": "topUpAmount"}
    assert error["message"].startswith("`topUpAmount` must be above 0")


async def test_right_after_a_top_up_the_forecast_counts_it_already(home: Home) -> None:
    now = START + 30 * DAY
    home.meter(since=START, until=now)
    home.credit("60", at=now)
    await home.forecast(now=now)
    home.credit("60", at=now)
    home.site.now = now + timedelta(seconds=1)
    told = (await home.ask("prepaid { balanceKwh forecast { balanceKwh daysLeft } }"))["prepaid"]
    assert told["balanceKwh"] == told["forecast"]["balanceKwh"] == "120.000"
    assert told["forecast"]["daysLeft"] == pytest.approx(10, abs=0.8)
    home.site.now = now + timedelta(minutes=2)
    late = (await home.ask("prepaid { forecast { balanceKwh } }"))["prepaid"]
    assert late["forecast"]["balanceKwh"] == "60.000"


MONTH = """monthForecast { firstDay madeAt dataUpTo endsAt method energySoFarKwh energy { p10Kwh p50Kwh p90Kwh }
  costSoFar { amount currency } cost { p10 { amount } p50 { amount } p90 { amount } }
  previousEnergyKwh energyChangePercent }"""


async def month_of(home: Home, *, now: datetime) -> Any:
    home.site.now = now
    await refresh_months(home.site.pool, now=now, model=MODEL)
    return (await home.site.panel(MONTH, code="HOME"))["monthForecast"]


async def test_the_month_is_told_to_its_end_in_energy_and_money(home: Home) -> None:
    now = datetime(2026, 3, 11, 23, tzinfo=UTC)  # 11 of 31 local days of half a kilowatt
    home.meter(since=START, until=now)
    told = await month_of(home, now=now)
    assert (told["firstDay"], told["endsAt"]) == ("2026-03-01", "2026-04-01T00:00:00+01:00")
    assert told["energySoFarKwh"] == 132.5  # a reading's usage belongs to its own instant: midnight's is the new day's
    assert told["energy"]["p50Kwh"] == pytest.approx(31 * 12, rel=0.08)
    assert told["energySoFarKwh"] < told["energy"]["p10Kwh"] < told["energy"]["p50Kwh"] < told["energy"]["p90Kwh"]
    assert told["costSoFar"] == {"amount": "28487.50", "currency": "NGN"}
    assert Decimal(told["cost"]["p50"]["amount"]) == pytest.approx(
        Decimal(str(told["energy"]["p50Kwh"])) * 215, rel=Decimal("0.001")
    )
    assert told["previousEnergyKwh"] == 28 * 12
    assert told["energyChangePercent"] == pytest.approx(100 * (told["energy"]["p50Kwh"] / 336 - 1), abs=0.1)


async def test_readings_that_come_after_the_months_forecast_are_counted_once(home: Home) -> None:
    now = datetime(2026, 3, 11, 23, tzinfo=UTC)
    home.meter(since=START, until=now)
    before = await month_of(home, now=now)
    home.meter(since=now, until=now + 50 * timedelta(minutes=1), every=10 * timedelta(minutes=1))
    after = await month_of(home, now=now + 55 * timedelta(minutes=1))
    assert after["madeAt"] == before["madeAt"]
    assert after["energySoFarKwh"] > before["energySoFarKwh"]
    assert after["energy"]["p50Kwh"] == pytest.approx(before["energy"]["p50Kwh"], rel=0.002)


async def test_bands_blocks_and_charges_of_the_month_count_as_in_its_summary(home: Home) -> None:
    blocks = (Block(Decimal(0), Decimal(100)), Block(Decimal(150), Decimal(160)))
    tariff = replace(
        flat("Bands", valid_from=date(2026, 1, 1), unit_price=Decimal(100), currency="NGN", vat_percent=Decimal("7.5")),
        bands=(Band("Peak", (Block(Decimal(0), Decimal(250)),), (Window(17 * 60, 22 * 60),)), Band("Rest", blocks)),
        standing_charges=(StandingCharge("Meter", Decimal(30), Recurrence.DAY),),
    )
    async with home.site.pool.connection() as connection:
        await set_tariff(connection, panel_id=home.panel_id, tariff=tariff)
    now = datetime(2026, 3, 11, 22, 30, tzinfo=UTC)
    home.meter(since=START, until=now)
    told = await month_of(home, now=now)
    summary = await home.site.panel("monthlySummary(year: 2026, month: 3) { cost { amount } }", code="HOME")
    assert told["costSoFar"]["amount"] == summary["monthlySummary"]["cost"]["amount"]
    home.meter(since=now, until=datetime(2026, 3, 31, 22, tzinfo=UTC))  # the rest as it was
    home.site.now = datetime(2026, 4, 2, tzinfo=UTC)
    came = await home.site.panel("monthlySummary(year: 2026, month: 3) { cost { amount } energyKwh }", code="HOME")
    assert told["energy"]["p50Kwh"] == pytest.approx(came["monthlySummary"]["energyKwh"], rel=0.05)
    assert Decimal(told["cost"]["p50"]["amount"]) == pytest.approx(
        Decimal(came["monthlySummary"]["cost"]["amount"]), rel=Decimal("0.06")
    )


async def test_a_post_paid_panel_has_a_month_too_and_others_do_not_see_it(site: Site) -> None:
    site.add_panel("PM", zone="Asia/Jakarta")
    site.load("PM", [reading(START + number * HOUR, number * 1.0) for number in range(24 * 40)])
    site.now = START + 40 * DAY
    stranger = site.add_person("eve@example.org")
    await refresh_months(site.pool, now=site.now, model=MODEL)
    told = await site.panel(MONTH)
    assert told["monthForecast"]["energy"]["p50Kwh"] == pytest.approx(28 * 24, rel=0.1)
    assert told["monthForecast"]["cost"]["p50"] is not None
    assert told["monthForecast"]["costSoFar"]["currency"] == "IDR"
    assert await site.panel(MONTH, viewer=stranger) is None


async def test_a_home_without_a_register_has_a_month_by_its_displays(home: Home) -> None:
    for week in range(10):
        home.show("100", at=START + week * 7 * DAY)
        home.credit("84", at=START + week * 7 * DAY + HOUR)
    now = START + 63 * DAY + 2 * HOUR  # 9 March
    told = await month_of(home, now=now)
    assert told["energySoFarKwh"] == pytest.approx(8 * 12, abs=2)
    assert told["energy"]["p50Kwh"] == pytest.approx(31 * 12, rel=0.15)
    expected = Decimal(told["energySoFarKwh"]) * 215
    assert Decimal(told["costSoFar"]["amount"]) == pytest.approx(expected, rel=Decimal("0.01"))


async def test_nothing_is_told_of_the_month_before_where_nothing_was_metered(home: Home) -> None:
    for week in range(10):
        home.show("100", at=START + week * 7 * DAY)
        home.credit("84", at=START + week * 7 * DAY + HOUR)
    now = START + 63 * DAY + 2 * HOUR
    home.site.load("HOME", [reading(now, 500.0)])
    told = await month_of(home, now=now)
    assert (told["previousEnergyKwh"], told["energyChangePercent"]) == (None, None)


async def test_a_look_or_a_reading_makes_the_month_of_a_home_without_a_register_anew(home: Home) -> None:
    for week in range(10):
        home.show("100", at=START + week * 7 * DAY)
        home.credit("84", at=START + week * 7 * DAY + HOUR)
    now = START + 63 * DAY + 2 * HOUR
    before = await month_of(home, now=now)
    home.show("154", at=now + HOUR / 4)
    await home.forecast(now=now + HOUR / 4)
    looked = await month_of(home, now=now + HOUR / 4)
    assert looked["energySoFarKwh"] == pytest.approx(before["energySoFarKwh"] + 30, abs=0.01)
    for minutes, register_kwh in ((20, 500.0), (30, 504.0)):
        home.site.load("HOME", [reading(now + timedelta(minutes=minutes), register_kwh)])
        await home.forecast(now=now + timedelta(minutes=minutes))
    read = await month_of(home, now=now + HOUR / 2)
    assert read["energySoFarKwh"] == pytest.approx(looked["energySoFarKwh"] + 4, abs=0.01)
    assert read["dataUpTo"] == "2026-03-09T03:30:00+01:00"


async def test_a_register_that_covers_the_month_is_counted_as_readings_come(home: Home) -> None:
    for week in range(5):
        home.show("100", at=START + week * 7 * DAY)
        home.credit("84", at=START + week * 7 * DAY + HOUR)
    now = START + 63 * DAY
    home.meter(since=START + 40 * DAY, until=now)
    before = await month_of(home, now=now)
    home.meter(since=now, until=now + HOUR / 2, every=HOUR / 2)
    after = await month_of(home, now=now + HOUR / 2)
    assert after["energySoFarKwh"] == pytest.approx(before["energySoFarKwh"] + 0.25, abs=0.001)


async def test_the_service_says_by_what_it_forecasts(site: Site) -> None:
    selection = "{ serviceStatus { forecasting { model modelProblem seenAt } } }"
    nothing = {"model": None, "modelProblem": None, "seenAt": None}
    assert (await site.ask(selection))["serviceStatus"]["forecasting"] == nothing
    home = Home(site)
    home.meter(since=START, until=START + 3 * DAY)
    home.credit("60", at=START)
    await home.forecast(now=START + 3 * DAY)
    async with site.pool.connection() as connection:
        await forecasting_status.use_model(connection, model="shipped 0123456789ab", model_problem=None)
    status = (await site.ask(selection))["serviceStatus"]["forecasting"]
    assert status == {
        "model": "shipped 0123456789ab",
        "modelProblem": None,
        "seenAt": "2026-01-08T00:00:00+00:00",
    }
