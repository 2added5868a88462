"""Who is logged in: passwords, sessions, and how long somebody is shut out who guesses.

Knows that a session is a random token in a file of its operator's own, of which the database has
the hash. Does not know what anybody may do.

A wrong password is counted before it is looked at: whoever kills the process in between has had
that try.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from coordinator.database import Database
from coordinator.log_book import Entry, append
from coordinator.people import operators
from coordinator.people.operators import Operators
from coordinator.people.roles import Action, Operator
from coordinator.schema_people import operator, operator_session
from crypto import passwords
from federation import keyfile
from federation.clock import Clock
from federation.errors import BadInput, Refused
from federation.log import kinds
from federation.log.coordinator_events import OperatorActed

LASTS: Final = 8 * 3600
TRIES: Final = 5
_FIRST_WAIT: Final = 60
_LONGEST_WAIT: Final = 24 * 3600
_TOKEN: Final = 32
_NOBODY: Final = (
    "$argon2id$v=19$m=65536,t=2,p=1"
    "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""What a password is held to where there is no such operator, so that it takes as long."""
_ONE: Final = select(operator).where(
    operator.c.name == bindparam("of"), operator.c.disabled.is_(None)
)
_SESSION: Final = (
    select(operator, operator_session.c.account, operator_session.c.expires)
    .join(operator_session, operator_session.c.name == operator.c.name)
    .where(operator_session.c.token == bindparam("digest"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the token lies, and which account of the operating system may use it."""

    file: Callable[[], Path]
    account: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who is logged in, and until when."""

    operator: Operator
    expires: int


def own_place(federation: str, party: str) -> Place:
    """Give the place of whoever runs this: HEDUI_SESSION, else a file in their home."""
    which = sha256(f"{federation}/{party}".encode()).hexdigest()[:16]
    return Place(file=lambda: _own_file(which), account=os.getuid())


def _own_file(which: str) -> Path:
    """Find it only when it is needed: not every account has a home.

    Raises:
        BadInput: FILE_UNWRITABLE.
    """
    named = os.environ.get("HEDUI_SESSION")
    try:
        return Path(named) if named else Path.home() / ".hedui" / f"session-{which}"
    except RuntimeError as e:
        raise BadInput("FILE_UNWRITABLE", file="session", folder="HOME") from e


def wait(failures: int) -> int:
    """Tell how many seconds somebody is shut out after so many wrong passwords in a row."""
    if failures < TRIES:
        return 0
    return min(_FIRST_WAIT << min(failures - TRIES, 16), _LONGEST_WAIT)


class Sessions:
    """Logs operators in and out."""

    def __init__(self, database: Database, clock: Clock, book: Operators, place: Place) -> None:
        self._database = database
        self._clock = clock
        self._book = book
        self._place = place

    def login(self, name: str, password: str) -> Session:
        """Let somebody in, with a new token in their file.

        Raises:
            BadInput: FILE_UNWRITABLE.
            Refused: OPERATOR_UNKNOWN (no such name, or not this password), OPERATOR_LOCKED.
        """
        who = self._authentic(name, password)
        token, now = token_bytes(_TOKEN), self._clock.now()
        row = {
            "token": sha256(token).digest(),
            "name": name,
            "account": self._place.account,
            "since": now,
            "expires": now + LASTS,
        }
        over = delete(operator_session).where(operator_session.c.expires <= now)
        self._write(token)
        with self._database.writing() as connection:
            connection.execute(over)
            connection.execute(insert(operator_session), row)
            self._log(connection, who, "login")
        return Session(operator=who, expires=now + LASTS)

    def logout(self) -> None:
        """End the session of this file, and remove the file.

        Raises:
            Refused: SESSION_MISSING.
        """
        token = self._token()
        with self._database.writing() as connection:
            row = connection.execute(_SESSION, {"digest": sha256(token).digest()}).first()
            gone = operator_session.c.token == sha256(token).digest()
            connection.execute(delete(operator_session).where(gone))
            if row:
                self._log(connection, operators.read(row), "logout")
        self._place.file().unlink(missing_ok=True)

    def current(self) -> Session:
        """Tell who is logged in here.

        Raises:
            BadInput: KEY_FILE_OPEN when others can read the file.
            Refused: SESSION_MISSING; SESSION_EXPIRED, with whose it was.
        """
        with self._database.reading() as connection:
            digest = sha256(self._token()).digest()
            row = connection.execute(_SESSION, {"digest": digest}).first()
        if row is None or row.account != self._place.account:
            raise Refused("SESSION_MISSING")
        if row.disabled is not None or row.expires <= self._clock.now():
            raise Refused("SESSION_EXPIRED", operator=row.name)
        return Session(operator=operators.read(row), expires=row.expires)

    def working(self) -> Operator:
        """Tell who is logged in here, with a password that nobody else has given them.

        Raises:
            BadInput, Refused: as ``current``; PASSWORD_INITIAL.
        """
        who = self.current().operator
        if who.initial:
            raise Refused("PASSWORD_INITIAL", operator=who.name)
        return who

    def change_password(self, before: str, after: str) -> None:
        """Change the password of whoever is logged in here; their other sessions end.

        Raises:
            BadInput: PASSWORD_WEAK, also where nothing changes.
            Refused: as ``current`` and ``login``.
        """
        who = self.current().operator
        self._authentic(who.name, before)
        if before == after:
            raise BadInput("PASSWORD_WEAK", shortest=operators.SHORTEST)
        kept = {"password": self._book.protect(after), "initial": 0}
        other = (operator_session.c.name == who.name) & (
            operator_session.c.token != sha256(self._token()).digest()
        )
        with self._database.writing() as connection:
            connection.execute(update(operator).where(operator.c.name == who.name).values(kept))
            connection.execute(delete(operator_session).where(other))
            self._log(connection, who, "password")

    def _authentic(self, name: str, password: str) -> Operator:
        """Count a try, then hold the password to what is kept."""
        with self._database.writing() as connection:
            row = connection.execute(_ONE, {"of": name}).first()
            left = self._count(connection, row) if row else 0
        if left:
            raise Refused("OPERATOR_LOCKED", minutes=-(-left // 60))
        right = passwords.fits(password, row.password if row else _NOBODY)
        if row is None:
            raise Refused("OPERATOR_UNKNOWN")
        who = operators.read(row)
        with self._database.writing() as connection:
            if right:
                calm = {"failures": 0, "locked_until": 0}
                connection.execute(update(operator).where(operator.c.name == name).values(calm))
            else:
                self._log(connection, who, "login", "OPERATOR_UNKNOWN")
        if not right:
            raise Refused("OPERATOR_UNKNOWN")
        return who

    def _count(self, connection: Connection, row: Any) -> int:
        """Note a try as failed until it is known better; tell how long somebody is shut out."""
        now = self._clock.now()
        left = max(0, row.locked_until - now)
        if left:
            self._log(connection, operators.read(row), "login", "OPERATOR_LOCKED")
            return int(left)
        failures = row.failures + 1
        tried = {"failures": failures, "locked_until": now + wait(failures)}
        connection.execute(update(operator).where(operator.c.name == row.name).values(tried))
        return 0

    def _log(self, connection: Connection, who: Operator, about: str, refused: str = "") -> None:
        event = OperatorActed(
            operator=who.name,
            role=who.role.value,
            action=Action.SESSION.value,
            cases=(),
            about=about,
            refused=refused,
        )
        append(connection, [Entry(kinds.write(event, self._clock.now()))])

    def _write(self, token: bytes) -> None:
        path = self._place.file()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            keyfile.write_private(path, token.hex().encode())
        except OSError as e:
            raise BadInput("FILE_UNWRITABLE", file=path.name, folder=path.parent.name) from e

    def _token(self) -> bytes:
        try:
            return bytes.fromhex(keyfile.read_private(self._place.file()).decode("ascii"))
        except ValueError as e:
            raise Refused("SESSION_MISSING") from e
        except BadInput as e:
            if e.code != "KEY_FILE_MISSING":
                raise
            raise Refused("SESSION_MISSING") from e
