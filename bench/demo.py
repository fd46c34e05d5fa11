"""How long `kilowatch demo` takes from its start to its first answers, with and without data there."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kilowatch.demo.site import PANELS, PASSWORD, PEOPLE
from kilowatch.embedded.postgres import EmbeddedPostgres

_PATIENCE_S = 300
_SIGN_IN = "mutation($i: LogInInput!) { logIn(input: $i) { session { accessToken } } }"
_PANELS = "{ panels { totalCount nodes { code today { energyKwh } } } }"


def ask(url: str, query: str, variables: dict[str, object], *, token: str | None = None) -> dict[str, object] | None:
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:  # noqa: S310
            return json.load(answer).get("data")
    except OSError:
        return None


def first_answer(url: str, *, process: subprocess.Popen[bytes]) -> None:
    until(lambda: ask(url, "{ __typename }", {}), process=process)


def first_panels(url: str, *, process: subprocess.Popen[bytes]) -> None:
    """Signs in as the admin and lists every panel with today's usage."""

    def panels() -> object:
        session = ask(url, _SIGN_IN, {"i": {"email": PEOPLE[0].email, "password": PASSWORD}})
        if not session or not session["logIn"]["session"]:
            return None
        found = ask(url, _PANELS, {}, token=session["logIn"]["session"]["accessToken"])
        return found and found["panels"]["totalCount"] == len(PANELS)

    until(panels, process=process)


def until(done: object, *, process: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + _PATIENCE_S
    while not done():
        if process.poll() is not None or time.monotonic() > ends_at:
            raise RuntimeError("the demo did not answer")
        time.sleep(0.05)


def run(folder: Path) -> dict[str, float]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**os.environ, "KILOWATCH_DATA_DIR": str(folder), "KILOWATCH_PORT": str(port)}
    url = f"http://127.0.0.1:{port}/graphql"
    took: dict[str, float] = {}
    started = time.monotonic()
    with (folder / "demo.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "kilowatch", "demo"], env=environment, stdout=log, stderr=log)
        try:
            first_answer(url, process=process)
            took["first answered query"] = time.monotonic() - started
            first_panels(url, process=process)
            took["signed in, every panel with today's usage"] = time.monotonic() - started
            until(lambda: b"Kilowatch is running" in (folder / "demo.log").read_bytes(), process=process)
            took["history there, meters publishing"] = time.monotonic() - started
        finally:
            asked = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.wait(60)
            took["stop, from Ctrl-C to the prompt"] = time.monotonic() - asked
    return took


def baseline(folder: Path) -> dict[str, float]:
    """The same embedded Postgres alone: what any server on it has to wait for."""
    took = {}
    for name in ("first", "second"):
        started = time.monotonic()
        with EmbeddedPostgres(folder):
            took[name] = time.monotonic() - started
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)  # Postgres runs as another user when we are root
        folder = Path(place, "demo")
        folder.mkdir()
        alone = baseline(Path(place, "alone"))
        first, second = run(folder), run(folder)
    table = Table("kilowatch demo, seconds", "first run", "second run", title="demo: from start to answers")
    table.add_row("embedded Postgres alone (baseline)", f"{alone['first']:.1f}", f"{alone['second']:.1f}")
    for name in first:
        table.add_row(name, f"{first[name]:.1f}", f"{second[name]:.1f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
