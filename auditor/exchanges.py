"""An exchange as two logs know it: who asked what, by which token, for which case, what was said.

Plain words, filled in as rows are read. Does not know what must hold between them.
"""

from dataclasses import dataclass, field, replace
from sys import intern
from typing import TypeVar

from auditor.findings import Place
from crypto.keys import VerifyKey
from federation.exchange import Answer, Header, Outcome
from federation.mandate_list import BlockQuestion

SILENT = frozenset({Outcome.REFUSED, Outcome.PRESENT_AGAIN})
"""Answers that tell nothing of anybody: they use nothing up."""


T = TypeVar("T")


def shared(value: T, *names: str) -> T:
    """Give a frozen dataclass with equal texts kept once: a year has millions of the same few."""
    return replace(value, **{name: intern(getattr(value, name)) for name in names})  # type: ignore[type-var]


@dataclass(slots=True, kw_only=True)
class Item:
    """One question about one person: ``token`` is the id of its token, ``case`` its case's number.

    Both are empty where nothing was found; ``answer`` is None until one came.
    """

    predicate: str
    parameter: str
    token: bytes = field(repr=False)
    case: str
    answer: Answer | None = None

    @property
    def told(self) -> Answer | None:
        """The answer, if it told something."""
        return None if self.answer is None or self.answer.outcome in SILENT else self.answer


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A request in a coordinator's log; ``reply`` and ``node`` are the rows of what became of it.

    ``digest`` is the SHA-256 of its header, ``came`` that of the answer's.

    ``block`` is the question where a mandate is asked about: then there are no items. ``joint`` is
    what stood behind the questions of a sum's round, and behind its answers, until it is judged;
    ``run`` is the run it was of. ``counts``: its answers are uses.
    """

    coordinator: str
    department: str
    row: int
    digest: bytes
    signature: bytes = field(repr=False)
    holder: VerifyKey = field(repr=False)
    asked: Header
    items: tuple[Item, ...] = ()
    block: BlockQuestion | None = None
    reply: int | None = None
    came: bytes = field(default=b"", repr=False)
    said: Header | None = None
    answer: Answer | None = None
    joint: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)
    run: bytes = field(default=b"", repr=False)
    counts: bool = True
    node: int | None = None

    @property
    def place(self) -> Place:
        """The row of the request."""
        return Place(self.coordinator, self.row)

    @property
    def places(self) -> tuple[Place, ...]:
        """All its rows that are there."""
        rows = [(self.coordinator, self.row), (self.coordinator, self.reply)]
        rows.append((self.department, self.node))
        return tuple(Place(party, row) for party, row in rows if row is not None)

    @property
    def tokens(self) -> frozenset[bytes]:
        """The ids of all its tokens."""
        return frozenset(one.token for one in self.items if one.token)

    @property
    def told(self) -> bool:
        """Whether it told something of anybody."""
        whole = self.answer is not None and self.answer.outcome not in SILENT
        return whole or any(one.told for one in self.items)
