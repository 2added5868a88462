"""Columns that can be sealed, whether they are, and which cases were erased.

Sealed cells are longer than what they hold, so their columns are texts now, also the declared
income. The columns of ``case_file`` are exchanged one by one: SQLite would have to drop the table,
which others refer to.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0009"
branch_labels = None
depends_on = None

_PERSON = (("id_number", 18), ("name", 64), ("signer", 18))


def upgrade() -> None:
    """Widen the columns; nothing is sealed by that."""
    with op.batch_alter_table("person") as person:
        for column, length in _PERSON:
            person.alter_column(
                column, existing_type=sa.String(length), type_=sa.Text, existing_nullable=False
            )
    _exchange(sa.Text)
    op.create_table(
        "store_state",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.Integer, nullable=False),
    )
    op.create_table(
        "case_erasure",
        sa.Column("case_id", sa.String(64), sa.ForeignKey("case_file.case_id"), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("operator", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    """Narrow them again; what is sealed does not fit, and stops it."""
    op.drop_table("case_erasure")
    op.drop_table("store_state")
    _exchange(sa.BigInteger)
    with op.batch_alter_table("person") as person:
        for column, length in _PERSON:
            person.alter_column(
                column, existing_type=sa.Text, type_=sa.String(length), existing_nullable=False
            )


def _exchange(kind: type[sa.Text | sa.BigInteger]) -> None:
    """Give the declared income another type."""
    op.add_column("case_file", sa.Column("declared_new", kind))
    cases = sa.table("case_file", sa.column("declared_income"), sa.column("declared_new"))
    op.execute(sa.update(cases).values(declared_new=sa.cast(cases.c.declared_income, kind)))
    op.drop_column("case_file", "declared_income")
    op.execute("ALTER TABLE case_file RENAME COLUMN declared_new TO declared_income")
