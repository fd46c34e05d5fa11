-- Whatever sends messages, as far as it has told of itself. Its panels are those whose code is panel_code, or begins with
-- it and a colon.
CREATE TABLE device (
    id                integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind              text NOT NULL,
    name              text NOT NULL CHECK (length(name) BETWEEN 1 AND 512),
    panel_code        text NOT NULL CHECK (panel_code ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$'),
    first_heard_at    timestamptz NOT NULL,
    last_heard_at     timestamptz,                  -- from itself, in steps of ten seconds; null: only of it
    is_online         boolean,                      -- null: nobody has said
    online_said_at    timestamptz,                  -- when that was said last
    online_changed_at timestamptz,                  -- since when it is so
    meter_number      text CHECK (length(meter_number) BETWEEN 1 AND 100),
    UNIQUE (kind, name),
    CHECK ((is_online IS NULL) = (online_said_at IS NULL) AND (is_online IS NULL) = (online_changed_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX device_panel_code ON device (panel_code);

-- The newest documents of each device and kind of report, as JSON.
CREATE TABLE device_report (
    device_id   integer NOT NULL REFERENCES device ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('HEARTBEAT', 'STATUS')),
    received_at timestamptz NOT NULL,
    document    json NOT NULL,
    PRIMARY KEY (device_id, kind, received_at)
);

-- What a device of a panel may be called: the panel's code, and each part of it that ends before a colon.
CREATE FUNCTION device_codes(panel_code text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT array_to_string(parts[1:place], ':')
    FROM string_to_array(panel_code, ':') AS parts, generate_series(1, array_length(parts, 1)) AS place
$$;

-- The devices that have a panel which the viewer sees; all of them for those who see everything.
CREATE FUNCTION visible_device(viewer_id bigint, sees_all boolean) RETURNS SETOF device
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT device.* FROM device
    WHERE sees_all
       OR panel_code IN (SELECT device_codes(panel.code) FROM visible_panel(viewer_id, sees_all) AS panel)
$$;

-- Those of which the viewer sees every panel: what a device says of itself is about all of them.
CREATE FUNCTION wholly_visible_device(viewer_id bigint, sees_all boolean) RETURNS SETOF device
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT device.* FROM visible_device(viewer_id, sees_all) AS device
    WHERE sees_all OR NOT EXISTS (
        SELECT FROM panel
        WHERE (panel.code = device.panel_code OR starts_with(panel.code, device.panel_code || ':'))
          AND panel.id NOT IN (SELECT seen.id FROM visible_panel(viewer_id, sees_all) AS seen)
    )
$$;

-- Who knew the change of credit: a person, or the prepaid meter itself, which shows what is left.
ALTER TABLE ledger_entry ADD COLUMN source text NOT NULL DEFAULT 'PERSON' CHECK (source IN ('PERSON', 'METER'));

-- How far the credit that a meter shows at an instant is from the balance that is known, where that is news; null where
-- it is none. News is the first credit of a panel, and one that is 0.05 kWh or more off, so that rounding is none. From
-- half a kWh on, a rise (a token was typed in) is news at once, and a fall a minute after the display before; what is
-- less, a quarter of an hour after it: a meter without a register, one that sends register and credit one after the
-- other, and one that flickers do not fill the ledger. A credit that is not newer than the display that is known is none.
CREATE FUNCTION shown_correction_kwh(panel integer, shown_at timestamptz, shown_kwh numeric) RETURNS numeric
LANGUAGE sql STABLE
AS $$
    SELECT off.kwh
    FROM (
        SELECT coalesce(max(coalesce(usage_from_at, at)), '-infinity') AS display_at FROM ledger_entry
        WHERE panel_id = panel AND kind = 'BALANCE_READING'
    ) AS newest
    CROSS JOIN LATERAL (SELECT balance_kwh(panel, shown_at) WHERE newest.display_at < shown_at) AS known (balance_kwh)
    CROSS JOIN LATERAL (SELECT shown_correction_kwh.shown_kwh - coalesce(known.balance_kwh, 0)) AS off (kwh)
    WHERE known.balance_kwh IS NULL
       OR off.kwh >= 0.5
       OR off.kwh <= -0.5 AND shown_at >= newest.display_at + interval '1 min'
       OR abs(off.kwh) >= 0.05 AND shown_at >= newest.display_at + interval '15 min'
$$;
