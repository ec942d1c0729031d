-- The number of the last line of history: whoever acts on an older one is told who was first.
ALTER TABLE alarm ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ticket ADD COLUMN version BIGINT NOT NULL DEFAULT 0;

-- By when something must have happened to a ticket, from when on it is overdue, and the ticket of
-- the cause that hides it.
ALTER TABLE ticket ADD COLUMN next_at BIGINT;
ALTER TABLE ticket ADD COLUMN overdue_from BIGINT;
ALTER TABLE ticket ADD COLUMN folded_into TEXT;
CREATE INDEX ticket_by_cause ON ticket (folded_into);
