-- Devices that have a login of their own at the broker: what each may publish and read there, and whose panels it feeds.
-- Their topics and panels are kept as they were when they were given, in the words of metering/device_rights.py.
CREATE TABLE registered_device (
    number          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,         -- the order of lists
    id              text PRIMARY KEY CHECK (id ~ '^dev_[a-z2-7]{16}$'), -- the user name at the broker
    kind            text NOT NULL,
    name            text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$'),
    property_id     bigint REFERENCES property ON DELETE SET NULL,      -- null: of whoever has its panels
    given_codes     text[] NOT NULL DEFAULT '{}',                       -- panels besides those that its name says
    given_topics    text[] NOT NULL DEFAULT '{}',                       -- filters besides those of its kind
    panel_codes     text[] NOT NULL,
    panel_prefixes  text[] NOT NULL,                                    -- panels whose codes begin so are its own too
    publish_filters text[] NOT NULL,
    command_filters text[] NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    revoked_at      timestamptz,                                        -- since then it has no rights at all
    last_seen_at    timestamptz,                                        -- when it logged in last, as far as we were asked
    last_address    text
);
CREATE INDEX registered_device_property ON registered_device (property_id);
CREATE INDEX registered_device_codes ON registered_device USING gin (panel_codes);

-- Its logins. A broker keeps one password a user, so each secret has a user name of its own, and two hold at a time
-- while a device changes over. The hash is PBKDF2-SHA512 as mosquitto writes it; the secret is nowhere.
CREATE TABLE registered_device_login (
    username   text PRIMARY KEY CHECK (username ~ '^dev_[a-z2-7]{16}(-[0-9]{1,9})?$'),
    device_id  text NOT NULL REFERENCES registered_device ON DELETE CASCADE,
    generation integer NOT NULL CHECK (generation > 0),
    hash       text NOT NULL CHECK (hash LIKE '$7$%'),
    created_at timestamptz NOT NULL DEFAULT now(),
    ends_at    timestamptz,                                             -- null: until it is rotated or revoked
    UNIQUE (device_id, generation)
);

CREATE INDEX registered_device_prefixes ON registered_device USING gin (panel_prefixes);

-- The panels that a device feeds, as far as they are there. A prefix ends in a colon, after which comes the semicolon.
CREATE INDEX panel_code_beginning ON panel (code text_pattern_ops);
CREATE FUNCTION panels_fed(panel_codes text[], panel_prefixes text[]) RETURNS SETOF panel
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT panel.* FROM panel WHERE panel.code = ANY (panel_codes)
    UNION ALL
    SELECT panel.* FROM unnest(panel_prefixes) AS prefix
    CROSS JOIN LATERAL (
        SELECT * FROM panel WHERE code ~>=~ prefix AND code ~<~ (left(prefix, -1) || ';')
        OFFSET 0        -- else all panels are read once for each device
    ) AS panel
    WHERE NOT panel.code = ANY (panel_codes)
$$;

-- The devices that the viewer acts for: of an own property, or with panels that are managed; and with none of others.
CREATE FUNCTION managed_device(viewer_id bigint, sees_all boolean) RETURNS SETOF registered_device
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    WITH managed AS MATERIALIZED (
        SELECT panel.id, panel.code FROM managed_panel(viewer_id, sees_all) AS panel WHERE NOT sees_all
    )
    SELECT device.* FROM registered_device AS device
    WHERE sees_all
       OR (device.panel_codes && ARRAY(SELECT code FROM managed)
           OR device.panel_prefixes && ARRAY(SELECT device_codes(code) || ':' FROM managed)
           OR device.property_id IN (SELECT owned.id FROM managed_property(viewer_id, sees_all) AS owned))
          AND NOT EXISTS (SELECT FROM panels_fed(device.panel_codes, device.panel_prefixes) AS panel
                          WHERE panel.id NOT IN (SELECT id FROM managed))
$$;

-- Ingest and whoever writes the broker's files follow at once. What a device was seen last is no such news.
CREATE FUNCTION announce_registered_device() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_notify('ingest_control', ''), pg_notify('registered_device', ''); RETURN NULL; END $$;

CREATE TRIGGER announce_registered AFTER INSERT OR DELETE ON registered_device
    FOR EACH STATEMENT EXECUTE FUNCTION announce_registered_device();
CREATE TRIGGER announce_changed AFTER UPDATE OF name, panel_codes, panel_prefixes, publish_filters, command_filters,
    revoked_at ON registered_device
    FOR EACH STATEMENT EXECUTE FUNCTION announce_registered_device();
CREATE TRIGGER announce_login AFTER INSERT OR UPDATE OR DELETE ON registered_device_login
    FOR EACH STATEMENT EXECUTE FUNCTION announce_registered_device();
