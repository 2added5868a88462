"""What leaves the centre for feedback: forms for townships to seal, tickets to departments.

Knows files and the form ``data/feedback.html``. A township gets its own households only, by masked
names; a department its own tickets only.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final

from coordinator import feedback_screen as words
from coordinator.feedback.desk import FeedbackDesk
from coordinator.feedback.tasks import Finding, Task, grouped
from federation import keyfile, pages
from federation.clock import business_date
from federation.errors import BadInput
from federation.ticket import Ticket

_HEAD: Final = {
    "zh": ("家庭", "案号", "任务", "人员", "类别", "需核实事项", "期限", "核实结果"),
    "en": ("household", "case", "task", "person", "class", "to be checked", "due", "result"),
}
_TEXTS: Final = {
    "title": ("核对信息核实反馈表", "Findings to be looked into"),
    "under": ("乡镇(街道) {area}    制表 {day}", "township {area}    made {day}"),
    "advice": (
        "核对不作结论。请入户核实,逐项填写属实、属实但依规定不计(注明代码)、非本人或数据有误。",
        "No finding is a decision. Visit; write confirmed, explained (code), wrong person or data.",
    ),
    "seal": (
        "核实人:            负责人:            (盖章)        年   月   日",
        "looked into by:            in charge:            (seal)            date:",
    ),
}


def export(
    folder: Path,
    desk: FeedbackDesk,
    some: Sequence[Task],
    tickets: Iterable[tuple[Ticket, bytes]],
    lang: str,
) -> list[Path]:
    """Write the forms of tasks, and tickets, into a folder; give the files in order.

    Raises:
        BadInput: FILE_UNWRITABLE.
    """
    files = {
        f"feedback-{area}.html": form(area, list(tasks), desk, lang).encode()
        for area, tasks in groupby(sorted(some, key=lambda one: one.area), lambda one: one.area)
    }
    files |= {f"{one.ticket}.json": document for one, document in tickets}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            keyfile.write_private(folder / name, data)
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=folder.name, folder=folder.parent.name) from e
    return [folder / name for name in files]


def form(area: str, some: Sequence[Task], desk: FeedbackDesk, lang: str) -> str:
    """Write a township's form: its open and answered findings by household and category."""
    place = 0 if lang == "zh" else 1
    said = {name: pair[place] for name, pair in _TEXTS.items()}
    day = business_date(desk.now).isoformat()
    names = _names(desk, some)
    rows = "\n".join(
        f"<tr>{''.join(_cells(task, finding, names[task.case_id], desk, lang))}</tr>"
        for households in grouped(some).values()
        for categories in households.values()
        for findings in categories.values()
        for task, finding in findings
    )
    return pages.template("coordinator", "data", "feedback.html").substitute(
        lang="zh-CN" if lang == "zh" else "en",
        title=escape(said["title"]),
        under=_spaced(said["under"].format(area=area, day=day)),
        head="".join(f"<th>{escape(one)}</th>" for one in _HEAD[lang]),
        rows=rows,
        advice=escape(said["advice"]),
        exemptions=escape(_exemptions(desk, some, lang)),
        seal=_spaced(said["seal"]),
    )


def _cells(task: Task, finding: Finding, name: str, desk: FeedbackDesk, lang: str) -> Iterator[str]:
    matter = finding.matter
    yield from map(_cell, (name, task.case_id, f"{task.id}#{finding.number}"))
    yield from map(_cell, (words.whom(matter, lang), str(matter.category)))
    yield _cell(words.what(task, matter, desk.desk.around, lang))
    yield _cell(business_date(task.due).isoformat())
    reply = finding.reply
    told = words.RESULTS[reply.result][0 if lang == "zh" else 1] if reply else ""
    yield f'<td class="wide">{escape(told)}</td>'


def _names(desk: FeedbackDesk, some: Iterable[Task]) -> dict[str, str]:
    cases = list(dict.fromkeys(one.case_id for one in some))
    return {
        one.filed.id: f"{one.filed.case.applicant.masked} ({one.filed.case.members})"
        for one in desk.desk.standing(cases)
    }


def _exemptions(desk: FeedbackDesk, some: Iterable[Task], lang: str) -> str:
    """List the codes that may explain what is on the form."""
    asked = {each.matter.predicate for one in some for each in one.findings}
    codes = [
        f"{one.id} {one.label(lang)}"
        for one in desk.rules.exemptions.values()
        if any(one.explains(predicate) for predicate in asked)
    ]
    return ("可用代码:" if lang == "zh" else "Codes: ") + "; ".join(codes)


def _cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"


def _spaced(text: str) -> str:
    """Keep runs of blanks apart."""
    return escape(text).replace("    ", "&emsp;&emsp;")
