-- What a browser holds at a protected host: stands for the session it was made from, and goes with it.

CREATE TABLE forward_passes (
    -- Of the code that carries it through one redirect; once that is spent, of the pass itself.
    digest     BYTEA  NOT NULL PRIMARY KEY,
    session_id TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    -- It is worth nothing at any other host.
    host       TEXT   NOT NULL,
    -- Which browser the code is for; null once it has become a pass.
    state      BYTEA,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX forward_passes_by_session ON forward_passes (session_id, host, created_at);
CREATE INDEX forward_passes_by_expiry ON forward_passes (expires_at);
