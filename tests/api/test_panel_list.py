"""Lists of panels in every order, page by page in both directions, against an order made in plain Python."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.api.conftest import NOW, Site, reading

LIST = """query ($first: Int, $after: Cursor, $last: Int, $before: Cursor, $filter: PanelFilter, $order: PanelOrder) {
  panels(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $order) {
    nodes { code } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""

PANELS: list[dict[str, Any]] = [
    {"code": "b", "name": "Kantin", "location": "Gedung B", "floor": 2, "power_kw": 1.5, "ago_s": 10},
    {"code": "A", "name": "lobi", "location": "Gedung A", "floor": 1, "power_kw": 0.0, "ago_s": 20},
    {"code": "c:1", "name": "Lobi", "location": "gedung a", "floor": -1, "power_kw": -2.25, "ago_s": 900},
    {"code": "B", "name": 'Ruang "7"', "location": "", "floor": 2, "power_kw": None, "ago_s": 20},
    {"code": "a", "name": "Éclair :", "location": "", "floor": 2, "power_kw": None, "ago_s": None},
    {"code": "d", "name": "kantin", "location": "Gedung B", "floor": 0, "power_kw": 1.5, "ago_s": None},
]

KEYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "CODE": lambda panel: panel["code"],
    "NAME": lambda panel: panel["name"].lower(),
    "LOCATION": lambda panel: panel["location"].lower(),
    "FLOOR": lambda panel: panel["floor"],
    "LAST_SEEN": lambda panel: None if panel["ago_s"] is None else -panel["ago_s"],
    "POWER_NOW": lambda panel: panel["power_kw"] if panel["ago_s"] is not None else None,
}


def ordered(by: str, direction: str) -> list[str]:
    """The codes in order: alike by code, those without a value last."""
    by_code = sorted(PANELS, key=KEYS["CODE"])
    known = [panel for panel in by_code if KEYS[by](panel) is not None]
    unknown = [panel for panel in by_code if KEYS[by](panel) is None]
    values = sorted({KEYS[by](panel) for panel in known}, reverse=direction == "DESC")
    return [panel["code"] for value in values for panel in known if KEYS[by](panel) == value] + [
        panel["code"] for panel in unknown
    ]


@pytest.fixture
def furnished(site: Site) -> Site:
    for panel in PANELS:
        others = {name: panel[name] for name in ("name", "location", "floor")}
        site.add_panel(panel["code"], zone="Africa/Lagos" if panel["floor"] == 2 else "Asia/Jakarta", **others)
        if panel["ago_s"] is not None:
            at = NOW - timedelta(seconds=panel["ago_s"])
            site.load(panel["code"], [reading(at, 1.0, panel["power_kw"])])
    return site


async def page(site: Site, **variables: Any) -> tuple[list[str], dict[str, Any]]:
    found = (await site.ask(LIST, **variables))["panels"]
    return [panel["code"] for panel in found["nodes"]], found["pageInfo"]


@pytest.mark.parametrize("by", KEYS)
async def test_every_order_is_walked_forwards_and_backwards_without_gap_or_overlap(furnished: Site, by: str) -> None:
    for direction in ("ASC", "DESC"):
        order, expected = {"field": by, "direction": direction}, ordered(by, direction)
        assert (await page(furnished, order=order))[0] == expected
        forwards: list[str] = []
        info: dict[str, Any] = {"endCursor": None, "hasNextPage": True}
        while info["hasNextPage"]:
            codes, info = await page(furnished, order=order, first=4, after=info["endCursor"])
            assert info["hasPreviousPage"] is bool(forwards)
            forwards += codes
        backwards: list[str] = []
        info = {"startCursor": None, "hasPreviousPage": True}
        while info["hasPreviousPage"]:
            codes, info = await page(furnished, order=order, last=4, before=info["startCursor"])
            assert info["hasNextPage"] is bool(backwards)
            backwards = codes + backwards
        assert forwards == backwards == expected


async def test_a_page_may_lie_between_two_cursors(furnished: Site) -> None:
    order = {"field": "NAME"}
    codes = ordered("NAME", "ASC")
    _, first = await page(furnished, order=order, first=1)
    _, last = await page(furnished, order=order, last=1)
    between = {"order": order, "after": first["endCursor"], "before": last["startCursor"]}
    assert (await page(furnished, **between))[0] == codes[1:-1]
    assert (await page(furnished, **between, last=2))[0] == codes[-3:-1]
    assert (await page(furnished, **between, first=2))[0] == codes[1:3]


async def test_a_panel_that_goes_while_a_client_pages_leaves_the_others_in_their_places(furnished: Site) -> None:
    order = {"field": "FLOOR", "direction": "DESC"}
    codes, info = await page(furnished, order=order, first=2)
    furnished.database.execute("DELETE FROM panel WHERE code = %s", (codes[-1],))
    assert (await page(furnished, order=order, after=info["endCursor"]))[0] == ordered("FLOOR", "DESC")[2:]


async def test_a_cursor_is_good_for_its_own_order_only(furnished: Site) -> None:
    _, info = await page(furnished, order={"field": "NAME"}, first=2)
    for place, order in (
        ("after", {"field": "CODE"}),
        ("before", {"field": "NAME", "direction": "DESC"}),
        ("after", None),
    ):
        (error,) = (await furnished.answer(LIST, order=order, **{place: info["endCursor"]}))["errors"]
        assert error["extensions"] == {"code": "BAD_CURSOR", "field": place}
    for number in (0, 501):
        (error,) = (await furnished.answer(LIST, last=number))["errors"]
        assert error["extensions"] == {"code": "BAD_INPUT", "field": "last"}


async def test_panels_are_filtered_by_codes_location_time_zone_and_device(furnished: Site) -> None:
    furnished.database.execute(
        "INSERT INTO device (kind, name, panel_code, first_heard_at) VALUES ('ENERGY_HUB', 'c', 'c', now()),"
        " ('TASMOTA', 'b', 'b', now())"
    )
    for filter_, codes in (
        ({"codes": ["b", "GHOST", "A", "\0"]}, ["A", "b"]),
        ({"codes": ["no such"]}, []),
        ({"location": "Gedung B"}, ["b", "d"]),
        ({"location": ""}, ["B", "a"]),
        ({"timeZone": "Africa/Lagos"}, ["B", "a", "b"]),
        ({"deviceKind": "ENERGY_HUB"}, ["c:1"]),
        ({"deviceKind": "TASMOTA", "timeZone": "Asia/Jakarta"}, []),
    ):
        assert (await page(furnished, filter=filter_))[0] == codes
    refused_filters: list[dict[str, Any]] = [
        {"codes": []},
        {"codes": ["x"] * 501},
        {"location": "x" * 101},
        {"timeZone": "\0"},
    ]
    for refused in refused_filters:
        (error,) = (await furnished.answer(LIST, filter=refused))["errors"]
        assert error["extensions"] == {"code": "BAD_INPUT", "field": "filter"}


COLUMNS = """code name location floor timeZone isPrepaid status lastSeenAt latestReading { at receivedAt activePowerKw
  apparentPowerKva powerFactor energyImportKwh energyExportKwh voltageUnbalance currentUnbalance }"""


@pytest.mark.parametrize("asked", [COLUMNS, "code latestReading { __typename }", "status latestReading { at }", "code"])
async def test_panels_that_are_answered_by_columns_are_the_same_as_those_made_one_by_one(
    furnished: Site, asked: str
) -> None:
    furnished.database.execute(
        "UPDATE latest_reading SET power_factor = 0.9, voltage_unbalance = 0.01, current_unbalance = 0.05,"
        " energy_export_kwh = 1.5, apparent_power_kva = 2.5"
    )
    places = "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
    for window in ("first: 4", "last: 4", "first: 6", 'filter: { codes: ["none"] }', "filter: { status: ONLINE }"):
        panels = f"panels({window}, orderBy: {{ field: LAST_SEEN, direction: DESC }})"
        of_columns = await furnished.ask(f"{{ {panels} {{ {places} nodes {{ {asked} }} }} }}")
        of_objects = await furnished.ask(f"{{ {panels} {{ {places} edges {{ node {{ {asked} }} }} }} }}")
        edges = of_objects["panels"].pop("edges")
        assert of_columns["panels"] == {**of_objects["panels"], "nodes": [edge["node"] for edge in edges]}


async def test_a_page_can_be_counted_without_a_panel_of_it(furnished: Site) -> None:
    found = await furnished.ask("{ panels(first: 2) { totalCount pageInfo { hasNextPage } } }")
    assert found["panels"] == {"totalCount": len(PANELS), "pageInfo": {"hasNextPage": True}}
