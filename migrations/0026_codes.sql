-- Mail and text messages about accounts, on their way out. What they say is kept until it is sent or given up, no longer.
CREATE TABLE account_message (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel         text NOT NULL CHECK (channel IN ('MAIL', 'SMS')),
    kind            text NOT NULL CHECK (length(kind) BETWEEN 1 AND 40),
    sent_to         text CHECK (length(sent_to) BETWEEN 3 AND 254),
    details         jsonb,
    state           text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'SENT', 'FAILED', 'NOBODY')),
    attempts        integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    last_error      text,
    CHECK ((state = 'PENDING') = (details IS NOT NULL AND sent_to IS NOT NULL))
);
CREATE INDEX account_message_due ON account_message (next_attempt_at) WHERE state = 'PENDING';

CREATE FUNCTION announce_message() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('message', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER announce_message AFTER INSERT ON account_message
    FOR EACH STATEMENT EXECUTE FUNCTION announce_message();

-- A one-time code that was asked for, also one for which there is no account: it has no hash, and no code fits it.
-- `challenge` is the SHA-256 of the id that whoever asked was given. A second factor that is asked for has no code of
-- its own: the authenticator's is checked.
CREATE TABLE one_time_code (
    challenge     bytea PRIMARY KEY CHECK (length(challenge) = 32),
    purpose       text NOT NULL
                  CHECK (purpose IN ('SIGN_UP', 'LOG_IN', 'RESET', 'CONTACT', 'CONFIRM', 'SECOND_FACTOR')),
    channel       text CHECK (channel IN ('MAIL', 'SMS')),
    contact       text CHECK (length(contact) BETWEEN 3 AND 254),
    account_id    bigint REFERENCES account ON DELETE CASCADE,
    code_hash     bytea,
    tries_left    smallint NOT NULL CHECK (tries_left >= 0),
    details       jsonb NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    CHECK ((purpose = 'SECOND_FACTOR') = (contact IS NULL)),
    CHECK ((contact IS NULL) = (channel IS NULL))
);
CREATE INDEX one_time_code_expires ON one_time_code (expires_at);
CREATE INDEX one_time_code_account ON one_time_code (account_id) WHERE account_id IS NOT NULL;

-- An authenticator app. The secret is sealed by the server's key file; `last_step` is the newest step of 30 s whose code
-- was taken, so that no code is taken twice.
CREATE TABLE second_factor (
    account_id    bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    sealed_secret bytea NOT NULL,
    started_at    timestamptz NOT NULL,
    confirmed_at  timestamptz,
    last_step     bigint NOT NULL DEFAULT 0
);

CREATE TABLE recovery_code (
    account_id bigint NOT NULL REFERENCES second_factor ON DELETE CASCADE,
    code_hash  bytea NOT NULL,
    used_at    timestamptz,
    PRIMARY KEY (account_id, code_hash)
);

-- Attempts of each kind by a keyed hash of 20 bits of what is counted: a million rows a kind at the most, whoever asks.
-- Unlogged: a crash of the database forgives everybody, and a flood of attempts costs no writing ahead.
CREATE UNLOGGED TABLE attempt_count (
    kind     text NOT NULL,
    slot     integer NOT NULL,
    began_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    ends_at  timestamptz NOT NULL,
    attempts integer NOT NULL,
    PRIMARY KEY (kind, slot)
) WITH (fillfactor = 70);
CREATE INDEX attempt_count_ends ON attempt_count (ends_at);

-- Networks from which somebody has signed in, by a keyed hash of the address and the network.
CREATE TABLE known_network (
    key        bytea PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    used_at    timestamptz NOT NULL
);
CREATE INDEX known_network_account ON known_network (account_id, used_at);

-- Counts one more attempt by each limit in turn, up to the first that is reached, and answers when the next attempt may
-- be made; null when this one may. A limit without a pause lasts until its window ends; with one, each attempt beyond it
-- has to wait twice as long after the last as the one before, an hour at the most, and is spared from known networks.
CREATE FUNCTION count_attempt(
    kinds text[], slots integer[], mosts integer[], windows interval[], pauses interval[], known bytea, at timestamptz
) RETURNS timestamptz
LANGUAGE plpgsql
AS $$
DECLARE
    counted attempt_count;
    next_at timestamptz;
BEGIN
    FOR i IN 1 .. cardinality(kinds) LOOP
        CONTINUE WHEN pauses[i] IS NOT NULL
            AND EXISTS (SELECT FROM known_network WHERE key = known AND used_at > at - interval '90 days');
        INSERT INTO attempt_count AS held (kind, slot, began_at, last_at, ends_at, attempts)
        VALUES (kinds[i], slots[i], at, at, at + windows[i], 0)
        ON CONFLICT (kind, slot) DO UPDATE SET
            began_at = CASE WHEN held.ends_at <= at THEN at ELSE held.began_at END,
            last_at = CASE WHEN held.ends_at <= at THEN at ELSE held.last_at END,
            ends_at = CASE WHEN held.ends_at <= at THEN at + windows[i] ELSE held.ends_at END,
            attempts = CASE WHEN held.ends_at <= at THEN 0 ELSE held.attempts END
        RETURNING * INTO counted;
        IF counted.attempts >= mosts[i] THEN
            next_at := CASE
                WHEN pauses[i] IS NULL THEN counted.ends_at
                ELSE least(counted.ends_at, counted.last_at
                           + least(pauses[i] * 2 ^ least(counted.attempts - mosts[i], 12), interval '1 hour'))
            END;
            IF next_at > at THEN
                RETURN next_at;
            END IF;
        END IF;
        UPDATE attempt_count SET attempts = attempts + 1, last_at = at WHERE kind = kinds[i] AND slot = slots[i];
    END LOOP;
    RETURN NULL;
END
$$;
