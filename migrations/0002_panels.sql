-- A panel is one metered connection: a floor's electrical panel, a flat's prepaid meter.
CREATE TABLE panel (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code         text NOT NULL UNIQUE CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$'),
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    location     text NOT NULL DEFAULT '',
    floor        integer NOT NULL DEFAULT 0,
    time_zone    text NOT NULL CHECK ((timestamptz '2026-01-01 00:00Z' AT TIME ZONE time_zone) IS NOT NULL),  -- one that exists
    is_prepaid   boolean NOT NULL DEFAULT false,
    meter_number text,
    created_at   timestamptz NOT NULL DEFAULT now()
);

-- Which account sees which panel. Admins see every panel without a row here.
CREATE TABLE panel_access (
    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    panel_id   integer NOT NULL REFERENCES panel ON DELETE CASCADE,
    PRIMARY KEY (account_id, panel_id)
);
CREATE INDEX panel_access_panel ON panel_access (panel_id);

-- The one place that decides what a viewer sees; every read of tenants' data starts from it.
CREATE FUNCTION visible_panel(viewer_id bigint, sees_all boolean) RETURNS SETOF panel
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT panel.* FROM panel
    WHERE sees_all
       OR EXISTS (SELECT FROM panel_access AS access
                  WHERE access.panel_id = panel.id AND access.account_id = viewer_id)
$$;

-- Tells live streams that somebody's sight of panels has changed. Sent in commit order with the readings' own
-- notifications, so that no reading stored after a withdrawal reaches whom it was withdrawn from.
CREATE FUNCTION announce_access() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_notify('access', ''); RETURN NULL; END $$;

CREATE TRIGGER announce_access AFTER DELETE OR UPDATE OF role ON account
    FOR EACH ROW EXECUTE FUNCTION announce_access();
CREATE TRIGGER announce_access AFTER INSERT OR DELETE ON panel
    FOR EACH ROW EXECUTE FUNCTION announce_access();
CREATE TRIGGER announce_access AFTER INSERT OR UPDATE OR DELETE ON panel_access
    FOR EACH ROW EXECUTE FUNCTION announce_access();
