"""Turns a folder with a package-lock.json into its node_modules, where a registry of npm packages can be reached."""

import contextlib
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

from dashboard.node import Node

TIMEOUT_S = 600
# npm waits minutes for a registry that does not answer, unless it is told otherwise.
QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
IMPATIENT = ("--fetch-retries=1", "--fetch-retry-mintimeout=500", "--fetch-timeout=30000")

Say = Callable[[str], object]


class NotInstalledError(Exception):
    """npm could not install the packages; the message says why."""


def ensure_installed(found: Node, folder: Path, *, say: Say) -> None:
    """Makes node_modules of `folder` what its lock says; nothing is done when it was made from the same lock.

    Raises:
        NotInstalledError: npm or its registry is away, or the lock does not fit package.json.
    """
    lock, made_from = folder / "package-lock.json", folder / "node_modules" / ".made-from"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if made_from.is_file() and made_from.read_text() == wanted:
        return
    packages = len(json.loads(lock.read_text())["packages"]) - 1  # one is ourselves
    say(f"installing up to {packages} npm packages with Node {found.version} …\n")
    _ci(found, folder)
    made_from.write_text(wanted)


def _ci(found: Node, folder: Path) -> None:
    with _environment(found) as environment:
        try:
            done = subprocess.run(  # noqa: S603 - our own words
                [*found.npm, "ci", *QUIET, *IMPATIENT],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as trouble:
            raise NotInstalledError(f"npm did not finish ({trouble})") from trouble
    if done.returncode:
        raise NotInstalledError(f"npm could not install the packages ({_first_error(done.stderr)})")


@contextlib.contextmanager
def _environment(found: Node) -> Generator[dict[str, str]]:
    """The environment for npm: our Node first on PATH, and a passing cache where the home cannot hold one."""
    path = os.pathsep.join((str(Path(found.program).parent), os.environ.get("PATH", os.defpath)))
    with tempfile.TemporaryDirectory(prefix="kilowatch-npm-", ignore_cleanup_errors=True) as passing:
        cache = {} if _has_home() else {"npm_config_cache": passing}
        yield {"npm_config_update_notifier": "false", "NO_COLOR": "1", **cache, **os.environ, "PATH": path}


def _has_home() -> bool:
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE", "")
    return bool(home) and os.access(home, os.W_OK)


def _first_error(stderr: str) -> str:
    said = [line.removeprefix("npm error").strip() for line in stderr.splitlines() if line.startswith("npm error")]
    return ": ".join(said[:2]).removeprefix("code ") or "it did not say why"
