"""Turns a Parquet file into columns, some 30,000 rows at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from kilowatch.importing.parts import Part, Place
from metering.refusals import Refused
from metering.transfer import AT, FLAGS, PANEL, RECEIVED_AT

_ROWS_A_PART: Final = 30_000
_CODE: Final = pa.dictionary(pa.int32(), pa.string())


def names_of(file: parquet.ParquetFile) -> list[str]:
    """The names of its columns."""
    return file.schema_arrow.names


@dataclass(slots=True)
class ParquetRows:
    """Reads a file whose columns are matched to our names: theirs by ours.

    Raises:
        Refused: BAD_HEADER when a column is of a type that cannot hold what it is to hold.
    """

    file: parquet.ParquetFile
    names: Mapping[str, str]

    def __post_init__(self) -> None:
        for ours, theirs in self.names.items():
            kind = self.file.schema_arrow.field(theirs).type
            if not _can_hold(ours, kind):
                raise Refused("BAD_HEADER", f"column {theirs!r} is of type {kind}; accepted: {_accepted(ours)}")

    def parts(self, *, start: Place) -> Iterator[Part]:
        """What comes after a place."""
        line = 0
        for batch in self.file.iter_batches(_ROWS_A_PART, columns=list(self.names.values())):
            first, line = line, line + batch.num_rows
            if line > start.line:
                yield self._part(batch.slice(max(start.line - first, 0)), first=max(start.line, first))

    def _part(self, batch: pa.RecordBatch, *, first: int) -> Part:
        columns = {ours: _plain(ours, batch.column(theirs)) for ours, theirs in self.names.items()}
        numbers = np.arange(first + 1, first + 1 + batch.num_rows, dtype=np.int64)
        end = Place(first + batch.num_rows, first + batch.num_rows)
        return Part(columns, numbers, lambda row: _row_text(batch, row), [], end)


def _plain(name: str, column: pa.Array) -> pa.Array:
    if name == PANEL:
        return pc.cast(column, pa.string())
    if name in (AT, RECEIVED_AT, FLAGS) or _is_text(column.type):
        return column
    return pc.cast(column, pa.float64(), safe=False)


def _row_text(batch: pa.RecordBatch, row: int) -> str:
    return msgspec.json.encode(
        {name: str(value) for name, value in batch.slice(row, 1).to_pylist()[0].items()}
    ).decode()


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_coded_text(kind: pa.DataType) -> bool:
    return _is_text(kind) or (pa.types.is_dictionary(kind) and _is_text(kind.value_type))


def _can_hold(name: str, kind: pa.DataType) -> bool:
    if name == PANEL:
        return _is_coded_text(kind)
    if name in (AT, RECEIVED_AT):
        return pa.types.is_timestamp(kind) or _is_text(kind)
    if name == FLAGS:
        return _is_coded_text(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)
    return (
        pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    )


def _accepted(name: str) -> str:
    if name in (AT, RECEIVED_AT):
        return "timestamps, or text"
    return "text" if name in (PANEL, FLAGS) else "numbers"
