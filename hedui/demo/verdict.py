"""Compare what the coordinator learnt with what the oracle expects.

Knows outcome texts by (case, person, department, predicate, parameter). Does not know how either
side came to them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Key = tuple[str, str, str, str, str]
"""Case, resident id, department, predicate, parameter."""
CLOSED: Final = "REFUSED(SUM_CLOSED)"
"""What a department says of a share that it was killed over: it is not computed a second time."""


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


def compare(
    given: Iterable[tuple[Key, str]], oracle: dict[Key, str], *, kills: bool = False
) -> Verdict:
    """Hold every given outcome to the oracle; one the oracle does not know is wrong.

    With ``kills`` a sum may be ``CLOSED`` instead: it ended without an outcome, never with another.
    """
    answers, wrong = 0, []
    for key, outcome in given:
        answers += 1
        lost = kills and outcome == CLOSED and key in oracle
        if oracle.get(key) != outcome and not lost:
            wrong.append(key)
    return Verdict(answers=answers, wrong=tuple(wrong))
