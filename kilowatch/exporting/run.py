"""Turns panels and a span into a file, piece by piece, in one snapshot of the database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from kilowatch.exporting.columns import columns_of
from metering.access import Viewer
from metering.transfer import ExportLevel, TransferFormat
from store.connections import Connection
from store.transfer import ExportedPanel, Lines, Span, exported_lines


@dataclass(frozen=True, slots=True)
class Export:
    """What is exported, and how it is written."""

    panels: Sequence[ExportedPanel]
    span: Span
    file_format: TransferFormat
    level: ExportLevel = ExportLevel.READINGS


def exported(connection: Connection, export: Export, *, viewer: Viewer) -> Iterator[Lines]:
    """The pieces of the file, each with how many rows it holds; at least one, whatever there is.

    Rows come by panel, then by time. Neither the rows nor the file are ever in memory as a whole.
    """
    is_json = export.file_format is TransferFormat.JSONL
    lines = chain.from_iterable(
        exported_lines(connection, viewer=viewer, panel=panel, span=export.span, level=export.level, is_json=is_json)
        for panel in export.panels
    )
    columns = columns_of(export.level)
    if export.file_format is TransferFormat.PARQUET:
        from kilowatch.exporting.parquet_file import parquet_file  # noqa: PLC0415 - 0.2 s that only Parquet needs

        return parquet_file(lines, columns=columns)
    header = b"" if is_json else ",".join(columns).encode() + b"\n"
    return chain([Lines(header, 0)], lines)
