-- Where on its sheet a code stands, from 1, so that its owner can strike out what was used. Sheets from before have none.
ALTER TABLE backup_codes ADD COLUMN place BIGINT;
