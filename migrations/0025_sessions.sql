-- Who is signed in, and where. A session is renewed by its refresh token, of which only hashes are kept: `family_hash`
-- of the part that all its refresh tokens have in common, `refresh_hash` of the one that counts now, `previous_hash` of
-- the one before.
CREATE TABLE session (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id        bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    address           text NOT NULL DEFAULT '',
    user_agent        text NOT NULL DEFAULT '' CHECK (length(user_agent) <= 200),
    kind              text NOT NULL CHECK (kind IN ('PASSWORD', 'CODE', 'FIREBASE', 'SIGN_UP')),
    has_second_factor boolean NOT NULL DEFAULT false,
    family_hash       bytea NOT NULL UNIQUE CHECK (length(family_hash) = 32),
    refresh_hash      bytea NOT NULL CHECK (length(refresh_hash) = 32),
    previous_hash     bytea CHECK (length(previous_hash) = 32),
    refreshed_at      timestamptz,              -- when the previous one was replaced
    expires_at        timestamptz NOT NULL,     -- moves on with each renewal, never beyond `last_until`
    last_until        timestamptz NOT NULL,
    ended_at          timestamptz,
    end_reason        text,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CHECK (expires_at <= last_until)
);
CREATE INDEX session_account ON session (account_id, created_at DESC);
CREATE INDEX session_over ON session (least(expires_at, coalesce(ended_at, expires_at)));

-- Tells all servers that what somebody came in by counts no more, in the transaction that says so: `session:<id>`.
-- Other ways in announce their ends on this channel too, under other names.
CREATE FUNCTION announce_session_end() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_notify('way_in_ended', 'session:' || old.id); RETURN NULL; END $$;

CREATE TRIGGER announce_end AFTER UPDATE OF ended_at ON session
    FOR EACH ROW WHEN (old.ended_at IS NULL AND new.ended_at IS NOT NULL) EXECUTE FUNCTION announce_session_end();
CREATE TRIGGER announce_removal AFTER DELETE ON session
    FOR EACH ROW WHEN (old.ended_at IS NULL) EXECUTE FUNCTION announce_session_end();

-- Whoever disables an account ends what it has open, however it is done.
CREATE FUNCTION end_sessions_of_disabled() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE session SET ended_at = clock_timestamp(), end_reason = 'DISABLED'
    WHERE account_id = new.id AND ended_at IS NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER end_sessions AFTER UPDATE OF disabled_at ON account
    FOR EACH ROW WHEN (old.disabled_at IS NULL AND new.disabled_at IS NOT NULL)
    EXECUTE FUNCTION end_sessions_of_disabled();
