"""Turns the contenders of bench/api.py into running servers, each a process of its own on one database.

What the peers need is installed from their registries into a folder that goes away with the benchmark.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.waiting import until
from dashboard import node

KEY = "k" * 32
_PEERS = Path(__file__).with_name("peers")
_NPM_PACKAGES = ("postgraphile@5",)
_PIP_PACKAGES = ("fastapi>=0.115", "sqlalchemy>=2,<3")
_INSTALL_WITHIN_S = 240
_OURS = """
import sys
from kilowatch.serve import application
from kilowatch.settings import Settings
from kilowatch.web.serve import run
settings = Settings(database_url=sys.argv[2], graphiql=False, cost_per_minute=0)
run(application(settings, key=sys.argv[3].encode()), host="127.0.0.1", port=int(sys.argv[1]))
"""


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
        "Kilowatch": serving([python, "-c", _OURS, "PORT", url, KEY], url, headers=signed_in),
        "raw Starlette": serving([python, _peer("api_raw_starlette.py"), "PORT"], url),
        "plain Strawberry": serving([python, _peer("api_plain_strawberry.py"), "PORT"], url),
    }
    if _has_fastapi(packages):
        path = {"PYTHONPATH": str(packages)}
        found["FastAPI + SQLAlchemy"] = serving([python, _peer("api_fastapi.py"), "PORT"], url, environment=path)
    if program := _installed_postgraphile(folder):
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
    port = _free_port()
    arguments = [str(port) if part == "PORT" else part for part in command]
    with subprocess.Popen(arguments, env={**os.environ, "DATABASE_URL": url, **(environment or {})}) as child:
        try:
            until(lambda: _listens(port) or child.poll() is not None)
            assert child.poll() is None, f"{command[:2]} has ended"
            yield Server(port, psutil.Process(child.pid), headers or {})
        finally:
            child.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _has_fastapi(packages: Path) -> bool:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--retries", "1"]
    return _installs([*pip, "--target", str(packages), *_PIP_PACKAGES], "FastAPI")


def _installed_postgraphile(folder: Path) -> str | None:
    """The program of Node, once PostGraphile is in `folder`: it needs Node 22, the wheel has a newer one."""
    found = node.in_wheel() or node.find()
    if found is None or int(found.version.partition(".")[0]) < 22:
        print("PostGraphile is left out: it needs Node 22 with npm")
        return None
    install = [*found.npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), *_NPM_PACKAGES]
    return found.program if _installs(install, "PostGraphile") else None


def _installs(command: Sequence[str], who: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as trouble:
        print(f"{who} is left out: {trouble}")
        return False
    if done.returncode:
        print(f"{who} is left out: {(done.stderr.strip() or 'its packages cannot be had').splitlines()[-1]}")
    return done.returncode == 0
