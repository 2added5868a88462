"""Pseudonyms: one key per department and year, used for tokens and, blindly, for enrolment.

Knows the sealed seeds and the quota of protocol note §2. Does not know what a blinded element
hides, and does not store: the caller brings what was counted before.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from crypto import group, labels, oprf
from crypto.errors import BadElement
from crypto.oprf import Evaluator
from federation import limits
from federation.clock import epoch_of
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.errors import BadInput, PeerFault, Refused, Unavailable

Seeds = Callable[[int], bytes]
"""Opens the sealed seed of one epoch."""


class Pseudonyms:
    """The pseudonym keys of the live epochs, derived when first used."""

    def __init__(self, seeds: Seeds, public_keys: Mapping[tuple[str, int], bytes]) -> None:
        self._seeds = seeds
        self._public_keys = public_keys
        self._opened: dict[int, bytes] = {}
        self._evaluators: dict[tuple[str, int], Evaluator] = {}
        self._lock = Lock()

    def renew(self, public_keys: Mapping[tuple[str, int], bytes]) -> None:
        """Go by the keys of a new manifest: another department, another year."""
        self._public_keys = public_keys

    def of(self, department: str, epoch: int, data: bytes) -> bytes:
        """Give the 32-byte pseudonym of an input in the clear.

        Raises:
            Refused: EPOCH_NOT_LIVE.
            Unavailable: EPOCH_KEY_MISSING.
        """
        return oprf.psn(self._evaluator(department, epoch).evaluate_known(data))

    def check(self, department: str, batch: BlindBatch) -> None:
        """Refuse a batch that could not be evaluated, for a twentieth of what evaluating costs.

        Raises:
            Refused: EPOCH_NOT_LIVE.
            PeerFault: BATCH_MALFORMED when an element is not of the group.
            Unavailable: EPOCH_KEY_MISSING.
        """
        self._evaluator(department, batch.epoch)
        if not all(map(group.is_element, batch.elements)):
            raise PeerFault("BATCH_MALFORMED")

    def evaluate(self, department: str, batch: BlindBatch) -> BlindEvaluation:
        """Evaluate a batch for the department that sent it.

        Raises:
            Refused: EPOCH_NOT_LIVE.
            PeerFault: BATCH_MALFORMED when an element is not of the group.
            Unavailable: EPOCH_KEY_MISSING.
        """
        try:
            done = self._evaluator(department, batch.epoch).evaluate_batch(batch.elements)
        except BadElement as e:
            raise PeerFault("BATCH_MALFORMED") from e
        return BlindEvaluation(elements=done.elements, proof=done.proof)

    def open(self, epoch: int) -> None:
        """Open the seed of an epoch now rather than at the first question.

        Raises:
            Unavailable: EPOCH_KEY_MISSING.
        """
        with self._lock:
            self._seed(epoch)

    def _evaluator(self, department: str, epoch: int) -> Evaluator:
        found = self._evaluators.get((department, epoch))
        if found is not None:
            return found
        public = self._public_keys.get((department, epoch))
        if public is None:
            raise Refused("EPOCH_NOT_LIVE", epoch=epoch)
        with self._lock:
            info = labels.voprf_info(department, epoch)
            evaluator = Evaluator.from_seed(self._seed(epoch), info)
            if evaluator.public_key != public:
                raise Unavailable("EPOCH_KEY_MISSING", epoch=epoch)
            self._evaluators[department, epoch] = evaluator
            return evaluator

    def _seed(self, epoch: int) -> bytes:
        if epoch not in self._opened:
            try:
                self._opened[epoch] = self._seeds(epoch)
            except BadInput as e:
                raise Unavailable("EPOCH_KEY_MISSING", epoch=epoch) from e
        return self._opened[epoch]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is counted so far for a batch's department and year.

    ``roll`` is the largest that was accepted, 0 before the first; ``used`` counts the elements of
    the batch's tag; ``digest`` is that of the batch with this number, empty if there was none.
    """

    roll: int
    used: int
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A new batch to be counted; ``grows``: its roll is larger than any before, and stands now."""

    digest: bytes
    roll: int
    grows: bool


def digest(batch: BlindBatch) -> bytes:
    """Give the SHA-256 that tells a repeated batch from a changed one."""
    return hashlib.sha256(b"".join(batch.elements)).digest()


def check_epoch(epoch: int, now: int) -> None:
    """Refuse to enrol for any year but this one and the next.

    Raises:
        Refused: EPOCH_NOT_LIVE.
    """
    if epoch not in {epoch_of(now), epoch_of(now) + 1}:
        raise Refused("EPOCH_NOT_LIVE", epoch=epoch)


def admit(batch: BlindBatch, standing: Standing, ceiling: int) -> Admitted | None:
    """Decide about a batch; gives what to count, or None for a repetition, which costs nothing.

    The roll is what the department says: the first declaration stands, a larger one counts as
    growth, and neither goes beyond the ceiling that the registrar's operator has set.

    Raises:
        Refused: BATCH_CHANGED or QUOTA_EXCEEDED.
    """
    content = digest(batch)
    if standing.digest:
        if standing.digest != content:
            raise Refused("BATCH_CHANGED", batch=batch.batch_no)
        return None
    if batch.roll > ceiling:
        raise Refused("QUOTA_EXCEEDED", roll=batch.roll, ceiling=ceiling)
    roll = min(max(batch.roll, standing.roll), ceiling)
    if standing.used + len(batch.elements) > roll * limits.ROLL_QUOTA_PERCENT // 100:
        raise Refused("QUOTA_EXCEEDED", roll=roll, used=standing.used)
    return Admitted(digest=content, roll=roll, grows=roll > standing.roll)
