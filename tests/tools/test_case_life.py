"""docs/guides/case-life.md is the page that the tool writes."""

import re
from pathlib import Path

import pytest

from coordinator.casework import practice
from coordinator.casework.lifecycle import TRANSITIONS, Event, Fact, State
from coordinator.words import say
from tools.case_life import PAGE, main, render

TEXT = render(TRANSITIONS, practice.load())


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text("utf-8") == TEXT
    assert main(["--check"]) == 0


@pytest.mark.parametrize("state", State)
def test_every_state_is_drawn_and_named(state: State) -> None:
    drawn = TEXT.partition("```mermaid")[2].partition("```")[0]
    assert re.search(rf"^    (\S+ --> )?{state.value}\b", drawn, re.MULTILINE)
    zh, en = (say("life_state", state.value, lang) for lang in ("zh", "en"))
    assert f"| {state.value} | {zh} | {en} |" in TEXT


def test_every_step_fact_clock_and_reason_is_told() -> None:
    for event in Event:
        assert f"\n| {event.value} | {say('life_event', event.value, 'zh')} |" in TEXT
        assert say("life_event", event.value, "en")
    assert all(f"{fact.value} " in TEXT for fact in Fact)
    local = practice.load()
    assert all(f"\n| {one.id} | {one.zh} |" in TEXT for one in local.clocks)
    assert all(f"\n| {one.id} | " in TEXT for one in local.reasons.values())


def test_an_edge_is_drawn_for_every_change() -> None:
    steps = {
        (state.value, one.to.value, one.event.value)
        for one in TRANSITIONS
        for state in one.states
        if one.to and one.event is not Event.WITHDRAW
    }
    edges = re.findall(r"^    (\w+) --> (\w+)(?:: (.+))?$", TEXT, re.MULTILINE)
    into = {(a, b) for a, b, words in edges if not words}
    drawn = {(a, b, word) for a, b, words in edges for word in words.split(", ") if word}
    through = {(a, b, word) for place, b, word in drawn for a, at in into if at == place}
    assert {one for one in drawn if not one[0].startswith("any")} | through == steps


def test_writing_and_checking(tmp_path: Path) -> None:
    page = tmp_path / "case-life.md"
    assert main(["--check"], page) == 1
    assert main([], page) == 0
    assert main(["--check"], page) == 0
    page.write_text(page.read_text("utf-8") + "more\n", "utf-8")
    assert main(["--check"], page) == 1
    assert main(["--fix"], page) == 2
