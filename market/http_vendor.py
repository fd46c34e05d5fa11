"""Asks a vendor with a JSON API like VTpass's over HTTP: one request a question, a value for every way it ends."""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import httpx

from market.vendor_answers import answer_of, document_of, verification_of
from market.vendors import Answer, NotSent, NotTold, Order, Payment, Unclear, Unseen, Verification

MAX_ANSWER_BYTES: Final = 262_144
CONNECT_WITHIN_S: Final = 10.0
ANSWER_WITHIN_S: Final = 60.0
"""Vendors wait for the utility; one that took 37 s has led others to pay twice."""

_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpVendorSettings:
    """Where the vendor is and who we are there; `service` is the utility, in the vendor's words."""

    url: str
    api_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    service: str
    phone: str
    answer_within_s: float = ANSWER_WITHIN_S


class HttpVendor:
    """A vendor at an address, until it is closed.

    Each request has a connection of its own: on one that is kept open nobody could tell whether a request that found
    it closed had been taken in.
    """

    def __init__(self, settings: HttpVendorSettings) -> None:
        connect_within_s = min(CONNECT_WITHIN_S, settings.answer_within_s)
        self._settings = settings
        self._within_s = connect_within_s + settings.answer_within_s
        self._client = httpx.AsyncClient(
            base_url=settings.url,
            headers={"api-key": settings.api_key, "secret-key": settings.secret_key},
            timeout=httpx.Timeout(settings.answer_within_s, connect=connect_within_s),
            limits=httpx.Limits(max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
        )

    async def verify(self, meter_number: str) -> Verification:
        """Whether units can be bought for a meter."""
        service = self._settings.service
        body = {"billersCode": meter_number, "serviceID": service, "type": "prepaid"}
        found = await self._asked("merchant-verify", body)
        return verification_of(found) if isinstance(found, dict) else NotTold(found.detail)

    async def pay(self, order: Order) -> Payment:
        """Buys, with one request, which is never repeated by itself."""
        body = {
            "request_id": order.reference,
            "serviceID": self._settings.service,
            "billersCode": order.meter_number,
            "variation_code": "prepaid",
            "amount": f"{order.price.amount:f}",
            "phone": self._settings.phone,
        }
        found = await self._asked("pay", body)
        if not isinstance(found, dict):
            return found
        answer = answer_of(found, reference=order.reference)
        return Unclear(answer.detail) if isinstance(answer, Unseen) else answer

    async def query(self, reference: str) -> Answer:
        """What became of a purchase."""
        found = await self._asked("requery", {"request_id": reference})
        return answer_of(found, reference=reference) if isinstance(found, dict) else Unclear(found.detail)

    async def _asked(self, path: str, body: dict[str, str]) -> dict[str, Any] | NotSent | Unclear:
        """The answer's JSON object, whatever its status: the code in it says more."""
        try:
            async with asyncio.timeout(self._within_s), self._client.stream("POST", path, json=body) as answer:
                content = await _bounded(answer)
        except _NOT_SENT as error:
            return NotSent(f"no connection: {type(error).__name__}")
        except (httpx.HTTPError, TimeoutError) as error:
            return Unclear(f"no answer: {type(error).__name__}")
        if content is None:
            return Unclear(f"HTTP {answer.status_code} with an answer of over {MAX_ANSWER_BYTES:,} bytes")
        return document_of(content) or Unclear(f"HTTP {answer.status_code} without a JSON object")

    async def close(self) -> None:
        """Lets go of what is open."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def _bounded(answer: httpx.Response) -> bytes | None:
    """The body; None when it has too many bytes."""
    content = bytearray()
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            return None
    return bytes(content)
