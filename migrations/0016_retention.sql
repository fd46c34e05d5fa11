-- What is kept how long, and what becomes of messages that could not be read.

-- How far back each level reaches. A level's horizon is announced first, so that ingest refuses what is older, and what
-- is older is removed some minutes later; it only ever moves forward.
CREATE TABLE retention (
    level          text PRIMARY KEY CHECK (level IN ('READINGS', 'FIVE_MINUTES', 'HOURS')),
    kept_since     timestamptz NOT NULL,
    announced_at   timestamptz NOT NULL,
    removed_before timestamptz              -- null before anything was removed; then never after kept_since
);

-- From when on readings are taken; null: all. A reading changes its hour and its local day, which are summed from five
-- minutes, so those of its whole day have to be there: a local day lies within two days.
CREATE FUNCTION readings_kept_since() RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
    SELECT max(CASE level WHEN 'READINGS' THEN kept_since WHEN 'FIVE_MINUTES' THEN kept_since + interval '2 days' END)
    FROM retention
$$;

-- The newest readings of a panel before an instant that have an import register, and those that have an export
-- register, so many of each. The days say how far back they can be: a panel without a register is not read through.
CREATE FUNCTION newest_registers(panel integer, before timestamptz, how_many integer) RETURNS SETOF timestamptz
LANGUAGE sql STABLE
AS $$
    (SELECT at FROM reading
     WHERE panel_id = panel AND at < before AND energy_import_kwh IS NOT NULL
       AND at >= (SELECT min(day) FROM (SELECT day FROM rollup_day
                                        WHERE panel_id = panel AND day <= (before AT TIME ZONE 'UTC')::date + 1
                                          AND energy_import_kwh IS NOT NULL ORDER BY day DESC LIMIT how_many + 2) AS known
                 )::timestamp AT TIME ZONE 'UTC' - interval '1 day'
     ORDER BY at DESC LIMIT how_many)
    UNION
    (SELECT at FROM reading
     WHERE panel_id = panel AND at < before AND energy_export_kwh IS NOT NULL
       AND at >= (SELECT min(day) FROM (SELECT day FROM rollup_day
                                        WHERE panel_id = panel AND day <= (before AT TIME ZONE 'UTC')::date + 1
                                          AND energy_export_kwh IS NOT NULL ORDER BY day DESC LIMIT how_many + 2) AS known
                 )::timestamp AT TIME ZONE 'UTC' - interval '1 day'
     ORDER BY at DESC LIMIT how_many)
$$;

-- Readings from before `horizon` that later answers hang on, whatever is removed: what a panel's next register is
-- judged and counted from, and what the balance is counted from, at each row of the ledger. Whole five minutes, so that
-- they can be summed again, and of each the registers that it is counted from. 12 readings: twice what a judgement
-- looks back. OFFSET 0 keeps the planner to looking up by panel and instant: it knows nothing of how few they are.
CREATE FUNCTION readings_to_keep(horizon timestamptz) RETURNS SETOF reading
LANGUAGE sql STABLE
AS $$
    WITH bucket AS (
        SELECT panel.id AS panel_id, date_bin('5 minutes', newest.at, 'epoch') AS starts_at
        FROM panel CROSS JOIN LATERAL newest_registers(panel.id, horizon, 12) AS newest (at)
        UNION
        SELECT panel_id, date_bin('5 minutes', moment, 'epoch')
        FROM ledger_entry CROSS JOIN LATERAL (VALUES (at), (usage_from_at)) AS needed (moment)
        WHERE moment < horizon
    ), key AS (
        SELECT bucket.panel_id, own.at FROM bucket CROSS JOIN LATERAL (
            SELECT at FROM reading WHERE panel_id = bucket.panel_id
               AND at >= bucket.starts_at AND at < bucket.starts_at + interval '5 minutes' OFFSET 0
        ) AS own
        UNION
        SELECT bucket.panel_id, earlier.at
        FROM bucket CROSS JOIN LATERAL newest_registers(bucket.panel_id, bucket.starts_at, 6) AS earlier (at)
    )
    SELECT kept.* FROM key CROSS JOIN LATERAL (
        SELECT * FROM reading WHERE panel_id = key.panel_id AND at = key.at AND at < horizon OFFSET 0
    ) AS kept
$$;

-- The latest instant, not after `wanted`, up to which readings can be removed by dropping whole tables: the start of a
-- month (UTC), or the end of one of TimescaleDB's chunks. Null: nothing can be.
CREATE FUNCTION reading_horizon(wanted timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'reading'::regclass) = 'p' THEN
        RETURN date_trunc('month', wanted AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    END IF;
    RETURN (SELECT max(range_end) FROM timescaledb_information.chunks
            WHERE hypertable_name = 'reading' AND range_end <= wanted);
END
$$;

-- Makes the monthly partitions (UTC) that hold [since, until], other than those that were dropped: what is kept of
-- these is in reading_past. Nothing to do where TimescaleDB makes chunks. CREATE TABLE ... PARTITION OF would wait for
-- everybody who reads, such as an export of an hour, and everybody would wait behind it; attaching waits for no reader.
CREATE OR REPLACE FUNCTION ensure_reading_partitions(since timestamptz, until timestamptz) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    month_start timestamp := greatest(date_trunc('month', since AT TIME ZONE 'UTC'),
        (SELECT removed_before AT TIME ZONE 'UTC' FROM retention WHERE level = 'READINGS'));
    month_name text;
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'reading'::regclass) <> 'p' THEN
        RETURN;
    END IF;
    WHILE month_start <= until AT TIME ZONE 'UTC' LOOP
        month_name := 'reading_' || to_char(month_start, 'YYYY_MM');
        IF to_regclass(month_name) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE reading INCLUDING ALL)', month_name);
            EXECUTE format('ALTER TABLE reading ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', month_name,
                           month_start AT TIME ZONE 'UTC', (month_start + interval '1 month') AT TIME ZONE 'UTC');
        END IF;
        month_start := month_start + interval '1 month';
    END LOOP;
END
$$;

-- The partitions of reading that end at `horizon` or before, reading_past among them.
CREATE FUNCTION reading_partitions_before(horizon timestamptz) RETURNS SETOF regclass
LANGUAGE sql STABLE
AS $$
    SELECT part.oid::regclass FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid
    WHERE inhparent = 'reading'::regclass
      AND substring(pg_get_expr(part.relpartbound, part.oid) FROM $re$TO \('([^']+)'\)$re$)::timestamptz <= horizon
$$;

-- Removes the readings before `horizon`, one that reading_horizon said, by dropping whole tables, but for
-- readings_to_keep. What takes long is done before any lock; a lock is waited for no longer than `patience`, and then
-- the whole of it fails with lock_not_available and has changed nothing. `writers` is the lock of the batches.
CREATE FUNCTION remove_readings(horizon timestamptz, writers bigint, patience interval) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    part regclass;
    is_native boolean := (SELECT relkind FROM pg_class WHERE oid = 'reading'::regclass) = 'p';
BEGIN
    DROP TABLE IF EXISTS reading_still_wanted;
    CREATE TABLE reading_still_wanted (LIKE reading INCLUDING ALL);
    INSERT INTO reading_still_wanted SELECT * FROM readings_to_keep(horizon);
    PERFORM set_config('lock_timeout', (extract(epoch FROM patience) * 1000)::bigint::text, true);
    PERFORM pg_advisory_xact_lock(writers);
    IF is_native THEN
        FOR part IN SELECT * FROM reading_partitions_before(horizon) LOOP
            EXECUTE format('ALTER TABLE reading DETACH PARTITION %s', part);
            EXECUTE format('DROP TABLE %s', part);
        END LOOP;
        ALTER TABLE reading_still_wanted RENAME TO reading_past;
        EXECUTE format('ALTER TABLE reading ATTACH PARTITION reading_past FOR VALUES FROM (MINVALUE) TO (%L)', horizon);
    ELSE
        PERFORM drop_chunks('reading', older_than => horizon);
        INSERT INTO reading SELECT * FROM reading_still_wanted;
        DROP TABLE reading_still_wanted;
    END IF;
END
$$;

-- Compresses one chunk of readings that ends before `before` and is not compressed, or was written to since; its name,
-- null when there is none left, or no TimescaleDB. Reading, late readings and corrections work on as before.
CREATE FUNCTION compress_readings(before timestamptz, patience interval) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    chunk_name text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
       OR (SELECT relkind FROM pg_class WHERE oid = 'reading'::regclass) = 'p' THEN
        RETURN NULL;
    END IF;
    SELECT format('%I.%I', chunk.schema_name, chunk.table_name) INTO chunk_name
    FROM timescaledb_information.chunks AS known
    JOIN _timescaledb_catalog.chunk ON chunk.schema_name = known.chunk_schema AND chunk.table_name = known.chunk_name
    WHERE known.hypertable_name = 'reading' AND known.range_end <= before
      AND (NOT known.is_compressed OR chunk.status & 10 <> 0)    -- 2: not in order, 8: rows beside the compressed
    ORDER BY known.range_end LIMIT 1;
    IF chunk_name IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('lock_timeout', (extract(epoch FROM patience) * 1000)::bigint::text, true);
    IF NOT (SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_name = 'reading') THEN
        ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'panel_id',
                                 timescaledb.compress_orderby = 'at');
    END IF;
    PERFORM compress_chunk(chunk_name::regclass);
    RETURN chunk_name;
END
$$;

-- Import in the five minutes of [since, until), which lies in one local day. Of a day whose five minutes are no longer
-- kept, of its hours, and where those are gone too, of the day: what is not wholly inside in proportion. Five minutes
-- and hours are removed by whole local days.
CREATE FUNCTION part_of_day_kwh(panel integer, since timestamptz, until timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    zone text := (SELECT time_zone FROM panel AS p WHERE p.id = panel);
    midnight timestamptz := local_midnight((since AT TIME ZONE zone)::date, zone);
    next_midnight timestamptz := local_midnight((since AT TIME ZONE zone)::date + 1, zone);
BEGIN
    IF since >= coalesce((SELECT removed_before FROM retention WHERE level = 'FIVE_MINUTES'), '-infinity')
       OR EXISTS (SELECT FROM rollup_five_minutes
                  WHERE panel_id = panel AND starts_at >= midnight AND starts_at < next_midnight) THEN
        RETURN (SELECT coalesce(sum(energy_kwh), 0) FROM rollup_five_minutes
                WHERE panel_id = panel AND starts_at >= since AND starts_at < until);
    END IF;
    IF since >= coalesce((SELECT removed_before FROM retention WHERE level = 'HOURS'), '-infinity')
       OR EXISTS (SELECT FROM rollup_hour
                  WHERE panel_id = panel AND starts_at >= midnight AND starts_at < next_midnight) THEN
        RETURN (SELECT coalesce(sum(round(energy_kwh * extract(epoch FROM least(until, starts_at + interval '1 hour')
                                                                          - greatest(since, starts_at)) / 3600, 6)), 0)
                FROM rollup_hour
                WHERE panel_id = panel AND starts_at > since - interval '1 hour' AND starts_at < until);
    END IF;
    RETURN (SELECT coalesce(sum(round(energy_kwh * extract(epoch FROM until - since)
                                      / extract(epoch FROM next_midnight - midnight), 6)), 0)
            FROM rollup_day WHERE panel_id = panel AND day = (midnight AT TIME ZONE zone)::date);
END
$$;

-- Import of a panel in (since, until]: whole local days from the day rollup, the rest from five minutes, the edges
-- from readings. The same sum as in the rollups, so falls and implausible rises count as nothing.
CREATE OR REPLACE FUNCTION metered_usage_kwh(panel integer, since timestamptz, until timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    zone text := (SELECT time_zone FROM panel AS p WHERE p.id = panel);
    first_bucket timestamptz := date_bin('5 minutes', since, 'epoch') + interval '5 minutes';
    last_bucket timestamptz := date_bin('5 minutes', until, 'epoch');
    first_day date := (first_bucket AT TIME ZONE zone)::date;
    first_midnight timestamptz := local_midnight(first_day, zone);
    last_day date := (last_bucket AT TIME ZONE zone)::date;
    last_midnight timestamptz := local_midnight(last_day, zone);
    days_from timestamptz;
BEGIN
    IF until <= since THEN
        RETURN 0;
    END IF;
    IF first_bucket > last_bucket THEN
        RETURN reading_usage_kwh(panel, since, until);
    END IF;
    IF first_midnight < first_bucket THEN
        first_day := first_day + 1;
        first_midnight := local_midnight(first_day, zone);
    END IF;
    days_from := least(first_midnight, last_bucket);
    RETURN reading_usage_kwh(panel, since, first_bucket - interval '1 microsecond')
         + part_of_day_kwh(panel, first_bucket, days_from)
         + (SELECT coalesce(sum(energy_kwh), 0) FROM rollup_day
            WHERE panel_id = panel AND day >= first_day AND day < last_day)
         + part_of_day_kwh(panel, greatest(last_midnight, days_from), last_bucket)
         + reading_usage_kwh(panel, last_bucket - interval '1 microsecond', until);
END
$$;

-- How much is stored, for operators: an estimate of the rows, what they take on disk, and the oldest reading.
CREATE FUNCTION reading_storage(OUT row_estimate bigint, OUT size_bytes bigint, OUT oldest_at timestamptz,
                                OUT has_next_month boolean)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    has_next_month := true;
    IF (SELECT relkind FROM pg_class WHERE oid = 'reading'::regclass) = 'p' THEN
        SELECT coalesce(sum(greatest(part.reltuples, 0)), 0), coalesce(sum(pg_total_relation_size(part.oid)), 0)
        INTO row_estimate, size_bytes
        FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid WHERE inhparent = 'reading'::regclass;
        has_next_month := to_regclass('reading_' || to_char(now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY_MM'))
                          IS NOT NULL;
    ELSE
        row_estimate := approximate_row_count('reading');
        size_bytes := hypertable_size('reading');
    END IF;
    oldest_at := (SELECT min(first_at) FROM panel CROSS JOIN LATERAL (
        SELECT at AS first_at FROM reading WHERE panel_id = panel.id ORDER BY at LIMIT 1) AS own);
END
$$;

-- Somebody's wish that rejected messages be read again; ingest does it. Counts grow as it does.
CREATE TABLE rejected_replay (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asked_at       timestamptz NOT NULL DEFAULT now(),
    account_id     bigint REFERENCES account ON DELETE SET NULL,
    message_count  integer NOT NULL DEFAULT 0,
    stored_count   integer NOT NULL DEFAULT 0,
    rejected_count integer NOT NULL DEFAULT 0   -- read again, and still not readable
);

-- A message that comes again within a day of the first time, from the same topic with the same payload, is counted and
-- not kept again: brokers hand over what was not acknowledged again, and some meters repeat the same fault for hours.
ALTER TABLE rejected_message
    ADD COLUMN fingerprint bytea,                           -- SHA-256 of topic, NUL and the whole payload
    ADD COLUMN times integer NOT NULL DEFAULT 1,
    ADD COLUMN last_received_at timestamptz,                -- null: as received_at
    ADD COLUMN is_retained boolean NOT NULL DEFAULT false,
    ADD COLUMN tried_at timestamptz,                        -- when it was last read again, in vain
    ADD COLUMN replay_id bigint REFERENCES rejected_replay ON DELETE SET NULL,
    ADD COLUMN replay_asked_at timestamptz;                 -- null once it was read again
CREATE INDEX rejected_message_fingerprint ON rejected_message (fingerprint, received_at);
CREATE INDEX rejected_message_age ON rejected_message (coalesce(last_received_at, received_at));
CREATE INDEX rejected_message_asked ON rejected_message (id) WHERE replay_asked_at IS NOT NULL;
CREATE INDEX rejected_message_replay ON rejected_message (replay_id) WHERE replay_id IS NOT NULL;
