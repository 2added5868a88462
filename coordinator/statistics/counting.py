"""Count the register: a few aggregates that the database makes, whatever the number of lines.

Knows the statements. Memory is that of the groups, not of the lines. The total is counted by itself
and not from its parts, so that a breakdown can be held to it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
)

from coordinator.database import Database
from coordinator.schema_feedback import check_line, check_person, feedback_finding, feedback_task
from coordinator.statistics.figures import Coverage, Covered, Figures, Part, Statistics
from coordinator.statistics.layout import Layout
from coordinator.statistics.periods import Period, month_name


class By(StrEnum):
    """By what a total is broken down."""

    PROGRAMME = "programme"
    FAMILY = "family"
    AREA = "area"
    MONTH = "month"


Key = tuple[int, str, str]
"""Month, programme, area."""
_line = check_line.c
_EXITS: Final = or_(_line.granted > 0, _line.entry == 0)
_COUNTS: Final = {
    "households": func.count(),
    "persons": func.sum(_line.persons),
    "hits": func.sum(case((_line.findings > 0, 1), else_=0)),
    "findings": func.sum(_line.findings),
    "timed": func.sum(_line.timed),
    "late": func.sum(_line.late),
    "seconds": func.sum(_line.seconds),
    "objected": func.sum(_line.objected),
    "sustained": func.sum(_line.sustained),
}


class Counting:
    """Everything that is counted over the register."""

    def __init__(self, database: Database, layout: Layout) -> None:
        self._database = database
        self.layout = layout

    def statistics(
        self, period: Period, area: str = "", by: By = By.PROGRAMME, now: int = 0
    ) -> Statistics:
        """Count a period; of feedback, what is due by ``now`` (UTC seconds)."""
        with self._database.reading() as connection:
            cells = _cells(connection, period, area, now)
            checks = _total(connection, period, area)
            people = _people(connection, period, area, self._grouping(by))
            all_people = _people(connection, period, area, literal("")).get("", 0)
            before = _total(connection, period.before, area)
        parts = _fold(cells, self._key(by))
        every = sum_of(part.figures for part in parts)
        kept = {name: getattr(checks, name) for name in _COUNTS}
        order = list(self.layout.families) if by is By.FAMILY else []
        return Statistics(
            period=period,
            area=area,
            by=by.value,
            total=replace(every, **kept, people=all_people),
            parts=tuple(
                Part(key=one.key, figures=replace(one.figures, people=people.get(one.key, 0)))
                for one in sorted(parts, key=lambda part: _order(part.key, order))
            ),
            months=_every_month(period, _fold(cells, _by_month)),
            areas=_fold(cells, _by_area),
            before=before,
        )

    def coverage(self, period: Period, area: str = "") -> list[Coverage]:
        """Count by programme who was to be checked in a period, and who was."""
        with self._database.reading() as connection:
            new = {row[0]: (row[1], row[2]) for row in connection.execute(_new(period, area))}
            old = {row[0]: (row[1], row[2]) for row in connection.execute(_old(period, area))}
        return [
            Coverage(
                key=programme,
                new=_covered(new.get(programme)),
                existing=_covered(old.get(programme)),
            )
            for programme in sorted(new.keys() | old.keys())
        ]

    def _key(self, by: By) -> Callable[[Key], str]:
        families = self.layout.of
        return {
            By.PROGRAMME: _by_programme,
            By.FAMILY: lambda key: families.get(key[1], key[1]),
            By.AREA: _by_area,
            By.MONTH: _by_month,
        }[by]

    def _grouping(self, by: By) -> ColumnElement[Any]:
        """Say in SQL what ``_key`` says of a cell."""
        if by is By.FAMILY:
            return case(self.layout.of, value=_line.programme, else_=_line.programme)
        return {By.PROGRAMME: _line.programme, By.AREA: _line.area, By.MONTH: _line.reported}[by]


def sum_of(some: Iterable[Figures]) -> Figures:
    """Add figures up."""
    found = Figures()
    for one in some:
        found = found.plus(one)
    return found


def _within(
    period: Period, area: str, month: ColumnElement[int] = _line.reported
) -> ColumnElement[bool]:
    inside = month.between(period.first, period.last)
    return and_(inside, _line.area.startswith(area, autoescape=True)) if area else inside


def _cells(connection: Connection, period: Period, area: str, now: int) -> dict[Key, Figures]:
    """Count by month, programme and area; decisions by the month they were taken in."""
    cells: dict[Key, Figures] = defaultdict(Figures)
    group = (_line.programme, _line.area)
    checks = select(_line.reported, *group, *(c.label(n) for n, c in _COUNTS.items()))
    _add(cells, connection, checks.where(_within(period, area)).group_by(_line.reported, *group))
    for month, names in (
        (_line.granted, {"granted": func.sum(_line.entry)}),
        (
            _line.ended,
            {
                "refused": func.sum(case((_EXITS, 0), else_=1)),
                "left": func.sum(case((_EXITS, 1), else_=0)),
            },
        ),
    ):
        moved = select(month, *group, *(c.label(n) for n, c in names.items()))
        _add(cells, connection, moved.where(_within(period, area, month)).group_by(month, *group))
    for answered in (_flagged(), _tasks(now)):
        # "+ 0" hides the index of months: tasks are few, and the way is to begin with them
        inside = answered.where(_within(period, area, _line.reported + 0))
        inside = inside.group_by(_line.reported, *group)
        _add(cells, connection, inside)
    return cells


def _flagged() -> Select[Any]:
    result = feedback_finding.c.result
    return (
        select(
            _line.reported,
            _line.programme,
            _line.area,
            func.count().label("flagged"),
            func.sum(case((result == "", 0), else_=1)).label("answered"),
            func.sum(case((result == "CONFIRMED", 1), else_=0)).label("confirmed"),
        )
        .select_from(feedback_finding)
        .join(feedback_task, feedback_task.c.task_id == feedback_finding.c.task_id)
        .join(check_line, _line.case_id == feedback_task.c.case_id)
    )


def _tasks(now: int) -> Select[Any]:
    in_time = feedback_task.c.closed <= feedback_task.c.due
    due = or_(feedback_task.c.due < now, in_time)
    return (
        select(
            _line.reported,
            _line.programme,
            _line.area,
            func.sum(case((due, 1), else_=0)).label("tasks_due"),
            func.sum(case((in_time, 1), else_=0)).label("tasks_on_time"),
        )
        .select_from(feedback_task)
        .join(check_line, _line.case_id == feedback_task.c.case_id)
    )


def _add(cells: dict[Key, Figures], connection: Connection, wanted: Select[Any]) -> None:
    for month, programme, area, *counts in connection.execute(wanted):
        names = [column.name for column in wanted.selected_columns][3:]
        found = Figures(**{n: int(c or 0) for n, c in zip(names, counts, strict=True)})
        key = month, programme, area
        cells[key] = cells[key].plus(found)


def _total(connection: Connection, period: Period, area: str) -> Figures:
    wanted = select(*(c.label(n) for n, c in _COUNTS.items())).where(_within(period, area))
    row = connection.execute(wanted).one()
    return Figures(**{name: int(count or 0) for name, count in zip(_COUNTS, row, strict=True)})


def _people(
    connection: Connection, period: Period, area: str, group: ColumnElement[Any]
) -> dict[str, int]:
    """Count people, each once in a group; sorted by the database, which spares it a set of them."""
    each = (
        select(group.label("part"), check_person.c.person)
        .select_from(check_line)
        .join(check_person, check_person.c.line == _line.line)
        .where(_within(period, area))
        .group_by("part", check_person.c.person)
        .subquery()
    )
    wanted = select(each.c.part, func.count()).group_by(each.c.part)
    rows = connection.execute(wanted)
    return {month_name(part) if type(part) is int else part: count for part, count in rows}


def _new(period: Period, area: str) -> Select[Any]:
    """Count new applications of a period by programme, and those with a report by now."""
    checked = func.sum(case((_line.reported > 0, 1), else_=0))
    return (
        select(_line.programme, func.count(), checked)
        .where(_within(period, area, _line.month), _line.entry == 1)
        .group_by(_line.programme)
    )


def _old(period: Period, area: str) -> Select[Any]:
    """Count households in aid as a period begins by programme, and those checked in it."""
    later, check = check_line.alias(), check_line.alias()
    same = (later.c.household == _line.household) & (later.c.programme == _line.programme)
    left = exists().where(
        same,
        later.c.line >= _line.line,
        later.c.ended >= _line.granted,
        later.c.ended < period.first,
    )
    again = exists().where(
        check.c.household == _line.household,
        check.c.programme == _line.programme,
        check.c.reported.between(period.first, period.last),
    )
    held = (
        select(_line.programme, _line.household, case((again, 1), else_=0).label("checked"))
        .where(_line.granted > 0, _line.granted < period.first, ~left)
        .where(_line.area.startswith(area, autoescape=True))
        .distinct()
        .subquery()
    )
    return select(held.c.programme, func.count(), func.sum(held.c.checked)).group_by(
        held.c.programme
    )


def _covered(counts: tuple[int, int] | None) -> Covered:
    wanted, checked = counts or (0, 0)
    return Covered(wanted=wanted, checked=checked or 0)


def _fold(cells: Mapping[Key, Figures], key: Callable[[Key], str]) -> tuple[Part, ...]:
    found: dict[str, Figures] = defaultdict(Figures)
    for cell, figures in cells.items():
        found[key(cell)] = found[key(cell)].plus(figures)
    return tuple(Part(key=one, figures=found[one]) for one in sorted(found))


def _every_month(period: Period, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Put in the months in which nothing was."""
    known = {one.key: one.figures for one in parts}
    names = map(month_name, period.months)
    return tuple(Part(key=name, figures=known.get(name, Figures())) for name in names)


def _order(key: str, order: list[str]) -> tuple[int, str]:
    return (order.index(key) if key in order else len(order)), key


def _by_month(key: Key) -> str:
    return month_name(key[0])


def _by_programme(key: Key) -> str:
    return key[1]


def _by_area(key: Key) -> str:
    return key[2]
