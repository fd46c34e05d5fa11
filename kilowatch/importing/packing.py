"""Turns columns of readings into the rows of a binary COPY, as the writer stages them."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kilowatch.importing.conversion import Converted
from kilowatch.importing.parts import Ints
from metering.transfer import VALUE_COLUMNS
from store.staging import STAGED_COLUMNS

_POSTGRES_EPOCH_US: Final = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_KINDS: Final = {32: ">f4", 64: ">f8"}
_ABSENT: Final = 0xFF
"""Each of the four bytes of a length of -1: NULL."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of every row: its values in network order; `present` (n,) says where there is one, None everywhere."""

    data: NDArray[Any]
    present: NDArray[np.bool_] | None = None


def packed_rows(found: Converted, *, panel_ids: Ints, rows: Ints) -> bytes:
    """The chosen `rows` (m,) as rows of a binary COPY of STAGED_COLUMNS, without its header and end.

    `panel_ids` are those of `found.codes`. Every row has its fields side by side in a matrix of bytes; where values
    are missing a mask takes their bytes out, which is 20 times as fast as tuples.
    """
    fields = [_field(name, found, panel_ids=panel_ids, rows=rows) for name in STAGED_COLUMNS]
    width = 2 + sum(4 + field.data.itemsize for field in fields)
    matrix: Bytes = np.empty((len(rows), width), np.uint8)
    matrix[:, :2] = _big_endian(struct.pack(">h", len(fields)))
    kept = np.ones((len(rows), width), np.bool_)
    offset = 2
    for field in fields:
        _put(matrix, kept, field, offset)
        offset += 4 + field.data.itemsize
    return (matrix if kept.all() else matrix[kept]).tobytes()


def _put(matrix: Bytes, kept: NDArray[np.bool_], field: _Field, offset: int) -> None:
    size = field.data.itemsize
    matrix[:, offset : offset + 4] = _big_endian(struct.pack(">i", size))
    matrix[:, offset + 4 : offset + 4 + size] = field.data.view(np.uint8).reshape(-1, size)
    if field.present is not None:
        absent = ~field.present
        matrix[absent, offset : offset + 4] = _ABSENT
        kept[absent, offset + 4 : offset + 4 + size] = False


def _big_endian(packed: bytes) -> Bytes:
    return np.frombuffer(packed, np.uint8)


def _field(name: str, found: Converted, *, panel_ids: Ints, rows: Ints) -> _Field:
    """One field of the chosen rows."""
    if name == "panel_id":
        return _Field(panel_ids[found.code_index[rows]].astype(">i4"))
    if name in ("at", "received_at"):
        instants = found.at_us if name == "at" else found.received_at_us
        return _Field((instants[rows] - _POSTGRES_EPOCH_US).astype(">i8"))
    if name == "flags":
        return _Field(found.flags[rows].astype(">i2"))
    if name == "is_partial":
        return _Field(np.zeros(len(rows), np.uint8))
    return _value(name, found, rows=rows)


def _value(name: str, found: Converted, *, rows: Ints) -> _Field:
    (kind,) = (_KINDS[column.bits] for column in VALUE_COLUMNS if column.name == name)
    if name not in found.values:
        return _Field(np.zeros(len(rows), kind), np.zeros(len(rows), np.bool_))
    values = found.values[name][rows]
    present = ~np.isnan(values)
    data = values.astype(kind)
    return _Field(data) if present.all() else _Field(data, present)


def in_order(found: Converted, *, rows: Sequence[int] | Ints) -> Ints:
    """The rows by panel and then by instant: so the database finds its index pages one after the other."""
    chosen = np.asarray(rows, np.int64)
    return chosen[np.lexsort((found.at_us[chosen], found.code_index[chosen]))]
