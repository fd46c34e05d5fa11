-- What who rents, or rented, may look back on: the span of the tenancy, and nothing of another's time, in sums neither.
--
-- Who only rents reads history through views that hold one panel's rows of that span, and what is summed of them, under
-- the names of the tables: `windowed` stands before `public` in the search path of such a transaction. A statement then
-- answers as it would in a database that never held anything else, and everybody else pays nothing. A migration that
-- changes one of these tables makes its view anew.

-- The panels that the viewer sees as one who rents them and by nothing else, and the span that may be looked back on;
-- of two tenancies of a panel the one that began first.
CREATE FUNCTION rented_span(viewer_id bigint)
RETURNS TABLE (panel_id integer, since timestamptz, until timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT DISTINCT ON (let.panel_id) let.panel_id, starts_at, coalesce(ends_at, 'infinity')
    FROM tenancy
    JOIN tenancy_panel AS let ON let.tenancy_id = tenancy.id
    JOIN panel ON panel.id = let.panel_id
    WHERE tenancy.account_id = (SELECT coalesce(owner_id, id) FROM account WHERE id = viewer_id)
      AND starts_at <= now() AND (ends_at IS NULL OR ends_at > now())
      AND NOT EXISTS (SELECT FROM panel_access AS access
                      WHERE access.panel_id = let.panel_id AND access.account_id = tenancy.account_id)
      AND NOT EXISTS (SELECT FROM property AS owned
                      WHERE owned.id = panel.property_id AND owned.landlord_id = tenancy.account_id)
    ORDER BY let.panel_id, starts_at, ends_at DESC NULLS FIRST
$$;

-- The panels that the viewer may look back on without bounds. In `windowed` the same name has the panel of the window:
-- a statement about the past that starts from here shows nothing to who rents, unless it is run within a window.
CREATE FUNCTION history_panel(viewer_id bigint, sees_all boolean) RETURNS SETOF panel
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT panel.* FROM panel
    WHERE sees_all
       OR EXISTS (SELECT FROM panel_access AS access
                  WHERE access.panel_id = panel.id
                    AND access.account_id = (SELECT coalesce(owner_id, id) FROM account WHERE id = viewer_id))
       OR EXISTS (SELECT FROM property AS owned
                  WHERE owned.id = panel.property_id
                    AND owned.landlord_id = (SELECT coalesce(owner_id, id) FROM account WHERE id = viewer_id))
$$;

-- The panels that the viewer sees, each with the span of its readings that is theirs, for statements about many.
CREATE FUNCTION panel_in_time(viewer_id bigint, sees_all boolean)
RETURNS TABLE (id integer, code text, time_zone text, since timestamptz, until timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT id, code, time_zone, timestamptz '-infinity', timestamptz 'infinity'
    FROM history_panel(viewer_id, sees_all) AS panel
    UNION ALL
    SELECT panel.id, panel.code, panel.time_zone, rented.since, rented.until
    FROM rented_span(viewer_id) AS rented JOIN panel ON panel.id = rented.panel_id
    WHERE NOT sees_all
$$;

-- What many accounts, none of them an admin's, see: the same as visible_panel of each. From the few that they were given,
-- own or rent, not by asking each account about each panel.
CREATE FUNCTION panels_seen_by(viewer_ids bigint[]) RETURNS TABLE (account_id bigint, panel_id integer, code text)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    WITH viewer AS MATERIALIZED (
        SELECT id, coalesce(owner_id, id) AS acts_for FROM account WHERE id = ANY (viewer_ids)
    ), seen AS (
        SELECT viewer.id AS account_id, access.panel_id
        FROM viewer JOIN panel_access AS access ON access.account_id = viewer.acts_for
        UNION
        SELECT viewer.id, panel.id
        FROM viewer JOIN property AS owned ON owned.landlord_id = viewer.acts_for
        JOIN panel ON panel.property_id = owned.id
        UNION
        SELECT viewer.id, let.panel_id
        FROM viewer JOIN tenancy ON tenancy.account_id = viewer.acts_for
        JOIN tenancy_panel AS let ON let.tenancy_id = tenancy.id
        WHERE starts_at <= now() AND (ends_at IS NULL OR ends_at > now())
    )
    SELECT seen.account_id, panel.id, panel.code FROM seen JOIN panel ON panel.id = seen.panel_id
$$;

CREATE SCHEMA windowed;

-- Begins a window, until the end of the transaction. What it cuts is noted, because its sums hold more than the window
-- does: the five minutes, hours and local days at its ends, and those in which a register was first read, for that
-- reading's rise is from before. Of registers that were never read nothing is looked for but days.
CREATE FUNCTION windowed.enter(panel integer, since timestamptz, until timestamptz) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    zone text := (SELECT time_zone FROM panel AS own WHERE own.id = enter.panel);
    first_day date := (since AT TIME ZONE zone)::date;
    five_minutes timestamptz[] := '{}';
    hours timestamptz[] := '{}';
    days date[] := '{}';
    horizon timestamptz := coalesce((SELECT removed_before FROM retention WHERE level = 'FIVE_MINUTES'), '-infinity');
    has_import boolean := EXISTS (
        SELECT FROM rollup_five_minutes AS own
        WHERE own.panel_id = enter.panel AND starts_at >= since AND energy_import_kwh IS NOT NULL
          AND starts_at < local_midnight(first_day + 1, zone));
    has_export boolean := EXISTS (
        SELECT FROM rollup_five_minutes AS own
        WHERE own.panel_id = enter.panel AND starts_at >= since AND energy_export_kwh IS NOT NULL
          AND starts_at < local_midnight(first_day + 1, zone));
    candidate date;
BEGIN
    IF date_bin('5 minutes', since, 'epoch') < since THEN
        five_minutes := five_minutes || date_bin('5 minutes', since, 'epoch');
    END IF;
    IF date_bin('1 hour', since, 'epoch') < since THEN
        hours := hours || date_bin('1 hour', since, 'epoch');
    END IF;
    IF local_midnight(first_day, zone) < since THEN
        days := days || first_day;
    END IF;
    IF until < 'infinity' THEN
        IF date_bin('5 minutes', until, 'epoch') < until THEN
            five_minutes := five_minutes || date_bin('5 minutes', until, 'epoch');
        END IF;
        IF date_bin('1 hour', until, 'epoch') < until THEN
            hours := hours || date_bin('1 hour', until, 'epoch');
        END IF;
        IF local_midnight((until AT TIME ZONE zone)::date, zone) < until THEN
            days := days || (until AT TIME ZONE zone)::date;
        END IF;
    END IF;
    FOR candidate IN
        SELECT DISTINCT day FROM (
            SELECT first_day
            UNION ALL
            (SELECT day FROM rollup_day AS own WHERE NOT has_import AND own.panel_id = enter.panel
             AND own.day > first_day AND own.energy_import_kwh IS NOT NULL ORDER BY day LIMIT 1)
            UNION ALL
            (SELECT day FROM rollup_day AS own WHERE NOT has_export AND own.panel_id = enter.panel
             AND own.day > first_day AND own.energy_export_kwh IS NOT NULL ORDER BY day LIMIT 1)
        ) AS own (day)
        WHERE local_midnight(day, zone) >= horizon OR local_midnight(day, zone) < since
    LOOP
        days := days || candidate;
        five_minutes := five_minutes || ARRAY(
            SELECT min(starts_at) FROM rollup_five_minutes AS own
            WHERE own.panel_id = enter.panel AND starts_at < local_midnight(candidate + 1, zone)
              AND starts_at >= greatest(since, local_midnight(candidate, zone)) AND energy_import_kwh IS NOT NULL
            UNION
            SELECT min(starts_at) FROM rollup_five_minutes AS own
            WHERE own.panel_id = enter.panel AND starts_at < local_midnight(candidate + 1, zone)
              AND starts_at >= greatest(since, local_midnight(candidate, zone)) AND energy_export_kwh IS NOT NULL);
    END LOOP;
    five_minutes := array_remove(five_minutes, NULL);
    hours := hours || ARRAY(SELECT date_bin('1 hour', bucket, 'epoch') FROM unnest(five_minutes) AS bucket);
    PERFORM set_config('kilowatch.panel_id', enter.panel::text, true),
            set_config('kilowatch.since', since::text, true),
            set_config('kilowatch.until', until::text, true),
            set_config('kilowatch.five_minutes', ARRAY(SELECT DISTINCT unnest(five_minutes))::text, true),
            set_config('kilowatch.hours', ARRAY(SELECT DISTINCT unnest(hours))::text, true),
            set_config('kilowatch.days', ARRAY(SELECT DISTINCT unnest(days))::text, true);
    -- Each from the rows of the one before; kept as text, because statements look things up in them many times.
    PERFORM set_config('kilowatch.cut_five_minutes', '[]', true), set_config('kilowatch.cut_hours', '[]', true);
    PERFORM set_config('kilowatch.cut_five_minutes', coalesce(json_agg(cut)::text, '[]'), true)
    FROM windowed.cut_five_minutes() AS cut;
    PERFORM set_config('kilowatch.cut_hours', coalesce(json_agg(cut)::text, '[]'), true)
    FROM windowed.cut_hours() AS cut;
    PERFORM set_config('kilowatch.cut_days', coalesce(json_agg(cut)::text, '[]'), true)
    FROM windowed.cut_days() AS cut;
    -- The last of all: plans of what stands above are kept as long as the path is the same.
    PERFORM set_config('search_path', 'windowed, ' || current_setting('search_path'), true);
END
$$;

-- The panel of the window, if all of the window is the viewer's; under the name of what is seen now as well.
CREATE FUNCTION windowed.history_panel(viewer_id bigint, sees_all boolean) RETURNS SETOF panel
LANGUAGE sql STABLE
SET search_path FROM CURRENT
AS $$
    SELECT panel.* FROM history_panel(viewer_id, sees_all, current_setting('kilowatch.since')::timestamptz,
                                      current_setting('kilowatch.until')::timestamptz) AS panel
    WHERE panel.id = current_setting('kilowatch.panel_id')::integer
$$;

CREATE FUNCTION windowed.visible_panel(viewer_id bigint, sees_all boolean) RETURNS SETOF panel
LANGUAGE sql STABLE
AS $$ SELECT * FROM windowed.history_panel(viewer_id, sees_all) $$;

CREATE VIEW windowed.reading AS
SELECT * FROM reading
WHERE panel_id = (SELECT current_setting('kilowatch.panel_id')::integer)
  AND at >= (SELECT current_setting('kilowatch.since')::timestamptz)
  AND at < (SELECT current_setting('kilowatch.until')::timestamptz);

CREATE VIEW windowed.latest_reading AS
SELECT * FROM latest_reading
WHERE panel_id = (SELECT current_setting('kilowatch.panel_id')::integer)
  AND at >= (SELECT current_setting('kilowatch.since')::timestamptz)
  AND at < (SELECT current_setting('kilowatch.until')::timestamptz);

-- What a register did is judged by the reading before, which it names.
CREATE VIEW windowed.register_event AS
SELECT * FROM register_event
WHERE panel_id = (SELECT current_setting('kilowatch.panel_id')::integer)
  AND before_at >= (SELECT current_setting('kilowatch.since')::timestamptz)
  AND ends_at < (SELECT current_setting('kilowatch.until')::timestamptz);

CREATE VIEW windowed.reading_change AS
SELECT * FROM reading_change
WHERE panel_id = (SELECT current_setting('kilowatch.panel_id')::integer)
  AND since >= (SELECT current_setting('kilowatch.since')::timestamptz)
  AND until <= (SELECT current_setting('kilowatch.until')::timestamptz);

CREATE VIEW windowed.typed_reading AS
SELECT * FROM typed_reading
WHERE panel_id = (SELECT current_setting('kilowatch.panel_id')::integer)
  AND at >= (SELECT current_setting('kilowatch.since')::timestamptz)
  AND at < (SELECT current_setting('kilowatch.until')::timestamptz);

CREATE VIEW windowed.ledger_entry AS
SELECT * FROM ledger_entry
WHERE panel_id = (SELECT current_setting('kilowatch.panel_id')::integer)
  AND at >= (SELECT current_setting('kilowatch.since')::timestamptz)
  AND at < (SELECT current_setting('kilowatch.until')::timestamptz);

CREATE VIEW windowed.vend AS
SELECT * FROM vend
WHERE panel_id = (SELECT current_setting('kilowatch.panel_id')::integer)
  AND created_at >= (SELECT current_setting('kilowatch.since')::timestamptz)
  AND created_at < (SELECT current_setting('kilowatch.until')::timestamptz);

CREATE VIEW windowed.forecast_backtest AS
SELECT * FROM forecast_backtest
WHERE panel_id = (SELECT current_setting('kilowatch.panel_id')::integer)
  AND since_at >= (SELECT current_setting('kilowatch.since')::timestamptz)
  AND judged_at < (SELECT current_setting('kilowatch.until')::timestamptz);

-- The balance is the meter's: whoever may ask for an instant is told all of it.
CREATE FUNCTION windowed.balance_kwh(panel integer, at_instant timestamptz) RETURNS numeric
LANGUAGE sql STABLE
SET search_path FROM CURRENT
AS $$
    SELECT balance_kwh(panel, at_instant)
    WHERE at_instant >= current_setting('kilowatch.since')::timestamptz
      AND at_instant < current_setting('kilowatch.until')::timestamptz
$$;

-- The five minutes that the window cuts, from its readings; as when readings are merged.
CREATE FUNCTION windowed.cut_five_minutes() RETURNS SETOF rollup_five_minutes
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT cut.panel_id, cut.starts_at, summed.*
    FROM (
        SELECT current_setting('kilowatch.panel_id')::integer AS panel_id, starts_at
        FROM unnest(current_setting('kilowatch.five_minutes')::timestamptz[]) AS starts_at
    ) AS cut CROSS JOIN LATERAL (
        WITH own AS (
            SELECT at, active_power_kw, power_factor,
                   CASE WHEN flags & 1 = 0 THEN energy_import_kwh END AS import_kwh,
                   CASE WHEN flags & 2 = 0 THEN energy_export_kwh END AS export_kwh
            FROM windowed.reading
            WHERE panel_id = cut.panel_id AND at >= cut.starts_at AND at < cut.starts_at + interval '5 minutes'
        ), import_before AS (
            SELECT at, energy_import_kwh AS kwh FROM windowed.reading
            WHERE panel_id = cut.panel_id AND at < cut.starts_at AND energy_import_kwh IS NOT NULL AND flags & 1 = 0
              AND EXISTS (SELECT FROM own WHERE import_kwh IS NOT NULL)
            ORDER BY at DESC LIMIT 1
        ), export_before AS (
            SELECT at, energy_export_kwh AS kwh FROM windowed.reading
            WHERE panel_id = cut.panel_id AND at < cut.starts_at AND energy_export_kwh IS NOT NULL AND flags & 2 = 0
              AND EXISTS (SELECT FROM own WHERE export_kwh IS NOT NULL)
            ORDER BY at DESC LIMIT 1
        ), stepped AS (
            SELECT own.*,
                   coalesce(lag(import_kwh) OVER imports, (SELECT kwh FROM import_before)) AS import_before_kwh,
                   coalesce(lag(at) OVER imports, (SELECT at FROM import_before)) AS import_before_at,
                   coalesce(lag(export_kwh) OVER exports, (SELECT kwh FROM export_before)) AS export_before_kwh,
                   coalesce(lag(at) OVER exports, (SELECT at FROM export_before)) AS export_before_at
            FROM own
            WINDOW imports AS (PARTITION BY import_kwh IS NULL ORDER BY at),
                   exports AS (PARTITION BY export_kwh IS NULL ORDER BY at)
        ), risen AS (
            SELECT stepped.*,
                   coalesce(regular_rise_kwh(import_before_kwh, import_kwh, at - import_before_at),
                            CASE WHEN import_before_kwh IS NOT NULL AND import_kwh IS NOT NULL THEN (
                                SELECT usage_kwh FROM windowed.register_event AS event
                                WHERE event.panel_id = cut.panel_id AND register = 'IMPORT'
                                  AND event.at = stepped.at AND kind = 'ROLLOVER') END) AS import_rise_kwh,
                   coalesce(regular_rise_kwh(export_before_kwh, export_kwh, at - export_before_at),
                            CASE WHEN export_before_kwh IS NOT NULL AND export_kwh IS NOT NULL THEN (
                                SELECT usage_kwh FROM windowed.register_event AS event
                                WHERE event.panel_id = cut.panel_id AND register = 'EXPORT'
                                  AND event.at = stepped.at AND kind = 'ROLLOVER') END) AS export_rise_kwh
            FROM stepped
        )
        SELECT count(*)::integer AS reading_count,
               coalesce(sum(import_rise_kwh), 0)::numeric(18, 6) AS energy_kwh,
               coalesce(sum(export_rise_kwh), 0)::numeric(18, 6) AS export_kwh,
               count(active_power_kw)::integer AS power_count,
               coalesce(sum(active_power_kw), 0)::double precision AS power_sum_kw,
               min(active_power_kw) AS power_min_kw, max(active_power_kw) AS power_max_kw,
               count(power_factor)::integer AS factor_count,
               coalesce(sum(power_factor::float8), 0)::double precision AS factor_sum,
               min(at) AS first_at, max(at) AS last_at,
               (array_agg(import_kwh ORDER BY at DESC) FILTER (WHERE import_kwh IS NOT NULL))[1] AS energy_import_kwh,
               (array_agg(export_kwh ORDER BY at DESC) FILTER (WHERE export_kwh IS NOT NULL))[1] AS energy_export_kwh,
               coalesce(sum(import_rise_kwh) FILTER (WHERE at - import_before_at > interval '15 minutes'), 0)
                   ::numeric(18, 6) AS spread_kwh
        FROM risen HAVING count(*) > 0
    ) AS summed;
END
$$;

CREATE VIEW windowed.rollup_five_minutes AS
SELECT * FROM rollup_five_minutes
WHERE panel_id = (SELECT current_setting('kilowatch.panel_id')::integer)
  AND starts_at >= (SELECT current_setting('kilowatch.since')::timestamptz)
  AND starts_at < (SELECT current_setting('kilowatch.until')::timestamptz)
  AND starts_at <> ALL ((SELECT current_setting('kilowatch.five_minutes')::timestamptz[])::timestamptz[])
UNION ALL
SELECT * FROM json_populate_recordset(NULL::rollup_five_minutes, (SELECT current_setting('kilowatch.cut_five_minutes')::json));

CREATE FUNCTION windowed.cut_hours() RETURNS SETOF rollup_hour
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT cut.panel_id, cut.starts_at, summed.*
    FROM (
        SELECT current_setting('kilowatch.panel_id')::integer AS panel_id, starts_at
        FROM unnest(current_setting('kilowatch.hours')::timestamptz[]) AS starts_at
    ) AS cut CROSS JOIN LATERAL (
        SELECT sum(reading_count)::integer, sum(energy_kwh)::numeric(18, 6), sum(export_kwh)::numeric(18, 6),
               sum(power_count)::integer, sum(power_sum_kw), min(power_min_kw), max(power_max_kw),
               sum(factor_count)::integer, sum(factor_sum), min(first_at), max(last_at),
               (array_agg(energy_import_kwh ORDER BY last_at DESC) FILTER (WHERE energy_import_kwh IS NOT NULL))[1],
               (array_agg(energy_export_kwh ORDER BY last_at DESC) FILTER (WHERE energy_export_kwh IS NOT NULL))[1],
               coalesce(sum(energy_kwh - spread_kwh) FILTER (WHERE place = 0), 0)::numeric(18, 6),
               coalesce(sum(energy_kwh - spread_kwh) FILTER (WHERE place = 1), 0)::numeric(18, 6),
               coalesce(sum(energy_kwh - spread_kwh) FILTER (WHERE place = 2), 0)::numeric(18, 6),
               coalesce(sum(energy_kwh - spread_kwh) FILTER (WHERE place = 3), 0)::numeric(18, 6),
               max(silence)
        FROM (
            SELECT part.*, floor(date_part('minute', starts_at) / 15)::integer AS place,
                   first_at - lag(last_at) OVER (ORDER BY starts_at) AS silence
            FROM windowed.rollup_five_minutes AS part
            WHERE part.panel_id = cut.panel_id
              AND part.starts_at >= cut.starts_at AND part.starts_at < cut.starts_at + interval '1 hour'
        ) AS part
        HAVING count(*) > 0
    ) AS summed;
END
$$;

CREATE VIEW windowed.rollup_hour AS
SELECT * FROM rollup_hour
WHERE panel_id = (SELECT current_setting('kilowatch.panel_id')::integer)
  AND starts_at >= (SELECT current_setting('kilowatch.since')::timestamptz)
  AND starts_at < (SELECT current_setting('kilowatch.until')::timestamptz)
  AND starts_at <> ALL ((SELECT current_setting('kilowatch.hours')::timestamptz[])::timestamptz[])
UNION ALL
SELECT * FROM json_populate_recordset(NULL::rollup_hour, (SELECT current_setting('kilowatch.cut_hours')::json));

-- The local days that the window cuts. Where five minutes are no longer kept of one, its import alone is known, in
-- proportion, and no more.
CREATE FUNCTION windowed.cut_days() RETURNS SETOF rollup_day
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH cut AS (
        SELECT own.id AS panel_id, day, local_midnight(day, own.time_zone) AS since,
               local_midnight(day + 1, own.time_zone) AS until
        FROM panel AS own, unnest(current_setting('kilowatch.days')::date[]) AS day
        WHERE own.id = current_setting('kilowatch.panel_id')::integer
    )
    SELECT cut.panel_id, cut.day, summed.*, peak.demand_kw::numeric(18, 6), peak.starts_at
    FROM cut CROSS JOIN LATERAL (
        SELECT sum(reading_count)::integer, sum(energy_kwh)::numeric(18, 6), sum(export_kwh)::numeric(18, 6),
               sum(power_count)::integer, sum(power_sum_kw), min(power_min_kw), max(power_max_kw),
               sum(factor_count)::integer, sum(factor_sum), min(first_at), max(last_at),
               (array_agg(energy_import_kwh ORDER BY last_at DESC) FILTER (WHERE energy_import_kwh IS NOT NULL))[1],
               (array_agg(energy_export_kwh ORDER BY last_at DESC) FILTER (WHERE energy_export_kwh IS NOT NULL))[1]
        FROM windowed.rollup_five_minutes AS part
        WHERE part.panel_id = cut.panel_id AND part.starts_at >= cut.since AND part.starts_at < cut.until
        HAVING count(*) > 0
    ) AS summed
    LEFT JOIN LATERAL (
        SELECT 4 * quarter.energy_kwh AS demand_kw, quarter.starts_at
        FROM windowed.rollup_hour AS hour CROSS JOIN LATERAL (
            VALUES (hour.starts_at, hour.quarter_1_kwh), (hour.starts_at + interval '15 minutes', hour.quarter_2_kwh),
                   (hour.starts_at + interval '30 minutes', hour.quarter_3_kwh),
                   (hour.starts_at + interval '45 minutes', hour.quarter_4_kwh)
        ) AS quarter (starts_at, energy_kwh)
        WHERE hour.panel_id = cut.panel_id AND hour.starts_at > cut.since - interval '1 hour'
          AND hour.starts_at < cut.until AND quarter.starts_at >= cut.since AND quarter.starts_at < cut.until
          AND quarter.energy_kwh > 0
        ORDER BY quarter.energy_kwh DESC, quarter.starts_at LIMIT 1
    ) AS peak ON true
    UNION ALL
    SELECT whole.panel_id, whole.day, 0, part.energy_kwh::numeric(18, 6), 0::numeric(18, 6), 0, 0, NULL, NULL, 0, 0,
           greatest(whole.first_at, part.since), least(whole.last_at, part.until - interval '1 microsecond'),
           NULL, NULL, NULL::numeric(18, 6), NULL
    FROM cut JOIN rollup_day AS whole ON whole.panel_id = cut.panel_id AND whole.day = cut.day
    CROSS JOIN LATERAL (
        SELECT since, until, part_of_day_kwh(cut.panel_id, since, until) AS energy_kwh
        FROM (SELECT greatest(cut.since, current_setting('kilowatch.since')::timestamptz) AS since,
                     least(cut.until, current_setting('kilowatch.until')::timestamptz) AS until) AS own
    ) AS part
    WHERE whole.first_at < part.until AND whole.last_at >= part.since AND NOT EXISTS (
        SELECT FROM rollup_five_minutes
        WHERE panel_id = cut.panel_id AND starts_at >= cut.since AND starts_at < cut.until);
END
$$;

CREATE VIEW windowed.rollup_day AS
SELECT own.* FROM rollup_day AS own
WHERE own.panel_id = (SELECT current_setting('kilowatch.panel_id')::integer)
  AND own.last_at >= (SELECT current_setting('kilowatch.since')::timestamptz)
  AND own.first_at < (SELECT current_setting('kilowatch.until')::timestamptz)
  AND own.day <> ALL ((SELECT current_setting('kilowatch.days')::date[])::date[])
UNION ALL
SELECT * FROM json_populate_recordset(NULL::rollup_day, (SELECT current_setting('kilowatch.cut_days')::json));

CREATE VIEW windowed.rollup_month AS
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
FROM windowed.rollup_day
GROUP BY panel_id, date_trunc('month', day::timestamp)::date;

-- What a panel was heard of last, as who rents it may know: nothing from before the tenancy, not even the ten minutes
-- that a device which says things one by one is looked back for. For the panels of an account all at once.
CREATE SCHEMA rented;

CREATE FUNCTION rented.enter(viewer_id bigint) RETURNS void
LANGUAGE sql
AS $$
    SELECT set_config('kilowatch.viewer_id', viewer_id::text, true),
           set_config('search_path', 'rented, ' || current_setting('search_path'), true)
$$;

CREATE VIEW rented.latest_reading AS
SELECT latest.* FROM latest_reading AS latest
WHERE NOT EXISTS (
    SELECT FROM rented_span((SELECT current_setting('kilowatch.viewer_id')::bigint)) AS span
    WHERE span.panel_id = latest.panel_id AND latest.at < span.since);

-- What a device said of itself while one of its panels was another's is not told either.
CREATE VIEW rented.device_report AS
SELECT report.* FROM device_report AS report
WHERE NOT EXISTS (
    SELECT FROM rented_span((SELECT current_setting('kilowatch.viewer_id')::bigint)) AS span
    JOIN panel ON panel.id = span.panel_id
    JOIN device ON device.panel_code IN (SELECT device_codes(panel.code))
    WHERE device.id = report.device_id AND report.received_at < span.since);

CREATE VIEW rented.latest_state AS
SELECT latest.* FROM latest_state AS latest
WHERE NOT EXISTS (
    SELECT FROM rented_span((SELECT current_setting('kilowatch.viewer_id')::bigint)) AS span
    WHERE span.panel_id = latest.panel_id
      AND latest.at < span.since + CASE WHEN latest.is_partial THEN interval '10 minutes' ELSE interval '0' END);
