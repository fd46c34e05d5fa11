"""What a panel's registers did that was no usage, newest first."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.conftest import Site, reading

START = datetime(2026, 3, 9, 0, 0, tzinfo=UTC)


@pytest.fixture
def filled(site: Site) -> Site:
    """An hour of a meter that begins again at zero after half of it; its export shows a glitch at the same time."""
    site.add_panel("PM")
    site.load(
        "PM",
        [
            reading(
                START + timedelta(minutes=n),
                round(500 + n / 10 if n < 30 else (n - 30) / 10, 6),
                energy_export_kwh=9000.0 if n == 30 else 7.0,
            )
            for n in range(60)
        ],
    )
    return site


async def test_events_come_newest_first_with_what_counts_as_usage(filled: Site) -> None:
    found = await filled.panel(
        "registerEvents { totalCount nodes {"
        " kind register at endsAt readingCount beforeAt beforeKwh afterKwh usageKwh } }"
        ' statistics(from: "2026-03-09T00:00:00Z", to: "2026-03-09T01:00:00Z") { energyKwh }'
    )
    reset, glitch = found["registerEvents"]["nodes"]
    assert found["registerEvents"]["totalCount"] == 2
    assert reset == {
        "kind": "RESET",
        "register": "IMPORT",
        "at": "2026-03-09T07:30:00+07:00",
        "endsAt": "2026-03-09T07:30:00+07:00",
        "readingCount": 1,
        "beforeAt": "2026-03-09T07:29:00+07:00",
        "beforeKwh": 502.9,
        "afterKwh": 0.0,
        "usageKwh": "0",
    }
    assert (glitch["kind"], glitch["register"], glitch["afterKwh"]) == ("GLITCH", "EXPORT", 9000.0)
    assert found["statistics"]["energyKwh"] == pytest.approx(5.8)


async def test_events_are_told_by_kind_and_page(filled: Site) -> None:
    query = "registerEvents(first: 1{0}) {{ totalCount nodes {{ kind }} pageInfo {{ endCursor hasNextPage }} }}"
    first = (await filled.panel(query.format("")))["registerEvents"]
    cursor = first["pageInfo"]["endCursor"]
    second = (await filled.panel(query.format(f', after: "{cursor}"')))["registerEvents"]
    assert [page["nodes"] for page in (first, second)] == [[{"kind": "RESET"}], [{"kind": "GLITCH"}]]
    assert second["pageInfo"]["hasNextPage"] is False
    glitches = (await filled.panel(query.format(", kinds: [GLITCH, ROLLOVER]")))["registerEvents"]
    assert (glitches["totalCount"], glitches["nodes"]) == (1, [{"kind": "GLITCH"}])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [("kinds: []", "BAD_INPUT"), ("first: 0", "BAD_INPUT"), ('after: "MTpyZWdpc3RlckV2ZW50OjEuWA"', "BAD_CURSOR")],
)
async def test_what_cannot_be_asked_is_refused(filled: Site, arguments: str, code: str) -> None:
    query = f'{{ panel(code: "PM") {{ registerEvents({arguments}) {{ totalCount }} }} }}'
    assert await filled.code(query) == code
