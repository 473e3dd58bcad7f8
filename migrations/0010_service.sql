-- Applications that keep their own accounts and ask here for the second factor alone.

-- Their people. The email column holds a name that is nobody's address; contact_email is where mail goes.
ALTER TABLE users ADD COLUMN organisation_id TEXT REFERENCES organisations (id) ON DELETE CASCADE;
ALTER TABLE users ADD COLUMN external_id TEXT;
ALTER TABLE users ADD COLUMN contact_email TEXT;
CREATE UNIQUE INDEX users_by_external_id ON users (organisation_id, external_id);

-- Their keys: an organisation's, not a person's. Only the keyed digest is kept.
CREATE TABLE service_keys (
    id              TEXT   NOT NULL PRIMARY KEY,
    digest          BYTEA  NOT NULL UNIQUE,
    organisation_id TEXT   NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    name            TEXT   NOT NULL,
    -- Where people may be sent back to, one address a line.
    return_urls     TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    last_used_at    BIGINT
);
CREATE INDEX service_keys_by_organisation ON service_keys (organisation_id);

-- What an application wanted of a challenge, and what came of it.
CREATE TABLE service_challenges (
    id                TEXT   NOT NULL PRIMARY KEY REFERENCES challenges (id) ON DELETE CASCADE,
    organisation_id   TEXT   NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    application       TEXT   NOT NULL,
    methods           TEXT,
    reason            TEXT,
    transaction_text  TEXT,
    return_url        TEXT,
    phone             TEXT,
    -- The session in which somebody without a factor enrols one.
    session_id        TEXT   REFERENCES sessions (id) ON DELETE SET NULL,
    passed_at         BIGINT,
    proofs            TEXT,
    -- Of the code that the person's browser brings back; the assertion is told once.
    return_digest     BYTEA,
    return_expires_at BIGINT,
    told_at           BIGINT
);
CREATE INDEX service_challenges_by_session ON service_challenges (session_id);
