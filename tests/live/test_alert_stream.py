"""Subscriptions to alerts: they end with their account, and follow what it may see."""

import asyncio
from contextlib import aclosing
from datetime import datetime, timedelta
from time import time
from typing import Any

import pytest
from psycopg import OperationalError

from metering.access import Role, Viewer
from resolvers import alert_stream
from resolvers.context import Context
from resolvers.live import LiveHub
from resolvers.pages import cursor_of
from schema.contract import build_schema
from store import accounts, alerts
from store.alerts import Alert
from store.connections import connect_async, open_pool
from tests.fixtures.server import WITHIN_S, Server, add_account, add_panel, speaking
from tests.live.test_hub import raise_alert

ALERTS = """subscription { alerts { __typename
  ... on AlertSnapshot { alerts { id } } ... on AlertChanged { alert { panelCode } } } }"""
SNAPSHOT = {"__typename": "AlertSnapshot", "alerts": []}
RESUMED = """subscription ($after: Cursor, $every: Float) { alerts(after: $after, heartbeatEveryS: $every) { __typename
  ... on AlertSnapshot { cursor isWhole isComplete alerts { id } } ... on AlertChanged { cursor at alert { id } }
  ... on Heartbeat { cursor lastSeenAt isCurrent } ... on Gap { cursor reason } } }"""


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
        assert await client.signed_out(operation)
        await raise_alert(database_url, account_id=other, panel_id=panel)
        assert (await bystander.event(untouched))["alert"] == {"panelCode": "P1"}


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


async def test_silence_brings_heartbeats_and_a_cursor_brings_what_was_missed(api: Server, database_url: str) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(RESUMED, every=1)
        beginning = await client.event(operation)
        assert (beginning["isWhole"], beginning["isComplete"]) == (True, True)
        beat = await client.event(operation)
        alert = await raise_alert(database_url, account_id=account, panel_id=panel)
        changed = await client.event(operation)
        missed = await client.event(await client.subscribe(RESUMED, after=beat["cursor"]))
    assert (beat["__typename"], beat["lastSeenAt"], beat["isCurrent"]) == ("Heartbeat", None, True)
    assert changed["alert"] == {"id": str(alert)}
    assert datetime.fromisoformat(changed["at"]).utcoffset() == timedelta(0)
    assert (missed["isWhole"], missed["alerts"]) == (False, [{"id": str(alert)}])


async def test_old_alerts_are_not_told_again_after_a_cursor(api: Server, database_url: str) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    alert = await raise_alert(database_url, account_id=account, panel_id=panel)
    async with speaking(api, account_id=account) as client, await connect_async(database_url) as connection:
        await connection.execute("UPDATE alert SET raised_at = now() - interval '1 hour' WHERE id = %s", (alert,))
        cursor = (await client.event(await client.subscribe(RESUMED)))["cursor"]
        resumed = await client.event(await client.subscribe(RESUMED, after=cursor))
        await connection.execute("UPDATE alert SET cleared_at = now() WHERE id = %s", (alert,))
        cleared = await client.event(await client.subscribe(RESUMED, after=cursor))
    assert (resumed["isWhole"], resumed["alerts"], cleared["alerts"]) == (False, [], [{"id": str(alert)}])


async def test_alerts_go_on_after_the_database_did_not_answer(
    api: Server, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    find, failures = alerts.find, 0

    async def away(*args: Any, **options: Any) -> list[Alert]:
        nonlocal failures
        failures += 1
        monkeypatch.setattr(alerts, "find", find)
        raise OperationalError("the connection is lost")

    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(RESUMED)
        await client.event(operation)
        monkeypatch.setattr(alerts, "find", away)
        ids = [await raise_alert(database_url, account_id=account, panel_id=panel) for _ in range(2)]
        told = [(await client.event(operation))["alert"]["id"] for _ in range(2)]
    assert (told, failures) == ([str(alert) for alert in ids], 1)


@pytest.mark.parametrize("reason", ["TOO_MANY", "UNKNOWN_CURSOR"])
async def test_what_cannot_be_replayed_is_a_gap_and_begins_anew(
    api: Server, database_url: str, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    monkeypatch.setattr(alert_stream, "MAX_ALERTS", 1)
    panel = await add_panel(database_url, "P1")
    account = await add_account(database_url, panels=("P1",))
    newest = [await raise_alert(database_url, account_id=account, panel_id=panel) for _ in range(2)][-1]
    async with await connect_async(database_url) as connection:
        await connection.execute("UPDATE alert SET state = 'OPEN' WHERE id = %s", (newest,))
    at_ms = round(time() * 1000) + (0 if reason == "TOO_MANY" else 3_600_000)
    async with speaking(api, account_id=account) as client:
        operation = await client.subscribe(RESUMED, after=cursor_of("alerts", at_ms))
        gap, anew = await client.event(operation), await client.event(operation)
        after_gap = await client.event(await client.subscribe(RESUMED, after=gap["cursor"]))
    assert (gap["__typename"], gap["reason"]) == ("Gap", reason)
    assert (anew["isWhole"], anew["alerts"]) == (True, [{"id": str(newest)}])
    assert after_gap["isWhole"]


@pytest.mark.parametrize("after", ["x", cursor_of("alert", 1), cursor_of("alerts", "1.2"), cursor_of("alerts", 10**17)])
async def test_cursors_that_lead_nowhere_are_refused(api: Server, database_url: str, after: str) -> None:
    async with speaking(api, account_id=await add_account(database_url)) as client:
        message = await client.message(await client.subscribe(RESUMED, after=after))
    assert message["payload"][0]["extensions"]["code"] == "BAD_CURSOR"
