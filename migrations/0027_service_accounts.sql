-- A service account does what its owner may do, and no more than it is for: the role and whether anybody comes in by it
-- are its owner's at every moment, in the same transaction.
CREATE TABLE service_account (
    account_id bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    scopes     text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 20)
);

CREATE FUNCTION follow_owner() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN
    UPDATE account SET role = new.role, disabled_at = new.disabled_at
    WHERE owner_id = new.id AND (role, disabled_at) IS DISTINCT FROM (new.role, new.disabled_at);
    RETURN NULL;
END $$;

CREATE TRIGGER lead_services AFTER UPDATE OF role, disabled_at ON account
    FOR EACH ROW WHEN (new.kind = 'PERSON') EXECUTE FUNCTION follow_owner();

-- What an integration signs in with. Of a key only its beginning is known, and the SHA-256 of all of it: with 256 random
-- bits, nobody finds it from that.
CREATE TABLE api_key (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id        bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    name              text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    prefix            text NOT NULL UNIQUE CHECK (prefix ~ '^[0-9A-Za-z]{8}$'),
    key_hash          bytea NOT NULL CHECK (length(key_hash) = 32),
    scopes            text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 20),
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at        timestamptz,                          -- null: never by itself; from that instant on it is over
    revoked_at        timestamptz,
    last_used_at      timestamptz,                          -- to the minute
    last_used_address text
);
CREATE INDEX api_key_account ON api_key (account_id, id);

-- Tells all servers of which keys something has changed: `key:<prefix>`.
CREATE FUNCTION announce_key() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_notify('way_in_ended', 'key:' || old.prefix); RETURN NULL; END $$;

CREATE TRIGGER announce_key AFTER DELETE OR UPDATE OF scopes, expires_at, revoked_at ON api_key
    FOR EACH ROW EXECUTE FUNCTION announce_key();

CREATE FUNCTION announce_keys() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN
    PERFORM pg_notify('way_in_ended', 'key:' || prefix) FROM api_key WHERE account_id = new.id AND revoked_at IS NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER announce_keys AFTER UPDATE OF disabled_at ON account
    FOR EACH ROW WHEN (new.kind = 'SERVICE' AND new.disabled_at IS NOT NULL) EXECUTE FUNCTION announce_keys();

-- The audit is of more than panels: of properties, and of accounts, by whomever.
ALTER TABLE audit_entry
    ADD COLUMN property_id bigint REFERENCES property ON DELETE SET NULL,
    ADD COLUMN subject_account_id bigint REFERENCES account ON DELETE SET NULL,     -- whose account it is about
    ADD COLUMN address text,                                -- the network that it came from, where that is known
    ADD COLUMN via text NOT NULL DEFAULT 'MACHINE'
        CHECK (via IN ('SESSION', 'KEY', 'SIGN_IN', 'COMMAND_LINE', 'DEVICE', 'MACHINE')),
    ADD COLUMN key_name text;                               -- KEY: what the key was called at the time
UPDATE audit_entry SET via = CASE WHEN account_id IS NOT NULL THEN 'SESSION'
                                  WHEN actor = 'command line' THEN 'COMMAND_LINE' ELSE 'MACHINE' END;
CREATE INDEX audit_entry_property ON audit_entry (property_id, id DESC) WHERE property_id IS NOT NULL;
CREATE INDEX audit_entry_subject ON audit_entry (subject_account_id, id DESC) WHERE subject_account_id IS NOT NULL;
CREATE INDEX audit_entry_at ON audit_entry (at);

-- Of an hour, one row counts the further refusals of an account, of a machine, and those of signing in to an account.
DROP INDEX audit_entry_rest;
CREATE UNIQUE INDEX audit_entry_rest ON audit_entry
    (account_id, actor, subject_account_id, date_bin('1 hour', at, timestamptz '1970-01-01 00:00Z')) NULLS NOT DISTINCT
    WHERE is_rest;

-- What was written stays as it is. A row that counts goes on counting, links to what was removed end by themselves, and
-- an account that is removed takes its name and its networks out of what it did.
CREATE FUNCTION keep_audit() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN
    IF tg_op = 'UPDATE' THEN
        IF old.is_rest AND new.times > old.times
           AND to_jsonb(new) - 'times' = to_jsonb(old) - 'times' THEN
            RETURN new;
        END IF;
        IF pg_trigger_depth() > 1 THEN  -- of a foreign key, or of `leave_audit`
            RETURN new;
        END IF;
    ELSIF current_setting('kilowatch.removes_audit', true) = 'on' THEN
        RETURN old;
    END IF;
    RAISE EXCEPTION 'the audit is only ever added to' USING errcode = 'insufficient_privilege';
END $$;

CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION keep_audit();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();

CREATE FUNCTION leave_audit() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN
    UPDATE audit_entry SET account_id = NULL, actor = 'removed account', address = NULL, key_name = NULL, is_rest = false
    WHERE account_id = old.id;
    UPDATE audit_entry SET subject_account_id = NULL, is_rest = false,
        address = CASE WHEN account_id IS NOT NULL THEN address END    -- of whoever tried to sign in
    WHERE subject_account_id = old.id;
    RETURN old;
END $$;

CREATE TRIGGER leave_audit BEFORE DELETE ON account
    FOR EACH ROW EXECUTE FUNCTION leave_audit();

-- The one way by which rows of the audit go, a part at a time: how many went.
CREATE FUNCTION remove_audit_before(until timestamptz, most integer) RETURNS bigint
LANGUAGE plpgsql
AS $$ DECLARE
    removed bigint;
BEGIN  -- not `SET` at the function: that takes a superuser, and whoever migrates may be none
    PERFORM set_config('kilowatch.removes_audit', 'on', true);
    WITH old AS (SELECT id FROM audit_entry WHERE at < until ORDER BY at LIMIT most),
         gone AS (DELETE FROM audit_entry USING old WHERE audit_entry.id = old.id RETURNING 1)
    SELECT count(*) INTO removed FROM gone;
    PERFORM set_config('kilowatch.removes_audit', 'off', true);
    RETURN removed;
END $$;
