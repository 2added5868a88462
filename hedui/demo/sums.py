"""What each sum over departments comes to, by plain arithmetic on the facts.

Knows what is added up, over whom and which months, and what each rung's id stands for, from its
name and the dibao standard alone. Deliberately does not read any register, SQL, catalogue or policy
file and knows nothing of masks, keys or shares: it is the second opinion.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from hedui.demo.flaws import Seen
from hedui.demo.holdings import FarmSubsidy, Insurance, Security
from hedui.demo.question import yes
from hedui.demo.world import (
    Account,
    Almanac,
    Household,
    Income,
    MedicalBill,
    Pension,
    Realty,
)

CITIES = ("natural_resources", "land_b", "land_c")
BANKS = ("bank_a", "bank_b", "bank_c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding:
    """One sum over ``people``: a whole household, or one supporter alone.

    ``seen`` is the world as each department has it: whom it lacks counts as nothing there.
    """

    seen: Mapping[str, Seen]
    household: Household
    people: tuple[str, ...]
    heads: int

    @property
    def days(self) -> Almanac:
        """The days around the day of asking."""
        return Almanac(self.seen["tax"].world.today)

    @property
    def standard(self) -> int:
        """The monthly dibao standard."""
        return self.seen["tax"].world.standard_fen

    def line(self, parameter: str) -> int:
        """Give the threshold that a rung sets these people: fen, homes or percent."""
        name, number = parameter.split("-")
        if name in {"homes", "expense"}:
            return int(number)
        return int(number.removesuffix("s")) * self.standard * self.heads


def wages(a: Adding) -> int:
    """Add up the wages of the twelve months, as the tax register alone has them."""
    months = a.days.year()
    return sum(
        fact.amount_fen
        for person in a.people
        for fact in a.seen["tax"].world.of(Income, person)
        if fact.kind == "wage" and fact.month in months
    )


def pensions(a: Adding) -> int:
    """Add up the pensions of the twelve months, each paid on the first of a month."""
    return sum(
        fact.monthly_fen
        for person in a.people
        for fact in a.seen["human_resources"].world.of(Pension, person)
        for first in a.days.year()
        if fact.since <= first and (fact.until is None or first < fact.until)
    )


def subsidies(a: Adding) -> int:
    """Add up the farm subsidies paid within the twelve months."""
    return sum(
        fact.amount_fen
        for person in a.people
        for fact in a.seen["finance"].world.of(FarmSubsidy, person)
        if _within_year(a, fact.paid)
    )


def income(a: Adding) -> int:
    """Add up wages, pensions and subsidies."""
    return wages(a) + pensions(a) + subsidies(a)


def assets(a: Adding) -> int:
    """Add up open accounts at all banks, securities and the cash value of policies in force."""
    total = 0
    for person in a.people:
        for bank in BANKS:
            accounts = a.seen[bank].world.of(Account, person)
            total += sum(one.balance_fen for one in accounts if one.bank == bank and not one.closed)
        total += sum(one.value_fen for one in a.seen["securities"].world.of(Security, person))
        policies = a.seen["insurer"].world.of(Insurance, person)
        total += sum(one.cash_fen for one in policies if one.status == "active")
    return total


def homes(a: Adding) -> int:
    """Count homes in all cities; one that several people own counts for whom the register names."""
    return sum(owner in a.people for city in CITIES for owner in _first_owners(a, city).values())


def _first_owners(a: Adding, city: str) -> dict[str, str]:
    owners: dict[str, str] = {}
    for unit in a.seen[city].world.every(Realty):
        counts = unit.use == "dwelling" and unit.structure != "mud"
        if unit.register == city and unit.disposed is None:
            owners.setdefault(unit.unit, unit.person if counts else "")
    return owners


def medical_costs(a: Adding) -> int:
    """Add up what was paid for care out of pocket within the twelve months."""
    return sum(
        fact.self_paid_fen
        for person in a.people
        for fact in a.seen["medical_insurance"].world.of(MedicalBill, person)
        if _within_year(a, fact.settled)
    )


def _within_year(a: Adding, day: date) -> bool:
    return a.days.month(12) <= day < a.days.month(0)


def income_within(a: Adding, parameter: str) -> str:
    """Say whether income stays within the rung."""
    return yes(income(a) <= a.line(parameter))


def assets_within(a: Adding, parameter: str) -> str:
    """Say whether financial assets stay within the rung."""
    return yes(assets(a) <= a.line(parameter))


def homes_within(a: Adding, parameter: str) -> str:
    """Say whether there are no more homes than the rung allows."""
    return yes(homes(a) <= a.line(parameter))


def expense_reaches(a: Adding, parameter: str) -> str:
    """Say whether medical costs reach the rung's part of wages and pensions."""
    return yes(100 * medical_costs(a) >= a.line(parameter) * (wages(a) + pensions(a)))


def gap_reaches(a: Adding, parameter: str) -> str:
    """Say whether income exceeds what was declared by the rung or more."""
    return yes(income(a) - (a.household.declared_fen or 0) >= a.line(parameter))


@dataclass(frozen=True, slots=True)
class Sum:
    """Who holds a share of a sum, its rungs, how old data may be in days, and what is true."""

    departments: tuple[str, ...]
    parameters: tuple[str, ...]
    oldest: int
    outcome: Callable[[Adding, str], str]


_INCOME = ("tax", "human_resources", "finance")
SUMS: dict[str, Sum] = {
    "H1": Sum(_INCOME, ("income-12s", "income-18s", "income-36s"), 62, income_within),
    "H2": Sum(
        (*BANKS, "securities", "insurer"),
        ("assets-12s", "assets-24s", "assets-54s"),
        45,
        assets_within,
    ),
    "H3": Sum(CITIES, ("homes-1",), 45, homes_within),
    "H4": Sum(
        ("tax", "human_resources", "medical_insurance"), ("expense-60",), 62, expense_reaches
    ),
    "H5": Sum(_INCOME, ("gap-3s",), 62, gap_reaches),
}
