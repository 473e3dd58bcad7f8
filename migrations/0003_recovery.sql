-- Recoveries: getting back in with nothing left but the mailbox. What is over is kept until its window would have
-- closed, so that a status page can say what became of it.

CREATE TABLE recoveries (
    id                  TEXT   NOT NULL PRIMARY KEY,
    user_id             TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Whoever holds the claim may complete it; whoever holds the notice may look and stop it.
    claim_digest        BYTEA  NOT NULL UNIQUE,
    notice_digest       BYTEA  NOT NULL UNIQUE,
    state               TEXT   NOT NULL,
    -- The account's when it was begun. Any other ends it.
    security_version    BIGINT NOT NULL,
    ip                  TEXT   NOT NULL,
    user_agent          TEXT   NOT NULL,
    started_at          BIGINT NOT NULL,
    ready_at            BIGINT NOT NULL,
    expires_at          BIGINT NOT NULL,
    ended_at            BIGINT,
    -- Administrators' words about it. No references: the journal's names outlive their people, and so do these.
    shorten_asked_by    TEXT,
    shorten_asked_at    BIGINT,
    shorten_reason      TEXT,
    shorten_approved_by TEXT,
    shortened_at        BIGINT
);
CREATE UNIQUE INDEX recoveries_open_by_user ON recoveries (user_id) WHERE state IN ('pending', 'ready');
CREATE INDEX recoveries_by_user ON recoveries (user_id);
CREATE INDEX recoveries_by_ready ON recoveries (ready_at) WHERE state = 'pending';
CREATE INDEX recoveries_by_expiry ON recoveries (expires_at);

-- How long a member's recovery waits that has nothing but the mailbox to show: 72 hours.
ALTER TABLE organisations ADD COLUMN recovery_wait BIGINT NOT NULL DEFAULT 259200000000;
