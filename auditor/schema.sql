-- What a witness has put its name to, and whom it has caught. Nothing here is about people.

-- The checkpoint of each log that was cosigned last: as it stood when our cosignature left.
CREATE TABLE IF NOT EXISTS witnessed (
    origin TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    at INTEGER NOT NULL,          -- UTC seconds, as all times here
    note BLOB NOT NULL,           -- the log's signatures and our own
    cosigned INTEGER NOT NULL     -- how often
) STRICT, WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS witnessed_goes_on BEFORE UPDATE ON witnessed
WHEN new.size < old.size OR new.at < old.at OR new.origin <> old.origin
    OR (new.size = old.size AND new.root <> old.root)
BEGIN SELECT RAISE(ABORT, 'a witness never goes back'); END;

CREATE TRIGGER IF NOT EXISTS witnessed_stays BEFORE DELETE ON witnessed
BEGIN SELECT RAISE(ABORT, 'a witness forgets nothing'); END;

-- Checkpoints that a log signed and that do not follow from what it had shown.
CREATE TABLE IF NOT EXISTS alarm (
    no INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    origin TEXT NOT NULL,
    code TEXT NOT NULL,
    known BLOB NOT NULL,          -- the note that was cosigned last
    presented BLOB NOT NULL,      -- the note that was presented then
    old_size INTEGER NOT NULL,
    proof BLOB NOT NULL,          -- hashes of 32 bytes, one after the other
    cosigned INTEGER NOT NULL,    -- how often the log had been cosigned by then
    UNIQUE (origin, code, presented)
) STRICT;

CREATE TRIGGER IF NOT EXISTS alarm_stays BEFORE DELETE ON alarm
BEGIN SELECT RAISE(ABORT, 'evidence stays'); END;

CREATE TRIGGER IF NOT EXISTS alarm_is_kept_as_it_was BEFORE UPDATE ON alarm
BEGIN SELECT RAISE(ABORT, 'evidence stays'); END;
