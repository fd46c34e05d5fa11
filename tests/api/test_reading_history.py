"""A panel's readings whole, page by page, both ways and in both orders."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from metering.readings import PhaseValues, ReadingFlag
from resolvers.pages import cursor_of
from tests.api.conftest import NOW, Site, reading

START = datetime(2026, 3, 9, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PERIOD = 'from: "2026-03-09T00:00:00Z", to: "2026-03-09T01:00:00Z"'
KWH = "nodes { energyImportKwh } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


@pytest.fixture
def ten(site: Site) -> Site:
    """Ten readings, a minute apart, the first at START, and one on either side of the hour."""
    site.add_panel("PM")
    instants = [START - MINUTE, *(START + place * MINUTE for place in range(10)), START + 60 * MINUTE]
    site.load("PM", [reading(at, 99.0 + place) for place, at in enumerate(instants)])
    return site


async def history(site: Site, arguments: str = "", selection: str = KWH, *, code: str = "PM") -> dict:
    found = await site.panel(f"readingHistory({PERIOD} {arguments}) {{ {selection} }}", code=code)
    return found["readingHistory"]


def kwh(page: dict) -> list[float]:
    return [node["energyImportKwh"] for node in page["nodes"]]


async def test_a_reading_comes_with_everything_that_the_meter_said(site: Site) -> None:
    site.add_panel("PM")
    said = reading(
        START,
        100.5,
        1.25,
        voltage_v=PhaseValues(224.7, 223.1, None, 1.2),
        current_a=PhaseValues(0.99, 5.6, 7.8, 0.1),
        apparent_power_kva=1.5,
        power_factor=0.86,
        energy_export_kwh=2.0,
        voltage_unbalance=0.01,
        current_unbalance=0.047,
        flags=ReadingFlag.LATE,
    )
    site.load("PM", [said])
    selection = (
        "nodes { at receivedAt voltage { r s t n } current { r s t n } activePowerKw apparentPowerKva powerFactor"
        " energyImportKwh energyExportKwh voltageUnbalance currentUnbalance flags }"
    )
    assert (await history(site, selection=selection))["nodes"] == [
        {
            "at": "2026-03-09T07:00:00+07:00",
            "receivedAt": "2026-03-09T07:00:00.500000+07:00",
            "voltage": {"r": 224.7, "s": 223.1, "t": None, "n": 1.2},
            "current": {"r": 0.99, "s": 5.6, "t": 7.8, "n": 0.1},
            "activePowerKw": 1.25,
            "apparentPowerKva": 1.5,
            "powerFactor": 0.86,
            "energyImportKwh": 100.5,
            "energyExportKwh": 2.0,
            "voltageUnbalance": 0.01,
            "currentUnbalance": 0.047,
            "flags": ["LATE"],
        }
    ]


ORDERS = {"ASC": [100.0 + number for number in range(10)], "DESC": [109.0 - number for number in range(10)]}


async def test_pages_one_after_the_other_hold_each_reading_of_the_period_once(ten: Site) -> None:
    for direction, expected in ORDERS.items():
        seen, cursor, has_next = [], None, True
        while has_next:
            after = f', after: "{cursor}"' if cursor else ""
            page = await history(ten, f", direction: {direction}, first: 4{after}")
            assert page["pageInfo"]["hasPreviousPage"] is bool(cursor)
            assert [edge["cursor"] for edge in page["edges"]][-1] == page["pageInfo"]["endCursor"]
            seen += kwh(page)
            cursor, has_next = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        assert seen == expected


async def test_pages_from_the_end_backwards_hold_the_same_in_the_same_order(ten: Site) -> None:
    for direction, expected in ORDERS.items():
        seen, cursor, has_previous = [], None, True
        while has_previous:
            before = f', before: "{cursor}"' if cursor else ""
            page = await history(ten, f", direction: {direction}, last: 4{before}")
            assert page["pageInfo"]["hasNextPage"] is bool(cursor)
            seen = kwh(page) + seen
            cursor, has_previous = page["pageInfo"]["startCursor"], page["pageInfo"]["hasPreviousPage"]
        assert seen == expected


async def test_a_page_between_two_cursors_holds_neither_of_them(ten: Site) -> None:
    cursors = [edge["cursor"] for edge in (await history(ten))["edges"]]
    assert kwh(await history(ten, f', after: "{cursors[2]}", before: "{cursors[6]}"')) == [103.0, 104.0, 105.0]
    assert kwh(await history(ten, f', after: "{cursors[6]}", before: "{cursors[2]}"')) == []


async def test_a_late_reading_moves_no_page(ten: Site) -> None:
    first = await history(ten, ", first: 4")
    ten.load("PM", [reading(START + timedelta(seconds=90), 101.5)])
    assert kwh(await history(ten, f', first: 2, after: "{first["pageInfo"]["endCursor"]}"')) == [104.0, 105.0]


async def test_the_total_counts_the_whole_period_and_only_when_it_is_asked_for(
    ten: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await history(ten, ", first: 2", "totalCount"))["totalCount"] == 10
    seen: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def counted(self: psycopg.AsyncCursor, query: str, *args: object, **kwargs: object) -> psycopg.AsyncCursor:
        seen.extend([query] if query else [])
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    await history(ten, ", first: 2", "nodes { at }")
    assert len(seen) == 2


async def test_the_total_leaves_out_what_was_removed(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", [reading(NOW - timedelta(days=days), 200.0 - days) for days in range(5, 0, -1)])
    whole = 'readingHistory(from: "2026-03-01T00:00:00Z") { totalCount nodes { at } }'
    assert (await site.panel(whole))["readingHistory"]["totalCount"] == 5
    site.database.execute("DELETE FROM reading WHERE at < %s", (NOW - timedelta(days=2, hours=12),))
    site.database.execute(
        "INSERT INTO retention (level, kept_since, announced_at, removed_before)"
        " VALUES ('READINGS', %(at)s, %(at)s, %(at)s)",
        {"at": NOW - timedelta(days=2, hours=12)},
    )
    found = (await site.panel(whole))["readingHistory"]
    assert (found["totalCount"], len(found["nodes"])) == (2, 2)


async def test_a_cursor_of_another_panel_or_another_list_is_refused(ten: Site) -> None:
    ten.add_panel("OTHER")
    cursor = (await history(ten))["pageInfo"]["endCursor"]
    for found in (cursor, cursor_of("panel", "PM"), cursor_of("reading", "1.x"), cursor_of("reading", "1")):
        for side in ("after", "before"):
            answer = await ten.answer(
                f'{{ panel(code: "OTHER") {{ readingHistory({side}: "{found}") {{ totalCount }} }} }}'
            )
            assert answer["errors"][0]["extensions"] == {"code": "BAD_CURSOR", "field": side}


async def test_what_cannot_be_is_refused_with_a_code(ten: Site) -> None:
    for arguments, code in {
        "first: 0": "BAD_INPUT",
        "first: 501": "BAD_INPUT",
        "last: 0": "BAD_INPUT",
        "last: 501": "BAD_INPUT",
        'from: "2026-03-02T00:00:00Z", to: "2026-03-01T00:00:00Z"': "BAD_RANGE",
        'range: LAST_1H, to: "2026-03-01T00:00:00Z"': "BAD_RANGE",
        'from: "2006-03-02T00:00:00Z"': "BAD_RANGE",
    }.items():
        assert await ten.code(f'{{ panel(code: "PM") {{ readingHistory({arguments}) {{ totalCount }} }} }}') == code
