"""What every command line of a party shares: language, JSON or text, and how an error is shown.

Knows typer and rich. Does not know any command.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from rich.console import Console

from federation.errors import BadInput, HeduiError

Language = Literal["zh", "en"]

FolderOption = Annotated[
    Path,
    typer.Option("--folder", "-C", envvar="HEDUI_FOLDER", help="the party's folder 本方安装目录"),
]

EXIT_REFUSED: Final = 1
EXIT_INPUT: Final = 2
WIDTH: Final = 100


def language(word: str) -> Language:
    """Accept zh or en.

    Raises:
        typer.BadParameter: the language is neither.
    """
    if word not in {"zh", "en"}:
        raise typer.BadParameter("zh / en", param_hint="--lang")
    return "zh" if word == "zh" else "en"


def usual() -> Language:
    """Choose zh or en from HEDUI_LANG, LC_ALL, LC_MESSAGES or LANG; zh if none says."""
    for name in ("HEDUI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value.startswith("en"):
            return "en"
        if value.startswith("zh"):
            return "zh"
    return "zh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Where a command speaks: in one language, as text or as JSON; its fields are options."""

    lang: Annotated[
        Language,
        typer.Option(
            "--lang",
            parser=language,
            metavar="zh|en",
            default_factory=usual,
            show_default="LANG",
            help="zh 中文 / en English",
        ),
    ]
    json: Annotated[bool, typer.Option("--json", help="machine-readable output 供程序读取")] = False

    def say(self, zh: str, en: str) -> None:
        """Print a line for a person; silent when programs read."""
        if not self.json:
            typer.echo(self.pick(zh, en))

    def pick(self, zh: str, en: str) -> str:
        """Choose the text of this terminal's language."""
        return zh if self.lang == "zh" else en

    def emit(self, value: Any) -> None:
        """Print one JSON document on a line; silent when a person reads."""
        if self.json:
            typer.echo(json.dumps(value, ensure_ascii=False, sort_keys=True))

    def console(self) -> Console:
        """Give a console of the usual width; plain when piped."""
        return Console(width=WIDTH, highlight=False, soft_wrap=False)


@contextmanager
def reporting(at: Terminal) -> Iterator[None]:
    """Show a HeduiError as title, code and help, and end with 2 (input) or 1 (anything else).

    Raises:
        typer.Exit: after the error was shown.
    """
    try:
        yield
    except HeduiError as error:
        show(error, at)
        raise typer.Exit(exit_code(error)) from error
    except KeyboardInterrupt as e:
        at.say("已中止;重新运行即可继续。", "Stopped; run it again to go on.")
        raise typer.Exit(130) from e


def exit_code(error: HeduiError) -> int:
    """Give the number that a command ends with: 2 (input) or 1 (anything else)."""
    return EXIT_INPUT if isinstance(error, BadInput) else EXIT_REFUSED


def show(error: HeduiError, at: Terminal) -> None:
    """Print an error on standard error, in the terminal's language."""
    title, help_text = error.title(at.lang), error.help(at.lang)
    if at.json:
        details = {name: str(value) for name, value in error.details.items()}
        row = {"error": error.code, "title": title, "help": help_text, "details": details}
        typer.echo(json.dumps(row, ensure_ascii=False, sort_keys=True), err=True)
        return
    typer.echo(f"{title}  {error.code}", err=True)
    unsaid = " ".join(f"{name}={value}" for name, value in error.unsaid().items())
    if unsaid:
        typer.echo(f"{at.pick('细节:', 'Details: ')}{unsaid}", err=True)
    if help_text:
        typer.echo(f"{at.pick('怎么办:', 'What to do: ')}{help_text}", err=True)
