"""Renewals and rechecks: ends and holders of tokens, questions that were lost, objections."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the columns and the table; tokens of before are fetched anew at the next run."""
    op.add_column("consent", sa.Column("renews", sa.String(64), nullable=False, server_default=""))
    op.add_column("token", sa.Column("expires", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("token", sa.Column("holder", sa.LargeBinary, nullable=False, server_default=""))
    op.add_column("ask", sa.Column("lost", sa.String(64), nullable=False, server_default=""))
    op.add_column("question", sa.Column("recheck", sa.LargeBinary))
    op.create_table(
        "recheck",
        sa.Column("jti", sa.LargeBinary(16), primary_key=True),
        sa.Column("ask_id", _NUMBER, sa.ForeignKey("ask.ask_id"), nullable=False),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("evidence", sa.LargeBinary, nullable=False),
        sa.Column("filed", sa.BigInteger, nullable=False),
        sa.Column("batch_id", _NUMBER),
    )
    op.create_index("recheck_ask", "recheck", ["ask_id"])


def downgrade() -> None:
    """Drop the table and the columns."""
    op.drop_table("recheck")
    for table, column in (
        ("question", "recheck"),
        ("ask", "lost"),
        ("token", "holder"),
        ("token", "expires"),
        ("consent", "renews"),
    ):
        op.drop_column(table, column)
