"""``hedui node``: commands that only look: try, preview, explain, status, doctor.

Knows options and order. How things are worded stands in the ``…_screen`` modules. Changes nothing:
a look is never logged as an answer.
"""

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from department_node import case_file, explain_screen, explaining, looking, looks_screen
from department_node import doctor as doctors
from department_node import node as nodes
from department_node.beside import beside
from department_node.finding import Finding
from department_node.screen import columns
from federation import party as parties
from federation import words
from federation.clock import SystemClock, epoch_of
from federation.commands import Commands
from federation.errors import HeduiError
from federation.manifest import PartyRole
from federation.terminal import FolderOption, Terminal

app = Commands()

_PREDICATE: Final = re.compile(r"[PH][0-9]{1,2}")
_MOST_MEMBERS: Final = 30

ParameterOption = Annotated[str, typer.Option(metavar="ID", help="policy parameter 政策参数编号")]


@app.command("try")
def try_(
    at: Terminal,
    folder: FolderOption,
    predicate: Annotated[str, typer.Option(metavar="P40", help="predicate 核对项目")],
    person: Annotated[str, typer.Option("--id", metavar="NUMBER", help="resident number 证件号")],
    parameter: ParameterOption = "",
    members: Annotated[
        int, typer.Option(min=1, max=_MOST_MEMBERS, help="household size 家庭人数")
    ] = 1,
) -> None:
    """在本机试答一个问题 Answer one question here, without any request."""
    with looking.open_looking(folder) as own:
        chosen = own.parameter(predicate, parameter)
        subject = own.subject(person, members)
        looks_screen.one(at, own, subject, own.look(predicate, chosen, subject))


@app.command()
def preview(
    at: Terminal,
    folder: FolderOption,
    case: Annotated[Path, typer.Option(metavar="FILE", help="case file 案件文件")],
) -> None:
    """预览将离开本机的全部内容 Show exactly what would leave this machine, and what would not."""
    listed = case_file.read(case)
    with looking.open_looking(folder) as own:
        looks_screen.head(at, own, listed)
        for number, (person, subject) in enumerate(own.subjects(listed), 1):
            looks_screen.person(at, number, person, subject, list(own.every(subject, listed)))
        looks_screen.columns_read(at, own)


@app.command()
def explain(
    at: Terminal,
    folder: FolderOption,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="query id, last, or predicate 查询或项目")
    ] = "last",
    parameter: ParameterOption = "",
) -> None:
    """解释每个决定的理由 Explain an answered request, or when a predicate is answered."""
    if _PREDICATE.fullmatch(query):
        steps = list(explaining.conditions(folder, query, parameter))
        explain_screen.conditions(at, explaining.named(query), steps)
        return
    party = parties.load(folder, PartyRole.NODE, SystemClock().now())
    one = explaining.decided(folder, query)
    explain_screen.decided(at, one, party.policy, explaining.shared(party, one))


@app.command()
def status(at: Terminal, folder: FolderOption) -> None:
    """运行概况 What is enrolled, answered and refused; paused or not."""
    data = nodes.data_folder(folder)
    party, paused = parties.read_settings(folder)["party"], (data / nodes.PAUSED).exists()
    with beside(data) as state:
        year = epoch_of(SystemClock().now())
        enrolled, nearly_spent = state.enrolled(year), state.nearly_spent(year)
        day = words.day(state.meta("enrolled_to"))
        counts, refused = state.counts(), state.refused()
    counted = {
        "requests_answered": counts["answered"],
        "log_entries": counts["log"],
        "known_tokens": counts["consent"],
        "frozen_answers": counts["cell"],
        "records_nearly_spent": nearly_spent,
    }
    at.emit(
        {"party": party, "paused": paused, "enrolled": enrolled, "enrolled_to": day or None}
        | counted
        | {"transport_refusals": refused}
    )
    until = at.pick(f"(至 {day})", f" (up to {day})") if day else ""
    rows = [
        (at.pick("部门", "party"), party),
        (at.pick("状态", "state"), _state_words(at, paused)),
        (at.pick("已登记", "enrolled"), f"{enrolled:,}{until}"),
        *((at.pick(*_COUNTED[name]), f"{n:,}") for name, n in counted.items()),
        *_refused_rows(at, refused),
    ]
    text = columns(rows)
    at.say(text, text)


@app.command()
def doctor(at: Terminal, folder: FolderOption) -> None:
    """逐项自检 Check everything a node needs, and say what to do."""
    good = True
    for one in doctors.examine(folder):
        good = good and one.ok is not False
        _show_finding(at, one)
    if not good:
        raise typer.Exit(1)


_COUNTED: Final = {
    "requests_answered": ("已答请求", "requests answered"),
    "log_entries": ("日志条数", "log entries"),
    "known_tokens": ("见过的授权", "known tokens"),
    "frozen_answers": ("已定的答案", "frozen answers"),
    "records_nearly_spent": ("限额将尽的记录", "records nearly spent"),
}


def _state_words(at: Terminal, paused: bool) -> str:
    if paused:
        return at.pick("已暂停(hedui node pause --off 恢复)", "paused (hedui node pause --off)")
    return at.pick("没有暂停", "not paused")


def _refused_rows(at: Terminal, refused: dict[str, int]) -> list[tuple[str, str]]:
    label = at.pick("未受理的请求", "turned away")
    rows = [f"{n:,}  {HeduiError(code).title(at.lang)} {code}" for code, n in refused.items()] or [
        "0"
    ]
    return [(label if row is rows[0] else "", row) for row in rows]


def _show_finding(at: Terminal, one: Finding) -> None:
    advice = "" if one.ok else at.pick(one.help_zh, one.help_en)
    places = [(str(e.details.get("where", "")), e.title(at.lang), e.code) for e in one.more]
    at.emit(
        {
            "check": one.name,
            "ok": one.ok,
            "found": at.pick(one.zh, one.en),
            "help": advice or None,
            "more": [{"where": w, "title": title, "code": code} for w, title, code in places],
        }
    )
    lines = [(looks_screen.MARKS[one.ok], at.pick(one.zh, one.en))]
    lines += [("", "  ".join(place)) for place in places]
    lines += [("", f"→ {advice}")] if advice else []
    text = columns(lines)
    at.say(text, text)
