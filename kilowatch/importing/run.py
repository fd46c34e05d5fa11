"""Turns a file of readings into stored ones: read in one thread, stored in another, from where the last run ended."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from pyarrow import ArrowException, parquet

from kilowatch.importing.ahead import made_ahead
from kilowatch.importing.batches import Batch, Batches, Site
from kilowatch.importing.clocks import LocalClock
from kilowatch.importing.csv_rows import CsvRows, header_of
from kilowatch.importing.files import STDIN, Lines, Opened, fingerprint, opened
from kilowatch.importing.json_rows import JsonRows, keys_of
from kilowatch.importing.parquet_rows import ParquetRows, names_of
from kilowatch.importing.parts import Part, Place
from metering.refusals import Refused
from metering.transfer import COLUMNS, TransferFormat, left_out_columns, matched_columns
from store.connections import Connection, connect
from store.imports import (
    FileImport,
    RejectedRow,
    advance_import,
    begin_import,
    finish_import,
    prepare_for_bulk,
    rejected_codes,
    rejected_rows,
)
from store.known_panels import add_panels, known_panels
from store.merge import BatchWriter, database_errors
from store.retention import readings_kept_since

_AHEAD = 2


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file is read. `time_zone` is that of times without an offset, `new_panel_zone` that of panels it adds."""

    file_format: TransferFormat
    renamed: Mapping[str, str]
    panel: str | None = None
    time_zone: ZoneInfo | None = None
    creates_panels: bool = True
    new_panel_zone: str = "UTC"
    is_restart: bool = False

    @property
    def read_as(self) -> str:
        """What of it makes other readings of the same bytes."""
        zone = self.time_zone.key if self.time_zone else None
        return msgspec.json.encode([self.file_format, sorted(self.renamed.items()), self.panel, zone]).decode()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: bytes of the file, of Parquet rows; `total` is None for a pipe. Rows are of this run."""

    done: int = 0
    total: int | None = None
    row_count: int = 0
    new_count: int = 0
    duplicate_count: int = 0
    rejected_count: int = 0

    def counting(self, batch: Batch, *, new_count: int, duplicate_count: int, done: int) -> "Progress":
        """The same a batch later."""
        return replace(
            self,
            done=done,
            row_count=self.row_count + batch.row_count,
            new_count=self.new_count + new_count,
            duplicate_count=self.duplicate_count + duplicate_count,
            rejected_count=self.rejected_count + len(batch.rejected),
        )


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: this run's counts, where it began, and all rejected rows by code, of every run.

    `left_out` are the names of the file's columns that are none of ours.
    """

    progress: Progress
    begun: FileImport
    rejected_codes: Mapping[str, int]
    rejected_file: Path | None
    left_out: tuple[str, ...] = ()

    @property
    def is_all_rejected(self) -> bool:
        """Whether rows were read, in this run or an earlier one, and none of them is a reading."""
        row_count = self.begun.row_count + self.progress.row_count
        return 0 < row_count == self.begun.rejected_count + self.progress.rejected_count


def import_file(database_url: str, name: str, options: ImportOptions, *, tell: Callable[[Progress], None]) -> Imported:
    """Stores the readings of a file, or of standard input (`-`), a transaction a batch; `tell` hears of each.

    A file that was read in part is read on from there; one that was read to its end is left alone.

    Raises:
        Refused: BAD_HEADER, IMPORT_RUNNING, BAD_FORMAT.
        OSError: the file cannot be read.
        DatabaseAwayError: the database went away; run it again.
    """
    digest = None if name == STDIN else fingerprint(Path(name), read_as=options.read_as)
    with opened(name) as file, _source(file, options) as source, closing(connect(database_url)) as connection:
        prepare_for_bulk(connection)
        begun = begin_import(connection, fingerprint=digest, file_name=name, is_restart=options.is_restart)
        progress = Progress(total=source.total)
        if begun.finished_at is None:
            progress = _Run(begun, source, tell).store(database_url, BatchWriter(connection), options)
            finish_import(connection, begun.id)
        written = None if name == STDIN else _write_rejected(Path(name), rejected_rows(connection, begun.id))
        return Imported(progress, begun, rejected_codes(connection, begun.id), written, source.left_out)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file whose header was looked at: its parts after a place, how far it is, of what total, and other columns."""

    parts: Callable[[Place], Iterator[Part]]
    done: Callable[[Place], int]
    total: int | None
    left_out: tuple[str, ...]


@contextmanager
def _source(file: Opened, options: ImportOptions) -> Generator[_Source]:
    if options.file_format is TransferFormat.PARQUET:
        with _parquet(file) as table:
            names = names_of(table)
            matched = _matched(names, options)
            rows = ParquetRows(table, _theirs(names, matched))
            yield _Source(
                lambda start: rows.parts(start=start),
                lambda place: place.line,
                table.metadata.num_rows,
                left_out_columns(names, matched),
            )
        return
    lines = Lines(file.content)
    reader, left_out = _rows(lines, options)

    def parts(start: Place) -> Iterator[Part]:
        if start.offset:
            lines.skip_to(start)
        return reader.parts(lines.blocks())

    yield _Source(parts, lambda _: file.read_bytes, file.stored_bytes, left_out)


def _rows(lines: Lines, options: ImportOptions) -> tuple[CsvRows | JsonRows, tuple[str, ...]]:
    """What reads the rows, and the names of the columns that it leaves out; of JSON, those of the first line."""
    if options.file_format is TransferFormat.CSV:
        header, delimiter = header_of(lines.first_line())
        matched = _matched(header, options)
        return CsvRows(matched, delimiter), left_out_columns(header, matched)
    keys = keys_of(lines.peek_line())
    unseen = [
        name for name in (*options.renamed, *COLUMNS) if name not in keys and name not in options.renamed.values()
    ]
    names = [*keys, *unseen]
    matched = _matched(names, options)
    return JsonRows(_theirs(names, matched)), left_out_columns(names, matched)


def _matched(names: Sequence[str], options: ImportOptions) -> tuple[str | None, ...]:
    return matched_columns(names, renamed=options.renamed, panel=options.panel)


def _theirs(names: Sequence[str], matched: Sequence[str | None]) -> dict[str, str]:
    """What our columns are called in the file."""
    return {ours: name for name, ours in zip(names, matched, strict=True) if ours}


@contextmanager
def _parquet(file: Opened) -> Generator[parquet.ParquetFile]:
    """The file, whose end has to be read first.

    Raises:
        Refused: BAD_FORMAT for a pipe, and for what is no Parquet.
    """
    if file.stored_bytes is None or file.content is not file.stored:
        message = "Parquet is read from a plain file, not from a pipe or from gzip."
        raise Refused("BAD_FORMAT", message, "format")
    try:
        table = parquet.ParquetFile(file.stored)
    except ArrowException as error:
        raise Refused("BAD_FORMAT", f"The file is no Parquet: {error}", "format") from None
    with table:
        yield table


@dataclass(slots=True)
class _Run:
    """One run of an import."""

    begun: FileImport
    source: _Source
    tell: Callable[[Progress], None]

    def store(self, database_url: str, writer: BatchWriter, options: ImportOptions) -> Progress:
        """Stores what is left of the file and returns what was done."""
        progress = Progress(total=self.source.total)
        with closing(connect(database_url, application="kilowatch import reader")) as panels:
            batches = self._batches(_Database(panels, options), options)
            with closing(made_ahead(batches, at_most=_AHEAD)) as made:
                for batch in made:
                    progress = self._write(writer, batch, progress)
                    self.tell(progress)
        return progress

    def _batches(self, site: Site, options: ImportOptions) -> Iterator[Batch]:
        """What is left of the file; with a clock, read from its beginning, because it has to see every hour."""
        begun = self.begun
        clock = LocalClock(options.time_zone) if options.time_zone else None
        start = Place() if clock else Place(begun.place_offset, begun.place_line)
        batches = Batches(site, options.panel, clock, datetime.now(UTC), after_line=begun.place_line)
        return batches.of(self.source.parts(start))

    def _write(self, writer: BatchWriter, batch: Batch, progress: Progress) -> Progress:
        advance = partial(
            advance_import,
            import_id=self.begun.id,
            offset=batch.end.offset,
            line=batch.end.line,
            row_count=batch.row_count,
            rejected=batch.rejected,
        )
        result = writer.write_packed(batch.packed, also=[advance])
        return progress.counting(
            batch,
            new_count=result.reading_count,
            duplicate_count=result.duplicate_count,
            done=self.source.done(batch.end),
        )


@dataclass(frozen=True, slots=True)
class _Database:
    """Answers over a connection of its own, in the thread that reads; adds panels that are not there."""

    connection: Connection
    options: ImportOptions

    def readings_kept_since(self) -> datetime | None:
        """From when on readings are taken."""
        with database_errors():
            since = readings_kept_since(self.connection)
            self.connection.commit()
        return since

    def panel_ids(self, codes: Sequence[str]) -> dict[str, int]:
        """The ids of the panels of these codes."""
        with database_errors():
            known = {panel.code: panel.id for panel in known_panels(self.connection, codes)}
            missing = [code for code in codes if code not in known]
            if missing and self.options.creates_panels:
                added = add_panels(self.connection, missing, time_zone=self.options.new_panel_zone)
                known |= {panel.code: panel.id for panel in added}
        return known


def _write_rejected(beside: Path, rows: Iterator[RejectedRow]) -> Path | None:
    """Writes the rejected rows to a file beside the imported one, a JSON object a line.

    None without any, and where no file can be written: they stay in the database.
    """
    path = beside.with_name(f"{beside.name}.rejected.jsonl")
    first = next(rows, None)
    if first is None:
        return None
    try:
        with path.open("wb") as file:
            for row in chain([first], rows):
                file.write(msgspec.json.encode(row) + b"\n")
    except OSError:
        return None
    return path
