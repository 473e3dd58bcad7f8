-- Where an organisation wants to be told of what happens to its people.
CREATE TABLE webhooks (
    id              TEXT   NOT NULL PRIMARY KEY,
    organisation_id TEXT   NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    url             TEXT   NOT NULL,
    -- Kinds of events with commas between them; null for all.
    kinds           TEXT,
    created_at      BIGINT NOT NULL,
    last_sent_at    BIGINT,
    -- What became of the last attempt, if it failed: a short word and no more.
    last_failure    TEXT
);
CREATE INDEX webhooks_by_organisation ON webhooks (organisation_id);
