"""What any party writes into its log when a suspicion of misuse changes.

Does not know by which rule it suspects somebody (``federation.sentinel``), nor how an event is
written.
"""

from dataclasses import dataclass
from typing import ClassVar

from federation.log.event import Digest, Id, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised(Kind):
    """A suspicion has begun, grown, shrunk or ended; the signed alert lies beside.

    ``matter`` is the same from the beginning of a suspicion to its end.
    """

    kind: ClassVar[str] = "alert.raised"
    beside: ClassVar[str] = "alert"
    matter: Id
    rule: str
    state: str
    alert: Digest
