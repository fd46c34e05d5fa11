"""The credit of a prepaid panel in a real browser: buying, what was bought, how long it lasts, who decides."""

from typing import Any

from playwright.async_api import Browser, Route, expect

from tests.dashboard.app_page import PATIENCE_MS, Dashboard, dashboard
from tests.dashboard.furnished import FLAT, TENANT, furnish, meters, steadily
from tests.fixtures.stack import ADMIN, PASSWORD, Stack

TOKEN = "1234 5678 9012 3456 7890"
LEDGER = """query($code: String!) {
  panel(code: $code) { prepaid { balanceKwh ledger { nodes { kind unitsKwh reversedBy } } } }
}"""


def ledger(stack: Stack, *, email: str = TENANT) -> list[dict[str, Any]]:
    """The flat's entries, newest first."""
    account = stack.ask(LEDGER, token=stack.sign_in(email), code=FLAT.code)["panel"]["prepaid"]
    return account["ledger"]["nodes"]


async def buy_by_token(opened: Dashboard) -> None:
    form = opened.form("Top up")
    await form.get_by_label("Token").fill(TOKEN)
    await form.get_by_label("Units on the slip in kWh").fill("5")
    await form.get_by_role("button", name="Top up").click()


async def test_a_tenant_buys_by_quote_and_token_reads_the_display_and_asks_what_if(
    chromium: Browser, stack: Stack
) -> None:
    await furnish(stack)
    async with meters(stack) as meter, dashboard(chromium, stack.api_url) as opened:
        meter.say(FLAT, *steadily(range(30, -1, -1), power_kw=0.4, register_kwh=500))
        await opened.visit()
        await opened.sign_in(TENANT, PASSWORD)
        form = opened.form("Top up")
        await form.get_by_label("Amount in NGN").fill("0")
        await form.get_by_role("button", name="Top up").click()
        await opened.says(form.locator(".field .trouble"), "This must be above 0")
        await form.get_by_label("Amount in NGN").fill("2,000")
        await expect(form.locator(".field .trouble")).to_have_text("")
        await opened.says(form.locator(".receipt"), "NGN\xa02,000.00")
        await opened.says(form.locator(".receipt"), "10.00\xa0kWh")
        assert ledger(stack) == []
        await form.get_by_role("button", name="Top up").dblclick()
        await opened.says(form.locator(".outcome"), "NGN\xa02,000.00 bought 10.00\xa0kWh.")
        await opened.says(opened.page.locator(".ledger li"), "Top-up of NGN\xa02,000.00")
        assert len(ledger(stack)) == 1

        await opened.page.get_by_role("button", name="Token", exact=True).click()
        await buy_by_token(opened)
        await opened.says(form.locator(".outcome"), "5.00\xa0kWh were credited.")
        await buy_by_token(opened)
        await opened.says(form.locator(".field .trouble").first, "used before")
        await expect(form.get_by_label("Token")).to_be_focused()

        display = opened.form("What the display shows")
        await display.get_by_label("Units on the display in kWh").fill("12.5")
        await display.get_by_label("Units on the display in kWh").press("Enter")
        await opened.says(display.locator(".outcome"), "12.50\xa0kWh")
        await opened.says(opened.card(FLAT.code).locator(".left .figure"), "12.50\xa0kWh")
        assert [entry["kind"] for entry in ledger(stack)] == ["BALANCE_READING", "TOP_UP", "TOP_UP"]

        for chart in (opened.chart("balance"), opened.chart("fan")):
            await expect(chart.locator(".fan")).to_have_count(1, timeout=PATIENCE_MS)
        await opened.says(opened.page.locator(".outlook-words"), "between")
        await opened.says(opened.page.locator(".outlook"), "Learning")
        question = opened.form("What if")
        await question.get_by_label("If I top up, in NGN").fill("4000")
        await opened.says(question.locator(".what-if-words"), "Then")
        await expect(opened.chart("balance").locator(".other-line")).to_have_count(1, timeout=PATIENCE_MS)

        await expect(opened.page.locator(".landlord")).to_have_count(0)
        await opened.page.locator(".ledger summary").first.click()
        await expect(opened.form("Take back")).to_have_count(0)
        await opened.stayed_at_home()


async def lose_the_first_answer(route: Route, lost: list[str]) -> None:
    if "mutation TopUp" not in (route.request.post_data or "") or lost:
        await route.continue_()
        return
    lost.append((await route.fetch()).headers["content-type"])
    await route.abort()


async def test_what_is_sent_again_is_bought_once_and_a_landlord_takes_it_back(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    lost = list[str]()
    async with dashboard(chromium, stack.api_url) as opened:
        await opened.page.route("**/graphql", lambda route: lose_the_first_answer(route, lost))
        await opened.visit(f"/#/panel/{FLAT.code}")
        await opened.sign_in(ADMIN, PASSWORD)
        form = opened.form("Top up")
        await form.get_by_label("Amount in NGN").fill("2000")
        await form.get_by_role("button", name="Top up").click()
        await opened.says(form.locator(".outcome.trouble"), "safe to send it again")
        await form.get_by_role("button", name="Top up").click()
        await opened.says(form.locator(".outcome"), "bought 10.00\xa0kWh.")
        assert [entry["kind"] for entry in ledger(stack)] == ["TOP_UP"]

        await opened.page.locator(".ledger summary").first.click()
        reversal = opened.form("Take back").first
        await reversal.get_by_label("Take it back because").fill("Typed in for another flat")
        await reversal.get_by_role("button", name="Take back").click()
        await opened.says(opened.page.locator(".ledger li.reversed"), "taken back")
        await opened.says(opened.page.locator(".ledger li").first, "Taken back: Top-up of NGN\xa02,000.00")
        assert [entry["kind"] for entry in ledger(stack)] == ["REVERSAL", "TOP_UP"]

        debt = opened.form("Record a debt")
        await debt.get_by_label("Owed in NGN").fill("500")
        await debt.get_by_label("What for").fill("A new box")
        await debt.get_by_role("button", name="Record debt").click()
        await opened.says(opened.page.locator(".landlord"), "NGN\xa0500.00 are owed")
        rule = opened.form("Emergency credit rule")
        await rule.get_by_label("Lend at once (0: none)").fill("5")
        await rule.get_by_label("when less is left than").fill("0")
        await rule.get_by_role("button", name="Save").click()
        await opened.says(opened.page.locator(".landlord"), "5.00\xa0kWh can be taken below 0.00\xa0kWh")
        await opened.says(opened.page.locator(".tariff"), "Band A")

        typed = opened.form("Read the meter")
        await typed.get_by_label("The register in kWh").fill("15119.5")
        await typed.get_by_role("button", name="Record reading").click()
        await opened.says(typed.locator(".outcome"), "15,119.50\xa0kWh")
        await opened.says(opened.card(FLAT.code), "15,119.50\xa0kWh")
        await typed.get_by_label("The register in kWh").fill("1511.95")
        await typed.get_by_role("button", name="Record reading").click()
        await opened.says(typed.locator(".field .trouble"), "less than the 15,119.50\xa0kWh before")
        await typed.get_by_role("button", name="Record reading").click()
        await opened.says(typed.locator(".outcome"), "1,511.95\xa0kWh")
