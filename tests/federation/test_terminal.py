"""How every command speaks: two languages, JSON, and an error with what to do."""

import json

import pytest
import typer

from federation import terminal
from federation.errors import BadInput, HeduiError, Refused
from federation.terminal import Terminal, reporting

ZH = Terminal(lang="zh", json=False)
EN = Terminal(lang="en", json=False)
JSON = Terminal(lang="en", json=True)

NAMES = ("HEDUI_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


def test_a_person_reads_lines_in_their_language(capsys: pytest.CaptureFixture[str]) -> None:
    for at in (ZH, EN):
        at.say("你好", "hello")
        at.emit({"a": 1})
    assert capsys.readouterr().out == "你好\nhello\n"


def test_a_program_reads_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    JSON.say("你好", "hello")
    JSON.emit({"b": "甲", "a": 1})
    assert capsys.readouterr().out == '{"a": 1, "b": "甲"}\n'


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "C.UTF-8"}, "zh"),
        ({"LANG": "en_US", "LC_ALL": "zh_CN"}, "zh"),
        ({"LANG": "zh_CN", "LC_MESSAGES": "en_GB"}, "en"),
        ({"LC_ALL": "zh_CN", "HEDUI_LANG": "en"}, "en"),
    ],
    ids=str,
)
def test_the_environment_chooses_the_language(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert terminal.usual() == expected


@pytest.mark.parametrize("option", ["zh", "en"])
def test_the_option_is_a_language(option: str) -> None:
    assert terminal.language(option) == option


def test_another_language_is_refused() -> None:
    with pytest.raises(typer.BadParameter):
        terminal.language("fr")


def test_the_console_has_the_usual_width() -> None:
    assert ZH.console().width == terminal.WIDTH


@pytest.mark.parametrize(
    ("error", "code"),
    [(BadInput("CASES_MISSING"), terminal.EXIT_INPUT), (Refused("CONSENT_EXPIRED"), 1)],
)
def test_an_error_ends_the_command(error: HeduiError, code: int) -> None:
    with pytest.raises(typer.Exit) as caught, reporting(ZH):
        raise error
    assert caught.value.exit_code == code


def test_a_stop_by_hand_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, reporting(EN):
        raise KeyboardInterrupt
    assert caught.value.exit_code == 130
    assert "run it again" in capsys.readouterr().out


def test_what_goes_well_is_not_touched(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting(ZH):
        pass
    assert capsys.readouterr() == ("", "")


def test_an_error_shows_title_code_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show(BadInput("KEY_FILE_OPEN", file="tls.key"), ZH)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "密钥文件 tls.key 可被他人读取  KEY_FILE_OPEN"
    assert second.startswith("怎么办:请运行 chmod 600 tls.key")


def test_details_that_the_texts_leave_out_stand_in_a_line_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal.show(BadInput("ID_CHECK_DIGIT", position=18, person=2), EN)
    assert capsys.readouterr().err.splitlines()[1] == "Details: position=18 person=2"


def test_an_unknown_code_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show(HeduiError("NEVER_SEEN"), EN)
    assert capsys.readouterr().err == "NEVER_SEEN  NEVER_SEEN\n"


def test_an_error_for_programs_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show(BadInput("KEY_FILE_OPEN", file="tls.key"), JSON)
    shown = json.loads(capsys.readouterr().err)
    assert shown["error"] == "KEY_FILE_OPEN"
    assert shown["details"] == {"file": "tls.key"}
    assert "tls.key" in shown["title"]
    assert "chmod" in shown["help"]
