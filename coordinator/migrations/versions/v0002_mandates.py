"""Batch mandates: people in parts, lists and blocks by department, questions and answers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "mandate",
        sa.Column("mandate_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("signed", sa.Integer, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "mandate_part",
        sa.Column(
            "mandate_id", sa.LargeBinary(16), sa.ForeignKey("mandate.mandate_id"), primary_key=True
        ),
        sa.Column("first", sa.Integer, primary_key=True),
        sa.Column("ids", sa.Text, nullable=False),
    )
    op.create_table(
        "mandate_list",
        sa.Column(
            "mandate_id", sa.LargeBinary(16), sa.ForeignKey("mandate.mandate_id"), primary_key=True
        ),
        sa.Column("department", sa.String(64), primary_key=True),
        sa.Column("signed_list", sa.LargeBinary, nullable=False),
        sa.Column("presented", sa.Integer, nullable=False),
    )
    op.create_table(
        "mandate_block",
        sa.Column("mandate_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("department", sa.String(64), primary_key=True),
        sa.Column("block", sa.Integer, primary_key=True),
        sa.Column("pseudonyms", sa.LargeBinary, nullable=False),
        sa.Column("places", sa.LargeBinary, nullable=False),
        sa.Column("presented", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["mandate_id", "department"],
            ["mandate_list.mandate_id", "mandate_list.department"],
            name="mandate_block_list",
        ),
    )
    op.create_table(
        "mandate_ask",
        sa.Column("ask_id", _NUMBER, primary_key=True),
        sa.Column(
            "mandate_id", sa.LargeBinary(16), sa.ForeignKey("mandate.mandate_id"), nullable=False
        ),
        sa.Column("department", sa.String(64), nullable=False),
        sa.Column("block", sa.Integer, nullable=False),
        sa.Column("predicate", sa.String(8), nullable=False),
        sa.Column("parameter", sa.String(64), nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("said", sa.LargeBinary),
        sa.Column("receipt", sa.LargeBinary),
    )
    op.create_index(
        "mandate_ask_round", "mandate_ask", ["mandate_id", "round", "department", "block"]
    )


def downgrade() -> None:
    """Drop every table, the newest first."""
    for name in ("mandate_ask", "mandate_block", "mandate_list", "mandate_part", "mandate"):
        op.drop_table(name)
