"""Turns the contenders of bench/api.py into running servers, each a process of its own on one database.

What the peers need is installed from their registries into a folder that goes away with the benchmark.
"""

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.processes import free_port, has_python_packages, installed_node, listening

_PEERS = Path(__file__).with_name("peers")
_NPM_PACKAGES = ("postgraphile@5",)
_PIP_PACKAGES = ("fastapi>=0.115", "sqlalchemy>=2,<3")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its port, its process, and what every request to it must carry."""

    port: int
    process: psutil.Process
    headers: Mapping[str, str]


def servers(folder: Path, url: str, *, token: str) -> dict[str, AbstractContextManager[Server]]:
    """Ours first; a peer whose packages cannot be had here is left out, with a line that says so."""
    python, packages = sys.executable, folder / "python"
    signed_in = {"Authorization": f"Bearer {token}"}
    found = {
        "Kilowatch": serving([python, "-m", "bench.server", "PORT", url], url, headers=signed_in),
        "raw Starlette": serving([python, _peer("api_raw_starlette.py"), "PORT"], url),
        "plain Strawberry": serving([python, _peer("api_plain_strawberry.py"), "PORT"], url),
    }
    if has_python_packages(packages, _PIP_PACKAGES, who="FastAPI"):
        path = {"PYTHONPATH": str(packages)}
        found["FastAPI + SQLAlchemy"] = serving([python, _peer("api_fastapi.py"), "PORT"], url, environment=path)
    if program := installed_node(folder, _NPM_PACKAGES, who="PostGraphile", at_least=22):
        modern = {"NODE_PATH": str(folder / "node_modules"), "NODE_ENV": "production", "GRAPHILE_ENV": "production"}
        command = [program, _peer("api_postgraphile.cjs"), "PORT"]
        found["PostGraphile"] = serving(command, url, environment=modern)
    return found


def _peer(name: str) -> str:
    return str(_PEERS / name)


@contextmanager
def serving(
    command: Sequence[str],
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Generator[Server]:
    """Starts a program as a process of its own, PORT among its arguments being a free one, until it listens."""
    port = free_port()
    arguments = [str(port) if part == "PORT" else part for part in command]
    with listening(arguments, port, environment={"DATABASE_URL": url, **(environment or {})}) as process:
        yield Server(port, process, headers or {})
