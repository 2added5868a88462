"""Case lists that were imported, and the cases opened from them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "case_import",
        sa.Column("batch", sa.String(64), primary_key=True),
        sa.Column("begun", sa.BigInteger, nullable=False),
        sa.Column("operator", sa.String(64), nullable=False),
        sa.Column("file", sa.LargeBinary(32), nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("rejected", sa.Integer, nullable=False),
        sa.Column("ended", sa.BigInteger),
    )
    op.create_table(
        "imported_case",
        sa.Column("batch", sa.String(64), sa.ForeignKey("case_import.batch"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column(
            "case_id",
            sa.String(64),
            sa.ForeignKey("case_file.case_id"),
            nullable=False,
            unique=True,
        ),
    )


def downgrade() -> None:
    """Drop them; the cases stay, but a list that was stopped cannot go on."""
    op.drop_table("imported_case")
    op.drop_table("case_import")
