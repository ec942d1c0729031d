-- What is open is asked for with every look at the wall, and is few beside what ever was. A list
-- finds these only if it names their condition in the same words.
CREATE INDEX alarm_open ON alarm (raised_at, id) WHERE state <> 'closed';
CREATE INDEX ticket_open_since ON ticket (opened_at, id) WHERE state NOT IN ('closed', 'void');
