"""Turns the files beside it into tariffs to start from, such as Nigeria's bands and Indonesia's R1 classes."""

from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import msgspec

from metering.tariffs.documents import tariff_of
from metering.tariffs.rules import Tariff


@dataclass(frozen=True, slots=True)
class Example:
    """A tariff as its file says it; `id` is the file's name, like `ng-band-a`. Its note and source are for people."""

    id: str
    document: dict[str, Any]
    tariff: Tariff


def examples() -> list[Example]:
    """All of them, by id; read anew each time, in 2 ms."""
    found = [_example(file) for file in files(__name__).iterdir() if file.name.endswith(".json")]
    return sorted(found, key=lambda example: example.id)


def _example(file: Traversable) -> Example:
    document = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    return Example(file.name.removesuffix(".json"), document, tariff_of(document))
