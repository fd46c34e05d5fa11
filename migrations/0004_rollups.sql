-- Usage and power of each five minutes, hour (UTC) and local day. Energy is exact: a reading's usage is the rise of
-- the register since the reading before it, and belongs to the bucket of the reading's own time.
CREATE TABLE rollup_five_minutes (
    panel_id          integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    starts_at         timestamptz NOT NULL,
    reading_count     integer NOT NULL,
    energy_kwh        numeric(18, 6) NOT NULL,
    export_kwh        numeric(18, 6) NOT NULL,
    power_count       integer NOT NULL,
    power_sum_kw      double precision NOT NULL,
    power_min_kw      double precision,
    power_max_kw      double precision,
    factor_count      integer NOT NULL,
    factor_sum        double precision NOT NULL,
    first_at          timestamptz NOT NULL,
    last_at           timestamptz NOT NULL,
    energy_import_kwh double precision,   -- register at last_at
    energy_export_kwh double precision,
    PRIMARY KEY (panel_id, starts_at)
) WITH (fillfactor = 80);

CREATE TABLE rollup_hour (LIKE rollup_five_minutes INCLUDING ALL) WITH (fillfactor = 70);
ALTER TABLE rollup_hour ADD FOREIGN KEY (panel_id) REFERENCES panel ON DELETE CASCADE;

CREATE TABLE rollup_day (
    panel_id          integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    day               date NOT NULL,      -- in the panel's time zone
    reading_count     integer NOT NULL,
    energy_kwh        numeric(18, 6) NOT NULL,
    export_kwh        numeric(18, 6) NOT NULL,
    power_count       integer NOT NULL,
    power_sum_kw      double precision NOT NULL,
    power_min_kw      double precision,
    power_max_kw      double precision,
    factor_count      integer NOT NULL,
    factor_sum        double precision NOT NULL,
    first_at          timestamptz NOT NULL,
    last_at           timestamptz NOT NULL,
    energy_import_kwh double precision,
    energy_export_kwh double precision,
    PRIMARY KEY (panel_id, day)
) WITH (fillfactor = 70);

-- The rise of a register between two readings that follow each other, in kWh with six decimals. A fall is never
-- negative usage. A rise counts while it is plausible: 2,000 kW, more than any low-voltage connection carries, for as
-- long as it took, and 1 kWh more; what is above that is a fault of the meter, or another meter, and counts as nothing.
-- One expression, so that Postgres puts it in place of the call: merging takes 10.2 us a reading where it took 9.9 with
-- the bare difference.
CREATE FUNCTION register_rise_kwh(before double precision, after double precision, elapsed interval) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN after - before BETWEEN 0 AND 2000 * date_part('epoch', elapsed) / 3600 + 1
           THEN round((after - before) * 1e6)::bigint * 0.000001 ELSE 0 END
$$;

-- When a local day starts: where clocks are turned back over midnight, at the first of its two midnights.
CREATE FUNCTION local_midnight(day date, zone text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT (day::timestamp AT TIME ZONE zone)
         - CASE WHEN ((day::timestamp AT TIME ZONE zone) - interval '1 hour') AT TIME ZONE zone >= day::timestamp
           THEN interval '1 hour' ELSE interval '0' END
$$;

-- Import of a panel in (since, until]: whole local days from the day rollup, the rest from five minutes, the edges
-- from readings. Falls and implausible rises count as nothing, as in the rollups, because it is the same sum.
CREATE FUNCTION metered_usage_kwh(panel integer, since timestamptz, until timestamptz) RETURNS numeric
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
         + (SELECT coalesce(sum(energy_kwh), 0) FROM rollup_five_minutes
            WHERE panel_id = panel AND starts_at >= first_bucket AND starts_at < days_from)
         + (SELECT coalesce(sum(energy_kwh), 0) FROM rollup_day
            WHERE panel_id = panel AND day >= first_day AND day < last_day)
         + (SELECT coalesce(sum(energy_kwh), 0) FROM rollup_five_minutes
            WHERE panel_id = panel AND starts_at >= greatest(last_midnight, days_from) AND starts_at < last_bucket)
         + reading_usage_kwh(panel, last_bucket - interval '1 microsecond', until);
END
$$;

-- Import of a panel in (since, until], summed from its readings: for short spans.
CREATE FUNCTION reading_usage_kwh(panel integer, since timestamptz, until timestamptz) RETURNS numeric
LANGUAGE sql STABLE
AS $$
    WITH span AS (
        (SELECT at, energy_import_kwh FROM reading
         WHERE panel_id = panel AND at <= since AND energy_import_kwh IS NOT NULL ORDER BY at DESC LIMIT 1)
        UNION ALL
        SELECT at, energy_import_kwh FROM reading
        WHERE panel_id = panel AND at > since AND at <= until AND energy_import_kwh IS NOT NULL
    ), rise AS (
        SELECT register_rise_kwh(lag(energy_import_kwh) OVER in_order, energy_import_kwh,
                                 at - lag(at) OVER in_order) AS kwh
        FROM span WINDOW in_order AS (ORDER BY at)
    )
    SELECT coalesce(sum(kwh), 0) FROM rise
$$;
