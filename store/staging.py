"""Turns readings into rows of a temporary table, from which one statement merges them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import Connection

from metering.readings import PhaseValues, Reading
from store.connections import Row

PanelReading = tuple[int, Reading]
"""A panel's id and what its meter said."""

StagedRow = Sequence[Any]
"""The values of STAGED_COLUMNS, in their order: integer, two aware datetimes, floats or None, an integer, a bool."""


@dataclass(frozen=True, slots=True)
class PackedRows:
    """Rows of STAGED_COLUMNS in the bytes of a binary COPY, without its header and end.

    `instants` has one of each month (UTC) in which there are rows.
    """

    content: bytes
    count: int
    instants: tuple[datetime, ...]


VALUES: LiteralString = """
    voltage_r_v, voltage_s_v, voltage_t_v, voltage_n_v, current_r_a, current_s_a, current_t_a, current_n_a,
    active_power_kw, apparent_power_kva, power_factor, energy_import_kwh, energy_export_kwh,
    voltage_unbalance, current_unbalance"""
"""The measured values of a row, in the order of all tables of readings."""

STAGED_COLUMNS: Final[tuple[str, ...]] = (
    "panel_id", "at", "received_at", *(name.strip() for name in VALUES.split(",")), "flags", "is_partial"
)  # fmt: skip

_CREATE_STAGING = """
CREATE TEMPORARY TABLE IF NOT EXISTS staged_reading (
    panel_id integer, at timestamptz, received_at timestamptz,
    voltage_r_v real, voltage_s_v real, voltage_t_v real, voltage_n_v real,
    current_r_a real, current_s_a real, current_t_a real, current_n_a real,
    active_power_kw double precision, apparent_power_kva double precision, power_factor real,
    energy_import_kwh double precision, energy_export_kwh double precision,
    voltage_unbalance real, current_unbalance real, flags smallint, is_partial boolean
) ON COMMIT DELETE ROWS"""

_COPY: LiteralString = f"""
COPY staged_reading (panel_id, at, received_at, {VALUES}, flags, is_partial) FROM STDIN (FORMAT BINARY)"""
_TYPES: Final = (
    "int4", "timestamptz", "timestamptz", *["float4"] * 8, *["float8"] * 2, "float4", *["float8"] * 2,
    *["float4"] * 2, "int2", "bool",
)  # fmt: skip


def create_staging(connection: Connection[Row]) -> None:
    """Makes the table that rows are staged in; it is emptied at the end of each transaction."""
    connection.execute(_CREATE_STAGING)


_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"


def stage(connection: Connection[Row], rows: Iterable[StagedRow] | PackedRows) -> None:
    """Copies rows into the table; they may come in any order."""
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        if isinstance(rows, PackedRows):
            for piece in (_HEADER, rows.content, _END):
                copy.write(piece)
            return
        copy.set_types(_TYPES)
        write_row = copy.write_row
        for row in rows:
            write_row(row)


def staged_rows(readings: Iterable[PanelReading]) -> Iterable[StagedRow]:
    """The readings as rows to stage."""
    return (_staged(panel_id, reading) for panel_id, reading in readings)


_NOT_MEASURED: Final = PhaseValues()


def _staged(panel_id: int, reading: Reading) -> StagedRow:
    volts, amperes = reading.voltage_v or _NOT_MEASURED, reading.current_a or _NOT_MEASURED
    return (
        panel_id, reading.at, reading.received_at,
        volts.r, volts.s, volts.t, volts.n, amperes.r, amperes.s, amperes.t, amperes.n,
        reading.active_power_kw, reading.apparent_power_kva, reading.power_factor,
        reading.energy_import_kwh, reading.energy_export_kwh,
        reading.voltage_unbalance, reading.current_unbalance, int(reading.flags), reading.is_partial,
    )  # fmt: skip
