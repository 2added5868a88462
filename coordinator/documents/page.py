"""A paper as one HTML page that needs nothing else: for the screen and for a browser's printer.

Knows HTML; the page itself is ``templates/page.html``. Whatever a paper says is escaped. Does not
know what it says.
"""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Final

from coordinator.documents.paper import Block, Paper
from federation import pages


def write(paper: Paper) -> str:
    """Write a paper as a page."""
    return pages.template("coordinator.documents", "templates", "page.html").substitute(
        lang="zh-CN" if paper.lang == "zh" else "en",
        title=escape(paper.title),
        subtitle=escape(paper.subtitle),
        mark=escape(paper.mark),
        foot=escape(paper.foot),
        size=f"{paper.size:g}",
        blocks="\n".join(_SHOWN[one["kind"]](one) for one in paper.blocks),
    )


def _tag(name: str, words: str, kind: str = "") -> str:
    opening = f'{name} class="{kind}"' if kind else name
    return f"<{opening}>{escape(words)}</{name}>"


def _heading(block: Block) -> str:
    return _tag("h2", block["text"])


def _paragraph(block: Block) -> str:
    return _tag("p", block["text"], block["kind"])


def _lines(block: Block) -> str:
    return f"<ol>{''.join(_tag('li', item) for item in block['items'])}</ol>"


def _facts(block: Block) -> str:
    pairs: Sequence[Sequence[str]] = block["pairs"]
    rows = (pairs[i : i + 2] for i in range(0, len(pairs), 2))
    return _table("facts", "", (_fact_row(row) for row in rows))


def _fact_row(row: Iterable[Sequence[str]]) -> str:
    return "".join(f"{_tag('th', label)}{_tag('td', value)}" for label, value in row)


def _grid(block: Block) -> str:
    count = len(block["titles"])
    head = "".join(_tag("th", title) for title in block["titles"])
    return _table(block["kind"], head, (_row(row, count) for row in block["rows"]))


def _row(row: Sequence[str], count: int) -> str:
    if len(row) == 1:
        return f'<th class="group" colspan="{count}">{escape(row[0])}</th>'
    return "".join(_tag("td", cell) for cell in row)


def _table(kind: str, head: str, rows: Iterable[str]) -> str:
    top = f"<thead><tr>{head}</tr></thead>" if head else ""
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<table class="{kind}">{top}<tbody>{body}</tbody></table>'


def _places(block: Block) -> str:
    return f'<div class="places">{"".join(_tag("div", words) for words in block["labels"])}</div>'


_SHOWN: Final[dict[str, Callable[[Block], str]]] = {
    "heading": _heading,
    "text": _paragraph,
    "address": _paragraph,
    "boxed": _paragraph,
    "small": _paragraph,
    "digest": _paragraph,
    "lines": _lines,
    "facts": _facts,
    "grid": _grid,
    "form": _grid,
    "places": _places,
}
