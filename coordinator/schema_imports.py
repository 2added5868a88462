"""The tables of imported case lists, beside those of ``schema``.

Knows columns and keys; the statements stand with those who use them. Nobody is named: a list is
known by digests, a household by the row in which it begins.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table

from coordinator.schema import metadata

case_import = Table(
    "case_import",
    metadata,
    Column("batch", String(64), primary_key=True),  # made of the list and how it was read
    Column("begun", BigInteger, nullable=False),
    Column("operator", String(64), nullable=False),
    Column("file", LargeBinary(32), nullable=False),  # SHA-256
    Column("rows", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),  # rows
    Column("ended", BigInteger),
)

imported_case = Table(
    "imported_case",
    metadata,
    Column("batch", String(64), ForeignKey("case_import.batch"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("case_id", String(64), ForeignKey("case_file.case_id"), nullable=False, unique=True),
)
