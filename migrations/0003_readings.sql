-- What the meters said, one row a panel and second of the device's clock. Rows are never changed.
-- batch_id rises in commit order (writers take turns under one advisory lock), so it is the cursor of live streams.
CREATE SEQUENCE reading_batch;

DO $body$
DECLARE
    columns constant text := $columns$
        panel_id            integer NOT NULL,
        at                  timestamptz NOT NULL,
        received_at         timestamptz NOT NULL,
        batch_id            bigint NOT NULL,
        voltage_r_v         real, voltage_s_v real, voltage_t_v real, voltage_n_v real,
        current_r_a         real, current_s_a real, current_t_a real, current_n_a real,
        active_power_kw     double precision,
        apparent_power_kva  double precision,
        power_factor        real,
        energy_import_kwh   double precision,
        energy_export_kwh   double precision,
        voltage_unbalance   real,
        current_unbalance   real,
        PRIMARY KEY (panel_id, at)
    $columns$;
BEGIN
    IF current_setting('shared_preload_libraries') LIKE '%timescaledb%' THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
        EXECUTE format('CREATE TABLE reading (%s)', columns);
        PERFORM create_hypertable('reading', 'at', chunk_time_interval => interval '7 days');
    ELSE
        EXECUTE format('CREATE TABLE reading (%s) PARTITION BY RANGE (at)', columns);
    END IF;
END
$body$;

-- Where a batch's rows lie, for live streams and their replay. Equal keys share an entry: 7 bytes a row. A block range
-- index is smaller still, but a batch took 21 ms, and ever more until the next vacuum, where this takes 0.2.
CREATE INDEX reading_batch_id ON reading (batch_id);

-- Makes the monthly partitions (UTC) that hold [since, until]; nothing to do where TimescaleDB makes chunks.
CREATE FUNCTION ensure_reading_partitions(since timestamptz, until timestamptz) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    month_start timestamp := date_trunc('month', since AT TIME ZONE 'UTC');
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'reading'::regclass) <> 'p' THEN
        RETURN;
    END IF;
    WHILE month_start <= until AT TIME ZONE 'UTC' LOOP
        IF to_regclass('reading_' || to_char(month_start, 'YYYY_MM')) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF reading FOR VALUES FROM (%L) TO (%L)',
                           'reading_' || to_char(month_start, 'YYYY_MM'),
                           month_start AT TIME ZONE 'UTC', (month_start + interval '1 month') AT TIME ZONE 'UTC');
        END IF;
        month_start := month_start + interval '1 month';
    END LOOP;
END
$$;

-- The newest reading of each panel by the device's clock, and when the panel was last heard of at all.
CREATE TABLE latest_reading (
    panel_id            integer PRIMARY KEY REFERENCES panel ON DELETE CASCADE,
    at                  timestamptz NOT NULL,
    received_at         timestamptz NOT NULL,
    batch_id            bigint NOT NULL,
    voltage_r_v         real, voltage_s_v real, voltage_t_v real, voltage_n_v real,
    current_r_a         real, current_s_a real, current_t_a real, current_n_a real,
    active_power_kw     double precision,
    apparent_power_kva  double precision,
    power_factor        real,
    energy_import_kwh   double precision,
    energy_export_kwh   double precision,
    voltage_unbalance   real,
    current_unbalance   real,
    last_seen_at        timestamptz NOT NULL
) WITH (fillfactor = 50);
