"""Turns blocks of lines, a JSON object each, into columns, and keeps the lines that are none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from kilowatch.importing.files import MAX_LINE_BYTES, Block
from kilowatch.importing.parts import Part, RejectedLine
from metering.refusals import Refused
from metering.transfer import AT, FLAGS, PANEL, RECEIVED_AT, bad_row

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_TEXTS: Final = (PANEL, AT, RECEIVED_AT, FLAGS)


def keys_of(line: bytes) -> list[str]:
    """The keys of a line.

    Raises:
        Refused: BAD_HEADER when it is no JSON object.
    """
    try:
        return list(msgspec.json.decode(line.removeprefix(_BYTE_ORDER_MARK), type=dict[str, Any]))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        message = f"the first line is no JSON object ({error}); accepted: one object a line, or another --format"
        raise Refused("BAD_HEADER", message, "header") from None


@dataclass(slots=True)
class JsonRows:
    """Reads blocks of a file whose keys are matched to our names: theirs by ours."""

    keys: Mapping[str, str]
    _decoder: msgspec.json.Decoder[Any] = field(init=False)

    def __post_init__(self) -> None:
        fields = [(name, (str if name in _TEXTS else float) | None, None) for name in self.keys]
        row = msgspec.defstruct("Row", fields, rename=dict(self.keys), gc=False)
        self._decoder = msgspec.json.Decoder(row)

    def parts(self, blocks: Iterable[Block]) -> Iterator[Part]:
        """The blocks' rows."""
        return map(self._part, blocks)

    def _part(self, block: Block) -> Part:
        content = block.content.removeprefix(_BYTE_ORDER_MARK) if block.line == 1 else block.content
        lines = content.split(b"\n")
        numbers = [number for number, line in enumerate(lines) if line.strip()]
        try:
            rows: Sequence[Any] = self._decoder.decode_lines(content)
            refused: list[RejectedLine] = []
        except (msgspec.MsgspecError, ValueError, RecursionError):
            rows, numbers, refused = self._by_line(lines, numbers, first=block.line)
        columns = {name: self._column(name, rows) for name in self.keys}
        kept = np.array(numbers, np.int64)
        return Part(columns, block.line + kept, lambda row: _text(lines[numbers[row]]), refused, block.end)

    def _by_line(
        self, lines: Sequence[bytes], numbers: Sequence[int], *, first: int
    ) -> tuple[list[Any], list[int], list[RejectedLine]]:
        """Rows, their indices, and the lines that are none: one of them spoils none of the others."""
        rows: list[Any] = []
        kept: list[int] = []
        refused: list[RejectedLine] = []
        for number in numbers:
            try:
                rows.append(self._decoder.decode(lines[number]))
                kept.append(number)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                why = bad_row(f"the line cannot be read: {error}")
                refused.append(RejectedLine(first + number, _text(lines[number]), why))
        return rows, kept, refused

    def _column(self, name: str, rows: Sequence[Any]) -> pa.Array:
        kind = pa.string() if name in _TEXTS else pa.float64()
        return pa.array([getattr(row, name) for row in rows], kind)


def _text(line: bytes) -> str:
    return line[:MAX_LINE_BYTES].decode("utf-8", "replace").rstrip("\r")
