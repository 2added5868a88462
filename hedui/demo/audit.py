"""The demonstration's audit: an auditor's own processes verify what everybody did.

Knows which commands the parties and the auditor run, and which exchanges the attacks had behind the
centre's back: the audit must find these and no others. The auditor goes by public keys and files.
Verifies nothing itself.
"""

import json
import subprocess
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from auditor.known import CANARIES, SEEDS
from coordinator.opening import open_evidence
from federation import keyfile
from federation.errors import BadInput, Unavailable
from federation.sentinel import Rule
from federation.terminal import Terminal
from hedui.demo.processes import command
from hedui.demo.stage import AUDITOR, COORDINATOR, FOREIGN, Stage

_SECONDS: Final = 120
_TRIES: Final = 20
_PAUSE: Final = 1.0
"""Seconds until the logs are fetched again: a checkpoint is cut every second, and then cosigned."""
_SHOWN: Final = 10
OWN: Final = "U"
"""The planted case whose operator is a party to it."""
PLANTED: Final = (
    ("K", "H2", "assets-12s", True),
    ("K", "H2", "assets-24s", False),
    ("L", "H1", "income-12s", False),
)
"""Sums that the auditor knows beforehand, on both sides of their lines: whether each is reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What the audit came to.

    ``hidden`` are the attacks' exchanges that it found; ``missed`` those that it did not, and
    ``odd`` whatever else it found. ``relatives`` are the cases of which the centre's signed alerts
    say that their operator is a party to them, ``overlooked`` those of which they should. ``sums``
    counts comparisons, ``replayed`` those that their seeds explain byte for byte.
    """

    proven: bool
    logs: int
    entries: int
    questions: int
    consented: int
    hidden: int
    missed: int
    odd: tuple[str, ...]
    sums: int = 0
    replayed: int = 0
    relatives: tuple[str, ...] = ()
    overlooked: tuple[str, ...] = ()

    @property
    def wrong(self) -> int:
        """Count what should have been otherwise."""
        unfounded = self.questions - self.consented + self.sums - self.replayed
        odd = len(self.odd) + len(self.overlooked)
        return self.missed + odd + unfounded + (not self.proven)


def audit(
    stage: Stage, folder: Path, hidden: Collection[str], labels: Mapping[str, str]
) -> Audited:
    """Seal the first case's bundle, fetch all logs, and have both audited.

    ``hidden`` are the query ids of attacks, ``labels`` name cases as the oracle does.

    Raises:
        Unavailable: DEMO_PROCESS when a command does not end, or ends otherwise than by a verdict.
    """
    auditor, centre = str(stage.party(AUDITOR)), str(stage.party(COORDINATOR))
    bundle, logs = folder / "case.hedui", folder / "logs"
    folder.mkdir()
    seeds = _seeds(stage.party(COORDINATOR), logs / SEEDS, labels)
    (stage.party(AUDITOR) / CANARIES).write_text(_canaries(labels), "utf-8")
    _run("case", "bundle", next(iter(labels)), str(bundle), "--wait", "60", "-C", centre)
    words = [word for file in seeds for word in ("--seeds", str(file))]
    proven, _ = _run("audit", "bundle", str(bundle), "-C", auditor, *words, verdict=True)
    _run("case", "log", "export", str(logs / COORDINATOR), "-C", centre)
    pinned = str(stage.party(AUDITOR) / "root.json")
    held = "--settled", "--root", pinned
    for _ in range(_TRIES):  # what was logged last may have no checkpoint yet
        _run("audit", "fetch", str(logs), "-C", auditor)
        _, rows = _run("audit", "reconcile", str(logs), "-C", auditor, *held, verdict=True)
        audited = _audited(rows, hidden, proven=proven)
        if not audited.wrong:
            break
        time.sleep(_PAUSE)
    _, rows = _run("audit", "anomalies", "--logs", str(logs), *held, verdict=True)
    own = {case_id for case_id, label in labels.items() if label == OWN}
    relatives = {row["about"] for row in rows if _rule(row) == Rule.RELATIVE}
    return replace(
        audited,
        relatives=tuple(sorted(relatives & own)),
        overlooked=tuple(sorted(own - relatives)),
        odd=(*audited.odd, *(f"{Rule.RELATIVE} {one}" for one in sorted(relatives - own))),
    )


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
    at.say(
        f"  合计比较 {audited.sums:,} 次,审计员按种子逐字节重演 {audited.replayed:,} 次;"
        f"其中 {len(PLANTED)} 项是审计员事先埋设的",
        f"  {audited.sums:,} sums compared; the auditor replays {audited.replayed:,} of them byte"
        f" for byte from their seeds; {len(PLANTED)} are of households that the auditor planted",
    )
    for one in audited.relatives:
        at.say(
            f"  ▲ 案件 {one}:经办人自己为当事人签字;中心自行察觉并签名告警,记入日志",
            f"  ▲ case {one}: its operator signs for the person asked about; the centre noticed it"
            " and logged its signed alert",
        )
    for one in audited.overlooked:
        at.say(f"  ✗ 案件 {one} 没有告警", f"  ✗ no alert about case {one}")
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
        sums=counts["sums"],
        replayed=counts["replayed"],
        hidden=len(ours),
        missed=len(set(hidden) - unlogged) - foreign,
        odd=tuple(f"{row['finding']} {' '.join(row['parties'])}" for row in odd),
    )


def _seeds(centre: Path, folder: Path, cases: Iterable[str]) -> list[Path]:
    """Hand over the sealed seeds of all cases with sums, as ``hedui case seeds`` does of one."""
    folder.mkdir(parents=True)
    written = []
    with open_evidence(centre) as (_, evidence):
        for case_id in cases:
            try:
                data = evidence.seeds(case_id)
            except BadInput:
                continue  # nothing was compared
            keyfile.write_private(folder / f"{case_id}.json", data)
            written.append(folder / f"{case_id}.json")
    return written


def _canaries(labels: Mapping[str, str]) -> str:
    """Write what the planted households' sums must come to."""
    cases = {label: case_id for case_id, label in labels.items()}
    return "\n".join(
        f'[[canary]]\ncase = "{cases[label]}"\npredicate = "{predicate}"\n'
        f'parameter = "{parameter}"\n{"at_least = true" if reached else ""}\n'
        for label, predicate, parameter, reached in PLANTED
    )


def _rule(row: Mapping[str, Any]) -> str:
    """Give the rule of a party's own alert; nothing for whatever else is unusual."""
    evidence: Mapping[str, str] = row.get("evidence", {})
    return evidence.get("rule", "")


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
