"""``hedui case report`` and ``reports``: a household's report on paper, every version of it.

Knows arguments and what is printed. Every command is one call at the office.
"""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from coordinator.documents import page, typesetting
from coordinator.documents.issues import Issue
from coordinator.documents.office import Office, write
from coordinator.opening import open_office
from coordinator.people.roles import Action
from federation.clock import business_time
from federation.commands import Commands
from federation.terminal import FolderOption, Terminal

app = Commands()

_SHORT: Final = 16
_MOST_REASON: Final = 200

CaseId = Annotated[str, typer.Argument(help="case number 案号")]


@app.command()
def report(
    at: Terminal,
    case: CaseId,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="PDF to write 写成 PDF")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="page to write, to print too 写成可打印的网页")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="the data that the printed digest is of 写出摘要所指的数据"),
    ] = None,
    reissue: Annotated[
        str, typer.Option("--reissue", help="reason: issue the next version 另出一版的原因")
    ] = "",
    version: Annotated[
        int, typer.Option("--version", min=0, help="an older version 取旧版;0 = 最新")
    ] = 0,
    folder: FolderOption = Path(),
) -> None:
    """Issue a household's report, or print it again. 出具核对报告;已出具的重新打印。"""
    reason = reissue.strip()
    if reissue and (version or not reason or len(reason) > _MOST_REASON):
        raise typer.BadParameter(at.pick("原因为 1 至 200 字", "a reason of 1 to 200 characters"))
    with open_office(folder) as office:
        by = office.desk.gate.acting(Action.DOCUMENT_PRINT, [case])
        issued = office.version(case, version) if version else office.issue(case, by, reason)
        _write(issued, at, {"pdf": pdf, "html": html, "data": data})
        _say(at, issued, {"pdf": pdf, "html": html, "data": data})
        _warn(at, office, issued)


@app.command()
def reports(at: Terminal, case: CaseId, folder: FolderOption = Path()) -> None:
    """List the versions of a report that were issued. 列出已出具的各版报告。"""
    with open_office(folder) as office:
        office.desk.gate.acting(Action.CASE_READ, [case])
        found = office.issued(case)
    for one in found:
        _say(at, one, {})
    if not found:
        at.say(f"{case}  尚未出具报告", f"{case}  no report was issued")


def _write(issued: Issue, at: Terminal, files: dict[str, Path | None]) -> None:
    """Write what was wanted; a PDF first, since it may be impossible."""
    paper = issued.paper(at.lang)
    if files["pdf"]:
        write(files["pdf"], typesetting.pdf(paper))
    if files["html"]:
        write(files["html"], page.write(paper).encode())
    if files["data"]:
        write(files["data"], issued.document)


def _say(at: Terminal, issued: Issue, files: dict[str, Path | None]) -> None:
    written = {kind: str(file) for kind, file in files.items() if file}
    at.emit(_json(issued) | {"files": written})
    when = business_time(issued.at).strftime("%Y-%m-%d %H:%M")
    at.say(
        f"{issued.case_id}  第 {issued.version} 版  {when}  摘要 {issued.digest[:_SHORT]}"
        f"{f'  原因:{issued.reason}' if issued.reason else ''}",
        f"{issued.case_id}  version {issued.version}  {when}  digest {issued.digest[:_SHORT]}"
        f"{f'  reason: {issued.reason}' if issued.reason else ''}",
    )
    for file in written.values():
        at.say(f"已写入 {file}", f"{file} written")


def _json(issued: Issue) -> dict[str, Any]:
    return {
        "case": issued.case_id,
        "version": issued.version,
        "issued": business_time(issued.at).isoformat(),
        "operator": issued.operator,
        "reason": issued.reason,
        "digest": issued.digest,
    }


def _warn(at: Terminal, office: Office, issued: Issue) -> None:
    """Say that the newest version is behind what is known by now."""
    if issued.version == len(office.issued(issued.case_id)) and not office.current(issued):
        at.say(
            "注意:此版之后又有新的答复或变动。需要时:--reissue 原因,另出一版,旧版保留。",
            "Note: answers have changed since. If need be issue the next version with --reissue"
            " and a reason; this one is kept.",
        )
