"""Landlords, their tenants and admins, in a real browser in front of the whole running product."""

import re
from dataclasses import replace

from playwright.async_api import Browser, expect

from store.connections import connect_async
from store.registry import describe_panel
from tests.dashboard.app_page import PATIENCE_MS, dashboard
from tests.dashboard.furnished import FLAT, FLOOR, Said, furnish, meters
from tests.dashboard.let import LANDLORD, NEWCOMER, let_flat
from tests.fixtures.stack import ADMIN, PASSWORD, Stack

ROLES = """query($text: String) { people(filter: { text: $text }) { nodes { role disabledAt } } }"""
SHOP = replace(FLOOR, code="SHOP_1", name="Shop", time_zone="Africa/Lagos")
CODE = re.compile(r"KW-(\w{4}-)+\w{4}")


async def test_a_landlord_lets_a_flat_to_somebody_and_ends_it(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    property_id = await let_flat(stack)
    async with (
        meters(stack) as meter,
        dashboard(chromium, stack.api_url) as landlord,
        dashboard(chromium, stack.api_url, width=390, color_scheme="dark") as tenant,
    ):
        meter.say(FLAT, Said(1, 0.4, 500.0), Said(0, 0.4, 500.1))
        await landlord.visit("/#/properties")
        await landlord.sign_in(LANDLORD, PASSWORD)
        await landlord.page.get_by_role("link", name="Marina Court").click()
        assert landlord.page.url.endswith(f"#/property/{property_id}")
        form = landlord.form("Invite a tenant")
        await form.get_by_label(FLAT.name).check()
        await form.get_by_label("Name, for yourself").fill("Ada, upstairs")
        await form.get_by_role("button", name="Make an invitation").click()
        code = await landlord.page.locator(".once .secret").inner_text()
        assert CODE.fullmatch(code)
        await landlord.says(landlord.page.get_by_label("Invite a tenant").first, "Ada, upstairs")

        await tenant.visit()
        await tenant.sign_in(NEWCOMER, PASSWORD)
        accepting = tenant.form("Accept an invitation")
        await accepting.get_by_label("Invitation code").fill("KW-0000-0000-0000-0000")
        await accepting.get_by_role("button", name="Accept").click()
        await expect(accepting.locator("[aria-invalid]")).to_have_count(1, timeout=PATIENCE_MS)
        await accepting.get_by_label("Invitation code").fill(code.lower().replace("-", " "))
        await accepting.get_by_role("button", name="Accept").click()
        await tenant.says(tenant.power(FLAT.code), "0.400")
        assert await tenant.width_beyond_the_window() <= 0

        await landlord.page.reload()
        await landlord.page.get_by_role("button", name="End now the tenancy of Ada").click()
        await landlord.page.get_by_role("button", name="Yes").click()
        await landlord.says(landlord.page.get_by_label("Tenants", exact=True), "Nobody rents here now.")
        await tenant.says(tenant.page.locator("#main"), "You see no panel now.")
        await expect(tenant.card(FLAT.code)).to_have_count(0)
        await tenant.page.get_by_role("link", name="What you have rented").click()
        await tenant.page.get_by_role("link", name="Marina Court").click()
        await expect(tenant.chart("usage")).to_have_count(1, timeout=PATIENCE_MS)
        await tenant.says(tenant.page.locator("#main"), "Nothing was bought within it.")
        assert await tenant.width_beyond_the_window() <= 0
        await landlord.stayed_at_home()


async def test_an_admin_gives_panels_away_and_decides_about_people(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    property_id = await let_flat(stack)
    async with await connect_async(stack.database_url) as connection:
        await describe_panel(connection, SHOP)
    async with (
        dashboard(chromium, stack.api_url) as admin,
        dashboard(chromium, stack.api_url) as landlord,
    ):
        await admin.visit("/#/people")
        await admin.sign_in(ADMIN, PASSWORD)
        giving = admin.form("Assign panels")
        await giving.get_by_label("Shop").check()
        await giving.get_by_role("button", name="Give").click()
        code = await admin.page.locator(".once .secret").inner_text()
        await giving.get_by_label(FLOOR.name).check()
        await giving.get_by_label("Give them to").select_option(property_id)
        await giving.get_by_role("button", name="Give").click()
        await admin.says(admin.page.locator("#main"), "They are in Marina Court now.")

        await landlord.visit("/#/properties")
        await landlord.sign_in(LANDLORD, PASSWORD)
        claiming = landlord.form("Claim panels")
        await claiming.get_by_label("Claim code").fill(code)
        await claiming.get_by_label("Name of the new property").fill("The shops")
        await claiming.get_by_role("button", name="Claim").click()
        await landlord.page.get_by_role("link", name="The shops").click()
        await landlord.page.get_by_text("Register a device").click()
        device = landlord.form("Register a device")
        await device.get_by_label("Name in its topics").fill("SHOP_1")
        await device.get_by_role("button", name="Register").click()
        await landlord.says(landlord.page.locator(".once .secret"), "dev_")
        await landlord.page.get_by_role("button", name="Revoke SHOP_1").click()
        await landlord.page.get_by_role("button", name="Yes").click()
        await landlord.says(landlord.page.get_by_label("Devices", exact=True), "No device is registered here.")

        await admin.page.get_by_label("Role of Ada", exact=True).select_option("LANDLORD")
        await admin.page.get_by_role("button", name="Save the role of Ada").click()
        await admin.page.get_by_role("button", name="Disable Funmi").click()
        await admin.page.get_by_role("button", name="Yes").click()
        await landlord.says(landlord.page.locator(".notice"), "no longer takes your session")
        await admin.says(admin.page.locator("#main"), "Disabled since")
        nodes = stack.ask(ROLES, token=stack.sign_in(), text=NEWCOMER)["people"]["nodes"]
        assert nodes == [{"role": "LANDLORD", "disabledAt": None}]
        await admin.stayed_at_home()
