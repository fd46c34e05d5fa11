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

-- The panels that the viewer acts for as their landlord: those of the own properties, and those that an admin gave to
-- somebody who is a landlord. Renting a panel gives no such right.
CREATE FUNCTION managed_panel(viewer_id bigint, sees_all boolean) RETURNS SETOF panel
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT panel.* FROM panel
    WHERE sees_all
       OR EXISTS (SELECT FROM panel_access AS access JOIN account AS given ON given.id = access.account_id
                  WHERE access.panel_id = panel.id AND given.role = 'LANDLORD'
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
