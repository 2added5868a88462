"""What every step of a comparison goes by: the signed documents, the registrar's log, the time.

Knows until when each log is certainly complete. Does not know what is compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from auditor.findings import Finding, doubted
from auditor.papers import Papers
from auditor.registry import Registry

WITNESSES_AWAY: Final = 24 * 3_600
"""How long a log may go on without enough witnesses (protocol §6), seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """``complete`` tells for each log until which second nothing can be missing from it.

    What is missed after that is a doubt: a newer checkpoint may have it.
    """

    papers: Papers
    registry: Registry
    complete: Mapping[str, int]

    def judged(self, finding: Finding, log: str, at: int) -> Finding:
        """Weigh that something of a second is missing from a log."""
        return finding if at <= self.complete.get(log, at) else doubted(finding)

    def missing(self, finding: Finding, at: int) -> Finding:
        """Weigh that something of a second is missing from the registrar's log."""
        return self.judged(finding, self.registry.party, at)
