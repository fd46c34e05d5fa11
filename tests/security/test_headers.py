"""Every answer carries the security headers, none sets a cookie, and no other site's page may read one."""

import asyncio
from collections.abc import AsyncGenerator

import httpx
import pytest

from tests.fixtures.server import Server, make_app, serving

ALWAYS = {
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}
QUERY = {"query": "{ __typename }"}


@pytest.fixture
async def site(database_url: str) -> AsyncGenerator[Server]:
    async with serving(make_app(database_url, graphiql=True)) as running:
        yield running


async def answers(site: Server) -> list[httpx.Response]:
    """Answers of every kind: data, pages, files, streams, refusals."""
    async with httpx.AsyncClient(base_url=site.root) as http:
        return [
            await http.post("/graphql", json=QUERY),
            await http.post("/graphql", json=QUERY, headers={"Accept": "text/event-stream"}),
            await http.post("/graphql", json=QUERY, headers={"Authorization": "Bearer wrong"}),
            await http.post("/graphql", content=b"{", headers={"Content-Type": "application/json"}),
            *[await http.request(method, "/graphql") for method in ("GET", "PUT", "OPTIONS")],
            *[
                await http.get(path)
                for path in (
                    "/",
                    "/app/none/main.js",
                    "/graphiql",
                    "/graphiql/assets/none.js",
                    "/healthz",
                    "/readyz",
                    "/metrics",
                    "/export/none",
                    "/nowhere",
                )
            ],
            await http.post("/payments/paystack", content=b"{}"),
            await http.get("/healthz", headers={"Long": "x" * 200_000}),
        ]


async def test_every_answer_has_the_security_headers_once(site: Server) -> None:
    for answer in await answers(site):
        where = f"{answer.request.method} {answer.request.url.path} {answer.status_code}"
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS, where
        policy = answer.headers.get_list("content-security-policy")
        assert len(policy) == 1, where
        assert policy[0].startswith("default-src 'none'; "), where
        assert "frame-ancestors 'none'" in policy[0], where
        scripts = [part for part in policy[0].split("; ") if part.startswith("script-src")]
        assert scripts in ([], ["script-src 'self'"]), where
        assert "strict-transport-security" not in answer.headers, where


async def test_a_request_that_cannot_be_read_is_answered_with_them_too(site: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"no request of HTTP\r\n\r\n")
    answer = (await reader.read()).decode().lower()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith("http/1.1 400 ")
    for name, value in ALWAYS.items():
        assert answer.count(f"\r\n{name}: {value}\r\n") == 1, answer


async def test_pages_are_kept_apart_from_the_windows_that_opened_them_and_from_sensors(site: Server) -> None:
    async with httpx.AsyncClient(base_url=site.root) as http:
        for path in ("/", "/graphiql"):
            answer = await http.get(path)
            assert answer.headers["cross-origin-opener-policy"] == "same-origin"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "geolocation=()" in answer.headers["permissions-policy"]


async def test_no_answer_sets_a_cookie_or_lets_other_sites_read_it(site: Server) -> None:
    for answer in await answers(site):
        assert "set-cookie" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


async def test_a_page_of_another_site_is_allowed_nothing_by_default(site: Server) -> None:
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    async with httpx.AsyncClient(base_url=site.root) as http:
        asked = await http.options("/graphql", headers=asks)
        answered = await http.post("/graphql", json=QUERY, headers={"Origin": "https://evil.example"})
    for answer in (asked, answered):
        assert [name for name in answer.headers if name.startswith("access-control-")] == []


async def test_a_handshake_of_another_sites_page_is_refused_without_a_cookie(site: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(
        b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\nOrigin: https://evil.example\r\n\r\n"
    )
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    writer.close()
    await writer.wait_closed()
    assert head.startswith(b"http/1.1 403 ")
    assert b"set-cookie" not in head
