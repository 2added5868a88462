"""PDFs: equal bytes for equal papers, whatever they say, and a plain word where none is made."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from coordinator.documents import typesetting
from coordinator.documents.paper import Paper, text
from federation.errors import Unavailable
from tests.coordinator.documents.test_paper import EVERY


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a house in which the extra is not installed."""

    def nothing(name: str) -> None:
        raise ModuleNotFoundError(name)

    typesetting._press.cache_clear()
    monkeypatch.setattr(typesetting, "import_module", nothing)
    yield
    monkeypatch.undo()
    typesetting._press.cache_clear()


def test_equal_papers_are_equal_bytes_and_others_are_not() -> None:
    made = typesetting.pdf(EVERY)
    assert made.startswith(b"%PDF-1.7")
    assert typesetting.pdf(EVERY) == made
    typesetting._press.cache_clear()
    assert typesetting.pdf(EVERY) == made
    assert typesetting.pdf(replace(EVERY, foot="另")) != made
    assert typesetting.pdf(replace(EVERY, day=date(2026, 11, 23))) != made


def test_it_is_made_to_be_kept() -> None:
    assert b"pdfaid:part>2<" in typesetting.pdf(EVERY)


def test_both_languages_and_any_length() -> None:
    long = replace(EVERY, lang="en", blocks=(*EVERY.blocks * 20, text("f" * 500)))
    assert len(typesetting.pdf(long)) > len(typesetting.pdf(EVERY))


@pytest.mark.parametrize(
    "hostile",
    [
        "#panic()",
        "$ x",
        "*a* _b_ `c`",
        '"]); #read("/etc/passwd")',
        "\\ @x <y>",
        "王\U00020bb7",
        "",
    ],
)
def test_what_a_paper_says_is_never_markup(hostile: str) -> None:
    assert typesetting.pdf(EVERY.reworded(lambda one: one + hostile)).startswith(b"%PDF")


def test_rare_characters_are_there_and_rarer_ones_told() -> None:
    assert typesetting.lacking("王㛃 李䶮") == []
    assert typesetting.lacking("王\U00020bb7〓\U00020bb7") == ["\U00020bb7"]
    shown = typesetting.pdf(_named("王㛃"))
    assert shown != typesetting.pdf(_named("王〓"))
    assert typesetting.pdf(_named("王\U00020bb7")) == typesetting.pdf(_named("王〓"))


@pytest.mark.usefixtures("without")
def test_without_the_extra_it_says_what_to_install() -> None:
    with pytest.raises(Unavailable, match="PDF_UNAVAILABLE") as caught:
        typesetting.pdf(EVERY)
    assert "hedui[pdf]" in caught.value.help("en")
    assert ".html" in caught.value.help("zh")


def _named(name: str) -> Paper:
    return replace(EVERY, blocks=(text(name),))
