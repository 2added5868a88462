"""The tables of feedback and of the register of checks, beside the coordinator's others.

Knows columns and keys. Does not create anything: ``migrations`` does. The register names nobody:
whom it counts stands there under a key of this installation.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from coordinator.schema import metadata

_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what is INTEGER

feedback_task = Table(
    "feedback_task",
    metadata,
    Column("task_id", String(64), primary_key=True),
    Column("case_id", String(64), ForeignKey("case_file.case_id"), nullable=False),
    Column("programme", String(64), nullable=False),
    Column("area", String(6), nullable=False),
    Column("operator", String(64), nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("workdays", Integer, nullable=False),
    Column("provisional", Integer, nullable=False),
    Column("closed", BigInteger),  # when its last finding was answered
    Index("feedback_case", "case_id"),
)

feedback_finding = Table(
    "feedback_finding",
    metadata,
    Column("task_id", String(64), ForeignKey("feedback_task.task_id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("person", Integer, nullable=False),  # a place, or -1 for the household
    Column("category", Integer, nullable=False),
    Column("predicate", String(8), nullable=False),
    Column("parameter", String(64), nullable=False),
    Column("departments", Text, nullable=False),  # a space between them
    Column("joint", Integer, nullable=False),  # told by several together
    Column("outcome", String(64), nullable=False),
    Column("as_of", Integer, nullable=False),
    Column("replies", Integer, nullable=False),  # how many; the newest counts
    Column("result", String(16), nullable=False),  # of the newest, or nothing
)

feedback_reply = Table(
    "feedback_reply",
    metadata,
    Column("task_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),  # from 1, without gaps
    Column("at", BigInteger, nullable=False),
    Column("operator", String(64), nullable=False),
    Column("result", String(16), nullable=False),
    Column("exemption", String(32), nullable=False),
    Column("document", LargeBinary(32), nullable=False),  # SHA-256 of the sealed scan
    Column("note", Text, nullable=False),
    ForeignKeyConstraint(
        ["task_id", "number"],
        ["feedback_finding.task_id", "feedback_finding.number"],
        name="feedback_reply_finding",
    ),
)

quality_ticket = Table(
    "quality_ticket",
    metadata,
    Column("ticket_id", String(64), primary_key=True),
    Column("task_id", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("department", String(64), nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),  # as it was signed
    ForeignKeyConstraint(
        ["task_id", "number"],
        ["feedback_finding.task_id", "feedback_finding.number"],
        name="quality_ticket_finding",
    ),
    Index("quality_department", "department"),
)

check_line = Table(
    "check_line",
    metadata,
    Column("line", _NUMBER, primary_key=True),
    Column("case_id", String(64), nullable=False, unique=True),
    Column("programme", String(64), nullable=False),
    Column("area", String(6), nullable=False),
    Column("entry", Integer, nullable=False),  # 1: a new application, 0: aid in force
    Column("month", Integer, nullable=False),  # of the opening, yyyymm
    Column("reported", Integer, nullable=False),  # month of the first report, or 0
    Column("persons", Integer, nullable=False),
    Column("findings", Integer, nullable=False),
    Column("seconds", BigInteger, nullable=False),  # to the report, while the clock ran
    Column("timed", Integer, nullable=False),  # whether the clock ran
    Column("late", Integer, nullable=False),
    Column("objected", Integer, nullable=False),
    Column("sustained", Integer, nullable=False),
    Column("granted", Integer, nullable=False),  # month in which aid was granted, or 0
    Column("ended", Integer, nullable=False),  # month in which it ended, or was refused, or 0
    Column("outcome", String(32), nullable=False),  # the event that ended it, or nothing
    Column("household", BigInteger, nullable=False),
    Column("seen", String(64), nullable=False),  # up to what the line is true
    Index("check_reported", "reported"),
    Index("check_household", "household"),
)

check_person = Table(
    "check_person",
    metadata,
    Column("line", _NUMBER, ForeignKey("check_line.line"), primary_key=True, autoincrement=False),
    Column("person", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
