"""One question about one person at one department, and what was told.

Knows words only: shared by planning, asking and finding.
"""

from dataclasses import dataclass

from federation.exchange import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question about one person (by place in the case) at one department."""

    person: int
    department: str
    predicate: str
    parameter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A question with its newest answer; without one, ``code`` says why, if that is known.

    ``millis`` is how long the answer's request took.
    """

    ask: Ask
    answer: Answer | None = None
    code: str = ""
    millis: int = 0
