-- State of one department node. One writer process; consents, uses, cells and stored answers are
-- written inside the group commit that also appends to the log, so that nothing leaves that is not
-- written down.

CREATE TABLE IF NOT EXISTS meta (
    name TEXT PRIMARY KEY,
    value
) WITHOUT ROWID;

-- Whom this department knows, by pseudonym: the only way from a question to a record. Who has left
-- the roll stays with present = 0, so that coming back costs no new evaluation.
CREATE TABLE IF NOT EXISTS person (
    psn BLOB PRIMARY KEY,
    epoch INTEGER NOT NULL,
    key TEXT NOT NULL,
    name BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    present INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS person_key ON person (key);

-- A batch of the roll on its way to the registrar and back; its key makes the blinds again.
-- people: JSON; ids and names: what is sent (commitment, then elements), emptied when done = 1.
-- done = 2: given up, because the registrar knows another batch by this number.
CREATE TABLE IF NOT EXISTS enrolment (
    epoch INTEGER NOT NULL,
    batch_no INTEGER NOT NULL,
    batch_key BLOB NOT NULL,
    people TEXT NOT NULL,
    ids BLOB NOT NULL,
    names BLOB NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (epoch, batch_no)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS consent (
    jti BLOB PRIMARY KEY,
    presentation BLOB NOT NULL
) WITHOUT ROWID;

-- questions: the items as asked, each after its length in two bytes, so that a decision can be
-- explained and its leaf opened.
CREATE TABLE IF NOT EXISTS answered (
    qid BLOB PRIMARY KEY,
    sender TEXT NOT NULL,
    request BLOB NOT NULL,
    payload BLOB NOT NULL,
    items BLOB NOT NULL,
    questions BLOB NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

-- Spent uses: of a grant (name = predicate and parameter) and of a token in a month (name = yyyymm).
CREATE TABLE IF NOT EXISTS uses (
    jti BLOB NOT NULL,
    name TEXT NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (jti, name)
) WITHOUT ROWID;

-- Frozen outcomes: asked again in the same period, the same answer is signed again.
-- The subject is the record's key where the register knows the person, else the pseudonym: two
-- epochs' pseudonyms of one record share their cells.
CREATE TABLE IF NOT EXISTS cell (
    subject BLOB NOT NULL,
    year INTEGER NOT NULL,
    question BLOB NOT NULL,
    answer BLOB NOT NULL,
    PRIMARY KEY (subject, year, question)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS log (
    seq INTEGER PRIMARY KEY,
    leaf BLOB NOT NULL,
    salt BLOB NOT NULL,
    record BLOB NOT NULL
);

-- Transport refusals: counted, never logged one by one.
CREATE TABLE IF NOT EXISTS refused (
    day TEXT NOT NULL,
    code TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (day, code)
) WITHOUT ROWID;
