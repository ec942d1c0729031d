-- Everything the centre must not forget, in words that SQLite and PostgreSQL both understand:
-- ids, words and JSON as TEXT, moments as BIGINT milliseconds since 1970 (`*_at`: centre time,
-- `*_t`: gateway time), flags as BIGINT 0 or 1, bytes as BYTEA (SQLite keeps them as blobs).

-- Registry ------------------------------------------------------------------------------------

-- The grid tree: region, large, middle, small.
CREATE TABLE grid (
    id      TEXT   NOT NULL PRIMARY KEY,
    name    TEXT   NOT NULL,
    level   TEXT   NOT NULL,
    parent  TEXT
);
CREATE INDEX grid_by_parent ON grid (parent);

-- Key units; each lies in one small grid.
CREATE TABLE unit (
    id       TEXT   NOT NULL PRIMARY KEY,
    name     TEXT   NOT NULL,
    grid     TEXT   NOT NULL,
    address  TEXT   NOT NULL,
    contact  TEXT   NOT NULL,
    phone    TEXT   NOT NULL,
    class    TEXT   NOT NULL
);
CREATE INDEX unit_by_grid ON unit (grid);

-- Every gateway of the registry, and every other one that was ever heard (unit is null: 待归属).
CREATE TABLE gateway (
    id         TEXT   NOT NULL PRIMARY KEY,
    unit       TEXT,
    known_at   BIGINT NOT NULL
);
CREATE INDEX gateway_by_unit ON gateway (unit);

-- Intake --------------------------------------------------------------------------------------

-- Pages of the catalogues as they travelled.
CREATE TABLE catalogue_page (
    gateway     TEXT   NOT NULL,
    hash        TEXT   NOT NULL,
    page        BIGINT NOT NULL,
    body        BYTEA  NOT NULL,
    arrived_at  BIGINT NOT NULL,
    PRIMARY KEY (gateway, hash, page)
);

-- Up to where a lane is committed, and which refresh it owes.
CREATE TABLE lane_position (
    gateway    TEXT   NOT NULL,
    lane       TEXT   NOT NULL,
    span       TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    want       BIGINT,
    want_body  TEXT,
    PRIMARY KEY (gateway, lane)
);

-- The spans of a lane in the order of their first admission, each with its last number.
CREATE TABLE lane_span (
    gateway   TEXT   NOT NULL,
    lane      TEXT   NOT NULL,
    span      TEXT   NOT NULL,
    ordinal   BIGINT NOT NULL,
    end_seq   BIGINT NOT NULL,
    PRIMARY KEY (gateway, lane, span)
);

-- Spans that spoke as a second box, each with its own position.
CREATE TABLE conflict_span (
    gateway   TEXT   NOT NULL,
    lane      TEXT   NOT NULL,
    span      TEXT   NOT NULL,
    end_seq   BIGINT NOT NULL,
    PRIMARY KEY (gateway, lane, span)
);

-- What a second box with the same identity delivered, kept apart.
CREATE TABLE conflict_batch (
    gateway     TEXT   NOT NULL,
    lane        TEXT   NOT NULL,
    span        TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    body        BYTEA  NOT NULL,
    arrived_at  BIGINT NOT NULL,
    PRIMARY KEY (gateway, lane, span, seq)
);

-- Gateways of which nothing clears until a person says which of two boxes is the right one.
CREATE TABLE conflict (
    gateway   TEXT   NOT NULL PRIMARY KEY,
    since_at  BIGINT NOT NULL
);

-- What is known to be missing. (span, seq) is the batch or marker that told of it.
CREATE TABLE hole (
    gateway     TEXT   NOT NULL,
    lane        TEXT   NOT NULL,
    span        TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    arrived_at  BIGINT NOT NULL,
    PRIMARY KEY (gateway, lane, span, seq)
);
CREATE INDEX hole_by_time ON hole (arrived_at);

-- What could not be read or believed, with the reason.
CREATE TABLE dead_letter (
    id          TEXT   NOT NULL PRIMARY KEY,
    gateway     TEXT   NOT NULL,
    topic       TEXT   NOT NULL,
    span        TEXT,
    seq         BIGINT,
    idx         BIGINT,
    reason      TEXT   NOT NULL,
    body        BYTEA  NOT NULL,
    arrived_at  BIGINT NOT NULL
);
CREATE INDEX dead_letter_by_gateway ON dead_letter (gateway, arrived_at);

-- Readings ------------------------------------------------------------------------------------

-- Every reading of a discrete point. `words` is its value as the wire writes it.
CREATE TABLE urgent_reading (
    gateway     TEXT   NOT NULL,
    lane        TEXT   NOT NULL,
    span        TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    idx         BIGINT NOT NULL,
    point       TEXT   NOT NULL,
    reading_t   BIGINT NOT NULL,
    words       TEXT   NOT NULL,
    quality     TEXT   NOT NULL,
    arrived_at  BIGINT NOT NULL,
    PRIMARY KEY (gateway, lane, span, seq, idx)
);
CREATE INDEX urgent_reading_by_point ON urgent_reading (gateway, point, reading_t);

-- Routine batches on their way into the series store, exactly as they arrived.
CREATE TABLE series_inbox (
    gateway     TEXT   NOT NULL,
    span        TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    body        BYTEA  NOT NULL,
    arrived_at  BIGINT NOT NULL,
    PRIMARY KEY (gateway, span, seq)
);
CREATE INDEX series_inbox_by_time ON series_inbox (arrived_at);

-- Judgement -----------------------------------------------------------------------------------

-- What the rules remember, one small row per point and lane.
CREATE TABLE rule_state (
    id    TEXT  NOT NULL PRIMARY KEY,
    body  BYTEA NOT NULL
);

-- The desk ------------------------------------------------------------------------------------

-- Live alarms. The id is made of the cause, so that a cause is never told twice.
CREATE TABLE alarm (
    id           TEXT   NOT NULL PRIMARY KEY,
    kind         TEXT   NOT NULL,
    rule         TEXT   NOT NULL,
    step         TEXT   NOT NULL,
    severity     TEXT   NOT NULL,
    gateway      TEXT   NOT NULL,
    point        TEXT,
    unit         TEXT,
    grid         TEXT,
    state        TEXT   NOT NULL,
    body         TEXT   NOT NULL,
    raised_t     BIGINT,
    raised_at    BIGINT NOT NULL,
    changed_at   BIGINT NOT NULL
);
CREATE INDEX alarm_by_state ON alarm (state, raised_at);
CREATE INDEX alarm_by_time ON alarm (raised_at);

CREATE TABLE alarm_history (
    alarm  TEXT   NOT NULL,
    n      BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    who    TEXT,
    what   TEXT   NOT NULL,
    body   TEXT   NOT NULL,
    PRIMARY KEY (alarm, n)
);

-- Tickets 工单. `grid_path` is the ids from the region down to the owning grid, with strokes.
CREATE TABLE ticket (
    id           TEXT   NOT NULL PRIMARY KEY,
    kind         TEXT   NOT NULL,
    rule         TEXT   NOT NULL,
    severity     TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    gateway      TEXT   NOT NULL,
    point        TEXT,
    unit         TEXT,
    grid         TEXT   NOT NULL,
    grid_path    TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    life         TEXT   NOT NULL,
    body         TEXT   NOT NULL,
    opened_at    BIGINT NOT NULL,
    accept_by    BIGINT,
    rectify_by   BIGINT,
    changed_at   BIGINT NOT NULL
);
-- One open ticket per (subject, kind).
CREATE UNIQUE INDEX ticket_open ON ticket (subject, kind) WHERE state NOT IN ('closed', 'void');
CREATE INDEX ticket_by_state ON ticket (state, opened_at);
CREATE INDEX ticket_by_time ON ticket (opened_at);
CREATE INDEX ticket_by_grid ON ticket (grid, opened_at);

CREATE TABLE ticket_history (
    ticket  TEXT   NOT NULL,
    n       BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    who     TEXT,
    what    TEXT   NOT NULL,
    body    TEXT   NOT NULL,
    PRIMARY KEY (ticket, n)
);

-- Events --------------------------------------------------------------------------------------

-- What pages follow. Ids grow by one without holes, whoever reads them.
CREATE TABLE event (
    id    BIGINT NOT NULL PRIMARY KEY,
    kind  TEXT   NOT NULL,
    body  TEXT   NOT NULL,
    at    BIGINT NOT NULL
);

-- Single numbers: the last event id, and when the centre was last alive.
CREATE TABLE tally (
    name   TEXT   NOT NULL PRIMARY KEY,
    value  BIGINT NOT NULL
);
INSERT INTO tally (name, value) VALUES ('event', 0);
