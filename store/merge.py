"""Turns a batch of readings into rows, rollups and the newest reading of each panel, in one transaction."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, LiteralString, Self

import psycopg
from psycopg import Connection

from store.batch_turns import ADVISORY_KEY, begin_batch, tell_batch
from store.connections import Row, connect
from store.ingest_status import BatchCount, count_batch
from store.joining import Joined, join_staged
from store.judging import judge_touched
from store.known_panels import KnownPanel, add_panels, known_panels
from store.outages import is_refusal, outage_in_words
from store.reading_changes import WITHDRAWN_FILTER
from store.refill import create_touched, follow, refill, touch_buckets
from store.rejected import RejectedMessage, keep_rejected, mark_replayed
from store.retention import readings_kept_since
from store.rollups import (
    ADDED_DAY,
    ADDED_FIVE_MINUTES,
    ADDED_HOUR,
    COUNTED,
    DAY_COLUMNS,
    FIVE_MINUTE_COLUMNS,
    HOUR_COLUMNS,
    SUMMED,
    SUMMED_HOUR,
    WITH_SILENCE,
)
from store.staging import VALUES, PackedRows, PanelReading, StagedRow, create_staging, stage, staged_rows

_CANCEL_WITHIN_S: Final = 1.0

Also = Callable[[Connection[Row]], object]
"""A further piece of a batch's transaction: what it raises of psycopg's is sorted as the batch's own errors are."""


class DatabaseAwayError(Exception):
    """The database did not take a batch, through no fault of the batch: write it again later.

    When the connection broke during COMMIT the batch may be there; writing it again changes nothing.
    """


class BatchRefusedError(Exception):
    """The database refuses a value of a batch; nothing of the batch was stored."""


@contextmanager
def database_errors() -> Generator[None]:
    """Sorts what psycopg raises into DatabaseAwayError and BatchRefusedError."""
    try:
        yield
    except psycopg.Error as error:
        if is_refusal(error):
            raise BatchRefusedError(str(error).partition("\n")[0]) from error
        raise DatabaseAwayError(outage_in_words(error)) from error


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The messages that a batch came from, for ingest's status; both instants are arrivals."""

    message_count: int
    oldest_at: datetime
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch: new rows, and readings that were there already; `late_panels` had to be recomputed.

    Of the readings that were there, `joined_count` rows were changed by what a further message of their second said.
    """

    batch_id: int
    reading_count: int
    duplicate_count: int
    late_panels: tuple[int, ...]
    joined_count: int = 0


_ENSURE_PARTITIONS = """
SELECT ensure_reading_partitions(at, at) FROM pg_advisory_xact_lock(%s), unnest(%s::timestamptz[]) AS at"""

# A panel whose new rows are all younger than its latest reading only ever adds to its rollups, as long as its registers
# rise in regular steps and have done so lately: their rises start from the latest reading's registers. All other panels
# are left to be judged and recomputed. A register that the latest reading lacks is looked up in the panel's readings.
# Whether a register is a glitch is ours to tell: the flags of imported rows do not say it.
_MERGE: LiteralString = f"""
WITH inserted AS (
    INSERT INTO reading (panel_id, at, received_at, batch_id, {VALUES}, flags)
    SELECT panel_id, at, received_at, %(batch_id)s, {VALUES}, flags & ~3 FROM staged_reading AS staged
    WHERE {WITHDRAWN_FILTER}
    ON CONFLICT DO NOTHING
    RETURNING *
), late_panel AS MATERIALIZED (
    SELECT DISTINCT panel_id FROM inserted JOIN latest_reading AS latest USING (panel_id)
    WHERE inserted.at < latest.at
       OR latest.unsettled_registers & 1 <> 0 AND inserted.energy_import_kwh IS NOT NULL
       OR latest.unsettled_registers & 2 <> 0 AND inserted.energy_export_kwh IS NOT NULL
), in_order AS (
    SELECT inserted.panel_id, inserted.at, inserted.active_power_kw, inserted.power_factor,
           inserted.energy_import_kwh, inserted.energy_export_kwh,
           coalesce(lag(inserted.energy_import_kwh) OVER imports, latest.energy_import_kwh,
                    CASE WHEN inserted.energy_import_kwh IS NOT NULL AND latest.panel_id IS NOT NULL THEN (
                        SELECT energy_import_kwh FROM reading
                        WHERE reading.panel_id = inserted.panel_id AND reading.at < inserted.at
                          AND reading.energy_import_kwh IS NOT NULL ORDER BY reading.at DESC LIMIT 1
                    ) END) AS import_before_kwh,
           coalesce(lag(inserted.at) OVER imports, CASE WHEN latest.energy_import_kwh IS NOT NULL THEN latest.at END,
                    CASE WHEN inserted.energy_import_kwh IS NOT NULL AND latest.panel_id IS NOT NULL THEN (
                        SELECT at FROM reading
                        WHERE reading.panel_id = inserted.panel_id AND reading.at < inserted.at
                          AND reading.energy_import_kwh IS NOT NULL ORDER BY reading.at DESC LIMIT 1
                    ) END) AS import_before_at,
           coalesce(lag(inserted.energy_export_kwh) OVER exports, latest.energy_export_kwh,
                    CASE WHEN inserted.energy_export_kwh IS NOT NULL AND latest.panel_id IS NOT NULL THEN (
                        SELECT energy_export_kwh FROM reading
                        WHERE reading.panel_id = inserted.panel_id AND reading.at < inserted.at
                          AND reading.energy_export_kwh IS NOT NULL ORDER BY reading.at DESC LIMIT 1
                    ) END) AS export_before_kwh,
           coalesce(lag(inserted.at) OVER exports, CASE WHEN latest.energy_export_kwh IS NOT NULL THEN latest.at END,
                    CASE WHEN inserted.energy_export_kwh IS NOT NULL AND latest.panel_id IS NOT NULL THEN (
                        SELECT at FROM reading
                        WHERE reading.panel_id = inserted.panel_id AND reading.at < inserted.at
                          AND reading.energy_export_kwh IS NOT NULL ORDER BY reading.at DESC LIMIT 1
                    ) END) AS export_before_at
    FROM inserted LEFT JOIN latest_reading AS latest USING (panel_id)
    WHERE NOT EXISTS (SELECT FROM late_panel WHERE late_panel.panel_id = inserted.panel_id)
    WINDOW imports AS (PARTITION BY inserted.panel_id, inserted.energy_import_kwh IS NULL ORDER BY inserted.at),
           exports AS (PARTITION BY inserted.panel_id, inserted.energy_export_kwh IS NULL ORDER BY inserted.at)
), risen AS MATERIALIZED (
    SELECT panel_id, at, active_power_kw, power_factor, energy_import_kwh, energy_export_kwh,
           regular_rise_kwh(import_before_kwh, energy_import_kwh, at - import_before_at) AS import_rise_kwh,
           regular_rise_kwh(export_before_kwh, energy_export_kwh, at - export_before_at) AS export_rise_kwh,
           at - import_before_at > interval '15 minutes' AS is_spread,
           energy_import_kwh IS NOT NULL AND import_before_kwh IS NOT NULL AS has_import_step,
           energy_export_kwh IS NOT NULL AND export_before_kwh IS NOT NULL AS has_export_step
    FROM in_order
), odd_panel AS MATERIALIZED (
    SELECT DISTINCT panel_id FROM risen
    WHERE import_rise_kwh IS NULL AND has_import_step OR export_rise_kwh IS NULL AND has_export_step
), bucket AS MATERIALIZED (
    SELECT panel_id, date_bin('5 minutes', at, 'epoch') AS starts_at, {COUNTED}
    FROM risen
    WHERE NOT EXISTS (SELECT FROM odd_panel WHERE odd_panel.panel_id = risen.panel_id)
    GROUP BY panel_id, date_bin('5 minutes', at, 'epoch')
), put_five_minutes AS (
    INSERT INTO rollup_five_minutes AS kept ({FIVE_MINUTE_COLUMNS}) SELECT * FROM bucket
    ON CONFLICT (panel_id, starts_at) DO UPDATE SET {ADDED_FIVE_MINUTES}
), put_hour AS (
    INSERT INTO rollup_hour AS kept ({HOUR_COLUMNS})
    SELECT panel_id, date_bin('1 hour', starts_at, 'epoch'), {SUMMED_HOUR}
    FROM (SELECT {WITH_SILENCE} FROM bucket) AS bucket
    GROUP BY 1, 2
    ON CONFLICT (panel_id, starts_at) DO UPDATE SET {ADDED_HOUR}
    RETURNING panel_id, starts_at, quarter_1_kwh, quarter_2_kwh, quarter_3_kwh, quarter_4_kwh
), local_bucket AS MATERIALIZED (
    SELECT (starts_at AT TIME ZONE panel.time_zone)::date AS day, bucket.*
    FROM bucket JOIN panel ON panel.id = bucket.panel_id
), grown AS (
    SELECT DISTINCT panel_id, day, date_bin('15 minutes', starts_at, 'epoch') AS starts_at
    FROM local_bucket WHERE energy_kwh > spread_kwh
), peak AS (
    SELECT DISTINCT ON (panel_id, day) panel_id, day, grown.starts_at,
           4 * CASE grown.starts_at - hour.starts_at
               WHEN interval '0' THEN quarter_1_kwh WHEN interval '15 minutes' THEN quarter_2_kwh
               WHEN interval '30 minutes' THEN quarter_3_kwh ELSE quarter_4_kwh END AS demand_kw
    FROM grown JOIN put_hour AS hour USING (panel_id)
    WHERE hour.starts_at = date_bin('1 hour', grown.starts_at, 'epoch')
    ORDER BY panel_id, day, demand_kw DESC, grown.starts_at
), day_sum AS (
    SELECT panel_id, day, {SUMMED}
    FROM local_bucket
    GROUP BY panel_id, day
), put_day AS (
    INSERT INTO rollup_day AS kept ({DAY_COLUMNS})
    SELECT day_sum.*, peak.demand_kw, peak.starts_at FROM day_sum LEFT JOIN peak USING (panel_id, day)
    ON CONFLICT (panel_id, day) DO UPDATE SET {ADDED_DAY}
), newest AS MATERIALIZED (
    SELECT DISTINCT ON (panel_id) panel_id, at, received_at, batch_id, {VALUES},
           max(received_at) OVER (PARTITION BY panel_id) AS last_seen_at, flags
    FROM inserted
    ORDER BY panel_id, at DESC
), put_latest AS (
    INSERT INTO latest_reading AS kept (panel_id, at, received_at, batch_id, {VALUES}, last_seen_at, flags, is_partial)
    SELECT newest.*, partial.panel_id IS NOT NULL
    FROM newest
    LEFT JOIN (SELECT DISTINCT panel_id, at FROM staged_reading WHERE is_partial) AS partial USING (panel_id, at)
    WHERE NOT EXISTS (SELECT FROM latest_reading AS latest
                      WHERE latest.panel_id = newest.panel_id AND latest.at > newest.at)
    ON CONFLICT (panel_id) DO UPDATE SET
        at = excluded.at, received_at = excluded.received_at, batch_id = excluded.batch_id,
        voltage_r_v = excluded.voltage_r_v, voltage_s_v = excluded.voltage_s_v,
        voltage_t_v = excluded.voltage_t_v, voltage_n_v = excluded.voltage_n_v,
        current_r_a = excluded.current_r_a, current_s_a = excluded.current_s_a,
        current_t_a = excluded.current_t_a, current_n_a = excluded.current_n_a,
        active_power_kw = excluded.active_power_kw, apparent_power_kva = excluded.apparent_power_kva,
        power_factor = excluded.power_factor, energy_import_kwh = excluded.energy_import_kwh,
        energy_export_kwh = excluded.energy_export_kwh, voltage_unbalance = excluded.voltage_unbalance,
        current_unbalance = excluded.current_unbalance,
        last_seen_at = greatest(kept.last_seen_at, excluded.last_seen_at),
        flags = excluded.flags, is_partial = excluded.is_partial
)
SELECT (SELECT count(*) FROM inserted), (SELECT coalesce(array_agg(panel_id), '{{}}') FROM (
           SELECT panel_id FROM late_panel UNION SELECT panel_id FROM odd_panel ORDER BY panel_id) AS panel)"""

# What was inserted or joined, of the panels that are judged and recomputed.
_TOUCH: LiteralString = """
INSERT INTO touched_reading
SELECT DISTINCT panel_id, at, energy_import_kwh IS NOT NULL, energy_export_kwh IS NOT NULL
FROM (SELECT panel_id, at FROM staged_reading WHERE panel_id = ANY (%(panels)s)) AS staged
JOIN reading USING (panel_id, at)
WHERE reading.batch_id = %(batch_id)s"""

_HEAR: LiteralString = """
UPDATE latest_reading AS kept SET
    last_seen_at = greatest(kept.last_seen_at, heard.last_at),
    is_partial = kept.is_partial OR kept.at = ANY (heard.partial_instants)
FROM (
    SELECT panel_id, max(received_at) AS last_at,
           coalesce(array_agg(at) FILTER (WHERE is_partial), '{}') AS partial_instants
    FROM staged_reading JOIN touched_reading USING (panel_id, at)
    GROUP BY panel_id
) AS heard
WHERE kept.panel_id = heard.panel_id"""


class BatchWriter:
    """Writes batches over one connection, one transaction each; for one thread at a time.

    Writers of several processes take turns, so batch ids rise in the order of commits.
    """

    def __init__(self, connection: Connection[Row]) -> None:
        """`connection` is out of autocommit and nobody else's; its temporary tables are made here."""
        self._connection = connection
        self._months: set[tuple[int, int]] = set()
        create_staging(connection)
        create_touched(connection)
        connection.commit()

    @classmethod
    def open(cls, url: str) -> Self:
        """A writer over a connection of its own; close it.

        Raises:
            DatabaseAwayError: the database does not answer within 5 s.
        """
        with database_errors():
            return cls(connect(url, application="kilowatch ingest"))

    def close(self) -> None:
        """Ends the connection; what is not committed is rolled back."""
        self._connection.close()

    def cancel(self) -> None:
        """Makes the database give up the statement under way; may be called from another thread."""
        with suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=_CANCEL_WITHIN_S)

    def known_panels(self, codes: Sequence[str]) -> list[KnownPanel]:
        """The panels with these codes; a code without a panel is missing from the answer.

        Raises:
            DatabaseAwayError: it could not be asked.
        """
        with database_errors():
            return known_panels(self._connection, codes)

    def readings_kept_since(self) -> datetime | None:
        """From when on readings are taken; None: all. See store.retention.

        Raises:
            DatabaseAwayError: it could not be asked.
        """
        with database_errors():
            since = readings_kept_since(self._connection)
            self._connection.commit()
        return since

    def add_panels(self, codes: Sequence[str], *, time_zone: str) -> list[KnownPanel]:
        """Adds panels named by their codes, in a transaction of its own; one that is there meanwhile stays as it is.

        Raises:
            DatabaseAwayError: it is not sure that they are there.
        """
        with database_errors():
            return add_panels(self._connection, codes, time_zone=time_zone)

    def write(
        self,
        readings: Sequence[PanelReading],
        *,
        rejected: Sequence[RejectedMessage] = (),
        replayed_ids: Sequence[int] = (),
        arrivals: Arrivals | None = None,
        also: Sequence[Also] = (),
    ) -> BatchResult:
        """Stores a batch and returns when it is committed; a reading that is there already changes nothing.

        The readings may come in any order, and be of any month since 2010. `arrivals` adds the batch to ingest's
        status; history that was never a message leaves it out. Each of `also` is called after the readings are
        stored, in the same transaction.

        Raises:
            DatabaseAwayError: it was not stored, or not surely; write it again.
            BatchRefusedError: a value cannot be stored; nothing was.
        """
        with self._committing():
            self._ensure_partitions(reading.at for _, reading in readings)
            result = self._merge(staged_rows(readings), count=len(readings))
            if rejected:
                keep_rejected(self._connection, rejected)
            if replayed_ids:
                mark_replayed(self._connection, replayed_ids)
            if arrivals is not None:
                count_batch(self._connection, _counted(result, arrivals=arrivals, rejected_count=len(rejected)))
            self._finish(result, also)
        return result

    def write_rows(self, rows: Sequence[StagedRow], *, also: Sequence[Also] = ()) -> BatchResult:
        """Stores rows of STAGED_COLUMNS as `write` does readings: for history in bulk, without an object a reading.

        Raises:
            DatabaseAwayError: they were not stored, or not surely; write them again.
            BatchRefusedError: a value cannot be stored; nothing was.
        """
        with self._committing():
            self._ensure_partitions(row[1] for row in rows)
            result = self._merge(rows, count=len(rows))
            self._finish(result, also)
        return result

    def write_packed(self, rows: PackedRows, *, also: Sequence[Also] = ()) -> BatchResult:
        """Stores rows as `write_rows` does, ten times as cheaply for this process.

        Raises:
            DatabaseAwayError: they were not stored, or not surely; write them again.
            BatchRefusedError: a value cannot be stored; nothing was.
        """
        with self._committing():
            self._ensure_partitions(rows.instants)
            result = self._merge(rows, count=rows.count)
            self._finish(result, also)
        return result

    @contextmanager
    def _committing(self) -> Generator[None]:
        try:
            with database_errors():
                yield
                self._connection.commit()
        except BatchRefusedError:
            self._months.clear()
            self._connection.rollback()
            raise

    def _finish(self, result: BatchResult, also: Sequence[Also]) -> None:
        for piece in also:
            piece(self._connection)
        if result.reading_count or result.joined_count:
            tell_batch(self._connection, result.batch_id)

    def _ensure_partitions(self, instants: Iterable[datetime]) -> None:
        """In a transaction of its own: making a partition waits for nobody, and nobody waits for it for long."""
        months = {(at.year, at.month): at for at in (at.astimezone(UTC) for at in instants)}
        unknown = months.keys() - self._months
        if unknown:
            self._connection.execute(_ENSURE_PARTITIONS, (ADVISORY_KEY, [months[month] for month in unknown]))
            self._connection.commit()
            self._months |= unknown

    def _merge(self, rows: Iterable[StagedRow] | PackedRows, *, count: int) -> BatchResult:
        batch_id = begin_batch(self._connection)
        if not count:
            return BatchResult(batch_id, 0, 0, ())
        stage(self._connection, rows)
        ((inserted, panels),) = self._connection.execute(_MERGE, {"batch_id": batch_id}).fetchall()
        joined = join_staged(self._connection, batch_id=batch_id) if inserted < count else Joined(0, ())
        panels = sorted({*panels, *joined.panels})
        if panels:
            self._recompute(panels, batch_id=batch_id)
        return BatchResult(batch_id, inserted, count - inserted, tuple(panels), joined.reading_count)

    def _recompute(self, panels: list[int], *, batch_id: int) -> None:
        self._connection.execute(_TOUCH, {"panels": panels, "batch_id": batch_id})
        self._connection.execute(_HEAR)
        judge_touched(self._connection)
        touch_buckets(self._connection)
        refill(self._connection)
        follow(self._connection, panels=panels)


def _counted(result: BatchResult, *, arrivals: Arrivals, rejected_count: int) -> BatchCount:
    return BatchCount(
        batch_id=result.batch_id,
        message_count=arrivals.message_count,
        reading_count=result.reading_count,
        duplicate_count=result.duplicate_count,
        rejected_count=rejected_count,
        oldest_at=arrivals.oldest_at,
        newest_at=arrivals.newest_at,
    )
