"""A paper of the centre as a list of blocks: what stands on it, not what it looks like.

Pure. ``typesetting`` makes a PDF of it, ``page`` an HTML page; both read the same plain values, so
that a paper that was kept is printed again as it was. Does not know cases or reports.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

Block = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One printed paper. ``mark`` stands at the head of every page, ``foot`` below, ``size`` pt."""

    lang: str
    title: str
    subtitle: str
    mark: str
    foot: str
    day: date
    blocks: tuple[Block, ...] = field(repr=False)
    size: float = 10.5

    def to_json(self) -> dict[str, Any]:
        """Write it as plain values; the size in tenths of a point."""
        return {
            "lang": self.lang,
            "title": self.title,
            "subtitle": self.subtitle,
            "mark": self.mark,
            "foot": self.foot,
            "day": self.day.isoformat(),
            "blocks": list(self.blocks),
            "size": round(self.size * 10),
        }

    def reworded(self, change: Callable[[str], str]) -> "Paper":
        """Exchange every text on it."""
        return replace(
            self,
            title=change(self.title),
            subtitle=change(self.subtitle),
            mark=change(self.mark),
            foot=change(self.foot),
            blocks=tuple(_reworded(one, change) for one in self.blocks),
        )


def of_json(values: dict[str, Any], digest: str) -> Paper:
    """Read what ``to_json`` wrote, and print the digest where the paper has a place for it."""
    blocks = (
        {**one, "text": f"{one['text']}{digest}"} if one["kind"] == "digest" else one
        for one in values["blocks"]
    )
    return Paper(
        lang=values["lang"],
        title=values["title"],
        subtitle=values["subtitle"],
        mark=values["mark"],
        foot=values["foot"],
        day=date.fromisoformat(values["day"]),
        blocks=tuple(blocks),
        size=values["size"] / 10,
    )


def heading(text: str) -> Block:
    """Head a section."""
    return {"kind": "heading", "text": text}


def text(words: str) -> Block:
    """Put a paragraph."""
    return {"kind": "text", "text": words}


def address(words: str) -> Block:
    """Say to whom a letter goes."""
    return {"kind": "address", "text": words}


def boxed(words: str) -> Block:
    """Put a paragraph that must not be missed into a frame."""
    return {"kind": "boxed", "text": words}


def small(words: str) -> Block:
    """Put a paragraph in smaller type."""
    return {"kind": "small", "text": words}


def digest(label: str) -> Block:
    """Leave a place for the digest of what the paper says."""
    return {"kind": "digest", "text": label}


def lines(items: Iterable[str]) -> Block:
    """Put sentences, numbered."""
    return {"kind": "lines", "items": list(items)}


def facts(pairs: Sequence[tuple[str, str]]) -> Block:
    """Put labels beside what they name, two pairs a row."""
    return {"kind": "facts", "pairs": [list(pair) for pair in pairs]}


def group(text: str) -> list[str]:
    """Give a row of a grid that heads those below it."""
    return [text]


def grid(titles: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]]) -> Block:
    """Put a table; ``widths`` share the paper's, 0 takes what it needs; one cell is a group."""
    return {
        "kind": "grid",
        "titles": list(titles),
        "widths": list(widths),
        "rows": [list(row) for row in rows],
    }


def form(titles: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]]) -> Block:
    """Put a table whose rows are high enough to write and sign in."""
    return {**grid(titles, widths, rows), "kind": "form"}


def places(labels: Sequence[str]) -> Block:
    """Leave places to sign and seal, side by side."""
    return {"kind": "places", "labels": list(labels)}


def _reworded(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        kept = {key: _reworded(one, change) for key, one in value.items() if key != "kind"}
        return {**kept, "kind": value["kind"]}
    if isinstance(value, list):
        return [_reworded(one, change) for one in value]
    return change(value) if isinstance(value, str) else value
