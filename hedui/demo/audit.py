"""The demonstration's audit: an auditor's own processes verify what everybody did.

Knows which commands the parties and the auditor run, and which exchanges the attacks had behind the
centre's back: the audit must find these and no others. The auditor goes by public keys and files.
Verifies nothing itself.
"""

import json
import subprocess
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from federation.errors import Unavailable
from federation.terminal import Terminal
from hedui.demo.processes import command
from hedui.demo.stage import AUDITOR, COORDINATOR, FOREIGN, Stage

_SECONDS: Final = 120
_TRIES: Final = 20
_PAUSE: Final = 1.0
"""Seconds until the logs are fetched again: a checkpoint is cut every second, and then cosigned."""
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What the audit came to.

    ``hidden`` are the attacks' exchanges that it found; ``missed`` those that it did not, and
    ``odd`` whatever else it found.
    """

    proven: bool
    logs: int
    entries: int
    questions: int
    consented: int
    hidden: int
    missed: int
    odd: tuple[str, ...]

    @property
    def wrong(self) -> int:
        """Count what should have been otherwise."""
        unfounded = self.questions - self.consented
        return self.missed + len(self.odd) + unfounded + (not self.proven)


def audit(stage: Stage, folder: Path, case_id: str, hidden: Collection[str]) -> Audited:
    """Seal a case's bundle, fetch all logs, and have both audited.

    Raises:
        Unavailable: DEMO_PROCESS when a command does not end, or ends otherwise than by a verdict.
    """
    auditor, centre = str(stage.party(AUDITOR)), str(stage.party(COORDINATOR))
    bundle, logs = folder / "case.hedui", folder / "logs"
    folder.mkdir()
    _run("case", "bundle", case_id, str(bundle), "--wait", "60", "-C", centre)
    proven, _ = _run("audit", "bundle", str(bundle), "-C", auditor, verdict=True)
    _run("case", "log", "export", str(logs / COORDINATOR), "-C", centre)
    pinned = str(stage.party(AUDITOR) / "root.json")
    words = "audit", "reconcile", str(logs), "--settled", "--root", pinned
    for _ in range(_TRIES):  # what was logged last may have no checkpoint yet
        _run("audit", "fetch", str(logs), "-C", auditor)
        _, rows = _run(*words, verdict=True)
        audited = _audited(rows, hidden, proven=proven)
        if not audited.wrong:
            break
        time.sleep(_PAUSE)
    return audited


def show(audited: Audited, at: Terminal) -> None:
    """Say what the audit came to."""
    mark = "✓" if not audited.wrong else "✗"
    at.say(
        f"\n审计(只凭公钥和文件){mark} {audited.logs} 个日志 {audited.entries:,} 条;"
        f"{audited.questions:,} 项作答,{audited.consented:,} 项有授权有委托;"
        f"查出 {audited.hidden} 次瞒着日志的提问,正是上面的攻击",
        f"\naudit (public keys and files only) {mark} {audited.logs} logs with {audited.entries:,}"
        f" entries; {audited.questions:,} answers, {audited.consented:,} consented and"
        f" commissioned; found the {audited.hidden} exchanges that the attacks above kept from the"
        " centre's log",
    )
    if not audited.proven:
        at.say("  ✗ 案件证据包未能证明", "  ✗ the case's bundle is not proven")
    if audited.missed:
        at.say(f"  ✗ 漏查 {audited.missed} 次", f"  ✗ {audited.missed} missed")
    for one in audited.odd[:_SHOWN]:
        at.say(f"  ✗ {one}", f"  ✗ {one}")


def _audited(rows: Sequence[dict[str, Any]], hidden: Collection[str], *, proven: bool) -> Audited:
    logs = [row for row in rows if "log" in row]
    counts = next(row for row in rows if "told" in row)
    findings = [row for row in rows if "finding" in row]
    unlogged = {row["evidence"]["qid"] for row in findings if row["finding"] == "REQUEST_UNLOGGED"}
    odd = [
        row
        for row in findings
        if row["evidence"].get("qid") not in hidden and row["parties"] != [FOREIGN]
    ]
    ours = unlogged & set(hidden)
    foreign = any(row["parties"] == [FOREIGN] for row in findings)  # it exported no log at all
    return Audited(
        proven=proven,
        logs=len(logs),
        entries=sum(row["size"] for row in logs),
        questions=counts["told"],
        consented=min(counts["consented"], counts["commissioned"]),
        hidden=len(ours),
        missed=len(set(hidden) - unlogged) - foreign,
        odd=tuple(f"{row['finding']} {' '.join(row['parties'])}" for row in odd),
    )


def _run(*words: str, verdict: bool = False) -> tuple[bool, list[dict[str, Any]]]:
    """Run somebody's command; give whether it ended well, and what it said."""
    try:
        done = subprocess.run(  # noqa: S603 - our own command line
            command(*words, "--json"), check=False, capture_output=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as e:
        raise Unavailable("DEMO_PROCESS", process=words[0], log=" ".join(words[:2])) from e
    if done.returncode not in ({0, 1} if verdict else {0}):
        raise Unavailable("DEMO_PROCESS", process=words[0], log=" ".join(words[:2]))
    return done.returncode == 0, [json.loads(line) for line in done.stdout.splitlines()]
