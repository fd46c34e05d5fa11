"""Devices as a list: who sees which, their panels, their presence and the documents that they have sent."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from metering.access import Viewer
from metering.devices import BalanceShown, DeviceKind, DeviceReport, ReportKind
from store.balances_shown import keep_balances
from store.connections import connect
from store.devices import keep_reports
from tests.api.conftest import NOW, Site, reading
from tests.api.test_statement_counts import statements

__all__ = ["statements"]

MINUTE = timedelta(minutes=1)
LIST = """query ($first: Int = 50, $after: Cursor, $filter: DeviceFilter) {
  devices(first: $first, after: $after, filter: $filter) {
    totalCount nodes { name kind isOnline panels { code } } pageInfo { hasNextPage endCursor }
  }
}"""


def report(name: str, kind: DeviceKind = DeviceKind.SHELLY, *, minutes: float = -1, **said: Any) -> DeviceReport:
    return DeviceReport(name, kind, NOW + minutes * MINUTE, **said)


def tell(site: Site, *reports: DeviceReport) -> None:
    with connect(site.url) as connection:
        keep_reports(connection, reports)
        connection.commit()


async def named(site: Site, viewer: Viewer | None = None, **variables: Any) -> list[str]:
    data = await site.ask(LIST, viewer=viewer, **variables)
    assert data["devices"]["totalCount"] >= len(data["devices"]["nodes"])
    return [device["name"] for device in data["devices"]["nodes"]]


async def test_a_device_shows_what_is_known_of_it(site: Site) -> None:
    site.add_panel("roof:LOAD")
    tell(
        site,
        report("roof", DeviceKind.ENERGY_HUB, minutes=-9, meter_number="0a01"),
        report("roof", DeviceKind.ENERGY_HUB, minutes=-3, report=ReportKind.HEARTBEAT, document='{"uptime": 1}'),
        report("roof", DeviceKind.ENERGY_HUB, minutes=-2, report=ReportKind.HEARTBEAT, document='{"uptime": 2}'),
        report("roof", DeviceKind.ENERGY_HUB, minutes=-1, report=ReportKind.STATUS, document='{"wifi": {"rssi": -60}}'),
    )
    data = await site.ask("""{ devices { nodes {
        name kind isOnline onlineChangedAt firstHeardAt lastHeardAt meterNumber panels { code status }
        latestHeartbeat { kind receivedAt document } latestStatus { document }
        reports(kind: HEARTBEAT) { totalCount nodes { document } } } } }""")
    assert data["devices"]["nodes"] == [{
        "name": "roof", "kind": "ENERGY_HUB", "isOnline": True, "onlineChangedAt": None,
        "firstHeardAt": "2026-03-10T04:51:00+00:00", "lastHeardAt": "2026-03-10T04:59:00+00:00", "meterNumber": "0a01",
        "panels": [{"code": "roof:LOAD", "status": "OFFLINE"}],
        "latestHeartbeat": {"kind": "HEARTBEAT", "receivedAt": "2026-03-10T04:58:00+00:00", "document": {"uptime": 2}},
        "latestStatus": {"document": {"wifi": {"rssi": -60}}},
        "reports": {"totalCount": 2, "nodes": [{"document": {"uptime": 2}}, {"document": {"uptime": 1}}]},
    }]  # fmt: skip


async def test_the_panels_of_a_device_begin_with_its_name(site: Site) -> None:
    for code in ("hub", "hub:LOAD", "hub:LOAD:A", "hub2", "hubs:LOAD", "HUB:LOAD", "other"):
        site.add_panel(code)
    site.load("hub:LOAD", [reading(NOW - MINUTE, 5.0)])
    tell(site, report("hub"), report("hub:LOAD", DeviceKind.TASMOTA), report("silent"))
    data = await site.ask(LIST)
    assert {device["name"]: [panel["code"] for panel in device["panels"]] for device in data["devices"]["nodes"]} == {
        "hub": ["hub", "hub:LOAD", "hub:LOAD:A"],
        "hub:LOAD": ["hub:LOAD", "hub:LOAD:A"],
        "silent": [],
    }
    found = await site.ask("{ panels { nodes { code device { name latestStatus { document } } } } }")
    assert {panel["code"]: panel["device"] and panel["device"]["name"] for panel in found["panels"]["nodes"]} == {
        "HUB:LOAD": None,
        "hub": "hub",
        "hub2": None,
        "hub:LOAD": "hub:LOAD",
        "hub:LOAD:A": "hub:LOAD",
        "hubs:LOAD": None,
        "other": None,
    }


async def test_a_device_that_tells_in_parts_shows_its_panel_as_the_panel_itself_is(site: Site) -> None:
    site.add_panel("em")
    site.load(
        "em",
        [
            reading(NOW - 2 * MINUTE, 5.0, is_partial=True),
            reading(NOW - MINUTE, power_kw=1.5, is_partial=True),
        ],
    )
    tell(site, report("em"))
    state = "latestReading { activePowerKw energyImportKwh }"
    data = await site.ask(f'{{ panel(code: "em") {{ {state} }} devices {{ nodes {{ panels {{ {state} }} }} }} }}')
    assert data["panel"]["latestReading"] == {"activePowerKw": 1.5, "energyImportKwh": 5.0}
    assert data["devices"]["nodes"] == [{"panels": [data["panel"]]}]


async def test_a_name_that_a_code_cannot_hold_leads_to_the_panels_too(site: Site) -> None:
    tell(site, report("floor 1/main meter", DeviceKind.ZIGBEE2MQTT))
    ((code,),) = site.database.execute("SELECT panel_code FROM device").fetchall()
    site.add_panel(code)
    assert (await site.panel("device { name }", code=code))["device"] == {"name": "floor 1/main meter"}


@pytest.fixture
def people(site: Site) -> Sequence[Viewer]:
    """Two tenants with a part of one hub each, the first with a plug too, and a stranger; one device has no panel."""
    first, second, stranger = (site.add_person(f"{name}@x.org") for name in ("first", "second", "stranger"))
    site.add_panel("hub:A", seen_by=[first])
    site.add_panel("hub:B", seen_by=[second])
    site.add_panel("plug", seen_by=[first])
    tell(
        site,
        report("hub", report=ReportKind.STATUS, document='{"is": "hub"}'),
        report("plug", report=ReportKind.STATUS, document='{"is": "plug"}'),
        report("attic"),
    )
    return first, second, stranger


async def test_each_person_sees_the_devices_of_their_panels_and_an_admin_all(
    site: Site, people: Sequence[Viewer]
) -> None:
    first, second, stranger = people
    assert await named(site) == ["attic", "hub", "plug"]
    assert await named(site, first) == ["hub", "plug"]
    assert await named(site, second) == ["hub"]
    assert await named(site, stranger) == []
    data = await site.ask(LIST, viewer=second)
    assert data["devices"]["totalCount"] == 1
    assert data["devices"]["nodes"][0]["panels"] == [{"code": "hub:B"}]


async def test_documents_are_shown_to_those_who_see_all_panels_of_the_device(
    site: Site, people: Sequence[Viewer]
) -> None:
    query = "{ devices { nodes { name latestStatus { document } reports(kind: STATUS) { totalCount } } } }"
    nothing: dict[str, Any] = {"latestStatus": None, "reports": {"totalCount": 0}}
    of_plug = {"latestStatus": {"document": {"is": "plug"}}, "reports": {"totalCount": 1}}
    of_hub = {"latestStatus": {"document": {"is": "hub"}}, "reports": {"totalCount": 1}}
    first, second, _ = people
    found = (await site.ask(query, viewer=first))["devices"]["nodes"]
    assert found == [{"name": "hub", **nothing}, {"name": "plug", **of_plug}]
    assert (await site.ask(query, viewer=second))["devices"]["nodes"] == [{"name": "hub", **nothing}]
    site.database.execute("INSERT INTO panel_access SELECT %s, id FROM panel WHERE code = 'hub:A'", [second.account_id])
    assert (await site.ask(query, viewer=second))["devices"]["nodes"] == [{"name": "hub", **of_hub}]
    assert await site.code(query, anonymous=True) == "UNAUTHENTICATED"


async def test_presence_is_what_was_said_or_that_a_device_was_heard_lately(site: Site) -> None:
    tell(
        site,
        report("gone", is_online=False),
        report("said to be there", minutes=-60, is_online=True),
        report("silent for long", DeviceKind.ENERGY_HUB, minutes=-5.5),
        report("heard", DeviceKind.ENERGY_HUB, minutes=-5),
    )
    data = await site.ask(LIST)
    assert {device["name"]: device["isOnline"] for device in data["devices"]["nodes"]} == {
        "gone": False,
        "heard": True,
        "said to be there": True,
        "silent for long": False,
    }
    assert await named(site, filter={"isOnline": True}) == ["heard", "said to be there"]
    assert await named(site, filter={"isOnline": False, "kind": "ENERGY_HUB"}) == ["silent for long"]
    assert await named(site, filter={"kind": "TASMOTA"}) == []


async def test_devices_come_by_name_page_by_page_without_gap_or_overlap(site: Site) -> None:
    names = ["a", "B", "c", "long " * 100, "ä"]
    tell(site, *(report(name) for name in names), report("c", DeviceKind.TASMOTA))
    seen: list[str] = []
    after = None
    for more in (True, True, False):
        page = (await site.ask(LIST, first=2, after=after))["devices"]
        seen += [device["name"] for device in page["nodes"]]
        assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (6, more)
        after = page["pageInfo"]["endCursor"]
    assert seen == ["B", "a", "c", "c", "long " * 100, "ä"]
    assert await named(site, after=after) == []


async def test_documents_come_page_by_page_newest_first(site: Site) -> None:
    tell(
        site,
        *(report("hub", minutes=-at, report=ReportKind.HEARTBEAT, document=str(at)) for at in range(5)),
        report("hub", report=ReportKind.STATUS, document="99"),
    )
    query = """query ($after: Cursor) { devices { nodes { reports(kind: HEARTBEAT, first: 2, after: $after) {
        totalCount nodes { document } pageInfo { hasNextPage endCursor } } } } }"""
    seen: list[int] = []
    after = None
    for more in (True, True, False):
        page = (await site.ask(query, after=after))["devices"]["nodes"][0]["reports"]
        seen += [one["document"] for one in page["nodes"]]
        assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (5, more)
        after = page["pageInfo"]["endCursor"]
    assert seen == [0, 1, 2, 3, 4]


async def test_the_ledger_says_what_came_from_the_meter_itself(site: Site) -> None:
    meter = site.add_panel("METER", is_prepaid=True)
    with connect(site.url) as connection:
        keep_balances(connection, [(meter, BalanceShown("METER", NOW - MINUTE, Decimal("37.6")))])
        connection.commit()
    await site.ask("""mutation { recordBalance(input: {panelCode: "METER", shownKwh: "30"}) { refusal { code } } }""")
    found = await site.panel("prepaid { balanceKwh ledger { nodes { kind shownKwh source } } }", code="METER")
    assert found["prepaid"] == {
        "balanceKwh": "30.000",
        "ledger": {
            "nodes": [
                {"kind": "BALANCE_READING", "shownKwh": "30.000", "source": "PERSON"},
                {"kind": "BALANCE_READING", "shownKwh": "37.600", "source": "METER"},
            ]
        },
    }


@pytest.mark.parametrize("after", ["MTpwYW5lbDpQTQ", "MTpkZXZpY2U6OTk5OTk5OTk5OTk5", "MTpkZXZpY2U6LTE", "xx"])
async def test_a_cursor_that_leads_nowhere_is_refused(site: Site, after: str) -> None:
    assert await site.code(LIST, after=after) == "BAD_CURSOR"


async def test_a_list_of_fifty_devices_takes_a_few_statements(site: Site, statements: list[str]) -> None:
    for number in range(50):
        site.add_panel(f"P{number}:A")
        tell(site, report(f"P{number}", report=ReportKind.STATUS, document="1"))
    data = await site.ask("""{ devices(first: 50) { totalCount nodes {
        name panels { code } latestStatus { document } latestHeartbeat { kind } } } }""")
    assert [len(device["panels"]) for device in data["devices"]["nodes"]] == [1] * 50
    assert len(statements) == 4
    statements.clear()
    await site.ask("{ panels(first: 50) { nodes { device { name } } } }")
    assert len(statements) == 2
