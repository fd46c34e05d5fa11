-- What a landlord lets: a building, a house, a row of shops. A panel in none belongs to nobody, and only admins and
-- those whom they gave it to see it.
CREATE TABLE property (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    landlord_id bigint REFERENCES account ON DELETE SET NULL,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    address     text NOT NULL DEFAULT '' CHECK (length(address) <= 500),
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX property_landlord ON property (landlord_id);

ALTER TABLE panel ADD COLUMN property_id bigint REFERENCES property ON DELETE SET NULL;
ALTER TABLE panel ADD COLUMN left_at timestamptz;       -- when somebody rented it last whose account is gone
CREATE INDEX panel_property ON panel (property_id);

-- Who rents what and when. While it lasts the tenant sees the panels as they are; what was measured and bought within
-- it stays theirs to look at, and nothing from before or after ever is.
CREATE TABLE tenancy (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    property_id bigint REFERENCES property ON DELETE SET NULL,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz,                            -- null: open; from that instant on it is over
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (ends_at > starts_at)
);
CREATE INDEX tenancy_account ON tenancy (account_id);
CREATE INDEX tenancy_property ON tenancy (property_id);

CREATE TABLE tenancy_panel (
    tenancy_id bigint NOT NULL REFERENCES tenancy ON DELETE CASCADE,
    panel_id   integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    PRIMARY KEY (panel_id, tenancy_id)
);
CREATE INDEX tenancy_panel_tenancy ON tenancy_panel (tenancy_id);

-- Who comes next begins no earlier, also when the account of who has rented is removed and the tenancy with it.
CREATE FUNCTION keep_end_of_tenancy() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE panel SET left_at = greatest(left_at, least(old.ends_at, clock_timestamp()))
    WHERE id IN (SELECT panel_id FROM tenancy_panel WHERE tenancy_id = old.id) AND old.starts_at < clock_timestamp();
    RETURN old;
END
$$;
CREATE TRIGGER keep_end BEFORE DELETE ON tenancy
    FOR EACH ROW EXECUTE FUNCTION keep_end_of_tenancy();

-- The one place that decides what a viewer sees as it is now; every read of tenants' data starts from it. A service
-- account sees what its owner sees.
CREATE OR REPLACE FUNCTION visible_panel(viewer_id bigint, sees_all boolean) RETURNS SETOF panel
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT panel.* FROM panel
    WHERE sees_all
       OR EXISTS (SELECT FROM panel_access AS access
                  WHERE access.panel_id = panel.id
                    AND access.account_id = (SELECT coalesce(owner_id, id) FROM account WHERE id = viewer_id))
       OR EXISTS (SELECT FROM property AS owned
                  WHERE owned.id = panel.property_id
                    AND owned.landlord_id = (SELECT coalesce(owner_id, id) FROM account WHERE id = viewer_id))
       OR EXISTS (SELECT FROM tenancy_panel AS let JOIN tenancy ON tenancy.id = let.tenancy_id
                  WHERE let.panel_id = panel.id
                    AND tenancy.account_id = (SELECT coalesce(owner_id, id) FROM account WHERE id = viewer_id)
                    AND starts_at <= now() AND (ends_at IS NULL OR ends_at > now()))
$$;

-- The same for what was: the panels of which the viewer may see the whole span from `since` to `until` (excluded). Who
-- only rents, or rented, has the span of a tenancy, also after its end. Ask for no more than that: nothing comes of a
-- span that reaches beyond it.
CREATE FUNCTION history_panel(viewer_id bigint, sees_all boolean, since timestamptz, until timestamptz)
RETURNS SETOF panel
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT panel.* FROM panel
    WHERE sees_all
       OR EXISTS (SELECT FROM panel_access AS access
                  WHERE access.panel_id = panel.id
                    AND access.account_id = (SELECT coalesce(owner_id, id) FROM account WHERE id = viewer_id))
       OR EXISTS (SELECT FROM property AS owned
                  WHERE owned.id = panel.property_id
                    AND owned.landlord_id = (SELECT coalesce(owner_id, id) FROM account WHERE id = viewer_id))
       OR EXISTS (SELECT FROM tenancy_panel AS let JOIN tenancy ON tenancy.id = let.tenancy_id
                  WHERE let.panel_id = panel.id
                    AND tenancy.account_id = (SELECT coalesce(owner_id, id) FROM account WHERE id = viewer_id)
                    AND starts_at <= since AND (ends_at IS NULL OR ends_at >= until))
$$;

-- Who was given a panel as a tenant, and became a landlord by what they claimed since, decides nothing about it.
ALTER TABLE panel_access ADD COLUMN is_sight_only boolean NOT NULL DEFAULT false;

-- The panels that the viewer acts for as their landlord: those of the own properties, and those that an admin gave to
-- somebody who is a landlord. Renting a panel gives no such right.
CREATE FUNCTION managed_panel(viewer_id bigint, sees_all boolean) RETURNS SETOF panel
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT panel.* FROM panel
    WHERE sees_all
       OR EXISTS (SELECT FROM panel_access AS access JOIN account AS given ON given.id = access.account_id
                  WHERE access.panel_id = panel.id AND given.role = 'LANDLORD' AND NOT access.is_sight_only
                    AND access.account_id = (SELECT coalesce(owner_id, id) FROM account WHERE id = viewer_id))
       OR EXISTS (SELECT FROM property AS owned
                  WHERE owned.id = panel.property_id
                    AND owned.landlord_id = (SELECT coalesce(owner_id, id) FROM account WHERE id = viewer_id))
$$;

CREATE TRIGGER announce_access AFTER DELETE OR UPDATE OF landlord_id ON property
    FOR EACH ROW EXECUTE FUNCTION announce_access();
CREATE TRIGGER announce_moved AFTER UPDATE OF property_id ON panel
    FOR EACH ROW WHEN (old.property_id IS DISTINCT FROM new.property_id) EXECUTE FUNCTION announce_access();
CREATE TRIGGER announce_access AFTER INSERT OR UPDATE OR DELETE ON tenancy
    FOR EACH ROW EXECUTE FUNCTION announce_access();
CREATE TRIGGER announce_access AFTER INSERT OR UPDATE OR DELETE ON tenancy_panel
    FOR EACH ROW EXECUTE FUNCTION announce_access();

-- For whom the viewer acts: a service account for its owner, everybody else for themselves.
CREATE FUNCTION acting_account(viewer_id bigint) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(owner_id, id) FROM account WHERE id = viewer_id $$;

-- The properties that the viewer acts for: the own ones, and every one for who sees all panels.
CREATE FUNCTION managed_property(viewer_id bigint, sees_all boolean) RETURNS SETOF property
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT property.* FROM property
    WHERE sees_all
       OR property.landlord_id = (SELECT acting_account(viewer_id))
$$;

-- A way in for somebody who is to rent: whoever has its code makes a tenancy of it, once. The code is shown when it is
-- made, and only its hash is kept.
CREATE TABLE invitation (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    property_id bigint NOT NULL REFERENCES property ON DELETE CASCADE,
    account_id  bigint REFERENCES account ON DELETE SET NULL,       -- who invited
    code_sha256 bytea NOT NULL UNIQUE CHECK (length(code_sha256) = 32),
    starts_on   date NOT NULL,
    ends_on     date CHECK (ends_on >= starts_on),                  -- the last local day; null: open
    name        text CHECK (length(name) BETWEEN 1 AND 200),        -- whom it is for, in the landlord's words
    email       text CHECK (length(email) BETWEEN 3 AND 254),
    phone       text CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    accepted_at timestamptz,
    tenancy_id  bigint REFERENCES tenancy ON DELETE SET NULL        -- what it has led to
);
CREATE INDEX invitation_property ON invitation (property_id, id DESC);

CREATE TABLE invitation_panel (
    invitation_id bigint NOT NULL REFERENCES invitation ON DELETE CASCADE,
    panel_id      integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    PRIMARY KEY (invitation_id, panel_id)
);
CREATE INDEX invitation_panel_panel ON invitation_panel (panel_id);

-- Who was the landlord may still have codes: the next one does not let by them.
CREATE FUNCTION revoke_invitations() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE invitation SET revoked_at = clock_timestamp()
    WHERE property_id = new.id AND accepted_at IS NULL AND revoked_at IS NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER revoke_invitations AFTER UPDATE OF landlord_id ON property
    FOR EACH ROW WHEN (old.landlord_id IS DISTINCT FROM new.landlord_id) EXECUTE FUNCTION revoke_invitations();

-- A way to panels that belong to nobody: whoever has its code becomes their landlord, once. As above only its hash is
-- kept.
CREATE TABLE claim_code (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint REFERENCES account ON DELETE SET NULL,       -- who made it
    code_sha256 bytea NOT NULL UNIQUE CHECK (length(code_sha256) = 32),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz,                                        -- null: as long as nobody has used it
    claimed_at  timestamptz,
    claimed_by  bigint REFERENCES account ON DELETE SET NULL
);

CREATE TABLE claim_code_panel (
    claim_code_id bigint NOT NULL REFERENCES claim_code ON DELETE CASCADE,
    panel_id      integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    PRIMARY KEY (claim_code_id, panel_id)
);
CREATE INDEX claim_code_panel_panel ON claim_code_panel (panel_id);
