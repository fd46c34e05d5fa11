-- What is to be known of a reading beside its values: the sum of metering.readings.ReadingFlag.
ALTER TABLE reading ADD COLUMN flags smallint NOT NULL DEFAULT 0;

-- is_partial: one message of a device that spreads its values over several. unsettled_registers, 1 for import and 2 for
-- export: the panel's last registers may yet be judged otherwise, so its next readings are judged before they count.
-- What was stored before is not known to be settled.
ALTER TABLE latest_reading
    ADD COLUMN flags smallint NOT NULL DEFAULT 0,
    ADD COLUMN is_partial boolean NOT NULL DEFAULT false,
    ADD COLUMN unsettled_registers smallint NOT NULL DEFAULT 0;
UPDATE latest_reading SET unsettled_registers =
    (energy_import_kwh IS NOT NULL)::integer + 2 * (energy_export_kwh IS NOT NULL)::integer;

-- The newest reading of each panel with what a device that sends its values one by one said in the ten minutes before;
-- others cost nothing more. Registers that are glitches are not taken from before.
CREATE VIEW latest_state AS
SELECT latest.panel_id, latest.at, latest.received_at, latest.batch_id,
       coalesce(latest.voltage_r_v, earlier.voltage_r_v) AS voltage_r_v,
       coalesce(latest.voltage_s_v, earlier.voltage_s_v) AS voltage_s_v,
       coalesce(latest.voltage_t_v, earlier.voltage_t_v) AS voltage_t_v,
       coalesce(latest.voltage_n_v, earlier.voltage_n_v) AS voltage_n_v,
       coalesce(latest.current_r_a, earlier.current_r_a) AS current_r_a,
       coalesce(latest.current_s_a, earlier.current_s_a) AS current_s_a,
       coalesce(latest.current_t_a, earlier.current_t_a) AS current_t_a,
       coalesce(latest.current_n_a, earlier.current_n_a) AS current_n_a,
       coalesce(latest.active_power_kw, earlier.active_power_kw) AS active_power_kw,
       coalesce(latest.apparent_power_kva, earlier.apparent_power_kva) AS apparent_power_kva,
       coalesce(latest.power_factor, earlier.power_factor) AS power_factor,
       coalesce(latest.energy_import_kwh, earlier.energy_import_kwh) AS energy_import_kwh,
       coalesce(latest.energy_export_kwh, earlier.energy_export_kwh) AS energy_export_kwh,
       coalesce(latest.voltage_unbalance, earlier.voltage_unbalance) AS voltage_unbalance,
       coalesce(latest.current_unbalance, earlier.current_unbalance) AS current_unbalance,
       latest.last_seen_at, latest.flags, latest.is_partial
FROM latest_reading AS latest
LEFT JOIN LATERAL (
    SELECT (array_agg(voltage_r_v ORDER BY at DESC) FILTER (WHERE voltage_r_v IS NOT NULL))[1] AS voltage_r_v,
           (array_agg(voltage_s_v ORDER BY at DESC) FILTER (WHERE voltage_s_v IS NOT NULL))[1] AS voltage_s_v,
           (array_agg(voltage_t_v ORDER BY at DESC) FILTER (WHERE voltage_t_v IS NOT NULL))[1] AS voltage_t_v,
           (array_agg(voltage_n_v ORDER BY at DESC) FILTER (WHERE voltage_n_v IS NOT NULL))[1] AS voltage_n_v,
           (array_agg(current_r_a ORDER BY at DESC) FILTER (WHERE current_r_a IS NOT NULL))[1] AS current_r_a,
           (array_agg(current_s_a ORDER BY at DESC) FILTER (WHERE current_s_a IS NOT NULL))[1] AS current_s_a,
           (array_agg(current_t_a ORDER BY at DESC) FILTER (WHERE current_t_a IS NOT NULL))[1] AS current_t_a,
           (array_agg(current_n_a ORDER BY at DESC) FILTER (WHERE current_n_a IS NOT NULL))[1] AS current_n_a,
           (array_agg(active_power_kw ORDER BY at DESC) FILTER (WHERE active_power_kw IS NOT NULL))[1]
               AS active_power_kw,
           (array_agg(apparent_power_kva ORDER BY at DESC) FILTER (WHERE apparent_power_kva IS NOT NULL))[1]
               AS apparent_power_kva,
           (array_agg(power_factor ORDER BY at DESC) FILTER (WHERE power_factor IS NOT NULL))[1] AS power_factor,
           (array_agg(energy_import_kwh ORDER BY at DESC)
               FILTER (WHERE energy_import_kwh IS NOT NULL AND flags & 1 = 0))[1] AS energy_import_kwh,
           (array_agg(energy_export_kwh ORDER BY at DESC)
               FILTER (WHERE energy_export_kwh IS NOT NULL AND flags & 2 = 0))[1] AS energy_export_kwh,
           (array_agg(voltage_unbalance ORDER BY at DESC) FILTER (WHERE voltage_unbalance IS NOT NULL))[1]
               AS voltage_unbalance,
           (array_agg(current_unbalance ORDER BY at DESC) FILTER (WHERE current_unbalance IS NOT NULL))[1]
               AS current_unbalance
    FROM reading
    WHERE latest.is_partial AND reading.panel_id = latest.panel_id
      AND reading.at >= latest.at - interval '10 minutes' AND reading.at < latest.at
) AS earlier ON true;

-- What a register did that was no usage: one row a register and reading (of a GLITCH: the first of its readings). A
-- function of the readings: judged again, and rows replaced, when readings come late.
CREATE TABLE register_event (
    panel_id      integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    register      text NOT NULL CHECK (register IN ('IMPORT', 'EXPORT')),
    at            timestamptz NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('RESET', 'ROLLOVER', 'METER_SWAP', 'GLITCH')),
    before_at     timestamptz NOT NULL,            -- the reading that it is judged by
    before_kwh    double precision NOT NULL,
    after_kwh     double precision NOT NULL,       -- the register at `at`
    usage_kwh     numeric(18, 6) NOT NULL CHECK (usage_kwh >= 0),   -- that counts; 0 unless a ROLLOVER
    ends_at       timestamptz NOT NULL,            -- the last of a GLITCH's readings; of the others: at
    reading_count integer NOT NULL CHECK (reading_count > 0),       -- of a GLITCH; of the others 1
    PRIMARY KEY (panel_id, register, at)
);

-- The rise of a register since the reading before it, exact; null where the step is none that counts (register_rise_kwh
-- makes that 0) or one of the registers is not known.
CREATE FUNCTION regular_rise_kwh(before double precision, after double precision, elapsed interval) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN after - before BETWEEN 0 AND 2000 * date_part('epoch', elapsed) / 3600 + 1
           THEN round((after - before) * 1e6)::bigint * 0.000001 END
$$;

-- Demand is four times the energy of a quarter of an hour, in kW. A rise that took longer than a quarter (spread_kwh)
-- says nothing of it. Quarters lie in one local day wherever clocks differ from UTC by quarters of an hour.
ALTER TABLE rollup_five_minutes ADD COLUMN spread_kwh numeric(18, 6) NOT NULL DEFAULT 0;
ALTER TABLE rollup_hour
    ADD COLUMN quarter_1_kwh numeric(18, 6) NOT NULL DEFAULT 0,
    ADD COLUMN quarter_2_kwh numeric(18, 6) NOT NULL DEFAULT 0,
    ADD COLUMN quarter_3_kwh numeric(18, 6) NOT NULL DEFAULT 0,
    ADD COLUMN quarter_4_kwh numeric(18, 6) NOT NULL DEFAULT 0;
ALTER TABLE rollup_day
    ADD COLUMN peak_demand_kw numeric(18, 6),          -- null: nothing that was used tells of a quarter
    ADD COLUMN peak_demand_at timestamptz;             -- the start of the first quarter with it

-- Of what was stored before, five minutes after a silence count as spread altogether.
UPDATE rollup_five_minutes AS kept SET spread_kwh = kept.energy_kwh
FROM (
    SELECT panel_id, starts_at,
           first_at - lag(last_at) OVER (PARTITION BY panel_id ORDER BY starts_at) > interval '15 minutes' AS is_spread
    FROM rollup_five_minutes
) AS own
WHERE own.is_spread AND own.panel_id = kept.panel_id AND own.starts_at = kept.starts_at AND kept.energy_kwh > 0;

UPDATE rollup_hour AS kept SET
    quarter_1_kwh = own.kwh_1, quarter_2_kwh = own.kwh_2, quarter_3_kwh = own.kwh_3, quarter_4_kwh = own.kwh_4
FROM (
    SELECT panel_id, date_bin('1 hour', starts_at, 'epoch') AS starts_at,
           coalesce(sum(energy_kwh - spread_kwh) FILTER (WHERE date_part('minute', starts_at) < 15), 0) AS kwh_1,
           coalesce(sum(energy_kwh - spread_kwh) FILTER (WHERE date_part('minute', starts_at) IN (15, 20, 25)), 0)
               AS kwh_2,
           coalesce(sum(energy_kwh - spread_kwh) FILTER (WHERE date_part('minute', starts_at) IN (30, 35, 40)), 0)
               AS kwh_3,
           coalesce(sum(energy_kwh - spread_kwh) FILTER (WHERE date_part('minute', starts_at) >= 45), 0) AS kwh_4
    FROM rollup_five_minutes
    GROUP BY 1, 2
) AS own
WHERE own.panel_id = kept.panel_id AND own.starts_at = kept.starts_at;

UPDATE rollup_day AS kept SET peak_demand_kw = own.demand_kw, peak_demand_at = own.starts_at
FROM (
    SELECT DISTINCT ON (panel_id, day) panel_id, (quarter.starts_at AT TIME ZONE time_zone)::date AS day,
           4 * quarter.kwh AS demand_kw, quarter.starts_at
    FROM rollup_hour AS hour JOIN panel ON panel.id = hour.panel_id
    CROSS JOIN LATERAL (
        VALUES (hour.starts_at, hour.quarter_1_kwh), (hour.starts_at + interval '15 minutes', hour.quarter_2_kwh),
               (hour.starts_at + interval '30 minutes', hour.quarter_3_kwh),
               (hour.starts_at + interval '45 minutes', hour.quarter_4_kwh)
    ) AS quarter (starts_at, kwh)
    WHERE quarter.kwh > 0
    ORDER BY panel_id, day, quarter.kwh DESC, quarter.starts_at
) AS own
WHERE own.panel_id = kept.panel_id AND own.day = kept.day;

-- Local months, summed from their days: 365 rows a panel and year.
CREATE VIEW rollup_month AS
SELECT panel_id, date_trunc('month', day::timestamp)::date AS month, sum(reading_count) AS reading_count,
       sum(energy_kwh) AS energy_kwh, sum(export_kwh) AS export_kwh,
       sum(power_count) AS power_count, sum(power_sum_kw) AS power_sum_kw,
       min(power_min_kw) AS power_min_kw, max(power_max_kw) AS power_max_kw,
       sum(power_sum_kw) / nullif(sum(power_count), 0) AS power_mean_kw,
       sum(factor_count) AS factor_count, sum(factor_sum) AS factor_sum,
       sum(factor_sum) / nullif(sum(factor_count), 0) AS factor_mean,
       max(peak_demand_kw) AS peak_demand_kw,
       (array_agg(peak_demand_at ORDER BY peak_demand_kw DESC NULLS LAST, peak_demand_at))[1] AS peak_demand_at,
       min(first_at) AS first_at, max(last_at) AS last_at
FROM rollup_day
GROUP BY panel_id, date_trunc('month', day::timestamp)::date;

-- Import of a panel in (since, until], summed from its readings: for short spans. Glitches are passed over, and a
-- rollover counts what it was. Without a register in the span nothing is looked for before it: a panel that has none at
-- all would be read to its beginning.
CREATE OR REPLACE FUNCTION reading_usage_kwh(panel integer, since timestamptz, until timestamptz) RETURNS numeric
LANGUAGE sql STABLE
AS $$
    WITH span AS (
        (SELECT at, energy_import_kwh FROM reading
         WHERE panel_id = panel AND at <= since AND energy_import_kwh IS NOT NULL AND flags & 1 = 0
           AND EXISTS (SELECT FROM reading WHERE panel_id = panel AND at > since AND at <= until
                       AND energy_import_kwh IS NOT NULL)
         ORDER BY at DESC LIMIT 1)
        UNION ALL
        SELECT at, energy_import_kwh FROM reading
        WHERE panel_id = panel AND at > since AND at <= until AND energy_import_kwh IS NOT NULL AND flags & 1 = 0
    ), rise AS (
        SELECT regular_rise_kwh(lag(energy_import_kwh) OVER in_order, energy_import_kwh,
                                at - lag(at) OVER in_order) AS kwh
        FROM span WINDOW in_order AS (ORDER BY at)
    )
    SELECT coalesce((SELECT sum(kwh) FROM rise), 0)
         + coalesce((SELECT sum(usage_kwh) FROM register_event
                     WHERE panel_id = panel AND register = 'IMPORT' AND kind = 'ROLLOVER'
                       AND at > since AND at <= until), 0)
$$;
