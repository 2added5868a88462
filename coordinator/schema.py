"""The coordinator's tables, as the newest migration leaves them.

Knows columns and keys; the statements stand with those who use them. Does not create anything:
``migrations`` does.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from coordinator.sealing import SealedBytes, SealedNumber, SealedText

metadata = MetaData()

_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what is INTEGER

serial = Table(
    "serial",
    metadata,
    Column("series", String(64), primary_key=True),
    Column("last", Integer, nullable=False),
)

case_file = Table(
    "case_file",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("programme", String(64), nullable=False),
    Column("plan", String(64), nullable=False),
    Column("purpose", Integer, nullable=False),
    Column("area", String(6), nullable=False),
    Column("commission", String(64), nullable=False),
    Column("operator", String(64), nullable=False),
    Column("members", Integer, nullable=False),
    Column("declaration", SealedText("case_file.declaration"), nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("opened", BigInteger, nullable=False),
    # of twelve months, fen; none where none was declared
    Column("declared_income", SealedNumber("case_file.declared_income")),
    Column("declared_salt", LargeBinary),
)

person = Table(
    "person",
    metadata,
    Column("case_id", String(64), ForeignKey("case_file.case_id"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("id_number", SealedText("person.id_number", findable=True), nullable=False),
    Column("name", SealedText("person.name"), nullable=False),
    Column("relation", String(16), nullable=False),
    Column("role", String(16), nullable=False),
    Column("method", String(16), nullable=False),
    Column("signer", SealedText("person.signer", findable=True), nullable=False),
    Column("evidence", LargeBinary, nullable=False),
)

consent = Table(
    "consent",
    metadata,
    Column("case_id", String(64), ForeignKey("case_file.case_id"), primary_key=True),
    Column("reference", LargeBinary, nullable=False, unique=True),
    Column("not_after", BigInteger, nullable=False),
    Column("consent_no", String(64), nullable=False),
    Column("state", String(24), nullable=False),
    Column("missing", Text, nullable=False),
    Column("renews", String(64), nullable=False),  # the consent by whose signatures it goes
)

token = Table(
    "token",
    metadata,
    Column("case_id", String(64), ForeignKey("case_file.case_id"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("department", String(64), primary_key=True),
    Column("jti", LargeBinary, nullable=False),
    Column("token", SealedBytes("token.token"), nullable=False),
    Column("presented", Text, nullable=False),  # what was disclosed and answered there
    Column("expires", BigInteger, nullable=False),
    Column("holder", LargeBinary, nullable=False),  # the key that may use it
)

ask = Table(
    "ask",
    metadata,
    Column("ask_id", _NUMBER, primary_key=True),
    Column("case_id", String(64), ForeignKey("case_file.case_id"), nullable=False),
    Column("place", Integer, nullable=False),
    Column("department", String(64), nullable=False),
    Column("predicate", String(8), nullable=False),
    Column("parameter", String(64), nullable=False),
    Column("answered_by", _NUMBER),  # the batch of the newest answer
    Column("lost", String(64), nullable=False),  # why no token grants it any more
    Index("ask_once", "case_id", "place", "department", "predicate", "parameter", unique=True),
)

question_batch = Table(
    "question_batch",
    metadata,
    Column("batch_id", _NUMBER, primary_key=True),
    Column("department", String(64), nullable=False),
    Column("qid", LargeBinary, nullable=False, unique=True),
    Column("request", LargeBinary, nullable=False),  # exactly as it is sent
    Column("items", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("millis", Integer, nullable=False),
    Column("error", String(64), nullable=False),
    Column("receipt", LargeBinary),  # exactly as it came
    Index("batch_state", "state", "department"),
    Index("batch_created", "created"),
)

question = Table(
    "question",
    metadata,
    Column("batch_id", _NUMBER, ForeignKey("question_batch.batch_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("ask_id", _NUMBER, ForeignKey("ask.ask_id"), nullable=False),
    Column("recheck", LargeBinary),  # id of the recheck's token that it was put with
    Index("question_ask", "ask_id"),
)

recheck = Table(
    "recheck",
    metadata,
    Column("jti", LargeBinary(16), primary_key=True),
    Column("ask_id", _NUMBER, ForeignKey("ask.ask_id"), nullable=False),
    Column("token", SealedBytes("recheck.token"), nullable=False),
    Column("evidence", LargeBinary, nullable=False),  # SHA-256 of the signed objection
    Column("filed", BigInteger, nullable=False),
    Column("batch_id", _NUMBER),  # with what it was answered
    Index("recheck_ask", "ask_id"),
)

answer = Table(
    "answer",
    metadata,
    Column("batch_id", _NUMBER, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("outcome", Integer, nullable=False),
    Column("value", Integer, nullable=False),
    Column("refusal", Integer, nullable=False),
    Column("as_of", Integer, nullable=False),
    Column("scope", Integer, nullable=False),
    Column("enrolled_to", Integer, nullable=False),
    Column("period_from", Integer, nullable=False),
    Column("period_to", Integer, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("use_no", Integer, nullable=False),
    ForeignKeyConstraint(
        ["batch_id", "position"], ["question.batch_id", "question.position"], name="answer_question"
    ),
)

mandate = Table(
    "mandate",
    metadata,
    Column("mandate_id", LargeBinary(16), primary_key=True),
    Column("document", LargeBinary, nullable=False),  # the draft, then the signed mandate
    Column("signed", Integer, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("round", Integer, nullable=False),  # asked once a round
    Column("created", BigInteger, nullable=False),
)

mandate_part = Table(
    "mandate_part",
    metadata,
    Column("mandate_id", LargeBinary(16), ForeignKey("mandate.mandate_id"), primary_key=True),
    Column("first", Integer, primary_key=True),
    Column("ids", SealedText("mandate_part.ids"), nullable=False),  # 18 characters each, rising
)

mandate_list = Table(
    "mandate_list",
    metadata,
    Column("mandate_id", LargeBinary(16), ForeignKey("mandate.mandate_id"), primary_key=True),
    Column("department", String(64), primary_key=True),
    Column("signed_list", LargeBinary, nullable=False),
    Column("presented", Integer, nullable=False),
)

mandate_block = Table(
    "mandate_block",
    metadata,
    Column("mandate_id", LargeBinary(16), primary_key=True),
    Column("department", String(64), primary_key=True),
    Column("block", Integer, primary_key=True),
    Column("pseudonyms", LargeBinary, nullable=False),
    Column(
        "places", LargeBinary, nullable=False
    ),  # whose they are: 4 bytes each, places in the list
    Column("presented", Integer, nullable=False),
    ForeignKeyConstraint(
        ["mandate_id", "department"],
        ["mandate_list.mandate_id", "mandate_list.department"],
        name="mandate_block_list",
    ),
)

mandate_ask = Table(
    "mandate_ask",
    metadata,
    Column("ask_id", _NUMBER, primary_key=True),
    Column("mandate_id", LargeBinary(16), ForeignKey("mandate.mandate_id"), nullable=False),
    Column("department", String(64), nullable=False),
    Column("block", Integer, nullable=False),
    Column("predicate", String(8), nullable=False),
    Column("parameter", String(64), nullable=False),
    Column("round", Integer, nullable=False),
    Column("request", LargeBinary, nullable=False),  # as it is sent, but for the presentations
    Column("state", String(16), nullable=False),
    Column("said", LargeBinary),  # the answer and one outcome a person
    Column("receipt", LargeBinary),  # exactly as it came
    Index("mandate_ask_round", "mandate_id", "round", "department", "block"),
)

sum_ask = Table(
    "sum_ask",
    metadata,
    Column("sum_id", _NUMBER, primary_key=True),
    Column("case_id", String(64), ForeignKey("case_file.case_id"), nullable=False),
    Column("predicate", String(8), nullable=False),
    Column("parameter", String(64), nullable=False),
    Column("subject", Integer, nullable=False),  # a supporter's place, or -1 for the household
    Column("persons", Text, nullable=False),  # places
    Column("departments", Text, nullable=False),  # the group's, in its order
    Column("tally", String(64), nullable=False),
    Column("after", String(8), nullable=False),  # another sum's answer without which it waits
    Column("declared", Integer, nullable=False),  # compared with what the household declared
    Column("lost", String(64), nullable=False),  # why no token grants it any more
    Index("sum_once", "case_id", "predicate", "parameter", "subject", unique=True),
)

sum_run = Table(
    "sum_run",
    metadata,
    Column("run_no", _NUMBER, primary_key=True),
    Column("sum_id", _NUMBER, ForeignKey("sum_ask.sum_id"), nullable=False),
    Column("run", LargeBinary(32), nullable=False),
    Column("group_digest", LargeBinary(32), nullable=False),
    Column("period", Integer, nullable=False),  # month of asking, yyyymm
    Column("attempt", Integer, nullable=False),
    Column("seed", LargeBinary(32)),  # while the run is under way
    Column("sealed", LargeBinary, nullable=False),  # the seed, to the auditor's key
    Column("commitment", LargeBinary(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("code", String(64), nullable=False),  # why it stands still, or has ended
    Column("outcome", Integer, nullable=False),
    Column("absent", Text, nullable=False),  # who did not answer, or did not give what was asked
    Column("as_of", Integer, nullable=False),
    Column("period_from", Integer, nullable=False),
    Column("period_to", Integer, nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("millis", Integer, nullable=False),
    Column("verdict", LargeBinary),  # the auditor's, for a second attempt
    Column("abort", LargeBinary),  # the tally's answer that ended the first
    Index("sum_run_once", "sum_id", "period", "attempt", unique=True),
)

sum_message = Table(
    "sum_message",
    metadata,
    Column("message_id", _NUMBER, primary_key=True),
    Column("run_no", _NUMBER, ForeignKey("sum_run.run_no"), nullable=False),
    Column("round", String(16), nullable=False),
    Column("party", String(64), nullable=False),
    Column("qid", LargeBinary, nullable=False, unique=True),
    Column("request", LargeBinary, nullable=False),  # exactly as it is sent
    Column("state", String(16), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("millis", Integer, nullable=False),
    Column("error", String(64), nullable=False),
    Column("receipt", LargeBinary),  # exactly as it came
    Index("sum_message_run", "run_no"),
    Index("sum_message_created", "created"),
)

log = Table(
    "log",
    metadata,
    Column("seq", _NUMBER, primary_key=True, autoincrement=False),  # without gaps, unlike a series
    Column("leaf", LargeBinary, nullable=False),
    Column("salt", LargeBinary),
    Column("record", LargeBinary),
    Column("beside_in", String(24), nullable=False),  # which column holds what lies beside
    Column("beside_of", _NUMBER, nullable=False),  # and of which row
)

log_tile = Table(
    "log_tile",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("n", _NUMBER, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

log_checkpoint = Table(
    "log_checkpoint",
    metadata,
    Column("size", _NUMBER, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False),
)

log_check = Table(
    "log_check",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),  # up to which row the self-check has come
)

case_closing = Table(
    "case_closing",
    metadata,
    Column("case_id", String(64), ForeignKey("case_file.case_id"), primary_key=True),
    Column("at", BigInteger, nullable=False),
)

closing_count = Table(
    "closing_count",
    metadata,
    Column("case_id", String(64), ForeignKey("case_file.case_id"), primary_key=True),
    Column("department", String(64), primary_key=True),
    Column("jti", LargeBinary(16), primary_key=True),
    Column("document", LargeBinary, nullable=False),  # the newest count, as it was signed
)

suspicion = Table(
    "suspicion",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("matter", LargeBinary(16), nullable=False),
    Column("rule", String(16), nullable=False),
    Column("about", String(128), nullable=False),  # an operator, or a case
    Column("state", String(16), nullable=False),
    Column("level", BigInteger, nullable=False),
    Column("alert", LargeBinary, nullable=False),  # as it was signed
)

store_state = Table(
    "store_state",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("sealed", Integer, nullable=False),  # 0 plain, 1 being sealed, 2 sealed
)

case_erasure = Table(
    "case_erasure",
    metadata,
    Column("case_id", String(64), ForeignKey("case_file.case_id"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("operator", String(64), nullable=False),
)
