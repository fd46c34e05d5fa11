"""Alerts, rules and devices through GraphQL: each person sees and changes only their own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from metering.access import Role, Viewer
from notifications.rules import evaluate
from resolvers.context import Context
from resolvers.live import LiveHub
from schema.contract import build_schema
from store.connections import Pool
from tests.fixtures.flat import NOW, Flat

SCHEMA = build_schema()
ALERT = "id panelCode panelName kind state balanceKwh daysLeft message raisedAt acknowledgedAt clearedAt"
LIST = f"query($first: Int! = 50, $after: Cursor, $state: AlertState) {{ alerts(first: $first, after: $after, state: $state) {{ totalCount nodes {{ {ALERT} }} edges {{ cursor node {{ id }} }} pageInfo {{ hasNextPage endCursor }} }} }}"  # noqa: E501
SET_RULE = """mutation($input: SetLowUnitsRuleInput!) { setLowUnitsRule(input: $input) {
  rule { thresholdKwh thresholdDays isArmed } refusal { code message field } } }"""
REGISTER = """mutation($input: RegisterPushDeviceInput!) { registerPushDevice(input: $input) {
  device { id platform name } refusal { code field } } }"""
REMOVE = """mutation($input: RemovePushDeviceInput!) { removePushDevice(input: $input) {
  wasRegistered refusal { code field } } }"""
ACKNOWLEDGE = f"""mutation($input: AcknowledgeAlertInput!) {{ acknowledgeAlert(input: $input) {{
  alert {{ {ALERT} }} refusal {{ code field }} }} }}"""
STREAM = f"""subscription {{ alerts {{ __typename
  ... on AlertSnapshot {{ alerts {{ {ALERT} }} }} ... on AlertChanged {{ alert {{ {ALERT} }} }} }} }}"""


async def ask(
    pool: Pool, query: str, *, viewer: Viewer | None, now: datetime = NOW, **variables: Any
) -> dict[str, Any]:
    context = Context(pool=pool, viewer=viewer, now=lambda: now)
    result = await SCHEMA.execute(query, variable_values=variables, context_value=context)
    assert result.errors is None, result.errors
    assert result.data is not None
    return result.data


async def refused_code(pool: Pool, query: str, *, viewer: Viewer | None, **variables: Any) -> str:
    context = Context(pool=pool, viewer=viewer, now=lambda: NOW)
    result = await SCHEMA.execute(query, variable_values=variables, context_value=context)
    assert result.errors
    return (result.errors[0].extensions or {})["code"]


async def set_rule(pool: Pool, viewer: Viewer, **given: Any) -> dict[str, Any]:
    data = await ask(pool, SET_RULE, viewer=viewer, input={"panelCode": "FLAT_3A", **given})
    return data["setLowUnitsRule"]


@pytest.fixture
async def low(pool: Pool, flat: Flat) -> Flat:
    """An open alert of the tenant's: 4 of 10 kWh left, two days to go."""
    flat.meter(1000.0, at=NOW - timedelta(days=2))
    flat.top_up("10", at=NOW - timedelta(days=1))
    flat.meter(1006.0)
    flat.forecast(p50_at=NOW + timedelta(days=2))
    flat.warn_at(kwh="5")
    await evaluate(pool, now=NOW)
    return flat


async def test_an_alert_is_listed_to_its_owner_in_the_panels_time(pool: Pool, low: Flat) -> None:
    page = (await ask(pool, LIST, viewer=low.tenant))["alerts"]
    (alert,) = page["nodes"]
    assert page["totalCount"] == 1
    assert alert | {"id": ""} == {
        "id": "",
        "panelCode": "FLAT_3A",
        "panelName": "Flat 3A",
        "kind": "LOW_UNITS",
        "state": "OPEN",
        "balanceKwh": "4.000",
        "daysLeft": 2.0,
        "message": "Flat 3A has 4.0 kWh left, enough for about 2 days.",
        "raisedAt": NOW,
        "acknowledgedAt": None,
        "clearedAt": None,
    }
    assert alert["raisedAt"].utcoffset() == timedelta(hours=1)


async def test_nobody_else_sees_or_touches_an_alert_not_even_an_admin(pool: Pool, low: Flat) -> None:
    ((alert_id,),) = low.execute("SELECT id FROM alert")
    for stranger in (
        low.another("admin@example.org", role=Role.ADMIN),
        low.another("neighbour@example.org", sees=True),
        low.another("stranger@example.org"),
    ):
        page = (await ask(pool, LIST, viewer=stranger))["alerts"]
        assert (page["totalCount"], page["nodes"]) == (0, [])
        answer = await ask(pool, ACKNOWLEDGE, viewer=stranger, input={"alertId": str(alert_id)})
        assert answer["acknowledgeAlert"]["refusal"]["code"] == "ALERT_NOT_FOUND"
    assert low.execute("SELECT acknowledged_at FROM alert") == [(None,)]


async def test_an_alert_goes_out_of_sight_with_its_panel(pool: Pool, low: Flat) -> None:
    low.execute("DELETE FROM panel_access")
    assert (await ask(pool, LIST, viewer=low.tenant))["alerts"]["totalCount"] == 0


async def test_pages_follow_each_other_and_the_state_filters(pool: Pool, low: Flat) -> None:
    low.execute(
        "INSERT INTO alert (account_id, panel_id, kind, state, balance_kwh, message, raised_at)"
        " SELECT account_id, panel_id, kind, 'CLEARED', 1, 'old ' || n, raised_at FROM alert, generate_series(1, 4) n"
    )
    first = (await ask(pool, LIST, viewer=low.tenant, first=3))["alerts"]
    rest = (await ask(pool, LIST, viewer=low.tenant, first=3, after=first["pageInfo"]["endCursor"]))["alerts"]
    ids = [int(node["id"]) for node in first["nodes"] + rest["nodes"]]
    assert first["totalCount"] == 5
    assert ids == sorted(ids, reverse=True)
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    assert (await ask(pool, LIST, viewer=low.tenant, state="OPEN"))["alerts"]["totalCount"] == 1


async def test_the_first_acknowledgement_stays(pool: Pool, low: Flat) -> None:
    ((alert_id,),) = low.execute("SELECT id FROM alert")
    given = {"alertId": str(alert_id)}
    later = NOW + timedelta(hours=1)
    await ask(pool, ACKNOWLEDGE, viewer=low.tenant, input=given)
    again = await ask(pool, ACKNOWLEDGE, viewer=low.tenant, now=later, input=given)
    assert again["acknowledgeAlert"]["alert"]["acknowledgedAt"] == NOW


@pytest.mark.parametrize("alert_id", ["0", "-1", "x", "", "9" * 40, "1\x00", "٣"])
async def test_an_id_that_is_none_is_not_found(pool: Pool, flat: Flat, alert_id: str) -> None:
    answer = await ask(pool, ACKNOWLEDGE, viewer=flat.tenant, input={"alertId": alert_id})
    assert answer["acknowledgeAlert"] == {
        "alert": None,
        "refusal": {"code": "ALERT_NOT_FOUND", "field": "alertId"},
    }


async def test_a_rule_is_set_changed_and_removed(pool: Pool, flat: Flat) -> None:
    assert await set_rule(pool, flat.tenant, thresholdKwh="7.5") == {
        "rule": {"thresholdKwh": "7.500", "thresholdDays": None, "isArmed": True},
        "refusal": None,
    }
    assert (await set_rule(pool, flat.tenant, thresholdDays=2.5))["rule"]["thresholdDays"] == 2.5
    assert flat.execute("SELECT count(*) FROM low_units_rule") == [(1,)]
    assert await set_rule(pool, flat.tenant) == {"rule": None, "refusal": None}
    assert flat.execute("SELECT count(*) FROM low_units_rule") == [(0,)]


async def test_a_new_threshold_warns_anew_and_the_same_one_does_not(pool: Pool, low: Flat) -> None:
    await set_rule(pool, low.tenant, thresholdKwh="5")
    assert await evaluate(pool, now=NOW) == 0
    await set_rule(pool, low.tenant, thresholdKwh="6")
    assert await evaluate(pool, now=NOW) == 1
    assert [state for state, _ in low.alerts()] == ["CLEARED", "OPEN"]


async def test_removing_the_rule_clears_its_alert(pool: Pool, low: Flat) -> None:
    await set_rule(pool, low.tenant)
    assert [state for state, _ in low.alerts()] == ["CLEARED"]


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"thresholdKwh": "0"}, "BAD_INPUT", "thresholdKwh"),
        ({"thresholdKwh": "-1"}, "BAD_INPUT", "thresholdKwh"),
        ({"thresholdKwh": "1000000.001"}, "BAD_INPUT", "thresholdKwh"),
        ({"thresholdKwh": "0.0001"}, "BAD_INPUT", "thresholdKwh"),
        ({"thresholdDays": 0}, "BAD_INPUT", "thresholdDays"),
        ({"thresholdDays": 0.001}, "BAD_INPUT", "thresholdDays"),
        ({"thresholdDays": 365.5}, "BAD_INPUT", "thresholdDays"),
        ({"thresholdDays": -1e300}, "BAD_INPUT", "thresholdDays"),
        ({"thresholdKwh": "1", "thresholdDays": 1}, "BAD_INPUT", "thresholdDays"),
        ({"panelCode": "NOWHERE", "thresholdKwh": "1"}, "PANEL_NOT_FOUND", "panelCode"),
        ({"panelCode": "\x00", "thresholdKwh": "1"}, "PANEL_NOT_FOUND", "panelCode"),
    ],
)
async def test_a_rule_that_cannot_be_is_refused_and_nothing_changes(
    pool: Pool, flat: Flat, given: dict[str, Any], code: str, field: str
) -> None:
    refusal = (await set_rule(pool, flat.tenant, **given))["refusal"]
    assert (refusal["code"], refusal["field"]) == (code, field)
    assert flat.execute("SELECT count(*) FROM low_units_rule") == [(0,)]


async def test_a_postpaid_panel_takes_no_rule(pool: Pool, flat: Flat) -> None:
    flat.execute("UPDATE panel SET is_prepaid = false")
    assert (await set_rule(pool, flat.tenant, thresholdKwh="1"))["refusal"]["code"] == "NOT_PREPAID"


async def test_anothers_panel_is_not_there(pool: Pool, flat: Flat) -> None:
    stranger = flat.another("stranger@example.org")
    assert (await set_rule(pool, stranger, thresholdKwh="1"))["refusal"]["code"] == "PANEL_NOT_FOUND"


async def test_a_phone_belongs_to_whoever_registered_it_last(pool: Pool, low: Flat) -> None:
    phone = {"token": "phone:1", "platform": "IOS", "name": " Ada's phone "}
    device = (await ask(pool, REGISTER, viewer=low.tenant, input=phone))["registerPushDevice"]["device"]
    assert (device["platform"], device["name"]) == ("IOS", "Ada's phone")
    low.execute("INSERT INTO outbox (alert_id, push_device_id) SELECT alert.id, push_device.id FROM alert, push_device")
    neighbour = low.another("neighbour@example.org")
    await ask(pool, REGISTER, viewer=neighbour, input=phone)
    assert low.execute("SELECT account_id FROM push_device") == [(neighbour.account_id,)]
    assert low.messages() == []


async def test_registering_again_changes_nothing(pool: Pool, flat: Flat) -> None:
    phone = {"token": "phone:1", "platform": "ANDROID"}
    first = await ask(pool, REGISTER, viewer=flat.tenant, input=phone)
    assert await ask(pool, REGISTER, viewer=flat.tenant, input=phone) == first


async def test_a_person_keeps_the_newest_twenty_devices(pool: Pool, flat: Flat) -> None:
    for number in range(22):
        await ask(pool, REGISTER, viewer=flat.tenant, input={"token": f"phone:{number}", "platform": "WEB"})
    kept = flat.execute("SELECT count(*), min(id) FROM push_device")
    assert kept == [(20, 3)]


async def test_only_the_owner_removes_a_device(pool: Pool, flat: Flat) -> None:
    flat.phone("phone:1")
    admin, given = flat.another("admin@example.org", role=Role.ADMIN), {"token": "phone:1"}
    assert (await ask(pool, REMOVE, viewer=admin, input=given))["removePushDevice"]["wasRegistered"] is False
    assert (await ask(pool, REMOVE, viewer=flat.tenant, input=given))["removePushDevice"]["wasRegistered"] is True
    assert flat.execute("SELECT count(*) FROM push_device") == [(0,)]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"token": ""}, "token"),
        ({"token": "a b"}, "token"),
        ({"token": "a\x00"}, "token"),
        ({"token": "é"}, "token"),
        ({"token": "x" * 4097}, "token"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00b"}, "name"),
    ],
)
async def test_a_device_that_cannot_be_is_refused(pool: Pool, flat: Flat, given: dict[str, Any], field: str) -> None:
    device = {"token": "phone:1", "platform": "ANDROID", **given}
    answer = await ask(pool, REGISTER, viewer=flat.tenant, input=device)
    assert answer["registerPushDevice"]["refusal"] == {"code": "BAD_INPUT", "field": field}


async def test_strangers_are_told_to_sign_in(pool: Pool, flat: Flat) -> None:
    assert await refused_code(pool, LIST, viewer=None) == "UNAUTHENTICATED"
    answer = await ask(pool, SET_RULE, viewer=None, input={"panelCode": "FLAT_3A", "thresholdKwh": "1"})
    assert answer["setLowUnitsRule"]["refusal"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(("variables", "code"), [({"first": 0}, "BAD_INPUT"), ({"after": "abc"}, "BAD_CURSOR")])
async def test_a_bad_page_is_refused(pool: Pool, flat: Flat, variables: dict[str, Any], code: str) -> None:
    assert await refused_code(pool, LIST, viewer=flat.tenant, **variables) == code


@pytest.fixture
async def live(database_url: str, pool: Pool) -> AsyncIterator[LiveHub]:
    hub = LiveHub(database_url, pool)
    hub.start()
    await hub._become_ready()  # what is told before is looked for by the real clock, not by that of the tests
    yield hub
    await hub.close()


async def follow(pool: Pool, live: LiveHub, viewer: Viewer) -> AsyncIterator[dict[str, Any]]:
    context = Context(pool=pool, viewer=viewer, now=lambda: NOW, live=live)
    stream = await SCHEMA.subscribe(STREAM, context_value=context)
    try:
        async for result in stream:
            assert result.errors is None, result.errors
            yield (result.data or {})["alerts"]
    finally:
        await stream.aclose()


async def test_the_stream_tells_what_is_open_and_then_each_change(pool: Pool, low: Flat, live: LiveHub) -> None:
    events = follow(pool, live, low.tenant)
    async with asyncio.timeout(20):
        snapshot = await anext(events)
        ((alert_id,),) = low.execute("SELECT id FROM alert")
        await ask(pool, ACKNOWLEDGE, viewer=low.tenant, input={"alertId": str(alert_id)})
        acknowledged = await anext(events)
        low.top_up("20")
        await evaluate(pool, now=NOW)
        cleared = await anext(events)
    await events.aclose()
    assert snapshot["__typename"] == "AlertSnapshot"
    assert [alert["id"] for alert in snapshot["alerts"]] == [str(alert_id)]
    assert acknowledged["alert"]["acknowledgedAt"] == NOW
    assert (cleared["alert"]["state"], cleared["alert"]["clearedAt"]) == ("CLEARED", NOW)


async def test_a_stream_tells_nothing_of_others(pool: Pool, low: Flat, live: LiveHub) -> None:
    admin = low.another("admin@example.org", role=Role.ADMIN)
    low.warn_at(kwh="2", viewer=admin)
    events = follow(pool, live, admin)
    async with asyncio.timeout(20):
        assert await anext(events) == {"__typename": "AlertSnapshot", "alerts": []}
        low.top_up("10")
        await evaluate(pool, now=NOW)  # clears the tenant's
        low.meter(1019.0, at=NOW + timedelta(minutes=1))
        assert await evaluate(pool, now=NOW + timedelta(minutes=1)) == 2
        event = await anext(events)
    await events.aclose()
    ((mine,),) = low.execute("SELECT id FROM alert WHERE account_id = %(account_id)s", account_id=admin.account_id)
    assert event["alert"]["id"] == str(mine)
