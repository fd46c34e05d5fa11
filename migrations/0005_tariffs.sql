-- What a kWh costs, by panel and local day. A row without a panel is the default of every panel without its own.
CREATE TABLE tariff (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    panel_id    integer REFERENCES panel ON DELETE CASCADE,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    valid_from  date NOT NULL,
    unit_price  numeric(14, 6) NOT NULL CHECK (unit_price > 0 AND unit_price <> 'NaN'),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    vat_percent numeric(5, 2) NOT NULL DEFAULT 0 CHECK (vat_percent BETWEEN 0 AND 100),
    UNIQUE NULLS NOT DISTINCT (panel_id, valid_from)
);

INSERT INTO tariff (panel_id, name, valid_from, unit_price, currency) VALUES (NULL, 'Flat', '1970-01-01', 1500, 'IDR');
