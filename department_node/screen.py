"""How the department's commands lay things out: aligned, 100 columns wide, plain in a pipe.

Knows how wide characters are and where a Chinese or English line may break. Does not know what is
shown.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.cells import cell_len

from federation.terminal import WIDTH

GAP: Final = 2
_LEAST: Final = 20  # cells that a last column keeps, however wide the others are
# A line may break after a blank and around every Chinese character, but not before punctuation.
_CLOSING: Final = "\u3001\u3002\uff0c\uff1b\uff1a\uff1f\uff01\uff09\u201d\u300d\u300f\u300b,;:.)"
_PIECE: Final = re.compile(rf"(?:[^\s\u2e80-\uffef]+|[\u2e80-\uffef])[{_CLOSING}]*\s*|\s+")


def columns(rows: Iterable[Sequence[str]], indent: int = 0, width: int = WIDTH) -> str:
    """Align rows of equally many cells; a long last cell goes on below itself."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        return ""
    widths = [max(map(cell_len, column)) for column in list(zip(*cells, strict=True))[:-1]]
    start = indent + sum(widths) + GAP * len(widths)
    lines: list[str] = []
    for row in cells:
        head = "".join(_padded(cell, most) for cell, most in zip(row, widths, strict=False))
        for number, part in enumerate(fold(row[-1], max(width - start, _LEAST))):
            left = " " * indent + head if number == 0 else " " * start
            lines.append(f"{left}{part}".rstrip())
    return "\n".join(lines)


def fold(text: str, width: int) -> list[str]:
    """Cut a text into lines of at most ``width`` cells; a longer word is cut where it is full."""
    lines, line = [], ""
    for piece in _pieces(text, width):
        if line and cell_len((line + piece).rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return [*lines, line.rstrip()]


def _pieces(text: str, width: int) -> Iterator[str]:
    for found in _PIECE.findall(text):
        piece = found
        while cell_len(piece.rstrip()) > width:
            yield piece[: width // 2]
            piece = piece[width // 2 :]
        yield piece


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - cell_len(cell) + GAP)
