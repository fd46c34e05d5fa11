"""GraphiQL as a person meets it, in headless Chromium against a real server."""

from playwright.async_api import Browser, Route

from tests.dashboard.graphiql_page import GraphiQL, graphiql
from tests.dashboard.small_server import EMAIL, PASSWORD, TOKEN

SUBSCRIPTION = "subscription Live { panelReadings { panelCode activePowerKw } }"


async def assert_stayed_at_home(opened: GraphiQL) -> None:
    assert opened.sent_elsewhere() == []
    assert await opened.policy_violations() == []
    assert opened.errors == []


async def test_a_signed_in_person_runs_a_query(chromium: Browser, base_url: str) -> None:
    async with graphiql(chromium, base_url) as opened:
        await opened.visit(query="query Panels { panels { code name } }")
        assert await opened.status(saying="Not signed in")
        await opened.run()
        assert await opened.response(saying='"panels": []')
        await opened.sign_in(email=EMAIL, password=PASSWORD)
        assert EMAIL in await opened.status(saying="signed in until")
        await opened.run()
        assert "Floor 1" in await opened.response(saying="PANEL_LANTAI_1")
        await assert_stayed_at_home(opened)


async def test_a_subscription_shows_each_value_as_it_comes(chromium: Browser, base_url: str) -> None:
    async with graphiql(chromium, base_url) as opened:
        await opened.visit(query=SUBSCRIPTION)
        await opened.sign_in(email=EMAIL, password=PASSWORD)
        await opened.status(saying="signed in until")
        await opened.run()
        payloads = await opened.next_frames(at_least=3)
        assert [p["data"]["panelReadings"]["activePowerKw"] for p in payloads] == [1.5, 2.5, 3.5]
        assert await opened.response(saying='"activePowerKw": 3.5')
        assert f'"authorization":"Bearer {TOKEN}"' in opened.frames[0]
        await assert_stayed_at_home(opened)


async def test_signing_out_ends_a_running_subscription(chromium: Browser, base_url: str) -> None:
    async with graphiql(chromium, base_url) as opened:
        await opened.visit(query=SUBSCRIPTION)
        await opened.sign_in(email=EMAIL, password=PASSWORD)
        await opened.status(saying="signed in until")
        async with opened.page.expect_websocket() as opening:
            await opened.run()
            await opened.next_frames(at_least=3)
        socket = await opening.value
        async with socket.expect_event("close"):
            await opened.sign_out()
        await opened.status(saying="Not signed in")
        assert socket.is_closed()
        await opened.page.get_by_label("Execute query").wait_for()
        assert await opened.page.evaluate("sessionStorage.length") == 0


async def test_a_wrong_password_is_answered_in_the_bar(chromium: Browser, base_url: str) -> None:
    async with graphiql(chromium, base_url) as opened:
        await opened.visit()
        await opened.sign_in(email=EMAIL, password="wrong")
        await opened.status(saying="Wrong e-mail or password.")
        assert await opened.page.get_by_label("Password").get_attribute("aria-invalid") == "true"
        await assert_stayed_at_home(opened)


async def test_a_session_outlives_a_reload_and_says_when_it_has_expired(chromium: Browser, base_url: str) -> None:
    async with graphiql(chromium, base_url) as opened:
        await opened.visit()
        await opened.sign_in(email=EMAIL, password=PASSWORD)
        await opened.status(saying="signed in until")
        await opened.page.reload()
        await opened.status(saying="signed in until")
        await opened.page.evaluate(
            """() => {
              const kept = JSON.parse(sessionStorage.getItem('kilowatch:session'));
              const changed = {...kept, refreshExpiresAt: '2020-01-01T00:00:00Z'};
              sessionStorage.setItem('kilowatch:session', JSON.stringify(changed));
            }"""
        )
        await opened.page.reload()
        await opened.status(saying="Your session has expired.")
        assert await opened.page.evaluate("sessionStorage.getItem('kilowatch:session')") is None


async def test_a_session_that_the_server_no_longer_takes_is_dropped(chromium: Browser, base_url: str) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=401, json={"errors": [{"message": "Sign in first."}]})

    async with graphiql(chromium, base_url) as opened:
        await opened.visit(query="query Panels { panels { code } }")
        await opened.sign_in(email=EMAIL, password=PASSWORD)
        await opened.status(saying="signed in until")
        await opened.page.route("**/graphql", refuse)
        await opened.run()
        await opened.status(saying="The server no longer takes your session.")
        assert await opened.page.evaluate("sessionStorage.length") == 0


async def test_the_explorer_and_the_samples_open_beside_the_editor(chromium: Browser, base_url: str) -> None:
    async with graphiql(chromium, base_url) as opened:
        await opened.visit()
        of_first_sample = opened.page.locator(".graphiql-tab", has_text="Panels")
        assert await of_first_sample.count() == 1
        await opened.page.get_by_label("Show Samples").click()
        await opened.page.locator(".samples button").first.click()
        await of_first_sample.nth(1).wait_for()
        await opened.page.get_by_label("Show GraphiQL Explorer").click()
        await opened.page.locator(".docExplorerWrap").get_by_text("panels").first.wait_for()
        await opened.page.get_by_label("Show History").click()
        await assert_stayed_at_home(opened)
