"""Reading the project's own TOML tables without forgiving anything.

Knows how to take each key of a table once, with its type, and to call whatever is left over an
error. Does not know what any key means, nor signed or received documents.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import TypeVar, cast

from federation.errors import BadInput, Said

E = TypeVar("E", bound=StrEnum)


class Fields:
    """One TOML table being read; ``code`` and ``where`` go into every complaint."""

    def __init__(self, table: object, *, code: str, where: str) -> None:
        self.code = code
        self.where = where
        if not isinstance(table, Mapping):
            raise self.fault("not a table")
        self._left: dict[str, object] = dict(table)

    def fault(self, why: str | Said) -> BadInput:
        """Make the error for something wrong in this table."""
        return BadInput(self.code, where=self.where, why=why)

    def has(self, key: str) -> bool:
        """Tell whether a key is there and not yet taken."""
        return key in self._left

    def _take(self, key: str, kind: type[object]) -> object:
        if key not in self._left:
            raise self.fault(f"{key} is missing")
        value = self._left.pop(key)
        if type(value) is not kind:  # a TOML boolean is not an integer here
            raise self.fault(f"{key} is not of type {kind.__name__}")
        return value

    def text(self, key: str, *, blank: bool = False, longest: int = 200) -> str:
        """Take a string without blanks around it; empty only where ``blank`` allows it."""
        value = str(self._take(key, str))
        if value != value.strip() or not value.isprintable():
            raise self.fault(f"{key} has blanks around it or control characters")
        if not value and not blank:
            raise self.fault(f"{key} is empty")
        if len(value) > longest:
            raise self.fault(f"{key} is longer than {longest} characters")
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        """Take an integer between ``low`` and ``high``, both included."""
        value = self._take(key, int)
        if not isinstance(value, int) or not low <= value <= high:
            raise self.fault(f"{key} is not between {low} and {high}")
        return value

    def integers(self, key: str, low: int, high: int) -> tuple[int, ...]:
        """Take a list of integers between ``low`` and ``high``, both included."""
        values: list[int] = []
        for value in self._list(key):
            if type(value) is not int or not low <= value <= high:
                raise self.fault(f"{key} holds something that is not between {low} and {high}")
            values.append(value)
        return tuple(values)

    def day(self, key: str) -> date:
        """Take a calendar day, written 2026-01-31 without quotes."""
        return cast("date", self._take(key, date))

    def mark(self, key: str) -> bool:
        """Take a mark, which is true where it stands and false where it does not."""
        if not self.has(key):
            return False
        if self._take(key, bool) is not True:
            raise self.fault(f"{key} is true or is not there")
        return True

    def member(self, key: str, kind: type[E]) -> E:
        """Take a string that is a member of a closed list."""
        return self._member(key, self.text(key, blank=True), kind)

    def members(self, key: str, kind: type[E]) -> tuple[E, ...]:
        """Take a list of different members of a closed list."""
        return tuple(self._member(key, word, kind) for word in self.texts(key))

    def _member(self, key: str, word: str, kind: type[E]) -> E:
        try:
            return kind(word)
        except ValueError as unknown:
            raise self.fault(f"{key} is none of {', '.join(kind)}") from unknown

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of different, non-empty strings."""
        words: list[str] = []
        for word in self._list(key):
            if not isinstance(word, str) or not word or word != word.strip():
                raise self.fault(f"{key} holds something that is not a plain word")
            if word in words:
                raise self.fault(f"{key} holds {word} twice")
            words.append(word)
        return tuple(words)

    def table(self, key: str) -> "Fields":
        """Take a table inside this one."""
        return Fields(self._take(key, dict), code=self.code, where=f"{self.where}.{key}")

    def tables(self, key: str) -> tuple["Fields", ...]:
        """Take a list of tables; absent means none."""
        if not self.has(key):
            return ()
        return tuple(
            Fields(one, code=self.code, where=f"{self.where}.{key}[{number}]")
            for number, one in enumerate(self._list(key), start=1)
        )

    def _list(self, key: str) -> list[object]:
        value = self._take(key, list)
        return list(value) if isinstance(value, Iterable) else []

    def done(self) -> None:
        """End the reading.

        Raises:
            BadInput: keys are left over that nobody asked for.
        """
        if self._left:
            raise self.fault(f"unknown: {', '.join(sorted(self._left))}")


def read_toml(text: str, *, code: str, where: str) -> Fields:
    """Read a TOML document as one table.

    Raises:
        BadInput: ``code``, when the text is not TOML (a repeated key is not).
    """
    try:
        return Fields(tomllib.loads(text), code=code, where=where)
    except tomllib.TOMLDecodeError as broken:
        raise BadInput(code, where=where, why=str(broken)) from broken
