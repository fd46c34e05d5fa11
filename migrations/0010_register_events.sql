-- What is to be known of a reading beside its values: the sum of metering.readings.ReadingFlag.
ALTER TABLE reading ADD COLUMN flags smallint NOT NULL DEFAULT 0;

-- is_partial: one message of a device that spreads its values over several. is_unsettled: the panel's last registers
-- may yet be judged otherwise, so its next readings are judged before they count. What was stored before is not known
-- to be settled.
ALTER TABLE latest_reading
    ADD COLUMN flags smallint NOT NULL DEFAULT 0,
    ADD COLUMN is_partial boolean NOT NULL DEFAULT false,
    ADD COLUMN is_unsettled boolean NOT NULL DEFAULT false;
UPDATE latest_reading SET is_unsettled = true;

-- What a register did that was no usage: one row a register and reading (of a GLITCH: the first of its readings). A
-- function of the readings: judged again, and rows replaced, when readings come late.
CREATE TABLE register_event (
    panel_id      integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    register      text NOT NULL CHECK (register IN ('IMPORT', 'EXPORT')),
    at            timestamptz NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('RESET', 'ROLLOVER', 'METER_SWAP', 'GLITCH')),
    before_at     timestamptz NOT NULL,            -- the reading that it is judged by
    before_kwh    double precision NOT NULL,
    after_kwh     double precision NOT NULL,       -- the register at `at`
    usage_kwh     numeric(18, 6) NOT NULL CHECK (usage_kwh >= 0),   -- that counts; 0 unless a ROLLOVER
    ends_at       timestamptz NOT NULL,            -- the last of a GLITCH's readings; of the others: at
    reading_count integer NOT NULL CHECK (reading_count > 0),       -- of a GLITCH; of the others 1
    PRIMARY KEY (panel_id, register, at)
);
