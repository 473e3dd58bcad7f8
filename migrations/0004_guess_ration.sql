-- Guesses at the door are also counted apart from runs of failures: when the ration will be whole again.

ALTER TABLE guess_budgets ADD COLUMN whole_at BIGINT;
