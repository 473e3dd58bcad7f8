-- Organisations and what they ask of their members; API keys; refresh tokens; what a session may be used for.

CREATE TABLE organisations (
    id                     TEXT    NOT NULL PRIMARY KEY,
    -- The name another system knows it by, say a project's id.
    external_id            TEXT    UNIQUE,
    name                   TEXT    NOT NULL,
    second_factor_required BOOLEAN NOT NULL,
    -- The methods that count as a second factor, with commas; null where nothing is ruled out.
    methods                TEXT,
    created_at             BIGINT  NOT NULL
);

CREATE TABLE memberships (
    organisation_id TEXT   NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    user_id         TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role            TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, user_id)
);
CREATE INDEX memberships_by_user ON memberships (user_id);

-- Only the keyed digest of a key is kept. A revoked key is gone.
CREATE TABLE api_keys (
    id              TEXT    NOT NULL PRIMARY KEY,
    digest          BYTEA   NOT NULL UNIQUE,
    user_id         TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    prefix          TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    organisation_id TEXT    REFERENCES organisations (id) ON DELETE CASCADE,
    scopes          TEXT    NOT NULL,
    active          BOOLEAN NOT NULL,
    created_at      BIGINT  NOT NULL,
    expires_at      BIGINT  NOT NULL,
    last_used_at    BIGINT
);
CREATE INDEX api_keys_by_user ON api_keys (user_id);
CREATE INDEX api_keys_by_expiry ON api_keys (expires_at);

-- The refresh tokens a session has left behind. One of them seen again means that a copy exists.
CREATE TABLE spent_refresh_tokens (
    digest     BYTEA  NOT NULL PRIMARY KEY,
    session_id TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    spent_at   BIGINT NOT NULL
);
CREATE INDEX spent_refresh_tokens_by_session ON spent_refresh_tokens (session_id, spent_at);

ALTER TABLE users ADD COLUMN family_name TEXT;
ALTER TABLE users ADD COLUMN second_factor_required BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN preferred_method TEXT;

-- Whether a session may do everything, or only enrol the second factor it lacks.
ALTER TABLE sessions ADD COLUMN scope TEXT NOT NULL DEFAULT 'full';

-- The session from which an enrolment by mailed link was begun.
ALTER TABLE links ADD COLUMN session_id TEXT REFERENCES sessions (id) ON DELETE CASCADE;
CREATE INDEX links_by_session ON links (session_id);
