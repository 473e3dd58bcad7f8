-- Text messages sent, for the limits on what they may cost: never the whole number.
CREATE TABLE text_messages (
    id      TEXT   NOT NULL PRIMARY KEY,
    dialled TEXT   NOT NULL,
    sent_at BIGINT NOT NULL
);
CREATE INDEX text_messages_by_range ON text_messages (dialled, sent_at);
CREATE INDEX text_messages_by_time ON text_messages (sent_at);
