"""Who has begun what another person confirms, and what exactly: one row a person and case.

Knows the table and the rule of two people. Does not know who may begin or confirm anything
(``roles``), nor how a matter is worded: it only has to be the same twice.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from coordinator.people.roles import Action
from coordinator.schema_people import operator_act
from federation.errors import Refused

_BEGAN: Final = select(operator_act.c.name, operator_act.c.matter).where(
    operator_act.c.subject == bindparam("of"), operator_act.c.action == bindparam("what")
)
_REPLACED: Final = delete(operator_act).where(
    operator_act.c.subject == bindparam("of"),
    operator_act.c.action == bindparam("what"),
    operator_act.c.name == bindparam("who"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """What somebody has begun: with which case or order, and what they want to be done."""

    subject: str
    action: Action
    name: str
    matter: str


def remember(connection: Connection, first: First, now: int) -> None:
    """Keep what somebody began, in one transaction with the step; their newest matter counts."""
    key = {"of": first.subject, "what": first.action.value, "who": first.name}
    connection.execute(_REPLACED, key)
    row = {
        "subject": first.subject,
        "action": first.action.value,
        "name": first.name,
        "at": now,
        "matter": first.matter,
    }
    connection.execute(insert(operator_act), row)


def check(connection: Connection, wanted: First) -> None:
    """Refuse whoever has begun this themselves, and what nobody else has begun just so.

    Raises:
        Refused: SECOND_PERSON_NEEDED, with what was ``proposed``.
    """
    of = {"of": wanted.subject, "what": wanted.action.value}
    began = {row.name: row.matter for row in connection.execute(_BEGAN, of)}
    if wanted.name in began or wanted.matter not in began.values():
        raise Refused(
            "SECOND_PERSON_NEEDED",
            subject=wanted.subject,
            first=f"{wanted.action.value} {wanted.matter}".rstrip(),
            proposed="; ".join(sorted(set(filter(None, began.values())))) or "-",
        )
