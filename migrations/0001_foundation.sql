-- One text for SQLite and PostgreSQL. Times are microseconds since 1970 in UTC; ids are text;
-- digests are keyed (HMAC-SHA-256), sealed values are AEAD ciphertexts under the key named beside them.

CREATE TABLE master_keys (
    key_id      TEXT    NOT NULL PRIMARY KEY,
    check_value BYTEA   NOT NULL,
    created_at  BIGINT  NOT NULL
);

-- Keys the server made for itself (digests, cookies, token signing), sealed under a master key.
CREATE TABLE sealed_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    purpose    TEXT    NOT NULL,
    key_id     TEXT    NOT NULL,
    sealed     BYTEA   NOT NULL,
    created_at BIGINT  NOT NULL,
    retired_at BIGINT
);

CREATE TABLE users (
    id                TEXT    NOT NULL PRIMARY KEY,
    email             TEXT    NOT NULL UNIQUE,
    email_verified_at BIGINT,
    name              TEXT    NOT NULL,
    image             TEXT,
    password          TEXT,
    -- Whether the password was last set through a mailed link: then the mailbox already counted once.
    password_by_mail  BOOLEAN NOT NULL,
    -- Raised by every change of password or factors; open challenges of an older version are dead.
    security_version  BIGINT  NOT NULL,
    created_at        BIGINT  NOT NULL,
    updated_at        BIGINT  NOT NULL
);

CREATE TABLE authenticators (
    id           TEXT   NOT NULL PRIMARY KEY,
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    method       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_used_at BIGINT,
    -- TOTP only.
    key_id       TEXT,
    seed         BYTEA,
    algorithm    TEXT,
    digits       BIGINT,
    period       BIGINT,
    last_step    BIGINT
);
CREATE INDEX authenticators_by_user ON authenticators (user_id);

CREATE TABLE backup_codes (
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest       BYTEA  NOT NULL,
    created_at   BIGINT NOT NULL,
    activated_at BIGINT,
    used_at      BIGINT,
    PRIMARY KEY (user_id, digest)
);

CREATE TABLE challenges (
    id               TEXT    NOT NULL PRIMARY KEY,
    digest           BYTEA   NOT NULL UNIQUE,
    user_id          TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    state            TEXT    NOT NULL,
    proofs           TEXT    NOT NULL,
    remember         BOOLEAN NOT NULL,
    failures         BIGINT  NOT NULL,
    security_version BIGINT  NOT NULL,
    opened_at        BIGINT  NOT NULL,
    expires_at       BIGINT  NOT NULL
);
CREATE INDEX challenges_by_user ON challenges (user_id);
CREATE INDEX challenges_by_expiry ON challenges (expires_at);

-- Codes sent out of band. The newest of a binding is the only live one; the others stay for a day to be counted.
CREATE TABLE one_time_codes (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    binding    TEXT   NOT NULL,
    digest     BYTEA  NOT NULL,
    sent_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    failures   BIGINT NOT NULL,
    spent_at   BIGINT
);
CREATE INDEX one_time_codes_by_user ON one_time_codes (user_id, sent_at);

CREATE TABLE links (
    id         TEXT   NOT NULL PRIMARY KEY,
    digest     BYTEA  NOT NULL UNIQUE,
    purpose    TEXT   NOT NULL,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX links_by_user ON links (user_id);
CREATE INDEX links_by_expiry ON links (expires_at);

CREATE TABLE sessions (
    id           TEXT    NOT NULL PRIMARY KEY,
    digest       BYTEA   NOT NULL UNIQUE,
    user_id      TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    proofs       TEXT    NOT NULL,
    remember     BOOLEAN NOT NULL,
    ip           TEXT    NOT NULL,
    user_agent   TEXT    NOT NULL,
    created_at   BIGINT  NOT NULL,
    refreshed_at BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE trusted_devices (
    id              TEXT   NOT NULL PRIMARY KEY,
    user_id         TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest          BYTEA  NOT NULL UNIQUE,
    -- The value before the last rotation: seen again, it means a copy exists.
    previous_digest BYTEA,
    rotated_at      BIGINT NOT NULL,
    ip              TEXT   NOT NULL,
    user_agent      TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    last_used_at    BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL
);
CREATE INDEX trusted_devices_by_user ON trusted_devices (user_id);
CREATE INDEX trusted_devices_by_previous ON trusted_devices (previous_digest);

-- Consecutive wrong answers of one user, per lane: strangers at the door, or somebody inside a session.
CREATE TABLE guess_budgets (
    user_id       TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    lane          TEXT   NOT NULL,
    failures      BIGINT NOT NULL,
    blocked_until BIGINT,
    PRIMARY KEY (user_id, lane)
);

-- The journal: one row for everything worth asking about later, written with its effect. Outlives the user.
CREATE TABLE events (
    id         TEXT   NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    user_id    TEXT,
    session_id TEXT,
    ip         TEXT   NOT NULL,
    user_agent TEXT   NOT NULL,
    detail     TEXT   NOT NULL
);
CREATE INDEX events_by_user ON events (user_id, at);
CREATE INDEX events_by_time ON events (at);

-- Messages to send after the commit that decided them. Sealed: they carry codes and links.
CREATE TABLE outbox (
    id            TEXT   NOT NULL PRIMARY KEY,
    user_id       TEXT   NOT NULL,
    key_id        TEXT   NOT NULL,
    sealed        BYTEA  NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    due_at        BIGINT NOT NULL,
    attempts      BIGINT NOT NULL,
    dead_at       BIGINT
);
CREATE INDEX outbox_by_due ON outbox (due_at);
