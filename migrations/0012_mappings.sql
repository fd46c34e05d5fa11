-- How owners want the messages of a topic to be read: which value is which quantity, in which unit, of which panel.
-- The panel may not be there yet: ingest adds it with its first reading, as it adds all others.
CREATE TABLE device_mapping (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text NOT NULL CHECK (length(topic) BETWEEN 1 AND 512),
    panel_code text NOT NULL CHECK (panel_code ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$'),
    fields     jsonb NOT NULL CHECK (jsonb_typeof(fields) = 'array' AND jsonb_array_length(fields) BETWEEN 1 AND 32),
    time_path  jsonb CHECK (jsonb_typeof(time_path) = 'array'),    -- keys and list places; null: the arrival counts
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by bigint REFERENCES account ON DELETE SET NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by bigint REFERENCES account ON DELETE SET NULL,
    UNIQUE (topic, panel_code)
);
CREATE INDEX device_mapping_panel ON device_mapping (panel_code);

-- A running ingest reads the mappings again as soon as one has changed, whoever changed it.
CREATE FUNCTION announce_mapping() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_notify('ingest_control', ''); RETURN NULL; END $$;

CREATE TRIGGER announce_mapping AFTER INSERT OR UPDATE OR DELETE ON device_mapping
    FOR EACH STATEMENT EXECUTE FUNCTION announce_mapping();
