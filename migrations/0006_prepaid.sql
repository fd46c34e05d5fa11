-- Every change of a prepaid panel's credit, in units (kWh). The balance at an instant is the sum of the rows up to it
-- minus the metered usage since the first row. Rows are never changed; a top-up keeps the tariff it was computed with.
CREATE TABLE ledger_entry (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    panel_id        integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    at              timestamptz NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('TOP_UP', 'BALANCE_READING')),
    units_kwh       numeric(14, 3) NOT NULL CHECK (units_kwh <> 'NaN'),
    shown_kwh       numeric(14, 3),         -- BALANCE_READING: what the meter's display showed
    amount          numeric(18, 2),         -- TOP_UP: what was paid, tax included
    currency        text,
    unit_price      numeric(14, 6),         -- TOP_UP: the tariff of the receipt
    vat_percent     numeric(5, 2),
    tariff_name     text,
    token           text UNIQUE CHECK (token ~ '^[0-9]{20}$'),
    idempotency_key text CHECK (length(idempotency_key) BETWEEN 8 AND 100),
    account_id      bigint REFERENCES account ON DELETE SET NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, idempotency_key)
);
CREATE INDEX ledger_entry_panel ON ledger_entry (panel_id, at);

-- Units left at an instant, to the watt-hour; null before the account's first row.
CREATE FUNCTION balance_kwh(panel integer, at_instant timestamptz) RETURNS numeric
LANGUAGE sql STABLE
AS $$
    SELECT round(sum(units_kwh) - metered_usage_kwh(panel, min(at), at_instant), 3)
    FROM ledger_entry WHERE panel_id = panel AND at <= at_instant
    HAVING count(*) > 0
$$;

-- Units left now, after everything that was metered so far: a device's clock may run ahead of ours, and what it metered
-- is used up whenever the device says that it was.
CREATE FUNCTION balance_now_kwh(panel integer, now_instant timestamptz) RETURNS numeric
LANGUAGE sql STABLE
AS $$
    SELECT balance_kwh(panel, greatest((SELECT at FROM latest_reading WHERE panel_id = panel), now_instant))
$$;
