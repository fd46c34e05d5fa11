"""Ways in and one's own account, in a real browser in front of the whole running product."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from pyotp.totp import TOTP

from tests.dashboard.app_page import PATIENCE_MS, Dashboard, dashboard
from tests.dashboard.furnished import TENANT, furnish
from tests.dashboard.let import ACCOUNT, LANDLORD, NEWCOMER, add_people, done, let_flat, newest_code
from tests.fixtures.stack import PASSWORD, Stack, running_stack

ANN = "ann@example.org"
OWN = "four words by chance"
ADD_SERVICE = (
    """mutation($i: CreateServiceAccountInput!) { createServiceAccount(input: $i) { serviceAccount { id } } }"""
)
ADD_KEY = """mutation($i: CreateApiKeyInput!) { createApiKey(input: $i) { secret } }"""
SET_ROLE = """mutation($i: SetRoleInput!) { setRole(input: $i) { refusal { code } } }"""
END_OTHERS = """mutation { logOutEverywhere(input: { exceptThis: true }) { ended } }"""


@pytest.fixture
def mailing(database_url: str, tmp_path: Path) -> Iterator[Stack]:
    with running_stack(database_url, tmp_path, sends_mail=True) as started:
        yield started


async def press(opened: Dashboard, name: str) -> None:
    await opened.page.get_by_role("button", name=name, exact=True).click()


async def test_somebody_signs_up_protects_the_account_and_comes_back(chromium: Browser, mailing: Stack) -> None:
    async with dashboard(chromium, mailing.api_url, width=390) as opened:
        page = opened.page
        await opened.visit()
        await press(opened, "Make an account")
        await page.get_by_label("Your name").fill("Ann")
        await page.get_by_label("E-mail").fill(ANN)
        await page.get_by_label("Password").fill("password")
        await press(opened, "Send a code")
        await expect(page.locator("[aria-invalid]")).to_have_attribute("name", "password", timeout=PATIENCE_MS)
        await page.get_by_label("Password").fill(OWN)
        await press(opened, "Send a code")
        await opened.says(page.locator(".way-in"), "We sent a code to")
        assert await opened.width_beyond_the_window() <= 0
        code = newest_code(mailing, after=0)
        await page.get_by_label("Code").fill(f"{(int(code) + 1) % 1_000_000:06}")
        await press(opened, "Make the account")
        await expect(page.locator("[aria-invalid]")).to_have_count(1, timeout=PATIENCE_MS)
        await page.get_by_label("Code").fill(code)
        await press(opened, "Make the account")
        await opened.says(page.locator("#main"), "Your landlord gives you a code")

        await page.get_by_role("link", name="You", exact=True).click()
        await opened.form("Set up").get_by_label("Your password").fill(OWN)
        await press(opened, "Set up an app")
        await expect(page.locator("svg.qr path")).not_to_have_count(0, timeout=PATIENCE_MS)
        app = TOTP(await page.locator("code.secret").inner_text())
        await page.get_by_label("Code that the app shows now").fill(app.now())
        await press(opened, "Switch it on")
        recovery = (await page.locator(".once .secret").inner_text()).split()
        assert len(recovery) == 10
        assert await opened.width_beyond_the_window() <= 0

        await press(opened, "Sign out here")
        await opened.sign_in(ANN, OWN)
        await page.get_by_label("authenticator app").wait_for()
        await press(opened, "Lost your phone? Use a recovery code")
        await page.get_by_label("Recovery code").fill(recovery[0])
        await press(opened, "Sign in")
        await opened.says(page.locator("#main"), "9 recovery codes are left")  # the address stayed
        await opened.stayed_at_home()


async def test_a_forgotten_password_is_set_anew_by_a_code(chromium: Browser, mailing: Stack) -> None:
    await furnish(mailing)
    async with dashboard(chromium, mailing.api_url) as opened:
        page = opened.page
        await opened.visit()
        await press(opened, "Forgot your password?")
        await page.get_by_label("E-mail").fill(TENANT)
        await press(opened, "Send a code")
        await page.get_by_label("Code").fill(newest_code(mailing, after=0))
        await page.get_by_label("New password").fill(OWN)
        await press(opened, "Set the password")
        await opened.says(page.locator(".email"), TENANT)
        assert mailing.sign_in(TENANT, OWN)


async def test_a_session_that_is_ended_elsewhere_says_so_and_twins_renew_in_turn(
    chromium: Browser, stack: Stack
) -> None:
    await furnish(stack)
    async with dashboard(chromium, stack.api_url) as opened:
        await opened.visit()
        await opened.sign_in(TENANT, PASSWORD)
        await opened.is_live()
        twin = await opened.page.context.new_page()
        kept = await opened.page.evaluate("sessionStorage.getItem('kilowatch:session')")
        await twin.goto(opened.base_url + "/app/0/mark.svg")
        stale = """kept => sessionStorage.setItem(
            'kilowatch:session', JSON.stringify({...JSON.parse(kept), expiresAt: '2020-01-01T00:00:00Z'}))"""
        await twin.evaluate(stale, kept)
        await twin.goto(opened.base_url)
        await expect(twin.locator(".state")).to_have_text("Live", timeout=PATIENCE_MS)
        tokens = "JSON.parse(sessionStorage.getItem('kilowatch:session')).refreshToken"
        assert await twin.evaluate(tokens) == await opened.page.evaluate(tokens)

        stack.ask(END_OTHERS, token=stack.sign_in(TENANT))
        await opened.says(opened.page.locator(".notice"), "no longer takes your session")
        await opened.sign_in(TENANT, PASSWORD)
        await opened.is_live()


async def test_a_landlord_makes_a_key_and_ends_a_session(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    await let_flat(stack)
    async with dashboard(chromium, stack.api_url) as opened:
        page = opened.page
        await opened.visit("/#/you")
        await opened.sign_in(LANDLORD, PASSWORD)
        stack.sign_in(LANDLORD)
        await page.get_by_text("Add a service account").click()
        form = opened.form("Add a service account")
        await form.get_by_label("Name").fill("Till")
        await form.get_by_label("Credit").check()
        await form.get_by_role("button", name="Add").click()
        await page.get_by_text("Make a key", exact=True).click()
        key = opened.form("New key")
        await key.get_by_label("Name of a new key").fill("till 1")
        await key.get_by_label("Your password").fill("wrong horse battery")
        await key.get_by_role("button", name="Make the key").click()
        await opened.says(key.locator(".proof .trouble"), "The password is not right.")
        await key.get_by_label("Your password").fill(PASSWORD)
        await key.get_by_role("button", name="Make the key").click()
        secret = await page.locator(".once .secret").inner_text()
        assert re.fullmatch(r"kwk_\w+", secret)
        assert stack.ask("{ panels { totalCount } }", token=secret)["panels"]["totalCount"] == 1
        await page.get_by_label("Rotate till 1", exact=True).first.click()
        await opened.form("Rotate till 1").get_by_label("Your password").fill(PASSWORD)
        await press(opened, "Make another")
        await expect(page.locator(".once .secret")).not_to_have_text(secret, timeout=PATIENCE_MS)
        for left in (2, 1):
            await expect(page.locator(".rows code")).to_have_count(left, timeout=PATIENCE_MS)
            await page.get_by_role("button", name="Revoke till 1").first.click()
            await press(opened, "Yes")
        await expect(page.locator(".rows code")).to_have_count(0, timeout=PATIENCE_MS)
        await opened.says(page.get_by_label("Till", exact=True), "Read, Credit")
        await expect(page.get_by_role("button", name="Revoke till 1")).to_have_count(0, timeout=PATIENCE_MS)
        await page.reload()
        await opened.says(page.locator(".sessions"), "(this one)")
        await press(opened, "End all others")
        await press(opened, "Yes")
        await expect(page.locator(".sessions li")).to_have_count(1, timeout=PATIENCE_MS)
        await opened.stayed_at_home()


async def test_a_former_landlord_revokes_a_key_and_tenants_are_shown_none(chromium: Browser, stack: Stack) -> None:
    await add_people(stack, (LANDLORD, "Funmi", "LANDLORD"), (NEWCOMER, "Ada", "TENANT"))
    admin, landlord = stack.sign_in(), stack.sign_in(LANDLORD)
    made = done(stack, ADD_SERVICE, token=landlord, i={"name": "Till", "scopes": ["READ"]})
    wish = {"serviceAccountId": made["serviceAccount"]["id"], "name": "till 1", "proof": {"password": PASSWORD}}
    assert done(stack, ADD_KEY, token=landlord, i=wish)["secret"]
    [person] = stack.ask(ACCOUNT, token=admin, text=LANDLORD)["people"]["nodes"]
    assert done(stack, SET_ROLE, token=admin, i={"accountId": person["id"], "role": "TENANT"})["refusal"] is None
    async with dashboard(chromium, stack.api_url, width=390) as opened:
        page, card = opened.page, opened.page.locator("section.card", has_text="Keys for programs")
        await opened.visit("/#/you")
        await opened.sign_in(LANDLORD, PASSWORD)
        await opened.says(card, "From when you were a landlord")
        assert await opened.width_beyond_the_window() <= 0
        await expect(card.locator("summary")).to_have_count(0)
        await press(opened, "Revoke till 1")
        await press(opened, "Yes")
        await expect(page.get_by_role("button", name="Revoke till 1")).to_have_count(0, timeout=PATIENCE_MS)
        await press(opened, "Sign out here")
        await opened.visit("/#/you")
        await opened.sign_in(NEWCOMER, PASSWORD)
        await opened.says(page.locator(".sessions"), "(this one)")
        await expect(card).to_be_hidden()
