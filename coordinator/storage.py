"""Where the centre's state lies: its database, opened for this process alone, with its secrets.

Knows the settings of the database, the file or variable with its password, and the key that seals
what is about people. Does not know what lies in the tables.

A password is never in the settings' text, and so in no message about them; the driver gets it in
memory, not by an argument of a process.
"""

import os
from secrets import token_bytes
from typing import Final

from sqlalchemy import delete, insert, select

from coordinator.config import Settings
from coordinator.database import Database, open_database, url_of
from coordinator.schema import store_state
from crypto.cells import KEY_SIZE
from crypto.keys import SealCost
from federation import keyfile, party
from federation.errors import BadInput
from federation.party import Party

VARIABLE: Final = "HEDUI_DATABASE_PASSWORD"
KEY: Final = "case.key"
PURPOSE: Final = "hedui/case-data"
PLAIN, UNDER_WAY, SEALED = range(3)
"""How far the sealing of the database has come, as ``store_state.sealed`` has it."""


def opened(by: Party, settings: Settings, version: str = "head") -> Database:
    """Open the database as it is, migrated to a version; its cells may be sealed in part.

    Raises:
        BadInput: as ``open_database`` and ``keyfile.load``.
        Unavailable: DATABASE_UNAVAILABLE.
    """
    return open_database(
        url_of(settings.database, by.data),
        password=_password(by, settings),
        key=by.secret(KEY, PURPOSE) if has_key(by) else b"",
        alone=True,
        version=version,
    )


def ready(by: Party, settings: Settings) -> Database:
    """Open the database, whose cells must be sealed all or none.

    Raises:
        BadInput: CASE_KEY_MISSING, SEALING_UNFINISHED; as ``opened``.
        Unavailable: DATABASE_UNAVAILABLE.
    """
    database = opened(by, settings)
    try:
        _check_sealed(state(database), key=has_key(by))
    except BaseException:
        database.close()
        raise
    return database


def has_key(by: Party) -> bool:
    """Tell whether what is about people is to be sealed."""
    return (by.folder / KEY).exists()


def make_key(by: Party) -> None:
    """Draw the key, sealed under the party's passphrase, unless there is one."""
    if not has_key(by):
        secret = party.passphrase(by.folder)
        keyfile.save(
            by.folder / KEY,
            token_bytes(KEY_SIZE),
            secret,
            purpose=PURPOSE,
            cost=SealCost.INTERACTIVE,
        )


def state(database: Database) -> int:
    """Tell how far the sealing has come."""
    with database.reading() as connection:
        return connection.scalar(select(store_state.c.sealed)) or PLAIN


def set_state(database: Database, sealed: int) -> None:
    """Note how far the sealing has come."""
    with database.writing() as connection:
        connection.execute(delete(store_state))
        connection.execute(insert(store_state), {"one": 1, "sealed": sealed})


def _check_sealed(sealed: int, *, key: bool) -> None:
    if sealed != PLAIN and not key:
        raise BadInput("CASE_KEY_MISSING")
    if key and sealed != SEALED:
        raise BadInput("SEALING_UNFINISHED")


def _password(by: Party, settings: Settings) -> str:
    if settings.database_password:
        held = keyfile.read_private(by.folder / settings.database_password)
        return held.decode("utf-8", "surrogateescape").strip()
    return os.environ.get(VARIABLE, "")
