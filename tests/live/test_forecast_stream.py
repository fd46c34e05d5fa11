"""Subscriptions to forecasts: each prepaid panel's, then each new one as it is stored."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forecasting.refresh import refresh_stale
from store.connections import Pool
from tests.fixtures.flat import Flat
from tests.fixtures.server import Server, SocketClient, add_account, add_panel, speaking

FORECASTS = """
subscription ($codes: [String!], $after: Cursor, $every: Float) {
  depletionForecast(codes: $codes, after: $after, heartbeatEveryS: $every) {
    __typename
    ... on DepletionForecastSnapshot { cursor isWhole isComplete states { ...Credit } }
    ... on DepletionForecastChanged { cursor at state { ...Credit } }
    ... on Heartbeat { cursor at isCurrent }
    ... on Gap { cursor reason }
  }
}
fragment Credit on PanelDepletionForecast {
  panelCode balanceKwh panel { isPrepaid }
  forecast { madeAt daysLeft expectedUsage { daily { p50Kwh } } backtest { resolvedCount coveragePercent } }
}"""


@pytest.fixture
async def tenant(flat: Flat, api: Server) -> AsyncIterator[SocketClient]:
    """The flat's tenant, after two days of steady use and a top-up."""
    now = datetime.now(UTC).replace(microsecond=0)
    flat.meter_steadily(days=2, kw=1.0, until=now - timedelta(minutes=5))
    flat.top_up("100", at=now - timedelta(minutes=5))
    async with speaking(api, account_id=flat.tenant.account_id) as client:
        yield client


async def made(pool: Pool) -> datetime:
    """Forecasts what is due, and returns when that was."""
    now = datetime.now(UTC)
    await refresh_stale(pool, now=now, min_interval=timedelta(0))
    return now


def instant(state: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(state["forecast"]["madeAt"])


async def test_a_panel_without_a_forecast_is_told_then_each_new_one(
    tenant: SocketClient, flat: Flat, pool: Pool, database_url: str
) -> None:
    await add_panel(database_url, "POSTPAID")
    operation = await tenant.subscribe(FORECASTS)
    snapshot = await tenant.event(operation)
    first_at = await made(pool)
    first = await tenant.event(operation)
    flat.top_up("50", at=datetime.now(UTC))
    second_at = await made(pool)
    second = await tenant.event(operation)
    assert snapshot["states"] == [
        {"panelCode": flat.code, "balanceKwh": "100.000", "forecast": None, "panel": {"isPrepaid": True}}
    ]
    assert [event["__typename"] for event in (first, second)] == ["DepletionForecastChanged"] * 2
    assert [instant(event["state"]) for event in (first, second)] == [first_at, second_at]
    assert [event["state"]["balanceKwh"] for event in (first, second)] == ["100.000", "150.000"]
    assert first["state"]["forecast"]["expectedUsage"]["daily"]["p50Kwh"]


async def test_nobody_gets_forecasts_of_others(
    tenant: SocketClient, flat: Flat, pool: Pool, api: Server, database_url: str
) -> None:
    stranger = await add_account(database_url, email="eve@example.org")
    async with speaking(api, account_id=stranger) as client:
        hers = await client.subscribe(FORECASTS, codes=[flat.code], every=1)
        assert (await client.event(hers))["states"] == []
        mine = await tenant.subscribe(FORECASTS, codes=[flat.code])
        await tenant.event(mine)
        await made(pool)
        assert (await tenant.event(mine))["state"]["panelCode"] == flat.code
        told_at = datetime.now(UTC)
        while (event := await client.event(hers))["__typename"] == "Heartbeat":
            if datetime.fromisoformat(event["at"]) > told_at:
                break
        assert event["__typename"] == "Heartbeat"


async def test_with_a_cursor_only_panels_with_a_new_forecast_are_told(
    tenant: SocketClient, flat: Flat, pool: Pool
) -> None:
    operation = await tenant.subscribe(FORECASTS, every=1)
    await tenant.event(operation)
    cursor = (await tenant.event(operation))["cursor"]
    await tenant.stop(operation)
    nothing = await tenant.event(await tenant.subscribe(FORECASTS, after=cursor))
    made_at = await made(pool)
    resumed = await tenant.event(await tenant.subscribe(FORECASTS, after=nothing["cursor"]))
    assert (nothing["isWhole"], nothing["states"]) == (False, [])
    assert [instant(state) for state in resumed["states"]] == [made_at]


async def test_what_was_forecast_while_nobody_listened_is_told(
    tenant: SocketClient, flat: Flat, pool: Pool, api: Server
) -> None:
    operation = await tenant.subscribe(FORECASTS)
    await tenant.event(operation)
    flat.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'kilowatch listen'"
    )
    made_at = await made(pool)
    assert instant((await tenant.event(operation))["state"]) == made_at
