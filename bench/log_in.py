"""What 200 log-ins a second do to a server: its memory, its event loop, who gets in, and what the time tells strangers.

`python -m bench.log_in`. A third of the log-ins are right, a third have a wrong password, a third are of nobody; each
comes from an address of its own, so that no limit of an address spares the server the hashing. Beside them somebody
asks for nothing at all ten times a second: how long they wait is what everybody feels. The peer hashes in its handler.
"""

import argparse
import asyncio
import statistics
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from bench.api_servers import serving
from bench.ingest import database, postgres
from bench.stalls import PATH, command
from store.passwords import hashed

ACCOUNTS = 200
RATE = 200
ALONE = 20
_PASSWORD = "correct horse battery"
_ASK = """mutation ($i: LogInInput!) { logIn(input: $i) { session { expiresAt } refusal { code message } } }"""
_WITHIN_S = 20
_KINDS = ("right", "wrong", "nobody's")


@dataclass(slots=True)
class Found:
    """What became of a flood: answers by what was sent and came, waits in s, memory in bytes."""

    answers: Counter[str] = field(default_factory=Counter[str])
    waits_s: list[float] = field(default_factory=list[float])
    bystander_s: list[float] = field(default_factory=list[float])
    before_bytes: int = 0
    most_bytes: int = 0
    stall_ms: float | None = None
    took_s: float = 0.0


def load(url: str) -> None:
    """200 people with the same password."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO account (email, name, role, password_hash)"
            " SELECT 'p' || n || '@example.org', 'P', 'TENANT', %s FROM generate_series(1, %s) AS n",
            (hashed(_PASSWORD), ACCOUNTS),
        )


def _request(kind: str, number: int) -> tuple[dict[str, object], dict[str, str]]:
    who = f"nobody{number}" if kind == "nobody's" else f"p{number % ACCOUNTS + 1}"
    given = {"email": f"{who}@example.org", "password": _PASSWORD if kind == "right" else "wrong horse battery"}
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return {"query": _ASK, "variables": {"i": given}}, {"X-Forwarded-For": address}


async def _log_in(client: httpx.AsyncClient, url: str, kind: str, number: int) -> tuple[str, float]:
    body, headers = _request(kind, number)
    began = time.perf_counter()
    try:
        answer = (await client.post(url, json=body, headers=headers)).json()
    except httpx.HTTPError as error:
        return type(error).__name__, time.perf_counter() - began
    return _code(answer), time.perf_counter() - began


def _code(answer: Any) -> str:
    if "code" in answer:  # the peer's
        return answer["code"]
    if "errors" in answer:
        return answer["errors"][0]["extensions"]["code"]
    payload = answer["data"]["logIn"]
    return "SESSION" if payload["session"] else payload["refusal"]["code"]


async def flood(url: str, process: psutil.Process, *, seconds: int) -> Found:
    """Sends the log-ins when they are due, whether or not those before were answered."""
    found = Found(before_bytes=process.memory_info().rss)
    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(timeout=_WITHIN_S, limits=limits) as client,
        httpx.AsyncClient(timeout=_WITHIN_S) as other,
    ):
        beside = [asyncio.create_task(_watch(process, found)), asyncio.create_task(_bystander(other, url, found))]
        began, sent = time.perf_counter(), list[asyncio.Task[tuple[str, float]]]()
        for number in range(RATE * seconds):
            await asyncio.sleep(max(began + number / RATE - time.perf_counter(), 0))
            sent.append(asyncio.create_task(_log_in(client, url, _KINDS[number % 3], number)))
        for number, (code, wait_s) in enumerate(await asyncio.gather(*sent)):
            found.answers[f"{_KINDS[number % 3]}: {code}"] += 1
            found.waits_s.append(wait_s)
        found.took_s = time.perf_counter() - began
        for task in beside:
            task.cancel()
    return found


async def _watch(process: psutil.Process, found: Found) -> None:
    while True:
        found.most_bytes = max(found.most_bytes, process.memory_info().rss)
        await asyncio.sleep(0.02)


async def _bystander(client: httpx.AsyncClient, url: str, found: Found) -> None:
    while True:
        began = time.perf_counter()
        with suppress(httpx.HTTPError):
            await client.get(url.replace("/graphql", PATH + "?quick"))
        found.bystander_s.append(time.perf_counter() - began)
        await asyncio.sleep(0.1)


async def alone(url: str) -> dict[str, list[float]]:
    """How long a wrong password and an unknown account take, one after the other, in s."""
    waits: dict[str, list[float]] = {"wrong": [], "nobody's": []}
    async with httpx.AsyncClient(timeout=_WITHIN_S) as client:
        for number in range(ALONE):
            for kind, found in waits.items():
                found.append((await _log_in(client, url, kind, 200_000 + number))[1])
    return waits


def measured(name: str, url: str, *, seconds: int) -> tuple[Found, dict[str, list[float]]]:
    """One server, in a process of its own."""
    with serving(command(name, url), url) as server:
        root = f"http://127.0.0.1:{server.port}"
        times = asyncio.run(alone(f"{root}/graphql"))
        httpx.get(root + PATH, timeout=_WITHIN_S)
        found = asyncio.run(flood(f"{root}/graphql", server.process, seconds=seconds))
        found.stall_ms = _stall_ms(root)
    return found, times


def _stall_ms(root: str) -> float | None:
    """The longest hold of the loop; None of a server that cannot say it, because it goes on holding."""
    try:
        return httpx.get(root + PATH, timeout=_WITHIN_S).json()["longest_ms"]
    except httpx.HTTPError:
        return None


def table(results: dict[str, tuple[Found, dict[str, list[float]]]], *, seconds: int) -> Table:
    """A column a server."""
    shown = Table("", *results, title=f"{RATE} log-ins a second for {seconds} s")
    rows = {name: _cells(*result) for name, result in results.items()}
    for row in next(iter(rows.values())):
        shown.add_row(row, *(cells.get(row, "") for cells in rows.values()))
    return shown


def _cells(found: Found, times: dict[str, list[float]]) -> dict[str, str]:
    grown_mb = (found.most_bytes - found.before_bytes) / 1e6
    answers = "\n".join(f"{kind} {count}" for kind, count in sorted(found.answers.items()))
    wrong, nobody = (sorted(times[kind]) for kind in ("wrong", "nobody's"))
    return {
        "memory, most above before": f"{grown_mb:.0f} MB of {found.before_bytes / 1e6:.0f}",
        "event loop, longest hold": "no answer" if found.stall_ms is None else f"{found.stall_ms:.0f} ms",
        "somebody else waits, p50 / most": f"{_ms(found.bystander_s, 0.5)} / {_ms(found.bystander_s, 1)} ms",
        "log-in waits, p50 / p99": f"{_ms(found.waits_s, 0.5)} / {_ms(found.waits_s, 0.99)} ms",
        "all answered after": f"{found.took_s:.1f} s",
        "answers": answers,
        "wrong password, p50 / p95": f"{_ms(wrong, 0.5)} / {_ms(wrong, 0.95)} ms",
        "unknown account, p50 / p95": f"{_ms(nobody, 0.5)} / {_ms(nobody, 0.95)} ms",
        "difference of the means": f"{(statistics.fmean(wrong) - statistics.fmean(nobody)) * 1000:+.1f} ms",
    }


def _ms(values_s: list[float], share: float) -> str:
    ordered = sorted(values_s)
    return f"{ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1000:.0f}" if ordered else "-"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.log_in", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of the flood; 10")
    chosen = parser.parse_args()
    with ExitStack() as running:
        url = running.enter_context(database(running.enter_context(postgres())))
        load(url)
        names = {"Kilowatch": "ours", "hashed in the handler": "inline log-in"}
        for shown, name in names.items():
            result = {shown: measured(name, url, seconds=chosen.seconds)}
            Console(width=110).print(table(result, seconds=chosen.seconds))


if __name__ == "__main__":
    main()
