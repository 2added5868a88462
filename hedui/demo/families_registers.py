"""Where the families' incomes and assets are: at two departments, or spread over eight.

Knows files, catalogues and how amounts are split. Does not know what is asked, nor any outcome.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from typing import Final

from federation.founding import PartyPlan
from federation.manifest import PartyRole
from hedui.demo.families import Family

BANKS: Final = tuple(f"bank_{letter}" for letter in "abcde")
_OFFICES: Final = {
    "tax": ("税务", "Tax"),
    "human_resources": ("人社", "Human resources"),
    "finance": ("财政", "Finance"),
    **{
        bank: (f"{name}银行", f"Bank {bank[-1].upper()}")
        for bank, name in zip(BANKS, "甲乙丙丁戊", strict=True)
    },
}
_FILE: Final = "amounts.csv"
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

{asked}
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
class Register:
    """One department with an amount for each of its families, by their place in the data set.

    ``asked`` is the head of what its catalogue says of it: a question, or a component of a sum.
    """

    id: str
    kind: str
    zh: str
    en: str
    asked: str
    amounts: Mapping[int, int]

    @property
    def plan(self) -> PartyPlan:
        """Plan the party."""
        return PartyPlan(
            id=self.id, role=PartyRole.NODE, kind=self.kind, zh=self.zh, en=self.en, endpoint=""
        )


def two(families: Sequence[Family]) -> list[Register]:
    """Give all incomes to the tax office and all assets to one bank."""
    return [
        _register("tax", _answer("P21"), {one.number: one.income for one in families}),
        _register("bank_a", _answer("P50"), {one.number: one.assets for one in families}),
    ]


def spread(families: Sequence[Family], seed: int) -> list[Register]:
    """Give half of the families' incomes to each of two registers, and split assets over banks.

    The third register of incomes knows everybody and has nothing about anybody.
    """
    rng = Random(seed)
    shares: dict[str, dict[int, int]] = {bank: {} for bank in BANKS}
    for one in families:
        for bank, part in zip(BANKS, _parts(rng, one.assets), strict=True):
            if part:
                shares[bank][one.number] = part
    incomes = {
        "tax": ("wage", {one.number: one.income for one in families[::2]}),
        "human_resources": ("pension", {one.number: one.income for one in families[1::2]}),
        "finance": ("farm_subsidy", {one.number: 0 for one in families}),
    }
    return [
        *(_register(id_, _component(part), held) for id_, (part, held) in incomes.items()),
        *(_register(bank, _component("deposit"), held) for bank, held in shares.items()),
    ]


def write(home: Path, register: Register, families: Sequence[Family], today: date) -> None:
    """Write a register's file, import plan and catalogue into its party's folder."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["id", "name", "fen"])
    for one in families:
        if one.number in register.amounts:
            writer.writerow([one.head, one.name, register.amounts[one.number]])
    (home / _FILE).write_text(table.getvalue(), "utf-8")
    plan = _IMPORT.format(file=_FILE, as_of=today.isoformat())
    (home / "import.toml").write_text(plan, "utf-8")
    text = _CATALOGUE.format(department=register.id, asked=register.asked)
    (home / "catalogue.toml").write_text(text, "utf-8")


def _parts(rng: Random, amount: int) -> list[int]:
    """Split an amount into as many parts as there are banks; some are nothing."""
    cuts = sorted(rng.randint(0, amount) for _ in BANKS[1:])
    return [high - low for low, high in zip([0, *cuts], [*cuts, amount], strict=True)]


def _register(id_: str, asked: str, amounts: Mapping[int, int]) -> Register:
    zh, en = _OFFICES[id_]
    kind = "bank" if id_ in BANKS else id_
    return Register(id=id_, kind=kind, zh=zh, en=en, asked=asked, amounts=amounts)


def _answer(predicate: str) -> str:
    return f'[[answer]]\npredicate = "{predicate}"\npurposes = ["ENTRY"]\nscope = "city"'


def _component(name: str) -> str:
    return f'[[component]]\nid = "{name}"'
