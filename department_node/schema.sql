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

-- Tokens that were presented. household: the commitment of those whose household has others too.
-- Rows of this and the next table are long: they are appended, and only an index is kept in order.
CREATE TABLE IF NOT EXISTS consent (
    jti BLOB NOT NULL UNIQUE,
    presentation BLOB NOT NULL,
    household BLOB,
    sub BLOB NOT NULL DEFAULT x''
);
CREATE INDEX IF NOT EXISTS consent_household ON consent (household) WHERE household IS NOT NULL;

-- questions: the items as asked, each after its length in two bytes, so that a decision can be
-- explained and its leaf opened.
CREATE TABLE IF NOT EXISTS answered (
    qid BLOB NOT NULL UNIQUE,
    sender TEXT NOT NULL,
    request BLOB NOT NULL,
    payload BLOB NOT NULL,
    items BLOB NOT NULL,
    questions BLOB NOT NULL,
    at INTEGER NOT NULL,
    entry INTEGER NOT NULL -- row of the log
);

-- Spent uses along a chain of renewals: of a grant (name = predicate and parameter) and of all its
-- grants in a month (name = yyyymm).
CREATE TABLE IF NOT EXISTS uses (
    chain BLOB NOT NULL,
    name TEXT NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (chain, name)
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

-- Thresholds opened of a record: line = T of one head in the quantity's unit, size = members.
CREATE TABLE IF NOT EXISTS opened (
    subject BLOB NOT NULL,
    year INTEGER NOT NULL,
    quantity TEXT NOT NULL,
    line INTEGER NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (subject, year, quantity, line, size)
) WITHOUT ROWID;

-- Questions looked up anew on an objection: once a record, predicate and year.
CREATE TABLE IF NOT EXISTS recheck (
    subject BLOB NOT NULL,
    year INTEGER NOT NULL,
    predicate TEXT NOT NULL,
    PRIMARY KEY (subject, year, predicate)
) WITHOUT ROWID;

-- Records of which four fifths of a year's cells are open.
CREATE TABLE IF NOT EXISTS alert (
    subject BLOB NOT NULL,
    year INTEGER NOT NULL,
    PRIMARY KEY (subject, year)
) WITHOUT ROWID;

-- Status lists by the digest that answers name, as the registrar signed them, for receipts of these
-- answers; dropped after a week. lists: JSON.
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

-- Batch mandates (protocol note §3): lists that were presented, each with its mandate. people names
-- the same people in whatever list they stand.
CREATE TABLE IF NOT EXISTS mandate_list (
    digest BLOB PRIMARY KEY,
    mandate BLOB NOT NULL,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    people BLOB NOT NULL,
    persons INTEGER NOT NULL,
    list BLOB NOT NULL,
    document BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS mandate_list_mandate ON mandate_list (mandate, epoch);

-- Blocks of pseudonyms, by the digest that the registrar signed.
CREATE TABLE IF NOT EXISTS mandate_block (
    digest BLOB PRIMARY KEY,
    pseudonyms BLOB NOT NULL
);

-- Frozen answers about blocks, and how often each was given.
CREATE TABLE IF NOT EXISTS mandate_said (
    people BLOB NOT NULL,
    block INTEGER NOT NULL,
    question TEXT NOT NULL,
    answer BLOB NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (people, block, question)
);

-- items: the first person's answer, one outcome a person, one salt a person.
CREATE TABLE IF NOT EXISTS mandate_answered (
    qid BLOB PRIMARY KEY,
    sender TEXT NOT NULL,
    request BLOB NOT NULL,
    payload BLOB NOT NULL,
    items BLOB NOT NULL,
    question BLOB NOT NULL,
    at INTEGER NOT NULL,
    entry INTEGER NOT NULL
);

-- Contributions to sums, by run (protocol note §7): begun before anything is encrypted, whole with the
-- answer (its use apart) and the ciphertext. One that was begun and never became whole is lost, and
-- refused for ever, as is one whose ciphertext was erased (begun = 0). No amount, no mask is here.
CREATE TABLE IF NOT EXISTS contribution (
    run BLOB NOT NULL UNIQUE,
    begun INTEGER NOT NULL,
    answer BLOB NOT NULL DEFAULT x'',
    ciphertext BLOB NOT NULL DEFAULT x''
);

-- Orders of erasure that were followed, and what they brought: tokens of the person, rows of the log
-- that are empty now, and requests about others too, of which only the person's items went.
CREATE TABLE IF NOT EXISTS erasure (
    document BLOB PRIMARY KEY, -- SHA-256
    at INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    emptied INTEGER NOT NULL,
    shared INTEGER NOT NULL
) WITHOUT ROWID;

-- Changes of suspicions, each with its row of the log; what it is now, the newest of a matter says.
-- about: who asks, a case's reference, or a record (key or pseudonym in hex) and a quantity.
CREATE TABLE IF NOT EXISTS suspicion (
    entry INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    matter BLOB NOT NULL,
    rule TEXT NOT NULL,
    about TEXT NOT NULL,
    state TEXT NOT NULL,
    level INTEGER NOT NULL
);
