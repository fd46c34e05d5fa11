"""Says what `kilowatch import` and `kilowatch export` are given; each imports only what it runs."""
# ruff: noqa: PLC0415 - a command imports only what it runs

import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from kilowatch.settings import SettingError, Settings, read
from metering.refusals import Refused
from metering.transfer import ExportLevel, TransferFormat, checked_panel, format_of, parse_instant

if TYPE_CHECKING:
    from store.transfer import Span

_STDIO = "-"


def import_readings(
    file: Annotated[str, typer.Argument(help="A file, also compressed by gzip, or - for standard input.")],
    *,
    file_format: Annotated[
        TransferFormat | None, typer.Option("--format", help="csv, jsonl or parquet; told by the file's name.")
    ] = None,
    panel: Annotated[str | None, typer.Option(help="The panel of rows that name none.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="The zone of times without an offset, such as Africa/Lagos.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="theirs=ours: what a column of the file is; may be repeated.")
    ] = None,
    create_panels: Annotated[
        bool, typer.Option("--create-panels/--no-create-panels", help="Whether panels that are not there are added.")
    ] = True,
    restart: Annotated[bool, typer.Option("--restart", help="Read the file again from its beginning.")] = False,
) -> None:
    """Store the readings of a file: CSV, JSON lines or Parquet. Run it again to go on where it was interrupted."""
    from kilowatch.importing.command import run_import
    from kilowatch.importing.run import ImportOptions

    settings = _settings()
    zone = _zone(time_zone) if time_zone else None
    options = ImportOptions(
        file_format=file_format or (TransferFormat.CSV if file == _STDIO else format_of(file)),
        renamed=_renamed(column or []),
        panel=checked_panel(panel) if panel else None,
        time_zone=zone,
        creates_panels=create_panels,
        new_panel_zone=zone.key if zone else settings.time_zone,
        is_restart=restart,
    )
    run_import(settings.database_url, file, options)


def _settings() -> Settings:
    from store.migrations import check_version

    settings = read(os.environ)
    if not settings.database_url:
        raise SettingError("set DATABASE_URL, or run `kilowatch demo`, which brings its own services")
    check_version(settings.database_url)
    return settings


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused("BAD_TIME_ZONE", "A time zone is an IANA name such as Africa/Lagos.", "time-zone") from None


def _renamed(pairs: Sequence[str]) -> dict[str, str]:
    """What the columns are that were given as theirs=ours."""
    found = [pair.rpartition("=") for pair in pairs]
    if bad := [pair for pair, (theirs, _, ours) in zip(pairs, found, strict=True) if not (theirs and ours)]:
        raise Refused(
            "BAD_HEADER", f"--column is {bad[0]!r}; accepted: theirs=ours, like kWh=energy_import_kwh", "column"
        )
    return {theirs: ours.strip() for theirs, _, ours in found}


def export_readings(
    output: Annotated[
        str, typer.Option("--output", "-o", help="A file, compressed when it ends in .gz; - is stdout.")
    ] = _STDIO,
    *,
    panel: Annotated[
        list[str] | None, typer.Option(help="Code of a panel; may be repeated. All when left out.")
    ] = None,
    since: Annotated[str | None, typer.Option("--from", help="First instant, like 2026-03-01T00:00:00+07:00.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The instant up to which, not included.")] = None,
    file_format: Annotated[
        TransferFormat | None, typer.Option("--format", help="csv, jsonl or parquet; told by the file's name.")
    ] = None,
    level: Annotated[
        ExportLevel, typer.Option(help="The readings, or their rollups, which `kilowatch import` does not read.")
    ] = ExportLevel.READINGS,
) -> None:
    """Write readings to a file that `kilowatch import` reads, or their rollups: CSV, JSON lines or Parquet."""
    from kilowatch.exporting.command import run_export

    settings = _settings()
    span = _span(since, until)
    chosen = file_format or (TransferFormat.CSV if output == _STDIO else format_of(output))
    run_export(settings.database_url, output, codes=panel, span=span, file_format=chosen, level=level)


def _span(since: str | None, until: str | None) -> "Span":
    from store.transfer import Span

    span = Span(_instant(since, "from"), _instant(until, "to"))
    if span.since and span.until and span.since >= span.until:
        raise Refused("BAD_TIME", f"--from {since} is not before --to {until}; accepted: an earlier instant", "from")
    return span


def _instant(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    at = parse_instant(text)
    if at is None or at.tzinfo is None:
        message = f"--{name} is {text!r}; accepted: an instant with an offset, like 2026-03-01T00:00:00+07:00"
        raise Refused("BAD_TIME", message, name)
    return at
