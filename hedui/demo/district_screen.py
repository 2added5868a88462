"""What is printed when a district's review has ended: every department, attacks, the last line.

Knows words and columns. Decides nothing.
"""

from collections import Counter
from typing import Final

from rich.table import Table

from federation.terminal import Terminal
from hedui.demo.district_run import Outcome
from hedui.demo.flaws import Condition
from hedui.demo.run import show_attacks, show_wrong
from hedui.demo.stage import Stage

_CONDITIONS: Final = {
    Condition.SLOW: ("慢", "slow"),
    Condition.FLAPPING: ("时断时续", "comes and goes"),
    Condition.PAUSED: ("先暂停后应答", "paused at first"),
    Condition.LATE: ("名册登记迟", "enrolled late"),
    Condition.OFFLINE: ("始终离线", "never there"),
}
_HEADINGS: Final = (
    ("缺录", "lacking"),
    ("数据天数", "days old"),
    ("问题", "questions"),
    ("无记录", "no record"),
    ("数据过期", "stale"),
    ("拒绝", "refused"),
    ("未反馈", "silent"),
)


def show(outcome: Outcome, at: Terminal) -> None:
    """Print the whole end of a review."""
    at.emit(
        {
            "households": len(outcome.stage.cases),
            "people": outcome.people,
            "answers": outcome.answers,
            "silent": len(outcome.asked) - outcome.answers,
            "wrong": outcome.wrong,
            "refusals": outcome.refused,
            "killed": outcome.killed,
            "flapped": outcome.flapped,
            "seconds": round(outcome.seconds),
        }
    )
    if not at.json:
        console = at.console()
        console.print()
        console.print(departments(outcome, at))
        console.print(conditions(outcome.stage, at))
        show_attacks(outcome.attacks, at)
        show_wrong(outcome.verdict, at)
    killed = Counter(outcome.killed)
    at.say(
        f"\n{len(outcome.stage.cases)} 户 {outcome.people:,} 人;杀进程 {killed.total()} 次"
        f"(核对中心 {killed['coordinator']} 次),时断时续 {outcome.flapped} 次,均已恢复;"
        f"未反馈 {len(outcome.asked) - outcome.answers:,} 题;用时 {outcome.seconds:.0f} 秒",
        f"\n{len(outcome.stage.cases)} households, {outcome.people:,} people;"
        f" {killed.total()} kills ({killed['coordinator']} of the centre) and {outcome.flapped}"
        f" absences survived; {len(outcome.asked) - outcome.answers:,} questions silent;"
        f" took {outcome.seconds:.0f} s",
    )
    line = (
        f"district: {outcome.answers} answers, {outcome.wrong} wrong,"
        f" {outcome.refused} refusals as expected"
    )
    at.say(line, line)


def departments(outcome: Outcome, at: Terminal) -> Table:
    """Lay out every department, what is wrong there and what came of it; sums come last."""
    found = {node: Counter[str]() for node in (*outcome.stage.nodes, "")}
    for one in outcome.asked:
        found[one.key[2]][one.outcome.partition("(")[0]] += 1
    table = Table(box=None, padding=(0, 1), show_edge=False)
    table.add_column(at.pick("部门", "department"), no_wrap=True)
    for heading in _HEADINGS:
        table.add_column(at.pick(*heading), justify="right")
    for node in outcome.stage.nodes:
        flaws, count = outcome.stage.flaws[node], found[node]
        own = (len(flaws.missing | flaws.mistyped), flaws.age_days)
        name = at.pick(*outcome.stage.names[node])
        table.add_row(name, *(f"{n:,}" for n in (*own, *_numbers(count))))
    sums = (f"{n:,}" for n in _numbers(found[""]))
    table.add_row(at.pick("多部门合计", "Sums"), "", "", *sums)
    return table


def _numbers(count: Counter[str]) -> tuple[int, ...]:
    return (count.total(), *(count[word] for word in ("NO_RECORD", "STALE", "REFUSED", "")))


def conditions(stage: Stage, at: Terminal) -> str:
    """Say which departments were not there all the time, or slow."""
    return at.pick(";", "; ").join(
        at.pick(*_CONDITIONS[flaws.condition]) + at.pick(":", ": ") + at.pick(*stage.names[node])
        for node, flaws in stage.flaws.items()
        if flaws.condition is not Condition.SOUND
    )
