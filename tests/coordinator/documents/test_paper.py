"""A paper as plain values and back; every kind of block is known to both printers."""

import json
from datetime import date

from coordinator.documents import page, paper
from coordinator.documents.paper import Paper

EVERY = Paper(
    lang="zh",
    title="题目",
    subtitle="编号 1",
    mark="1",
    foot="脚注",
    day=date(2026, 11, 22),
    size=10.5,
    blocks=(
        paper.facts([("甲", "1"), ("乙", "2"), ("丙", "3")]),
        paper.heading("一、标题"),
        paper.address("某单位:"),
        paper.text("正文"),
        paper.boxed("框"),
        paper.small("小字"),
        paper.lines(["第一", "第二"]),
        paper.grid(["项", "果"], [0, 1], [paper.group("公安"), ["车", "无"]]),
        paper.form(["姓名", "签名"], [1, 2], [["王甲", ""]]),
        paper.digest("摘要 "),
        paper.places(["经办人", "盖章"]),
    ),
)


def test_what_stands_on_it_is_not_in_its_repr() -> None:
    shown = repr(EVERY)
    assert "题目" in shown
    assert "王甲" not in shown


def test_it_comes_back_as_it_was_with_its_digest() -> None:
    written = json.loads(json.dumps(EVERY.to_json(), ensure_ascii=False))
    again = paper.of_json(written, "ab" * 32)
    assert again.blocks[-2] == {"kind": "digest", "text": f"摘要 {'ab' * 32}"}
    assert again.blocks[:-2] == EVERY.blocks[:-2]
    assert (again.title, again.day, again.size) == (EVERY.title, EVERY.day, 10.5)


def test_every_text_is_reworded_and_no_kind() -> None:
    marked = EVERY.reworded(lambda text: f"<{text}>")
    assert [one["kind"] for one in marked.blocks] == [one["kind"] for one in EVERY.blocks]
    assert marked.blocks[0]["pairs"][0] == ["<甲>", "<1>"]
    assert marked.blocks[7]["rows"] == [["<公安>"], ["<车>", "<无>"]]
    assert marked.blocks[7]["widths"] == [0, 1]
    assert marked.title == "<题目>"


def test_a_page_shows_every_block_and_escapes_what_it_says() -> None:
    text = page.write(EVERY.reworded(lambda one: f"{one}<script>&\"'"))
    assert text.count("&lt;script&gt;&amp;&quot;&#x27;") >= 24
    assert "<script" not in text
    assert '<th class="group" colspan="2">公安' in text
    assert 'lang="zh-CN"' in text
    assert "$" not in text
