-- From when on an organisation requires a second factor, where it does not yet, and who said so; and how far each member was told of it:
-- 0 not, 1 in the week before, 2 on the day before.
ALTER TABLE organisations ADD COLUMN required_from BIGINT;
ALTER TABLE organisations ADD COLUMN required_by TEXT;
ALTER TABLE memberships ADD COLUMN reminded BIGINT NOT NULL DEFAULT 0;
