-- Who follows what at this moment, so that people can see and close their own subscriptions whichever process serves
-- them. Unlogged: nothing of it outlives the processes, which write all of theirs again when the database has lost them.
CREATE UNLOGGED TABLE serving_process (
    id      uuid PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()  -- its last sign of life
);

CREATE UNLOGGED TABLE open_subscription (
    id         uuid PRIMARY KEY,
    process_id uuid NOT NULL REFERENCES serving_process ON DELETE CASCADE,
    account_id bigint NOT NULL,
    operation  text NOT NULL,               -- the operation's name, or the field that is subscribed to
    transport  text NOT NULL,
    address    text NOT NULL,               -- of the client, as the server sees it
    opened_at  timestamptz NOT NULL
);
CREATE INDEX open_subscription_account ON open_subscription (account_id, opened_at);
CREATE INDEX open_subscription_process ON open_subscription (process_id);
