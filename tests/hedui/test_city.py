"""The demonstration city: two independent computations of every answer must agree.

One is the oracle, in plain Python over the world. The other stands in ``answering``: the raw files,
imported, and the catalogues' SQL.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.iso7064 import mod_11_2

from coordinator.casework import cases
from coordinator.casework.programmes import Role
from department_node.evaluate import period_of
from federation import catalogue, policy
from federation.clock import months_before
from federation.ids import Notice, canonical_id
from hedui.demo import truth
from hedui.demo.city import write_city
from hedui.demo.oracle import MEANINGS, about
from hedui.demo.people import SAMPLE_MARKS
from hedui.demo.population import build_world
from hedui.demo.question import Question
from hedui.demo.sums import SUMS
from hedui.demo.world import Household, Member, Person
from tests.hedui import answering
from tests.hedui.answering import (
    TODAY,
    Asked,
    City,
    answers,
    bound,
    build,
    close,
    read_cases,
    read_oracle,
    read_sums,
    sums,
)

DAYS = (
    date(2024, 1, 1),
    date(2024, 2, 29),
    date(2025, 3, 1),
    date(2026, 8, 31),
    date(2026, 12, 31),
    date(2027, 1, 31),
    date(2030, 12, 31),
)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    built = build(tmp_path_factory.mktemp("city"), TODAY)
    yield built
    close(built)


def check_cases(city: City) -> None:
    oracle = read_oracle(city.index)
    for household in city.world.households:
        for member in (*household.members, *household.supporters):
            person = member.person
            assert answers(city, household, person) == oracle.pop((household.case, person.id))
    assert not oracle


def check_sums(city: City) -> None:
    expected = read_sums(city.index)
    for household in city.world.households:
        for subject in ("", *(one.person.id for one in household.supporters)):
            assert sums(city, household, subject) == expected.pop((household.case, subject))
    assert not expected


def test_registers_and_oracle_agree_about_every_case(city: City) -> None:
    check_cases(city)
    check_sums(city)


@pytest.mark.parametrize("today", DAYS, ids=str)
def test_registers_and_oracle_agree_on_any_day(tmp_path: Path, today: date) -> None:
    built = build(tmp_path, today)
    try:
        check_cases(built)
        check_sums(built)
    finally:
        close(built)


def living_alone(person: Person) -> Household:
    return Household(
        case="alone",
        programme="DIBAO_URBAN",
        area="790301",
        members=(Member(person=person, relation="SELF"),),
    )


def test_registers_and_oracle_agree_about_everybody_else(city: City) -> None:
    seen = defaultdict(set)
    for person in city.world.people:
        alone = living_alone(person)
        expected = {
            (e.department, e.predicate, e.parameter): e.outcome
            for e in about(city.seen, alone, person)
        }
        assert answers(city, alone, person) == expected
        for (_, predicate, _), outcome in expected.items():
            seen[predicate].add(outcome)
    # A question that everybody answers alike would prove nothing; P58 is stale on purpose.
    assert {predicate for predicate, outcomes in seen.items() if len(outcomes) < 2} == {"P58"}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 10**6), max_size=80), st.integers(0, 10**6))
def test_a_set_of_people_is_told_what_each_of_them_is_told(
    city: City, drawn: list[int], household: int
) -> None:
    """Every statement of every catalogue, with the values of every parameter bound to it."""
    people, households = city.world.people, city.world.households
    keys = [people[n % len(people)].id for n in drawn] + ["nobody"]
    asked = 0
    for node in city.nodes.values():
        for one, said in node.catalogue.answers.items():
            rule = city.policy.rules[one]
            for parameter in (rule.parameters or ("",)) if said.sql else ():
                question = Asked(
                    predicate=said.predicate,
                    parameter=city.policy.parameters.get(parameter),
                    person=people[0],
                    household=households[household % len(households)],
                    period=period_of(rule.period, city.world.today),
                )
                values = bound(question)
                found = node.records.scalars(said.sql, keys, values)
                alone = [node.records.scalar(said.sql, values | {"key": key}) for key in keys]
                assert found == alone, (node.department.id, one, parameter)
                asked += 1
    assert asked > 40


def test_oracle_covers_what_catalogues_and_policy_allow(city: City) -> None:
    asked = {
        (department, predicate, parameter)
        for predicate, meaning in MEANINGS.items()
        for department in meaning.departments
        for parameter in meaning.parameters
    }
    first = city.world.households[0]
    assert asked == answers(city, first, first.members[0].person).keys()
    assert city.policy.rules.keys() == MEANINGS.keys() | SUMS.keys() | {"H7"}
    rungs = {one: city.policy.rules[one].parameters for one in SUMS}
    assert rungs == {one: meaning.parameters for one, meaning in SUMS.items()}
    for one, meaning in SUMS.items():
        sharing = answering.sharing(city, catalogue.load().predicate(one))
        assert {node.department.id for node in sharing} == set(meaning.departments)
        assert city.policy.rules[one].max_age_days == meaning.oldest


def test_only_school_fees_are_stale(city: City) -> None:
    stale = {
        question[1]
        for outcomes in read_oracle(city.index).values()
        for question, outcome in outcomes.items()
        if outcome == "STALE"
    }
    assert stale == {"P58"}


def test_fresh_school_register_would_answer_about_fees(city: City) -> None:
    fresh = replace(city.nodes["education"], as_of=city.world.today)
    today = replace(city, nodes={"education": fresh})
    found = set()
    for person in city.world.people:
        question = Question(
            world=city.world,
            household=living_alone(person),
            person=person,
            department="education",
            parameter="",
        )
        expected = truth.high_fee(question)
        assert answers(today, question.household, person)["education", "P58", ""] == expected
        found.add(expected)
    assert found == {"YES", "NO"}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_arguments_write_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        write_city(tmp_path / name, seed=seed, today=TODAY)
    assert tree(tmp_path / "one") == tree(tmp_path / "again")
    one, other = tree(tmp_path / "one"), tree(tmp_path / "other")
    assert one.keys() == other.keys()
    assert one["tax/source/jinshui.sqlite"] != other["tax/source/jinshui.sqlite"]
    assert one["oracle.json"] == other["oracle.json"], "the planted cases do not depend on chance"


def test_writing_again_replaces(tmp_path: Path) -> None:
    write_city(tmp_path, seed=1, today=date(2026, 1, 1))
    write_city(tmp_path, seed=1, today=TODAY)
    write_city(tmp_path / "fresh", seed=1, today=TODAY)
    again = {name: data for name, data in tree(tmp_path).items() if not name.startswith("fresh/")}
    assert again == tree(tmp_path / "fresh")


@pytest.mark.parametrize("seed", range(20))
def test_people_are_invented(seed: int) -> None:
    world = build_world(seed=seed, today=TODAY)
    numbers = [person.id for person in world.people]
    assert len(set(numbers)) == len(numbers)
    assert {fact.person for fact in world.facts} <= set(numbers)
    for person in world.people:
        assert canonical_id(person.id).notices == ()
        assert mod_11_2.is_valid(person.id)
        assert person.id.startswith("79")
        assert person.born < TODAY
        assert set(person.name) & set(SAMPLE_MARKS), "no name may be a real person's"


@pytest.mark.parametrize("today", [date(2023, 12, 31), date(2031, 1, 1)])
def test_a_day_on_which_the_children_do_not_fit(today: date) -> None:
    with pytest.raises(ValueError, match="2024 to 2030"):
        build_world(seed=1, today=today)


def test_departments(city: City) -> None:
    kinds = {kind.id: kind for kind in catalogue.kinds()}
    names = {d.id: d.zh for d in city.index.departments}
    assert list(names.values()) == (
        [
            "公安",
            "民政",
            "税务",
            "人社",
            "自然资源",
            "住建",
            "市场监管",
            "医保",
            "残联",
            "教育",
            "甲银行",
            "乙银行",
            "丙银行",
            "财政",
            "乙市不动产",
            "丙市不动产",
            "证券",
            "保险",
        ]
    )
    for department in city.index.departments:
        kind = kinds[department.kind]
        if department.id == kind.id:
            assert (department.id, department.zh, department.en) == (kind.id, kind.zh, kind.en)
    asked = {member.person.id for h in city.world.households for member in h.members}
    for node in city.nodes.values():
        assert len(node.roll.keys() - asked) >= 25, node.department.id


def test_raw_files_look_like_the_houses_they_come_from(city: City) -> None:
    folder = city.index.folder
    companies = (folder / "market_regulation/source/企业人员.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        companies.decode("utf-8")
    assert "认缴出资额(万元)" in companies.decode("gbk")
    assert "50.000000" in companies.decode("gbk")
    assert (folder / "disabled_federation/source/残疾人证.xlsx").read_bytes()[:2] == b"PK"
    assert (folder / "medical_insurance/source/insured.csv").read_text("utf-8")


def test_imports_put_right_and_reject(city: City) -> None:
    for name in ("human_resources", "medical_insurance", "market_regulation"):
        results = city.nodes[name].imports
        codes = {reject.code for result in results for reject in result.rejects}
        assert codes == {"ID_CHECK_DIGIT", "ID_SPREADSHEET"}
        noticed = {notice for result in results for notice in result.notices}
        assert noticed >= {Notice.FULL_WIDTH, Notice.APOSTROPHE, Notice.SPACES}
    noticed = {n for node in city.nodes.values() for r in node.imports for n in r.notices}
    assert noticed >= {Notice.FIFTEEN_DIGITS, Notice.LOWER_X}


def test_case_files(city: City) -> None:
    files = read_cases(city)
    letters = ["A", "B", "C", "D", "E", "F", "I", "J", "K", "L", "M1", "M2", "N"]
    assert list(files) == [*letters, "10", "11", "12", "13", "14", "15", "U"]
    assert {name for name, case in files.items() if "declared_income" in case} == {"I", "L", "13"}
    assert {case["programme"] for case in files.values()} == {
        "DIBAO_URBAN",
        "DIBAO_RURAL",
        "TEKUN",
        "DIBAO_MARGIN",
        "RIGID_EXPENSE",
        "TEMP_AID",
    }
    assert files["A"]["commission"] == "790301-2026-0017"
    assert len({case["commission"] for case in files.values()}) == len(files)
    assert files["N"]["declaration"] == {"marital_status": "single"}
    for case in files.values():
        assert [p["role"] for p in case["person"]].count("APPLICANT") == 1
        assert f"area-{case['area']}" in city.policy.parameters


@pytest.mark.parametrize("today", DAYS, ids=str)
def test_coordinator_takes_every_case(tmp_path: Path, today: date) -> None:
    for path in write_city(tmp_path, seed=1, today=today).cases:
        reading = cases.read(path.read_bytes(), today)
        assert reading.notices == ()
        together = [one for one in reading.case.persons if one.role is not Role.SUPPORTER]
        assert reading.case.members == len(together)


def test_everybody_signs_and_children_by_a_guardian(city: City) -> None:
    people = [person for case in read_cases(city).values() for person in case["person"]]
    methods = [person["consent"]["method"] for person in people]
    assert methods.count("AGENT") == 2
    for person in people:
        consent = person["consent"]
        assert len(bytes.fromhex(consent["evidence"])) == 32
        assert (consent["signer"] == "") == (consent["method"] == "SELF")
        born = date.fromisoformat(person["id"][6:14])
        if born > months_before(TODAY, 18 * 12):
            assert consent["method"] == "GUARDIAN"
    assert len({person["consent"]["evidence"] for person in people}) == len(people)


@pytest.mark.parametrize("standard", [83_000, 96_543])
def test_policy_follows_the_standard(tmp_path: Path, standard: int) -> None:
    index = write_city(tmp_path, seed=1, today=TODAY, standard_fen=standard)
    parsed = policy.parse(index.policy, catalogue.load())
    assert parsed.parameters["assets-24s"].threshold(3) == 72 * standard
    assert parsed.parameters["capital-100k"].threshold(3) == 10_000_000
    assert parsed.parameters["si-base"].edges == (
        standard,
        standard * 3 // 2,
        standard * 2,
        standard * 3,
    )
    assert (parsed.issued, parsed.expires) == (date(2026, 1, 1), date(2027, 12, 31))
