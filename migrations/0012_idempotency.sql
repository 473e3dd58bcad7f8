-- Answers that are given again instead of acting twice. Sealed: they carry tokens and assertions.
CREATE TABLE idempotency_keys (
    digest     BYTEA  NOT NULL PRIMARY KEY,
    -- Of the request that came first: the same key with another one is a mistake.
    request    BYTEA  NOT NULL,
    -- Null while it is being worked on.
    status     BIGINT,
    key_id     TEXT,
    sealed     BYTEA,
    expires_at BIGINT NOT NULL
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
