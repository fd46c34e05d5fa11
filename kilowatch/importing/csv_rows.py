"""Turns blocks of lines of separated values into columns, and keeps the lines that do not have as many."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from kilowatch.importing.files import MAX_LINE_BYTES, Block
from kilowatch.importing.parts import Part, RejectedLine
from metering.readings import Rejected
from metering.transfer import AT, FLAGS, PANEL, RECEIVED_AT, bad_row

_DELIMITERS: Final = ",;\t"
_NULLS: Final = ["", "null", "NULL"]
_TEXT: Final = pa.string()
_INSTANT, _LOCAL_TIME = pa.timestamp("us", "UTC"), pa.timestamp("us")


def header_of(line: bytes) -> tuple[list[str], str]:
    """The names of a header, and what separates them: a comma, a semicolon or a tab."""
    text = line.decode("utf-8-sig", "replace")
    delimiter = max(_DELIMITERS, key=text.count)
    return _separated(text, delimiter=delimiter), delimiter


@dataclass(slots=True)
class CsvRows:
    """Reads blocks of a file whose columns are `matched`, by our names or None.

    Instants are tried as those with an offset, then as local times; where that fails, or a number is none, the block
    is read as text, of which each value is looked at.
    """

    matched: Sequence[str | None]
    delimiter: str
    _instants: list[pa.DataType] = field(default_factory=lambda: [_INSTANT, _LOCAL_TIME])

    def parts(self, blocks: Iterable[Block]) -> Iterator[Part]:
        """The blocks' rows."""
        return map(self._part, blocks)

    def _part(self, block: Block) -> Part:
        for instant in self._instants:
            try:
                table, refused = self._table(block.content, instant=instant)
            except pa.ArrowInvalid:
                continue
            self._instants.sort(key=lambda kind: kind != instant)
            return self._located(block, table, refused)
        text = block.content.decode("utf-8", "replace").encode()
        try:
            table, refused = self._table(text, instant=_TEXT)
        except pa.ArrowInvalid:
            table, refused = self._table_by_line(text)
        return self._located(block, table, refused)

    def _table(self, content: bytes, *, instant: pa.DataType) -> tuple[pa.Table, list[int]]:
        """The rows, and the indices of the lines that have another number of values.

        Raises:
            pa.ArrowInvalid: a value does not fit its column's type.
        """
        refused: list[int] = []

        def refuse(row: arrow_csv.InvalidRow) -> str:
            refused.append(row.number - 1)
            return "skip"

        table = arrow_csv.read_csv(
            io.BytesIO(content),
            read_options=arrow_csv.ReadOptions(
                use_threads=False, column_names=self._names(), block_size=len(content) + 1
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self.delimiter, ignore_empty_lines=False, invalid_row_handler=refuse
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=self._types(instant),
                include_columns=[name for name in self.matched if name],
                null_values=_NULLS,
                strings_can_be_null=True,
            ),
        )
        if table.num_rows + len(refused) != _line_count(content):
            raise pa.ArrowInvalid("a quotation mark runs over the end of its line")
        return table, refused

    def _table_by_line(self, content: bytes) -> tuple[pa.Table, list[int]]:
        """The same line by line, which no line of a block can spoil for the others."""
        rows: list[list[str]] = []
        refused: list[int] = []
        for number, line in enumerate(_lines(content)):
            values = _separated(line.decode("utf-8", "replace"), delimiter=self.delimiter)
            is_row = len(values) == len(self.matched) or not values
            (rows.append(values) if is_row else refused.append(number))
        columns = {
            name: pa.array([row[n] if row and row[n] not in _NULLS else None for row in rows], _TEXT)
            for n, name in enumerate(self.matched)
            if name
        }
        return pa.table(columns), refused

    def _names(self) -> list[str]:
        return [name or f"({number})" for number, name in enumerate(self.matched)]

    def _types(self, instant: pa.DataType) -> dict[str, pa.DataType]:
        number = _TEXT if instant is _TEXT else pa.float64()
        panel = _TEXT if instant is _TEXT else pa.dictionary(pa.int32(), _TEXT)
        special = {PANEL: panel, AT: instant, RECEIVED_AT: instant, FLAGS: _TEXT}
        return {name: special.get(name, number) for name in self.matched if name}

    def _located(self, block: Block, table: pa.Table, refused: list[int]) -> Part:
        """The rows with their lines; empty lines are no rows."""
        texts = _Texts(block.content)
        numbers = np.delete(np.arange(table.num_rows + len(refused)), refused)
        columns = {name: _whole(table.column(name)) for name in table.column_names}
        filled = np.logical_or.reduce([column.is_valid().to_numpy(zero_copy_only=False) for column in columns.values()])
        for row in np.flatnonzero(~filled):
            filled[row] = bool(texts[int(numbers[row])].strip(f'{self.delimiter}" \r'))
        if not filled.all():
            columns = {name: column.filter(pa.array(filled)) for name, column in columns.items()}
        rows = numbers[filled]
        lines = [RejectedLine(block.line + n, texts[n], self._miscounted(texts[n])) for n in refused]
        return Part(columns, block.line + rows, lambda row: texts[int(rows[row])], lines, block.end)

    def _miscounted(self, text: str) -> Rejected:
        found = len(_separated(text, delimiter=self.delimiter))
        return bad_row(f"the line has {found} values; accepted: {len(self.matched)}, as many as the first line")


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _separated(text: str, *, delimiter: str) -> list[str]:
    """The values of a line; one value, all of it, for what is no such line."""
    try:
        rows = list(csv.reader([text.replace("\0", "\N{REPLACEMENT CHARACTER}")], delimiter=delimiter))
    except csv.Error:
        return [text]
    return rows[0] if rows else []


def _line_count(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n"))


def _lines(content: bytes) -> list[bytes]:
    return content.removesuffix(b"\n").replace(b"\r\n", b"\n").split(b"\n")


class _Texts:
    """The lines of a block as text, split when one is asked for; of a long one, its first 64 KiB."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._split: list[bytes] | None = None

    def __getitem__(self, number: int) -> str:
        if self._split is None:
            self._split = _lines(self._content)
        return self._split[number][:MAX_LINE_BYTES].decode("utf-8", "replace")
