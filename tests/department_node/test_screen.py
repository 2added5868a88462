"""Layout: nothing wider than the screen, nothing lost, columns under one another."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from department_node.screen import columns, fold
from federation.terminal import WIDTH

TEXTS = st.text(st.sampled_from("abc 名下有机动车吗、,。()…x-1:;"), max_size=150)


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(TEXTS, st.integers(10, 60))
def test_folding_keeps_all_and_fits(text: str, width: int) -> None:
    lines = fold(text, width)
    assert squeezed("".join(lines)) == squeezed(text)
    assert all(cell_len(line) <= width for line in lines)


def test_chinese_folds_anywhere_but_before_punctuation() -> None:
    lines = fold("名下有机动车吗、住房吗\uff0c其他", 14)
    assert lines == ["名下有机动车", "吗、住房吗\uff0c其", "他"]


def test_words_stay_whole() -> None:
    assert fold("one two three", 8) == ["one two", "three"]
    assert fold("读取jidongche.clzt、jidongche.syxz", 20) == [
        "读取jidongche.clzt、",
        "jidongche.syxz",
    ]


def test_a_word_wider_than_the_line_is_cut() -> None:
    assert "".join(fold("x" * 35, 10)) == "x" * 35


def test_columns_are_aligned_by_cells() -> None:
    text = columns([("名册", "1", "a"), ("roll of", "22", "b")], indent=2)
    assert text == "  名册     1   a\n  roll of  22  b"


def test_a_long_last_cell_goes_on_below_itself() -> None:
    lines = columns([("id", "字" * 60)]).splitlines()
    assert [line.startswith("    ") for line in lines] == [False, True]
    assert all(cell_len(line) <= WIDTH for line in lines)


@given(st.lists(st.tuples(st.text("字a", max_size=9), TEXTS), min_size=1, max_size=5))
def test_rows_fit_the_screen(rows: list[tuple[str, str]]) -> None:
    for line in columns(rows, indent=2).splitlines():
        assert cell_len(line) <= WIDTH
        assert line == line.rstrip()


def test_no_rows_are_nothing() -> None:
    assert columns([]) == ""
