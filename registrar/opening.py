"""Open the registrar's state beside a running registrar, for who looks after its machine.

Knows where the file lies. Opens no key: who counts or revokes needs no passphrase.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from federation import party as installation
from federation.clock import SystemClock
from federation.errors import BadInput
from federation.log.book import Book
from registrar.journal import Asked
from registrar.store import FILE, Store


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """Open the state of an installation.

    Raises:
        BadInput: FILE_MISSING, SETTINGS_INVALID or REGISTRAR_DATABASE_VERSION.
        Unavailable: LOG_UNAVAILABLE.
    """
    settings = installation.read_settings(folder)
    path = folder / str(settings.get("data", "data")) / FILE
    if not path.exists():
        raise BadInput("FILE_MISSING", file=FILE, folder=folder.name)
    with closing(Store(path)) as store:
        yield store


@contextmanager
def opened_log(folder: Path) -> Iterator[Book]:
    """Open the log of an installation.

    Raises:
        BadInput: as ``opened``.
    """
    with opened(folder) as store:
        yield store.book()


def operator(folder: Path) -> Asked:
    """Say for the log who asks: whoever looks after this machine acts for its party, now.

    Raises:
        BadInput: SETTINGS_INVALID.
    """
    party = str(installation.read_settings(folder)["party"])
    return Asked(by=party, at=SystemClock().now())
