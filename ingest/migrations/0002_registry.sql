-- Grids and units that are no longer in the files, but to which alarms and tickets still refer.
ALTER TABLE grid ADD COLUMN retired BIGINT NOT NULL DEFAULT 0;
ALTER TABLE unit ADD COLUMN retired BIGINT NOT NULL DEFAULT 0;
