"""The district: two independent computations of every answer agree, whatever is wrong anywhere."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random

import pytest

from hedui.demo.city import write_district
from hedui.demo.district import HOUSEHOLDS, PEOPLE, build_district
from hedui.demo.flaws import Condition
from hedui.demo.neighbours import sizes
from hedui.demo.people import SAMPLE_MARKS
from hedui.demo.rights import CLERK, OPERATOR
from tests.hedui.answering import (
    TODAY,
    City,
    answers,
    close,
    district,
    read_cases,
    read_oracle,
    read_sums,
    sums,
)
from tests.hedui.test_city import tree

SMALL = 60
PLANTED = 23
NAMES = (
    "public_security",
    "civil_affairs",
    "tax",
    "human_resources",
    "natural_resources",
    "housing",
    "market_regulation",
    "medical_insurance",
    "disabled_federation",
    "education",
    "bank_a",
    "bank_b",
    "bank_c",
    "finance",
    "land_b",
    "land_c",
    "securities",
    "insurer",
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    built = district(tmp_path_factory.mktemp("district"), TODAY, 1, SMALL)
    yield built
    close(built)


def without_circumstance(city: City, key: tuple[str, str, str], outcome: str) -> bool:
    """Tell whether records alone decide this outcome: not who is absent and who withdrew."""
    condition = city.seen[key[0]].flaws.condition
    return condition is not Condition.OFFLINE and outcome != "REFUSED(CONSENT_REVOKED)"


def told(outcome: str) -> bool:
    """Tell whether records alone decide a sum: everybody is there, and in time."""
    return outcome != "UNAVAILABLE"


@pytest.mark.parametrize(
    ("seed", "today"), [(1, TODAY), (2, date(2024, 2, 29)), (3, date(2027, 1, 31))]
)
def test_registers_and_oracle_agree(tmp_path: Path, seed: int, today: date) -> None:
    city = district(tmp_path, today, seed, SMALL)
    try:
        oracle = read_oracle(city.index)
        for household in city.world.households:
            for member in (*household.members, *household.supporters):
                expected = oracle.pop((household.case, member.person.id))
                found = answers(city, household, member.person)
                assert found.keys() == expected.keys()
                assert {
                    key: found[key]
                    for key, outcome in expected.items()
                    if without_circumstance(city, key, outcome)
                } == {
                    key: outcome
                    for key, outcome in expected.items()
                    if without_circumstance(city, key, outcome)
                }
        assert not oracle
        expected_sums = read_sums(city.index)
        for household in city.world.households:
            for subject in ("", *(one.person.id for one in household.supporters)):
                true = expected_sums.pop((household.case, subject))
                added = sums(city, household, subject)
                assert {k: o for k, o in added.items() if told(true[k])} == {
                    k: o for k, o in true.items() if told(o)
                }
        assert not expected_sums
    finally:
        close(city)


def test_it_has_the_size_of_guangming() -> None:
    world = build_district(seed=1, today=TODAY, departments=NAMES).world
    people = [member.person.id for one in world.households for member in one.members]
    assert (len(world.households), len(people), len(set(people))) == (507, 1570, 1570)
    assert (HOUSEHOLDS, PEOPLE) == (507, 1570)


@pytest.mark.parametrize("seed", range(3))
def test_departments_lack_and_mistype_as_many_as_in_practice(seed: int) -> None:
    built = build_district(seed=seed, today=TODAY, departments=NAMES)
    ordinary = len(built.frail)
    for flaws in built.flaws.values():
        assert 0.02 <= len(flaws.missing) / ordinary <= 0.0501
        assert len(flaws.mistyped) == round(0.01 * (ordinary - len(flaws.missing)))
        assert not flaws.missing & flaws.mistyped
        assert flaws.missing | flaws.mistyped | flaws.garbled <= built.frail
    planted = {m.person.id for one in built.world.households[:PLANTED] for m in one.members}
    assert not planted & built.frail


@pytest.mark.parametrize("seed", range(5))
def test_people_are_invented(seed: int) -> None:
    world = build_district(seed=seed, today=TODAY, departments=NAMES, households=SMALL).world
    numbers = [person.id for person in world.people]
    assert len(set(numbers)) == len(numbers)
    assert {fact.person for fact in world.facts} <= set(numbers)
    for person in world.people:
        assert person.id.startswith("79")
        assert person.born < TODAY
        assert set(person.name) & set(SAMPLE_MARKS)


@pytest.mark.parametrize(("households", "people"), [(10, 10), (10, 31), (10, 60)])
def test_sizes_add_up(households: int, people: int) -> None:
    drawn = sizes(Random(1), households, people)
    assert (len(drawn), sum(drawn)) == (households, people)


@pytest.mark.parametrize("people", [9, 61])
def test_sizes_that_cannot_be(people: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        sizes(Random(1), 10, people)


def test_one_seed_one_district(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        write_district(tmp_path / name, seed=seed, today=TODAY, households=SMALL)
    one, other = tree(tmp_path / "one"), tree(tmp_path / "other")
    assert one == tree(tmp_path / "again")
    assert one["oracle.json"] != other["oracle.json"]


def test_every_department_has_something_wrong(small: City) -> None:
    flaws = {name: seen.flaws for name, seen in small.seen.items()}
    assert Counter(one.condition for one in flaws.values()) == {
        Condition.SOUND: 13,
        Condition.SLOW: 1,
        Condition.FLAPPING: 1,
        Condition.PAUSED: 1,
        Condition.LATE: 1,
        Condition.OFFLINE: 1,
    }
    assert all(one.missing and one.mistyped and 1 <= one.age_days <= 90 for one in flaws.values())
    assert [name for name, one in flaws.items() if one.garbled] == ["public_security"]
    assert sum(bool(one.left_out) for one in flaws.values()) == 3


def test_what_is_wrong_shows_in_the_files(small: City) -> None:
    everybody = {"public_security", "civil_affairs", "medical_insurance", "human_resources"}
    for name, node in small.nodes.items():
        codes = {reject.code for result in node.imports for reject in result.rejects}
        assert "DUPLICATE_ROW" in codes, name
        assert "ID_CHECK_DIGIT" in codes or name not in everybody, name
        flaws = small.seen[name].flaws
        assert not (flaws.missing | flaws.mistyped) & node.roll.keys(), name


def test_every_outcome_is_expected_somewhere(small: City) -> None:
    by_person = read_oracle(small.index).values()
    expected = {outcome for outcomes in by_person for outcome in outcomes.values()}
    assert expected >= {
        "YES",
        "NO",
        "NO_RECORD",
        "STALE",
        "UNAVAILABLE",
        "REFUSED(CONSENT_REVOKED)",
        "REFUSED(POLICY_NOT_ANSWERED)",
        "REFUSED(SOURCE_UNAVAILABLE)",
    }


def about(city: City, case: str) -> dict[tuple[str, str, str], str]:
    """Give what is expected about the one person of a case."""
    [outcomes] = [found for (name, _), found in read_oracle(city.index).items() if name == case]
    return outcomes


def test_who_signs_for_others(small: City) -> None:
    files = read_cases(small)
    [child], [man] = files["O"]["person"], files["P"]["person"]
    assert (child["consent"]["method"], man["consent"]["method"]) == ("GUARDIAN", "AGENT")
    assert about(small, "O")["education", "P57", ""] == "ENUM(compulsory)"
    assert about(small, "P")["disabled_federation", "P60", ""] == "ENUM(grade1_2)"


def test_a_consent_is_revoked_before_a_department_has_answered(small: City) -> None:
    refused = {
        department
        for (department, _, _), outcome in about(small, "R").items()
        if outcome == "REFUSED(CONSENT_REVOKED)"
    }
    paused = {n for n, seen in small.seen.items() if seen.flaws.condition is Condition.PAUSED}
    assert refused == paused == {"finance"}


def test_the_operators_relative_is_on_file(small: City) -> None:
    assert about(small, "U")["civil_affairs", "P26", ""] == "YES"
    case = read_cases(small)["U"]
    assert case["operator"] == OPERATOR
    assert case["person"][0]["consent"]["signer"] == CLERK.id
