"""A person signs in to GraphiQL on the running product and watches readings arrive; nothing leaves the server."""

import pytest
from playwright.async_api import Browser

from dashboard.build import is_built
from tests.dashboard.furnished import FLOOR, Said, furnish, meters
from tests.dashboard.graphiql_page import graphiql
from tests.fixtures.stack import ADMIN, PASSWORD, Stack

LIVE = """subscription Live { panelReadings(codes: ["FLOOR_1"]) {
  __typename ... on ReadingReceived { panelCode reading { activePowerKw energyImportKwh } } } }"""


@pytest.mark.skipif(not is_built(), reason="GraphiQL is not built from the present sources; run: make graphiql")
async def test_a_published_message_appears_in_graphiql(chromium: Browser, stack: Stack) -> None:
    await furnish(stack)
    async with graphiql(chromium, stack.api_url) as opened, meters(stack) as publishing:
        await opened.visit(query=LIVE)
        await opened.sign_in(email=ADMIN, password=PASSWORD)
        await opened.status(saying="signed in until")
        await opened.run()
        (snapshot,) = await opened.next_frames(at_least=1)
        assert snapshot["data"]["panelReadings"] == {"__typename": "ReadingSnapshot"}
        publishing.say(FLOOR, Said(0, power_kw=1.25, energy_import_kwh=1031.9))
        frames = await opened.next_frames(at_least=2)
        assert frames[1]["data"]["panelReadings"] == {
            "__typename": "ReadingReceived",
            "panelCode": "FLOOR_1",
            "reading": {"activePowerKw": 1.25, "energyImportKwh": 1031.9},
        }
        assert await opened.response(saying="1031.9")
        assert opened.sent_elsewhere() == []
        assert await opened.policy_violations() == []
        assert opened.errors == []
