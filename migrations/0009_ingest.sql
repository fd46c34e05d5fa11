-- Messages that could not be read, kept whole with the reason, to be looked at and replayed.
CREATE TABLE rejected_message (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       text NOT NULL,
    payload     bytea NOT NULL,
    is_cut      boolean NOT NULL DEFAULT false,   -- only the beginning of the payload was kept
    code        text NOT NULL,
    reason      text NOT NULL,
    received_at timestamptz NOT NULL,
    replayed_at timestamptz
);

-- How ingest is doing: one row, written with every batch and every few seconds. is_wanted is the owner's switch.
CREATE TABLE ingest_status (
    id              smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    is_wanted       boolean NOT NULL DEFAULT true,
    is_connected    boolean NOT NULL DEFAULT false,
    heartbeat_at    timestamptz,
    last_message_at timestamptz,
    last_batch_id   bigint NOT NULL DEFAULT 0,
    message_count   bigint NOT NULL DEFAULT 0,
    reading_count   bigint NOT NULL DEFAULT 0,
    duplicate_count bigint NOT NULL DEFAULT 0,
    rejected_count  bigint NOT NULL DEFAULT 0,
    backlog         integer NOT NULL DEFAULT 0,   -- received and not yet committed
    lag_s           double precision              -- age of the oldest message of the last batch when it was committed
) WITH (fillfactor = 20);
INSERT INTO ingest_status DEFAULT VALUES;
