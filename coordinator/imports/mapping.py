"""Which column of a case list is which field, and which word stands for which value.

Knows the fields, the guesses of ``data/imports.toml`` and what a mapping file says. Does not know
any row. What somebody says goes before what is guessed.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

from federation.errors import BadInput, Said

OWN: Final = ("行号 row", "代码 code", "原因 reason")
"""Columns of a list of rejects: no fields, and left out when it is imported again."""
OF_HOUSEHOLD: Final = (
    *("programme", "trigger", "area", "commission", "operator"),
    *("members", "declared_yuan"),
)
"""Fields that belong to a household; a value for all rows can stand for a column."""
OF_PERSON: Final = ("id", "name", "relation", "role", "method", "signer", "evidence")
"""Fields that belong to a person."""
FIELDS: Final = ("household", *OF_HOUSEHOLD, *OF_PERSON)
_NEEDED: Final = ("household", "id", "name", "relation")
_BRACKETS: Final = re.compile(r"\([^()]*\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody says: fields by heading, and values for every row by field."""

    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)

    def over(self, other: "Wanted") -> "Wanted":
        """Put this before another."""
        return Wanted(
            columns={**other.columns, **self.columns}, values={**other.values, **self.values}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What a list's columns are: places by field, and values that stand for a column.

    ``guessed`` are fields that nobody has named; ``left_out`` headings that are no field.
    """

    width: int
    places: Mapping[str, int]
    values: Mapping[str, str]
    guessed: frozenset[str]
    left_out: tuple[str, ...]


def read_file(data: bytes) -> Wanted:
    """Read a mapping file: ``[columns]`` heading = field, ``[values]`` field = value.

    Raises:
        BadInput: IMPORT_MAPPING.
    """
    try:
        raw = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise _wrong("对应表不是 UTF-8 的 TOML 文件", "the file is no TOML in UTF-8") from e
    if raw.keys() - {"columns", "values"}:
        raise _wrong("对应表只有 [columns] 和 [values]", "the file has [columns] and [values] only")
    return Wanted(columns=_texts(raw, "columns"), values=_texts(raw, "values"))


def read_words(maps: Iterable[str], sets: Iterable[str]) -> Wanted:
    """Read what stands on a command line: ``COLUMN=FIELD`` and ``FIELD=VALUE``.

    Raises:
        BadInput: IMPORT_MAPPING.
    """
    pairs = [(word.rpartition("="), word) for word in maps]
    fixed = [(word.partition("="), word) for word in sets]
    for (left, sign, right), word in [*pairs, *fixed]:
        if not (left.strip() and sign and right.strip()):
            raise _wrong(f"“{word[:64]}”应为“左=右”", f"“{word[:64]}” is not LEFT=RIGHT")
    return Wanted(
        columns={left.strip(): right.strip() for (left, _, right), _ in pairs},
        values={left.strip(): right.strip() for (left, _, right), _ in fixed},
    )


def columns(header: Sequence[str], wanted: Wanted) -> Columns:
    """Find each field's column: as somebody says, else by its heading.

    Raises:
        BadInput: IMPORT_MAPPING for an unknown field or heading, a field of two columns, or a
            needed field that no column is.
    """
    places = _said(header, wanted)
    guessed = _guessed(header, {*places, *wanted.values}, set(places.values()))
    found = places | guessed
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        names, there = ", ".join(missing), ", ".join(header)
        raise _wrong(f"没有 {names} 列;现有:{there}", f"no column is {names}; there are: {there}")
    used = set(found.values())
    return Columns(
        width=len(header),
        places=found,
        values=dict(wanted.values),
        guessed=frozenset(guessed),
        left_out=tuple(
            name for place, name in enumerate(header) if place not in used and name not in OWN
        ),
    )


def value(name: str, word: str) -> str | None:
    """Give the value that a word stands for in a field; None if it is not known."""
    return _words()[name].get(_plain(word))


def _said(header: Sequence[str], wanted: Wanted) -> dict[str, int]:
    places: dict[str, int] = {}
    by_name = {_plain(name): place for place, name in enumerate(header)}
    for heading, name in wanted.columns.items():
        if name not in FIELDS:
            fields = ", ".join(FIELDS)
            raise _wrong(f"没有字段 {name[:64]};有:{fields}", f"{name[:64]} is none of {fields}")
        if _plain(heading) not in by_name:
            raise _wrong(f"没有“{heading[:64]}”列", f"there is no column “{heading[:64]}”")
        if name in places:
            raise _wrong(f"{name} 有两列", f"{name} is two columns")
        places[name] = by_name[_plain(heading)]
    if len(set(places.values())) != len(places):
        raise _wrong("一列不能是两个字段", "one column cannot be two fields")
    for name in wanted.values:
        if name not in OF_HOUSEHOLD:
            fixed = ", ".join(OF_HOUSEHOLD)
            raise _wrong(f"{name[:64]} 不能统一设值", f"only {fixed} can be set for all rows")
    return places


def _guessed(header: Sequence[str], said: set[str], taken: set[int]) -> dict[str, int]:
    """Guess the fields that nobody has named; of several columns the first."""
    found: dict[str, int] = {}
    for place, name in enumerate(header):
        guess = _headings().get(_plain(name)) or _headings().get(_bare(name))
        if guess and place not in taken and guess not in said and guess not in found:
            found[guess] = place
    return found


def _plain(text: str) -> str:
    """Fold what people write in several ways: widths, blanks, hyphens, upper and lower case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if not (char.isspace() or char in "_-、/"))


def _bare(heading: str) -> str:
    return _BRACKETS.sub("", _plain(heading))


@cache
def _data() -> dict[str, Any]:
    text = resources.files("coordinator").joinpath("data", "imports.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _headings() -> dict[str, str]:
    return {
        _plain(word): name for name, some in _data()["headings"].items() for word in [name, *some]
    }


@cache
def _words() -> dict[str, dict[str, str]]:
    return {
        name: {_plain(word): one for one, some in values.items() for word in [one, *some]}
        for name, values in _data()["words"].items()
    }


def _texts(raw: Mapping[str, Any], name: str) -> dict[str, str]:
    rows = raw.get(name, {})
    if not isinstance(rows, dict) or not all(isinstance(one, str) for one in rows.values()):
        raise _wrong(f"[{name}] 应为文字表", f"[{name}] is not a table of texts")
    return dict(rows)


def _wrong(zh: str, en: str) -> BadInput:
    return BadInput("IMPORT_MAPPING", why=Said(zh, en))
