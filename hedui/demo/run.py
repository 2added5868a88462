"""The demonstration: from empty folders to a report that a person can read, held to the oracle.

Knows the order of events and what is shown. Does not know how any party works.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coordinator.findings import screen
from coordinator.opening import open_desk
from federation.terminal import Terminal
from hedui.demo import audit, lives, papers
from hedui.demo import stage as stages
from hedui.demo.attacks import Attack, Attacker, Victim
from hedui.demo.audit import Audited
from hedui.demo.centre import Centre
from hedui.demo.drill import Drill
from hedui.demo.flaws import Condition
from hedui.demo.lives import Lived
from hedui.demo.processes import Troupe
from hedui.demo.stage import COORDINATOR, REGISTRAR, TALLY, WITNESSES, Stage
from hedui.demo.verdict import Verdict, compare, read_oracle

SHOWN: Final = "A"
_TOGETHER: Final = 3  # cases that are opened together while processes are killed
_AGAIN: Final = 8  # times everything is asked again while kills are left; a grant has 12 uses


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a demonstration is to do; with ``households`` it is a district of that size."""

    folder: Path
    seed: int = 1
    kills: int = 0
    households: int = 0
    record: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a demonstration ended."""

    verdict: Verdict
    unanswered: int
    attacks: tuple[Attack, ...]
    audited: Audited
    lived: tuple[Lived, ...]
    killed: tuple[str, ...] = ()

    @property
    def refused(self) -> int:
        """Count the attacks that were refused for their reason."""
        return sum(attack.refused for attack in self.attacks)

    @property
    def wrong(self) -> int:
        """Count wrong answers, missing ones, and attacks, lives and audits that ended otherwise."""
        odd = len(self.attacks) - self.refused + sum(bool(one.odd) for one in self.lived)
        return len(self.verdict.wrong) + self.unanswered + odd + self.audited.wrong


def run(options: Options, at: Terminal) -> Outcome:
    """Play the whole demonstration."""
    began = time.monotonic()
    stage = stages.build(options.folder, seed=options.seed, record=options.record)
    at.say(
        f"已生成演示城市:{len(stage.nodes)} 个部门、{len(stage.cases)} 户"
        "(合成数据,证件号以 79 开头)",
        f"made the demonstration city: {len(stage.nodes)} departments, {len(stage.cases)}"
        " households (synthetic people, ids begin with 79)",
    )
    with Troupe(options.folder / "logs") as troupe:
        start(troupe, stage, at)
        with Centre(
            stage.party(COORDINATOR),
            patient=options.kills > 0,
            quiet=at.json or options.kills > 0,
            lang=at.lang,
        ) as centre:
            killed = _work(centre, troupe, stage, options, at)
            labels = centre.labels(stage.cases)
            attacks, hidden = attack(stage, centre)
            papers.write(stage.party(COORDINATOR), labels, options.folder / "reports", at)
            asked = list(centre.asked(labels))
            lived = lives.finish(stage.party(COORDINATOR), labels)
            audited = audit.audit(stage, options.folder / "audit", hidden, labels)
    answered = [(one.key, one.outcome) for one in asked if one.outcome]
    verdict = compare(answered, read_oracle(stage.oracle), kills=options.kills > 0)
    outcome = Outcome(
        verdict=verdict,
        unanswered=len(asked) - len(answered),
        attacks=tuple(attacks),
        audited=audited,
        lived=tuple(lived),
        killed=tuple(killed),
    )
    shown = next(case_id for case_id, label in labels.items() if label == SHOWN)
    _show(stage, shown, list(labels), outcome, at)
    seconds = time.monotonic() - began
    at.say(f"用时 {seconds:.0f} 秒", f"took {seconds:.0f} s")
    return outcome


def start(troupe: Troupe, stage: Stage, at: Terminal) -> None:
    """Start all parties that are there, each its own process and database."""
    folder = str(stage.party(REGISTRAR))
    troupe.start(REGISTRAR, ["registrar", "serve", "--folder", folder, "--json"])
    start_witnesses(troupe, stage.folder)
    list(troupe.ready())
    at.say("✓ 登记处和三个见证方就绪", "✓ registrar and three witnesses ready")
    troupe.start(TALLY, ["tally", "serve", "--folder", str(stage.party(TALLY)), "--json"])
    late = stage.having(Condition.LATE)
    there = [node for node in stage.nodes if node not in stage.having(Condition.OFFLINE)]
    for node in there:
        home = stage.party(node)
        words = ["node", "serve", "--folder", str(home), "--json"]
        enrol = [] if node in late else ["--enrol"]
        troupe.start(node, words, ["--plan", str(home / "import.toml"), *enrol])
    began = time.monotonic()
    departments = (name for name in troupe.ready() if name in stage.names)
    for number, name in enumerate(departments, 1):
        zh, en = stage.names[name]
        tail = f"{number:>2}/{len(there)}  {time.monotonic() - began:4.1f}"
        done = ("", "") if name in late else ("、登记名册", ", roll enrolled")
        at.say(
            f"✓ {zh} 已导入记录{done[0]},开始应答  {tail} 秒",
            f"✓ {en}: records imported{done[1]}, answering  {tail} s",
        )


def start_witnesses(troupe: Troupe, federation: Path) -> None:
    """Start the witnesses of a federation's folder."""
    for one in WITNESSES:
        words = ["audit", "witness", "serve", "--folder", str(federation / one), "--json"]
        troupe.start(one, words)


def _work(
    centre: Centre, troupe: Troupe, stage: Stage, options: Options, at: Terminal
) -> list[str]:
    """Open, consent and ask: all cases at once, or a few at a time while processes are killed."""
    if not options.kills:
        _settle(centre, stage.cases, 0)
        return []
    with Drill(troupe, centre, kills=options.kills, seed=options.seed) as drill:
        for number in range(0, len(stage.cases), _TOGETHER):
            some = stage.cases[number : number + _TOGETHER]
            _settle(centre, some, number)
            at.say(f"✓ 案件 {number + len(some)}", f"✓ cases {number + len(some)}")
        rounds = 0
        while drill.unfinished:
            if rounds < _AGAIN:
                centre.attempt("run", "--all", "--again")
            centre.do("run", "--all")
            rounds += 1
    list(troupe.ready())  # the last one killed may still be starting
    at.say(
        f"演练:杀死进程 {len(drill.killed)} 次({'、'.join(drill.killed)}),全部恢复",
        f"drill: {len(drill.killed)} kills ({', '.join(drill.killed)}), all recovered",
    )
    return drill.killed


def _settle(centre: Centre, cases: Sequence[Path], number: int) -> None:
    centre.open(cases, number)
    centre.begin()
    centre.do("consent", "--all")
    centre.do("run", "--all")


def attack(stage: Stage, centre: Centre) -> tuple[list[Attack], set[str]]:
    """Try every attack, with the first case's applicant as the victim.

    Also gives the query ids that were answered behind the centre's back.
    """
    with open_desk(stage.party(COORDINATOR)) as desk:
        (first,) = desk.standing(centre.case_ids()[:1])
    victim = first.filed.case.applicant
    attacker = Attacker(stage, Victim(victim.id, victim.name))
    try:
        return list(attacker.run()), attacker.answered
    finally:
        attacker.close()


def _show(stage: Stage, case_id: str, every: Sequence[str], outcome: Outcome, at: Terminal) -> None:
    if at.json:
        return
    console = at.console()
    with open_desk(stage.party(COORDINATOR)) as desk:
        console.print()
        console.print(screen.report(desk.show(case_id), desk.around, at.lang))
        console.print()
        console.print(screen.leaving(desk.leaving(every), desk.around, at.lang))
    lives.show(outcome.lived, at)
    show_attacks(outcome.attacks, at)
    audit.show(outcome.audited, at)
    show_wrong(outcome.verdict, at)


def show_attacks(attacks: Sequence[Attack], at: Terminal) -> None:
    """Say of every attack how it ended."""
    at.say("\n演示中的攻击", "\nattacks in this demonstration")
    for attack in attacks:
        mark = "✓" if attack.refused else "✗"
        got = attack.got if attack.refused else f"{attack.got} (≠ {attack.expected})"
        at.say(f"  {attack.zh} → {got} {mark}", f"  {attack.en} → {got} {mark}")


def show_wrong(verdict: Verdict, at: Terminal) -> None:
    """Name the first questions that the oracle answers otherwise, without the person."""
    for key in verdict.wrong[:20]:
        text = f"  ✗ {key[0]} {key[2]} {key[3]} {key[4]}"
        at.say(text, text)
