"""Turns an address and a password into answers and live events, by gql (pip install "gql[httpx,websockets]")."""

from collections.abc import AsyncGenerator
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

LOG_IN = """mutation LogIn($input: LogInInput!) {
  logIn(input: $input) { session { accessToken } refusal { code message } }
}"""


async def sign_in(url: str, *, email: str, password: str) -> str:
    """A token; PermissionError with a code when the server refuses."""
    request = GraphQLRequest(LOG_IN, variable_values={"input": {"email": email, "password": password}})
    async with Client(transport=HTTPXAsyncTransport(url=url)) as session:
        answer = await session.execute(request)
    if refusal := answer["logIn"]["refusal"]:
        raise PermissionError(f"{refusal['code']}: {refusal['message']}")
    return answer["logIn"]["session"]["accessToken"]


async def ask(url: str, query: str, *, token: str, **variables: Any) -> dict[str, Any]:
    """The data of a query or a mutation; TransportQueryError with the coded errors otherwise."""
    transport = HTTPXAsyncTransport(url=url, headers={"Authorization": f"Bearer {token}"})
    async with Client(transport=transport) as session:
        return await session.execute(GraphQLRequest(query, variable_values=variables))


async def events(url: str, query: str, *, token: str, **variables: Any) -> AsyncGenerator[dict[str, Any]]:
    """What a subscription tells, over ws:// or wss://."""
    transport = WebsocketsTransport(url=url, init_payload={"authorization": f"Bearer {token}"})
    async with Client(transport=transport) as session:
        async for data in session.subscribe(GraphQLRequest(query, variable_values=variables)):
            yield data
