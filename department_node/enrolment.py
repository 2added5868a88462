"""Enrol a roll: from resident ids to pseudonyms, without the registrar learning an id.

Knows batches, what to resume and who works on what (protocol note §2). Does not know sockets: the
registrar is a port. A batch is written down before it is sent, with all that it sends: after a
crash the very same bytes are sent again, whatever has become of the roll meanwhile.
"""

import hmac
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import islice
from threading import BoundedSemaphore
from typing import Final, Protocol

from crypto import labels
from crypto.errors import CryptoError
from crypto.oprf import Evaluation
from department_node import blinding
from department_node.blinding import Blinding
from department_node.catalogue import NodeCatalogue
from department_node.records import RecordSource
from department_node.roll import HALF, Entry, Roll, count
from department_node.store import RollEntry, Store, StoredBatch
from federation import enrolment, limits
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.errors import BadInput, PeerFault, Refused

BATCH: Final = limits.BATCH
JUMP: Final = 1 << 20
"""Numbers passed over when the registrar knows another batch by a number (a restored backup)."""
WORKERS: Final = 2
"""Cores on which a roll is enrolled where the settings do not say."""
WORKERS_MOST: Final = 12
"""The registrar lets a party have 16 calls open."""
_AHEAD: Final = 2
"""Batches under way beside those in work: blinding one takes less time than its evaluation."""
_NAME_TAG: Final = b"name"
_GONE: Final = b"-"
"""Stands for an input that is no longer on the roll; what it leads to is thrown away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """For which year, under which published key, and on how many cores people are enrolled."""

    epoch: int
    public_key: bytes
    workers: int


class Registrar(Protocol):
    """Whoever evaluates blinded elements."""

    def evaluate(self, batch: BlindBatch) -> BlindEvaluation:
        """Evaluate one batch."""
        ...


@dataclass(slots=True, kw_only=True)
class Tally:
    """How far an enrolment has come, in persons; ``left`` are no longer on the roll."""

    total: int = 0
    known: int = 0
    enrolled: int = 0
    resumed: int = 0
    left: int = 0
    rejected: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """One person of a batch: as planned, and the entry, None once the roll says otherwise.

    ``psn`` is known already or empty; ``named`` tells whether a name is to be evaluated.
    """

    key: str = field(repr=False)
    fingerprint: bytes
    psn: bytes
    named: bool
    entry: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    number: int
    stored: StoredBatch
    places: Sequence[_Place]
    ids: Blinding
    names: Blinding


class Enrolment:
    """One run over the roll; what is enrolled already is passed over."""

    def __init__(
        self,
        *,
        catalogue: NodeCatalogue,
        records: RecordSource,
        store: Store,
        registrar: Registrar,
        terms: Terms,
    ) -> None:
        self._catalogue = catalogue
        self._records = records
        self._store = store
        self._registrar = registrar
        self._epoch = terms.epoch
        self._public = terms.public_key
        self._workers = terms.workers
        self._turn = BoundedSemaphore(terms.workers)
        self.tally = Tally()

    def run(self, progress: Callable[[Tally], None] = lambda _: None) -> Tally:
        """Enrol everybody on the roll who is not enrolled yet; may be killed and run again.

        Raises:
            PeerFault: ENROLMENT_PROOF when the registrar's proof does not hold.
            Refused, Unavailable: what the registrar says.
        """
        listed = self._catalogue
        secret = _fingerprint_key(self._store)
        with Roll(self._records, listed.roll, names=listed.compares_names, secret=secret) as roll:
            self.tally.total = count(self._records, listed.roll)
            progress(self.tally)
            self._resume(roll)
            self._enrol(roll, progress)
            self._leave(roll)
        progress(self.tally)
        return self.tally

    def _enrol(self, roll: Roll, progress: Callable[[Tally], None]) -> None:
        """Work on some batches while others are with the registrar."""
        back: list[str] = []
        places = self._unknown(roll, back)
        running: set[Future[int]] = set()
        most = self._workers + _AHEAD
        with ThreadPoolExecutor(most, "enrolment") as lanes:
            for batch in iter(lambda: list(islice(places, BATCH)), []):
                if len(running) == most:
                    running = self._count(running, progress)
                running.add(lanes.submit(self._begin, batch))
            while running:
                running = self._count(running, progress)
        self._store.mark_present(back, present=True)

    def _count(
        self, running: set[Future[int]], progress: Callable[[Tally], None]
    ) -> set[Future[int]]:
        """Wait until a batch is through; gives those that are not."""
        done, running = wait(running, return_when=FIRST_COMPLETED)
        self.tally.enrolled += sum(batch.result() for batch in done)
        progress(self.tally)
        return running

    def _unknown(self, roll: Roll, back: list[str]) -> Iterator[_Place]:
        """Pick those who are new or changed; collect in ``back`` the keys of those who return."""
        self.tally.rejected = roll.rejected
        for entry in roll.entries():
            known = self._store.enrolled_as(self._epoch, entry.key)
            if known is None or known.fingerprint != entry.fingerprint:
                yield _place(entry, known)
                continue
            self.tally.known += 1
            if not known.present:
                back.append(entry.key)

    def _leave(self, roll: Roll) -> None:
        """Mark who has left; a roll without anybody is taken for a fault of the source.

        Raises:
            BadInput: ROLL_EMPTY, with nobody marked.
        """
        gone = [key for key in self._store.present_keys(self._epoch) if not roll.has(key)]
        if gone and not roll.met():
            raise BadInput("ROLL_EMPTY", enrolled=len(gone))
        self._store.mark_present(gone, present=False)
        self.tally.left = len(gone)

    def _resume(self, roll: Roll) -> None:
        pending = self._store.pending_batches(self._epoch)
        if not pending:
            return
        planned = [(number, stored, _planned(stored)) for number, stored in pending]
        wanted = {place.key for _, _, places in planned for place in places}
        found = {entry.key: entry for entry in roll.entries() if entry.key in wanted}
        for number, stored, places in planned:
            filled = [_filled(place, found.get(place.key)) for place in places]
            try:
                done = self._finish(_batch(number, stored, filled))
            except Refused as refusal:
                if refusal.code != "BATCH_CHANGED":
                    raise
                self._store.drop_batch(self._epoch, number)
            else:
                self.tally.enrolled += done
                self.tally.resumed += done

    def _begin(self, places: Sequence[_Place]) -> int:
        with self._turn:
            batch = _prepared(places)
        number = self._store.begin_batch(self._epoch, batch.stored)
        try:
            return self._finish(replace(batch, number=number))
        except Refused as refusal:
            if refusal.code != "BATCH_CHANGED":
                raise
            self._store.drop_batch(self._epoch, number)
            number = self._store.begin_batch(self._epoch, batch.stored, least=number + JUMP)
            return self._finish(replace(batch, number=number))

    def _finish(self, batch: _Batch) -> int:
        psns = self._evaluate(batch.number, enrolment.ID, batch.ids, batch.stored.ids)
        names = self._evaluate(batch.number, enrolment.NAME, batch.names, batch.stored.names)
        rows = []
        for place in batch.places:
            psn = place.psn or next(psns)
            name = next(names) if place.named else b""
            if place.entry is not None:
                rows.append(
                    RollEntry(psn=psn, key=place.key, name=name, fingerprint=place.fingerprint)
                )
        self._store.finish_batch(self._epoch, batch.number, rows)
        return len(rows)

    def _evaluate(self, number: int, tag: str, part: Blinding, sent: bytes) -> Iterator[bytes]:
        if not sent:
            return iter(())
        commitment, elements = blinding.split(sent)
        evaluated = self._registrar.evaluate(
            BlindBatch(
                tag=tag,
                epoch=self._epoch,
                batch_no=number,
                roll=self.tally.total,
                commitment=commitment,
                elements=elements,
            )
        )
        evaluation = Evaluation(elements=evaluated.elements, proof=evaluated.proof)
        try:
            with self._turn:
                found = part.pseudonyms(elements, evaluation, self._public)
        except CryptoError as e:
            raise PeerFault("ENROLMENT_PROOF", batch=number) from e
        return iter(found)


def _place(entry: Entry, known: RollEntry | None) -> _Place:
    """Plan what is to be evaluated: nothing that an unchanged id or name has given already."""
    same = known is not None and known.fingerprint[:HALF] == entry.fingerprint[:HALF]
    return _Place(
        key=entry.key,
        fingerprint=entry.fingerprint,
        psn=known.psn if known is not None and same else b"",
        named=bool(entry.name),
        entry=entry,
    )


def _planned(stored: StoredBatch) -> list[_Place]:
    return [
        _Place(
            key=key,
            fingerprint=bytes.fromhex(fingerprint),
            psn=bytes.fromhex(psn),
            named=named,
            entry=None,
        )
        for key, fingerprint, psn, named in json.loads(stored.people)
    ]


def _filled(place: _Place, entry: Entry | None) -> _Place:
    """Put the entry back into its place, if it is still what was planned."""
    if entry is None or entry.fingerprint != place.fingerprint:
        return place
    return replace(place, entry=entry)


def _prepared(places: Sequence[_Place]) -> _Batch:
    """Make a batch that has no number yet."""
    people = json.dumps([[p.key, p.fingerprint.hex(), p.psn.hex(), p.named] for p in places])
    bare = StoredBatch(key=os.urandom(32), people=people, ids=b"", names=b"")
    batch = _batch(0, bare, places)
    stored = replace(bare, ids=batch.ids.sent(), names=batch.names.sent())
    return replace(batch, stored=stored)


def _batch(number: int, stored: StoredBatch, places: Sequence[_Place]) -> _Batch:
    name_key = hmac.digest(stored.key, _NAME_TAG, "sha256")
    return _Batch(
        number=number,
        stored=stored,
        places=places,
        ids=Blinding(stored.key, _id_inputs(places)),
        names=Blinding(name_key, _name_inputs(places)),
    )


def _id_inputs(places: Sequence[_Place]) -> list[bytes]:
    return [labels.id_input(p.entry.id) if p.entry else _GONE for p in places if not p.psn]


def _name_inputs(places: Sequence[_Place]) -> list[bytes]:
    return [
        labels.name_input(p.entry.id, p.entry.name) if p.entry else _GONE for p in places if p.named
    ]


def _fingerprint_key(store: Store) -> bytes:
    key = store.meta("fingerprint_key")
    if not isinstance(key, bytes):
        key = os.urandom(32)
        store.set_meta(fingerprint_key=key)
    return key
