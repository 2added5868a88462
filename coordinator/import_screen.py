"""What ``hedui case import`` prints: which column is what, the first households, every reject.

Knows lines, tables and their JSON. Masked names only; no number is printed, and no cell.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table

from coordinator.casework.cases import Case
from coordinator.imports.importing import Examined, Imported
from coordinator.imports.mapping import FIELDS
from coordinator.imports.reading import Household, Reject
from federation.terminal import Terminal

_SHOWN: Final = 10
"""Households, and rejects, that are shown to a person; JSON has all."""


def examined(at: Terminal, one: Examined, *, preview: bool) -> None:
    """Show what a list's columns are; of a preview also what would be opened."""
    if at.json:
        if preview:
            at.emit(_json(one) | {"preview": True})
        return
    console = at.console()
    console.print(_columns(at, one))
    if preview:
        console.print(_households(at, one))
        _notices(at, one)
        at.say(
            f"预览:{one.batch.rows} 行,可立案 {len(one.cases)} 户,"
            f"拒绝 {len(one.rejects)} 行;尚未立案。",
            f"Preview: {one.batch.rows} rows, {len(one.cases)} households to open,"
            f" {len(one.rejects)} rows rejected; nothing was opened.",
        )
        rejects(at, console, one.rejects)


def imported(at: Terminal, one: Examined, done: Imported, file: str) -> None:
    """Say what was opened and what was left out."""
    at.emit(
        _json(one)
        | {"opened": list(done.opened), "before": list(done.before), "rejects_file": file}
    )
    known = f";此前已立 {len(done.before)} 户" if done.before else ""
    before = f"; {len(done.before)} were open before" if done.before else ""
    at.say(
        f"{done.batch}  立案 {len(done.opened)} 户{known};拒绝 {len(one.rejects)} 行",
        f"{done.batch}  {len(done.opened)} cases opened{before}; {len(one.rejects)} rows rejected",
    )
    if done.opened:
        at.say(f"{done.opened[0]} … {done.opened[-1]}", f"{done.opened[0]} … {done.opened[-1]}")
    if not at.json:
        rejects(at, at.console(), one.rejects)
    if file:
        at.say(
            f"拒绝的行已写入 {file}:更正后直接再导入;内有姓名和证件号码,用完请删除。",
            f"The rejected rows are in {file}: correct them there and import that file; it names"
            " people, remove it afterwards.",
        )


def rejects(at: Terminal, console: Console, some: Sequence[Reject]) -> None:
    """Show the first rejected rows with their reasons, and count the codes."""
    if not some:
        return
    table = Table(at.pick("行", "row"), at.pick("栏", "field"), at.pick("原因", "reason"), "code")
    for one in some[:_SHOWN]:
        table.add_row(str(one.line.row), one.field, one.error.title(at.lang), one.error.code)
    console.print(table)
    counts = Counter(one.error.code for one in some)
    typer.echo("  ".join(f"{code} {number}" for code, number in counts.most_common()))


def _columns(at: Terminal, one: Examined) -> Table:
    table = Table(at.pick("字段", "field"), at.pick("取自", "taken from"), at.pick("", " "))
    columns = one.columns
    for name in FIELDS:
        if name in columns.places:
            guessed = at.pick("按列名猜的", "guessed") if name in columns.guessed else ""
            table.add_row(name, one.header[columns.places[name]], guessed)
        elif name in columns.values:
            table.add_row(name, f"= {columns.values[name]}", at.pick("全部各行", "all rows"))
    if columns.left_out:
        table.add_row("-", ", ".join(columns.left_out), at.pick("不用", "not used"))
    return table


def _households(at: Terminal, one: Examined) -> Table:
    table = Table(
        *(at.pick("行", "row"), at.pick("申请人", "applicant"), at.pick("人数", "people")),
        *(at.pick("项目", "programme"), at.pick("地区", "area"), at.pick("签字", "signed")),
    )
    for household in one.households[:_SHOWN]:
        table.add_row(str(household.place), *_cells(at, household))
    if len(one.households) > _SHOWN:
        table.add_row("…", *[""] * 5)
    return table


def _cells(at: Terminal, household: Household) -> tuple[str, ...]:
    case = household.case
    if case is None:
        return (at.pick("拒绝", "rejected"), str(len(household.lines)), "", "", "")
    people = str(len(case.persons))
    return case.applicant.masked, people, case.programme, case.area, _signed(case)


def _signed(case: Case) -> str:
    signed = sum(bool(one.signature.evidence) for one in case.persons)
    return f"{signed}/{len(case.persons)}"


def _notices(at: Terminal, one: Examined) -> None:
    counts = Counter(notice for household in one.households for _, notice in household.notices)
    for notice, number in counts.items():
        at.say(
            f"证件号码已更正书写:{notice.value} {number} 处",
            f"numbers put right: {notice.value} {number} times",
        )


def _json(one: Examined) -> dict[str, Any]:
    columns = one.columns
    return {
        "batch": one.batch.number,
        "rows": one.batch.rows,
        "households": len(one.households),
        "to_open": len(one.cases),
        "columns": {name: one.header[place] for name, place in columns.places.items()},
        "values": dict(columns.values),
        "guessed": sorted(columns.guessed),
        "left_out": list(columns.left_out),
        "rejects": [
            {"row": each.line.row, "code": each.error.code, "field": each.field}
            for each in one.rejects
        ],
    }
