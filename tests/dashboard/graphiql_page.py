"""Turns a server's address into GraphiQL as a person uses it: sign in, run, watch; and what the browser saw.

It knows no schema: the caller brings the operation, the login and the words to wait for.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from playwright.async_api import Browser, ConsoleMessage, Page, Request, WebSocket

PATIENCE_S = 30.0
POLL_EVERY_S = 0.05
RESPONSE = """() => globalThis.__MONACO?.editor.getModels()
  .filter(model => model.uri.path.endsWith('response.json')).map(model => model.getValue()).join('')"""
WATCH_POLICY = """globalThis.violations = [];
document.addEventListener('securitypolicyviolation', event =>
  globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`))"""


@dataclass(slots=True)
class GraphiQL:
    """An open page; `errors` holds console errors, page errors and failed requests, `frames` the socket's words."""

    page: Page
    base_url: str
    requests: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])
    frames: list[str] = field(default_factory=list[str])

    async def visit(self, *, query: str | None = None) -> None:
        """Opens the page, with `query` in its only tab, and waits until it can be run."""
        search = f"?{urlencode({'query': query})}" if query else ""
        await self.page.goto(f"{self.base_url}/graphiql{search}")
        await self.page.wait_for_selector(".graphiql-execute-button", timeout=PATIENCE_S * 1000)
        await self.page.wait_for_selector(".graphiql-query-editor .view-line", timeout=PATIENCE_S * 1000)

    async def sign_in(self, *, email: str, password: str) -> None:
        await self.page.get_by_label("E-mail").fill(email)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()

    async def sign_out(self) -> None:
        await self.page.get_by_role("button", name="Sign out").click()

    async def status(self, *, saying: str) -> str:
        """The bar's status line, once it contains the words."""
        line = self.page.locator(".bar [role=status]")
        await line.filter(has_text=saying).wait_for(timeout=PATIENCE_S * 1000)
        return await line.inner_text()

    async def run(self) -> None:
        """Presses play; pressed again it stops a running subscription."""
        await self.page.locator(".graphiql-execute-button").click()

    async def response(self, *, saying: str) -> str:
        """The response pane's text, once it contains the words."""
        shown = ""

        async def has_come() -> bool:
            nonlocal shown
            shown = str(await self.page.evaluate(RESPONSE))
            return saying in shown

        await eventually(has_come, lambda: f"{saying!r} in the response pane, which shows {shown!r}")
        return shown

    async def next_frames(self, *, at_least: int) -> list[Any]:
        """The payloads of the socket's `next` messages, once there are enough of them."""

        async def have_come() -> bool:
            return len(self.payloads()) >= at_least

        await eventually(have_come, lambda: f"{at_least} next messages, got {self.frames}")
        return self.payloads()

    def payloads(self) -> list[Any]:
        messages = [json.loads(frame) for frame in self.frames]
        return [message["payload"] for message in messages if message["type"] == "next"]

    def sent_elsewhere(self) -> list[str]:
        """The addresses of requests that went to any other server than the page's own."""
        own = (f"{self.base_url}/", f"{self.base_url.replace('http', 'ws', 1)}/", "data:", "blob:")
        return [url for url in self.requests if not url.startswith(own)]

    async def policy_violations(self) -> list[str]:
        return await self.page.evaluate("globalThis.violations")


async def eventually(condition: Callable[[], Any], otherwise: Callable[[], str]) -> None:
    """Returns once the awaited condition holds; fails with the words of `otherwise` when patience is over."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not await condition():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"waited {PATIENCE_S:.0f} s for {otherwise()}")
        await asyncio.sleep(POLL_EVERY_S)


@contextlib.asynccontextmanager
async def graphiql(
    browser: Browser, base_url: str, *, color_scheme: Literal["light", "dark"] = "light", width: int = 1400
) -> AsyncGenerator[GraphiQL]:
    """A page in a browser context of its own, its eyes open before the first request."""
    context = await browser.new_context(
        color_scheme=color_scheme, viewport={"width": width, "height": 850}, locale="en-GB"
    )
    await context.add_init_script(WATCH_POLICY)
    opened = GraphiQL(page=await context.new_page(), base_url=base_url)
    _watch(opened)
    yield opened
    await context.close()


def _watch(opened: GraphiQL) -> None:
    def on_request(request: Request) -> None:
        opened.requests.append(request.url)

    def on_failed(request: Request) -> None:
        opened.errors.append(f"{request.url}: {request.failure}")

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            opened.errors.append(message.text)

    def on_socket(socket: WebSocket) -> None:
        opened.requests.append(socket.url)
        for event in ("framesent", "framereceived"):
            socket.on(event, lambda frame: opened.frames.append(str(frame)))

    opened.page.on("request", on_request)
    opened.page.on("requestfailed", on_failed)
    opened.page.on("console", on_console)
    opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.page.on("websocket", on_socket)
