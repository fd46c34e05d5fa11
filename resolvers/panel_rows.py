"""Turns what is asked of a page of panels into columns, and these into panels that are made only if need be."""

from collections.abc import Collection, Mapping
from itertools import compress
from types import MappingProxyType
from typing import Any

from strawberry.utils.str_converters import to_camel_case

from metering.readings import Reading
from resolvers.rows import Rows
from store.panel_columns import CELLS, PanelColumns
from store.panels import Panel, PanelStatus

_READING = "latest_reading."


def _field(name: str) -> str:
    """An attribute of a panel as the schema has it."""
    return ".".join(to_camel_case(part) for part in name.split("."))


_COLUMNS: Mapping[str, str] = {
    "nodes.latestReading": f"{_READING}at",
    **{f"nodes.{_field(name)}": name for name in CELLS if name != "id"},
}
"""The column of what may be asked for; the schema's `id` is another one."""


def columns_for(paths: Collection[str]) -> frozenset[str] | None:
    """The columns that answer what is asked for below a page; None where it takes panels."""
    asked = [path for path in paths if path.startswith(("nodes.", "edges")) and not path.endswith(".__typename")]
    found = frozenset(map(_COLUMNS.get, asked))
    return None if None in found else found  # pyright: ignore[reportReturnType] - none of them is None


def rows_of(panels: PanelColumns, part: slice) -> Rows[Panel]:
    """A part of the panels."""
    columns = {name: column[part] for name, column in panels.of.items()}
    reading = {name.removeprefix(_READING): columns.pop(name) for name in [*columns] if name.startswith(_READING)}
    return Rows(_panel, {**columns, "latest_reading": _readings(reading)} if reading else columns)


def _readings(columns: dict[str, list[Any]]) -> Rows[Reading]:
    if None not in columns["at"]:
        return Rows(_reading, columns)
    is_there = [at is not None for at in columns["at"]]
    return Rows(_reading, {name: list(compress(column, is_there)) for name, column in columns.items()}, is_there)


_NOT_ASKED_FOR: Mapping[str, Any] = MappingProxyType({
    "name": "",
    "location": "",
    "floor": 0,
    "is_prepaid": False,
    "meter_number": None,
    "status": PanelStatus.OFFLINE,
    "last_seen_at": None,
    "latest_reading": None,
})  # fmt: skip


def _panel(**known: Any) -> Panel:
    """A panel of which nothing else is asked for."""
    return Panel(**{**_NOT_ASKED_FOR, **known})


def _reading(**known: Any) -> Reading:
    return Reading(**{"received_at": known["at"], **known})
