"""Property rules of a place take the place of a programme's own, and of nothing else."""

import pytest

from coordinator.casework.programmes import Role
from federation.errors import BadInput
from tests.coordinator.regional.sheeted import DAY, SET, SHEET, changed, read, without

OTHER = SHEET[SHEET.index("[[question]]") :].replace("P40", "P44")


def test_a_rule_replaces_the_question_of_its_roles() -> None:
    programme = read(SHEET + OTHER, SET).programme("AID", "790101", DAY, 1)
    found = {(q.predicate, q.roles): q.zh for q in programme.questions}
    assert found == {
        ("P40", (Role.SUPPORTER,)): "有车",
        ("P44", (Role.APPLICANT, Role.SUPPORTER)): "有车",
        ("P40", (Role.APPLICANT, Role.MEMBER)): "有非营运车",
    }


def test_a_rule_keeps_what_it_needs_besides_and_names_its_version() -> None:
    programme = read(SHEET + OTHER, SET).programme("AID", "790101", DAY, 1)
    found = {q.zh: (q.also, q.version) for q in programme.questions}
    assert found == {
        "有车": ((), "AID 2020-01-01"),
        "有非营运车": (("P43=NO",), "place-2026 2026-01-01"),
    }
    assert [s.version for s in programme.sums] == ["place-2026 2026-01-01"]


def test_roles_that_the_programme_does_not_ask_stay_unasked() -> None:
    supporter = changed(SET, roles='["MEMBER"]').replace(
        'roles = ["APPLICANT", "MEMBER"]\nmin', 'roles = ["SUPPORTER"]\nmin'
    )
    never = changed(SHEET, supporters='"never"').replace('"APPLICANT", "SUPPORTER"', '"APPLICANT"')
    programme = read(never, supporter).programme("AID", "790101", DAY, 1)
    assert [(q.predicate, q.zh) for q in programme.questions] == [("P40", "有车")]


def test_a_sum_stands_in_its_place_for_households_of_its_size() -> None:
    shelf = read(SHEET, SET)
    lines = [
        [s.parameter for s in shelf.programme("AID", "790101", DAY, members).sums]
        for members in (1, 2, 3)
    ]
    assert lines == [["assets-small"], ["assets-small"], ["assets-r"]]


def test_a_household_of_any_size_has_all_lines() -> None:
    larger = SET[SET.index("[[sum]]") : SET.index("[[question]]")]
    larger = larger.replace("max_members = 2", "min_members = 3").replace("-small", "-s")
    shelf = read(SHEET, SET + larger)
    assert [s.parameter for s in shelf.programme("AID", "790101", DAY).sums] == [
        "assets-small",
        "assets-s",
    ]


def test_a_sum_of_another_subject_is_added() -> None:
    shelf = read(SHEET, SET.replace('subject = "household"', 'subject = "supporter"'))
    subjects = [s.subject.value for s in shelf.programme("AID", "790101", DAY, 1).sums]
    assert subjects == ["household", "supporter"]


def test_programmes_that_a_rule_does_not_name_keep_theirs() -> None:
    shelf = read(SHEET, changed(SHEET, id='"OTHER"'), SET)
    assert shelf.programme("OTHER", "790101", DAY, 1).sums[0].parameter == "assets-r"
    assert len(shelf.exemptions("OTHER", "790101", DAY)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (changed(SET, also='["P43"]'), "not an outcome like P34=NO"),
        (changed(SET, also='["P99=NO"]'), "not an outcome like P34=NO"),
        (changed(SET, also='["P43=BAND(1)"]'), "P43 cannot answer BAND(1)"),
        (changed(SET, programmes="[]"), "programmes names none"),
        (changed(SET, max_members="31"), "between 1 and 30"),
        (changed(SET, max_members="2\nmin_members = 3"), "between 3 and 30"),
        (changed(SET, also_in='["791"]'), "also_in"),
        (SET.rpartition('source = "GM-02"\n')[0], "P40 names no source"),
        (without(SET, "also_in"), "also_in is missing"),
        (changed(SET, source='"GM-02"\nmoon = 1'), "unknown: moon"),
    ],
)
def test_hostile_files_are_refused(text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(SHEET, text)
    assert caught.value.code == "PROGRAMMES_INVALID"
    assert words in str(caught.value.details["why"])
