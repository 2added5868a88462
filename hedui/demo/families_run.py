"""The families through consent, questions and answers: at two departments, or as sums over eight.

Knows the order of events and what is shown. Does not know where amounts come from or lie.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from coordinator.asking.conductor import Event, State
from coordinator.asking.sum_record import SumRecord
from coordinator.casework.cases import Case, CasePerson, Method, Relation, Signature
from coordinator.casework.programmes import Role
from coordinator.database import open_database, url_of
from coordinator.desk import Desk
from coordinator.opening import open_desk
from federation.clock import SystemClock, business_date
from federation.exchange import Outcome, Purpose
from federation.terminal import Terminal
from hedui.demo import families_registers as registers
from hedui.demo import stage as stages
from hedui.demo.families import Family, Found, draw, expected, read_families
from hedui.demo.families_registers import Register
from hedui.demo.policy import policy_toml
from hedui.demo.processes import Troupe
from hedui.demo.run import start_witnesses
from hedui.demo.stage import COORDINATOR, REGISTRAR, TALLY

GROUP: Final = 500
"""Cases a request of single questions."""
PROGRAMME: Final = "FAMILIES"
_AREA: Final = "790301"
_ALONE: Final = ("P21", "P50")
_TOGETHER: Final = ("H1", "H2")
"""What is asked about income and about assets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which families, against which standard, and whether their amounts lie in many registers.

    ``sample`` is how many of them; 0: all.
    """

    folder: Path
    standard: Decimal
    sums: bool = False
    sample: int = 0
    seed: int = 1


def run(options: Options, at: Terminal) -> tuple[Found, Found]:
    """Take the families through consent, questions and answers; give found and expected."""
    began = time.monotonic()
    cents = int((options.standard * 100).to_integral_value())
    today = business_date(SystemClock().now())
    families = draw(read_families(today), options.sample, options.seed)
    at.say(
        f"真实家庭 {len(families):,} 户(401ksubs),月标准 {options.standard}",
        f"{len(families):,} real families (401ksubs), monthly standard {options.standard}",
    )
    held = registers.spread(families, options.seed) if options.sums else registers.two(families)
    home = options.folder / "federation"
    template = "policy_families_sums.toml" if options.sums else "policy_families.toml"
    stages.found(home, [one.plan for one in held], policy_toml(cents, today, template))
    for one in held:
        registers.write(home / one.id, one, families, today)
    with Troupe(options.folder / "logs") as troupe:
        _start(troupe, home, held, at)
        found = _ask(home, families, options, at)
    counted = expected(families, cents)
    _show(found, counted, at)
    at.say(f"用时 {time.monotonic() - began:.0f} 秒", f"took {time.monotonic() - began:.0f} s")
    return found, counted


def _start(troupe: Troupe, home: Path, held: Sequence[Register], at: Terminal) -> None:
    registrar = ["registrar", "serve", "--folder", str(home / REGISTRAR), "--json"]
    troupe.start(REGISTRAR, registrar)
    start_witnesses(troupe, home)
    list(troupe.ready())
    names = {one.id: one for one in held}
    for name in names:
        words = ["node", "serve", "--folder", str(home / name), "--json"]
        plan = str(home / name / "import.toml")
        troupe.start(name, words, ["--plan", plan, "--enrol"])
    troupe.start(TALLY, ["tally", "serve", "--folder", str(home / TALLY), "--json"])
    for name in troupe.ready():
        if name in names:
            zh, en = names[name].zh, names[name].en
            count = len(names[name].amounts)
            at.say(f"✓ {zh}:已导入并登记 {count:,} 户", f"✓ {en}: {count:,} imported and enrolled")


def _ask(home: Path, families: Sequence[Family], options: Options, at: Terminal) -> Found:
    with open_desk(home / COORDINATOR) as desk:
        ids = desk.new([_case(family) for family in families])
        at.say(f"已建案 {len(ids):,} 件", f"{len(ids):,} cases opened")
        desk.consent(ids)
        at.say("授权已登记,令牌已取回", "consents recorded, tokens fetched")
        counted = {TALLY} if options.sums else {"tax", "bank_a"}
        with _Bar(at, counted) as bar:
            desk.run(ids, bar.heard, group=GROUP)
        outcomes = _summed(home, ids) if options.sums else _told(desk, ids)
        income, assets = _TOGETHER if options.sums else _ALONE
        answers = dict(outcomes)
        within = [i for i in ids if answers.get((i, income)) is Outcome.YES]
        over = [i for i in within if answers.get((i, assets)) is Outcome.NO]
    return Found(families=len(ids), within_income=len(within), over_assets=len(over))


class _Bar:
    """How far it is: what the counted parties were to be asked, and what they have settled."""

    def __init__(self, at: Terminal, counted: set[str]) -> None:
        self._counted = counted
        self._total = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            disable=at.json,
            transient=True,
        )
        self._task = self._bar.add_task(at.pick("询问", "asking"), total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def heard(self, event: Event) -> None:
        """Hear of something that is asked, or settled."""
        if event.department not in self._counted:
            return
        if event.state is State.WAITING:
            self._total += event.questions
            self._bar.update(self._task, total=self._total)
        else:
            self._bar.advance(self._task, event.questions)


def _told(desk: Desk, ids: Sequence[str]) -> Iterator[tuple[tuple[str, str], Outcome]]:
    for case_id, told in desk.told(ids).items():
        for one in told:
            if one.answer:
                yield (case_id, one.ask.predicate), one.answer.outcome


def _summed(home: Path, ids: Sequence[str]) -> Iterator[tuple[tuple[str, str], Outcome]]:
    books = open_database(url_of("", home / COORDINATOR / "data"))
    try:
        for case_id, told in SumRecord(books).told(ids).items():
            for one in told:
                if one.answer:
                    yield (case_id, one.ask.predicate), one.answer.outcome
    finally:
        books.close()


def _case(family: Family) -> Case:
    person = CasePerson(
        id=family.head,
        name=family.name,
        relation=Relation.SELF,
        role=Role.APPLICANT,
        signature=Signature(method=Method.SELF, evidence=family.number.to_bytes(32, "big")),
    )
    return Case(
        programme=PROGRAMME,
        purpose=Purpose.ENTRY,
        area=_AREA,
        commission=f"{_AREA}-families",
        operator="op-lin",
        members=family.size,
        persons=(person,),
    )


def _show(found: Found, counted: Found, at: Terminal) -> None:
    if at.json:
        return
    table = Table(box=None, padding=(0, 1), show_edge=False)
    table.add_column("")
    for heading in (at.pick("查得", "found"), at.pick("原始数据", "plain figures")):
        table.add_column(heading, justify="right")
    rows = {
        "families": ("家庭", "families"),
        "within_income": ("收入不超过12个月标准", "income within 12 months of the standard"),
        "over_assets": ("其中净资产超过12个月标准", "of these, assets above 12 months of it"),
    }
    told, plain = found.as_json(), counted.as_json()
    for name, words in rows.items():
        mark = "✓" if told[name] == plain[name] else "✗"
        table.add_row(f"{mark} {at.pick(*words)}", f"{told[name]:,}", f"{plain[name]:,}")
    console = at.console()
    console.print()
    console.print(table)
