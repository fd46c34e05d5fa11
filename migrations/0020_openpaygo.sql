-- OpenPAYGO: how the tokens of a meter are read. A key stays known when its meter is taken off its panel, so that what was
-- entered is never taken again. The key is written and used, and never read out.
CREATE TABLE openpaygo_meter (
    id                    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    panel_id              integer UNIQUE REFERENCES panel ON DELETE SET NULL,   -- null: on no panel now
    secret_key            bytea NOT NULL,
    starting_code         integer NOT NULL DEFAULT 0,       -- 0: the one that follows from the key
    kwh_per_value         numeric(6, 3) NOT NULL,           -- the units of a step
    starting_count        integer NOT NULL,                 -- up to this count, tokens count as used
    has_restricted_digits boolean NOT NULL,
    makes_long_tokens     boolean NOT NULL,
    account_id            bigint REFERENCES account ON DELETE SET NULL,
    set_at                timestamptz NOT NULL DEFAULT now(),
    UNIQUE (secret_key, starting_code)
);

-- The tokens that were made here, and those that were entered: one row a count of the meter, so that each counts once.
CREATE TABLE openpaygo_token (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter_id        integer NOT NULL REFERENCES openpaygo_meter,
    count           integer NOT NULL CHECK (count >= 0),
    kind            text NOT NULL CHECK (kind IN ('ADD_TIME', 'SET_TIME', 'DISABLE_PAYG', 'COUNTER_SYNC')),
    value           integer NOT NULL CHECK (value >= 0),    -- in steps of the meter; 0 where there are none
    token_ending    text NOT NULL,                          -- its last four digits
    digits          text,                                   -- made here: the token itself
    units_kwh       numeric(14, 3),                         -- made here: what it adds
    amount          numeric,                                -- made here for money: what was paid
    currency        text,
    made_at         timestamptz,
    made_by         bigint REFERENCES account ON DELETE SET NULL,
    made_with_key   text,
    entered_at      timestamptz,                            -- when it was entered into the meter, as was said
    entered_by      bigint REFERENCES account ON DELETE SET NULL,
    entered_with_key text,
    told_at         timestamptz,                            -- when that was said
    entry_id        bigint REFERENCES ledger_entry ON DELETE SET NULL,
    UNIQUE (meter_id, count),
    UNIQUE (made_by, made_with_key),
    UNIQUE (entered_by, entered_with_key),
    CHECK (made_at IS NOT NULL OR entered_at IS NOT NULL)
);
CREATE INDEX openpaygo_token_entry ON openpaygo_token (entry_id);

-- Tokens that were tried on a panel and were none of its meter's, and those that are being tried.
CREATE TABLE openpaygo_attempt (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    panel_id integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    at       timestamptz NOT NULL
);
CREATE INDEX openpaygo_attempt_panel ON openpaygo_attempt (panel_id, at);

-- Readings that a person read from a meter's register and typed in, as they were given; the reading itself has flag 64.
CREATE TABLE typed_reading (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    panel_id          integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    at                timestamptz NOT NULL,
    energy_import_kwh double precision NOT NULL,
    account_id        bigint REFERENCES account ON DELETE SET NULL,
    typed_by          text NOT NULL,                        -- the account's name at the time
    idempotency_key   text NOT NULL CHECK (length(idempotency_key) BETWEEN 8 AND 100),
    typed_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (account_id, idempotency_key)
);
CREATE INDEX typed_reading_panel ON typed_reading (panel_id, id DESC);
CREATE INDEX typed_reading_at ON typed_reading (panel_id, at);

-- From when on a panel's credit is known: as before, but a meter that people read is older than the first reading that
-- they typed in.
CREATE OR REPLACE FUNCTION credit_since(panel integer) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(local_midnight(known.meter_since, known.time_zone),
                    CASE WHEN oldest.at < first.at OR typed.at <= first.at THEN NULL ELSE first.at END)
    FROM panel AS known
    LEFT JOIN LATERAL (SELECT first_at AS at FROM rollup_day WHERE panel_id = known.id ORDER BY day LIMIT 1) AS first
        ON true
    LEFT JOIN LATERAL (SELECT at FROM ledger_entry WHERE panel_id = known.id ORDER BY at LIMIT 1) AS oldest ON true
    LEFT JOIN LATERAL (SELECT at FROM typed_reading WHERE panel_id = known.id ORDER BY at LIMIT 1) AS typed ON true
    WHERE known.id = panel
$$;
