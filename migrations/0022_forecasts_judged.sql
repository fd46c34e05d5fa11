-- What the trained model says; up to when usage was taken off the balance, so that what came can be compared with it; and
-- what the bands were stretched by, because earlier ones of the panel had been too narrow or too wide.
ALTER TABLE depletion_forecast
    DROP CONSTRAINT depletion_forecast_method_check,
    ADD CONSTRAINT depletion_forecast_method_check CHECK (method IN ('LEARNING', 'PROFILE', 'MODEL')),
    ADD COLUMN balance_at     timestamptz,            -- null: made before this migration
    ADD COLUMN widening_lower double precision NOT NULL DEFAULT 1,
    ADD COLUMN widening_upper double precision NOT NULL DEFAULT 1;

-- How earlier forecasts of a panel did, counted anew once an hour from the forecasts and the hours of usage that are kept.
CREATE TABLE forecast_backtest (
    panel_id                integer PRIMARY KEY REFERENCES panel ON DELETE CASCADE,
    judged_at               timestamptz NOT NULL,
    since_at                timestamptz,              -- when the oldest judged forecast was made; null: none yet
    resolved_count          integer NOT NULL,
    coverage                double precision,
    early_share             double precision,
    late_share              double precision,
    median_error_hours      double precision,
    mean_percent_error      double precision,
    bias_hours              double precision,
    by_horizon              jsonb NOT NULL,
    widening_lower          double precision NOT NULL,    -- of the panel's next forecasts
    widening_upper          double precision NOT NULL,
    own_lower               double precision,         -- by its own forecasts alone; null: too few
    own_upper               double precision
) WITH (fillfactor = 50);

-- How much every panel, prepaid or not, will use from its newest reading to the end of its local month.
CREATE TABLE month_forecast (
    panel_id     integer PRIMARY KEY REFERENCES panel ON DELETE CASCADE,
    made_at      timestamptz NOT NULL,
    data_up_to   timestamptz NOT NULL,
    starts_at    timestamptz NOT NULL,                -- of what is expected: data_up_to, at the earliest the month's start
    ends_at      timestamptz NOT NULL,
    used_kwh     double precision,                    -- in the month up to starts_at, by displays; null: as metered
    method       text NOT NULL CHECK (method IN ('LEARNING', 'PROFILE', 'MODEL')),
    p10_kwh      double precision NOT NULL,
    p50_kwh      double precision NOT NULL,
    p90_kwh      double precision NOT NULL,
    hour_kwh     real[] NOT NULL                      -- expected in each hour from starts_at on; the last ends at ends_at
) WITH (fillfactor = 50);

-- When a panel was looked at last for its month, whether that gave a forecast or not.
CREATE TABLE month_forecast_attempt (
    panel_id integer PRIMARY KEY REFERENCES panel ON DELETE CASCADE,
    tried_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- What the jobs forecast by, and how many forecasts they made so far: one row.
CREATE TABLE forecasting_status (
    only_one      boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    model         text,                               -- which model is in use; null: none
    model_problem text,                               -- why there is none; null: there is one
    made_count    bigint NOT NULL DEFAULT 0,
    failed_count  bigint NOT NULL DEFAULT 0,
    computing_s   double precision NOT NULL DEFAULT 0,
    seen_at       timestamptz
) WITH (fillfactor = 50);
INSERT INTO forecasting_status DEFAULT VALUES;
