-- Every change of a prepaid panel's credit, in units (kWh). Rows are never changed; a top-up keeps the tariff it was
-- computed with. At equal instants the higher id is the later row.
CREATE TABLE ledger_entry (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    panel_id        integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    at              timestamptz NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('TOP_UP', 'BALANCE_READING')),
    units_kwh       numeric(14, 3) NOT NULL CHECK (units_kwh <> 'NaN'),
                                            -- of a BALANCE_READING: the correction that was known then
    shown_kwh       numeric(14, 3),         -- BALANCE_READING: what the meter's display showed
    usage_from_at   timestamptz,            -- BALANCE_READING: shown_kwh holds what the device, its clock ahead of ours,
                                            -- metered up to then; null: up to at
    amount          numeric(18, 2),         -- TOP_UP: what was paid, tax included
    currency        text,
    unit_price      numeric(14, 6),         -- TOP_UP: the tariff of the receipt
    vat_percent     numeric(5, 2),
    tariff_name     text,
    token           text UNIQUE CHECK (token ~ '^[0-9]{20}$'),
    idempotency_key text CHECK (length(idempotency_key) BETWEEN 8 AND 100),
    account_id      bigint REFERENCES account ON DELETE SET NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, idempotency_key),
    CHECK ((kind = 'BALANCE_READING') = (shown_kwh IS NOT NULL)),
    CHECK (kind = 'BALANCE_READING' OR usage_from_at IS NULL)
);
CREATE INDEX ledger_entry_panel ON ledger_entry (panel_id, at, id);
CREATE INDEX ledger_entry_newest ON ledger_entry (panel_id, id DESC);     -- is there news? Asked for every panel
CREATE INDEX ledger_entry_shown ON ledger_entry (panel_id, at, id) WHERE kind = 'BALANCE_READING';

-- Units left at an instant, to the watt-hour; null before the account's first row. The display is the truth: what it
-- showed last, plus the units bought after, minus the usage metered since, so that readings from before that look
-- change nothing, however late they arrive. Before the first look: all units minus the usage since the first row.
CREATE FUNCTION balance_kwh(panel integer, at_instant timestamptz) RETURNS numeric
LANGUAGE sql STABLE
AS $$
    SELECT round(coalesce(shown.shown_kwh, 0) + coalesce(later.units_kwh, 0)
                 - metered_usage_kwh(panel, coalesce(shown.usage_from_at, shown.at, later.first_at), at_instant), 3)
    FROM (VALUES (panel)) AS asked
    LEFT JOIN LATERAL (
        SELECT id, at, shown_kwh, usage_from_at FROM ledger_entry
        WHERE panel_id = panel AND kind = 'BALANCE_READING' AND at <= at_instant
        ORDER BY at DESC, id DESC LIMIT 1
    ) AS shown ON true
    CROSS JOIN LATERAL (
        SELECT sum(units_kwh) AS units_kwh, min(at) AS first_at FROM ledger_entry
        WHERE panel_id = panel AND at <= at_instant
          AND (at, id) > (coalesce(shown.at, '-infinity'), coalesce(shown.id, 0))
    ) AS later
    WHERE shown.id IS NOT NULL OR later.first_at IS NOT NULL
$$;

-- Units left now, after every row and everything that was metered so far: the clock of a device or of another server
-- may run ahead of ours, and what has happened has, whatever that clock said.
CREATE FUNCTION balance_now_kwh(panel integer, now_instant timestamptz) RETURNS numeric
LANGUAGE sql STABLE
AS $$
    SELECT balance_kwh(panel, greatest(now_instant, (SELECT at FROM latest_reading WHERE panel_id = panel),
                                       (SELECT max(at) FROM ledger_entry WHERE panel_id = panel)))
$$;
