"""Which characters a font can show: rare ones of names are not in every font.

Knows the table ``cmap`` of OpenType, format 12: all of Unicode. Reads nothing else of a font.
"""

from functools import cache
from pathlib import Path
from struct import unpack_from
from typing import Final

GETA: Final = "〓"
"""Stands, as printers have it, for a character that no font here has."""
_FULL: Final = {(3, 10), (0, 4), (0, 6)}
"""Platforms and encodings of a map of all of Unicode."""


def printable(text: str, fonts: tuple[Path, ...]) -> str:
    """Put 〓 for every character that one of the fonts lacks; line ends stay."""
    known = frozenset.intersection(*map(covered, fonts))
    return "".join(c if ord(c) in known or c == "\n" else GETA for c in text)


@cache
def covered(font: Path) -> frozenset[int]:
    """Read which code points a font has a glyph for."""
    data = font.read_bytes()
    (tables,) = unpack_from(">H", data, 4)
    entries = (unpack_from(">4sLLL", data, 12 + 16 * i) for i in range(tables))
    start = next(offset for tag, _, offset, _ in entries if tag == b"cmap")
    (maps,) = unpack_from(">H", data, start + 2)
    found: set[int] = set()
    for i in range(maps):
        platform, encoding, offset = unpack_from(">HHL", data, start + 4 + 8 * i)
        if (platform, encoding) in _FULL:
            found |= _format_12(data, start + offset)
    return frozenset(found)


def _format_12(data: bytes, at: int) -> set[int]:
    kind, _, _, _, groups = unpack_from(">HHLLL", data, at)
    if kind != 12:  # noqa: PLR2004 - the format's number
        return set()
    spans = (unpack_from(">LLL", data, at + 16 + 12 * i) for i in range(groups))
    return {code for first, last, _ in spans for code in range(first, last + 1)}
