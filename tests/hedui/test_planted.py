"""The planted cases of the demonstration city show what they are there to show."""

from collections.abc import Iterator

import pytest

from hedui.demo import sums
from hedui.demo.sums import Adding
from hedui.demo.world import Account, Contribution, HousingFund, Income
from tests.hedui.answering import TODAY, City, build, close, read_oracle, read_sums


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    built = build(tmp_path_factory.mktemp("city"), TODAY)
    yield built
    close(built)


A, B, C = "79030119700312011X", "79030219680504013X", "790401196604080214"
YANG, MOTHER, CHILD = "790401199207230243", "790501198408250428", "790501201409030456"
WIDOWER, SON = "790502197306180512", "790502200507200537"
PLANTED = [
    ("A", A, "P46", "", "YES"),
    ("A", A, "P47", "capital-100k", "YES"),
    ("A", A, "P22", "", "YES"),
    ("A", A, "P24", "", "YES"),
    ("A", A, "P01", "area-790301", "YES"),
    ("A", A, "P07", "", "ENUM(single)"),
    ("B", B, "P56", "", "YES"),
    ("B", B, "P08", "", "YES"),
    ("B", "790302199302200158", "P60", "", "ENUM(grade1_2)"),
    ("B", "790302199806110172", "P57", "", "ENUM(university)"),
    ("C", C, "P46", "", "NO"),
    ("C", C, "P40", "", "NO"),
    ("C", YANG, "P46", "", "YES"),
    ("C", YANG, "P40", "", "YES"),
    ("E", MOTHER, "P07", "", "ENUM(divorced)"),
    ("E", MOTHER, "P60", "", "ENUM(grade1_2)"),
    ("E", MOTHER, "P39", "", "YES"),
    ("E", CHILD, "P57", "", "ENUM(compulsory)"),
    ("F", WIDOWER, "P07", "", "ENUM(widowed)"),
    ("F", WIDOWER, "P04", "", "YES"),
    ("F", WIDOWER, "P08", "", "YES"),
    ("F", SON, "P57", "", "ENUM(vocational)"),
]


def outcome(city: City, case: str, person: str, predicate: str, parameter: str = "") -> str:
    outcomes = read_oracle(city.index)[case, person]
    [found] = {o for (_, p, q), o in outcomes.items() if (p, q) == (predicate, parameter)}
    return found


@pytest.mark.parametrize(("case", "person", "predicate", "parameter", "expected"), PLANTED)
def test_planted_case(
    city: City, case: str, person: str, predicate: str, parameter: str, expected: str
) -> None:
    assert outcome(city, case, person, predicate, parameter) == expected


ASSETS = ("P22", "P23", "P24", "P35", "P40", "P43", "P46", "P48", "P49")


@pytest.mark.parametrize("case", ["B", "E", "F", "J", "M2", "10"])
def test_nothing_is_found_about_households_that_have_nothing(city: City, case: str) -> None:
    household = next(h for h in city.world.households if h.case == case)
    for member in household.members:
        for predicate in ASSETS:
            assert outcome(city, case, member.person.id, predicate) == "NO"
        assert outcome(city, case, member.person.id, "P47", "capital-100k") == "NO"
    together = read_sums(city.index)[case, ""]
    lines = {"DIBAO_MARGIN": ("income-18s", "assets-24s")}
    of_income, of_assets = lines.get(household.programme, ("income-12s", "assets-12s"))
    for predicate, rung in (("H1", of_income), ("H2", of_assets), ("H3", "homes-1")):
        assert together[predicate, rung] == "YES"


def people_of(city: City, case: str) -> list[str]:
    household = next(h for h in city.world.households if h.case == case)
    return [member.person.id for member in household.members]


def test_married_daughter_is_in_no_case(city: City) -> None:
    assert people_of(city, "F") == [WIDOWER, SON]
    assert "790502199811050566" in city.nodes["public_security"].roll


def test_exemptions_do_not_count(city: City) -> None:
    for person in people_of(city, "J"):
        assert outcome(city, "J", person, "P33") == "COUNT(0)"
        assert outcome(city, "J", person, "P34", "area-30m2") == "YES"
        assert outcome(city, "J", person, "P41", "vehicle-15s") == "NO"
        assert outcome(city, "J", person, "P42", "w12m") == "NO"
    elder = people_of(city, "J")[2]
    here = read_oracle(city.index)["J", elder]["natural_resources", "P38", ""]
    assert here == "YES", "the homestead is land, not a dwelling"


def test_namesakes_are_not_mixed_up(city: City) -> None:
    first, second = people_of(city, "M1")[0], people_of(city, "M2")[0]
    assert city.world.person(first).name == city.world.person(second).name
    assert first[:14] == second[:14]
    assert outcome(city, "M1", first, "P40") == "YES"
    assert outcome(city, "M2", second, "P40") == "NO"
    for case, person in (("M1", first), ("M2", second)):
        assert outcome(city, case, person, "P06") == "YES"


def test_hidden_spouse(city: City) -> None:
    [person] = people_of(city, "N")
    assert outcome(city, "N", person, "P07") == "ENUM(married)"
    assert outcome(city, "N", person, "P08") == "NO"
    assert outcome(city, "N", person, "P04") == "YES", "the police book alone shows nothing"


SUMS = [
    ("D", "", "H2", "assets-12s", "YES"),
    ("D", "799901197203150330", "H2", "assets-54s", "NO"),
    ("D", "799901197203150330", "H3", "homes-1", "NO"),
    ("F", "", "H2", "assets-12s", "YES"),
    ("F", "790502199811050566", "H2", "assets-54s", "YES"),
    ("I", "", "H5", "gap-3s", "YES"),
    ("I", "", "H1", "income-12s", "NO"),
    ("K", "", "H2", "assets-12s", "NO"),
    ("L", "", "H1", "income-12s", "YES"),
    ("L", "", "H5", "gap-3s", "NO"),
    ("11", "", "H2", "assets-24s", "YES"),
    ("11", "", "H4", "expense-60", "YES"),
    ("13", "", "H1", "income-12s", "NO"),
    ("13", "", "H2", "assets-12s", "NO"),
    ("13", "", "H3", "homes-1", "NO"),
    ("13", "", "H5", "gap-3s", "YES"),
    ("14", "", "H1", "income-18s", "YES"),
    ("14", "", "H2", "assets-24s", "YES"),
    ("14", "", "H3", "homes-1", "YES"),
    ("15", "", "H4", "expense-60", "NO"),
]


@pytest.mark.parametrize(("case", "subject", "predicate", "rung", "expected"), SUMS)
def test_planted_sum(
    city: City, case: str, subject: str, predicate: str, rung: str, expected: str
) -> None:
    assert read_sums(city.index)[case, subject][predicate, rung] == expected


def adding(city: City, case: str) -> Adding:
    household = next(h for h in city.world.households if h.case == case)
    people = tuple(people_of(city, case))
    return Adding(seen=city.seen, household=household, people=people, heads=len(people))


def test_split_deposits_pass_at_each_bank_alone(city: City) -> None:
    split = adding(city, "K")
    accounts = [one for one in city.world.every(Account) if one.person in split.people]
    assert len({one.bank for one in accounts}) == 3
    assert all(10 * one.balance_fen == 6 * split.line("assets-12s") for one in accounts)
    assert 10 * sums.assets(split) == 18 * split.line("assets-12s")


def test_a_wage_counts_once_though_three_registers_have_it(city: City) -> None:
    wage = adding(city, "L")
    [worker] = {one.person for one in city.world.every(Income) if one.person in wage.people}
    assert city.world.of(HousingFund, worker)
    assert city.world.of(Contribution, worker)
    assert sums.income(wage) == wage.line("income-12s")
    for department in ("tax", "human_resources", "housing"):
        assert worker in city.nodes[department].roll


def test_sums_stand_at_the_line_to_the_fen(city: City) -> None:
    over, exact, short = adding(city, "13"), adding(city, "14"), adding(city, "15")
    assert sums.income(over) == over.line("income-12s") + 1
    assert sums.assets(over) == over.line("assets-12s") + 1
    assert sums.homes(over) == over.line("homes-1") + 1
    assert sums.income(over) - (over.household.declared_fen or 0) == over.line("gap-3s")
    assert sums.income(exact) == exact.line("income-18s")
    assert sums.assets(exact) == exact.line("assets-24s")
    assert sums.homes(exact) == exact.line("homes-1")
    assert min(one.balance_fen for one in city.world.every(Account)) < 0
    earned = sums.wages(short) + sums.pensions(short)
    assert 100 * (sums.medical_costs(short) + 1) == short.line("expense-60") * earned
    assert sums.assets(short) == 0


def test_wrong_name_and_household_left_out(city: City) -> None:
    assert outcome(city, "12", people_of(city, "12")[1], "P06") == "NO"
    assert outcome(city, "12", people_of(city, "12")[0], "P02") == "NO"
    assert outcome(city, "11", people_of(city, "11")[0], "P04") == "NO"
