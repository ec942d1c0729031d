-- Who writes, and what it wrote last: so that a commit of which nobody heard is not repeated,
-- and a writer that was replaced meanwhile learns of it.
INSERT INTO tally (name, value) VALUES ('writer', 0);
INSERT INTO tally (name, value) VALUES ('commit', 0);
