"""The dashboard in a real browser, in front of the whole running product."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from playwright.async_api import Browser, WebSocketRoute, expect

from store.connections import connect_async
from store.registry import describe_panel
from tests.dashboard.app_page import PATIENCE_MS, dashboard
from tests.dashboard.furnished import FLAT, FLOOR, TENANT, Said, furnish, meters, steadily
from tests.fixtures.stack import ADMIN, PASSWORD, Stack

TODAY = """query($code: String!) { panel(code: $code) { today { energyKwh } status } }"""
RULE = """mutation($i: SetLowUnitsRuleInput!) { setLowUnitsRule(input: $i) { refusal { message } } }"""
BALANCE = """mutation($i: RecordBalanceInput!) { recordBalance(input: $i) { refusal { message } } }"""
ALERTS = """{ alerts(state: OPEN) { nodes { acknowledgedAt } } }"""
MONTH = """query($year: Int!, $month: Int!) { monthlySummary(year: $year, month: $month) { total { energyKwh } } }"""


async def test_a_message_moves_the_card_that_is_being_looked_at(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    async with meters(stack) as meter, dashboard(chromium, stack.api_url) as opened:
        await opened.visit()
        await opened.sign_in(ADMIN, "wrong horse battery")
        await opened.says(opened.page.locator(".way-in"), "password is not right")
        await opened.sign_in(ADMIN, PASSWORD)
        await opened.says(opened.card(FLOOR.code).locator(".seen"), "Never heard of")
        await opened.is_live()

        meter.say(FLOOR, Said(1, 12.34, 1000.0), Said(0, 4.217, 1000.75))
        await opened.says(opened.power(FLOOR.code), "4.22")
        await opened.says(opened.card(FLOOR.code).locator(".status"), "Online")
        await opened.says(opened.card(FLOOR.code), "1,000.75 kWh")
        await opened.says(opened.page.locator(".overview"), "1 of 2")
        today = stack.ask(TODAY, token=stack.sign_in(), code=FLOOR.code)["panel"]["today"]
        await opened.says(opened.card(FLOOR.code).locator("dd").first, f"{today['energyKwh']:.2f} kWh")
        await opened.stayed_at_home()


async def test_a_panel_nobody_described_appears_by_itself(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    async with meters(stack) as meter, dashboard(chromium, stack.api_url) as opened:
        await opened.visit()
        await opened.sign_in(ADMIN, PASSWORD)
        await opened.is_live()
        newcomer = type(FLOOR)("FLOOR_9", "", "", 0, "Asia/Jakarta", is_prepaid=False, meter_number=None)
        meter.say(newcomer, Said(0, 7.5, 10.0))
        await opened.says(opened.power("FLOOR_9"), "7.50")


async def test_a_broken_connection_comes_back_and_resumes_where_it_was(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    sockets = list[WebSocketRoute]()

    def pass_on(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    async with meters(stack) as meter, dashboard(chromium, stack.api_url) as opened:
        await opened.page.route_web_socket("**/graphql", pass_on)
        await opened.visit()
        await opened.sign_in(ADMIN, PASSWORD)
        await opened.is_live()
        meter.say(FLOOR, Said(1, 5.5, 1000.0))
        await opened.says(opened.power(FLOOR.code), "5.50")

        await sockets[0].close(code=1012, reason="restart")
        meter.say(FLOOR, Said(0, 6.5, 1000.1))
        await opened.says(opened.power(FLOOR.code), "6.50")
        await opened.is_live()
        assert len(sockets) == 2
        first, again = opened.subscribed("LiveReadings")
        assert first["after"] is None
        assert again["after"] is not None


async def test_silences_stay_open_in_the_chart_and_every_point_can_be_read(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    async with meters(stack) as meter, dashboard(chromium, stack.api_url) as opened:
        meter.say(FLOOR, *steadily(range(50, 40, -1), power_kw=6.0, register_kwh=1000))
        meter.say(FLOOR, *steadily(range(20, -1, -1), power_kw=3.0, register_kwh=1002))
        await opened.visit()
        await opened.sign_in(ADMIN, PASSWORD)
        await opened.says(opened.power(FLOOR.code), "3.00")
        await opened.card(FLOOR.code).get_by_role("link", name="Offices").click()
        await opened.page.get_by_role("button", name="1 h", exact=True).click()

        chart = opened.chart("power")
        await expect(chart.locator(".power-line")).to_have_count(2, timeout=PATIENCE_MS)
        await expect(chart).to_have_attribute("role", "img")
        summary = await chart.get_attribute("aria-label") or ""
        assert "lowest 3.00\xa0kW, highest 6.00\xa0kW" in summary
        assert "gaps without readings" in summary  # before the first reading, and between the two runs
        await chart.focus()
        await chart.press("End")
        await opened.says(opened.page.locator(".chart [role=status]").first, "3.00\xa0kW")
        await chart.press("ArrowLeft")
        await opened.says(opened.page.locator(".tooltip").first, "3.00\xa0kW")
        await chart.press("Escape")
        await expect(opened.page.locator(".tooltip").first).to_be_hidden()
        await expect(opened.chart("usage").locator(".bar")).not_to_have_count(0, timeout=PATIENCE_MS)
        await opened.page.get_by_role("link", name="All panels").click()
        await opened.says(opened.power(FLOOR.code), "3.00")
        await opened.stayed_at_home()


async def test_the_chart_of_the_last_hour_goes_on_by_itself(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    async with meters(stack) as meter, dashboard(chromium, stack.api_url) as opened:
        meter.say(FLOOR, *steadily(range(20, 0, -1), power_kw=3.0, register_kwh=1000))
        await opened.visit(f"/#/panel/{FLOOR.code}")
        await opened.sign_in(ADMIN, PASSWORD)
        await opened.page.get_by_role("button", name="1 h", exact=True).click()
        chart = opened.chart("power")
        await expect(chart).to_have_attribute("aria-label", re.compile("highest 3.00"), timeout=PATIENCE_MS)
        await opened.is_live()
        meter.say(FLOOR, Said(0, 9.0, 1001.2))
        await expect(chart).to_have_attribute("aria-label", re.compile("highest 9.00"), timeout=PATIENCE_MS)


async def test_a_tenant_tops_up_their_own_panel_and_sees_no_other(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    async with meters(stack) as meter, dashboard(chromium, stack.api_url, width=390) as opened:
        meter.say(FLAT, *steadily(range(30, -1, -1), power_kw=0.4, register_kwh=500))
        await opened.visit()
        await opened.sign_in(TENANT, PASSWORD)
        card = opened.card(FLAT.code)
        await opened.says(card.locator(".prepaid"), "not known")
        await expect(opened.page.locator(".panel")).to_have_count(1)

        form = opened.form("Top up")
        await form.get_by_label("Amount in NGN").fill("-5")
        await form.get_by_role("button", name="Top up").click()
        await opened.says(form.locator(".field .trouble"), "must be above 0")
        await form.get_by_label("Amount in NGN").fill("1,00")
        await form.get_by_role("button", name="Top up").click()
        await opened.says(form.locator(".field .trouble"), "plain digits")
        await form.get_by_label("Amount in NGN").fill("2000")
        await form.get_by_role("button", name="Top up").click()
        await opened.says(form.locator(".outcome"), "NGN\xa02,000.00 bought 10.00\xa0kWh.")
        await opened.says(card.locator(".left .figure"), "10.00\xa0kWh")
        await opened.says(card.locator(".lasts"), "left")
        await opened.says(card.locator(".likely"), "likely")
        await opened.says(card.locator(".badge"), "learning")
        assert await card.locator(".depletion .marker").count() == 1
        assert await opened.width_beyond_the_window() <= 0

        await opened.visit(f"/#/panel/{FLOOR.code}")
        await opened.page.reload()
        await opened.says(opened.page.locator("#main"), f"There is no panel {FLOOR.code} among yours.")
        await opened.stayed_at_home()


async def test_an_alert_arrives_as_a_toast_and_stays_listed(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    token = stack.sign_in(TENANT)
    recorded = {"panelCode": FLAT.code, "shownKwh": "5"}
    async with meters(stack) as meter, dashboard(chromium, stack.api_url) as opened:
        meter.say(FLAT, Said(1, 0.4, 500.0))
        await opened.visit()
        await opened.sign_in(TENANT, PASSWORD)
        await opened.says(opened.power(FLAT.code), "0.400")
        await opened.says(opened.page.locator(".alerts"), "All is well.")

        assert stack.ask(BALANCE, token=token, i=recorded)["recordBalance"]["refusal"] is None
        rule = {"panelCode": FLAT.code, "thresholdKwh": "4.5"}
        assert stack.ask(RULE, token=token, i=rule)["setLowUnitsRule"]["refusal"] is None
        meter.say(FLAT, Said(-0.05, 0.4, 501.0))
        await opened.says(opened.page.locator(".toast"), "Flat 1")
        await opened.says(opened.page.locator(".alerts li"), "Flat 1")
        await opened.page.locator(".alerts").get_by_role("button", name="Got it").click()
        await expect(opened.page.locator(".alerts li.seen")).to_have_count(1, timeout=PATIENCE_MS)
    assert [alert["acknowledgedAt"] is None for alert in stack.ask(ALERTS, token=token)["alerts"]["nodes"]] == [False]


async def test_the_month_adds_up_the_building(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    async with meters(stack) as meter, dashboard(chromium, stack.api_url) as opened:
        meter.say(FLOOR, Said(2, 6.0, 1000.0), Said(1, 6.0, 1010.0))
        meter.say(FLAT, Said(2, 0.5, 500.0), Said(1, 0.5, 501.5))
        await opened.visit()
        await opened.sign_in(ADMIN, PASSWORD)
        await opened.says(opened.power(FLAT.code), "0.500")
        now = datetime.now(UTC)
        summary = stack.ask(MONTH, token=stack.sign_in(), year=now.year, month=now.month)["monthlySummary"]
        await opened.says(opened.page.locator(".month .total"), f"{summary['total']['energyKwh']:.2f} kWh")
        await opened.page.get_by_role("button", name="Month before").click()
        await opened.says(opened.page.locator(".month .total"), "0.00 kWh")


async def test_a_hub_counts_once_in_the_overview(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    load, solar = (replace(FLOOR, code=f"hub:{part}", name=part) for part in ("LOAD", "SOLAR"))
    async with await connect_async(stack.database_url) as connection:
        for part in (load, solar):
            await describe_panel(connection, part)
    async with meters(stack) as meter, dashboard(chromium, stack.api_url) as opened:
        meter.say(load, Said(0, 2.0, 10.0))
        meter.say(solar, Said(0, 5.0, 20.0))
        await opened.visit()
        await opened.sign_in(ADMIN, PASSWORD)
        await opened.says(opened.power(solar.code), "5.00")
        await opened.says(opened.power(load.code), "2.00")
        await opened.says(opened.page.locator(".overview"), "2.00 kW")
        await opened.says(opened.page.locator(".overview"), "2 of 4")
        await opened.says(opened.card(load.code), "Cost today")
        await expect(opened.card(solar.code).get_by_text("Cost today")).to_have_count(0)


async def test_a_session_is_kept_ends_with_signing_out_and_says_when_it_is_over(
    chromium: Browser, stack: Stack
) -> None:
    await furnish(stack)
    async with dashboard(chromium, stack.api_url) as opened:
        await opened.visit()
        await opened.sign_in(TENANT, PASSWORD)
        await opened.says(opened.page.locator(".email"), TENANT)
        await opened.page.reload()
        await opened.says(opened.page.locator(".email"), TENANT)
        await opened.page.get_by_role("button", name="Sign out").click()
        await opened.page.get_by_label("E-mail").wait_for()
        assert await opened.page.evaluate("sessionStorage.length") == 0

        await opened.sign_in(TENANT, PASSWORD)
        await opened.says(opened.page.locator(".email"), TENANT)
        forged = """() => {
            const kept = JSON.parse(sessionStorage.getItem('kilowatch:session'));
            const changed = {...kept, %s};
            sessionStorage.setItem('kilowatch:session', JSON.stringify(changed));
        }"""
        await opened.page.evaluate(forged % "accessToken: 'a.b.c'")  # it is renewed, and nobody notices
        await opened.page.reload()
        await opened.says(opened.page.locator(".email"), TENANT)
        await opened.says(opened.page.locator(".state"), "Live")
        await opened.page.evaluate(forged % "refreshExpiresAt: '2020-01-01T00:00:00Z'")
        await opened.page.reload()
        await opened.says(opened.page.locator(".notice"), "Your session has expired.")
        await opened.sign_in(TENANT, PASSWORD)
        await opened.says(opened.page.locator(".email"), TENANT)
        await opened.page.evaluate(forged % "accessToken: 'a.b.c', refreshToken: 'kwr_x'")
        await opened.page.reload()
        await opened.says(opened.page.locator(".notice"), "The server no longer takes your session.")


async def test_everything_fits_a_phone_in_light_and_dark(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    async with meters(stack) as meter:
        meter.say(FLOOR, *steadily(range(30, -1, -1), power_kw=33.0, register_kwh=1_234_567))
        backgrounds = set[str]()
        schemes: dict[int, Literal["light", "dark"]] = {320: "light", 390: "dark"}
        for width, scheme in schemes.items():
            async with dashboard(chromium, stack.api_url, width=width, color_scheme=scheme) as opened:
                await opened.visit()
                assert await opened.width_beyond_the_window() <= 0
                await opened.sign_in(ADMIN, PASSWORD)
                await opened.says(opened.power(FLOOR.code), "33.0")
                assert await opened.width_beyond_the_window() <= 0
                await opened.card(FLOOR.code).get_by_role("link", name="Offices").tap()
                await expect(opened.chart("usage").locator(".bar")).not_to_have_count(0, timeout=PATIENCE_MS)
                assert await opened.width_beyond_the_window() <= 0
                backgrounds.add(
                    await opened.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
                )
        assert len(backgrounds) == 2
