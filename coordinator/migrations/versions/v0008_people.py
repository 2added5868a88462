"""The centre's own people: operators, relatives, sessions, and who began what another confirms."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; until the first operator is added everything is done as the owner."""
    op.create_table(
        "operator",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("areas", sa.Text, nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("initial", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("locked_until", sa.BigInteger, nullable=False),
        sa.Column("added", sa.BigInteger, nullable=False),
        sa.Column("disabled", sa.BigInteger),
    )
    op.create_table(
        "operator_relative",
        sa.Column("name", sa.String(64), sa.ForeignKey("operator.name"), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
    )
    op.create_table(
        "operator_session",
        sa.Column("token", sa.LargeBinary(32), primary_key=True),
        sa.Column("name", sa.String(64), sa.ForeignKey("operator.name"), nullable=False),
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "operator_act",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("action", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop them; the log goes on saying who did what."""
    for table in ("operator_act", "operator_session", "operator_relative", "operator"):
        op.drop_table(table)
