-- Passkeys, sign-in without a password, and trusted devices as a ledger.

-- What an account is called towards authenticators: random, made with its first passkey (SEC-051).
ALTER TABLE users ADD COLUMN passkey_handle BYTEA;

-- Beside its row in `authenticators`. Public keys are public; nothing in here is sealed.
CREATE TABLE passkeys (
    authenticator_id TEXT    NOT NULL PRIMARY KEY REFERENCES authenticators (id) ON DELETE CASCADE,
    user_id          TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Unique among all accounts (SEC-045).
    credential_id    BYTEA   NOT NULL UNIQUE,
    user_handle      BYTEA,
    -- COSE_Key.
    public_key       BYTEA   NOT NULL,
    counter          BIGINT  NOT NULL,
    backup_eligible  BOOLEAN NOT NULL,
    backed_up        BOOLEAN NOT NULL,
    aaguid           BYTEA   NOT NULL,
    -- Names with commas between them.
    transports       TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    -- The domain it was made for: under another it is of no use.
    rp_id            TEXT    NOT NULL,
    -- When a second device was found to hold its key. It opens nothing any more, and still stands in the way of
    -- a password alone (SEC-043).
    suspended_at     BIGINT
);
CREATE INDEX passkeys_by_user ON passkeys (user_id);

-- Open ceremonies. Whoever answers one deletes it first (SEC-036).
CREATE TABLE passkey_ceremonies (
    digest     BYTEA  NOT NULL PRIMARY KEY,
    purpose    TEXT   NOT NULL,
    challenge  BYTEA  NOT NULL,
    -- Whom and which session or challenge it was opened for; null where anybody may answer.
    user_id    TEXT REFERENCES users (id) ON DELETE CASCADE,
    binding    TEXT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX passkey_ceremonies_by_expiry ON passkey_ceremonies (expires_at);

-- As the person calls it; without a name it is called by its browser.
ALTER TABLE trusted_devices ADD COLUMN name TEXT;
-- How long a member's browser may skip the second step, in microseconds: 30 days. Zero is never.
ALTER TABLE organisations ADD COLUMN trust_lasts BIGINT NOT NULL DEFAULT 2592000000000;
