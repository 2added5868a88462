"""The table of issued reports, beside the coordinator's others.

Knows columns and keys. Does not create anything: ``migrations`` does.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table

from coordinator.schema import metadata
from coordinator.sealing import SealedBytes, SealedText

report_issue = Table(
    "report_issue",
    metadata,
    Column("case_id", String(64), ForeignKey("case_file.case_id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("operator", String(64), nullable=False),
    # why it replaces the version before
    Column("reason", SealedText("report_issue.reason"), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),  # SHA-256 of the document
    # what it says, packed by zlib
    Column("document", SealedBytes("report_issue.document"), nullable=False),
)
