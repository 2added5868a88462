"""Sums over departments: what is consented to, their runs and every message of them.

A case keeps what its household declared.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables, and the places of what was declared."""
    op.add_column("case_file", sa.Column("declared_income", sa.BigInteger))
    op.add_column("case_file", sa.Column("declared_salt", sa.LargeBinary))
    op.create_table(
        "sum_ask",
        sa.Column("sum_id", _NUMBER, primary_key=True),
        sa.Column("case_id", sa.String(64), sa.ForeignKey("case_file.case_id"), nullable=False),
        sa.Column("predicate", sa.String(8), nullable=False),
        sa.Column("parameter", sa.String(64), nullable=False),
        sa.Column("subject", sa.Integer, nullable=False),
        sa.Column("persons", sa.Text, nullable=False),
        sa.Column("departments", sa.Text, nullable=False),
        sa.Column("tally", sa.String(64), nullable=False),
        sa.Column("after", sa.String(8), nullable=False),
        sa.Column("declared", sa.Integer, nullable=False),
        sa.Column("lost", sa.String(64), nullable=False),
    )
    once = ["case_id", "predicate", "parameter", "subject"]
    op.create_index("sum_once", "sum_ask", once, unique=True)
    op.create_table(
        "sum_run",
        sa.Column("run_no", _NUMBER, primary_key=True),
        sa.Column("sum_id", _NUMBER, sa.ForeignKey("sum_ask.sum_id"), nullable=False),
        sa.Column("run", sa.LargeBinary(32), nullable=False),
        sa.Column("group_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("period", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("seed", sa.LargeBinary(32)),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("commitment", sa.LargeBinary(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("outcome", sa.Integer, nullable=False),
        sa.Column("absent", sa.Text, nullable=False),
        sa.Column("as_of", sa.Integer, nullable=False),
        sa.Column("period_from", sa.Integer, nullable=False),
        sa.Column("period_to", sa.Integer, nullable=False),
        sa.Column("began", sa.BigInteger, nullable=False),
        sa.Column("millis", sa.Integer, nullable=False),
        sa.Column("verdict", sa.LargeBinary),
        sa.Column("abort", sa.LargeBinary),
    )
    op.create_index("sum_run_once", "sum_run", ["sum_id", "period", "attempt"], unique=True)
    op.create_table(
        "sum_message",
        sa.Column("message_id", _NUMBER, primary_key=True),
        sa.Column("run_no", _NUMBER, sa.ForeignKey("sum_run.run_no"), nullable=False),
        sa.Column("round", sa.String(16), nullable=False),
        sa.Column("party", sa.String(64), nullable=False),
        sa.Column("qid", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("millis", sa.Integer, nullable=False),
        sa.Column("error", sa.String(64), nullable=False),
        sa.Column("receipt", sa.LargeBinary),
    )
    op.create_index("sum_message_run", "sum_message", ["run_no"])
    op.create_index("sum_message_created", "sum_message", ["created"])


def downgrade() -> None:
    """Drop them; the log goes on saying what was in them."""
    for table in ("sum_message", "sum_run", "sum_ask"):
        op.drop_table(table)
    for column in ("declared_salt", "declared_income"):
        op.drop_column("case_file", column)
