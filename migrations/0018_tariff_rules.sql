-- A tariff in full: bands, blocks, standing charges, taxes and what a top-up bears. A row without rules is one price a
-- kWh, `unit_price`, with VAT. The price and currency of a row with rules are those of the first kWh of its first band.
ALTER TABLE tariff
    ADD COLUMN rules            jsonb,                          -- the document of metering.tariffs.documents
    ADD COLUMN is_flat          boolean NOT NULL DEFAULT true,  -- one price at any time, and nothing else falls due
    ADD COLUMN price_with_taxes numeric CHECK (price_with_taxes >= 0 AND price_with_taxes <> 'NaN'),
    ADD COLUMN account_id       bigint REFERENCES account ON DELETE SET NULL,
    ADD COLUMN set_by           text,                           -- the account's name at the time; null: the command line
    ADD COLUMN created_at       timestamptz NOT NULL DEFAULT now(),
    ADD CHECK ((rules IS NULL) = (price_with_taxes IS NULL)),
    ADD CHECK (is_flat OR rules IS NOT NULL);

-- The first block of a lifeline tariff may be free, and a price may be 100,000,000.
ALTER TABLE tariff DROP CONSTRAINT tariff_unit_price_check;
ALTER TABLE tariff ALTER COLUMN unit_price TYPE numeric(15, 6);
ALTER TABLE tariff ADD CONSTRAINT tariff_unit_price_check CHECK (unit_price >= 0 AND unit_price <> 'NaN');
CREATE INDEX tariff_account ON tariff (account_id) WHERE account_id IS NOT NULL;

-- Import of a panel in the five minutes of [since, until), both whole five minutes: whole local days from the day rollup.
-- Of days whose five minutes or hours are no longer kept in proportion, as part_of_day_kwh says; so parts of a day add
-- up to the day.
CREATE FUNCTION usage_of_buckets_kwh(panel integer, since timestamptz, until timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    zone text := (SELECT time_zone FROM panel AS p WHERE p.id = panel);
    first_day date := (since AT TIME ZONE zone)::date;
    last_day date := (until AT TIME ZONE zone)::date;
    days_from timestamptz;
BEGIN
    IF local_midnight(first_day, zone) < since THEN
        first_day := first_day + 1;
    END IF;
    days_from := least(local_midnight(first_day, zone), until);
    RETURN part_of_day_kwh(panel, since, days_from)
         + (SELECT coalesce(sum(energy_kwh), 0) FROM rollup_day
            WHERE panel_id = panel AND day >= first_day AND day < last_day)
         + part_of_day_kwh(panel, greatest(local_midnight(last_day, zone), days_from), until);
END
$$;
