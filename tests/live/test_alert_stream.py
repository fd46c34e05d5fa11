"""Subscriptions to alerts: they end with their account, and follow what it may see."""

import asyncio
from contextlib import aclosing

from metering.access import Role, Viewer
from resolvers.context import Context
from resolvers.live import LiveHub
from schema.contract import build_schema
from store import accounts
from store.connections import connect_async, open_pool
from tests.fixtures.server import WITHIN_S, Server, add_account, add_panel, speaking
from tests.live.test_hub import raise_alert

ALERTS = """subscription { alerts { __typename
  ... on AlertSnapshot { alerts { id } } ... on AlertChanged { alert { panelCode } } } }"""
SNAPSHOT = {"__typename": "AlertSnapshot", "alerts": []}


async def test_the_alerts_of_a_removed_account_end(api: Server, database_url: str) -> None:
    gone, other = await add_account(database_url), await add_account(database_url, email="ben@example.org")
    panel = await add_panel(database_url, "P1")
    async with (
        speaking(api, account_id=gone) as client,
        speaking(api, account_id=other) as bystander,
        await connect_async(database_url) as connection,
    ):
        operation, untouched = await client.subscribe(ALERTS), await bystander.subscribe(ALERTS)
        assert await client.event(operation) == await bystander.event(untouched) == SNAPSHOT
        await accounts.grant(connection, account_id=other, panel_code="P1")
        await accounts.remove(connection, gone)
        ended = await client.message(operation)
        await raise_alert(database_url, account_id=other, panel_id=panel)
        assert (await bystander.event(untouched))["alert"] == {"panelCode": "P1"}
    assert (ended["type"], ended["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")


async def test_an_account_that_was_removed_just_before_gets_no_alerts(database_url: str) -> None:
    gone = Viewer(await add_account(database_url), Role.TENANT)
    async with open_pool(database_url) as pool, await connect_async(database_url) as connection:
        await accounts.remove(connection, gone.account_id)  # its role is trusted for a moment from now on
        context = Context(pool=pool, viewer=gone, live=LiveHub(database_url, pool))
        answers = await build_schema().subscribe(ALERTS, context_value=context)
        async with asyncio.timeout(WITHIN_S), aclosing(answers):
            [error] = (await anext(answers)).errors
    assert error.extensions == {"code": "UNAUTHENTICATED"}


async def test_an_admin_who_becomes_a_tenant_gets_alerts_of_given_panels_alone(api: Server, database_url: str) -> None:
    hidden, given = await add_panel(database_url, "HIDDEN"), await add_panel(database_url, "GIVEN")
    admin = await add_account(database_url, role=Role.ADMIN, panels=("GIVEN",))
    async with speaking(api, account_id=admin) as client, await connect_async(database_url) as connection:
        operation = await client.subscribe(ALERTS)
        assert await client.event(operation) == SNAPSHOT
        await raise_alert(database_url, account_id=admin, panel_id=hidden)
        assert (await client.event(operation))["alert"] == {"panelCode": "HIDDEN"}
        await connection.execute("UPDATE account SET role = 'TENANT' WHERE id = %s", (admin,))
        await raise_alert(database_url, account_id=admin, panel_id=hidden)
        await raise_alert(database_url, account_id=admin, panel_id=given)
        assert (await client.event(operation))["alert"] == {"panelCode": "GIVEN"}
