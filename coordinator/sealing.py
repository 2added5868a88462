"""Columns about people, sealed in the database where the centre has a key for it.

Knows column types, and which engine has which key: what is written through an engine with a key is
sealed, what is read is opened; an engine without one writes plainly and refuses what is sealed.
Does not know where the key lies, nor how a database that was plain is sealed (``sealing_up``).

Sealed text begins with a mark that no text of ours has, so that plain and sealed cells can stand in
one column. What is empty stays empty: it tells nothing, and an erased cell is seen to be.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import cache
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Dialect, LargeBinary, Text
from sqlalchemy.types import TypeDecorator

from crypto.cells import Cells
from crypto.errors import BadElement
from federation.errors import BadInput

MARK: Final = "\x02hedui1:"
_BYTES_MARK: Final = MARK.encode()
_BY_DIALECT: Final[WeakKeyDictionary[Dialect, Callable[[str], Cells]]] = WeakKeyDictionary()


def use(dialect: Dialect, key: bytes) -> None:
    """Let an engine, of which this is the dialect, seal and open with a key of 32 bytes."""
    _BY_DIALECT[dialect] = cache(lambda place: Cells(key, place))


class SealedText(TypeDecorator[str]):
    """Text that is sealed where there is a key; a ``findable`` one is the same each time."""

    impl = Text
    cache_ok = True

    def __init__(self, place: str, *, findable: bool = False) -> None:
        """Take the name of the column, which is bound into what is sealed."""
        super().__init__()
        self.place = place
        self.findable = findable

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Seal what is written."""
        cells = _cells(dialect, self.place)
        if not value or cells is None:
            return value
        return MARK + b64encode(cells.seal(value.encode(), findable=self.findable)).decode()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        """Open what is read."""
        if type(value) is not str or not value.startswith(MARK):
            return value
        sealed = b64decode(value[len(MARK) :])
        return _opened(_cells(dialect, self.place), self.place, sealed).decode()


class SealedNumber(TypeDecorator[int]):
    """A whole number, kept as text, that is sealed where there is a key."""

    impl = Text
    cache_ok = True

    def __init__(self, place: str) -> None:
        """Take the name of the column, which is bound into what is sealed."""
        super().__init__()
        self.place = place
        self._text = SealedText(place)

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        """Seal what is written."""
        return None if value is None else self._text.process_bind_param(str(value), dialect)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:
        """Open what is read."""
        text = self._text.process_result_value(value, dialect)
        return None if text is None else int(text)


class SealedBytes(TypeDecorator[bytes]):
    """Bytes that are sealed where there is a key."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, place: str) -> None:
        """Take the name of the column, which is bound into what is sealed."""
        super().__init__()
        self.place = place

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Seal what is written."""
        cells = _cells(dialect, self.place)
        return _BYTES_MARK + cells.seal(value) if value and cells else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> bytes | None:
        """Open what is read."""
        held = bytes(value) if value is not None else b""
        if not held.startswith(_BYTES_MARK):
            return value
        return _opened(_cells(dialect, self.place), self.place, held[len(_BYTES_MARK) :])


def _cells(dialect: Dialect, place: str) -> Cells | None:
    of = _BY_DIALECT.get(dialect)
    return of(place) if of else None


def _opened(cells: Cells | None, place: str, sealed: bytes) -> bytes:
    if cells is None:
        raise BadInput("CASE_KEY_MISSING")
    try:
        return cells.open(sealed)
    except BadElement as e:
        raise BadInput("CASE_KEY_WRONG", column=place) from e
