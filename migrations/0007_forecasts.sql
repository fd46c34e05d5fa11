-- When units run out, one row a panel and hour (the newest of the hour stays), so that old forecasts can be judged, for
-- 400 days. Only the newest row of a panel keeps the usage that it expected.
CREATE TABLE depletion_forecast (
    panel_id     integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    hour_at      timestamptz NOT NULL,
    made_at      timestamptz NOT NULL,
    data_up_to   timestamptz NOT NULL,
    ledger_id    bigint NOT NULL,           -- newest ledger row that it knows of
    method       text NOT NULL CHECK (method IN ('LEARNING', 'PROFILE')),
    history_days double precision NOT NULL,
    balance_kwh  numeric(14, 3) NOT NULL,
    p10_at       timestamptz,               -- null: beyond the horizon
    p50_at       timestamptz,
    p90_at       timestamptz,
    days_left    double precision,
    daily        jsonb,                     -- {"starts_at": [...], "p10_kwh": [...], "p50_kwh": [...], "p90_kwh": [...]}
    hourly       jsonb,
    PRIMARY KEY (panel_id, hour_at)
);

-- What the last attempt to forecast a panel knew, whether it gave a forecast or not: the mark that says "stale".
-- Written with the forecast, so that a crash in between only means one more attempt.
CREATE TABLE forecast_attempt (
    panel_id     integer PRIMARY KEY REFERENCES panel ON DELETE CASCADE,
    tried_at     timestamptz NOT NULL,
    last_seen_at timestamptz,               -- of latest_reading; null: no reading yet
    ledger_id    bigint NOT NULL
) WITH (fillfactor = 50);
