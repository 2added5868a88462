"""A ladder drawn on one line: where the lines and edges lie that sort people.

Knows whole numbers, labels and columns. Does not know what they measure.
"""

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len

_START: Final = "├"
_MARK: Final = "┼"
_END: Final = "─▶"


def ladder(marks: Sequence[tuple[int, str]], width: int, most: int = 0) -> tuple[str, str]:
    """Draw rising marks to scale: their labels above, the line below.

    ``most`` is the value near the right end, the last mark unless it is greater: ladders drawn
    with one ``most`` can be compared. A mark that would touch the label before it moves right.
    """
    greatest = max(most, *(value for value, _ in marks), 1)
    labels, line = "", ""
    for value, label in marks:
        place = value * (width * 3 // 4) // greatest
        touching = cell_len(labels) + 1 if labels else 0
        place = max(place, touching, min(value, 1))  # the start is nought's alone
        labels += " " * (place - cell_len(labels)) + label
        line += "─" * (place - len(line)) + _MARK
    line = _START + line[1:] if line else _START
    rest = max(width, cell_len(labels)) - len(line) - len(_END)
    return labels, f"{line}{'─' * rest}{_END}"
