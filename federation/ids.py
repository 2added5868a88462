"""Resident numbers and names in their one canonical form.

Knows the shape of an 18-character resident number (GB 11643-1999), its ISO 7064 MOD 11-2 check
digit and the ways in which files spoil it. Deliberately does not know today's date, whether an area
code still exists, or whose number it is: no number and no name ever stands in an error.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from operator import mul
from typing import Literal, NewType

from federation.errors import BadInput

PersonId = NewType("PersonId", str)

DEMONSTRATION_PROVINCE = "79"
"""No province of GB/T 2260 bears this code, so a demonstration never meets a real person."""

_PROVINCE_TEXT = (
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65"
    " 71 81 82"
)  # GB/T 2260, first two digits
_PROVINCES = frozenset(_PROVINCE_TEXT.split()) | {DEMONSTRATION_PROVINCE}
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"

_TEXT_LIMIT = 256  # characters looked at; a longer cell is neither a number nor a name
_NAME_LIMIT = 64
_FIRST_GENERATION = 15  # characters of a number: two digits of the year, no check digit
_SECOND_GENERATION = 18
_CANONICAL = re.compile(r"[0-9]{17}[0-9X]")
_SPREADSHEET = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)|[0-9]+\.[0-9]*")
_APOSTROPHES = "'\u2018\u2019\uff07"
# A tab before a number is an exporter's way to keep a spreadsheet from rounding it.
_NUMBER_SPACES = "\t\r\n"
_INVISIBLE = "\u200b\u2060\ufeff"
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_MIDDLE_DOTS = dict.fromkeys(map(ord, "·•・‧∙⋅･᛫⸱ꞏ"), "\u00b7")


class Notice(StrEnum):
    """What was put right, or is worth a look, in a number that is accepted."""

    FIFTEEN_DIGITS = "FIFTEEN_DIGITS"
    LOWER_X = "LOWER_X"
    FULL_WIDTH = "FULL_WIDTH"
    SPACES = "SPACES"
    APOSTROPHE = "APOSTROPHE"
    AREA_UNUSUAL = "AREA_UNUSUAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canonical:
    """An accepted number and what was noticed on the way, in the order of ``Notice``."""

    id: PersonId = field(repr=False)
    notices: tuple[Notice, ...]


def canonical_id(text: str) -> Canonical:
    """Bring a resident number into its canonical form (protocol §2).

    Raises:
        BadInput: ``ID_EMPTY``, ``ID_SPREADSHEET``, ``ID_LENGTH``, ``ID_CHARACTERS``, ``ID_DATE`` or
            ``ID_CHECK_DIGIT``; the details hold positions and lengths, never the number.
    """
    notices: set[Notice] = set()
    number = text if _CANONICAL.fullmatch(text) else _normalised(text, notices)
    if len(number) == _FIRST_GENERATION:
        notices.add(Notice.FIFTEEN_DIGITS)
        first17 = number[:6] + "19" + number[6:]
        number = first17 + check_digit(first17)
    _birth_date(number)
    if number[17] != check_digit(number[:17]):
        raise BadInput("ID_CHECK_DIGIT", position=18)
    if number[:2] not in _PROVINCES:
        notices.add(Notice.AREA_UNUSUAL)
    return Canonical(id=PersonId(number), notices=_ordered(notices))


def check_digit(first17: str) -> str:
    """Compute the eighteenth character from the first seventeen digits (ISO 7064 MOD 11-2)."""
    return _CHECK_DIGITS[sum(map(mul, _WEIGHTS, map(int, first17))) % 11]


def birth_date(person: PersonId) -> date:
    """Read the date of birth from a canonical number."""
    return _birth_date(person)


def sex(person: PersonId) -> Literal["male", "female"]:
    """Read the sex from a canonical number: the seventeenth digit is odd for men."""
    return "male" if int(person[16]) % 2 else "female"


def is_demonstration(person: PersonId) -> bool:
    """Tell whether a canonical number belongs to the demonstration's invented people."""
    return person.startswith(DEMONSTRATION_PROVINCE)


def normal_name(text: str) -> str:
    """Bring a name into the form whose pseudonym is compared: NFKC, no spaces, one middle dot.

    Raises:
        BadInput: ``NAME_EMPTY``, ``NAME_LENGTH`` or ``NAME_CHARACTERS``; the details hold a
            position or a length, never the name.
    """
    if len(text) > _TEXT_LIMIT:
        raise BadInput("NAME_LENGTH", length=len(text), limit=_NAME_LIMIT)
    for position, char in enumerate(text, 1):
        if _forbidden_in_name(char):
            raise BadInput("NAME_CHARACTERS", position=position)
    compatible = unicodedata.normalize("NFKC", text)
    joined = "".join(char for char in compatible if not _is_space(char))
    # Once more, because a mark may have come to stand behind its letter.
    name = unicodedata.normalize("NFKC", joined.translate(_MIDDLE_DOTS))
    if not name:
        raise BadInput("NAME_EMPTY")
    if len(name) > _NAME_LIMIT:
        raise BadInput("NAME_LENGTH", length=len(name), limit=_NAME_LIMIT)
    return name


def _normalised(text: str, notices: set[Notice]) -> str:
    """Undo what files do to a number: fifteen digits, or eighteen characters, remain."""
    if len(text) > _TEXT_LIMIT:
        raise BadInput("ID_LENGTH", length=len(text))
    number = _without_spaces(text, notices)
    if number[:1] and number[0] in _APOSTROPHES:
        notices.add(Notice.APOSTROPHE)
        number = number[1:]
    narrow = number.translate(_FULL_WIDTH)
    if narrow != number:
        notices.add(Notice.FULL_WIDTH)
    if not narrow:
        raise BadInput("ID_EMPTY")
    if _SPREADSHEET.fullmatch(narrow):
        raise BadInput("ID_SPREADSHEET")
    if narrow.endswith("x"):
        notices.add(Notice.LOWER_X)
        narrow = narrow[:-1] + "X"
    _check_shape(narrow)
    return narrow


def _check_shape(number: str) -> None:
    for position, char in enumerate(number, 1):
        closing_x = char == "X" and position == len(number) != _FIRST_GENERATION
        if char not in "0123456789" and not closing_x:
            raise BadInput("ID_CHARACTERS", position=position)
    if len(number) not in {_FIRST_GENERATION, _SECOND_GENERATION}:
        raise BadInput("ID_LENGTH", length=len(number))


def _without_spaces(text: str, notices: set[Notice]) -> str:
    kept = "".join(char for char in text if not (_is_space(char) or char in _NUMBER_SPACES))
    if kept != text:
        notices.add(Notice.SPACES)
    return kept


def _is_space(char: str) -> bool:
    return char in _INVISIBLE or unicodedata.category(char) == "Zs"


def _forbidden_in_name(char: str) -> bool:
    """Refuse what cannot be seen or encoded, and the bar that parts a name from its number."""
    if char in _INVISIBLE:
        return False
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or char in "|\uff5c"


def _birth_date(number: str) -> date:
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError as error:
        raise BadInput("ID_DATE", position=7) from error


def _ordered(notices: set[Notice]) -> tuple[Notice, ...]:
    return tuple(notice for notice in Notice if notice in notices) if notices else ()
