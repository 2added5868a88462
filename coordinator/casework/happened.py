"""A step of a case's life as it is kept: what, when, by whom, why and by which paper.

Knows words only: shared by the book of lives, the log and the screens.
"""

from dataclasses import dataclass, field

from coordinator.casework.lifecycle import Event, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody does to a case; ``document`` is the SHA-256 of the signed paper, or nothing.

    ``meant`` is the decision that they propose to another person, as that person has to say it.
    """

    event: Event
    operator: str
    reasons: tuple[str, ...] = ()
    document: bytes = b""
    note: str = field(repr=False, default="")
    meant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent:
    """A step that was taken, and the state after it; ``other`` follows this case or is followed."""

    case_id: str
    number: int
    at: int
    event: Event
    state: State
    operator: str
    reasons: tuple[str, ...] = ()
    document: bytes = b""
    other: str = ""
    note: str = field(repr=False, default="")
