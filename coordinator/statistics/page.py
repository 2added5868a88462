"""Statistics as one page that needs nothing else: for the screen, and for paper on the wall.

Knows HTML and words; the page itself is ``data/statistics.html``. It holds counts and nobody's
names, so it may be shown to anybody.
"""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Final

from coordinator.statistics import charts
from coordinator.statistics.columns import (
    CHECKS,
    OUTCOMES,
    Column,
    Form,
    Naming,
    difference,
    period_name,
    title,
)
from coordinator.statistics.figures import Coverage, Figures, Part, Statistics, both
from coordinator.statistics.files import coverage_titles, coverage_values
from federation import pages

_TITLES: Final = {
    "checks_title": ("核对", "Checks"),
    "outcomes_title": ("核实、异议与结果", "Feedback, objections and outcomes"),
    "coverage_title": ("双百:新申请与在保户核对覆盖", "Two hundreds: coverage of new and existing"),
    "charts_title": ("图", "Charts"),
}
_FOOTER_ZH: Final = (
    "户次:一案一次家庭核对;人次:其中每人计一次;人数:同一人只计一次。有效信息是需核实的事项,不是结论。"
    "本页由 hedui stats 依据登记的核对生成,不含任何个人信息。"
)
_FOOTER_EN: Final = (
    "Household-times: a household's check in one case; person-times: each of its people once;"
    " people: everybody once. Hits are to be looked into and no decisions. Made by hedui stats"
    " from the register of checks; no personal data."
)
_TILES: Final = ("households", "persons", "hit_rate", "in_time", "precision", "feedback")
_MOST: Final = 20
"""Areas of the ranking."""


def write(one: Statistics, coverage: Sequence[Coverage], naming: Naming) -> str:
    """Write the page."""
    return pages.template("coordinator", "data", "statistics.html").substitute(
        {name: escape(naming.pick(*pair)) for name, pair in _TITLES.items()},
        lang="zh-CN" if naming.lang == "zh" else "en",
        title=escape(title(one, naming)),
        subject=escape(_subject(one, naming)),
        tiles="".join(_tile(one.total, name, naming) for name in _TILES),
        differences=_differences(one, naming),
        checks=_figures(one, CHECKS, naming),
        outcomes=_figures(one, OUTCOMES, naming),
        coverage=_coverage(coverage, naming),
        charts=_charts(one, naming),
        footer=escape(naming.pick(_FOOTER_ZH, _FOOTER_EN)),
    )


def _subject(one: Statistics, naming: Naming) -> str:
    before = period_name(one.period.before, naming)
    if one.change is None:
        return naming.pick(f"{before} 无核对", f"no checks in {before}")
    return naming.pick(
        f"户次较 {before}({one.before.households:,})增减 {one.change:+.1%}",
        f"household-times against {before} ({one.before.households:,}): {one.change:+.1%}",
    )


def _tile(figures: Figures, name: str, naming: Naming) -> str:
    column = next(each for each in CHECKS + OUTCOMES if each.name == name)
    said = escape(column.title(naming.lang))
    return f'<div class="tile"><b>{escape(column.text(figures))}</b>{said}</div>'


def _differences(one: Statistics, naming: Naming) -> str:
    lines = "<br>".join(f"▲ {escape(difference(each, naming))}" for each in one.differences)
    return f'<p class="differ">{lines}</p>' if lines else ""


def _figures(one: Statistics, columns: Sequence[Column], naming: Naming) -> str:
    head = (naming.by(one.by), *(column.title(naming.lang) for column in columns))
    rows = [
        (naming.part(one.by, part.key), *(column.text(part.figures) for column in columns))
        for part in one.parts
    ]
    return _table(head, rows, (naming.total, *(column.text(one.total) for column in columns)))


def _coverage(coverage: Sequence[Coverage], naming: Naming) -> str:
    def row(name: str, one: Coverage) -> tuple[str, ...]:
        values = coverage_values(one)
        return name, *(
            "–"
            if value is None
            else (Form.SHARE if place in {2, 5} else Form.COUNT).value.format(value)
            for place, value in enumerate(values)
        )

    rows = [row(naming.part("programme", one.key), one) for one in coverage]
    head = (naming.by("programme"), *coverage_titles(naming))
    return _table(head, rows, row(naming.total, both(coverage)))


def _charts(one: Statistics, naming: Naming) -> str:
    households, persons = CHECKS[0], CHECKS[1]
    drawn = [
        _chart(
            charts.bars,
            _bars(one.parts, households, naming, one.by),
            _by(households, one.by, naming),
        ),
        _chart(charts.columns, _months(one.months), _by(persons, "month", naming)),
    ]
    if one.by != "area":
        ranked = sorted(one.areas, key=lambda part: (-part.figures.households, part.key))[:_MOST]
        areas = _bars(ranked, households, naming, "area")
        drawn.append(_chart(charts.bars, areas, _by(households, "area", naming)))
    return "".join(drawn)


def _by(column: Column, by: str, naming: Naming) -> str:
    """Name a chart by its figure and what that is broken down by."""
    return f"{column.title(naming.lang)} / {naming.by(by)}"


def _chart(
    draw: Callable[[Sequence[charts.Bar], str], str], some: Sequence[charts.Bar], name: str
) -> str:
    return f'<div><p class="small">{escape(name)}</p>{draw(some, name)}</div>'


def _bars(parts: Iterable[Part], column: Column, naming: Naming, by: str) -> list[charts.Bar]:
    return [
        (naming.part(by, part.key), part.figures.households, column.text(part.figures))
        for part in parts
        if part.figures.households
    ]


def _months(parts: Iterable[Part]) -> list[charts.Bar]:
    return [(one.key[2:], one.figures.persons, f"{one.figures.persons:,}") for one in parts]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], last: Iterable[str]) -> str:
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    body = "".join(_row(row) for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}{_row(last, 'total')}</tbody></table>"


def _row(cells: Iterable[str], kind: str = "") -> str:
    inside = "".join(f"<td>{escape(one)}</td>" for one in cells)
    return f'<tr class="{kind}">{inside}</tr>' if kind else f"<tr>{inside}</tr>"
