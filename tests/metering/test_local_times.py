"""Local instants made in bulk are those that `astimezone` makes, to the letter, over all changes of the clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metering.local_times import local_instants

ZONES = [
    "Asia/Jakarta", "Africa/Lagos", "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Gaza",
    "Africa/Casablanca", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu", "Africa/Cairo",
]  # fmt: skip
SINCE = datetime(2026, 3, 1, tzinfo=UTC)
YEARS = timedelta(days=3660)


def one_by_one(spans: list[timedelta], *, since: datetime, zone: ZoneInfo) -> list[datetime]:
    return [(since + span).astimezone(zone) for span in spans]


@given(
    since=st.timedeltas(-YEARS, YEARS).map(lambda span: SINCE + span),
    written_in=st.sampled_from(["UTC", "Europe/Berlin"]).map(ZoneInfo),
    spans=st.sampled_from([timedelta(days=2), timedelta(days=400), YEARS]).flatmap(
        lambda longest: st.lists(st.timedeltas(timedelta(), longest), max_size=40).map(sorted)
    ),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)
@example(since=SINCE, written_in=ZoneInfo("UTC"), spans=[], zone=ZoneInfo("UTC"))
def test_any_instants_are_those_of_astimezone(
    since: datetime, written_in: ZoneInfo, spans: list[timedelta], zone: ZoneInfo
) -> None:
    found = local_instants(spans, since=since.astimezone(written_in), zone=zone)
    expected = one_by_one(spans, since=since, zone=zone)
    assert found == expected
    assert [at.utcoffset() for at in found] == [at.utcoffset() for at in expected]
    assert orjson.dumps(found) == orjson.dumps(expected)


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("minutes", [17, 1440])
def test_years_of_instants_are_those_of_astimezone(name: str, minutes: int) -> None:
    spans = [timedelta(minutes=minutes * place) for place in range(3660 * 1440 // minutes // 5)]
    zone, since = ZoneInfo(name), datetime(2010, 3, 1, 0, 0, 0, 500000, tzinfo=UTC)
    assert orjson.dumps(local_instants(spans, since=since, zone=zone)) == orjson.dumps(
        one_by_one(spans, since=since, zone=zone)
    )
