"""Turns panels and a span into lines of CSV or JSON as Postgres writes them, in the shape of imports and exports."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import Connection

from metering.access import Viewer
from metering.transfer import ExportLevel
from store.connections import Row

_CHUNK_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class ExportedPanel:
    """A panel to export; instants are written in its time zone."""

    code: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Span:
    """The instants from `since` up to, not including, `until`; None leaves an end open."""

    since: datetime | None = None
    until: datetime | None = None


_PANELS = """
SELECT code, time_zone FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel
WHERE %(codes)s::text[] IS NULL OR code = ANY (%(codes)s) ORDER BY code COLLATE "C\""""


def exported_panels(connection: Connection[Row], *, viewer: Viewer, codes: Sequence[str] | None) -> list[ExportedPanel]:
    """Those of the panels that the viewer may see, or all that they may, by code."""
    parameters = {**_seen_by(viewer), "codes": None if codes is None else list(codes)}
    return [ExportedPanel(*row) for row in connection.execute(_PANELS, parameters).fetchall()]


_READING_COUNT = """
SELECT coalesce(sum(reading_count), 0)::bigint
FROM rollup_day JOIN history_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = panel_id
WHERE panel.code = ANY (%(codes)s)
  AND (%(since)s::timestamptz IS NULL OR last_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR first_at < %(until)s)"""


def reading_count(connection: Connection[Row], *, viewer: Viewer, codes: Sequence[str], span: Span) -> int:
    """About how many readings a span holds: those of all days that it touches."""
    parameters = {**_seen_by(viewer), "codes": list(codes), "since": span.since, "until": span.until}
    ((count,),) = connection.execute(_READING_COUNT, parameters).fetchall()
    return count


_OWN: LiteralString = """
panel_id = (SELECT id FROM history_panel(%(viewer_id)s, %(sees_all)s) AS panel WHERE panel.code = %(code)s)"""
_FROM: LiteralString = "coalesce(%(since)s::timestamptz, '-infinity')"
_TO: LiteralString = "coalesce(%(until)s::timestamptz, 'infinity')"

# An instant as JSON has it is RFC 3339 with the offset of the session's time zone.
_READINGS: LiteralString = f"""
SELECT %(code)s::text AS panel_code, to_json(reading.at) #>> '{{}}' AS at, energy_import_kwh, energy_export_kwh,
       active_power_kw, apparent_power_kva, power_factor, voltage_r_v, voltage_s_v, voltage_t_v, voltage_n_v,
       current_r_a, current_s_a, current_t_a, current_n_a, voltage_unbalance, current_unbalance,
       to_json(received_at) #>> '{{}}' AS received_at,
       CASE WHEN flags <> 0 THEN concat_ws(' ',
           CASE WHEN flags & 1 <> 0 THEN 'IMPORT_GLITCH' END, CASE WHEN flags & 2 <> 0 THEN 'EXPORT_GLITCH' END,
           CASE WHEN flags & 4 <> 0 THEN 'CLOCK_REPLACED' END, CASE WHEN flags & 8 <> 0 THEN 'ARRIVAL_TIME' END,
           CASE WHEN flags & 16 <> 0 THEN 'LATE' END, CASE WHEN flags & 32 <> 0 THEN 'CORRECTED' END,
           CASE WHEN flags & 64 <> 0 THEN 'TYPED_IN' END) END AS flags
FROM reading
WHERE {_OWN} AND reading.at >= {_FROM} AND reading.at < {_TO}
ORDER BY reading.at"""

_SUMS: LiteralString = """reading_count, energy_kwh, export_kwh,
       power_sum_kw / nullif(power_count, 0) AS mean_power_kw, power_min_kw AS min_power_kw,
       power_max_kw AS max_power_kw, factor_sum / nullif(factor_count, 0) AS average_power_factor,
       to_json(first_at) #>> '{}' AS first_at, to_json(last_at) #>> '{}' AS last_at,
       energy_import_kwh, energy_export_kwh"""

_FIVE_MINUTES: LiteralString = f"""
SELECT %(code)s::text AS panel_code, to_json(starts_at) #>> '{{}}' AS starts_at, {_SUMS}
FROM rollup_five_minutes
WHERE {_OWN} AND starts_at >= {_FROM} AND starts_at < {_TO}
ORDER BY rollup_five_minutes.starts_at"""

_HOURS: LiteralString = f"""
SELECT %(code)s::text AS panel_code, to_json(starts_at) #>> '{{}}' AS starts_at, {_SUMS}
FROM rollup_hour
WHERE {_OWN} AND starts_at >= {_FROM} AND starts_at < {_TO}
ORDER BY rollup_hour.starts_at"""

_DAYS: LiteralString = f"""
SELECT %(code)s::text AS panel_code, day, {_SUMS}
FROM rollup_day
WHERE {_OWN} AND last_at >= {_FROM} AND first_at < {_TO}
ORDER BY day"""

_MONTHS: LiteralString = f"""
SELECT %(code)s::text AS panel_code, month, {_SUMS}
FROM (
    SELECT to_char(day, 'YYYY-MM') AS month, sum(reading_count) AS reading_count, sum(energy_kwh) AS energy_kwh,
           sum(export_kwh) AS export_kwh, sum(power_sum_kw) AS power_sum_kw, sum(power_count) AS power_count,
           min(power_min_kw) AS power_min_kw, max(power_max_kw) AS power_max_kw, sum(factor_sum) AS factor_sum,
           sum(factor_count) AS factor_count, min(first_at) AS first_at, max(last_at) AS last_at,
           (array_agg(energy_import_kwh ORDER BY day DESC) FILTER (WHERE energy_import_kwh IS NOT NULL))[1]
               AS energy_import_kwh,
           (array_agg(energy_export_kwh ORDER BY day DESC) FILTER (WHERE energy_export_kwh IS NOT NULL))[1]
               AS energy_export_kwh
    FROM rollup_day
    WHERE {_OWN} AND last_at >= {_FROM} AND first_at < {_TO}
    GROUP BY 1
) AS whole
ORDER BY month"""

_COPIES: Final[dict[tuple[ExportLevel, bool], LiteralString]] = {
    (ExportLevel.READINGS, False): f"COPY ({_READINGS}) TO STDOUT (FORMAT CSV)",
    (ExportLevel.FIVE_MINUTES, False): f"COPY ({_FIVE_MINUTES}) TO STDOUT (FORMAT CSV)",
    (ExportLevel.HOUR, False): f"COPY ({_HOURS}) TO STDOUT (FORMAT CSV)",
    (ExportLevel.DAY, False): f"COPY ({_DAYS}) TO STDOUT (FORMAT CSV)",
    (ExportLevel.MONTH, False): f"COPY ({_MONTHS}) TO STDOUT (FORMAT CSV)",
    (ExportLevel.READINGS, True): f"COPY (SELECT row_to_json(own) FROM ({_READINGS}) AS own) TO STDOUT",
    (ExportLevel.FIVE_MINUTES, True): f"COPY (SELECT row_to_json(own) FROM ({_FIVE_MINUTES}) AS own) TO STDOUT",
    (ExportLevel.HOUR, True): f"COPY (SELECT row_to_json(own) FROM ({_HOURS}) AS own) TO STDOUT",
    (ExportLevel.DAY, True): f"COPY (SELECT row_to_json(own) FROM ({_DAYS}) AS own) TO STDOUT",
    (ExportLevel.MONTH, True): f"COPY (SELECT row_to_json(own) FROM ({_MONTHS}) AS own) TO STDOUT",
}
_IN_ZONE = "SELECT set_config('TimeZone', %s, true)"
_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"


def begin_export(connection: Connection[Row]) -> None:
    """Makes everything that a connection exports from now on, up to the end of its transaction, of one moment."""
    connection.execute(_SNAPSHOT)


@dataclass(frozen=True, slots=True)
class Lines:
    """Some whole lines, and how many."""

    content: bytes
    count: int


def exported_lines(
    connection: Connection[Row], *, viewer: Viewer, panel: ExportedPanel, span: Span, level: ExportLevel, is_json: bool
) -> Iterator[Lines]:
    """A panel's rows, by time, as lines of CSV without a header, or a JSON object each; about 256 KiB at a time.

    Of a panel that the viewer may not see there are none. The rows are read as they are asked for: memory stays small.
    """
    connection.execute(_IN_ZONE, (panel.time_zone,))
    parameters = {**_seen_by(viewer), "code": panel.code, "since": span.since, "until": span.until}
    rows: list[Any] = []  # of bytes or memoryviews
    size = 0
    with connection.cursor() as cursor, cursor.copy(_COPIES[level, is_json], parameters) as copy:
        for row in copy:
            rows.append(row)
            size += len(row)
            if size >= _CHUNK_BYTES:
                yield Lines(b"".join(rows), len(rows))
                rows, size = [], 0
    if rows:
        yield Lines(b"".join(rows), len(rows))


def _seen_by(viewer: Viewer) -> dict[str, Any]:
    return {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all}
