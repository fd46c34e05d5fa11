-- Files that were imported, or are being imported: each batch of rows moves the place in its own transaction, so that a
-- run that was interrupted goes on where it was. A file is known by a digest of its bytes and of how it is read.
CREATE TABLE reading_import (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint     text UNIQUE,                       -- NULL: read from a pipe, which cannot be read again
    file_name       text NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at     timestamptz,
    place_offset    bigint NOT NULL DEFAULT 0,         -- bytes, decompressed; of Parquet: rows
    place_line      bigint NOT NULL DEFAULT 0,         -- lines before the place; of Parquet: rows
    row_count       bigint NOT NULL DEFAULT 0,         -- read so far, empty lines apart
    rejected_count  bigint NOT NULL DEFAULT 0
);

-- Rows of those files that are no readings, as they stood there; line 1 is the file's first.
CREATE TABLE rejected_row (
    import_id bigint NOT NULL REFERENCES reading_import ON DELETE CASCADE,
    line      bigint NOT NULL,
    code      text NOT NULL,
    reason    text NOT NULL,
    row_text  text NOT NULL,
    PRIMARY KEY (import_id, line)
);
