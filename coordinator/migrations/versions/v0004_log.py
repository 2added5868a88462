"""The log: rows, the tiles of their tree, checkpoints, and how far the self-check has come.

What was kept before there was a log is its beginning, so that nothing is sent that is not in it:
cases, consents and lists as they stand, requests with the time at which they were signed, and all
that has no time of its own with that of the migration.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from alembic import op

from coordinator import log_entries
from coordinator.casework.cases import Case
from coordinator.casework.filed import ConsentStage, FiledCase, FiledConsent
from coordinator.log_book import Entry, append
from coordinator.log_entries import Exchange, Kept
from federation.clock import SystemClock
from federation.exchange import Purpose

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create every table, and begin the log."""
    op.create_table(
        "log",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.Column("salt", sa.LargeBinary),
        sa.Column("record", sa.LargeBinary),
        sa.Column("beside_in", sa.String(24), nullable=False),
        sa.Column("beside_of", _NUMBER, nullable=False),
    )
    op.create_table(
        "log_tile",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "log_checkpoint",
        sa.Column("size", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "log_check",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    connection, now = op.get_bind(), SystemClock().now()
    append(connection, [*_cases(connection), *_consents(connection, now)])
    append(connection, list(_lists(connection, now)))
    for table, number in (("question_batch", "batch_id"), ("mandate_ask", "ask_id")):
        kept = sa.table(table, *map(sa.column, (number, "department", "request", "receipt")))
        for (one,) in connection.execute(sa.select(kept.c[number]).order_by(kept.c[number])).all():
            row = connection.execute(sa.select(kept).where(kept.c[number] == one)).one()
            exchange = Exchange(
                department=row.department,
                request=bytes(row.request),
                number=one,
                kept=Kept.MANDATE if table == "mandate_ask" else Kept.QUESTIONS,
            )
            came = row.receipt is not None
            reply = [log_entries.came(exchange, bytes(row.receipt), now)] if came else []
            append(connection, [log_entries.sent(exchange), *reply])


def _cases(connection: sa.Connection) -> Iterator[Entry]:
    columns = "case_id, programme, plan, purpose, area, commission, operator, members, salt, opened"
    for row in connection.execute(_all("case_file", columns, "opened", "case_id")):
        case = Case(
            programme=row.programme,
            purpose=Purpose(row.purpose),
            area=row.area,
            commission=row.commission,
            operator=row.operator,
            members=row.members,
            persons=(),
            declaration={},
        )
        salt = bytes(row.salt)
        yield log_entries.opened(
            FiledCase(id=row.case_id, case=case, plan=row.plan, opened=row.opened, salt=salt)
        )


def _consents(connection: sa.Connection, now: int) -> Iterator[Entry]:
    for row in connection.execute(_all("consent", "case_id, consent_no, state", "case_id")):
        fresh = FiledConsent(case_id=row.case_id, reference=b"", not_after=0)
        stage = ConsentStage(row.state)
        yield from log_entries.changed(
            fresh, replace(fresh, consent_no=row.consent_no, stage=stage), now
        )


def _lists(connection: sa.Connection, now: int) -> Iterator[Entry]:
    columns = "mandate_id, department, signed_list"
    for row in connection.execute(_all("mandate_list", columns, "mandate_id", "department")):
        mandate, signed_list = bytes(row.mandate_id), bytes(row.signed_list)
        yield log_entries.enlisted(mandate, row.department, signed_list, now)


def _all(table: str, columns: str, *order: str) -> sa.Select[Any]:
    kept = sa.table(table, *map(sa.column, columns.split(", ")))
    return sa.select(kept).order_by(*(kept.c[one] for one in order))


def downgrade() -> None:
    """Drop every table; what was logged is gone with them."""
    for name in ("log_check", "log_checkpoint", "log_tile", "log"):
        op.drop_table(name)
