"""The board of departments while they are being asked: who waits, who answered, who is silent.

Knows how events add up and how the board looks. Asks nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from rich.table import Table
from rich.text import Text

from coordinator.asking.conductor import Event, State
from coordinator.words import reason, say

_STYLES = {
    State.WAITING: "dim",
    State.ANSWERED: "green",
    State.REFUSED: "yellow",
    State.SILENT: "red",
}


@dataclass(slots=True)
class Department:
    """Sums of one department, in questions; ``seconds`` of its slowest request."""

    questions: int = 0
    answered: int = 0
    refused: int = 0
    silent: int = 0
    seconds: float = 0.0
    code: str = ""

    @property
    def done(self) -> bool:
        """Tell whether nothing is waited for."""
        return self.answered + self.refused + self.silent >= self.questions

    @property
    def state(self) -> State:
        """Say in one word how the department stands."""
        if not self.done:
            return State.WAITING
        if self.silent:
            return State.SILENT
        return State.REFUSED if self.refused and not self.answered else State.ANSWERED


@dataclass(slots=True)
class Board:
    """All departments that are asked, in the order they were first heard of."""

    lang: str
    name: Callable[[str], str]
    departments: dict[str, Department] = field(default_factory=dict)

    def add(self, event: Event) -> bool:
        """Take an event in; tell whether it was this department's last."""
        one = self.departments.setdefault(event.department, Department())
        one.seconds = max(one.seconds, event.seconds)
        one.code = event.code or one.code
        match event.state:
            case State.WAITING:  # or, of less than none, waits no more
                one.questions += event.questions
                return event.questions < 0 < one.questions and one.done
            case State.SILENT:
                one.silent += event.questions
            case State.REFUSED if event.code:
                one.refused += event.questions
            case _:
                one.refused += event.refused
                one.answered += event.questions - event.refused
        return one.done

    def line(self, department: str) -> str:
        """Word one department's standing in a plain line."""
        one = self.departments[department]
        line = say(
            "desk",
            "progress",
            self.lang,
            department=self.name(department),
            state=say("state", one.state.value, self.lang),
            done=one.answered + one.refused,
            questions=one.questions,
            refused=one.refused,
            seconds=f"{one.seconds:.1f}",
        )
        return f"{line}  {reason(one.code, self.lang)}" if one.code else line

    def __rich__(self) -> Table:
        """Lay the board out."""
        table = Table.grid(padding=(0, 2))
        for department, one in self.departments.items():
            state = Text(say("state", one.state.value, self.lang), style=_STYLES[one.state])
            table.add_row(
                self.name(department),
                state,
                f"{one.answered + one.refused}/{one.questions}",
                f"{one.seconds:.1f} s" if one.seconds else "",
                reason(one.code, self.lang) if one.code else "",
            )
        return table
