-- Buildings of the units.
CREATE TABLE building (
    id            TEXT   NOT NULL PRIMARY KEY,
    unit          TEXT   NOT NULL,
    name          TEXT   NOT NULL,
    floors_above  BIGINT,
    floors_below  BIGINT,
    purpose       TEXT   NOT NULL,
    height        TEXT   NOT NULL
);
CREATE INDEX building_by_unit ON building (unit);

-- Who is entered for a grid. Whoever vanishes is forgotten: what somebody did keeps the name.
CREATE TABLE person (
    id     TEXT  NOT NULL PRIMARY KEY,
    name   TEXT  NOT NULL,
    role   TEXT  NOT NULL,
    phone  TEXT  NOT NULL,
    grid   TEXT  NOT NULL
);
CREATE INDEX person_by_grid ON person (grid);

-- The devices of a gateway, as people know them.
CREATE TABLE device (
    gateway   TEXT  NOT NULL,
    device    TEXT  NOT NULL,
    name      TEXT  NOT NULL,
    building  TEXT  NOT NULL,
    place     TEXT  NOT NULL,
    maker     TEXT  NOT NULL,
    model     TEXT  NOT NULL,
    PRIMARY KEY (gateway, device)
);
