"""Runs an import for a person at a terminal: a progress bar, a summary, and one line for what went wrong."""

import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import typer
from pyarrow import ArrowException
from rich.console import Console
from rich.markup import escape

from kilowatch.importing.run import Imported, ImportOptions, Progress, import_file
from kilowatch.transfer_bars import bars
from metering.refusals import Refused
from store.merge import BatchRefusedError, DatabaseAwayError

_INTERRUPTED = 130


def run_import(database_url: str, file: str, options: ImportOptions) -> None:
    """Stores the readings of a file and says what became of them, on standard error.

    Raises:
        Refused: BAD_HEADER, BAD_FORMAT, BAD_FILE, IMPORT_RUNNING, DATABASE_UNAVAILABLE, STORE_ERROR.
        typer.Exit: it was interrupted; what was committed stays.
    """
    console = Console(stderr=True)
    with _shown(file, console=console) as tell:
        found = _imported(database_url, file, options, tell)
    _say(found, file=file, console=console)


def _imported(database_url: str, file: str, options: ImportOptions, tell: Callable[[Progress], None]) -> Imported:
    """What became of the file; an outage, or a file that cannot be read, is a refusal in one line."""
    try:
        return import_file(database_url, file, options, tell=tell)
    except DatabaseAwayError as error:
        message = f"{error}. What was stored stays; run the same command again to go on."
        raise Refused("DATABASE_UNAVAILABLE", message) from error
    except BatchRefusedError as error:
        raise Refused("STORE_ERROR", f"The database refuses rows: {error}. What was stored before stays.") from error
    except (OSError, EOFError, zlib.error, ArrowException) as error:
        raise Refused("BAD_FILE", f"{file} cannot be read to its end: {error}", "file") from error
    except KeyboardInterrupt:
        Console(stderr=True).print("stopped; run the same command again to go on from there")
        raise typer.Exit(_INTERRUPTED) from None


@contextmanager
def _shown(file: str, *, console: Console) -> Generator[Callable[[Progress], None]]:
    """Shows how far an import is."""
    with bars(console) as progress:
        task = progress.add_task(escape(f"Importing {Path(file).name}"), total=None, rows=0)

        def tell(done: Progress) -> None:
            progress.update(task, total=done.total, completed=done.done, rows=done.row_count)

        yield tell


def _say(found: Imported, *, file: str, console: Console) -> None:
    """A summary in a few lines."""
    begun, done = found.begun, found.progress
    if begun.finished_at is not None:
        when = f"{begun.finished_at:%Y-%m-%d %H:%M} UTC"
        _line(console, f"{file} was imported on {when}: nothing to do; --restart reads it again")
    else:
        if begun.place_line:
            _line(console, f"went on after line {begun.place_line:,}")
        counts = f"{done.row_count:,} rows read: {done.new_count:,} new, {done.duplicate_count:,} there already"
        _line(console, f"{counts}, {done.rejected_count:,} rejected")
    for code, count in found.rejected_codes.items():
        _line(console, f"  {code}: {count:,}")
    if found.rejected_codes:
        where = found.rejected_file or f"the table rejected_row, import {begun.id}"
        _line(console, f"rejected rows, each with its line and reason: {where}")


def _line(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
