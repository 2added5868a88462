"""Commands that take groups of options: how they read, speak and fail."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner, Result

from federation.commands import Commands
from federation.errors import BadInput, Refused
from federation.terminal import FolderOption, Terminal

app = Commands()


@dataclass(frozen=True, kw_only=True)
class Step:
    """Some options."""

    who: Annotated[str, typer.Option(help="who does it")]
    note: Annotated[str, typer.Option(help="a note")] = "none"


@app.command()
def take(at: Terminal, case: str, step: Step, folder: FolderOption = Path()) -> None:
    """Take a step."""
    if step.note == "wrong":
        raise BadInput("CASES_MISSING")
    if step.note == "refused":
        raise Refused("CONSENT_EXPIRED")
    at.say(f"{case} {step.who} {folder}", f"case {case} {step.who} {step.note} {folder}")
    at.emit([case, step.who, step.note, str(folder)])


@app.command("plain")
def simple(word: str) -> None:
    """Say a word."""
    typer.echo(word)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words, env={"HEDUI_LANG": "zh", "COLUMNS": "100"})


def test_a_group_stands_for_its_options() -> None:
    assert run("take", "7", "--who", "me", "--lang", "en").stdout == "case 7 me none .\n"
    assert run("take", "7", "--who", "me", "-C", "/x").stdout == "7 me /x\n"
    assert json.loads(run("take", "--json", "7", "--note", "n", "--who", "me").stdout) == [
        "7",
        "me",
        "n",
        ".",
    ]


def test_a_command_without_a_terminal_is_as_typer_has_it() -> None:
    assert run("plain", "hello").stdout == "hello\n"


def test_what_is_missing_or_of_another_language_is_said() -> None:
    missing = run("take", "7")
    assert (missing.exit_code, "--who" in missing.output) == (2, True)
    strange = run("take", "7", "--who", "me", "--lang", "fr")
    assert (strange.exit_code, "zh / en" in strange.output) == (2, True)


@pytest.mark.parametrize(
    ("note", "code", "error"),
    [("wrong", 2, "CASES_MISSING"), ("refused", 1, "CONSENT_EXPIRED")],
)
def test_an_error_is_shown_at_the_terminal(note: str, code: int, error: str) -> None:
    done = run("take", "7", "--who", "me", "--note", note, "--json")
    assert (done.exit_code, done.stdout) == (code, "")
    assert json.loads(done.stderr)["error"] == error


def test_help_names_every_option_and_the_terminals_last() -> None:
    text = run("take", "--help").output
    places = [text.index(word) for word in ("--who", "--note", "--folder", "--lang", "--json")]
    assert places == sorted(places)
    assert "--step" not in text


def test_the_function_itself_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    take(Terminal(lang="en"), "7", Step(who="me"))
    assert capsys.readouterr().out == "case 7 me none .\n"
    with pytest.raises(Refused):
        take(Terminal(lang="en"), "7", Step(who="me", note="refused"))
