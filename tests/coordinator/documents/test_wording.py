"""The papers' words: both languages, the same places for values, Chinese punctuation."""

import string
import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.documents.wording import widened


def table() -> dict[str, dict[str, dict[str, str]]]:
    text = resources.files("coordinator").joinpath("data", "papers.toml").read_text("utf-8")
    return tomllib.loads(text)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_where_both_languages_speak_they_name_the_same_values() -> None:
    pairs = [(s, k, one) for s, keys in table().items() for k, one in keys.items()]
    assert len(pairs) > 100
    for section, key, one in pairs:
        assert one.keys() == {"zh", "en"}, (section, key)
        assert one["zh"] or one["en"], (section, key)
        if one["zh"] and one["en"]:
            assert places(one["zh"]) == places(one["en"]), (section, key)


def test_a_report_is_whole_in_both_languages() -> None:
    for section in ("report", "fact", "part", "column", "said", "note", "place"):
        assert all(one["zh"] and one["en"] for one in table()[section].values()), section


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("有经营所得申报,需核实", "有经营所得申报，需核实"),
        ("存款(12个月)", "存款（12个月）"),
        ("摘要(SHA-256) ab", "摘要（SHA-256） ab"),
        ("规则(第 3 版);见", "规则（第 3 版）；见"),
        ("空()白", "空（）白"),
        ("10:30, a; b (c)", "10:30, a; b (c)"),
        ("P40,P41", "P40,P41"),
    ],
)
def test_punctuation_beside_chinese_is_wide(narrow: str, wide: str) -> None:
    assert widened(narrow) == wide


@given(st.text(alphabet=string.printable))
def test_without_chinese_nothing_changes(text: str) -> None:
    assert widened(text) == text


@given(st.text(alphabet="核对 a1,;:()（）,"))
def test_widening_twice_is_widening_once_but_for_nested_pairs(text: str) -> None:
    once = widened(text)
    if "(" not in once and ")" not in once:
        assert widened(once) == once
    assert len(once) == len(text)
