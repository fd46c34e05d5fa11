-- What admins did to stored readings: who, when, why, how many, and what it was. Rows are never changed.
CREATE TABLE reading_change (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    panel_id      integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    kind          text NOT NULL CHECK (kind IN ('CORRECTION', 'WITHDRAWAL', 'RESTORATION')),
    since         timestamptz NOT NULL,   -- a correction's reading is at since
    until         timestamptz NOT NULL,   -- exclusive
    reading_count integer NOT NULL CHECK (reading_count > 0),
    reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    account_id    bigint REFERENCES account ON DELETE SET NULL,
    made_by       text NOT NULL,          -- the account's name at the time
    made_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    restores_id   bigint UNIQUE REFERENCES reading_change,
    CHECK (since < until),
    CHECK ((kind = 'RESTORATION') = (restores_id IS NOT NULL))
);
CREATE INDEX reading_change_panel ON reading_change (panel_id, id DESC);

-- Readings that were withdrawn, whole. Whoever hands them in again changes nothing: the merge leaves them out.
CREATE TABLE withdrawn_reading (
    LIKE reading,
    change_id bigint NOT NULL REFERENCES reading_change ON DELETE CASCADE,
    PRIMARY KEY (panel_id, at)
);
CREATE INDEX withdrawn_reading_at ON withdrawn_reading (at);               -- the newest: asked with each batch
CREATE INDEX withdrawn_reading_change ON withdrawn_reading (change_id);

-- A corrected reading, whole, as it was before and as it was afterwards.
CREATE TABLE corrected_reading (
    LIKE reading,
    change_id bigint NOT NULL REFERENCES reading_change ON DELETE CASCADE,
    is_after  boolean NOT NULL,
    PRIMARY KEY (change_id, is_after)
);

-- The longest span without readings inside an hour, from the last reading of its five minutes to the first of the next
-- that have any; null while all are in one. Gaps of a year are found by its hours, not by 105,000 five minutes.
ALTER TABLE rollup_hour ADD COLUMN longest_gap interval;
UPDATE rollup_hour AS hour SET longest_gap = silence.longest
FROM (
    SELECT panel_id, starts_at, max(silence) AS longest FROM (
        SELECT panel_id, date_bin('1 hour', starts_at, 'epoch') AS starts_at,
               first_at - lag(last_at) OVER (PARTITION BY panel_id, date_bin('1 hour', starts_at, 'epoch')
                                             ORDER BY starts_at) AS silence
        FROM rollup_five_minutes
    ) AS bucket
    GROUP BY panel_id, starts_at
) AS silence
WHERE hour.panel_id = silence.panel_id AND hour.starts_at = silence.starts_at AND silence.longest IS NOT NULL;
