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
from metering.transfer import listed_columns
from store.merge import BatchRefusedError, DatabaseAwayError

_INTERRUPTED = 130
_NOTHING_STORED = 1


def run_import(database_url: str, file: str, options: ImportOptions) -> None:
    """Stores the readings of a file and says what became of them, on standard error.

    Raises:
        Refused: BAD_HEADER, BAD_FORMAT, BAD_FILE, IMPORT_RUNNING, DATABASE_UNAVAILABLE, STORE_ERROR.
        typer.Exit: it was interrupted, and what was committed stays; or rows were read and every one was rejected.
    """
    console = Console(stderr=True)
    with _shown(file, console=console) as tell:
        found = _imported(database_url, file, options, tell)
    _say(found, file=file, console=console)
    if found.is_all_rejected:
        raise typer.Exit(_NOTHING_STORED)


def _imported(database_url: str, file: str, options: ImportOptions, tell: Callable[[Progress], None]) -> Imported:
    """What became of the file; an outage, or a file that cannot be read, is a refusal in one line."""
    try:
        return import_file(database_url, file, options, tell=tell)
    except DatabaseAwayError as error:
        message = f"{error}. What was stored stays; run the same command again to go on."
        raise Refused("DATABASE_UNAVAILABLE", message) from error
    except BatchRefusedError as error:
        raise Refused("STORE_ERROR", f"The database refuses rows: {error}. What was stored before stays.") from error
    except FileNotFoundError:
        raise Refused("BAD_FILE", f"There is no file {file}.", "file") from None
    except (IsADirectoryError, PermissionError) as error:
        raise Refused("BAD_FILE", f"{file} cannot be opened: {error.strerror}", "file") from None
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
        _line(console, f"then: {begun.row_count:,} rows read, {begun.rejected_count:,} rejected")
    else:
        if begun.place_line:
            before = f"{begun.row_count:,} rows were read before, {begun.rejected_count:,} rejected"
            _line(console, f"went on after line {begun.place_line:,}: {before}")
        counts = f"{done.row_count:,} rows read: {done.new_count:,} new, {done.duplicate_count:,} there already"
        _line(console, f"{counts}, {done.rejected_count:,} rejected")
    if found.left_out:
        _line(console, f"columns left out: {listed_columns(found.left_out)}; --column theirs=ours says what they are")
    _say_rejected(found, console=console)


def _say_rejected(found: Imported, *, console: Console) -> None:
    """Why rows were rejected, in all runs, and where they are."""
    if not found.rejected_codes:
        return
    for code, count in found.rejected_codes.items():
        _line(console, f"  {code}: {count:,}")
    where = found.rejected_file or f"the table rejected_row, import {found.begun.id}"
    _line(console, f"rejected rows, each with its line and reason: {where}")
    if found.is_all_rejected:
        _line(console, "nothing was stored: every row was rejected")


def _line(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
