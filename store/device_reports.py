"""Keeps the newest documents that devices send of themselves: heartbeats and how they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import orjson
from psycopg import AsyncConnection, Connection

from metering.access import Viewer
from metering.devices import DeviceReport, ReportKind
from store.connections import Row
from store.scope import scope

KEPT_REPORTS: Final = 1000
"""How many documents are kept of each device and kind of report: the newest."""

MAX_DOCUMENT_BYTES: Final = 64 * 1024
_DEEPEST_DOCUMENT: Final = 32


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A document that a device sent, as JSON values, and when it arrived (UTC)."""

    kind: ReportKind
    received_at: datetime
    document: Any


_KEEP: LiteralString = """
INSERT INTO device_report (device_id, kind, received_at, document)
SELECT device.id, said.report, said.received_at, said.document::json
FROM unnest(%(kinds)s::text[], %(names)s::text[], %(reports)s::text[], %(received_at)s::timestamptz[],
            %(documents)s::text[]) AS said (kind, name, report, received_at, document)
JOIN device ON (device.kind, device.name) = (said.kind, said.name)
ON CONFLICT DO NOTHING"""

_FORGET: LiteralString = """
WITH said AS MATERIALIZED (
    SELECT DISTINCT device.id, told.report
    FROM unnest(%(kinds)s::text[], %(names)s::text[], %(reports)s::text[]) AS told (kind, name, report)
    JOIN device ON (device.kind, device.name) = (told.kind, told.name)
), full_up AS MATERIALIZED (
    SELECT said.*, (SELECT received_at FROM device_report
                    WHERE device_id = said.id AND device_report.kind = said.report
                    ORDER BY received_at DESC OFFSET %(kept)s LIMIT 1) AS first_old_at
    FROM said
)
DELETE FROM device_report AS old USING full_up
WHERE old.device_id = full_up.id AND old.kind = full_up.report AND old.received_at <= full_up.first_old_at"""


def keep_documents(connection: Connection[Row], reports: Sequence[DeviceReport]) -> None:
    """Takes over the documents of devices that are there already; one that comes again changes nothing.

    The newest 1000 of each device and kind of report are kept. What is not JSON, is over 64 KiB or deeper than 32
    levels is left out.
    """
    documents = _documents(reports)
    if documents["names"]:
        connection.execute(_KEEP, documents)
        connection.execute(_FORGET, {**documents, "kept": KEPT_REPORTS})


def _documents(reports: Sequence[DeviceReport]) -> dict[str, list[Any]]:
    kept = [
        (report.kind.value, report.device, report.report.value, report.heard_at, document)
        for report in reports
        if report.report and report.document and (document := _compact(report.document))
    ]
    names = ("kinds", "names", "reports", "received_at", "documents")
    return {name: [row[place] for row in kept] for place, name in enumerate(names)}


def _compact(document: str) -> str | None:
    """The document as JSON that every answer can hold; None for one that is none."""
    if len(document.encode("utf-8", "replace")) > MAX_DOCUMENT_BYTES:
        return None
    try:
        value: object = orjson.loads(document)
        return orjson.dumps(value).decode() if _is_shallow(value, levels=_DEEPEST_DOCUMENT) else None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None


def _is_shallow(value: object, *, levels: int) -> bool:
    if isinstance(value, dict | list):
        inner: Any = value.values() if isinstance(value, dict) else value  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return levels > 0 and all(_is_shallow(one, levels=levels - 1) for one in inner)
    return True


_NEWEST: LiteralString = """
SELECT device.id, newest.kind, newest.received_at, newest.document
FROM wholly_visible_device(%(viewer_id)s, %(sees_all)s) AS device
CROSS JOIN unnest(%(kinds)s::text[]) AS asked (kind)
CROSS JOIN LATERAL (
    SELECT kind, received_at, document FROM device_report
    WHERE device_id = device.id AND device_report.kind = asked.kind ORDER BY received_at DESC LIMIT 1
) AS newest
WHERE device.id = ANY (%(device_ids)s)"""


async def newest(
    connection: AsyncConnection[Row], *, viewer: Viewer, device_ids: Sequence[int]
) -> dict[tuple[int, ReportKind], KeptReport]:
    """The newest document of each kind of these devices; what was never sent is absent.

    There are none for who does not see all panels of a device.
    """
    parameters = {**scope(viewer), "device_ids": list(device_ids), "kinds": [kind.value for kind in ReportKind]}
    rows = await (await connection.execute(_NEWEST, parameters)).fetchall()
    reports = [(device_id, _kept(report)) for device_id, *report in rows]
    return {(device_id, report.kind): report for device_id, report in reports}


_PAGE: LiteralString = """
SELECT report.kind, report.received_at, report.document
FROM wholly_visible_device(%(viewer_id)s, %(sees_all)s) AS device
JOIN device_report AS report ON report.device_id = device.id
WHERE device.id = %(device_id)s AND report.kind = %(kind)s
  AND (%(before_at)s::timestamptz IS NULL OR report.received_at < %(before_at)s)
ORDER BY report.received_at DESC
LIMIT %(limit)s"""

_COUNT: LiteralString = """
SELECT count(*)::integer FROM wholly_visible_device(%(viewer_id)s, %(sees_all)s) AS device
JOIN device_report AS report ON report.device_id = device.id
WHERE device.id = %(device_id)s AND report.kind = %(kind)s"""


async def page(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    device_id: int,
    kind: ReportKind,
    before_at: datetime | None,
    limit: int,
) -> tuple[list[KeptReport], int]:
    """Up to `limit` documents of a device, newest first, those before an instant; and how many there are.

    There are none for who does not see all of its panels.
    """
    parameters = {**scope(viewer), "device_id": device_id, "kind": kind.value}
    place = {"before_at": before_at, "limit": limit}
    rows = await (await connection.execute(_PAGE, {**parameters, **place})).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, parameters)).fetchall()
    return [_kept(row) for row in rows], total


def _kept(row: Sequence[Any]) -> KeptReport:
    kind, received_at, document = row
    return KeptReport(ReportKind(kind), received_at, document)
