-- Signing in by mail: a link to follow or a code to type, for an address that may have no account yet.
CREATE TABLE mail_sign_ins (
    id         TEXT   NOT NULL PRIMARY KEY,
    carrier    TEXT   NOT NULL,
    email      TEXT   NOT NULL,
    digest     BYTEA  NOT NULL,
    -- What the asking browser keeps, digested: only there can a code be typed.
    browser    BYTEA  NOT NULL,
    -- As a new account would be called.
    name       TEXT   NOT NULL,
    -- Where it was asked for, to be shown to whoever follows the link elsewhere.
    ip         TEXT   NOT NULL,
    user_agent TEXT   NOT NULL,
    failures   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    spent_at   BIGINT
);
CREATE INDEX mail_sign_ins_by_digest ON mail_sign_ins (digest);
CREATE INDEX mail_sign_ins_by_email ON mail_sign_ins (email, created_at);
CREATE INDEX mail_sign_ins_by_expiry ON mail_sign_ins (expires_at);

-- Wrong codes typed for an address, over all of its sign-ins.
CREATE TABLE mail_guess_budgets (
    email         TEXT   NOT NULL PRIMARY KEY,
    failures      BIGINT NOT NULL,
    blocked_until BIGINT,
    whole_at      BIGINT
);
