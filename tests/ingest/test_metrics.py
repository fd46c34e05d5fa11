"""Ingest's own /metrics."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from ingest.metrics import IngestState, MetricsPortError, in_prometheus, serving_metrics

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
STATE = IngestState(
    received=120,
    committed=100,
    rejected=3,
    dropped=0,
    backlog=20,
    backlog_bytes=4100,
    oldest_at=NOW - timedelta(seconds=7),
    is_connected=True,
    away_since=NOW - timedelta(seconds=5),
)
NAME = "kilowatch_ingest_process_"


async def asked(method: str, path: str) -> httpx.Response:
    async with (
        serving_metrics(lambda: STATE, host="127.0.0.1", port=0, now=lambda: NOW) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        return await client.request(method, path)


def test_what_waits_and_since_when_is_told_in_seconds() -> None:
    lines = in_prometheus(STATE, now=NOW).splitlines()
    values = dict(line.split() for line in lines if not line.startswith("#"))
    assert values == {
        f"{NAME}received_total": "120.0",
        f"{NAME}committed_total": "100.0",
        f"{NAME}rejected_total": "3.0",
        f"{NAME}dropped_total": "0.0",
        f"{NAME}backlog": "20.0",
        f"{NAME}backlog_bytes": "4100.0",
        f"{NAME}oldest_waiting_seconds": "7.0",
        f"{NAME}connected": "1.0",
        f"{NAME}database_up": "0.0",
        f"{NAME}database_away_seconds": "5.0",
    }


async def test_prometheus_gets_its_text_format() -> None:
    answer = await asked("GET", "/metrics?x=1")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert f"# TYPE {NAME}backlog gauge\n{NAME}backlog 20.0\n" in answer.text


async def test_a_head_request_gets_the_length_alone() -> None:
    answer = await asked("HEAD", "/metrics")
    assert (answer.status_code, answer.text) == (200, "")
    assert int(answer.headers["content-length"]) > 0


async def test_other_pages_and_methods_are_told_what_there_is() -> None:
    assert [(await asked(*what)).status_code for what in (("GET", "/"), ("POST", "/metrics"))] == [404, 405]


async def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    async with serving_metrics(lambda: STATE, host="127.0.0.1", port=0) as port:
        with pytest.raises(MetricsPortError, match=f"127.0.0.1:{port} .*KILOWATCH_INGEST_METRICS_PORT to a free one"):
            async with serving_metrics(lambda: STATE, host="127.0.0.1", port=port):
                raise AssertionError


async def test_a_client_that_says_nonsense_stops_nobody() -> None:
    async with serving_metrics(lambda: STATE, host="127.0.0.1", port=0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x00" * 40_000)
        assert b"200" not in await reader.read()
        writer.close()
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/metrics")).status_code == 200
