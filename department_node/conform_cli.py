"""``hedui node conform``: hold this node to the kit of hostile files, on a throw-away copy.

Knows options and how the checklist is worded. Changes nothing: no real key signs, and nothing is
written to the node's log or database.
"""

from collections import Counter

import typer

from department_node import conform as conforming
from department_node import kit
from department_node.conform import Played
from department_node.looks_screen import MARKS
from department_node.screen import columns
from federation.clock import SystemClock
from federation.commands import Commands
from federation.errors import HeduiError
from federation.terminal import EXIT_REFUSED, FolderOption, Terminal

app = Commands()


@app.command()
def conform(at: Terminal, folder: FolderOption) -> None:
    """用敌意样本检验本节点 Play forged and faulty files against a throw-away copy of this node."""
    at.say(
        "以下全部在临时副本上进行:目录、政策、记录库是本部门的,密钥是一次性的;"
        "不写入本节点的日志和数据库。",
        "All of this runs on a throw-away copy: catalogue, policy and records are this"
        " department's,\nthe keys are not; nothing is written to the node's log or database.",
    )
    counted: Counter[bool] = Counter()
    for one in conforming.play(folder, kit.load(), SystemClock().now()):
        counted[one.ok] += 1
        _show(at, one)
    at.say(
        f"{counted.total()} 项,{counted[True]} 项符合,{counted[False]} 项不符",
        f"{counted.total()} files: {counted[True]} as expected, {counted[False]} not",
    )
    if counted[False]:
        raise typer.Exit(EXIT_REFUSED)


def _show(at: Terminal, one: Played) -> None:
    case = one.case
    at.emit(
        {
            "file": case.file,
            "verifier": case.verifier,
            "ok": one.ok,
            "expected": case.code or None,
            "got": one.got or None,
            "why": case.why(at.lang),
        }
    )
    lines = [(MARKS[one.ok], f"{case.file}  {_word(at, case.code)}  {case.why(at.lang)}")]
    if not one.ok:
        got = HeduiError(one.got).title(at.lang) if one.got else ""
        told = f"{_word(at, one.got)}  {got}".rstrip()
        lines.append(("", at.pick(f"→ 实际:{told}", f"→ got: {told}")))
    text = columns(lines)
    at.say(text, text)


def _word(at: Terminal, code: str) -> str:
    return code or at.pick("受理", "accepted")
