"""What a comparison of logs has found: a code of the table of errors, where, and the evidence.

Knows the form of a finding. Does not know what is compared, nor how a finding is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """Whether a link is broken, or cannot be judged by what is there."""

    BROKEN = "BROKEN"
    DOUBT = "DOUBT"


class Place(NamedTuple):
    """A row of a party's log, counted from 0; no row where it is about the log as a whole."""

    party: str
    row: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A link that does not hold between rows; ``evidence`` names digests and ids, as text."""

    code: str
    places: tuple[Place, ...]
    evidence: Mapping[str, str] = field(default_factory=dict)
    severity: Severity = Severity.BROKEN

    @property
    def parties(self) -> tuple[str, ...]:
        """The parties whose logs are concerned, each once."""
        return tuple(dict.fromkeys(one.party for one in self.places))


def found(code: str, *places: Place, **evidence: object) -> Finding:
    """Make a finding; bytes among the evidence are written in hex."""
    told = {
        name: one.hex() if isinstance(one, bytes) else str(one) for name, one in evidence.items()
    }
    return Finding(code=code, places=places, evidence=told)


def doubted(finding: Finding) -> Finding:
    """Say that a log's checkpoint is too old to tell: it may yet show what is missed."""
    return replace(finding, severity=Severity.DOUBT)
