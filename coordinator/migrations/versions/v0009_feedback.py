"""Feedback of townships, tickets to departments, and the register that statistics are made of."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0010"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables; the register fills itself from the cases when it is next read."""
    op.create_table(
        "feedback_task",
        sa.Column("task_id", sa.String(64), primary_key=True),
        sa.Column("case_id", sa.String(64), sa.ForeignKey("case_file.case_id"), nullable=False),
        sa.Column("programme", sa.String(64), nullable=False),
        sa.Column("area", sa.String(6), nullable=False),
        sa.Column("operator", sa.String(64), nullable=False),
        sa.Column("issued", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("workdays", sa.Integer, nullable=False),
        sa.Column("provisional", sa.Integer, nullable=False),
        sa.Column("closed", sa.BigInteger),
    )
    op.create_index("feedback_case", "feedback_task", ["case_id"])
    op.create_table(
        "feedback_finding",
        sa.Column(
            "task_id", sa.String(64), sa.ForeignKey("feedback_task.task_id"), primary_key=True
        ),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("person", sa.Integer, nullable=False),
        sa.Column("category", sa.Integer, nullable=False),
        sa.Column("predicate", sa.String(8), nullable=False),
        sa.Column("parameter", sa.String(64), nullable=False),
        sa.Column("departments", sa.Text, nullable=False),
        sa.Column("joint", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(64), nullable=False),
        sa.Column("as_of", sa.Integer, nullable=False),
        sa.Column("replies", sa.Integer, nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
    )
    op.create_table(
        "feedback_reply",
        sa.Column("task_id", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("operator", sa.String(64), nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("exemption", sa.String(32), nullable=False),
        sa.Column("document", sa.LargeBinary(32), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id", "number"],
            ["feedback_finding.task_id", "feedback_finding.number"],
            name="feedback_reply_finding",
        ),
    )
    op.create_table(
        "quality_ticket",
        sa.Column("ticket_id", sa.String(64), primary_key=True),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("department", sa.String(64), nullable=False),
        sa.Column("issued", sa.BigInteger, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id", "number"],
            ["feedback_finding.task_id", "feedback_finding.number"],
            name="quality_ticket_finding",
        ),
    )
    op.create_index("quality_department", "quality_ticket", ["department"])
    op.create_table(
        "check_line",
        sa.Column("line", _NUMBER, primary_key=True),
        sa.Column("case_id", sa.String(64), nullable=False, unique=True),
        sa.Column("programme", sa.String(64), nullable=False),
        sa.Column("area", sa.String(6), nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.Column("month", sa.Integer, nullable=False),
        sa.Column("reported", sa.Integer, nullable=False),
        sa.Column("persons", sa.Integer, nullable=False),
        sa.Column("findings", sa.Integer, nullable=False),
        sa.Column("seconds", sa.BigInteger, nullable=False),
        sa.Column("timed", sa.Integer, nullable=False),
        sa.Column("late", sa.Integer, nullable=False),
        sa.Column("objected", sa.Integer, nullable=False),
        sa.Column("sustained", sa.Integer, nullable=False),
        sa.Column("granted", sa.Integer, nullable=False),
        sa.Column("ended", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("household", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.String(64), nullable=False),
    )
    op.create_index("check_reported", "check_line", ["reported"])
    op.create_index("check_household", "check_line", ["household"])
    op.create_table(
        "check_person",
        sa.Column(
            "line", _NUMBER, sa.ForeignKey("check_line.line"), primary_key=True, autoincrement=False
        ),
        sa.Column("person", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them; the log goes on saying who answered what."""
    for table in (
        "check_person",
        "check_line",
        "quality_ticket",
        "feedback_reply",
        "feedback_finding",
        "feedback_task",
    ):
        op.drop_table(table)
