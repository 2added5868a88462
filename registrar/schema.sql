-- The registrar's state. Identities (person.id, name, signer_id) stand in this file and nowhere else.
CREATE TABLE IF NOT EXISTS consent (
    consent_no TEXT PRIMARY KEY,
    coordinator TEXT NOT NULL,
    reference BLOB NOT NULL,
    purpose INTEGER NOT NULL,
    basis TEXT NOT NULL,
    renews TEXT NOT NULL,         -- the consent whose signatures it goes by, or empty
    origin TEXT NOT NULL,         -- the signed consent at the start of all that; itself, if signed
    members INTEGER NOT NULL,
    not_after INTEGER NOT NULL,   -- UTC seconds, as all times here
    recorded INTEGER NOT NULL,
    revoked INTEGER,              -- when, or NULL
    UNIQUE (coordinator, reference)
) STRICT;

CREATE INDEX IF NOT EXISTS consent_origin ON consent (origin);

-- Who has suspended a signed consent and all that renews it; it rests until nobody does.
CREATE TABLE IF NOT EXISTS suspension (
    origin TEXT NOT NULL,
    party TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (origin, party)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS person (
    consent_no TEXT NOT NULL REFERENCES consent,
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    role INTEGER NOT NULL,
    method INTEGER NOT NULL,
    signer_id TEXT NOT NULL,
    evidence BLOB NOT NULL,       -- SHA-256 of the signed form, empty while missing
    signed INTEGER NOT NULL,      -- accepted when it was recorded
    PRIMARY KEY (consent_no, position)
) STRICT, WITHOUT ROWID;

-- A signed paper stands on one consent.
CREATE INDEX IF NOT EXISTS person_evidence ON person (evidence);
CREATE INDEX IF NOT EXISTS person_id ON person (id);

CREATE TABLE IF NOT EXISTS grant_request (
    consent_no TEXT NOT NULL REFERENCES consent,
    position INTEGER NOT NULL,
    person INTEGER NOT NULL,
    department TEXT NOT NULL,
    predicate TEXT NOT NULL,
    parameter TEXT NOT NULL,
    max_uses INTEGER NOT NULL,
    declared BLOB NOT NULL,       -- commitment to a declared total, or empty
    PRIMARY KEY (consent_no, position)
) STRICT, WITHOUT ROWID;

-- What stands for a household, or a supporter alone, in a sum: the same through all renewals.
CREATE TABLE IF NOT EXISTS sum_ref (
    origin TEXT NOT NULL,
    predicate TEXT NOT NULL,
    subject INTEGER NOT NULL,     -- a supporter's position, or -1 for the household
    ref BLOB NOT NULL,
    PRIMARY KEY (origin, predicate, subject)
) STRICT, WITHOUT ROWID;

-- A signed objection; whose it is stands in person, by the consent and the position there.
CREATE TABLE IF NOT EXISTS objection (
    objection INTEGER PRIMARY KEY,
    consent_no TEXT NOT NULL REFERENCES consent,
    person INTEGER NOT NULL,
    predicate TEXT NOT NULL,
    parameter TEXT NOT NULL,
    year INTEGER NOT NULL,
    evidence BLOB NOT NULL UNIQUE,
    recorded INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS objection_person ON objection (consent_no, person);

CREATE TABLE IF NOT EXISTS token (
    jti BLOB PRIMARY KEY,
    consent_no TEXT NOT NULL REFERENCES consent,
    objection INTEGER REFERENCES objection, -- NULL, unless it is for a recheck
    round INTEGER NOT NULL,       -- 1, and one more with each renewal
    person INTEGER NOT NULL,
    department TEXT NOT NULL,
    chain BLOB NOT NULL,          -- jti of the first token of a row of renewals
    series INTEGER NOT NULL,
    status_index INTEGER NOT NULL,
    evidence_salt BLOB NOT NULL,
    holder BLOB NOT NULL,         -- the coordinator's key that may use it
    issued INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    presentation BLOB NOT NULL,
    UNIQUE (department, series, status_index)
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS token_once
    ON token (consent_no, round, department, person) WHERE objection IS NULL;
CREATE INDEX IF NOT EXISTS token_objection ON token (objection) WHERE objection IS NOT NULL;

-- The lists of a department, one after the other: the next begins when nine tenths of one are used.
CREATE TABLE IF NOT EXISTS status_series (
    department TEXT NOT NULL,
    series INTEGER NOT NULL,
    used INTEGER NOT NULL,        -- entries that were ever drawn
    changes INTEGER NOT NULL,     -- how often an entry has changed
    latest INTEGER NOT NULL,      -- when the last of its tokens expires
    PRIMARY KEY (department, series)
) STRICT, WITHOUT ROWID;

-- An index is never used twice, so that a revoked token cannot come back to life.
CREATE TABLE IF NOT EXISTS status_entry (
    department TEXT NOT NULL,
    series INTEGER NOT NULL,
    status_index INTEGER NOT NULL,
    state INTEGER NOT NULL,
    PRIMARY KEY (department, series, status_index)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS status_entry_ended
    ON status_entry (department, series, status_index, state) WHERE state <> 0;

CREATE TRIGGER IF NOT EXISTS revoked_is_final
BEFORE UPDATE OF state ON status_entry WHEN OLD.state = 1 AND NEW.state <> 1
BEGIN
    SELECT RAISE (ABORT, 'revoked is final');
END;

CREATE TRIGGER IF NOT EXISTS status_changed
AFTER UPDATE OF state ON status_entry WHEN OLD.state <> NEW.state
BEGIN
    UPDATE status_series SET changes = changes + 1
    WHERE department = NEW.department AND series = NEW.series;
END;

CREATE TABLE IF NOT EXISTS batch (
    department TEXT NOT NULL,
    tag TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    batch_no INTEGER NOT NULL,
    digest BLOB NOT NULL,         -- SHA-256 of the blinded elements
    size INTEGER NOT NULL,
    roll INTEGER NOT NULL,        -- as the department declared it
    commitment BLOB NOT NULL,     -- Merkle root, opened on site
    evaluated INTEGER NOT NULL,
    PRIMARY KEY (department, tag, epoch, batch_no)
) STRICT, WITHOUT ROWID;

-- What a department has declared and the registrar accepted: first roll and every growth.
CREATE TABLE IF NOT EXISTS roll (
    department TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    roll INTEGER NOT NULL,        -- persons
    declared INTEGER NOT NULL,
    PRIMARY KEY (department, epoch, roll)
) STRICT, WITHOUT ROWID;

-- Requests that are still fresh, so that a query id stands for one request only.
CREATE TABLE IF NOT EXISTS request (
    sender TEXT NOT NULL,
    qid BLOB NOT NULL,
    digest BLOB NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (sender, qid)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS request_expires ON request (expires);

-- Batch mandates, with the people that they name by a digest only.
CREATE TABLE IF NOT EXISTS mandate (
    mandate BLOB PRIMARY KEY,     -- its id
    coordinator TEXT NOT NULL,
    version INTEGER NOT NULL,
    document BLOB NOT NULL,       -- root-signed
    salt BLOB NOT NULL,           -- of the digest
    people INTEGER NOT NULL,      -- recorded so far
    complete INTEGER NOT NULL,    -- all are there and fit the digest
    revoked INTEGER               -- when, or NULL
) STRICT;

CREATE TABLE IF NOT EXISTS mandate_part (
    mandate BLOB NOT NULL,
    first INTEGER NOT NULL,       -- place of its first person in the list
    ids TEXT NOT NULL,            -- 18 characters each, rising
    PRIMARY KEY (mandate, first)
) STRICT;

CREATE TABLE IF NOT EXISTS mandate_pseudonyms (
    mandate BLOB NOT NULL,
    department TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    first INTEGER NOT NULL,
    pseudonyms BLOB NOT NULL,     -- 32 bytes each, in the order of the part's ids
    PRIMARY KEY (mandate, department, epoch, first)
) STRICT;

CREATE TABLE IF NOT EXISTS mandate_list (
    jti BLOB PRIMARY KEY,
    mandate BLOB NOT NULL,
    department TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    holder BLOB NOT NULL,         -- the coordinator's key that may use it
    series INTEGER NOT NULL,
    status_index INTEGER NOT NULL,
    list BLOB NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS mandate_list_place ON mandate_list (mandate, department, epoch);
