-- What somebody calls an authenticator app of theirs; passkeys have their names beside them.
ALTER TABLE authenticators ADD COLUMN name TEXT;
