"""``hedui case bundle``, ``receipt``, ``seeds``: hand a case's evidence to auditors or lawyers.

Knows arguments and what is printed. What stands in a bundle is known to ``evidence``.
"""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Final

import typer

from coordinator.evidence import Evidence, Missing
from coordinator.findings import report as reports
from coordinator.opening import open_evidence
from coordinator.people.roles import Action
from federation import keyfile, transcript
from federation.commands import Commands
from federation.errors import BadInput, HeduiError
from federation.strictjson import dumps
from federation.terminal import EXIT_REFUSED, FolderOption, Terminal
from federation.wire import receipt_messages

app = Commands()

_PAUSE: Final = 1.0
_SOON: Final = frozenset({"PROOF_NOT_READY"})


CaseId = Annotated[str, typer.Argument(help="case number 案号")]
Wait = Annotated[
    int, typer.Option("--wait", min=0, max=900, help="seconds to wait for witnesses 等待见证,秒")
]


@app.command()
def bundle(
    at: Terminal,
    case: CaseId,
    file: Annotated[Path, typer.Argument(help="bundle to write 证据包,如 case-0001.hedui")],
    wait: Wait = 0,
    folder: FolderOption = Path(),
) -> None:
    """Write a case's evidence bundle; run it again to go on. 制作案件证据包,供离线核验。"""
    with open_evidence(folder) as (desk, evidence):
        desk.gate.acting(Action.EVIDENCE_HAND, [case])
        _collect(at, evidence, case, wait)
        report = dumps(reports.to_json(desk.show(case)))
        _write(at, case, file, evidence.seal(case, report), "bundle")


@app.command()
def receipt(
    at: Terminal,
    case: CaseId,
    number: Annotated[int, typer.Argument(min=1, help="receipt's number in the bundle 收据编号")],
    file: Annotated[Path, typer.Argument(help="receipt to write 收据文件")],
    wait: Wait = 0,
    folder: FolderOption = Path(),
) -> None:
    """Write one answer's receipt, whole, in one file. 制作一个答复的完整收据。"""
    with open_evidence(folder) as (desk, evidence):
        desk.gate.acting(Action.EVIDENCE_HAND, [case])
        _collect(at, evidence, case, wait)
        made = evidence.receipts(case)
        if number > len(made):
            raise BadInput("RECEIPT_UNKNOWN", case=case, number=number, last=len(made))
        whole, _place = made[number - 1]
        data = receipt_messages.encode_receipt(whole)
        _write(at, case, file, data, "receipt")


@app.command()
def seeds(
    at: Terminal,
    case: CaseId,
    out: Annotated[Path, typer.Option("--out", help="file to write 输出文件")],
    folder: FolderOption = Path(),
) -> None:
    """Hand the sealed seeds of a case's sums to its auditor. 把各次合计的密封种子交给审计员。"""
    with open_evidence(folder) as (desk, evidence):
        desk.gate.acting(Action.SEEDS_HAND, [case])
        data = evidence.seeds(case)
        try:
            keyfile.write_private(out, data)
        except OSError as e:
            raise BadInput("FILE_UNWRITABLE", file=out.name, folder=out.parent.name) from e
        number = len(transcript.read_seeds(data).seeds)
    at.emit({"case": case, "file": str(out), "seeds": number})
    at.say(
        f"已写入 {out}:{number} 个密封种子,只有审计员能打开",
        f"{out} written: {number} sealed seeds, which only the auditor opens",
    )


def _collect(at: Terminal, evidence: Evidence, case: str, wait: int) -> None:
    """Have all proofs at hand, or tell which are missing.

    Raises:
        typer.Exit: some are.
    """
    missing = _collected(evidence, case, wait)
    if missing:
        _say_missing(at, missing)
        raise typer.Exit(EXIT_REFUSED)


def _collected(evidence: Evidence, case: str, wait: int) -> Sequence[Missing]:
    """Fetch proofs until all are there, or more than time is wanting."""
    end = monotonic() + wait
    while True:
        missing = evidence.collect(case)
        soon = {one.code for one in missing} == _SOON
        if not soon or monotonic() >= end:
            return missing
        sleep(_PAUSE)


def _say_missing(at: Terminal, missing: Sequence[Missing]) -> None:
    counted = {(one.department, one.code): missing.count(one) for one in missing}
    for (department, code), number in sorted(counted.items()):
        at.emit({"department": department, "missing": number, "error": code})
        title = HeduiError(code).title(at.lang)
        at.say(
            f"✗ {department}:缺 {number} 份日志证明。{title}  {code}",
            f"✗ {department}: {number} proofs are missing. {title}  {code}",
        )
    at.say(
        "没有写出文件;已取得的证明已保存,请稍后再运行一次。",
        "No file was written; the proofs fetched are kept. Run it again later.",
    )


def _write(at: Terminal, case: str, file: Path, data: bytes, kind: str) -> None:
    try:
        keyfile.write_private(file, data)
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=file.name, folder=file.parent.name) from e
    at.emit({"case": case, "file": str(file), "bytes": len(data)})
    at.say(
        f"已写入 {file}({len(data):,} 字节)。核验:hedui audit {kind} {file}",
        f"{file} written ({len(data):,} bytes). To verify it: hedui audit {kind} {file}",
    )
