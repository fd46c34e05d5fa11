"""Turns a small schema with a sign-in and a subscription into a real server on a free port."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute
from strawberry.asgi import GraphQL

EMAIL, PASSWORD = "admin@example.com", "right horse"
TOKEN = "a-token"


@strawberry.type
class Session:
    access_token: str
    expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime


@strawberry.type
class SecondFactorChallenge:
    expires_at: datetime


@strawberry.type
class Refusal:
    code: str
    message: str
    field: str | None


@strawberry.type
class SessionPayload:
    session: Session | None = None
    second_factor: SecondFactorChallenge | None = None
    refusal: Refusal | None = None


@strawberry.input
class LogInInput:
    email: str
    password: str


@strawberry.type
class Panel:
    code: str
    name: str


@strawberry.type
class Reading:
    panel_code: str
    active_power_kw: float


def _signed_in(info: strawberry.Info) -> bool:
    """The bearer token of the request, or of the socket's connection_init payload."""
    context: dict[str, Any] = info.context
    sent: dict[str, str] = context.get("connection_params") or context["request"].headers
    return sent.get("authorization") == f"Bearer {TOKEN}"


@strawberry.type
class Query:
    @strawberry.field
    def panels(self, info: strawberry.Info) -> list[Panel]:
        return [Panel(code="PANEL_LANTAI_1", name="Floor 1")] if _signed_in(info) else []


@strawberry.type
class Mutation:
    @strawberry.mutation
    def log_in(self, input: LogInInput) -> SessionPayload:  # noqa: A002
        if (input.email, input.password) != (EMAIL, PASSWORD):
            refusal = Refusal(code="BAD_LOGIN", message="Wrong e-mail or password.", field="password")
            return SessionPayload(refusal=refusal)
        expires_at = datetime.now(UTC) + timedelta(hours=12)
        session = Session(
            access_token=TOKEN, expires_at=expires_at, refresh_token="kwr_a", refresh_expires_at=expires_at
        )
        return SessionPayload(session=session)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def panel_readings(self, info: strawberry.Info) -> AsyncGenerator[Reading, None]:
        if not _signed_in(info):
            raise PermissionError("sign in first")
        for power_kw in (1.5, 2.5, 3.5):
            yield Reading(panel_code="PANEL_LANTAI_1", active_power_kw=power_kw)
        await asyncio.Event().wait()  # as live as a quiet panel: open until the client leaves


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextlib.asynccontextmanager
async def served(pages: list[BaseRoute]) -> AsyncGenerator[str]:
    """The address of a running server with these pages and `/graphql`, until the block ends."""
    schema = strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription)
    api: Any = GraphQL(schema)
    app = Starlette(routes=[*pages, Route("/graphql", api), WebSocketRoute("/graphql", api)])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = _Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        await server.ready.wait()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await running
