"""Turns what payment providers post into settled payments, once their signature is right; 200 only after the commit."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from kilowatch.web.counts import Counts
from kilowatch.web.endpoint.answers import failure, refusal
from kilowatch.web.engine.json_text import encoded
from metering.payments import PaymentProvider, Selling, is_signed
from resolvers import payment_events
from resolvers.payment_events import Outcome
from store.connections import Pool

_log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 131_072
_MAX_DISCARDED_BYTES: Final = 5_000_000
"""What is read and thrown away of a longer body: a client that is still sending when we hang up sees no answer."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What each provider signs with; never shown."""

    of: Mapping[PaymentProvider, str] = field(default_factory=dict[PaymentProvider, str], repr=False)

    def selling(self, *, vendor_currency: str | None) -> Selling:
        """What may be sold: payments are taken by providers whose secret is known."""
        return Selling(frozenset(self.of), vendor_currency)


@dataclass(frozen=True, slots=True)
class PaymentEvents:
    """The endpoints `/payments/paystack` and `/payments/flutterwave`."""

    pool: Pool
    secrets: Secrets
    selling: Selling
    counts: Counts
    now: Callable[[], datetime]

    def routes(self) -> list[Route]:
        """One route a provider."""
        return [Route("/payments/paystack", self.paystack, methods=["POST"]),
                Route("/payments/flutterwave", self.flutterwave, methods=["POST"])]  # fmt: skip

    async def paystack(self, request: Request) -> Response:
        """An event from Paystack."""
        return await self._counted(request, PaymentProvider.PAYSTACK)

    async def flutterwave(self, request: Request) -> Response:
        """An event from Flutterwave."""
        return await self._counted(request, PaymentProvider.FLUTTERWAVE)

    async def _counted(self, request: Request, provider: PaymentProvider) -> Response:
        try:
            outcome, response = await self._answered(request, provider)
        except Exception as error:  # noqa: BLE001 - the last resort: the provider is told to come again
            outcome, response = "ERROR", failure(error)
        self.counts.payment_events[provider.value, outcome] += 1
        return response

    async def _answered(self, request: Request, provider: PaymentProvider) -> tuple[str, Response]:
        """What came of an event, and the answer: 404 without the provider's secret, 413, 401, 400 or 200."""
        secret = self.secrets.of.get(provider)
        if secret is None:
            message = f"This server takes no payments by {provider.value}."
            return "NOT_SET_UP", refusal(404, "PAYMENTS_NOT_SET_UP", message)
        body = await _body(request)
        if body is None:
            return "TOO_LARGE", refusal(413, "BODY_TOO_LARGE", f"An event may have {MAX_BODY_BYTES:,} bytes.")
        if not is_signed(provider, body, secret=secret, headers=request.headers):
            self._warn(provider)
            return "BAD_SIGNATURE", refusal(401, "BAD_SIGNATURE", "The signature is not that of this body.")
        outcome = await payment_events.take(self.pool, provider, body, selling=self.selling, now=self.now)
        if outcome is Outcome.UNREADABLE:
            return outcome.value, refusal(400, "UNREADABLE_EVENT", "The body is no event that we can read.")
        return outcome.value, Response(encoded({"status": "ok"}), 200, _HEADERS, "application/json")

    def _warn(self, provider: PaymentProvider) -> None:
        """Says it once: strangers can post as much as they like, and /metrics counts it."""
        if not self.counts.payment_events[provider.value, "BAD_SIGNATURE"]:
            _log.warning("an event with a wrong signature was posted in the name of %s", provider.value)


_HEADERS: Final = {"Cache-Control": "no-store"}


async def _body(request: Request) -> bytes | None:
    """The whole body; None when it is too long, or ended before its time."""
    kept, size = bytearray(), 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= MAX_BODY_BYTES:
                kept += chunk
            if size > _MAX_DISCARDED_BYTES:
                break
    except ClientDisconnect:
        return None
    return None if size > MAX_BODY_BYTES else bytes(kept)
