-- For which stretches of gateway time a lane was vouched for, merged where they touch. `gap` says
-- what lay before it.
CREATE TABLE vouched (
    gateway     TEXT   NOT NULL,
    lane        TEXT   NOT NULL,
    span        TEXT   NOT NULL,
    from_t      BIGINT NOT NULL,
    until_t     BIGINT NOT NULL,
    gap         TEXT   NOT NULL,
    changed_at  BIGINT NOT NULL,
    PRIMARY KEY (gateway, lane, span, from_t)
);
CREATE INDEX vouched_by_time ON vouched (gateway, lane, until_t);

-- What is too old is found by when it came.
CREATE INDEX vouched_by_change ON vouched (changed_at);
CREATE INDEX urgent_reading_by_arrival ON urgent_reading (arrived_at);
CREATE INDEX conflict_batch_by_arrival ON conflict_batch (arrived_at);
CREATE INDEX dead_letter_by_arrival ON dead_letter (arrived_at);
