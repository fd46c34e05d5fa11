"""GraphiQL in Chromium, against the whole schema: every sample runs, and nothing leaves the server."""

import json
import re
from datetime import timedelta

import pytest
from playwright.async_api import Browser

from dashboard.build import SOURCES, is_built
from tests.clients.house import ADMIN, PASSWORD, furnished
from tests.dashboard.graphiql_page import GraphiQL, graphiql

HOUR = timedelta(hours=1)
SAMPLES = (SOURCES / "src" / "samples.js").read_text("utf-8")
OPERATIONS = re.findall(r"`(?:query|mutation|subscription) (\w+)", SAMPLES)


async def run_sample(opened: GraphiQL, number: int, operation: str) -> None:
    """Opens a sample in a tab of its own and runs it until it has answered; a subscription is stopped again."""
    page = opened.page
    frames = len(opened.payloads())
    tabs = page.locator(".graphiql-tab")
    count = await tabs.count()
    await page.locator(".samples button").nth(number).click()
    await tabs.nth(count).get_by_text(operation, exact=True).wait_for()
    await opened.run()
    answer = await opened.response(saying='"data"')
    assert '"errors"' not in answer, (operation, answer)
    if len(opened.payloads()) > frames:
        await opened.run()
    else:
        assert any(json.loads(answer)["data"].values()), (operation, answer)


@pytest.mark.skipif(not is_built(), reason="GraphiQL is not built from the present sources; run: make graphiql")
async def test_every_sample_runs_in_graphiql(chromium: Browser, database_url: str) -> None:
    async with (
        furnished(database_url, token_lifetime=HOUR) as house,
        graphiql(chromium, house.server.root) as opened,
    ):
        await opened.visit()
        await opened.sign_in(email=ADMIN, password=PASSWORD)
        await opened.status(saying="signed in until")
        await opened.page.get_by_label("Show Samples").click()
        assert await opened.page.locator(".samples button").count() == len(OPERATIONS)
        for number, operation in enumerate(OPERATIONS):
            await run_sample(opened, number, operation)
        assert opened.sent_elsewhere() == []
        assert await opened.policy_violations() == []
        assert opened.errors == []
