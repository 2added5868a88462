"""A ladder on one line: to scale, legible, as wide as it should be."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hedui.policy_picture import ladder


def test_a_ladder_is_drawn_to_scale() -> None:
    labels, line = ladder([(10, "10"), (20, "20")], 40)
    assert labels == "               10             20"
    assert line == "├──────────────┼──────────────┼────────▶"
    assert len(line) == 40


def test_two_ladders_share_a_scale() -> None:
    _, alone = ladder([(10, "10")], 40)
    _, beside = ladder([(10, "10")], 40, 20)
    assert (alone.index("┼"), beside.index("┼")) == (30, 15)


def test_a_line_at_nought_is_the_start() -> None:
    labels, line = ladder([(0, "0 元"), (8, "8 元")], 20)
    assert labels.startswith("0 元")
    assert line.startswith("├─")
    assert line.count("┼") == 1


def test_nothing_to_draw_is_a_bare_line() -> None:
    assert ladder([], 10) == ("", "├───────" + "─▶")


@given(st.lists(st.integers(0, 1 << 39), max_size=6, unique=True), st.integers(20, 120))
def test_every_mark_stands_under_the_start_of_its_label(marks: list[int], width: int) -> None:
    named = [(mark, f"{mark} 元") for mark in sorted(marks)]
    labels, line = ladder(named, width)
    places = [0] if 0 in marks else []
    places += [place for place, sign in enumerate(line) if sign == "┼"]
    assert len(places) == len(marks)
    text = labels
    for (_, label), place in zip(named, places, strict=True):
        before, _, text = text.partition(label)
        assert before.strip() == ""
        at = cell_len(labels) - cell_len(text) - cell_len(label)
        assert at == place
    assert len(line) >= min(width, cell_len(labels))
    assert line.endswith("▶")
