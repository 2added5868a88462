"""A group of requests settled together, inside the writer's transaction: spend, store, log.

Knows which requests may be settled at once, and what is durable with an answer. Does not decide
what may be answered (``drafting``), and knows no sockets and no keys.

Requests that share nothing are settled as one set: a few statements for all. Whoever shares a query
id, a token, a chain of tokens or a record with one before it waits for the next round, where it
sees what that one has written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from sqlite3 import Connection
from typing import Final

from department_node.drafting import Draft, Drafter, Line, NotPrompt, Work
from department_node.gate import Moment
from department_node.ledger import Kept, Ledger, StoredAnswer, Writes
from federation import limits
from federation.errors import HeduiError, PeerFault, Refused
from federation.exchange import SaltedItem
from federation.ledger import Items
from federation.presentations import Consents, Keeping, Shown
from federation.wire import codec, exchanged, signed
from federation.wire.exchanged import header, log_row
from federation.wire.signed import Opened, Unsigned

KIND: Final = "ask"
"""The kind of these exchanges in the log."""
_STRIDE: Final = limits.SALT_BYTES + limits.ANSWER_ITEM_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange(exchanged.Exchange):
    """A verified request, as it came, and the moment at which this department decides it."""

    moment: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Exchange):
    """A request with all that its answer depends on; ``believed``: it may be answered at all."""

    shown: Shown
    believed: bool
    lines: Sequence[Line]
    work: Work | None

    def touched(self) -> Iterator[bytes]:
        """Name what no two requests of a round may share."""
        yield self.opened.header.qid
        for token in self.shown.used.values():
            yield token.claims.jti
        for line in self.lines:
            if line.look:
                yield line.look.chain
                yield line.look.psn

    def fits(self, other: "Request") -> bool:
        """Tell whether both are worked on with the same day, policy and facts."""
        mine, its = self.work, other.work
        return (
            mine is None
            or its is None
            or (
                mine.today == its.today
                and mine.facts == its.facts
                and mine.moment.policy is its.moment.policy
            )
        )


@dataclass(frozen=True, slots=True)
class Made:
    """An answer that is durable, and the tokens that are so with it."""

    unsigned: Unsigned
    keeping: Keeping = field(default_factory=Keeping)


Settled = Made | NotPrompt
Result = Settled | HeduiError
"""What came of a request; an error is REPLAYED or CONSENT_INVALID."""


@dataclass(slots=True)
class _Case:
    """One request of a round."""

    request: Request
    keeping: Keeping
    draft: Draft | None = None


class Settler:
    """Settles what the writer has gathered."""

    def __init__(self, party: str, consents: Consents, drafter: Drafter) -> None:
        self._party = party
        self._consents = consents
        self._drafter = drafter
        self._seen = 0

    def settle(self, connection: Connection, requests: Sequence[Request]) -> list[Result]:
        """Answer each request, or say what came of it, and write all down.

        A request whose records need long gives NotPrompt: call ``Drafter.read_on`` and settle it
        again.
        """
        ledger = Ledger(connection)
        results: dict[int, Result] = {}
        left = list(range(len(requests)))
        while left:
            now, left = _apart(requests, left)
            held = self._round({n: requests[n] for n in now}, ledger, results)
            left = sorted([*held, *left])
        times = [
            requests[n].moment.now
            for n, result in results.items()
            if isinstance(result, Made) and requests[n].believed
        ]
        if times and max(times) > self._seen:
            ledger.seen_time(max(times))
        return [results[n] for n in range(len(requests))]

    def settled(self, request: Request) -> None:
        """Remember the time of a request that is durable."""
        if request.believed:
            self._seen = max(self._seen, request.moment.now)

    def _round(
        self, requests: dict[int, Request], ledger: Ledger, results: dict[int, Result]
    ) -> list[int]:
        """Settle requests that share nothing they name; give those that share a record."""
        before = ledger.answered([r.opened.header.qid for r in requests.values()])
        cases: dict[int, _Case] = {}
        for n, request in requests.items():
            try:
                again = _repeat(before.get(request.opened.header.qid), request.opened)
                if again:
                    results[n] = Made(again)
                else:
                    cases[n] = _Case(request, self._consents.keeping(request.shown, ledger))
            except (PeerFault, Refused) as error:
                results[n] = error
        writes = self._draft(cases, ledger)
        held = [n for n, case in cases.items() if case.draft and case.draft.held]
        slow = {n: case.draft.slow for n, case in cases.items() if case.draft and case.draft.slow}
        results.update(slow)
        done = {n: case for n, case in cases.items() if n not in slow and n not in held}
        results.update(self._write(done, writes, ledger))
        return held

    def _draft(self, cases: dict[int, _Case], ledger: Ledger) -> Writes:
        drafts = []
        for case in cases.values():
            if case.request.work:
                case.draft = Draft(case.request.lines, case.request.work)
                drafts.append(case.draft)
        return self._drafter.settle(drafts, ledger) if drafts else Writes(year=0)

    def _write(self, cases: dict[int, _Case], writes: Writes, ledger: Ledger) -> dict[int, Made]:
        made = {
            n: Made(self._prepared(case.request, _answers(case)), case.keeping)
            for n, case in cases.items()
        }
        if not made:
            return made
        writes.tokens = list(chain.from_iterable(case.keeping.tokens for case in cases.values()))
        ledger.write(writes)
        first = ledger.append([_entry(case.request, made[n].unsigned) for n, case in cases.items()])
        ledger.keep_answers(
            _kept(case.request, made[n].unsigned, entry)
            for entry, (n, case) in enumerate(cases.items(), start=first)
        )
        return made

    def _prepared(self, request: Request, answers: Sequence[bytes]) -> Unsigned:
        return signed.prepare(header(self._party, request), answers)


def _apart(requests: Sequence[Request], waiting: Sequence[int]) -> tuple[list[int], list[int]]:
    """Take those that share nothing with one before them; the others wait."""
    now: list[int] = []
    left: list[int] = []
    touched: set[bytes] = set()
    for n in waiting:
        mine = set(requests[n].touched())
        if touched.isdisjoint(mine) and all(requests[n].fits(requests[m]) for m in now):
            now.append(n)
        else:
            left.append(n)
        touched |= mine
    return now, left


def _answers(case: _Case) -> list[bytes]:
    if case.draft:
        return case.draft.answers
    return [codec.encode_answer(line.refused) for line in case.request.lines if line.refused]


def _entry(request: Request, unsigned: Unsigned) -> tuple[bytes, bytes]:
    items = Items(
        request_leaves=request.opened.leaves,
        answer_leaves=unsigned.leaves,
        tokens=tuple(line.token for line in request.lines),
    )
    return log_row(KIND, request, unsigned.payload, items)


def _kept(request: Request, unsigned: Unsigned, entry: int) -> Kept:
    opened = request.opened
    items = b"".join(chain.from_iterable((item.salt, item.item) for item in unsigned.items))
    return Kept(
        qid=opened.header.qid,
        answer=StoredAnswer(opened.header.sender, opened.digest, unsigned.payload, items),
        questions=b"".join(len(item).to_bytes(2, "big") + item for item in opened.items),
        at=request.moment.now,
        entry=entry,
    )


def _repeat(stored: StoredAnswer | None, opened: Opened) -> Unsigned | None:
    """Give what was answered before, to the same request only.

    Raises:
        Refused: REPLAYED.
    """
    if stored is None:
        return None
    if (stored.sender, stored.request) != (opened.header.sender, opened.digest):
        raise Refused("REPLAYED")
    rows = (stored.items[i : i + _STRIDE] for i in range(0, len(stored.items), _STRIDE))
    items = tuple(SaltedItem(row[: limits.SALT_BYTES], row[limits.SALT_BYTES :]) for row in rows)
    return Unsigned(stored.payload, items, ())
