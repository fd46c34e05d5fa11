"""One published MQTT message is seen everywhere: on a subscription, in `today`, in the forecast and in a push."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect

from ingest.publisher import Publisher
from kilowatch.people import NewPerson, add_person
from metering.tariffs.rules import flat
from store.connections import connect_async
from store.registry import PanelDescription, describe_panel
from store.tariffs import set_tariff
from tests.fixtures.stack import PASSWORD, Stack

TENANT = "tenant@example.org"


async def furnish(stack: Stack) -> None:
    """A prepaid flat with its tariff and its tenant."""
    async with await connect_async(stack.database_url) as connection:
        home = PanelDescription("FLAT_1", "Flat 1", "Lagos", 1, "Africa/Lagos", is_prepaid=True, meter_number="1")
        panel_id = await describe_panel(connection, home)
        band_a = flat("Band A", valid_from=date(2020, 1, 1), unit_price=Decimal(200), currency="NGN")
        await set_tariff(connection, panel_id=panel_id, tariff=band_a)
    await asyncio.to_thread(
        add_person, stack.database_url,
        NewPerson(TENANT, None, "Tenant", "TENANT", PASSWORD, ["FLAT_1"]),
    )  # fmt: skip


@asynccontextmanager
async def subscribed(stack: Stack, token: str, query: str) -> AsyncIterator[ClientConnection]:
    async with connect(stack.websocket_url, subprotocols=["graphql-transport-ws"]) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
        yield socket


async def next_event(socket: ClientConnection, name: str, type_name: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            message = json.loads(await socket.recv())
            if message["type"] == "ping":
                await socket.send('{"type":"pong"}')
                continue
            assert message["type"] == "next", message
            assert "errors" not in message["payload"], message
            event = message["payload"]["data"][name]
            if event["__typename"] == type_name:
                return event


def message(at: datetime, *, kw: float, kwh: float) -> bytes:
    local = (at + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S")
    return orjson.dumps({"status": "OK", "data": {"kw": f"{kw}", "kWh": f"{kwh}", "time": local}})


TOP_UP = "mutation($i: TopUpInput!) { topUp(input: $i) { entry { unitsKwh } refusal { code message } } }"
RULE = "mutation($i: SetLowUnitsRuleInput!) { setLowUnitsRule(input: $i) { refusal { code message } } }"
DEVICE = "mutation($i: RegisterPushDeviceInput!) { registerPushDevice(input: $i) { refusal { code message } } }"
STATE = """{ panel(code: "FLAT_1") {
  status today { energyKwh cost { amount currency } }
  prepaid { balanceKwh forecast { method daysLeft dataUpTo depletesAt { p10 p50 p90 } } }
} }"""
LIVE = """subscription { panelReadings(codes: ["FLAT_1"]) {
  __typename ... on ReadingReceived { panel { code } reading { activePowerKw energyImportKwh } }
} }"""


async def foreseen(stack: Stack, token: str) -> dict[str, Any]:
    """The flat once its forecast is there: the push does not wait for it."""
    async with asyncio.timeout(60):
        while True:
            panel = stack.ask(STATE, token=token)["panel"]
            if panel["prepaid"]["forecast"] is not None:
                return panel
            await asyncio.sleep(0.1)


async def test_one_message_reaches_subscription_today_forecast_and_push(stack: Stack) -> None:
    await furnish(stack)
    ask, token = stack.ask, await asyncio.to_thread(stack.sign_in, TENANT)
    now = datetime.now(UTC).replace(microsecond=0)
    device = {"token": "phone-1", "platform": "ANDROID", "name": "Phone"}
    assert ask(DEVICE, token=token, i=device)["registerPushDevice"]["refusal"] is None
    assert (
        ask(RULE, token=token, i={"panelCode": "FLAT_1", "thresholdKwh": "9.5"})["setLowUnitsRule"]["refusal"] is None
    )

    async with Publisher(stack.mqtt_url, client_id="flat-1") as meter:
        async with subscribed(stack, token, LIVE) as socket:
            meter.publish("DATA/PM/FLAT_1", message(now - timedelta(seconds=60), kw=1.5, kwh=1000.0))
            await next_event(socket, "panelReadings", "ReadingReceived")
            topped = ask(TOP_UP, token=token, i={
                "panelCode": "FLAT_1",
                "amount": {"amount": "2000", "currency": "NGN"},
                "idempotencyKey": "flow-top-up-1",
            })["topUp"]  # fmt: skip
            assert topped["refusal"] is None, topped
            assert float(topped["entry"]["unitsKwh"]) == 10.0

            meter.publish("DATA/PM/FLAT_1", message(now + timedelta(seconds=2), kw=1.5, kwh=1000.75))
            event = await next_event(socket, "panelReadings", "ReadingReceived")
        assert event["panel"] == {"code": "FLAT_1"}
        assert event["reading"] == {"activePowerKw": 1.5, "energyImportKwh": 1000.75}

    pushes = await asyncio.to_thread(stack.push.wait_for, 1, within_s=60)
    panel = await foreseen(stack, token)
    assert panel["status"] == "ONLINE"
    assert panel["today"]["energyKwh"] in (0.75, 0.0)  # 0.0 when local midnight fell between the two readings
    assert float(panel["prepaid"]["balanceKwh"]) == 9.25
    forecast = panel["prepaid"]["forecast"]
    assert forecast["method"] == "LEARNING"
    assert forecast["depletesAt"]["p10"] <= forecast["depletesAt"]["p50"]
    assert len(pushes) == 1
    assert "FLAT_1" in json.dumps(pushes[0].data) or "Flat 1" in f"{pushes[0].title} {pushes[0].body}"
