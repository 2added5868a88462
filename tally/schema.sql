-- State of the tally. What is decided about a run is written before the run is computed, and what is
-- said of it in the transaction that also appends to the log. No sum, mask or contribution is here.

CREATE TABLE IF NOT EXISTS meta (
    name TEXT PRIMARY KEY,
    value
) WITHOUT ROWID;

-- Tokens that were presented and admitted.
CREATE TABLE IF NOT EXISTS consent (
    jti BLOB PRIMARY KEY,
    presentation BLOB NOT NULL
) WITHOUT ROWID;

-- Signed answers by query id. items: each after its length in four bytes, with its salt first.
CREATE TABLE IF NOT EXISTS answered (
    qid BLOB PRIMARY KEY,
    sender TEXT NOT NULL,
    request BLOB NOT NULL,
    payload BLOB NOT NULL,
    items BLOB NOT NULL,
    at INTEGER NOT NULL,
    entry INTEGER NOT NULL -- row of the log
);

-- A rung of a run is compared once: one blinded sum (asked: the SHA-256 of what came), one message of
-- slots (tested, alike). compared and told name the answers that were given, by their query ids; a
-- row without them was begun and not answered.
CREATE TABLE IF NOT EXISTS comparison (
    run BLOB NOT NULL,
    rung TEXT NOT NULL,
    quantity TEXT NOT NULL,
    year INTEGER NOT NULL,
    asked BLOB NOT NULL,
    uses TEXT NOT NULL,  -- JSON: which use of its grant this is, a slot
    compared BLOB,
    aborted INTEGER NOT NULL DEFAULT 0,
    high INTEGER,        -- veiled by the tally's own key; gone once the slots are tested
    tested BLOB,
    told BLOB,
    PRIMARY KEY (run, rung)
) WITHOUT ROWID;

-- Whom the runs of a year were charged to: pseudonyms, and what stands for a household.
CREATE TABLE IF NOT EXISTS charged (
    subject BLOB NOT NULL,
    year INTEGER NOT NULL,
    quantity TEXT NOT NULL,
    run BLOB NOT NULL,
    rung TEXT NOT NULL,
    PRIMARY KEY (subject, year, quantity, run, rung)
) WITHOUT ROWID;

-- Spent uses along a chain of renewals: of a grant (name = predicate and parameter) and of all its
-- grants in a month (name = yyyymm).
CREATE TABLE IF NOT EXISTS uses (
    chain BLOB NOT NULL,
    name TEXT NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (chain, name)
) WITHOUT ROWID;

-- Status lists by the digest that answers name, for a week. lists: JSON.
CREATE TABLE IF NOT EXISTS status_list (
    digest BLOB PRIMARY KEY,
    lists TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

-- Transport refusals: counted, never logged one by one.
CREATE TABLE IF NOT EXISTS refused (
    day TEXT NOT NULL,
    code TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (day, code)
) WITHOUT ROWID;
