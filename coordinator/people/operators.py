"""The operators of the centre, as they lie in the database: who they are, and whose relatives.

Knows statements; every change is one transaction with the log's entry about it, and at least one
director remains. Does not know who may change anything (``roles``) or who is logged in.

Relatives' numbers are not kept: only keyed digests, and the key lies beside the database, not in
it. There are few enough resident numbers for anybody to try them all against a plain digest.
"""

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from coordinator.database import Database
from coordinator.log_book import Entry, append
from coordinator.people import roles
from coordinator.people.roles import Operator, Role
from coordinator.schema_people import operator, operator_relative, operator_session
from crypto import passwords
from crypto.keys import SealCost
from federation import keyfile
from federation.clock import Clock
from federation.errors import BadInput, Refused
from federation.ids import PersonId
from federation.log import kinds
from federation.log.coordinator_events import OperatorSet

SHORTEST: Final = 10
_LONGEST: Final = 256
_LABEL: Final = b"hedui/relative/v1|"
_ONE: Final = select(operator).where(operator.c.name == bindparam("of"))
_RELATIVES: Final = select(operator_relative.c.digest).where(
    operator_relative.c.name == bindparam("of")
)
_COUNTS: Final = select(operator_relative.c.name, func.count()).group_by(operator_relative.c.name)
_DIRECTORS: Final = select(func.count()).where(
    operator.c.role == Role.DIRECTOR.value, operator.c.disabled.is_(None)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An operator as others see them."""

    operator: Operator
    relatives: int
    disabled: bool
    locked_until: int


class Operators:
    """The book of operators."""

    def __init__(
        self, database: Database, clock: Clock, key: Path, cost: SealCost = SealCost.INTERACTIVE
    ) -> None:
        self._database = database
        self._clock = clock
        self._key = key
        self._cost = cost

    def any(self) -> bool:
        """Tell whether there are operators; until then everything is done as the owner."""
        with self._database.reading() as connection:
            return connection.scalar(select(operator.c.name).limit(1)) is not None

    def all(self) -> list[Listed]:
        """List them by name."""
        with self._database.reading() as connection:
            counts = {row[0]: row[1] for row in connection.execute(_COUNTS)}
            rows = connection.execute(select(operator).order_by(operator.c.name))
            return [
                Listed(
                    operator=read(row),
                    relatives=counts.get(row.name, 0),
                    disabled=row.disabled is not None,
                    locked_until=row.locked_until,
                )
                for row in rows
            ]

    def add(self, by: str, new: Operator, password: str) -> None:
        """Take somebody in; the password is to be changed before anything else is done.

        Raises:
            BadInput: OPERATOR_INVALID, OPERATOR_EXISTS, PASSWORD_WEAK or DIRECTOR_NEEDED.
        """
        roles.check(new.name, new.areas)
        kept = self.protect(password)
        with self._database.writing() as connection:
            if connection.execute(_ONE, {"of": new.name}).first():
                raise BadInput("OPERATOR_EXISTS", operator=new.name)
            row = {
                "name": new.name,
                "role": new.role.value,
                "areas": " ".join(new.areas),
                "password": kept,
                "initial": 1,
                "failures": 0,
                "locked_until": 0,
                "added": self._clock.now(),
            }
            connection.execute(insert(operator), row)
            self._settle(connection, by, new.name)

    def set_role(self, by: str, name: str, role: Role) -> None:
        """Give somebody another role; whoever is logged in as them is not any more.

        Raises:
            BadInput: DIRECTOR_NEEDED.
            Refused: OPERATOR_UNKNOWN.
        """
        self._change(by, name, {"role": role.value})

    def set_areas(self, by: str, name: str, areas: Sequence[str]) -> None:
        """Give somebody other areas.

        Raises:
            BadInput: OPERATOR_INVALID.
            Refused: OPERATOR_UNKNOWN.
        """
        roles.check(name, areas)
        self._change(by, name, {"areas": " ".join(areas)})

    def disable(self, by: str, name: str) -> None:
        """Let somebody go; the name is never given again.

        Raises:
            BadInput, Refused: as ``set_role``.
        """
        self._change(by, name, {"disabled": self._clock.now()})

    def give_password(self, by: str, name: str, password: str) -> None:
        """Give somebody a password that they change first, and let them in again.

        Raises:
            BadInput: PASSWORD_WEAK.
            Refused: OPERATOR_UNKNOWN.
        """
        fresh = {"password": self.protect(password), "initial": 1, "failures": 0, "locked_until": 0}
        self._change(by, name, fresh)

    def set_relatives(self, by: str, name: str, ids: Collection[PersonId]) -> None:
        """Note whose cases somebody may not have: their own and their relatives'.

        Raises:
            BadInput: FILE_UNWRITABLE, or as ``digests``.
            Refused: OPERATOR_UNKNOWN.
        """
        with self._database.writing() as connection:
            _known(connection, name)
            if not connection.scalar(select(func.count()).select_from(operator_relative)):
                self._draw_key()
            digests = [{"name": name, "digest": one} for one in self.digests(ids)]
            connection.execute(delete(operator_relative).where(operator_relative.c.name == name))
            if digests:
                connection.execute(insert(operator_relative), digests)
            self._settle(connection, by, name)

    def relatives(self, name: str) -> frozenset[bytes]:
        """Give the digests of whoever somebody may have no case of."""
        with self._database.reading() as connection:
            return frozenset(map(bytes, connection.scalars(_RELATIVES, {"of": name})))

    def digests(self, ids: Collection[str]) -> set[bytes]:
        """Give people's digests under the key of this installation.

        Raises:
            BadInput: as ``keyfile.read_private``: without the key nobody's relatives are known.
        """
        if not ids:
            return set()
        key = keyfile.read_private(self._key)
        return {_digest(key, one) for one in ids}

    def related(self, name: str, ids: Collection[str]) -> set[str]:
        """Choose those people of whom somebody may have no case; the key is read once.

        Raises:
            BadInput: as ``digests``.
        """
        kin = self.relatives(name)
        if not kin or not ids:
            return set()
        key = keyfile.read_private(self._key)
        return {one for one in ids if _digest(key, one) in kin}

    def protect(self, password: str) -> str:
        """Give what is kept instead of a password.

        Raises:
            BadInput: PASSWORD_WEAK.
        """
        if not SHORTEST <= len(password) <= _LONGEST or len(set(password)) < SHORTEST // 2:
            raise BadInput("PASSWORD_WEAK", shortest=SHORTEST)
        return passwords.protect(password, self._cost)

    def _change(self, by: str, name: str, values: dict[str, Any]) -> None:
        with self._database.writing() as connection:
            _known(connection, name)
            connection.execute(update(operator).where(operator.c.name == name).values(values))
            connection.execute(delete(operator_session).where(operator_session.c.name == name))
            self._settle(connection, by, name)

    def _settle(self, connection: Connection, by: str, name: str) -> None:
        """Log what somebody is now, unless nobody could manage operators any more."""
        if not connection.scalar(_DIRECTORS):
            raise BadInput("DIRECTOR_NEEDED")
        row = connection.execute(_ONE, {"of": name}).one()
        now = read(row)
        event = OperatorSet(
            operator=name,
            role=now.role.value,
            areas=now.areas,
            relatives=len(list(connection.scalars(_RELATIVES, {"of": name}))),
            disabled=row.disabled is not None,
            by=by,
        )
        append(connection, [Entry(kinds.write(event, self._clock.now()))])

    def _draw_key(self) -> None:
        if self._key.exists():
            return
        try:
            keyfile.write_private(self._key, token_bytes(32))
        except OSError as e:
            raise BadInput("FILE_UNWRITABLE", file=self._key.name, folder="data") from e


def _digest(key: bytes, number: str) -> bytes:
    return hmac.digest(key, _LABEL + number.encode(), "sha256")


def read(row: Any) -> Operator:
    """Read an operator from their row."""
    return Operator(
        name=row.name,
        role=Role(row.role),
        areas=tuple(row.areas.split()),
        initial=bool(row.initial),
    )


def _known(connection: Connection, name: str) -> None:
    if connection.execute(_ONE, {"of": name}).first() is None:
        raise Refused("OPERATOR_UNKNOWN")
