"""Columns are found by their headings, and what somebody says goes first."""

import pytest

from coordinator.imports import mapping
from coordinator.imports.mapping import OWN, Columns, Wanted
from federation.errors import BadInput

ZH = ("户编号", "公民身份号码", " 姓 名 ", "与户主关系", "家庭申报收入（元）", "备注")
EN = ("Household No", "ID number", "NAME", "Relation", "declared_income", "remarks")


def wrong(header: tuple[str, ...], **wanted: dict[str, str]) -> str:
    with pytest.raises(BadInput) as caught:
        mapping.columns(header, Wanted(**wanted))
    assert caught.value.code == "IMPORT_MAPPING"
    return caught.value.title("en")


@pytest.mark.parametrize("header", [ZH, EN])
def test_headings_are_guessed_in_both_languages(header: tuple[str, ...]) -> None:
    found = mapping.columns(header, Wanted())
    fields = ("household", "id", "name", "relation", "declared_yuan")
    assert found.places == dict(zip(fields, range(5), strict=True))
    assert found.guessed == frozenset(fields)
    assert found.left_out == header[5:]


def test_what_is_said_goes_before_what_is_guessed() -> None:
    header = (*ZH, "申请人身份证号")
    found = mapping.columns(header, Wanted(columns={"申请人身份证号": "household"}))
    assert found.places["household"] == 6
    assert "household" not in found.guessed
    assert "户编号" in found.left_out


def test_a_column_of_rejects_is_no_field_and_not_told() -> None:
    assert mapping.columns((*OWN, *ZH), Wanted()).left_out == ("备注",)


def test_a_value_stands_for_a_column() -> None:
    found = mapping.columns((*ZH, "项目"), Wanted(values={"programme": "TEKUN"}))
    assert isinstance(found, Columns)
    assert "programme" not in found.places
    assert found.values == {"programme": "TEKUN"}


def test_what_is_said_wrongly_is_refused() -> None:
    assert "none of" in wrong(ZH, columns={"备注": "remark"})
    assert "no column" in wrong(ZH, columns={"电话": "name"})
    assert "two columns" in wrong(ZH, columns={"备注": "name", "姓名": "name"})
    assert "two fields" in wrong(ZH, columns={"姓名": "name", "姓 名": "id"})
    assert "only" in wrong(ZH, values={"id": "1"})
    assert "no column is id" in wrong(("户编号", "姓名", "关系"))


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("relation", "户主", "SELF"),
        ("relation", "长 子", "CHILD"),
        ("relation", "spouse", "SPOUSE"),
        ("role", "赡养、抚养、扶养义务人", "SUPPORTER"),
        ("trigger", "新申请", "ENTRY"),
        ("method", "监护人", "GUARDIAN"),
        ("relation", "邻居", None),
    ],
)
def test_words_in_lists(name: str, word: str, value: str | None) -> None:
    assert mapping.value(name, word) == value


def test_a_mapping_file_and_what_a_command_line_says_over_it() -> None:
    file = mapping.read_file('[columns]\n"甲" = "id"\n[values]\narea = "790301"\n'.encode())
    line = mapping.read_words(["甲=name", "a=b=relation"], ["area=790302"])
    both = line.over(file)
    assert both.columns == {"甲": "name", "a=b": "relation"}
    assert both.values == {"area": "790302"}


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe", b"[columns", b"[rows]", b"columns = 1", b"[values]\narea = 790301"],
)
def test_a_broken_mapping_file(data: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        mapping.read_file(data)
    assert caught.value.code == "IMPORT_MAPPING"


@pytest.mark.parametrize("word", ["", "=", "甲", "甲=", "=id"])
def test_a_word_that_maps_nothing(word: str) -> None:
    with pytest.raises(BadInput) as caught:
        mapping.read_words([word], [])
    assert caught.value.code == "IMPORT_MAPPING"
