-- When units run out, one row a panel and hour (the newest of the hour stays), so that old forecasts can be judged.
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
    daily        jsonb NOT NULL,            -- {"starts_at": [...], "p10_kwh": [...], "p50_kwh": [...], "p90_kwh": [...]}
    hourly       jsonb NOT NULL,
    PRIMARY KEY (panel_id, hour_at)
);
