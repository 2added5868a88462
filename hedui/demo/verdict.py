"""Compare what the coordinator learnt with what the oracle expects.

Knows outcome texts by (case, person, department, predicate, parameter). Does not know how either
side came to them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

Key = tuple[str, str, str, str, str]
"""Case, resident id, department, predicate, parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How many answers agree; the keys of those that do not, and of those the oracle lacks."""

    answers: int
    wrong: tuple[Key, ...]

    @property
    def right(self) -> bool:
        """Whether there was something to compare and all of it agrees."""
        return self.answers > 0 and not self.wrong


def read_oracle(path: Path) -> dict[Key, str]:
    """Read the expected outcomes."""
    rows = json.loads(path.read_text("utf-8"))
    names = ("case", "person", "department", "predicate", "parameter")
    return {tuple(row[n] for n in names): row["outcome"] for row in rows}


def compare(given: Iterable[tuple[Key, str]], oracle: dict[Key, str]) -> Verdict:
    """Hold every given outcome to the oracle; one the oracle does not know is wrong."""
    answers, wrong = 0, []
    for key, outcome in given:
        answers += 1
        if oracle.get(key) != outcome:
            wrong.append(key)
    return Verdict(answers=answers, wrong=tuple(wrong))
