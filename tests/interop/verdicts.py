"""What independent readers say of one message after the other, and the tables of it.

Knows readers by name and the page that shows their verdicts. Does not know what is read.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "protocol" / "interoperability.md"
REFUSES: Final = "refuses"
ACCEPTS: Final = "**accepts**"
NOT_READ: Final = "not read"
ENDLESS: Final = "**never ends**"


class RefusedError(Exception):
    """A reader does not take a message."""


class EndlessError(Exception):
    """A reader turns in a circle."""


def _never(_: bytes) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A distribution as it is used here: what it gives for a message, or RefusedError.

    ``blind`` tells whether a fault lies where this reader does not look at all.
    """

    name: str
    read: Callable[[bytes], Any] = field(repr=False)
    blind: Callable[[bytes], bool] = field(repr=False, default=_never)

    def verdict(self, fault: bytes) -> str:
        """Say what this reader makes of a faulty message."""
        try:
            self.read(fault)
        except RefusedError:
            return REFUSES
        except EndlessError:
            return ENDLESS
        return NOT_READ if self.blind(fault) else ACCEPTS


def titled(name: str) -> str:
    """Name a library and, where it is somebody else's, its version."""
    return name if name == "Hedui" else f"{name} {version(name)}"


def verdicts(readers: Sequence[Reader], faults: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Ask every reader about every fault."""
    return {name: [reader.verdict(fault) for reader in readers] for name, fault in faults.items()}


def table(readers: Sequence[Reader], rows: Mapping[str, Sequence[str]]) -> str:
    """Write verdicts as a Markdown table."""
    head = ["fault", *(titled(reader.name) for reader in readers)]
    lines = [head, ["---"] * len(head), *([name, *row] for name, row in rows.items())]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def shown(name: str) -> str:
    """Give what the page shows between the marks of one table."""
    found = re.search(_marks(name), PAGE.read_text("utf-8"), re.DOTALL)
    assert found, f"the page has no place for {name!r}"
    return found[1]


def show(name: str, text: str) -> None:
    """Put a table in its place on the page."""
    page = PAGE.read_text("utf-8")
    marked = f"<!-- {name} -->\n{text}<!-- end of {name} -->\n"
    PAGE.write_text(re.sub(_marks(name), lambda _: marked, page, flags=re.DOTALL), "utf-8")


def _marks(name: str) -> str:
    return rf"<!-- {name} -->\n(.*?)<!-- end of {name} -->\n"
