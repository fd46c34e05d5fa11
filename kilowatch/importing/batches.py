"""Turns parts of a file into batches that the database takes as they are, and the rows that it must not take."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from kilowatch.importing.clocks import LocalClock
from kilowatch.importing.conversion import Converted, converted, shown_at, since_epoch_us
from kilowatch.importing.packing import in_order, packed_rows
from kilowatch.importing.parts import Ints, Part, Place, RejectedLine
from metering.transfer import too_old, unknown_panel
from store.imports import RejectedRow
from store.staging import PackedRows

_NOBODY = -1


class Site(Protocol):
    """What has to be known of the database to read a file."""

    def panel_ids(self, codes: Sequence[str]) -> dict[str, int]:
        """The ids of the panels of these codes; a panel that is missing from the answer is not there."""
        ...

    def readings_kept_since(self) -> datetime | None:
        """From when on readings are taken; None: all."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a file up to the place `end`: how many there were, those to store, and those that are no readings."""

    packed: PackedRows
    rejected: list[RejectedRow]
    row_count: int
    end: Place


@dataclass(slots=True)
class Batches:
    """Makes batches: `panel` is whose rows without a panel are, `clock` that of times without an offset.

    Rows up to `after_line` were stored by an earlier run: the clock sees them, and nothing else.
    """

    site: Site
    panel: str | None
    clock: LocalClock | None
    now: datetime
    after_line: int = 0
    _known: dict[str, int] = field(default_factory=dict[str, int])

    def of(self, parts: Iterable[Part]) -> Iterator[Batch]:
        """A batch for each part that is not stored yet."""
        for part in parts:
            found = converted(part, panel=self.panel, clock=self.clock, now=self.now)
            if part.end.line > self.after_line:
                self._refuse_old(found)
                yield self._batch(part, found)

    def _batch(self, part: Part, found: Converted) -> Batch:
        panel_ids = self._panel_ids(found)
        good = _good_rows(found)
        rows = in_order(found, rows=good[part.lines[good] > self.after_line])
        content = packed_rows(found, panel_ids=panel_ids, rows=rows)
        packed = PackedRows(content, len(rows), _months(found.at_us[rows]))
        rejected = [row for row in _rejected(part, found) if row.line > self.after_line]
        return Batch(packed, rejected, len(rows) + len(rejected), part.end)

    def _refuse_old(self, found: Converted) -> None:
        """Asked for each batch, because the horizon moves; two minutes pass before anything is removed."""
        since = self.site.readings_kept_since()
        if since is not None:
            for row in np.flatnonzero(found.at_us < since_epoch_us(since)):
                found.faults.setdefault(int(row), too_old(shown_at(int(found.at_us[row])), since=since))

    def _panel_ids(self, found: Converted) -> Ints:
        """The id of each of the codes that good rows have; rows of a panel that is not there are at fault."""
        used = np.unique(found.code_index[_good_rows(found)])
        codes = [found.codes[int(number)] for number in used]
        if unknown := [code for code in codes if code not in self._known]:
            self._known |= self.site.panel_ids(unknown)
        ids = np.full(len(found.codes) + 1, _NOBODY, np.int64)
        ids[used] = [self._known.get(code, _NOBODY) for code in codes]
        if missing := [number for number in used if ids[number] == _NOBODY]:
            for row in np.flatnonzero(np.isin(found.code_index, missing)):
                found.faults.setdefault(int(row), unknown_panel(found.codes[int(found.code_index[row])]))
        return ids


def _good_rows(found: Converted) -> Ints:
    return np.delete(np.arange(len(found.at_us)), list(found.faults))


def _months(at_us: Ints) -> tuple[datetime, ...]:
    """An instant of each month."""
    months = np.unique(at_us.astype("datetime64[us]").astype("datetime64[M]"))
    return tuple(month.astype(datetime).replace(tzinfo=UTC) for month in months.astype("datetime64[us]"))


def _rejected(part: Part, found: Converted) -> list[RejectedRow]:
    """The lines that are no readings, in their order."""
    bad = [RejectedLine(int(part.lines[row]), part.text_of(row), why) for row, why in found.faults.items()]
    lines = sorted([*bad, *part.refused], key=lambda rejected: rejected.line)
    return [RejectedRow(each.line, each.why.code, each.why.reason, each.text) for each in lines]
