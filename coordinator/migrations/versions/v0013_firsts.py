"""What exactly somebody began that another confirms: the decision and its reasons, or an order's.

What was begun before has none, and so confirms nothing: it is proposed again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    column = sa.Column("matter", sa.Text, nullable=False, server_default="")
    op.add_column("operator_act", column)


def downgrade() -> None:
    """Drop it."""
    op.drop_column("operator_act", "matter")
