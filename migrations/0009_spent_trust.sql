-- Every value that a trusted device was called by before: whoever shows one has a copy (SEC-082).
CREATE TABLE spent_trust_values (
    digest    BYTEA NOT NULL PRIMARY KEY,
    device_id TEXT  NOT NULL REFERENCES trusted_devices (id) ON DELETE CASCADE
);
CREATE INDEX spent_trust_values_by_device ON spent_trust_values (device_id);
