"""Runs an export for a person at a terminal: a file that is whole or not there, or standard output."""

import gzip
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import IO, BinaryIO, cast

from rich.console import Console

from kilowatch.exporting.run import Export, exported
from kilowatch.transfer_bars import bars
from metering.access import Role, Viewer
from metering.refusals import Refused
from metering.transfer import ExportLevel, TransferFormat
from store.connections import connect
from store.transfer import ExportedPanel, Span, begin_export, exported_panels, reading_count

_STDOUT = "-"
_GZIP_LEVEL = 5
_OWNER = Viewer(0, Role.ADMIN)
"""Who runs commands owns the database."""


def run_export(
    database_url: str,
    output: str,
    *,
    codes: Sequence[str] | None,
    span: Span,
    file_format: TransferFormat,
    level: ExportLevel,
) -> None:
    """Writes the file of these panels, all when None, and says on standard error how many rows it has.

    Raises:
        Refused: PANEL_NOT_FOUND; BAD_FILE when it cannot be written.
    """
    try:
        with closing(connect(database_url, application="kilowatch export")) as connection, _written(output) as file:
            begin_export(connection)
            panels = _found(exported_panels(connection, viewer=_OWNER, codes=codes), codes)
            names = [panel.code for panel in panels]
            about = reading_count(connection, viewer=_OWNER, codes=names, span=span)
            export = Export(panels, span, file_format, level)
            with _shown(about if level is ExportLevel.READINGS else None) as tell:
                row_count = 0
                for piece in exported(connection, export, viewer=_OWNER):
                    file.write(piece.content)
                    row_count += piece.count
                    tell(row_count)
    except OSError as error:
        raise Refused("BAD_FILE", f"{output} cannot be written: {error.strerror or error}", "output") from error
    Console(stderr=True).print(f"{row_count:,} rows written", highlight=False)


def _found(panels: list[ExportedPanel], codes: Sequence[str] | None) -> list[ExportedPanel]:
    if missing := set(codes or []) - {panel.code for panel in panels}:
        raise Refused("PANEL_NOT_FOUND", f"There is no panel {', '.join(sorted(missing))}.", "panel")
    return panels


@contextmanager
def _shown(about: int | None) -> Generator[Callable[[int], None]]:
    with bars(Console(stderr=True)) as progress:
        task = progress.add_task("Exporting", total=about, rows=0)
        yield lambda row_count: progress.update(task, completed=row_count, rows=row_count)


@contextmanager
def _written(output: str) -> Generator[IO[bytes]]:
    """The file to write to; under its own name only once all of it is written."""
    if output == _STDOUT:
        yield sys.stdout.buffer
        return
    path = Path(output)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as plain, _compressed(plain, is_gzip=path.suffix == ".gz") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _compressed(plain: BinaryIO, *, is_gzip: bool) -> AbstractContextManager[IO[bytes]]:
    if not is_gzip:
        return nullcontext(plain)
    return cast("IO[bytes]", gzip.GzipFile(fileobj=plain, mode="wb", compresslevel=_GZIP_LEVEL))
