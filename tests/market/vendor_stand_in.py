"""A token vendor on a socket of its own, over VTpass's HTTP shape, that can do everything that goes wrong."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from market.http_vendor import HttpVendorSettings

METER = "45012345678"


@dataclass(slots=True)
class VendorStandIn:
    """Sells to METER; `pay_by` and `query_by` say how it behaves. What it has sold is in `sold`, by reference."""

    port: int = 0
    pay_by: str = "answer"
    query_by: str = "answer"
    is_meter_known: bool = True
    units: Any = "24.1 kWh"
    paid: Counter[str] = field(default_factory=Counter[str])
    queried: Counter[str] = field(default_factory=Counter[str])
    sold: dict[str, str] = field(default_factory=dict[str, str])
    headers: list[bytes] = field(default_factory=list[bytes])
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    paid_once: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def settings(self, *, answer_within_s: float = 5.0) -> HttpVendorSettings:
        return HttpVendorSettings(
            url=f"http://127.0.0.1:{self.port}/api/",
            api_key="the-api-key",
            secret_key="the-secret-key",
            service="ikeja-electric",
            phone="08011111111",
            answer_within_s=answer_within_s,
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-le")
        )
        body = json.loads(await reader.readexactly(length))
        self.headers.append(head)
        self.bodies.append(body)
        path = head.split(b" ")[1].decode()
        if path.endswith("/merchant-verify"):
            await self._say(writer, self._verified())
        elif path.endswith("/pay"):
            await self._pay(writer, body["request_id"])
        else:
            await self._query(writer, body["request_id"])

    def _verified(self) -> dict[str, Any]:
        if not self.is_meter_known:
            return {"code": "000", "content": {"error": "Meter is not known here", "WrongBillersCode": True}}
        return {"code": "000", "content": {"Customer_Name": "ANN", "Meter_Number": METER}}

    async def _pay(self, writer: asyncio.StreamWriter, reference: str) -> None:
        """It sells first, and is in trouble after, as vendors are; but for declining and what comes before."""
        self.paid[reference] += 1
        if self.pay_by == "decline":
            self.paid_once.set()
            return await self._say(writer, {"code": "018", "response_description": "LOW WALLET BALANCE"})
        if self.pay_by != "forget":
            self.sold.setdefault(reference, f"{70_000_000_000_000_000_000 + len(self.sold)}")
        self.paid_once.set()
        return await self._behave(writer, reference, self.pay_by)

    async def _query(self, writer: asyncio.StreamWriter, reference: str) -> None:
        self.queried[reference] += 1
        if reference not in self.sold and self.query_by == "answer":
            return await self._say(writer, {"code": "015", "response_description": "INVALID REQUEST ID"})
        return await self._behave(writer, reference, self.query_by)

    async def _behave(self, writer: asyncio.StreamWriter, reference: str, how: str) -> None:
        answer = self.delivered(reference) if reference in self.sold else {}
        if how in {"hang", "forget"}:
            await self.go_on.wait()
        elif how == "garbage":
            await self._send(writer, b"<html>\xff\x00 down for maintenance", status="200 OK")
        elif how == "die":
            content = json.dumps(answer).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content[:40]))
            await writer.drain()
        else:
            status = "500 Internal Server Error" if how == "500" else "200 OK"
            await self._say(writer, _words(how, answer), status=status)

    def delivered(self, reference: str) -> dict[str, Any]:
        token = self.sold[reference]
        slip = "-".join(token[start : start + 4] for start in range(0, 20, 4))
        return {
            "code": "000",
            "content": {"transactions": {"status": "delivered", "transactionId": f"v-{reference}"}},
            "response_description": "TRANSACTION SUCCESSFUL",
            "requestId": reference,
            "purchased_code": f"Token : {slip}",
            "units": self.units,
        }

    async def _say(self, writer: asyncio.StreamWriter, answer: dict[str, Any], *, status: str = "200 OK") -> None:
        await self._send(writer, json.dumps(answer).encode(), status=status)

    async def _send(self, writer: asyncio.StreamWriter, content: bytes, *, status: str) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        await writer.drain()


def _words(how: str, answer: dict[str, Any]) -> dict[str, Any]:
    """What a vendor says that behaves so, where `answer` would be right."""
    return {
        "answer": answer,
        "500": {"message": "Server Error"},
        "processing": {"code": "099", "response_description": "TRANSACTION IS PROCESSING"},
        "other": answer | {"requestId": "202601010000another", "purchased_code": "9" * 20},
        "tokenless": {key: value for key, value in answer.items() if key != "purchased_code"},
        "huge": answer | {"padding": "x" * 400_000},
        "used": {"code": "014", "response_description": "REQUEST ID ALREADY EXIST"},
    }[how]


@asynccontextmanager
async def vendor_stand_in() -> AsyncIterator[VendorStandIn]:
    """A running vendor; everything that hangs is let go at the end."""
    vendor = VendorStandIn()
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    vendor.port = server.sockets[0].getsockname()[1]
    try:
        yield vendor
    finally:
        vendor.go_on.set()
        server.close()
        await server.wait_closed()
