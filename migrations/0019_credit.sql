-- Who did what to a panel's money, units and tariff, and when; refused attempts too. Rows are never changed, but for
-- the one of an hour that counts what was left out.
CREATE TABLE audit_entry (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    account_id bigint REFERENCES account ON DELETE SET NULL,    -- null: a machine, or an account that was removed
    actor      text NOT NULL,                                   -- the account's name at the time, or the machine
    panel_id   integer REFERENCES panel ON DELETE SET NULL,     -- null: none, or none that the actor sees
    panel_code text,                                            -- as it was given
    action     text NOT NULL CHECK (action ~ '^[A-Z][A-Z0-9_]*$'),
    outcome    text NOT NULL CHECK (outcome ~ '^[A-Z][A-Z0-9_]*$'),     -- DONE, or the code of the refusal
    details    jsonb NOT NULL DEFAULT '{}',                     -- what was asked for, without secrets
    is_rest    boolean NOT NULL DEFAULT false,                  -- stands for further refusals of its hour
    times      integer NOT NULL DEFAULT 1
);
CREATE INDEX audit_entry_panel ON audit_entry (panel_id, id DESC);
CREATE INDEX audit_entry_account ON audit_entry (account_id, id DESC);
CREATE INDEX audit_entry_refused ON audit_entry (actor, at) WHERE outcome <> 'DONE';
CREATE UNIQUE INDEX audit_entry_rest
    ON audit_entry (account_id, actor, date_bin('1 hour', at, timestamptz '1970-01-01 00:00Z')) NULLS NOT DISTINCT
    WHERE is_rest;

-- Before that local day the meter was not there, so no credit was either; null: unknown.
ALTER TABLE panel ADD COLUMN meter_since date;

-- How much a panel may be lent when little is left.
CREATE TABLE emergency_rule (
    panel_id            integer PRIMARY KEY REFERENCES panel ON DELETE CASCADE,
    limit_kwh           numeric(14, 3) NOT NULL CHECK (limit_kwh > 0),
    available_below_kwh numeric(14, 3) NOT NULL CHECK (available_below_kwh >= 0),
    updated_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A row is reversed by an opposite one with the same instant, which stands right after it whenever it is written: both
-- lie on the same side of every display. Of a reversed display the balance knows nothing any more.
ALTER TABLE ledger_entry
    DROP CONSTRAINT ledger_entry_kind_check,
    ADD CONSTRAINT ledger_entry_kind_check
        CHECK (kind IN ('TOP_UP', 'BALANCE_READING', 'REVERSAL', 'EMERGENCY_CREDIT', 'DEBT')),
    DROP CONSTRAINT ledger_entry_source_check,
    ADD CONSTRAINT ledger_entry_source_check CHECK (source IN ('PERSON', 'METER', 'PAYMENT', 'VEND')),
    ALTER COLUMN amount TYPE numeric,       -- with the decimals of its currency
    ALTER COLUMN vat_percent TYPE numeric,  -- all taxes together may have more than two decimals
    ADD COLUMN receipt jsonb,               -- TOP_UP: lines, units and the tariff that they were computed with
    ADD COLUMN emergency_kwh numeric(14, 3) NOT NULL DEFAULT 0,     -- by how much what was lent and not repaid changed
    ADD COLUMN debt_change numeric NOT NULL DEFAULT 0,              -- the same of the debt, in currency
    ADD COLUMN reverses bigint UNIQUE REFERENCES ledger_entry,
    ADD COLUMN reason text CHECK (length(reason) BETWEEN 1 AND 500),
    ADD COLUMN reference text UNIQUE CHECK (length(reference) BETWEEN 1 AND 200),   -- of the payment or the vend
    ADD CHECK ((kind = 'REVERSAL') = (reverses IS NOT NULL)),
    ADD CHECK (debt_change = 0 OR currency IS NOT NULL),
    ADD CHECK (amount <> 'NaN' AND debt_change <> 'NaN' AND emergency_kwh <> 'NaN');
CREATE INDEX ledger_entry_debt ON ledger_entry (panel_id) WHERE debt_change <> 0;
CREATE INDEX ledger_entry_emergency ON ledger_entry (panel_id) WHERE emergency_kwh <> 0;

-- Units left at an instant, to the watt-hour; null before the account's first row. The display is the truth: what it
-- showed last, plus the units of the rows after, minus the usage metered since, so that rows and readings from before
-- that look change nothing, however late they arrive. Before the first look: all units minus the usage since the first
-- row. Rows that were reversed, and debts, open no account.
CREATE OR REPLACE FUNCTION balance_kwh(panel integer, at_instant timestamptz) RETURNS numeric
LANGUAGE sql STABLE
AS $$
    SELECT round(coalesce(shown.shown_kwh, 0) + coalesce(later.units_kwh, 0)
                 - metered_usage_kwh(panel, coalesce(shown.usage_from_at, shown.at, opened.at), at_instant), 3)
    FROM (VALUES (panel)) AS asked
    LEFT JOIN LATERAL (
        SELECT id, at, shown_kwh, usage_from_at FROM ledger_entry AS display
        WHERE panel_id = panel AND kind = 'BALANCE_READING' AND at <= at_instant
          AND NOT EXISTS (SELECT FROM ledger_entry AS opposite WHERE opposite.reverses = display.id)
        ORDER BY at DESC, id DESC LIMIT 1
    ) AS shown ON true
    LEFT JOIN LATERAL (
        SELECT at FROM ledger_entry AS entry
        WHERE shown.id IS NULL AND panel_id = panel AND at <= at_instant AND kind NOT IN ('REVERSAL', 'DEBT')
          AND NOT EXISTS (SELECT FROM ledger_entry AS opposite WHERE opposite.reverses = entry.id)
        ORDER BY at, id LIMIT 1
    ) AS opened ON true
    CROSS JOIN LATERAL (
        SELECT sum(units_kwh) AS units_kwh FROM ledger_entry
        WHERE panel_id = panel AND at <= at_instant AND at >= coalesce(shown.at, '-infinity')
          AND (at, coalesce(reverses, id)) > (coalesce(shown.at, '-infinity'), coalesce(shown.id, 0))
    ) AS later
    WHERE shown.id IS NOT NULL OR opened.at IS NOT NULL
$$;

-- From when on a panel's credit is known: since its meter is there, or since its first reading, unless older rows say
-- that the meter is older than that; null: as long as anybody says.
CREATE FUNCTION credit_since(panel integer) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(local_midnight(known.meter_since, known.time_zone),
                    CASE WHEN oldest.at < first.at THEN NULL ELSE first.at END)
    FROM panel AS known
    LEFT JOIN LATERAL (SELECT first_at AS at FROM rollup_day WHERE panel_id = known.id ORDER BY day LIMIT 1) AS first
        ON true
    LEFT JOIN LATERAL (SELECT at FROM ledger_entry WHERE panel_id = known.id ORDER BY at LIMIT 1) AS oldest ON true
    WHERE known.id = panel
$$;
