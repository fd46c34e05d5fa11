"""Runs the benchmarks named on the command line, or all: `python -m bench [ingest] [api] [demo] …`."""

import argparse
import os
import platform
import subprocess
import sys
from importlib.metadata import version

NAMES = (
    "ingest",
    "api",
    "fanout",
    "bad-input",
    "demo",
    "big-table",
    "disk",
    "transfer",
    "forecast",
    "log-in",
    "access",
)


def machine() -> str:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    parts = [f"{os.cpu_count()} cores", platform.platform(terse=True), f"Python {platform.python_version()}"]
    parts += [f"{name} {version(name)}" for name in ("strawberry-graphql", "psycopg", "gmqtt")]
    return ", ".join([*parts, f"load {load:.1f}"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}; all when none is given")
    chosen = parser.parse_args().names or NAMES
    if unknown := set(chosen) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    print(machine(), flush=True)
    codes = [
        subprocess.run([sys.executable, "-m", f"bench.{name.replace('-', '_')}"], check=False).returncode
        for name in chosen
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
