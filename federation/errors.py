"""What can go wrong, by whose fault, and what a person should do about it.

Knows the closed list of codes in ``data/errors.toml`` and their texts in Chinese and English.
Does not know gRPC, logging or any one party: a code travels as a word, its text never does.
"""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources


class Fault(StrEnum):
    """Who has to act: the one who asks, the peer, this installation, or whoever gave the input."""

    REFUSED = "refused"
    PEER = "peer"
    UNAVAILABLE = "unavailable"
    INPUT = "input"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorText:
    """A title and a help line in one language; ``{name}`` stands for a detail."""

    title: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorKind:
    """One row of the table of errors."""

    code: str
    fault: Fault
    zh: ErrorText
    en: ErrorText

    def text(self, lang: str) -> ErrorText:
        """Give the texts in ``zh`` or ``en``."""
        return self.zh if lang == "zh" else self.en


@cache
def table() -> dict[str, ErrorKind]:
    """Load the table of all error codes, in the order of the file."""
    raw = resources.files("federation").joinpath("data/errors.toml").read_text("utf-8")
    kinds: dict[str, ErrorKind] = {}
    for row in tomllib.loads(raw)["error"]:
        kind = ErrorKind(
            code=row["code"],
            fault=Fault(row["fault"]),
            zh=ErrorText(**row["zh"]),
            en=ErrorText(**row["en"]),
        )
        if kind.code in kinds:
            raise RuntimeError(f"errors.toml names {kind.code} twice")
        kinds[kind.code] = kind
    return kinds


@dataclass(frozen=True, slots=True)
class Said:
    """A detail that is itself a sentence, in both languages."""

    zh: str
    en: str

    def text(self, lang: str) -> str:
        """Give the sentence in ``zh`` or ``en``."""
        return self.zh if lang == "zh" else self.en

    def __str__(self) -> str:
        return self.en


class _Blank(dict[str, object]):
    """Leave a placeholder that has no detail as it stands."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


class HeduiError(Exception):
    """A failure with a code from the table and details that hold no personal identifier."""

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.code = code
        self.details = details

    def title(self, lang: str) -> str:
        """Say in one line what happened."""
        return self._fill(lang, "title")

    def help(self, lang: str) -> str:
        """Say what to do now."""
        return self._fill(lang, "help")

    def unsaid(self) -> dict[str, object]:
        """Give the details that neither title nor help mentions."""
        kind = table().get(self.code)
        said = f"{kind.en.title} {kind.en.help}" if kind else ""
        return {name: v for name, v in self.details.items() if "{" + name + "}" not in said}

    def both(self) -> str:
        """Say what happened in one line in both languages, for a log with any reader."""
        return f"{self.title('zh')} {self.title('en')}  {self}"

    def _fill(self, lang: str, part: str) -> str:
        kind = table().get(self.code)
        if kind is None:
            return self.code if part == "title" else ""
        details = {
            name: value.text(lang) if isinstance(value, Said) else value
            for name, value in self.details.items()
        }
        return str(getattr(kind.text(lang), part)).format_map(_Blank(details))

    def __str__(self) -> str:
        shown = " ".join(f"{name}={value}" for name, value in self.details.items())
        return f"{self.code} {shown}".rstrip()


class Refused(HeduiError):
    """A verifier, a policy or a budget says no to the one who asks."""


class PeerFault(HeduiError):
    """Another party sent what the protocol does not allow."""


class Unavailable(HeduiError):
    """Something needed is not there now: a peer, a disk, a fresh status list. Try again later."""


class BadInput(HeduiError):
    """A file, a number or a setting given by a person cannot be used as it is."""
