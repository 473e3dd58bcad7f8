-- How an organisation's pages look, where it says so.
CREATE TABLE brands (
    organisation_id TEXT   NOT NULL PRIMARY KEY REFERENCES organisations (id) ON DELETE CASCADE,
    name            TEXT,
    -- Six hexadecimal digits.
    colour          TEXT,
    -- A picture, and the digest it is fetched by.
    logo            BYTEA,
    logo_digest     TEXT
);
CREATE INDEX brands_by_logo ON brands (logo_digest);
