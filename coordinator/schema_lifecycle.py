"""The table of cases' lives, beside those of ``schema``.

Knows columns and keys; the statements stand with those who use them.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from coordinator.schema import metadata

case_event = Table(
    "case_event",
    metadata,
    Column("case_id", String(64), ForeignKey("case_file.case_id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1, without gaps
    Column("at", BigInteger, nullable=False),
    Column("event", String(32), nullable=False),
    Column("state", String(32), nullable=False),  # after the event
    Column("operator", String(64), nullable=False),
    Column("reasons", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),  # SHA-256 of the signed paper, or nothing
    Column("other", String(64), nullable=False),  # the case that follows, or is followed
    Column("note", Text, nullable=False),
)
