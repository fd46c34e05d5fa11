"""Turns columns as they stand in a file into numbers and instants, and says which rows hold neither."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kilowatch.importing.clocks import LocalClock
from kilowatch.importing.parts import Floats, Ints, Part
from metering.readings import PANEL_CODE, ReadingFlag, Rejected
from metering.transfer import (
    AT,
    FLAGS,
    JUDGED,
    PANEL,
    RECEIVED_AT,
    VALUE_COLUMNS,
    ValueColumn,
    accepted_span,
    bad_code,
    bad_flags,
    bad_time,
    bad_value,
    no_offset,
    no_value,
    out_of_span,
    parse_flags,
    parse_instant,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_US = pa.timestamp("us", "UTC")
_NOWHERE_US = np.iinfo(np.int64).min
_LOCAL_SPAN_US = (
    (datetime(1971, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND,
    (datetime(2200, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND,
)
_NUMBER = r"^ *[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})? *$"


@dataclass(slots=True)
class Converted:
    """Rows as columns of equal length (n,); only rows that are not in `faults` are readings.

    `codes` are the panels that are named, `code_index` says which of them a row is of. Instants are microseconds
    since 1970 (UTC). A value that was not measured is NaN.
    """

    codes: list[str]
    code_index: Ints
    at_us: Ints
    received_at_us: Ints
    values: dict[str, Floats]
    flags: NDArray[np.int16]
    faults: dict[int, Rejected] = field(default_factory=dict[int, Rejected])


def converted(part: Part, *, panel: str | None, clock: LocalClock | None, now: datetime) -> Converted:
    """The rows of a part; what is wrong with a row is its first fault.

    `panel` is whose rows without a panel of their own are, `clock` that of times without an offset.
    """
    faults: dict[int, Rejected] = {}
    codes, code_index = _codes(part, panel=panel, faults=faults)
    reader = _Instants(clock, codes, code_index, faults, now)
    at_us = reader.column(part.columns[AT], name=AT)
    received_at_us = at_us
    if RECEIVED_AT in part.columns:
        received_at_us = reader.column(part.columns[RECEIVED_AT], name=RECEIVED_AT, otherwise_us=at_us)
    values = {c.name: _values(part.columns[c.name], c, faults) for c in VALUE_COLUMNS if c.name in part.columns}
    for row in np.flatnonzero(np.logical_and.reduce([np.isnan(column) for column in values.values()])):
        faults.setdefault(int(row), no_value())
    return Converted(codes, code_index, at_us, received_at_us, values, _flags(part, faults), faults)


def _codes(part: Part, *, panel: str | None, faults: dict[int, Rejected]) -> tuple[list[str], Ints]:
    """The panels that are named, and which of them each row is of; beyond their end for no panel."""
    size = len(part.lines)
    if PANEL not in part.columns:
        return [panel or ""], np.zeros(size, np.int64)
    encoded = part.columns[PANEL]
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    codes: list[str] = [str(code or "").strip() for code in encoded.dictionary.to_pylist()]
    index = encoded.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False).astype(np.int64)
    codes.append(panel or "")
    bad = [number for number, code in enumerate(codes) if PANEL_CODE.fullmatch(code) is None]
    for row in np.flatnonzero(np.isin(index, bad)):
        faults.setdefault(int(row), bad_code(codes[int(index[row])]))
    return codes, index


@dataclass(frozen=True, slots=True)
class _Instants:
    """Reads columns of instants."""

    clock: LocalClock | None
    codes: Sequence[str]
    code_index: Ints
    faults: dict[int, Rejected]
    now: datetime

    def column(self, column: pa.Array, *, name: str, otherwise_us: Ints | None = None) -> Ints:
        """Microseconds since 1970, (n,); rows without an instant have `otherwise_us`, or are at fault."""
        found = self._converted(column, name)
        missing = found == _NOWHERE_US
        if otherwise_us is not None:
            found = np.where(missing, otherwise_us, found)
        else:
            for row in np.flatnonzero(missing):
                self.faults.setdefault(int(row), bad_time(name, ""))
        first, last = (since_epoch_us(at) for at in accepted_span(self.now))
        for row in np.flatnonzero((found < first) | (found > last)):
            self.faults.setdefault(int(row), out_of_span(name, shown_at(int(found[row]))))
        return found

    def _converted(self, column: pa.Array, name: str) -> Ints:
        if not pa.types.is_timestamp(column.type):
            try:
                column = pc.cast(column, _US)
            except pa.ArrowInvalid:
                return self._parsed(column.to_pylist(), name)
        us = pc.cast(column, pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
        found = us.fill_null(_NOWHERE_US).to_numpy(zero_copy_only=False).copy()
        return found if column.type.tz else self._placed(found, found != _NOWHERE_US, name)

    def _parsed(self, texts: Sequence[str | None], name: str) -> Ints:
        """Each text by itself: some have an offset and some have not, or cannot be read."""
        found = np.full(len(texts), _NOWHERE_US, np.int64)
        is_local = np.zeros(len(texts), np.bool_)
        for row, text in enumerate(texts):
            if not text:
                continue
            at = parse_instant(text)
            if at is None:
                self.faults.setdefault(row, bad_time(name, text))
            else:
                is_local[row] = at.tzinfo is None
                found[row] = since_epoch_us(at if at.tzinfo else at.replace(tzinfo=UTC))
        return self._placed(found, is_local, name)

    def _placed(self, found: Ints, is_local: NDArray[np.bool_], name: str) -> Ints:
        """Puts the clock's instants in the place of local times; without a clock those are at fault."""
        rows = np.flatnonzero(is_local)
        if self.clock is None:
            for row in rows:
                self.faults.setdefault(int(row), no_offset(name, shown_at(int(found[row])).removesuffix("+00:00")))
        elif len(rows):
            local = np.clip(found[rows], *_LOCAL_SPAN_US)
            found[rows] = self.clock.instants_us(local, codes=self.codes, code_index=self.code_index[rows])
        return found


def since_epoch_us(at: datetime) -> int:
    """Microseconds since 1970 (UTC)."""
    return (at - _EPOCH) // _MICROSECOND


def shown_at(at_us: int) -> str:
    """The instant as text (UTC)."""
    try:
        return (_EPOCH + timedelta(microseconds=at_us)).isoformat()
    except OverflowError:
        return "beyond the calendar"


def _values(column: pa.Array, bounds: ValueColumn, faults: dict[int, Rejected]) -> Floats:
    """Numbers (n,), NaN where nothing was measured; what is no number within the bounds is at fault."""
    numbers, texts = column, column
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        is_number = pc.match_substring_regex(column, _NUMBER)
        numbers = pc.utf8_trim_whitespace(pc.if_else(is_number, column, None))
    found = pc.cast(numbers, pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
    measured = column.is_valid().to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(measured & ~((found >= bounds.least) & (found <= bounds.most))):
        faults.setdefault(int(row), bad_value(bounds, str(texts[int(row)])))
    return found


def _flags(part: Part, faults: dict[int, Rejected]) -> NDArray[np.int16]:
    """The sums of the rows' flags (n,), without those that are judged anew."""
    size = len(part.lines)
    if FLAGS not in part.columns or part.columns[FLAGS].null_count == size:
        return np.zeros(size, np.int16)
    encoded = pc.cast(part.columns[FLAGS], pa.string()).dictionary_encode()
    texts = [*encoded.dictionary.to_pylist(), ""]
    index = encoded.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)
    parsed = [parse_flags(text) for text in texts]
    for row in np.flatnonzero(np.isin(index, [n for n, flags in enumerate(parsed) if flags is None])):
        faults.setdefault(int(row), bad_flags(texts[index[row]]))
    return np.array([int((flags or ReadingFlag(0)) & ~JUDGED) for flags in parsed], np.int16)[index]
