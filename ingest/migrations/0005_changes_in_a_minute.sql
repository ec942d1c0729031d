-- How often a point changed in the minute that a reading ends, if not all of it was told.
ALTER TABLE urgent_reading ADD COLUMN changes BIGINT;
