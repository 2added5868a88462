"""Open the registrar's state beside a running registrar, for who looks after its machine.

Knows where the file lies. Opens no key: who counts or revokes needs no passphrase.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from federation import party as installation
from federation.errors import BadInput
from registrar.store import FILE, Store


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """Open the state of an installation.

    Raises:
        BadInput: FILE_MISSING or SETTINGS_INVALID.
    """
    settings = installation.read_settings(folder)
    path = folder / str(settings.get("data", "data")) / FILE
    if not path.exists():
        raise BadInput("FILE_MISSING", file=FILE, folder=folder.name)
    with closing(Store(path)) as store:
        yield store
