"""Small charts as SVG that stands in a page: bars beside names, columns over months.

Pure. Every bar has its number beside it, so that nothing hangs on colour or length alone; no
scripts, no fonts, nothing from outside. Does not know what is drawn.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

Bar = tuple[str, int, str]
"""A name, a size, and the size as it is written."""

_NAME: Final = 150
_LONGEST: Final = 330
_ROW: Final = 24
_NUMBER: Final = 90
_HEIGHT: Final = 150
_TOP: Final = 18
_FOOT: Final = 22
_SLOT: Final = 46
_FILL: Final = "#2f6690"


def bars(some: Sequence[Bar], title: str) -> str:
    """Draw horizontal bars, one below the other."""
    most = max((size for _, size, _ in some), default=0) or 1
    rows = []
    for number, (name, size, written) in enumerate(some):
        top = number * _ROW
        long = _LONGEST * size / most
        middle = top + _ROW * 0.68
        rows.append(
            f'<text x="{_NAME - 8}" y="{middle:.1f}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{_NAME}" y="{top + 4}" width="{long:.1f}" height="{_ROW - 8}"'
            f' fill="{_FILL}"/>'
            f'<text x="{_NAME + long + 6:.1f}" y="{middle:.1f}">{escape(written)}</text>'
        )
    return _svg(_NAME + _LONGEST + _NUMBER, max(len(some), 1) * _ROW, title, rows)


def columns(some: Sequence[Bar], title: str) -> str:
    """Draw upright columns side by side on one line."""
    most = max((size for _, size, _ in some), default=0) or 1
    base = _TOP + _HEIGHT
    drawn = [f'<line x1="0" y1="{base}" x2="{_SLOT * len(some)}" y2="{base}" stroke="#111"/>']
    for number, (name, size, written) in enumerate(some):
        middle = _SLOT * (number + 0.5)
        high = _HEIGHT * size / most
        drawn.append(
            f'<rect x="{middle - 14:.1f}" y="{base - high:.1f}" width="28" height="{high:.1f}"'
            f' fill="{_FILL}"/>'
            f'<text x="{middle:.1f}" y="{base - high - 5:.1f}" text-anchor="middle">'
            f"{escape(written)}</text>"
            f'<text x="{middle:.1f}" y="{base + 16}" text-anchor="middle">{escape(name)}</text>'
        )
    return _svg(max(_SLOT * len(some), _SLOT), base + _FOOT, title, drawn)


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img"'
        f' aria-label="{escape(title)}"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
