-- What people paid through a provider. STARTED: we gave out a reference and wait. PAID: it led to a top-up or a vend.
-- UNMATCHED: money came that nobody can be credited with without an admin's look; `reason` says why, as a code.
CREATE TABLE payment (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider        text NOT NULL CHECK (provider IN ('PAYSTACK', 'FLUTTERWAVE')),
    reference       text NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
    provider_id     text CHECK (length(provider_id) BETWEEN 1 AND 200),     -- the provider's own number of what was paid
    is_repeated     boolean NOT NULL DEFAULT false,     -- paid once more with a reference that was paid before
    state           text NOT NULL DEFAULT 'STARTED'
                    CHECK (state IN ('STARTED', 'PAID', 'UNMATCHED', 'DISMISSED', 'FAILED', 'REFUNDED')),
    reason          text,
    panel_id        integer REFERENCES panel ON DELETE SET NULL,
    account_id      bigint REFERENCES account ON DELETE SET NULL,           -- who started it, or assigned it
    idempotency_key text CHECK (length(idempotency_key) BETWEEN 8 AND 100),
    asked_amount    numeric(18, 2) CHECK (asked_amount > 0),
    asked_currency  text,
    paid_amount     numeric(18, 2) CHECK (paid_amount > 0),
    paid_currency   text,
    refunded_amount numeric(18, 2) NOT NULL DEFAULT 0 CHECK (refunded_amount >= 0),
    ledger_entry_id bigint UNIQUE REFERENCES ledger_entry ON DELETE SET NULL,
    created_at      timestamptz NOT NULL,
    paid_at         timestamptz,            -- when we learnt of it
    settled_at      timestamptz,            -- when it led to a top-up or a vend, or an admin dismissed it
    UNIQUE (provider, provider_id),
    UNIQUE (account_id, idempotency_key),
    CHECK ((paid_amount IS NULL) = (paid_currency IS NULL)),
    CHECK (state NOT IN ('PAID', 'UNMATCHED', 'DISMISSED') OR paid_amount IS NOT NULL)
);
-- One payment a reference; whatever else was paid with it is one of its own, which nobody is credited with by itself.
CREATE UNIQUE INDEX payment_reference ON payment (provider, reference) WHERE NOT is_repeated;
CREATE INDEX payment_state ON payment (state, id DESC);
CREATE INDEX payment_panel ON payment (panel_id, id DESC);

-- What a provider posted, once each, however often it came. Of what can be read only these facts are kept: bodies hold
-- people's addresses, and tokens with which their cards could be charged.
CREATE TABLE payment_event (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider          text NOT NULL,
    body_sha256       bytea NOT NULL,
    name              text,                 -- in the provider's words, like charge.success
    reference         text,
    provider_id       text,
    amount            numeric(18, 2),
    currency          text,
    outcome           text NOT NULL,
    unreadable_body   bytea CHECK (length(unreadable_body) <= 4096),        -- the beginning of what could not be read
    payment_id        bigint REFERENCES payment ON DELETE SET NULL,
    times             integer NOT NULL DEFAULT 1,
    first_received_at timestamptz NOT NULL,
    last_received_at  timestamptz NOT NULL,
    UNIQUE (provider, body_sha256)
);
CREATE INDEX payment_event_payment ON payment_event (payment_id);

-- A purchase of units from a vendor, by our reference. `sent_at` is set, and committed, before the request for payment
-- goes out: from then on it is UNKNOWN until the vendor says what became of that reference, and never sent again.
CREATE TABLE vend (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference        text NOT NULL UNIQUE CHECK (length(reference) BETWEEN 12 AND 100),
    panel_id         integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    account_id       bigint REFERENCES account ON DELETE SET NULL,
    payment_id       bigint REFERENCES payment ON DELETE SET NULL,          -- what was paid for it; null: our own money
    meter_number     text NOT NULL,
    amount           numeric(18, 2) NOT NULL CHECK (amount > 0),
    currency         text NOT NULL,
    state            text NOT NULL DEFAULT 'REQUESTED'
                     CHECK (state IN ('REQUESTED', 'UNKNOWN', 'DELIVERED', 'ACCEPTED', 'FAILED')),
    reason           text,                  -- a code: why it failed, or why a token's units are not in the ledger
    detail           text,                  -- what the vendor said last, for people
    attempts         integer NOT NULL DEFAULT 0,                            -- of the state that it is in
    next_attempt_at  timestamptz NOT NULL,
    sent_at          timestamptz,
    delivered_at     timestamptz,
    token            text CHECK (token ~ '^[0-9]{20}$'),
    units_kwh        numeric(14, 3) CHECK (units_kwh > 0),
    vendor_reference text,
    ledger_entry_id  bigint UNIQUE REFERENCES ledger_entry ON DELETE CASCADE,
    idempotency_key  text CHECK (length(idempotency_key) BETWEEN 8 AND 100),
    created_at       timestamptz NOT NULL,
    UNIQUE (account_id, idempotency_key),
    CHECK (state <> 'UNKNOWN' OR sent_at IS NOT NULL),
    CHECK (state NOT IN ('DELIVERED', 'ACCEPTED') OR (token IS NOT NULL AND delivered_at IS NOT NULL)),
    CHECK ((state = 'ACCEPTED') = (ledger_entry_id IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX vend_panel ON vend (panel_id, id DESC);
CREATE INDEX vend_due ON vend (next_attempt_at) WHERE state IN ('REQUESTED', 'UNKNOWN', 'DELIVERED');
-- A payment buys units once: another vend only after the one before has failed.
CREATE UNIQUE INDEX vend_payment ON vend (payment_id) WHERE state <> 'FAILED';
