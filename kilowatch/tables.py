"""Turns rows into a table that keeps every character, or into JSON lines."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

_WITHOUT_LIMIT = 10**7


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a row a line; a terminal that is too narrow folds cells, a pipe or a file gets lines as long as needed."""
    table = Table()
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console()
    if not console.is_terminal:
        console.width = Measurement.get(console, console.options.update_width(_WITHOUT_LIMIT), table).maximum
    console.print(table)


def show_json(rows: Iterable[object]) -> None:
    """Prints one JSON object a line."""
    for row in rows:
        sys.stdout.write(msgspec.json.encode(row).decode() + "\n")


def printable(text: str) -> str:
    """What a terminal shows as it is: a meter's message may hold control sequences."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def shown_at(at: datetime) -> str:
    """An instant to the second, in the zone that it comes in, with its offset."""
    return f"{at:%Y-%m-%d %H:%M:%S%z}"
