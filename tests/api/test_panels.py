"""Panels as a list and one by one: filters, pages, status and the newest reading."""

from datetime import timedelta

import pytest

from metering.readings import PhaseValues
from tests.api.conftest import NOW, Site, reading

LIST = """query ($first: Int = 50, $after: Cursor, $filter: PanelFilter) {
  panels(first: $first, after: $after, filter: $filter) {
    totalCount nodes { code } edges { cursor node { code } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


async def codes(site: Site, **filter_: object) -> list[str]:
    data = await site.ask(LIST, filter=filter_)
    return [panel["code"] for panel in data["panels"]["nodes"]]


async def test_a_panel_shows_what_is_known_of_it_and_its_newest_reading(site: Site) -> None:
    site.add_panel("PM", name="Lantai 1", location="Gedung A", floor=1)
    site.load("PM", [
        reading(NOW - timedelta(minutes=2), 99.5, 1.0),
        reading(NOW - timedelta(minutes=1), 100.25, 2.5, voltage_v=PhaseValues(224.7, 225.1, None, None),
                current_a=PhaseValues(r=3.2), apparent_power_kva=2.75, power_factor=0.91, energy_export_kwh=0.0,
                voltage_unbalance=0.4, current_unbalance=1.7),
    ])  # fmt: skip
    assert await site.panel(
        "code name location floor timeZone isPrepaid status lastSeenAt"
        " latestReading { at receivedAt voltage { r s t n } current { r n } activePowerKw apparentPowerKva"
        " powerFactor energyImportKwh energyExportKwh voltageUnbalance currentUnbalance }"
    ) == {
        "code": "PM", "name": "Lantai 1", "location": "Gedung A", "floor": 1, "timeZone": "Asia/Jakarta",
        "isPrepaid": False, "status": "ONLINE", "lastSeenAt": "2026-03-10T11:59:00.500000+07:00",
        "latestReading": {
            "at": "2026-03-10T11:59:00+07:00", "receivedAt": "2026-03-10T11:59:00.500000+07:00",
            "voltage": {"r": 224.7, "s": 225.1, "t": None, "n": None}, "current": {"r": 3.2, "n": None},
            "activePowerKw": 2.5, "apparentPowerKva": 2.75, "powerFactor": 0.91, "energyImportKwh": 100.25,
            "energyExportKwh": 0.0, "voltageUnbalance": 0.4, "currentUnbalance": 1.7,
        },
    }  # fmt: skip


async def test_a_panel_without_readings_is_offline_and_was_never_seen(site: Site) -> None:
    site.add_panel("PM")
    shown = await site.panel("status lastSeenAt latestReading { at } today { energyKwh registerNowKwh }")
    assert shown == {
        "status": "OFFLINE",
        "lastSeenAt": None,
        "latestReading": None,
        "today": {"energyKwh": 0.0, "registerNowKwh": None},
    }


@pytest.mark.parametrize(("ago_s", "status"), [(299, "ONLINE"), (300, "ONLINE"), (301, "OFFLINE")])
async def test_a_panel_is_online_for_five_minutes_after_a_reading_arrived(site: Site, ago_s: int, status: str) -> None:
    site.add_panel("PM")
    site.load("PM", [reading(NOW - timedelta(seconds=ago_s + 0.5), 1.0)])
    assert (await site.panel("status"))["status"] == status


async def test_a_late_reading_shows_that_a_panel_is_there_and_leaves_its_newest_reading(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", [reading(NOW - timedelta(hours=1), 5.0)])
    late = reading(NOW - timedelta(hours=2), 4.0)
    site.load("PM", [type(late)(late.at, NOW, energy_import_kwh=4.0)])
    shown = await site.panel("status latestReading { energyImportKwh }")
    assert shown == {"status": "ONLINE", "latestReading": {"energyImportKwh": 5.0}}


async def test_panels_come_by_code_page_by_page_without_gap_or_overlap(site: Site) -> None:
    for code in ("b", "A", "c", "B", "a"):
        site.add_panel(code)
    seen: list[str] = []
    after = None
    for more in (True, True, False):
        page = (await site.ask(LIST, first=2, after=after))["panels"]
        seen += [panel["code"] for panel in page["nodes"]]
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert page["totalCount"] == 5
        assert page["pageInfo"]["hasNextPage"] is more
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        after = page["pageInfo"]["endCursor"]
    assert seen == ["A", "B", "a", "b", "c"]
    assert (await site.ask(LIST, after=after))["panels"]["nodes"] == []
    assert (await site.ask(LIST, after=after))["panels"]["totalCount"] == 5


async def test_filters_narrow_the_list_and_its_count_together(site: Site) -> None:
    site.add_panel("PM1", floor=1, name="Kantin")
    site.add_panel("PM2", floor=2, location="Gudang 50%")
    site.add_panel("FLAT", floor=2, is_prepaid=True, meter_number="4501")
    site.load("PM1", [reading(NOW - timedelta(minutes=1), 1.0)])
    assert await codes(site) == ["FLAT", "PM1", "PM2"]
    assert await codes(site, floor=2) == ["FLAT", "PM2"]
    assert await codes(site, floor=2, isPrepaid=False) == ["PM2"]
    assert await codes(site, status="ONLINE") == ["PM1"]
    assert await codes(site, status="OFFLINE") == ["FLAT", "PM2"]
    assert await codes(site, search="kANT") == ["PM1"]
    assert await codes(site, search="4501") == ["FLAT"]
    assert await codes(site, search="50%") == ["PM2"]
    assert await codes(site, search="P_1") == []
    assert (await site.ask(LIST, filter={"floor": 2}))["panels"]["totalCount"] == 2


async def test_an_unknown_panel_is_null(site: Site) -> None:
    assert await site.ask('{ panel(code: "GHOST") { code } }') == {"panel": None}
    assert await site.ask('{ panel(code: "x\' OR true --") { code } }') == {"panel": None}
