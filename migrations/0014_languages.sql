-- What people want to be spoken to in, as far as their browsers have said: a language tag (RFC 5646).
ALTER TABLE users ADD COLUMN language TEXT;
