"""What orchestrators and monitors are told: what is away, and why."""

import asyncio
import logging
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingest.metrics import IngestState, in_prometheus
from kilowatch.embedded.postgres import EmbeddedPostgres
from store.connections import connect_async
from tests.fixtures.database import prepare
from tests.fixtures.server import WITHIN_S, GraphQLClient, Server, add_account, make_app, serving, token_of

BEAT = "UPDATE ingest_status SET heartbeat_at = now() - %s * interval '1 second', is_connected = %s, is_wanted = %s"


async def asked(api: Server, path: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=WITHIN_S) as http:
        return await http.get(api.root + path)


async def failed(api: Server) -> set[str]:
    answer = await asked(api, "/readyz")
    body: dict[str, Any] = answer.json()
    away = {name for name, check in body["checks"].items() if check["state"] != "ok"}
    assert all(body["checks"][name]["reason"] for name in away)
    assert (answer.status_code, body["status"]) == ((503, "failed") if away else (200, "ok"))
    return away


async def test_a_process_that_answers_is_alive(bare_api: Server) -> None:
    answer = await asked(bare_api, "/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("beat", "away"),
    [
        (None, {"ingest", "broker"}),
        ((60, True, True), {"ingest", "broker"}),
        ((1, False, True), {"broker"}),
        ((1, True, True), set()),
        ((1, False, False), set()),
    ],
)
async def test_ingest_and_the_broker_are_judged_by_the_heartbeat(
    api: Server, database_url: str, beat: tuple[int, bool, bool] | None, away: set[str]
) -> None:
    if beat is not None:
        async with await connect_async(database_url) as connection:
            await connection.execute(BEAT, beat)
    async with asyncio.timeout(WITHIN_S):
        while "live" in await failed(api):  # noqa: ASYNC110 - it is just starting
            await asyncio.sleep(0.01)
    assert await failed(api) == away


async def test_the_metrics_are_prometheus_text(api: Server, database_url: str) -> None:
    async with GraphQLClient(api) as client, await connect_async(database_url) as connection:
        await client.ask("{ __typename }")
        await connection.execute("UPDATE ingest_status SET message_count = 7, lag_s = 0.25, backlog = 3")
    text = (await asked(api, "/metrics")).text
    sample = re.compile(r'(# (HELP|TYPE) \w+ .+)|(\w+(\{\w+="\w+"\})? -?[0-9.e+-]+)')
    assert [line for line in text.splitlines() if not sample.fullmatch(line)] == []
    for line in (
        'kilowatch_requests_total{status="200"} 1.0',
        "kilowatch_ingest_messages_total 7.0",
        "kilowatch_ingest_lag_seconds 0.25",
        "kilowatch_ingest_backlog 3.0",
        "kilowatch_database_up 1.0",
        "kilowatch_storage_readings 0.0",
    ):
        assert line in text.splitlines()
    assert "kilowatch_storage_next_month_ready" in text
    assert "kilowatch_storage_readings_bytes" in text


async def test_a_server_starts_without_its_database_and_finds_it_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    postgres = EmbeddedPostgres(tmp_path)
    url = await asyncio.to_thread(postgres.start)
    await asyncio.to_thread(prepare, url)
    account = await add_account(url)
    await asyncio.to_thread(postgres.stop)
    try:
        async with serving(make_app(url)) as api, GraphQLClient(api, account_id=account) as client:
            assert await failed(api) == {"database", "live", "ingest", "broker"}
            assert "kilowatch_database_up 0.0" in (await asked(api, "/metrics")).text
            answer = await client.http.post(api.url, json={"query": "{ viewer { email } }"})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert answer.json()["errors"][0]["extensions"] == {"code": "DATABASE_UNAVAILABLE"}
            await asyncio.to_thread(postgres.start)
            async with asyncio.timeout(2 * WITHIN_S):
                while await failed(api) != {"ingest", "broker"}:  # noqa: ASYNC110 - it is coming back
                    await asyncio.sleep(0.05)
            assert "errors" not in await client.ask("{ viewer { email } }")
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    finally:
        await asyncio.to_thread(postgres.stop)


async def test_a_query_is_told_within_seconds_that_the_database_is_away(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    away = make_app(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/nowhere")
    async with serving(away) as api, httpx.AsyncClient(timeout=15) as http:
        headers = {"Authorization": f"Bearer {token_of(1)}"}
        answer = await http.post(api.url, json={"query": "{ viewer { email } }"}, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_every_metric_is_in_the_documents_with_its_kind_and_words(api: Server, database_url: str) -> None:
    async with await connect_async(database_url) as connection:
        await connection.execute(BEAT, (1, True, True))
        await connection.execute("UPDATE ingest_status SET lag_s = 0.25")
    text = (await asked(api, "/metrics")).text + in_prometheus(_IDLE, now=datetime.now(UTC))
    kinds = dict(re.findall(r"# TYPE (\w+) (\w+)", text))
    told = {(name, kinds[name], words) for name, words in re.findall(r"# HELP (\w+) (.+)", text)}
    page = (Path(__file__).parents[2] / "docs/metrics.md").read_text("utf-8")
    rows = set(re.findall(r"\| `(kilowatch_\w+)`[^|]* \| (\w+) \| (.+) \|", page))
    assert rows - told == {("kilowatch_storage_oldest_reading_age_seconds", "gauge", "Since the oldest reading.")}
    assert told <= rows


_IDLE = IngestState(
    received=0,
    committed=0,
    rejected=0,
    dropped=0,
    backlog=0,
    backlog_bytes=0,
    oldest_at=None,
    is_connected=True,
    away_since=None,
)
