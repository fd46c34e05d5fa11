-- Values that devices have announced in Home Assistant's discovery: where each stands, what it measures, in which unit.
CREATE TABLE discovered_sensor (
    announced_on text PRIMARY KEY,          -- discovery topic, then # and the component where it announces several
    device       text NOT NULL,
    panel_code   text NOT NULL CHECK (panel_code ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$'),
    topic        text NOT NULL,
    path         jsonb NOT NULL CHECK (jsonb_typeof(path) = 'array'),
    quantity     text NOT NULL,
    unit         text NOT NULL,
    is_reversed  boolean NOT NULL,
    announced_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX discovered_sensor_panel ON discovered_sensor (panel_code);
CREATE INDEX discovered_sensor_topic ON discovered_sensor (split_part(announced_on, '#', 1));

-- What Home Assistant knows of by itself: the panels of announced values, and whatever the values' topics name, because
-- a device that has a decoder of its own is a panel of another code than the announcement's.
CREATE VIEW known_to_home_assistant AS
    SELECT panel_code AS name FROM discovered_sensor
    UNION
    SELECT unnest(string_to_array(topic, '/')) FROM discovered_sensor;

-- Panels that we have announced to Home Assistant, so that one that is removed is taken back there too.
CREATE TABLE panel_announcement (
    panel_code   text NOT NULL,
    config_topic text NOT NULL,
    PRIMARY KEY (panel_code, config_topic)
);
