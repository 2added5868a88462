"""Pseudonyms: one key per department and year, used for tokens and, blindly, for enrolment.

Knows the sealed seeds and the quota of protocol note §2. Does not know what a blinded element
hides, and does not store: the caller brings what was evaluated before.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from crypto import labels, oprf
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

    def of(self, department: str, epoch: int, data: bytes) -> bytes:
        """Give the 32-byte pseudonym of an input in the clear.

        Raises:
            Refused: EPOCH_NOT_LIVE.
            Unavailable: EPOCH_KEY_MISSING.
        """
        return oprf.psn(self._evaluator(department, epoch).evaluate_known(data))

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
class Evaluated:
    """A batch that was evaluated before."""

    batch_no: int
    digest: bytes
    size: int
    roll: int


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


def admit(batch: BlindBatch, before: Sequence[Evaluated]) -> Evaluated | None:
    """Decide about a batch, given all earlier ones of its department, tag and epoch.

    Gives what to record, or None for a repetition, which costs nothing.

    Raises:
        Refused: BATCH_CHANGED or QUOTA_EXCEEDED.
    """
    new = Evaluated(
        batch_no=batch.batch_no,
        digest=digest(batch),
        size=len(batch.elements),
        roll=batch.roll,
    )
    for old in before:
        if old.batch_no == new.batch_no:
            if old.digest != new.digest:
                raise Refused("BATCH_CHANGED", batch=new.batch_no)
            return None
    roll = max(new.roll, *(old.roll for old in before), 0)
    used = sum(old.size for old in before)
    if used + new.size > roll * limits.ROLL_QUOTA_PERCENT // 100:
        raise Refused("QUOTA_EXCEEDED", roll=roll, used=used)
    return new
