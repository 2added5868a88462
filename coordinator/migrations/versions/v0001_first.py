"""First tables: cases, people, consents, tokens, questions and answers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "serial",
        sa.Column("series", sa.String(64), primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
    )
    op.create_table(
        "case_file",
        sa.Column("case_id", sa.String(64), primary_key=True),
        sa.Column("programme", sa.String(64), nullable=False),
        sa.Column("plan", sa.String(64), nullable=False),
        sa.Column("purpose", sa.Integer, nullable=False),
        sa.Column("area", sa.String(6), nullable=False),
        sa.Column("commission", sa.String(64), nullable=False),
        sa.Column("operator", sa.String(64), nullable=False),
        sa.Column("members", sa.Integer, nullable=False),
        sa.Column("declaration", sa.Text, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("opened", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "person",
        sa.Column("case_id", sa.String(64), sa.ForeignKey("case_file.case_id"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("id_number", sa.String(18), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("relation", sa.String(16), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("signer", sa.String(18), nullable=False),
        sa.Column("evidence", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "consent",
        sa.Column("case_id", sa.String(64), sa.ForeignKey("case_file.case_id"), primary_key=True),
        sa.Column("reference", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("not_after", sa.BigInteger, nullable=False),
        sa.Column("consent_no", sa.String(64), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("missing", sa.Text, nullable=False),
    )
    op.create_table(
        "token",
        sa.Column("case_id", sa.String(64), sa.ForeignKey("case_file.case_id"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("department", sa.String(64), primary_key=True),
        sa.Column("jti", sa.LargeBinary, nullable=False),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("presented", sa.Text, nullable=False),
    )
    op.create_table(
        "ask",
        sa.Column("ask_id", _NUMBER, primary_key=True),
        sa.Column("case_id", sa.String(64), sa.ForeignKey("case_file.case_id"), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("department", sa.String(64), nullable=False),
        sa.Column("predicate", sa.String(8), nullable=False),
        sa.Column("parameter", sa.String(64), nullable=False),
        sa.Column("answered_by", _NUMBER),
    )
    op.create_index(
        "ask_once", "ask", ["case_id", "place", "department", "predicate", "parameter"], unique=True
    )
    op.create_table(
        "question_batch",
        sa.Column("batch_id", _NUMBER, primary_key=True),
        sa.Column("department", sa.String(64), nullable=False),
        sa.Column("qid", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("items", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("millis", sa.Integer, nullable=False),
        sa.Column("error", sa.String(64), nullable=False),
        sa.Column("receipt", sa.LargeBinary),
    )
    op.create_index("batch_state", "question_batch", ["state", "department"])
    op.create_table(
        "question",
        sa.Column("batch_id", _NUMBER, sa.ForeignKey("question_batch.batch_id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("ask_id", _NUMBER, sa.ForeignKey("ask.ask_id"), nullable=False),
    )
    op.create_index("question_ask", "question", ["ask_id"])
    op.create_table(
        "answer",
        sa.Column("batch_id", _NUMBER, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("outcome", sa.Integer, nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.Column("refusal", sa.Integer, nullable=False),
        sa.Column("as_of", sa.Integer, nullable=False),
        sa.Column("scope", sa.Integer, nullable=False),
        sa.Column("enrolled_to", sa.Integer, nullable=False),
        sa.Column("period_from", sa.Integer, nullable=False),
        sa.Column("period_to", sa.Integer, nullable=False),
        sa.Column("policy_version", sa.Integer, nullable=False),
        sa.Column("use_no", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id", "position"],
            ["question.batch_id", "question.position"],
            name="answer_question",
        ),
    )


def downgrade() -> None:
    """Drop every table, the newest first."""
    for name in (
        "answer",
        "question",
        "question_batch",
        "ask",
        "token",
        "consent",
        "person",
        "case_file",
        "serial",
    ):
        op.drop_table(name)
