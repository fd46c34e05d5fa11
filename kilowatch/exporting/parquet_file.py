"""Turns lines of CSV into the bytes of a Parquet file, a row group at a time."""

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from kilowatch.exporting.columns import Kind
from store.transfer import Lines

_GROUP_BYTES: Final = 8 << 20
_TYPES: Final = {
    Kind.TEXT: pa.string(),
    Kind.INSTANT: pa.timestamp("us", "UTC"),
    Kind.REAL: pa.float32(),
    Kind.DOUBLE: pa.float64(),
    Kind.COUNT: pa.int64(),
    Kind.ENERGY: pa.decimal128(18, 6),
}


def parquet_file(lines: Iterable[Lines], *, columns: Mapping[str, Kind]) -> Iterator[Lines]:
    """The file's bytes as they come to be, each with how many rows it took; instants are in UTC, to the microsecond."""
    drain = _Drain()
    types = {name: _TYPES[kind] for name, kind in columns.items()}
    writer = parquet.ParquetWriter(drain, pa.schema(list(types.items())), compression="zstd")
    for group in _groups(lines):
        writer.write_table(_table(group.content, types))
        yield Lines(drain.taken(), group.count)
    writer.close()
    yield Lines(drain.taken(), 0)


def _groups(lines: Iterable[Lines]) -> Iterator[Lines]:
    """The lines in pieces of about 8 MiB, some 60,000 readings: larger groups saved less than 2 % more."""
    waiting: list[Lines] = []
    for some in lines:
        waiting.append(some)
        if sum(len(each.content) for each in waiting) >= _GROUP_BYTES:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(lines: list[Lines]) -> Lines:
    return Lines(b"".join(each.content for each in lines), sum(each.count for each in lines))


def _table(content: bytes, types: Mapping[str, pa.DataType]) -> pa.Table:
    return arrow_csv.read_csv(
        io.BytesIO(content),
        read_options=arrow_csv.ReadOptions(use_threads=False, column_names=list(types), block_size=len(content) + 1),
        convert_options=arrow_csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True),
    )


class _Drain(io.RawIOBase):
    """A file that is only written, and emptied on the way."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """How much was written in all."""
        return self._size

    def write(self, data: "bytes | memoryview", /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Keeps what is written until it is taken."""
        self._pieces.append(bytes(data))
        self._size += len(self._pieces[-1])
        return len(self._pieces[-1])

    def taken(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
