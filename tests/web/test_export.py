"""A link downloads what was granted, for as long as it is good and its account may see the panel."""

import asyncio
import csv
import io
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import psycopg
import pyarrow as pa
import pytest
from pyarrow import parquet

from kilowatch.web.export import Slot
from kilowatch.web.export_links import ExportLinks
from metering.access import Role
from metering.readings import Reading
from metering.transfer import COLUMNS, TransferFormat
from resolvers.exports import ExportGrant
from store.connections import connect_async
from tests.fixtures.readings import metering
from tests.fixtures.server import (
    KEY,
    WITHIN_S,
    GraphQLClient,
    Server,
    add_account,
    add_panel,
    make_app,
    serving,
    token_of,
)

START_AT = datetime(2026, 3, 1, tzinfo=UTC)
LINK = """query ($format: TransferFormat!) {
  panel(code: "A") {
    exportLink(from: "2026-03-01T00:00:00Z", to: "2026-03-02T00:00:00Z", format: $format) { url expiresAt }
  }
}"""
INVALID = {
    "errors": [
        {
            "message": "This link is not valid, or has expired: ask for a new one.",
            "extensions": {"code": "EXPORT_LINK_INVALID"},
        }
    ]
}


@pytest.fixture
async def ann(database_url: str) -> int:
    """Who sees the panel A, which has readings, and not B."""
    panel_id = await add_panel(database_url, "A")
    await add_panel(database_url, "B")
    async with metering(database_url) as meters:
        await meters.store([(panel_id, reading_at(START_AT + n * timedelta(minutes=10), n)) for n in range(200)])
    return await add_account(database_url, panels=("A",))


def reading_at(at: datetime, kwh: float) -> Reading:
    return Reading(at, at, energy_import_kwh=kwh, active_power_kw=1.5)


async def link_of(api: Server, account_id: int, file_format: str = "CSV") -> str:
    async with GraphQLClient(api, account_id=account_id) as client:
        answer = await client.ask(LINK, format=file_format)
    return api.root + answer["data"]["panel"]["exportLink"]["url"]


async def get(url: str, **request: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=WITHIN_S) as http:
        return await http.get(url, **request)


def granted(account_id: int, *, code: str = "A", issued_at: datetime | None = None) -> str:
    grant = ExportGrant(account_id, code, START_AT, START_AT + timedelta(days=1), TransferFormat.CSV)
    return ExportLinks(KEY, lambda: issued_at or datetime.now(UTC)).issue(grant).url


async def test_a_link_downloads_the_panels_readings_of_its_period(api: Server, ann: int) -> None:
    answer = await get(await link_of(api, ann))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="A_2026-03-01_2026-03-02.csv"'
    assert answer.headers["cache-control"] == "no-store"
    header, *rows = csv.reader(io.StringIO(answer.text))
    assert tuple(header) == COLUMNS
    assert [row[:3] for row in rows[:2]] == [
        ["A", "2026-03-01T07:00:00+07:00", "0"],
        ["A", "2026-03-01T07:10:00+07:00", "1"],
    ]
    assert len(rows) == 144


async def test_every_format_is_told_by_its_type_and_name(api: Server, ann: int) -> None:
    lines = await get(await link_of(api, ann, "JSONL"))
    assert (lines.headers["content-type"], len(lines.text.splitlines())) == ("application/x-ndjson; charset=utf-8", 144)
    file = await get(await link_of(api, ann, "PARQUET"))
    assert file.headers["content-disposition"].endswith('.parquet"')
    table = parquet.read_table(pa.BufferReader(file.content))
    assert table.column("energy_import_kwh").to_pylist() == [float(n) for n in range(144)]


async def test_a_link_says_when_it_ends_and_then_is_like_a_wrong_one(api: Server, ann: int) -> None:
    async with GraphQLClient(api, account_id=ann) as client:
        found = (await client.ask(LINK, format="CSV"))["data"]["panel"]["exportLink"]
    left = datetime.fromisoformat(found["expiresAt"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    expired = await get(api.root + granted(ann, issued_at=datetime.now(UTC) - timedelta(minutes=11)))
    wrong = await get(f"{api.root}{found['url'][:-8]}AAAAAAAA")
    assert [(each.status_code, each.json()) for each in (expired, wrong)] == [(404, INVALID)] * 2


async def test_rights_are_asked_for_again_when_a_link_is_used(api: Server, ann: int, database_url: str) -> None:
    url = await link_of(api, ann)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM panel_access")
    withdrawn = await get(url)
    assert (withdrawn.status_code, withdrawn.json()) == (404, INVALID)
    other, unknown = await get(api.root + granted(ann, code="B")), await get(api.root + granted(ann, code="C"))
    assert [other.json(), unknown.json()] == [INVALID, INVALID]
    admin = await add_account(database_url, role=Role.ADMIN, email="root@example.org")
    assert (await get(api.root + granted(admin, code="B"))).text == ",".join(COLUMNS) + "\n"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM account WHERE id = %s", (ann,))
    assert (await get(api.root + granted(2**40))).json() == INVALID


async def test_a_link_is_no_session_and_a_session_no_link(api: Server, ann: int) -> None:
    token = (await link_of(api, ann)).rpartition("/")[2]
    async with GraphQLClient(api) as client:
        refused = await client.ask_with(token, "{ viewer { email } }")
    assert refused["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await get(f"{api.root}/export/{token_of(ann)}")).json() == INVALID


@pytest.mark.parametrize(
    "change", [{"aud": "kilowatch"}, {"sub": "x"}, {"from": "x"}, {"format": "xls"}, {"exp": 10**18}]
)
async def test_a_link_with_other_claims_is_like_a_wrong_one(api: Server, ann: int, change: dict[str, Any]) -> None:
    token = granted(ann).rpartition("/")[2]
    claims = jwt.decode(token, options={"verify_signature": False}) | change
    answer = await get(f"{api.root}/export/{jwt.encode(claims, KEY, algorithm='HS256')}")
    assert (answer.status_code, answer.json()) == (404, INVALID)
    forged = jwt.encode(claims | {"aud": "kilowatch/export"}, KEY + b"!", algorithm="HS256")
    assert (await get(f"{api.root}/export/{forged}")).json() == INVALID


@asynccontextmanager
async def slow_download(url: str) -> AsyncIterator[httpx.Response]:
    """One that was begun and is not read on."""
    async with httpx.AsyncClient(timeout=WITHIN_S) as http, http.stream("GET", url) as answer:
        assert answer.status_code == 200
        yield answer


MANY = """
INSERT INTO reading (panel_id, at, received_at, batch_id, energy_import_kwh)
SELECT 2, '2026-03-01'::timestamptz + n * interval '1 ms', now(), 1, n FROM generate_series(1, 60000) AS n"""
OPEN = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'kilowatch serve export'"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not await condition():  # noqa: ASYNC110 - what others do has no event
            await asyncio.sleep(0.02)


async def test_an_account_may_have_two_downloads_and_gets_its_place_back(database_url: str, ann: int) -> None:
    async with await connect_async(database_url) as connection:
        await connection.execute(MANY)
        admin = await add_account(database_url, role=Role.ADMIN, email="root@example.org")
        async with serving(make_app(database_url), has_small_buffers=True) as api:
            url = api.root + granted(admin, code="B")

            async def is_there_room() -> bool:
                return (await get(url)).text.count("\n") == 60_001

            async def is_closed() -> bool:
                return not await (await connection.execute(OPEN)).fetchall()

            async with slow_download(url), slow_download(url):
                refused = await get(url)
                assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
                assert refused.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_EXPORTS"
                assert (await get(api.root + granted(ann))).status_code == 200
            await until(is_there_room)
            await until(is_closed)


async def test_a_download_that_the_database_cuts_short_is_not_taken_for_whole(
    database_url: str, ann: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with await connect_async(database_url) as connection:
        await connection.execute(MANY)
        async with serving(make_app(database_url), has_small_buffers=True) as api:
            admin = await add_account(database_url, role=Role.ADMIN, email="root@example.org")
            async with slow_download(api.root + granted(admin, code="B")) as answer:
                await connection.execute(OPEN.replace("SELECT", "SELECT pg_terminate_backend(pid)", 1))
                with pytest.raises(httpx.RemoteProtocolError):
                    await answer.aread()
            assert "a download was cut short" in caplog.text
            assert "Traceback" not in caplog.text


async def test_being_asked_for_its_headers_alone_costs_no_file(api: Server, ann: int) -> None:
    async with httpx.AsyncClient(timeout=WITHIN_S) as http:
        answer = await http.head(await link_of(api, ann))
    assert (answer.status_code, answer.content) == (200, b"")
    assert "attachment" in answer.headers["content-disposition"]


def test_a_slot_is_given_back_once() -> None:
    running = Counter({1: 2})
    slot = Slot(running, 1)
    slot.free()
    slot.free()
    assert running == {1: 1}
