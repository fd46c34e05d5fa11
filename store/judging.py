"""Turns readings that are new, late or changed into judgements of their registers: flags, events, what is unsettled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import Connection

from metering.readings import ReadingFlag
from metering.registers import LOOK_BACK, Course, Register, RegisterReading, full_hour
from store.connections import Row
from store.register_events import replace_events, switch_flag

_CHUNK: Final = 256

_CREATE_TOUCHED = """
CREATE TEMPORARY TABLE IF NOT EXISTS touched_reading (
    panel_id integer, at timestamptz, has_import boolean, has_export boolean
) ON COMMIT DELETE ROWS"""


def create_touched_readings(connection: Connection[Row]) -> None:
    """Makes the table of the readings that are new, changed, or judged otherwise; emptied as the transaction ends."""
    connection.execute(_CREATE_TOUCHED)


# Touched readings that are at most an hour apart are looked at together. Where each step from six before to six after
# them is regular, and always was, there is nothing to judge.
SPAN: LiteralString = """
    SELECT panel_id, min(at) AS since, max(at) AS until FROM (
        SELECT panel_id, at, sum(is_apart) OVER (PARTITION BY panel_id ORDER BY at) AS number FROM (
            SELECT panel_id, at, (at - lag(at) OVER (PARTITION BY panel_id ORDER BY at) > '1 hour')::integer AS is_apart
            FROM own
        ) AS marked
    ) AS numbered
    GROUP BY panel_id, number"""
STEP: LiteralString = """
    flags, at, coalesce(kwh - lag(kwh) OVER (ORDER BY at)
        BETWEEN 0 AND 2000 * date_part('epoch', at - lag(at) OVER (ORDER BY at)) / 3600 + 1, true) AS is_regular"""

_IMPORT_SPANS: LiteralString = f"""
WITH own AS (
    SELECT panel_id, at FROM touched_reading WHERE has_import
), span AS MATERIALIZED ({SPAN})
SELECT span.panel_id, since, until, is_regular AND NOT EXISTS (
           SELECT FROM register_event WHERE panel_id = span.panel_id AND register = 'IMPORT'
           AND at BETWEEN first_at AND last_at), after_count < 7
FROM span CROSS JOIN LATERAL (
    SELECT bool_and(is_regular AND flags & 1 = 0) AS is_regular, min(at) AS first_at, max(at) AS last_at,
           count(*) FILTER (WHERE at > span.until) AS after_count
    FROM (SELECT {STEP} FROM (
        (SELECT at, flags, energy_import_kwh AS kwh FROM reading
         WHERE panel_id = span.panel_id AND at < since AND energy_import_kwh IS NOT NULL ORDER BY at DESC LIMIT 7)
        UNION ALL
        SELECT at, flags, energy_import_kwh FROM reading
        WHERE panel_id = span.panel_id AND at >= since AND at <= until AND energy_import_kwh IS NOT NULL
        UNION ALL
        (SELECT at, flags, energy_import_kwh FROM reading
         WHERE panel_id = span.panel_id AND at > until AND energy_import_kwh IS NOT NULL ORDER BY at LIMIT 7)
    ) AS register) AS step
) AS course
ORDER BY span.panel_id, since"""

_EXPORT_SPANS: LiteralString = f"""
WITH own AS (
    SELECT panel_id, at FROM touched_reading WHERE has_export
), span AS MATERIALIZED ({SPAN})
SELECT span.panel_id, since, until, is_regular AND NOT EXISTS (
           SELECT FROM register_event WHERE panel_id = span.panel_id AND register = 'EXPORT'
           AND at BETWEEN first_at AND last_at), after_count < 7
FROM span CROSS JOIN LATERAL (
    SELECT bool_and(is_regular AND flags & 2 = 0) AS is_regular, min(at) AS first_at, max(at) AS last_at,
           count(*) FILTER (WHERE at > span.until) AS after_count
    FROM (SELECT {STEP} FROM (
        (SELECT at, flags, energy_export_kwh AS kwh FROM reading
         WHERE panel_id = span.panel_id AND at < since AND energy_export_kwh IS NOT NULL ORDER BY at DESC LIMIT 7)
        UNION ALL
        SELECT at, flags, energy_export_kwh FROM reading
        WHERE panel_id = span.panel_id AND at >= since AND at <= until AND energy_export_kwh IS NOT NULL
        UNION ALL
        (SELECT at, flags, energy_export_kwh FROM reading
         WHERE panel_id = span.panel_id AND at > until AND energy_export_kwh IS NOT NULL ORDER BY at LIMIT 7)
    ) AS register) AS step
) AS course
ORDER BY span.panel_id, since"""

_IMPORT_BEFORE: LiteralString = """
SELECT at, energy_import_kwh, flags FROM reading
WHERE panel_id = %(panel_id)s AND at < %(until)s AND energy_import_kwh IS NOT NULL
ORDER BY at DESC LIMIT %(limit)s"""
_EXPORT_BEFORE: LiteralString = """
SELECT at, energy_export_kwh, flags FROM reading
WHERE panel_id = %(panel_id)s AND at < %(until)s AND energy_export_kwh IS NOT NULL
ORDER BY at DESC LIMIT %(limit)s"""
_IMPORT_WITHIN: LiteralString = """
SELECT at, energy_import_kwh, flags FROM reading
WHERE panel_id = %(panel_id)s AND at >= %(since)s AND at <= %(until)s AND energy_import_kwh IS NOT NULL
ORDER BY at"""
_EXPORT_WITHIN: LiteralString = """
SELECT at, energy_export_kwh, flags FROM reading
WHERE panel_id = %(panel_id)s AND at >= %(since)s AND at <= %(until)s AND energy_export_kwh IS NOT NULL
ORDER BY at"""
_IMPORT_AFTER: LiteralString = """
SELECT at, energy_import_kwh, flags FROM reading
WHERE panel_id = %(panel_id)s AND at > %(since)s AND energy_import_kwh IS NOT NULL
ORDER BY at LIMIT %(limit)s"""
_EXPORT_AFTER: LiteralString = """
SELECT at, energy_export_kwh, flags FROM reading
WHERE panel_id = %(panel_id)s AND at > %(since)s AND energy_export_kwh IS NOT NULL
ORDER BY at LIMIT %(limit)s"""

_TOUCH: LiteralString = """
INSERT INTO touched_reading SELECT %(panel_id)s::integer, at, %(is_import)s::boolean, NOT %(is_import)s::boolean
FROM unnest(%(instants)s::timestamptz[]) AS at"""

_SETTLE: LiteralString = """
UPDATE latest_reading SET unsettled_registers = CASE
    WHEN panel_id = ANY (%(unsettled)s) THEN unsettled_registers | %(flag)s::smallint
    ELSE unsettled_registers & ~(%(flag)s::smallint) END
WHERE panel_id = ANY (%(unsettled)s)
   OR (panel_id = ANY (%(settled)s) AND unsettled_registers & %(flag)s::smallint <> 0)"""


@dataclass(frozen=True, slots=True)
class _Statements:
    """How one register is read, and the flag of its glitches, which also marks it as unsettled."""

    spans: LiteralString
    before: LiteralString
    within: LiteralString
    after: LiteralString
    flag: ReadingFlag


_OF: Final = {
    Register.IMPORT: _Statements(
        _IMPORT_SPANS, _IMPORT_BEFORE, _IMPORT_WITHIN, _IMPORT_AFTER, ReadingFlag.IMPORT_GLITCH
    ),
    Register.EXPORT: _Statements(
        _EXPORT_SPANS, _EXPORT_BEFORE, _EXPORT_WITHIN, _EXPORT_AFTER, ReadingFlag.EXPORT_GLITCH
    ),
}


def judge_touched(connection: Connection[Row]) -> None:
    """Judges the registers around the touched readings; readings that are judged otherwise now are touched, too."""
    for register in Register:
        is_settled: dict[int, bool] = {}
        for panel_id, since, until, is_regular, is_last in connection.execute(_OF[register].spans).fetchall():
            if not is_regular:
                judged = judge_span(connection, panel_id=panel_id, register=register, since=since, until=until)
                is_settled |= {} if judged is None else {panel_id: judged}
            elif is_last:
                is_settled[panel_id] = True
        settle(connection, is_settled, register=register)


def judge_span(
    connection: Connection[Row], *, panel_id: int, register: Register, since: datetime, until: datetime
) -> bool | None:
    """Judges a register again as far as its readings in [since, until] matter.

    Returns whether it is settled now, None when what comes next does not depend on these readings.
    """
    reader = _Reader(connection, panel_id, _OF[register])
    course, start, end = reader.course(since=since, until=until)
    is_last = end == len(reader.rows)
    judgement = course.judged(start, end)
    first_at = reader.rows[start][0] if start else "-infinity"
    instants = replace_events(
        connection, judgement.events, panel_id=panel_id, register=register,
        since=first_at, until="infinity" if is_last else reader.rows[end][0],
    )  # fmt: skip
    flag = reader.statements.flag
    switched = {
        reader.rows[place][0]
        for place in range(start, end)
        if bool(reader.rows[place][2] & flag) is not (place in judgement.glitches)
    }
    switch_flag(connection, switched, panel_id=panel_id, flag=flag)
    touched: dict[str, Any] = {"panel_id": panel_id, "is_import": register is Register.IMPORT}
    connection.execute(_TOUCH, {**touched, "instants": sorted(switched | instants)})
    return course.is_settled if is_last else None


def settle(connection: Connection[Row], is_settled: dict[int, bool], *, register: Register) -> None:
    """Keeps for each panel whether its next readings have to be judged."""
    if is_settled:
        places: dict[bool, list[int]] = {True: [], False: []}
        for panel_id, settled in is_settled.items():
            places[settled].append(panel_id)
        flag = int(_OF[register].flag)
        connection.execute(_SETTLE, {"unsettled": places[False], "settled": places[True], "flag": flag})


class _Reader:
    """Reads as many of a panel's registers, with their instants and flags, as it takes to judge a span of them."""

    def __init__(self, connection: Connection[Row], panel_id: int, statements: _Statements) -> None:
        self._connection = connection
        self._panel_id = panel_id
        self.statements = statements
        self.rows: list[Row] = []

    def course(self, *, since: datetime, until: datetime) -> tuple[Course, int, int]:
        """The course of the register around [since, until], and from and up to where, exclusive, it is judged."""
        within = self._read(self.statements.within, since=since, until=until)
        before, is_beginning = self._before(since)
        start = self._start(before, within, is_beginning=is_beginning)
        if start is None:
            hour = full_hour(before[-1][0])
            earlier, is_beginning = self._before(hour)
            of_hour = self._read(self.statements.within, since=hour, until=since)
            before = earlier + [row for row in of_hour if row[0] < since]
            start = self._start(before, within, is_beginning=is_beginning) or 0
        return self._closed(start, len(self.rows) - 1, until=until, is_beginning=is_beginning)

    def _start(self, before: list[Row], within: list[Row], *, is_beginning: bool) -> int | None:
        self.rows = before + within
        return _course(self.rows, is_beginning=is_beginning).start_before(len(before))

    def _closed(self, start: int, last: int, *, until: datetime, is_beginning: bool) -> tuple[Course, int, int]:
        """Reads on until nothing after depends on the reading at `last`, or there is none."""
        limit = 4 * LOOK_BACK if last - start > _CHUNK else _CHUNK // 8
        while True:
            more = self._read(self.statements.after, since=self.rows[-1][0] if self.rows else until, limit=limit)
            self.rows += more
            course = _course(self.rows, is_beginning=is_beginning)
            end = course.end_after(last)
            if end is not None or len(more) < limit:
                return course, start, len(self.rows) if end is None else end
            limit *= 4

    def _before(self, until: datetime) -> tuple[list[Row], bool]:
        found = self._read(self.statements.before, until=until, limit=LOOK_BACK)
        return found[::-1], len(found) < LOOK_BACK

    def _read(self, statement: LiteralString, **parameters: Any) -> list[Row]:
        parameters["panel_id"] = self._panel_id
        return self._connection.execute(statement, parameters, binary=True).fetchall()


def _course(rows: Sequence[Row], *, is_beginning: bool) -> Course:
    return Course([RegisterReading(at, kwh) for at, kwh, _ in rows], is_beginning=is_beginning)
