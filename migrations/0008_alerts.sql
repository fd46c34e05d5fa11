-- When to warn about low units, one rule an account and panel; is_armed is false from an alert until units rise again.
-- checked_* say what the last evaluation knew: a rule on kWh is looked at again only when there is news.
CREATE TABLE low_units_rule (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id     bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    panel_id       integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    threshold_kwh  numeric(14, 3) CHECK (threshold_kwh > 0),
    threshold_days numeric(6, 2) CHECK (threshold_days > 0),
    is_armed       boolean NOT NULL DEFAULT true,
    disarmed_ledger_id bigint,              -- newest ledger row when the alert was raised: a later top-up re-arms
    checked_seen_at    timestamptz,         -- last_seen_at of latest_reading
    checked_ledger_id  bigint,
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (account_id, panel_id),
    CHECK (num_nonnulls(threshold_kwh, threshold_days) = 1)
) WITH (fillfactor = 70);

CREATE TABLE alert (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    panel_id     integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('LOW_UNITS')),
    state        text NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'CLEARED')),
    balance_kwh  numeric(14, 3) NOT NULL,
    days_left    double precision,
    message      text NOT NULL,
    raised_at    timestamptz NOT NULL,
    acknowledged_at timestamptz,
    cleared_at   timestamptz
);
CREATE INDEX alert_account ON alert (account_id, id DESC);
-- One open alert a person and panel: a second crossing cannot happen before the first is cleared.
CREATE UNIQUE INDEX alert_open ON alert (account_id, panel_id, kind) WHERE state = 'OPEN';

-- A phone or browser that receives pushes. A token belongs to whoever registered it last.
CREATE TABLE push_device (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    token      text NOT NULL UNIQUE CHECK (length(token) BETWEEN 1 AND 4096),
    platform   text NOT NULL CHECK (platform IN ('ANDROID', 'IOS', 'WEB')),
    name       text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX push_device_account ON push_device (account_id);

-- Messages on their way out, written in the transaction that raised the alert; one row an alert and device.
CREATE TABLE outbox (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id        bigint NOT NULL REFERENCES alert ON DELETE CASCADE,
    push_device_id  bigint NOT NULL REFERENCES push_device ON DELETE CASCADE,
    state           text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'SENT', 'FAILED')),
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    provider_id     text,                   -- what the push service called the message
    last_error      text,
    sent_at         timestamptz,
    UNIQUE (alert_id, push_device_id)
);
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state = 'PENDING';
