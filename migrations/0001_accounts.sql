-- People who sign in. E-mail addresses are kept in lower case, so that one person is one row.
CREATE TABLE account (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email         text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    role          text NOT NULL CHECK (role IN ('TENANT', 'LANDLORD', 'ADMIN')),
    password_hash text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
