"""Turns a running product's address into its dashboard as a person uses it, and what the browser saw of it."""

import contextlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext, Locator, Page, Request, WebSocket, expect

from tests.dashboard.graphiql_page import WATCH_POLICY

PATIENCE_MS = 30_000


@dataclass(slots=True)
class Dashboard:
    """An open page; `errors` holds console errors and page errors, `sent` what went over its websockets."""

    page: Page
    base_url: str
    requests: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])
    sent: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def visit(self, address: str = "/") -> None:
        await self.page.goto(self.base_url + address)

    async def sign_in(self, email: str, password: str) -> None:
        await self.page.get_by_label("E-mail").fill(email)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in", exact=True).click()

    def card(self, code: str) -> Locator:
        return self.page.locator(f".panel[data-code='{code}']")

    def power(self, code: str) -> Locator:
        """The big number of a card."""
        return self.card(code).locator(".power strong")

    def chart(self, name: Literal["power", "usage", "balance", "fan"]) -> Locator:
        return self.page.locator(f"svg[data-chart={name}]")

    def form(self, name: str) -> Locator:
        return self.page.get_by_role("form", name=name, exact=True)

    async def says(self, place: Locator, text: str) -> None:
        """Waits until a place contains the text."""
        await expect(place).to_contain_text(text, timeout=PATIENCE_MS)

    async def is_live(self) -> None:
        await self.says(self.page.locator(".state"), "Live")

    async def width_beyond_the_window(self) -> int:
        return await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")

    def subscribed(self, name: str) -> list[dict[str, Any]]:
        """The variables of each start of a subscription, in order."""
        started = [message["payload"] for message in self.sent if message["type"] == "subscribe"]
        return [payload["variables"] for payload in started if f"subscription {name}" in payload["query"]]

    async def stayed_at_home(self) -> None:
        """Nothing went to or came from another server, and nothing was refused by the policy or failed."""
        own = (f"{self.base_url}/", f"{self.base_url.replace('http', 'ws', 1)}/")
        assert [url for url in self.requests if not url.startswith(own)] == []
        assert await self.page.evaluate("globalThis.violations") == []
        assert self.errors == []


@contextlib.asynccontextmanager
async def dashboard(
    browser: Browser,
    base_url: str,
    *,
    color_scheme: Literal["light", "dark"] = "light",
    width: int = 1280,
    time_zone: str = "Africa/Lagos",
) -> AsyncGenerator[Dashboard]:
    """A page in a browser context of its own, in British English, its eyes open before the first request."""
    context: BrowserContext = await browser.new_context(
        color_scheme=color_scheme,
        viewport={"width": width, "height": 844},
        locale="en-GB",
        timezone_id=time_zone,
        has_touch=width < 500,
        reduced_motion="reduce",
    )
    await context.add_init_script(WATCH_POLICY)
    opened = Dashboard(await context.new_page(), base_url)
    _watch(opened)
    yield opened
    await context.close()


def _watch(opened: Dashboard) -> None:
    def on_request(request: Request) -> None:
        opened.requests.append(request.url)

    def on_socket(socket: WebSocket) -> None:
        opened.requests.append(socket.url)
        socket.on("framesent", lambda frame: opened.sent.append(json.loads(frame)))

    opened.page.on("request", on_request)
    opened.page.on(
        "console", lambda said: opened.errors.append(said.text) if said.type in {"error", "warning"} else None
    )
    opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.page.on("websocket", on_socket)
