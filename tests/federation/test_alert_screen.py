"""Alerts as they are listed, in both languages and for programs."""

import json

import pytest

from federation import alert_screen
from federation.alert import Raised
from federation.sentinel import Rule, State
from federation.terminal import Terminal

NOW = 1_795_000_000  # 19:06 in China
RAISED = Raised(
    at=NOW,
    matter=b"\xab" * 16,
    rule=Rule.SERIES,
    about="wage",
    state=State.ALARM,
    level=5,
    record=b"79030119700312011X",
)


def listed(
    capsys: pytest.CaptureFixture[str], *changes: Raised, lang: str = "en", **how: bool
) -> str:
    at = Terminal(lang="en" if lang == "en" else "zh", json=how.pop("as_json", False))
    alert_screen.listed(at, changes, **how)
    return capsys.readouterr().out


def test_a_line_says_when_which_matter_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys, RAISED) == (
        "2026-11-18 19:06  abababab  ALARM  wage  5 lines of one quantity of one record in a year\n"
    )
    assert "告警" in listed(capsys, RAISED, lang="zh")


def test_records_are_shown_on_demand_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert "7903" not in listed(capsys, RAISED)
    assert listed(capsys, RAISED, records=True).endswith("79030119700312011X\n")
    pseudonym = Raised(
        at=NOW,
        matter=bytes(16),
        rule=Rule.BUDGET,
        about="",
        state=State.SUSPECT,
        level=192,
        record=b"\xff" * 32,
    )
    assert "ff" * 32 in listed(capsys, pseudonym, records=True)


def test_nothing_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys) == "no alert\n"
    assert listed(capsys, lang="zh") == "没有告警\n"
    assert listed(capsys, as_json=True) == ""


def test_programs_get_a_row_each(capsys: pytest.CaptureFixture[str]) -> None:
    row = json.loads(listed(capsys, RAISED, as_json=True))
    assert row == {
        "at": NOW,
        "matter": "ab" * 16,
        "rule": "SERIES",
        "about": "wage",
        "state": "ALARM",
        "level": 5,
    }
    assert json.loads(listed(capsys, RAISED, as_json=True, records=True))["record"][:4] == "7903"


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("state", State)
def test_every_rule_and_state_has_words(
    capsys: pytest.CaptureFixture[str], rule: Rule, state: State
) -> None:
    made = Raised(at=NOW, matter=bytes(16), rule=rule, about="x", state=state, level=1_234)
    assert "1,234" in listed(capsys, made)
