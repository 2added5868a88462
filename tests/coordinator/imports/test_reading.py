"""Rows become households; a wrong row is named with its reason, and holds its household back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.casework.cases import Method
from coordinator.casework.programmes import Role
from coordinator.imports import mapping, reading
from coordinator.imports.importing import Chosen
from coordinator.imports.mapping import Wanted
from coordinator.imports.reading import Line, Terms
from federation.clock import business_date
from federation.ids import Notice
from tests.coordinator import town as towns
from tests.coordinator.imports import lists
from tests.coordinator.imports.lists import FIXED, codes, csv, examined, number, row, shuffled
from tests.coordinator.town import NOW, Town

AROUND = towns.build(Path()).around


def one_bad(town: Town, tmp_path: Path, bad: list[str]) -> list[tuple[int, str]]:
    """Read a list whose third row, the second of its household, is this one."""
    return codes(examined(town, csv(tmp_path / "l.csv", [row(1, 1), bad])))


def test_rows_of_a_household_need_not_stand_together(town: Town, tmp_path: Path) -> None:
    rows = [*lists.families(3), row(4, 7)]
    found = examined(town, csv(tmp_path / "l.csv", shuffled(rows)))
    assert found.rejects == []
    people = sorted(len(case.persons) for _, case, _ in found.cases)
    assert people == [1, 2, 2, 2]
    assert {case.operator for _, case, _ in found.cases} == {lists.BY}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"id": number(2)[:17] + "?"}, "ID_CHARACTERS"),
        ({"id": number(2)[:16] + "00"}, "ID_CHECK_DIGIT"),
        ({"id": "790301700101002"}, "ROW_FIFTEEN"),
        ({"id": "7.90301E+17"}, "ID_SPREADSHEET"),
        ({"id": "790301"}, "ID_LENGTH"),
        ({"id": number(1)}, "ROW_PERSON_TWICE"),
        ({"name": "|"}, "NAME_CHARACTERS"),
        ({"name": " "}, "NAME_EMPTY"),
        ({"name": "王" * 300}, "CELL_TOO_LONG"),
        ({"evidence": "ab"}, "CASE_INVALID"),
    ],
)
def test_a_bad_row_holds_its_household(
    town: Town, tmp_path: Path, more: dict[str, str], code: str
) -> None:
    bad = row(1, 2, "妻", **more)
    assert one_bad(town, tmp_path, bad) == [(2, "ROW_HELD"), (3, code)]


def test_words_and_cells_that_nobody_understands(town: Town, tmp_path: Path) -> None:
    for relation in ("邻居", ""):
        assert one_bad(town, tmp_path, row(1, 2, relation))[1] == (3, "ROW_WORD")
    assert one_bad(town, tmp_path, [*row(1, 2, "妻"), "x", "y"])[1] == (3, "ROW_WIDTH")
    assert one_bad(town, tmp_path, row("", 2, "妻")) == [(3, "ROW_HOUSEHOLD")]


def test_a_household_without_an_applicant_or_with_two(town: Town, tmp_path: Path) -> None:
    rows = [row(1, 1, "妻"), row(2, 2), row(2, 3)]
    assert codes(examined(town, csv(tmp_path / "l.csv", rows))) == [
        (2, "CASE_APPLICANT"),
        (3, "CASE_APPLICANT"),
        (4, "ROW_HELD"),
    ]


def test_a_child_needs_a_guardian_and_a_signer_makes_one(town: Town, tmp_path: Path) -> None:
    header = (*lists.HEADER[:5], "监护人身份证号")
    child = row(1, 2, "儿子", born="20200101")
    file = tmp_path / "l.csv"
    for signer, wanted in (("", [(2, "ROW_HELD"), (3, "CASE_GUARDIAN")]), (number(1), [])):
        rows = [header, row(1, 1), [*child[:5], signer]]
        file.write_text("\n".join(map(",".join, rows)), "utf-8")
        found = examined(town, file)
        assert codes(found) == wanted
    ((_, case, _),) = found.cases
    assert [one.signature.method for one in case.persons] == [Method.SELF, Method.GUARDIAN]


def test_fields_of_the_household_are_said_once_or_alike(town: Town, tmp_path: Path) -> None:
    header = "户编号,身份证号,姓名,关系,身份,项目,申报收入(元),家庭人口"
    lines = [
        f'1,{number(1)},王甲,本人,,城市低保,"12,000.50",3',
        f"1,{number(2)},李乙,妻,成员,,,",
        f"1,{number(3)},王丙,子女,赡养人,DIBAO_URBAN,,3",
    ]
    file = tmp_path / "l.csv"
    chosen = Chosen(wanted=Wanted(values={k: FIXED[k] for k in ("area", "commission")}))
    file.write_text("\n".join([header, *lines]), "utf-8")
    assert codes(examined(town, file, chosen)) == [
        (2, "ROW_HELD"),
        (3, "ROW_HELD"),
        (4, "ROW_DIFFERS"),
    ]
    lines[2] = lines[2].replace("DIBAO_URBAN", "")
    file.write_text("\n".join([header, *lines]), "utf-8")
    ((_, case, _),) = examined(town, file, chosen).cases
    assert (case.programme, case.declared_income, case.members) == ("DIBAO_URBAN", 1_200_050, 3)
    assert [one.role for one in case.persons] == [Role.APPLICANT, Role.MEMBER, Role.SUPPORTER]


@pytest.mark.parametrize("amount", ["12万", "-1", "1.234", "1e5", "9" * 13])
def test_an_amount_that_is_none(town: Town, tmp_path: Path, amount: str) -> None:
    file = tmp_path / "l.csv"
    text = f"户编号,身份证号,姓名,关系,申报收入\n1,{number(1)},王甲,本人,{amount}"
    file.write_text(text, "utf-8")
    assert codes(examined(town, file)) == [(2, "ROW_AMOUNT")]


def test_what_the_case_itself_lacks(town: Town, tmp_path: Path) -> None:
    file = csv(tmp_path / "l.csv", [row(1, 1)])
    for name, value, code in (
        ("programme", "NONE", "PROGRAMME_UNKNOWN"),
        ("area", "7903", "CASE_INVALID"),
        ("trigger", "whenever", "ROW_WORD"),
        ("members", "0", "CASE_INVALID"),
    ):
        chosen = Chosen(wanted=Wanted(values=FIXED | {name: value}))
        assert codes(examined(town, file, chosen)) == [(2, code)]


def test_a_supporter_may_stand_in_several_households(town: Town, tmp_path: Path) -> None:
    header = (*lists.HEADER[:5], "身份")
    rows: list[tuple[str, ...]] = [header]
    for place in (1, 2):
        rows += [(*row(place, place)[:5], ""), (*row(place, 9, "子女")[:5], "扶养人")]
    file = tmp_path / "l.csv"
    file.write_text("\n".join(map(",".join, rows)), "utf-8")
    assert codes(examined(town, file)) == []


def test_what_was_put_right_is_told_by_row(town: Town, tmp_path: Path) -> None:
    wide = "".join(chr(ord(char) + 0xFEE0) for char in number(1))
    found = examined(town, csv(tmp_path / "l.csv", [row(1, 1, id=wide)]))
    assert found.households[0].notices == ((2, Notice.FULL_WIDTH),)


CELL = st.one_of(
    st.sampled_from(["1", "2", "", "本人", "妻", "王甲", "ab" * 32, number(1), number(2)]),
    st.text(max_size=20),
)


@given(rows=st.lists(st.lists(CELL, min_size=5, max_size=7), max_size=12))
def test_every_row_is_in_one_case_or_among_the_rejects(rows: list[list[str]]) -> None:
    """Whatever stands in a list, no row is lost, none counts twice, and nothing is raised."""
    columns = mapping.columns(lists.HEADER, Wanted(values=FIXED))
    lines = [Line(row=row, cells=tuple(cells)) for row, cells in enumerate(rows, start=2)]
    terms = Terms(around=AROUND, plan="", today=business_date(NOW), operator=lists.BY)
    found = reading.read(lines, columns, terms)
    opened = [line.row for one in found if one.case for line in one.lines]
    left = [reject.line.row for one in found for reject in one.rejects]
    assert sorted(opened + left) == [line.row for line in lines]
    assert all(bool(one.case) != bool(one.rejects) for one in found)
