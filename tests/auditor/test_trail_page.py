"""The printed page: whole by itself, well-formed, and unharmed by what parties call themselves."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Final

import pytest

from auditor import trail_page
from auditor.trail import Trail
from auditor.trail_consents import Place
from federation.exchange import Answer, Outcome
from tests.auditor.test_trail_screen import RICH, entry, line, made
from tests.support.exchanges import DEPARTMENT, NOW
from tests.support.trails import CONSENT, ME

_VOID: Final = {"meta"}
HOSTILE: Final = "</style><script>alert(1)</script>\"'; } body { display: none }\\"


class Page(HTMLParser):
    """Reads a page; what is opened must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def page(trail: Trail) -> Page:
    return Page(trail_page.write(trail, NOW + 1_000))


def named(zh: str, en: str) -> Trail:
    """Give the department another name."""
    usual = made()
    entries = {**usual.parties, DEPARTMENT: replace(usual.parties[DEPARTMENT], zh=zh, en=en)}
    return replace(usual, parties=entries)


@pytest.mark.parametrize("trail", [made(), RICH, made(entries=())])
def test_a_page_needs_nothing_from_outside(trail: Trail) -> None:
    text = trail_page.write(trail, NOW)
    found = Page(text)
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in found.seen}
    assert not [attrs for _, attrs in found.seen if attrs.keys() & {"src", "href", "style"}]
    assert not re.search(r"url\(|@import|https?:", text)
    assert "default-src 'none'" in text
    assert "$" not in text


def test_what_is_said_stands_on_the_page() -> None:
    found = page(RICH).text
    for said in (
        "谁问了我什么",
        "✗ 不完整",
        "缺第 2 次",
        "名下有机动车吗",
        "Does the person own a motor vehicle? · use 1 of 3",
        "被拒绝的提问",
        "没有问过的",
        "家庭其他成员",
        "another member of the household (2): 5 questions, hidden",
        "数据截至 2026-11-17",
        "第 1 次\N{FULLWIDTH COMMA}最多 3 次",
        "异议后复核",
        "制作时间 2026-11-18 19:23",
    ):
        assert said in found
    assert "case.hedui" not in found


def test_marks_and_not_colours_tell_the_verdict() -> None:
    text = trail_page.write(made(), NOW)
    colours = set(re.findall(r"#[0-9a-f]{3,6}\b|\bcolor: *([^;]+)", text))
    assert {one for one in colours if one} == {"#000"}
    assert '<div class="verdict yes">✓ 完整' in text
    assert '<div class="verdict no">✗' in trail_page.write(RICH, NOW)


def test_pages_are_numbered_and_large() -> None:
    text = trail_page.write(made(), NOW)
    for rule in ("size: A4", "counter(page)", "counter(pages)", "font: 14pt"):
        assert rule in text
    assert 'content: "授权书 790301-0042 第 2 人"' in text


def test_nothing_asked_is_said() -> None:
    assert "没有。" in page(made(entries=(), lines=(line(predicate="", signed=0, here=()),))).text


@pytest.mark.parametrize("where", ["name", "operator", "consent", "predicate"])
def test_what_comes_from_evidence_stays_text(where: str) -> None:
    trails = {
        "name": named(HOSTILE, "x"),
        "operator": made(entries=(entry(operator=HOSTILE),)),
        "consent": made(places=(Place(consent_no=HOSTILE, person=ME),)),
        "predicate": made(entries=(entry(predicate=HOSTILE),)),
    }
    text = trail_page.write(trails[where], NOW)
    assert "<script" not in text
    assert "alert" in Page(text).text
    usual = style(trail_page.write(made(), NOW))
    assert [style(text).count(mark) for mark in '<{}"'] == [usual.count(mark) for mark in '<{}"']


def style(text: str) -> str:
    return text[text.index("<style>") : text.index("</style>")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("授权书 790301-0042:2026-11-18 19:07", "授权书 790301-0042\uff1a2026-11-18 19:07"),
        ("是,不是;(近12个月)", "是\uff0c不是\uff1b\uff08近12个月\uff09"),
        ("830–1,245.50 元", "830–1,245.50 元"),
        ("拒绝:授权", "拒绝\uff1a授权"),
    ],
)
def test_print_has_marks_of_full_width(text: str, shown: str) -> None:
    assert shown in trail_page.write(named(text, "x"), NOW)


def test_a_date_that_is_unknown_is_left_out() -> None:
    bare = entry(answer=Answer(outcome=Outcome.NO_RECORD), use=0)
    found = page(made(entries=(bare,))).text
    assert "无记录" in found
    assert "数据截至" not in found
    assert CONSENT in found
