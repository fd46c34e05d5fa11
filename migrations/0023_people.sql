-- People sign in by an e-mail address or a phone number, with or without a password. A service account belongs to a
-- person, has no way in but its keys, and sees what its owner sees.
ALTER TABLE account
    ALTER COLUMN email DROP NOT NULL,
    ALTER COLUMN password_hash DROP NOT NULL,           -- null: by codes or another provider alone
    ADD COLUMN phone text UNIQUE CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),        -- E.164
    ADD COLUMN email_verified_at timestamptz,
    ADD COLUMN phone_verified_at timestamptz,
    ADD COLUMN kind text NOT NULL DEFAULT 'PERSON' CHECK (kind IN ('PERSON', 'SERVICE')),
    ADD COLUMN owner_id bigint REFERENCES account ON DELETE CASCADE,
    ADD COLUMN disabled_at timestamptz,                 -- since then nobody comes in by it
    ADD CHECK ((kind = 'SERVICE') = (owner_id IS NOT NULL)),
    ADD CHECK (kind = 'SERVICE' OR email IS NOT NULL OR phone IS NOT NULL),
    ADD CHECK (kind = 'PERSON' OR (email IS NULL AND phone IS NULL AND password_hash IS NULL));
CREATE INDEX account_owner ON account (owner_id) WHERE owner_id IS NOT NULL;

-- Those that there are were made by an admin, who knows whose address it is.
UPDATE account SET email_verified_at = created_at;

CREATE TRIGGER announce_disabled AFTER UPDATE OF disabled_at ON account
    FOR EACH ROW EXECUTE FUNCTION announce_access();
