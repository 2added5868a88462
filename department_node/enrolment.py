"""Enrol a roll: from resident ids to pseudonyms, without the registrar learning an id.

Knows batches, blinds and what to resume (protocol note §2). Does not know sockets: the registrar is
a port. A batch is written down before it is sent; its key makes the same blinds again.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from crypto import labels, merkle, oprf
from crypto.errors import CryptoError
from department_node.catalogue import NodeCatalogue
from department_node.records import RecordSource
from department_node.store import RollEntry, Store
from federation import ids, limits
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.errors import BadInput, PeerFault

BATCH: Final = limits.BATCH
_NAME_TAG: Final = b"name"
_SALT_TAG: Final = b"salt"


class Registrar(Protocol):
    """Whoever evaluates blinded elements."""

    def evaluate(self, batch: BlindBatch) -> BlindEvaluation:
        """Evaluate one batch."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One usable row of the roll. ``name`` is normalised, empty where the register has none."""

    key: str
    id: str = field(repr=False)
    name: str = field(repr=False)
    fingerprint: bytes = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Tally:
    """How far an enrolment has come, in persons."""

    total: int = 0
    known: int = 0
    enrolled: int = 0
    resumed: int = 0
    rejected: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Pending:
    number: int
    key: bytes
    keys: list[str]


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
        self._secret = _fingerprint_key(store)
        self.tally = Tally()

    def run(self, progress: Callable[[Tally], None] = lambda _: None) -> Tally:
        """Enrol everybody on the roll who is not enrolled yet; may be killed and run again.

        Raises:
            PeerFault: ENROLMENT_PROOF when the registrar's proof does not hold.
            Refused, Unavailable: what the registrar says.
        """
        counted = next(self._records.rows(f"SELECT count(*) FROM ({self._catalogue.roll})"))  # noqa: S608
        self.tally.total = int(str(counted[0]))
        self._resume()
        progress(self.tally)
        batch: list[Entry] = []
        for entry in self._roll():
            known = self._store.fingerprint(self._epoch, entry.key)
            if known == entry.fingerprint:
                self.tally.known += 1
                continue
            batch.append(entry)
            if len(batch) == BATCH:
                self._begin(batch)
                batch = []
                progress(self.tally)
        if batch:
            self._begin(batch)
        progress(self.tally)
        return self.tally

    def _roll(self) -> Iterator[Entry]:
        seen_again: dict[str, int] = self.tally.rejected
        seen_again.clear()
        for row in self._records.rows(self._catalogue.roll):
            if len(row) != 3 or row[0] is None or row[2] is None:
                seen_again["ROLL_COLUMNS"] = seen_again.get("ROLL_COLUMNS", 0) + 1
                continue
            try:
                person = ids.canonical_id(str(row[0])).id
                name = ids.normal_name(str(row[1])) if row[1] else ""
            except BadInput as error:
                seen_again[error.code] = seen_again.get(error.code, 0) + 1
                continue
            yield Entry(
                key=str(row[2]), id=person, name=name, fingerprint=self._print(person, name)
            )

    def _print(self, person: str, name: str) -> bytes:
        data = f"{person}|{name}".encode()
        return hashlib.blake2b(data, digest_size=16, key=self._secret).digest()

    def _resume(self) -> None:
        pending = [_Pending(n, k, keys) for n, k, keys in self._store.pending_batches(self._epoch)]
        if not pending:
            return
        wanted = {key for batch in pending for key in batch.keys}
        found = {entry.key: entry for entry in self._roll() if entry.key in wanted}
        for batch in pending:
            if all(key in found for key in batch.keys):
                entries = [found[key] for key in batch.keys]
                self._finish(batch.number, batch.key, entries)
                self.tally.resumed += len(entries)
            else:
                self._store.drop_batch(self._epoch, batch.number)

    def _begin(self, entries: list[Entry]) -> None:
        batch_key = os.urandom(32)
        keys = json.dumps([entry.key for entry in entries])
        number = self._store.begin_batch(self._epoch, batch_key, keys)
        self._finish(number, batch_key, entries)

    def _finish(self, number: int, batch_key: bytes, entries: list[Entry]) -> None:
        inputs = [labels.id_input(entry.id) for entry in entries]
        psns = self._evaluate("id", number, batch_key, inputs)
        names = self._names(number, batch_key, entries)
        rows = [
            RollEntry(psn=psn, key=e.key, name=names.get(e.key, b""), fingerprint=e.fingerprint)
            for psn, e in zip(psns, entries, strict=True)
        ]
        self._store.finish_batch(self._epoch, number, rows)
        self.tally.enrolled += len(rows)

    def _names(self, number: int, batch_key: bytes, entries: list[Entry]) -> dict[str, bytes]:
        named = [entry for entry in entries if entry.name]
        if not named or not self._catalogue.compares_names:
            return {}
        inputs = [labels.name_input(entry.id, entry.name) for entry in named]
        key = hmac.digest(batch_key, _NAME_TAG, "sha256")
        psns = self._evaluate("name", number, key, inputs)
        return {entry.key: psn for entry, psn in zip(named, psns, strict=True)}

    def _evaluate(self, tag: str, number: int, key: bytes, inputs: list[bytes]) -> list[bytes]:
        blinds = oprf.derive_blinds(key, 0, len(inputs))
        blinded = oprf.blind(inputs, blinds)
        batch = BlindBatch(
            tag=tag,
            epoch=self._epoch,
            batch_no=number,
            roll=self.tally.total,
            commitment=_commitment(key, inputs, blinds),
            elements=tuple(blinded),
        )
        evaluated = self._registrar.evaluate(batch)
        evaluation = oprf.Evaluation(elements=evaluated.elements, proof=evaluated.proof)
        try:
            outputs = oprf.finalize(inputs, blinds, blinded, evaluation, self._public)
        except CryptoError as e:
            raise PeerFault("ENROLMENT_PROOF", batch=number) from e
        return [oprf.psn(output) for output in outputs]


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
