"""The dashboard's modules by themselves, in a real browser: local time, gaps, scales, words, operations."""

import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import pytest
from graphql import build_schema, parse, validate
from playwright.async_api import Browser

from dashboard.pages import APP, dashboard_routes
from schema.contract import printed
from tests.dashboard.small_server import served

Evaluate = Callable[[str], Coroutine[Any, Any, Any]]
MINUTE_MS = 60_000
MODULES = (
    "zone",
    "series",
    "scale",
    "format",
    "operations",
    "addresses",
    "depletion_band",
    "session",
    "run_down",
    "forecast_words",
    "form",
    "prepaid",
    "tariff_week",
)


@pytest.fixture(scope="module")
async def evaluate(chromium: Browser) -> AsyncGenerator[Evaluate]:
    """Evaluates an expression with every module's exports in `m`, in British English; one page for all tests."""
    async with served(dashboard_routes()) as url:
        context = await chromium.new_context(locale="en-GB", timezone_id="Europe/London")
        page = await context.new_page()
        await page.goto(url)

        async def evaluated(expression: str) -> Any:
            imports = ", ".join(f"import('/app/0/{name}.js')" for name in MODULES)
            in_m = f"all => {{ const m = Object.assign({{}}, ...all); return {expression}; }}"
            return await page.evaluate(f"Promise.all([{imports}]).then({in_m})")

        yield evaluated
        await context.close()


async def test_every_operation_is_valid_by_the_contract(evaluate: Evaluate) -> None:
    contract = build_schema(printed())
    modules = ("operations", "account_operations", "letting_operations")
    imports = ", ".join(f"import('/app/0/{name}.js')" for name in modules)
    operations: dict[str, str] = await evaluate(f"Promise.all([{imports}]).then(all => Object.assign({{}}, ...all))")
    assert len(operations) > 60
    errors = {name: validate(contract, parse(document)) for name, document in operations.items()}
    assert {name: found for name, found in errors.items() if found} == {}


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-10-25", "Europe/Berlin", 25),
        ("2026-03-29", "Europe/Berlin", 23),
        ("2026-11-21", "Asia/Kathmandu", 24),
        ("2026-04-05", "Australia/Lord_Howe", 24.5),
    ],
)
async def test_days_are_as_long_as_the_zone_makes_them(evaluate: Evaluate, day: str, zone: str, hours: float) -> None:
    length_ms = await evaluate(
        f"m.instantOf(Date.parse('{day}T00:00Z') + 864e5, '{zone}') - m.instantOf(Date.parse('{day}T00:00Z'), '{zone}')"
    )
    assert length_ms / 3_600_000 == hours


async def test_an_axis_is_marked_at_round_local_times_across_a_change_of_clocks(evaluate: Evaluate) -> None:
    found = await evaluate(
        """(() => { const from = Date.parse('2026-10-24T20:00Z');
        const {instants_ms, unit} = m.roundTimes(from, from + 12 * 36e5, {zone: 'Europe/Berlin', count: 5});
        return [unit, instants_ms.map(at => new Date(at).toISOString().slice(8, 16))]; })()"""
    )
    # 00:00 and 03:00 local are four hours apart: the hour from 2 to 3 comes twice.
    assert found == ["minute", ["24T22:00", "25T02:00", "25T05:00", "25T08:00"]]


async def test_a_year_is_marked_by_months_of_the_zone(evaluate: Evaluate) -> None:
    found = await evaluate(
        """(() => { const to = Date.parse('2026-11-21T12:00Z');
        const {instants_ms, unit} = m.roundTimes(to - 365 * 864e5, to, {zone: 'Asia/Jakarta', count: 7});
        return [unit, instants_ms.map(at => new Date(at).toISOString().slice(0, 13))]; })()"""
    )
    months = ["2025-12-31T17", "2026-02-28T17", "2026-04-30T17", "2026-06-30T17", "2026-08-31T17", "2026-10-31T17"]
    assert found == ["month", months]


def series(*minutes: float) -> str:
    at_ms = [minute * MINUTE_MS for minute in minutes]
    return f"{{at_ms: {at_ms}, kw: {[1.0] * len(minutes)}, gaps: []}}"


def added(to: str, *minutes: float) -> str:
    calls = "".join(
        f"m.add(s, {{at_ms: {minute * MINUTE_MS}, kw: 2}}, {{span_ms: 36e5, slot_ms: 2e4}});" for minute in minutes
    )
    return f"(() => {{ const s = {to}; {calls} return {{...s, runs: m.runs(s).map(run => run.length)}}; }})()"


async def test_the_newest_reading_of_a_moment_stands_for_it(evaluate: Evaluate) -> None:
    found = await evaluate(added(series(0, 1), 2, 2.1, 2.2, 2.4))
    assert [at / MINUTE_MS for at in found["at_ms"]] == [0, 1, 2, 2.2, 2.4]
    assert found["kw"] == [1, 1, 2, 2, 2]


async def test_a_late_reading_finds_its_place_and_makes_no_gap(evaluate: Evaluate) -> None:
    found = await evaluate(added(series(0, 2), 1))
    assert [at / MINUTE_MS for at in found["at_ms"]] == [0, 1, 2]
    assert found["gaps"] == []


async def test_a_silence_of_more_than_five_minutes_is_a_gap(evaluate: Evaluate) -> None:
    found = await evaluate(added(series(0, 1), 6, 12))
    assert [[at / MINUTE_MS for at in gap] for gap in found["gaps"]] == [[6, 12]]
    assert found["runs"] == [3, 1]


async def test_a_gap_that_is_open_ends_with_the_next_reading(evaluate: Evaluate) -> None:
    still_silent = series(0, 1).replace("gaps: []", f"gaps: [[{MINUTE_MS}, {9 * MINUTE_MS}]]")
    found = await evaluate(added(still_silent, 10, 11))
    assert [[at / MINUTE_MS for at in gap] for gap in found["gaps"]] == [[1, 10]]
    assert found["runs"] == [2, 2]


async def test_an_hour_forgets_what_is_older(evaluate: Evaluate) -> None:
    found = await evaluate(added(series(0, 30), 61))
    assert [at / MINUTE_MS for at in found["at_ms"]] == [30, 61]


async def test_a_reading_without_power_parts_the_line(evaluate: Evaluate) -> None:
    assert await evaluate("m.runs({at_ms: [1, 2, 3, 4], kw: [1, null, 1, 1], gaps: []}).map(run => run.length)") == [
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 7.3, [0, 2, 4, 6, 8]),
        (0, 0.1, [0, 0.025, 0.05, 0.075, 0.1]),
        (-3.2, 5.1, [-5, -2.5, 0, 2.5, 5, 7.5]),
        (0, 0, [0, 0.25]),
        (0, 1_234_567, [0, 500_000, 1_000_000, 1_500_000]),
    ],
)
async def test_axes_go_in_round_steps(evaluate: Evaluate, low: float, high: float, ticks: list[float]) -> None:
    assert (await evaluate(f"m.roundSteps({low}, {high})"))["ticks"] == ticks


async def test_numbers_carry_their_units_and_money_its_currency(evaluate: Evaluate) -> None:
    words = await evaluate(
        """[m.power(0.0834), m.power(4.217), m.power(12.34), m.power(123.4), m.power(-2.5), m.power(null),
        m.energy(3.129), m.energy(11063.64), m.units('22.195'), m.money({amount: '256136.50', currency: 'IDR'}),
        m.money({amount: '2089.30', currency: 'NGN'}), m.money({amount: '90071992547409.93', currency: 'NGN'})]
        .map(word => word.replaceAll('\\u00a0', ' '))"""
    )
    assert words[:9] == [
        "0.083 kW",
        "4.22 kW",
        "12.3 kW",
        "123 kW",
        "-2.50 kW",
        "no value",
        "3.13 kWh",
        "11,063.6 kWh",
        "22.20 kWh",
    ]
    assert words[9:] == ["IDR 256,137", "NGN 2,089.30", "NGN 90,071,992,547,409.93"]


async def test_spans_are_told_in_days_and_hours(evaluate: Evaluate) -> None:
    words = await evaluate("[0, 0.01, 0.9, 1, 2.17, 7.4, 60].map(days => m.daysLeft(days))")
    assert words == ["0 mins", "14 mins", "21 hrs", "1 day", "2 days 4 hrs", "7 days 9 hrs", "60 days"]


async def test_what_is_left_is_told_as_people_say_it(evaluate: Evaluate) -> None:
    words = await evaluate("[0, 0.01, 0.9, 1.4, 2.17, 7.4].map(daysLeft => m.lasting({daysLeft}))")
    assert words == [
        "used up",
        "about 14 mins left",
        "about 22 hrs left",
        "about 34 hrs left",
        "about 2 days left",
        "about 7 days left",
    ]
    assert await evaluate("m.lasting({daysLeft: null})") == "more than 90 days left"


async def test_a_forecast_says_how_it_was_made_and_how_earlier_ones_did(evaluate: Evaluate) -> None:
    made = "{method: %r, historyDays: 180, dataUpTo: '2026-11-21T11:57:00Z'}"
    now_ms = "Date.parse('2026-11-21T12:00Z')"
    assert await evaluate(f"m.making({made % 'MODEL'}, {now_ms})") == (
        "By the trained model, from 180 days of data. The newest data came 3 minutes ago."
    )
    learning = await evaluate(f"m.making({made % 'LEARNING'}, {now_ms})")
    assert learning.startswith("Learning: less than a day of data is known")
    figures = "{resolvedCount: 42, coveragePercent: 81, medianAbsoluteErrorHours: 3.2}"
    told = "Of 42 earlier forecasts, 81% came true within their span, as 80% should; typically 3 hrs off."
    assert await evaluate(f"m.judged({figures})") == told
    assert await evaluate("m.judged({resolvedCount: 0})") == "No earlier forecast could be judged yet."


RUN_DOWN = """(() => {
    const at = hours => new Date(Date.parse('2026-11-21T12:30Z') + hours * 36e5).toISOString();
    const hours = Array.from({length: 168}, (_, hour) => at(0.5 + hour));
    const hourly = {startsAt: hours, p50Kwh: hours.map((_, hour) => hour %% 2 ? 1.5 : 0.5)};
    const daily = {startsAt: [at(11.5), at(35.5)], p50Kwh: [24, 24]};
    const forecast = {madeAt: at(0), dataUpTo: at(0), balanceKwh: '24', depletesAt: %s, expectedUsage: {hourly, daily}};
    return m.runDown(forecast);
})()"""


async def test_a_balance_goes_down_by_the_rhythm_of_hours_to_zero_when_the_forecast_says(evaluate: Evaluate) -> None:
    down = await evaluate(RUN_DOWN % "{p10: at(20), p50: at(24), p90: at(30)}")
    hours = [(at - down["at_ms"][0]) / 3_600_000 for at in down["at_ms"]]
    assert [down[line][0] for line in ("early", "likely", "late")] == [24, 24, 24]
    zeros = {line: hours[down[line].index(0)] for line in ("early", "likely", "late")}
    assert zeros == {"early": 20, "likely": 24, "late": 30}
    for line in ("early", "likely", "late"):
        assert down[line] == sorted(down[line], reverse=True)
    assert all(early <= likely <= late for early, likely, late in zip(*(down[n] for n in zeros), strict=True))


async def test_a_balance_that_lasts_beyond_the_horizon_does_not_go_down_to_zero(evaluate: Evaluate) -> None:
    lasting = RUN_DOWN.replace("'24', ", "'9000', ")
    down = await evaluate(lasting % "{p10: null, p50: null, p90: null}")
    assert down["late"] == down["likely"] == down["early"]
    assert (down["likely"][0], round(down["likely"][-1], 6)) == (9000, 9000 - 90 * 24 + 0.25)
    unused = RUN_DOWN.replace("1.5 : 0.5", "0 : 0").replace("[24, 24]", "[0, 0]")
    down = await evaluate(unused % "{p10: null, p50: null, p90: null}")
    assert set(down["likely"]) == {24}


async def test_thousands_may_be_parted_where_it_is_clear_that_they_are(evaluate: Evaluate) -> None:
    typed = [
        "1500",
        "1500.5",
        "1,500",
        "5 000",
        "12 345 678.90",
        "1,234,567.5",
        "1,234,567",
        "1,50",
        "1 50",
        "1,500,00",
    ]
    read = "m.plainDigits(text, %s)"
    clear = ["1500", "1500.5", "1500", "5000", "12345678.90", "1234567.5", "1234567", None, None, None]
    assert await evaluate(f"{json.dumps(typed)}.map(text => {read % 'true'})") == clear
    assert await evaluate(f"['1,500', '1,500.25', '1,234,567'].map(text => {read % 'false'})") == [
        None,
        "1500.25",
        "1234567",
    ]
    assert await evaluate("m.plainDigits('1,500')") == "1500"  # the page is in British English


async def test_long_numbers_in_a_refusal_are_grouped_and_tokens_are_left_alone(evaluate: Evaluate) -> None:
    said = "This must be at most 1000000000, or 1234.5, or 99,999."
    assert await evaluate(f"m.grouped('{said}')") == "This must be at most 1,000,000,000, or 1234.5, or 99,999."
    assert await evaluate("m.grouped('12345678901234567890')") == "12345678901234567890"


async def test_a_balance_that_lasts_beyond_what_is_foreseen_stays_above_zero(evaluate: Evaluate) -> None:
    down = await evaluate(RUN_DOWN % "{p10: at(480), p50: at(720), p90: null}")
    assert down["likely"][-1] == 0
    assert down["late"][-1] >= 0
    assert (down["at_ms"][-1] - down["at_ms"][0]) / 86_400_000 == 90


async def test_a_week_shows_the_band_of_each_half_hour(evaluate: Evaluate) -> None:
    week = await evaluate(
        """(() => { const all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        const days = ['MONDAY', 'FRIDAY'];
        const bands = [{windows: []}, {windows: [{fromTime: '22:00', toTime: '06:00', weekdays: days, months: all}]},
            {windows: [{fromTime: '12:30', toTime: '13:00', weekdays: days, months: [11]}]}];
        return [m.weekOf(bands, 11), m.weekOf(bands, 12)]; })()"""
    )
    november, december = week
    assert november[0] == [0] * 25 + [2] + [0] * 18 + [1] * 4
    assert november[1] == [1] * 12 + [0] * 36  # the night that began on Monday
    assert november[5] == [1] * 12 + [0] * 36
    assert december[0] == [0] * 44 + [1] * 4


async def test_times_are_those_of_the_panel(evaluate: Evaluate) -> None:
    words = await evaluate(
        """[m.time('2026-11-21T17:30:05Z', {zone: 'Asia/Jakarta', shape: 'weekdayClock'}),
        m.zoneName('Asia/Jakarta', 0), m.zoneName('Europe/London', 0), m.day('2026-11-21', 'weekdayDay')]"""
    )
    assert words == ["Sun 22 Nov, 00:30", "GMT+7", "", "Sat 21 Nov"]


@pytest.mark.parametrize(
    ("p10", "p50", "p90", "words"),
    [
        ("24T11:34", "24T17:35", "25T01:55", "likely Tue 24 Nov, 18:30, between Tue 12:30 and Wed 03:00"),
        ("24T12:01", "24T13:02", "24T15:58", "likely Tue 24 Nov, 14:00, between 13:00 and 17:00"),
        ("23T06:00", "24T17:00", "26T06:00", "likely Tue 24 Nov, 18:00, between Mon 23 Nov and Thu 26 Nov"),
        ("22T06:00", "25T17:00", "29T06:00", "likely Wed 25 Nov, 18:00, between Sun 22 Nov and Sun 29 Nov"),
        ("22T06:00", "25T17:00", None, "likely Wed 25 Nov, 18:00, not before Sun 22 Nov"),
        ("22T06:00", None, None, "not before Sun 22 Nov"),
        ("21T12:01", "21T12:02", "21T12:40", "likely within the hour"),
        (None, None, None, "not within the days that can be forecast"),
    ],
)
async def test_the_end_of_units_is_told_as_exactly_as_it_is_known(
    evaluate: Evaluate, p10: str | None, p50: str | None, p90: str | None, words: str
) -> None:
    ends = {name: at and f"2026-11-{at}:00Z" for name, at in (("p10", p10), ("p50", p50), ("p90", p90))}
    told = await evaluate(
        f"""(() => {{ const band = new m.DepletionBand(); const now_ms = Date.parse('2026-11-21T12:00Z');
        band.show({{depletesAt: {json.dumps(ends)}, zone: 'Africa/Lagos', now_ms}});
        return band.words.textContent; }})()"""
    )
    assert told == words


async def test_what_is_likely_left_stands_before_an_old_balance(evaluate: Evaluate) -> None:
    told = """(() => { const prepaid = {balanceKwh: '100.95', balanceAt: '2026-11-18T17:00:00Z', %s};
        const shown = new m.Prepaid({panel: {zone: 'Africa/Lagos', reading: null, prepaid}, isAlone: true});
        shown.update(Date.parse('2026-11-21T12:00Z'));
        return [shown.about.hidden, shown.balance.textContent, shown.known.textContent]
            .map(word => String(word).replaceAll('\\u00a0', ' ')); })()"""
    estimated = await evaluate(told % "estimatedBalanceKwh: '39.494'")
    assert estimated == ["false", "39.5 kWh", "100.95 kWh when last looked at, on 18 Nov"]
    assert await evaluate(told % "estimatedBalanceKwh: null") == ["true", "100.95 kWh", "as last known 2 days ago"]


async def test_an_address_that_cannot_be_read_leads_to_the_board(evaluate: Evaluate) -> None:
    words = await evaluate("['#/panel/A%3A1', '#/panel/%E0%A4%A', '#/else', ''].map(hash => m.codeIn(hash))")
    assert words == ["A:1", "", "", ""]


async def test_graphiql_keeps_the_session_under_the_same_name(evaluate: Evaluate) -> None:
    session = "{accessToken: 't', expiresAt: '2999-01-01T00:00:00Z', email: 'a@example.org'}"
    assert await evaluate(f"(m.keep({session}), Object.keys(sessionStorage))") == ["kilowatch:session"]
    assert (await evaluate("m.kept()"))["accessToken"] == "t"
    source = (APP.parents[1] / "graphiql" / "src" / "session.js").read_text("utf-8")
    assert "const KEY = 'kilowatch:session';" in source
