"""What the centre remembers of its log outside of the database: its newest checkpoint.

Knows one small file in the data folder. So a database that was put back to an earlier state is
noticed before anybody is asked, as witnesses would notice it when the next checkpoint is cut.
"""

import json
from pathlib import Path
from typing import Final

from federation import keyfile
from federation.errors import Unavailable
from federation.log.book import Book, altered

FILE: Final = "log-seen.json"


class LogMemory:
    """The newest checkpoint that was ever cut here: size, time and root."""

    def __init__(self, data: Path) -> None:
        self._file = data / FILE

    def remember(self, book: Book) -> None:
        """Keep the newest checkpoint, durably, if it is newer than the one that is kept.

        Raises:
            Unavailable: LOG_ALTERED when the file cannot be read, or the book is behind it.
        """
        newest, seen = book.newest(), self._seen()
        self.check(book)
        if newest is not None and (seen is None or newest.size > seen[0]):
            value = {"size": newest.size, "at": newest.at, "root": newest.root.hex()}
            keyfile.write_private(self._file, json.dumps(value).encode())

    def check(self, book: Book) -> None:
        """Refuse a log that is older than what was seen, or another one.

        Raises:
            Unavailable: LOG_ALTERED with the row where it ends or differs.
        """
        seen = self._seen()
        if seen is None:
            return
        size, at, root = seen
        same = [one for one in book.kept(at, at) if (one.size, one.root.hex()) == (size, root)]
        if not same:
            raise altered(min(book.size(), size - 1))

    def behind(self, book: Book) -> int:
        """Tell how many rows were seen that the log does not have."""
        seen = self._seen()
        return max(seen[0] - book.size(), 0) if seen else 0

    def _seen(self) -> tuple[int, int, str] | None:
        try:
            value = json.loads(self._file.read_bytes())
            return int(value["size"]), int(value["at"]), str(value["root"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise Unavailable("LOG_ALTERED", row=FILE) from e
