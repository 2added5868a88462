"""Case files: what is accepted, what is put right, and the code of everything that is refused."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.casework import cases
from coordinator.casework.cases import Method, Relation
from coordinator.casework.programmes import Role
from federation import limits
from federation.errors import BadInput
from federation.exchange import Purpose
from federation.ids import Notice, check_digit
from tests.coordinator.town import APPLICANT, CHILD, WIFE, WIFE_TEXT, case_text, person_text

TODAY = date(2026, 11, 18)
CHILD_TEXT = person_text(CHILD, "丙", "CHILD", "MEMBER", method="GUARDIAN", signer=APPLICANT)


def read(text: str) -> cases.Reading:
    return cases.read(text.encode(), TODAY)


def refused(text: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(text)
    return caught.value


def edited(old: str, new: str) -> str:
    text = case_text(more=WIFE_TEXT + CHILD_TEXT)
    assert old in text
    return text.replace(old, new, 1)


def test_a_household_is_read_as_it_stands() -> None:
    case = read(case_text(more=WIFE_TEXT + CHILD_TEXT)).case
    assert (case.programme, case.purpose, case.area) == ("DIBAO_URBAN", Purpose.ENTRY, "790301")
    assert (case.commission, case.operator, case.members) == ("790301-17", "op-lin", 3)
    assert [person.role for person in case.persons] == [Role.APPLICANT, Role.MEMBER, Role.MEMBER]
    assert case.applicant.id == APPLICANT
    child = case.persons[2]
    assert (child.relation, child.age(TODAY)) == (Relation.CHILD, 12)
    assert (child.signature.method, child.signature.signer) == (Method.GUARDIAN, APPLICANT)
    assert case.persons[0].signature.evidence == b"\xab" * 32


def test_neither_ids_nor_names_stand_in_a_repr() -> None:
    shown = repr(read(case_text(more=WIFE_TEXT + CHILD_TEXT)))
    for secret in (APPLICANT, WIFE, CHILD, "王甲", "李乙"):
        assert secret not in shown


def test_a_household_may_sign_for_more_members_than_are_asked_about() -> None:
    assert read(case_text().replace("\narea", "\nmembers = 5\narea")).case.members == 5


def test_a_household_may_declare_its_income() -> None:
    assert read(case_text()).case.declared_income is None
    declared = read(case_text().replace("\narea", "\ndeclared_income = 0\narea")).case
    assert declared.declared_income == 0
    rich = read(case_text().replace("\narea", "\ndeclared_income = 98765432\narea")).case
    assert "98765432" not in repr(rich)


def test_supporters_do_not_count_as_members() -> None:
    more = person_text(WIFE, "李乙", "PARENT", "SUPPORTER")
    assert read(case_text(more=more)).case.members == 1


def test_a_declaration_is_kept() -> None:
    text = case_text() + '[declaration]\nmarital_status = "single"\n'
    declared = read(text).case
    assert declared.declaration == {"marital_status": "single"}
    assert "single" not in repr(declared)


def test_a_spoilt_number_is_put_right_and_said_so() -> None:
    spoilt = "'" + APPLICANT[:10] + " " + APPLICANT[10:17] + "x"
    reading = read(case_text().replace(APPLICANT, spoilt))
    assert reading.case.applicant.id == APPLICANT
    assert reading.notices == (
        (1, Notice.LOWER_X),
        (1, Notice.SPACES),
        (1, Notice.APOSTROPHE),
    )


def test_a_signers_number_is_put_right_too() -> None:
    reading = read(case_text(more=CHILD_TEXT.replace(APPLICANT, APPLICANT.lower())))
    assert reading.case.persons[1].signature.signer == APPLICANT
    assert reading.notices == ((2, Notice.LOWER_X),)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("790301197003120110", "ID_CHECK_DIGIT"),
        ("790301197013120119", "ID_DATE"),
        ("3.30203E+17", "ID_SPREADSHEET"),
        ("", "ID_EMPTY"),
        ("79030119700312", "ID_LENGTH"),
        ("79030119700312O11X"[:18], "ID_CHARACTERS"),
    ],
)
def test_a_wrong_number_is_refused_with_the_persons_place_only(number: str, code: str) -> None:
    error = refused(edited(WIFE, number))
    assert (error.code, error.details["person"]) == (code, 2)
    assert number == "" or number not in str(error)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('role = "APPLICANT"', 'role = "MEMBER"', "CASE_APPLICANT"),
        ('role = "MEMBER"', 'role = "APPLICANT"', "CASE_APPLICANT"),
        ('relation = "SPOUSE"', 'relation = "SELF"', "CASE_APPLICANT"),
        ('relation = "SELF"', 'relation = "OTHER"', "CASE_APPLICANT"),
        (WIFE, APPLICANT, "CASE_DUPLICATE"),
        (WIFE, APPLICANT.lower(), "CASE_DUPLICATE"),
        ('relation = "SPOUSE"', 'relation = "FRIEND"', "CASE_INVALID"),
        ('role = "MEMBER"', 'role = "WITNESS"', "CASE_INVALID"),
        ('method = "GUARDIAN"', 'method = "SELF"', "CASE_GUARDIAN"),
        ('method = "GUARDIAN"', 'method = "AGENT"', "CASE_GUARDIAN"),
        (f'signer = "{APPLICANT}"', 'signer = ""', "CASE_SIGNER"),
        (f'signer = "{APPLICANT}"', f'signer = "{CHILD}"', "CASE_SIGNER"),
        ('signer = ""', f'signer = "{WIFE}"', "CASE_SIGNER"),
        ('commission = "790301-17"', "", "CASE_INVALID"),
        ('commission = "790301-17"', 'commission = ""', "CASE_INVALID"),
        ('operator = "op-lin"', "", "CASE_INVALID"),
        ('operator = "op-lin"', 'operator = "林 科长"', "CASE_INVALID"),
        ('trigger = "ENTRY"', 'trigger = "CURIOSITY"', "CASE_INVALID"),
        ('area = "790301"', 'area = "79"', "CASE_INVALID"),
        ('area = "790301"', 'area = "790301"\nspeed = 1', "CASE_INVALID"),
        ('area = "790301"', 'area = "790301"\nmembers = 2', "CASE_PERSONS"),
        ('area = "790301"', 'area = "790301"\nmembers = true', "CASE_INVALID"),
        ('area = "790301"', 'area = "790301"\ndeclared_income = -1', "CASE_INVALID"),
        ('area = "790301"', 'area = "790301"\ndeclared_income = 1.5', "CASE_INVALID"),
        ('area = "790301"', 'area = "790301"\ndeclared_income = 549755813888', "CASE_INVALID"),
        ('name = "李乙"', 'name = "李乙"\nphone = "1"', "CASE_INVALID"),
        ('name = "李乙"', 'name = ""', "NAME_EMPTY"),
        ('name = "李乙"', "name = 7", "CASE_INVALID"),
        ('name = "李乙"', "", "CASE_INVALID"),
        ("ab" * 32, "ab" * 31, "CASE_INVALID"),
        ("ab" * 32, "AB" * 32, "CASE_INVALID"),
    ],
)
def test_what_is_wrong_with_a_case_has_a_code(old: str, new: str, code: str) -> None:
    assert refused(edited(old, new)).code == code


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe\x00", b"programme = ", b"[[person]]", b"person = 1", b"person = [1]", b"= ="],
)
def test_an_empty_truncated_or_garbage_file_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        cases.read(data, TODAY)
    assert caught.value.code in {"CASE_INVALID", "CASE_PERSONS"}


def test_a_truncated_file_is_refused_wherever_it_ends() -> None:
    data = case_text(more=WIFE_TEXT).strip().encode()
    cases.read(data, TODAY)
    for end in range(0, len(data), 7):
        with pytest.raises(BadInput):
            cases.read(data[:end], TODAY)


def test_a_broken_line_is_named_and_not_quoted() -> None:
    error = refused(case_text().replace(f'"{APPLICANT}"', f'"{APPLICANT}'))
    assert "line" in str(error.details["why"])
    assert APPLICANT not in str(error)


def test_a_file_beyond_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadInput) as caught:
        cases.read(b"#" * (cases.CASE_BYTES + 1), TODAY)
    assert caught.value.code == "CASE_OVERSIZE"


def test_a_case_has_no_more_people_than_the_protocol_allows() -> None:
    def number(i: int) -> str:
        first17 = f"79030119700312{100 + i}"
        return first17 + check_digit(first17)

    people = [
        person_text(number(i), "丁", "OTHER", "MEMBER") for i in range(limits.HOUSEHOLD_PERSONS)
    ]
    assert read(case_text(more="".join(people[:-1]))).case.members == limits.HOUSEHOLD_PERSONS
    assert refused(case_text(more="".join(people))).code == "CASE_PERSONS"


def test_nobody_is_born_tomorrow() -> None:
    first17 = "79030120261119011"
    error = refused(edited(WIFE, first17 + check_digit(first17)))
    assert (error.code, error.details["person"]) == ("ID_DATE", 2)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_bad_input(data: bytes) -> None:
    with pytest.raises(BadInput):
        cases.read(data, TODAY)


@pytest.mark.parametrize(
    ("today", "age"),
    [(date(2026, 9, 2), 11), (date(2026, 9, 3), 12), (date(2026, 9, 4), 12)],
)
def test_ages_change_on_the_birthday(today: date, age: int) -> None:
    assert read(case_text(more=CHILD_TEXT)).case.persons[1].age(today) == age
