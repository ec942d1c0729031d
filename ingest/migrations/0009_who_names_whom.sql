-- Whether anything still names a unit or a grid is asked while alarms wait for the import's commit.
CREATE INDEX alarm_by_unit ON alarm (unit);
CREATE INDEX alarm_by_grid ON alarm (grid);
CREATE INDEX ticket_by_unit ON ticket (unit);
