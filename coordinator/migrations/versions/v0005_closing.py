"""Cases that were closed with the departments' counts, and what was suspected of misuse."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables, and the way to the newest requests."""
    op.create_table(
        "case_closing",
        sa.Column("case_id", sa.String(64), sa.ForeignKey("case_file.case_id"), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "closing_count",
        sa.Column("case_id", sa.String(64), sa.ForeignKey("case_file.case_id"), primary_key=True),
        sa.Column("department", sa.String(64), primary_key=True),
        sa.Column("jti", sa.LargeBinary(16), primary_key=True),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "suspicion",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("matter", sa.LargeBinary(16), nullable=False),
        sa.Column("rule", sa.String(16), nullable=False),
        sa.Column("about", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("level", sa.BigInteger, nullable=False),
        sa.Column("alert", sa.LargeBinary, nullable=False),
    )
    op.create_index("batch_created", "question_batch", ["created"])


def downgrade() -> None:
    """Drop them; the log goes on saying what was in them."""
    op.drop_index("batch_created", "question_batch")
    for name in ("suspicion", "closing_count", "case_closing"):
        op.drop_table(name)
