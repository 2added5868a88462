-- The registrar's state. Identities (person.id, name, signer_id) stand in this file and nowhere else.
CREATE TABLE IF NOT EXISTS consent (
    consent_no TEXT PRIMARY KEY,
    coordinator TEXT NOT NULL,
    reference BLOB NOT NULL,
    purpose INTEGER NOT NULL,
    basis TEXT NOT NULL,
    members INTEGER NOT NULL,
    not_after INTEGER NOT NULL,   -- UTC seconds, as all times here
    recorded INTEGER NOT NULL,
    revoked INTEGER,              -- when, or NULL
    UNIQUE (coordinator, reference)
) STRICT;

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

CREATE TABLE IF NOT EXISTS grant_request (
    consent_no TEXT NOT NULL REFERENCES consent,
    position INTEGER NOT NULL,
    person INTEGER NOT NULL,
    department TEXT NOT NULL,
    predicate TEXT NOT NULL,
    parameter TEXT NOT NULL,
    max_uses INTEGER NOT NULL,
    PRIMARY KEY (consent_no, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS token (
    jti BLOB PRIMARY KEY,
    consent_no TEXT NOT NULL REFERENCES consent,
    person INTEGER NOT NULL,
    department TEXT NOT NULL,
    status_index INTEGER NOT NULL,
    evidence_salt BLOB NOT NULL,
    issued INTEGER NOT NULL,
    presentation BLOB NOT NULL,
    UNIQUE (consent_no, department, person)
) STRICT;

-- An index is never used twice, so that a revoked token cannot come back to life.
CREATE TABLE IF NOT EXISTS status_entry (
    department TEXT NOT NULL,
    status_index INTEGER NOT NULL,
    state INTEGER NOT NULL,
    PRIMARY KEY (department, status_index)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS status_entry_ended
    ON status_entry (department, status_index, state) WHERE state <> 0;

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
