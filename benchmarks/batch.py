"""``ask.batch_first`` and ``ask.batch_standing``: questions a second, a thousand a request.

Ours goes the whole way over four streams: mutual TLS, signed requests, gate, set lookups, durable
log, signed answers. What it is held against does less: with fresh consents the bare verifications
of their signatures by PyNaCl, with known ones the same hashing, lookups, statements and group
insert in one process, without requests, tokens, policy or signatures.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final

from nacl.signing import VerifyKey

from benchmarks import callers, town
from benchmarks.callers import Stream
from benchmarks.measuring import Benchmark, Direction, Play, Round
from benchmarks.processes import serving
from benchmarks.requests import CAR, NEW_CAR, Asking, Held
from crypto import envelope, merkle
from department_node.ledger import Kept, Ledger, Look, StoredAnswer, Writes
from department_node.records import SqliteRecords
from department_node.store import FILE, Store
from federation import limits
from federation.exchange import ASK_STREAM
from federation.strictjson import unb64
from hedui.demo.stage import REGISTRAR

_NODE: Final = "public_security"
_REQUESTS: Final = 8
_PEOPLE: Final = 6 * _REQUESTS * limits.ITEMS
_SQL: Final = "SELECT count(*) FROM vehicle WHERE owner = :key"


@dataclass(frozen=True, slots=True)
class _Contest:
    """A node that serves and is warm, and a copy of its books."""

    asking: Asking
    send: Stream
    books: Store
    records: SqliteRecords
    issuer: bytes

    def first(self) -> Round:
        """Show fresh tokens, then verify the very same signatures."""
        parts = self._hold()
        requests = [self.asking.presenting(part, CAR) for part in parts]
        ours = self._ask(requests, parts)
        signed = [_signature(one) for part in parts for one in part]
        key = VerifyKey(self.issuer)
        began = perf_counter()
        for body, signature in signed:
            key.verify(body, signature)
        return Round(ours=ours, baseline=len(signed) / (perf_counter() - began))

    def standing(self) -> Round:
        """Name tokens shown before, then do the same bookkeeping in this process."""
        parts = self._hold()
        self._ask([self.asking.presenting(part, NEW_CAR, CAR) for part in parts], parts)
        ours = self._ask([self.asking.naming(part, CAR) for part in parts], parts)
        began = perf_counter()
        for part in parts:
            self._keep_books(part)
        return Round(ours=ours, baseline=sum(map(len, parts)) / (perf_counter() - began))

    def _hold(self) -> list[list[Held]]:
        return [self.asking.hold(limits.ITEMS) for _ in range(_REQUESTS)]

    def _ask(self, requests: Sequence[bytes], parts: Sequence[list[Held]]) -> float:
        seconds, replies = callers.flowing(self.send, requests)
        for request, reply, part in zip(requests, replies, parts, strict=True):
            self.asking.check(request, reply, part)
        return sum(map(len, parts)) / seconds

    def _keep_books(self, part: Sequence[Held]) -> None:
        salt, item, answer = bytes(limits.SALT_BYTES), bytes(80), bytes(limits.ANSWER_ITEM_BYTES)
        merkle.root([envelope.item_leaf(salt, item) for _ in part])
        wanted = [Look(h.jti, "P40 ", "209901", h.sub, h.jti, 2099) for h in part]

        def commit(ledger: Ledger) -> None:
            seen = ledger.look(wanted)
            keys = [one.person.key for one in seen if one.person]
            values = self.records.scalars(_SQL, keys, {})
            leaves = [envelope.item_leaf(salt, answer) for _ in values]
            uses = {(h.jti, name): 1 for h in part for name in ("P40 ", "209901")}
            cells = [(k.encode(), h.jti, answer) for k, h in zip(keys, part, strict=True)]
            ledger.write(Writes(year=2099, uses=uses, cells=cells))
            root = merkle.root(leaves)
            packed = (salt + answer) * len(part)
            answered = StoredAnswer("", root, root, packed)
            entry = ledger.append([(root, b"".join(leaves))])
            kept = Kept(qid=part[0].jti, answer=answered, questions=b"", at=0, entry=entry)
            ledger.keep_answers([kept])

        self.books.writer.write(lambda connection: commit(Ledger(connection)))


@contextmanager
def contest(measured: str, folder: Path) -> Iterator[Play]:
    """Found a federation, enrol everybody, start the node, copy its books and warm it up."""
    home = folder / "federation"
    place = town.build(home, departments=[_NODE], people=_PEOPLE)
    registrar = ["hedui", "registrar", "serve", "--json", "--folder", str(home / REGISTRAR)]
    enrol = ["hedui", "node", "serve", "--enrol", "--json", "--folder", str(home / _NODE)]
    with ExitStack() as stack:
        stack.enter_context(serving(folder, {REGISTRAR: registrar}))
        with serving(folder, {_NODE: enrol}):
            pass  # enrolled and stopped: its books are whole
        (folder / "books").mkdir()
        shutil.copy(home / _NODE / "data" / FILE, folder / "books" / FILE)
        ports = stack.enter_context(serving(folder, {_NODE: [*enrol[:3], *enrol[4:]]}))
        coordinator = place.coordinator
        send = stack.enter_context(callers.stream(coordinator, _NODE, ports[_NODE], ASK_STREAM))
        one = _Contest(
            asking=Asking(place, coordinator.manifest.party(_NODE)),
            send=send,
            books=stack.enter_context(closing(Store(folder / "books"))),
            records=stack.enter_context(SqliteRecords(home / _NODE / "records.sqlite")),
            issuer=place.registrar.key.verify_key.raw,
        )
        play = getattr(one, measured)
        play()
        yield play


def _signature(held: Held) -> tuple[bytes, bytes]:
    body, _, signature = held.token.partition(b"~")[0].rpartition(b".")
    return body, unb64(signature, "signature")


BENCHMARKS: Final = [
    Benchmark(
        name="ask.batch_first",
        unit="items/s",
        direction=Direction.MORE,
        target=0.40,
        stage=partial(contest, "first"),
    ),
    Benchmark(
        name="ask.batch_standing",
        unit="items/s",
        direction=Direction.MORE,
        target=0.50,
        stage=partial(contest, "standing"),
    ),
]
