"""What a request says of where it came from is believed of trusted proxies alone."""

import json
from collections.abc import Sequence

import httpx
import pytest
from websockets.asyncio.client import connect

from kilowatch.web.serve import Surroundings
from tests.security.surrounded import served, who_asks

CLAIM = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}


async def asked(port: int, headers: Sequence[tuple[str, str]]) -> httpx.Response:
    async with httpx.AsyncClient() as http:
        return await http.get(f"http://127.0.0.1:{port}/", headers=list(headers))


async def asked_by_socket(port: int) -> list[str]:
    async with connect(f"ws://127.0.0.1:{port}/", additional_headers=CLAIM) as socket:
        return json.loads(await socket.recv())


@pytest.mark.parametrize("trusted", [(), ("10.0.0.0/8",), ("127.0.0.2", "::1")])
async def test_nobody_else_can_say_that_it_is_somebody_else(trusted: tuple[str, ...]) -> None:
    async with served(who_asks, Surroundings(trusted_proxies=trusted)) as port:
        answer = await asked(port, list(CLAIM.items()))
        assert answer.json() == ["127.0.0.1", "http"]
        assert "strict-transport-security" not in answer.headers
        assert await asked_by_socket(port) == ["127.0.0.1", "ws"]


@pytest.mark.parametrize("trusted", [("127.0.0.1",), ("10.0.0.0/8", "127.0.0.0/8")])
async def test_a_trusted_proxy_says_who_asks_by_what(trusted: tuple[str, ...]) -> None:
    async with served(who_asks, Surroundings(trusted_proxies=trusted)) as port:
        answer = await asked(port, list(CLAIM.items()))
        assert answer.json() == ["203.0.113.7", "https"]
        assert "strict-transport-security" in answer.headers
        assert await asked_by_socket(port) == ["203.0.113.7", "wss"]


@pytest.mark.parametrize(("trusted", "client"), [("127.0.0.1", "203.0.113.7"), ("10.0.0.0/8", "::ffff:127.0.0.1")])
async def test_a_proxy_is_known_by_its_ipv4_address_where_the_server_listens_on_ipv6_too(
    trusted: str, client: str
) -> None:
    async with served(who_asks, Surroundings(trusted_proxies=(trusted,)), host="::") as port:
        assert (await asked(port, list(CLAIM.items()))).json()[0] == client


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([("X-Forwarded-For", "198.51.100.1, 203.0.113.7")], "203.0.113.7"),
        ([("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.7")], "203.0.113.7"),
        ([("X-Forwarded-For", "203.0.113.7, 127.0.0.9")], "203.0.113.7"),
        ([("X-Forwarded-For", "")], "127.0.0.1"),
    ],
)
async def test_what_a_client_claimed_before_the_proxy_counts_for_nothing(
    headers: list[tuple[str, str]], client: str
) -> None:
    async with served(who_asks, Surroundings(trusted_proxies=("127.0.0.0/8",))) as port:
        assert (await asked(port, headers)).json()[0] == client
