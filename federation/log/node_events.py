"""What a department writes into its log besides the questions that it answers.

Does not know how an event is written. The tombstone of what was erased is the log's own event.
"""

from dataclasses import dataclass
from typing import ClassVar

from federation.log.event import Digest, Id, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePaused(Kind):
    """From here on every question is refused, until the node is resumed."""

    kind: ClassVar[str] = "node.paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResumed(Kind):
    """The node answers again."""

    kind: ClassVar[str] = "node.resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsesCounted(Kind):
    """A token's uses so far, as they were told to a party; the signed count lies beside."""

    kind: ClassVar[str] = "uses.counted"
    beside: ClassVar[str] = "count"
    token: Id
    caller: str
    count: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureFollowed(Kind):
    """A registrar's order was followed; it lies beside, and ``document`` is its SHA-256.

    The tombstones of what it erased of this log come right after it, if there are any.
    """

    kind: ClassVar[str] = "erasure.followed"
    beside: ClassVar[str] = "document"
    order: Id
    reason: str
    document: Digest


NodeEvent = NodePaused | NodeResumed | UsesCounted | ErasureFollowed
