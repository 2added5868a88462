"""Enrol a roll: from resident ids to pseudonyms, without the registrar learning an id.

Knows batches, blinds and what to resume (protocol note §2). Does not know sockets: the registrar is
a port. A batch is written down before it is sent, with all that it sends: after a crash the very
same bytes are sent again, whatever has become of the roll meanwhile.
"""

import hmac
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from crypto import labels, merkle, oprf
from crypto.errors import CryptoError
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
_NAME_TAG: Final = b"name"
_SALT_TAG: Final = b"salt"
_GONE: Final = b"-"
"""Stands for an input that is no longer on the roll; what it leads to is thrown away."""


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


class Enrolment:
    """One run over the roll; what is enrolled already is passed over."""

    def __init__(
        self,
        *,
        catalogue: NodeCatalogue,
        records: RecordSource,
        store: Store,
        registrar: Registrar,
        epoch: int,
        public_key: bytes,
    ) -> None:
        self._catalogue = catalogue
        self._records = records
        self._store = store
        self._registrar = registrar
        self._epoch = epoch
        self._public = public_key
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
        batch: list[_Place] = []
        back: list[str] = []
        for place in self._unknown(roll, back):
            batch.append(place)
            if len(batch) == BATCH:
                self._begin(batch)
                batch = []
                progress(self.tally)
        if batch:
            self._begin(batch)
        self._store.mark_present(back, True)

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
        self._store.mark_present(gone, False)
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
                done = self._finish(_Batch(number=number, stored=stored, places=filled))
            except Refused as refusal:
                if refusal.code != "BATCH_CHANGED":
                    raise
                self._store.drop_batch(self._epoch, number)
            else:
                self.tally.resumed += done

    def _begin(self, places: Sequence[_Place]) -> None:
        stored = self._prepare(places)
        number = self._store.begin_batch(self._epoch, stored)
        try:
            self._finish(_Batch(number=number, stored=stored, places=places))
        except Refused as refusal:
            if refusal.code != "BATCH_CHANGED":
                raise
            self._store.drop_batch(self._epoch, number)
            number = self._store.begin_batch(self._epoch, stored, least=number + JUMP)
            self._finish(_Batch(number=number, stored=stored, places=places))

    def _prepare(self, places: Sequence[_Place]) -> StoredBatch:
        key = os.urandom(32)
        people = [[p.key, p.fingerprint.hex(), p.psn.hex(), p.named] for p in places]
        return StoredBatch(
            key=key,
            people=json.dumps(people),
            ids=_sent(key, _id_inputs(places)),
            names=_sent(_name_key(key), _name_inputs(places)),
        )

    def _finish(self, batch: _Batch) -> int:
        key = batch.stored.key
        psns = self._evaluate(batch, enrolment.ID, key, _id_inputs(batch.places))
        names = self._evaluate(batch, enrolment.NAME, _name_key(key), _name_inputs(batch.places))
        rows = []
        for place in batch.places:
            psn = place.psn or next(psns)
            name = next(names) if place.named else b""
            if place.entry is not None:
                rows.append(
                    RollEntry(psn=psn, key=place.key, name=name, fingerprint=place.fingerprint)
                )
        self._store.finish_batch(self._epoch, batch.number, rows)
        self.tally.enrolled += len(rows)
        return len(rows)

    def _evaluate(
        self, batch: _Batch, tag: str, key: bytes, inputs: list[bytes]
    ) -> Iterator[bytes]:
        if not inputs:
            return iter(())
        sent = batch.stored.ids if tag == enrolment.ID else batch.stored.names
        size = enrolment.ELEMENT_BYTES
        elements = tuple(sent[i : i + size] for i in range(size, len(sent), size))
        evaluated = self._registrar.evaluate(
            BlindBatch(
                tag=tag,
                epoch=self._epoch,
                batch_no=batch.number,
                roll=self.tally.total,
                commitment=sent[:size],
                elements=elements,
            )
        )
        evaluation = oprf.Evaluation(elements=evaluated.elements, proof=evaluated.proof)
        blinds = oprf.derive_blinds(key, 0, len(inputs))
        try:
            outputs = oprf.finalize(inputs, blinds, elements, evaluation, self._public)
        except CryptoError as e:
            raise PeerFault("ENROLMENT_PROOF", batch=batch.number) from e
        return iter([oprf.psn(output) for output in outputs])


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


def _id_inputs(places: Sequence[_Place]) -> list[bytes]:
    return [labels.id_input(p.entry.id) if p.entry else _GONE for p in places if not p.psn]


def _name_inputs(places: Sequence[_Place]) -> list[bytes]:
    return [
        labels.name_input(p.entry.id, p.entry.name) if p.entry else _GONE for p in places if p.named
    ]


def _name_key(batch_key: bytes) -> bytes:
    return hmac.digest(batch_key, _NAME_TAG, "sha256")


def _sent(key: bytes, inputs: list[bytes]) -> bytes:
    """Give what a batch sends: the commitment, then one element an input; nothing for no input."""
    if not inputs:
        return b""
    blinds = oprf.derive_blinds(key, 0, len(inputs))
    return _commitment(key, inputs, blinds) + b"".join(oprf.blind(inputs, blinds))


def _commitment(key: bytes, inputs: list[bytes], blinds: list[bytes]) -> bytes:
    """Commit to a batch, so that an auditor on site can have random leaves opened."""
    salt = hmac.digest(key, _SALT_TAG, "sha256")
    leaves = [
        merkle.leaf_hash(hmac.digest(salt, i.to_bytes(8, "big"), "sha256") + data + blind)
        for i, (data, blind) in enumerate(zip(inputs, blinds, strict=True))
    ]
    return merkle.root(leaves)


def _fingerprint_key(store: Store) -> bytes:
    key = store.meta("fingerprint_key")
    if not isinstance(key, bytes):
        key = os.urandom(32)
        store.set_meta(fingerprint_key=key)
    return key
