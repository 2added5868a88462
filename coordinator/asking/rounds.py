"""The rounds of a sum's run at the coordinator: takes what parties gave, tells what to ask next.

    contribute ──────────────> compare ──────────────> test ───────> outcome
    every department's share   blinded sum to the      slots to the
    (never a subset)           tally, bits come back   tally, its last bit comes back

Knows a run's terms and the aggregator of ``crypto.comparison``. Pure: the same seed and the same
answers give the same bytes, so that a run goes on after a kill where its journal ends. Does not
know stores, signatures, tokens or sockets.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from crypto import comparison
from crypto.comparison import Aggregator, Prepared, Run
from crypto.errors import CryptoError
from crypto.paillier import PublicKey
from federation import summing
from federation.errors import PeerFault
from federation.exchange import COMPARE, CONTRIBUTE, TEST
from federation.group import Group
from federation.parameter import Parameter
from federation.summing import SumOrder
from federation.transcript import Round
from federation.wire import sum_messages
from federation.wire.sum_messages import Comparison, SlotTest

METHODS: Final = {Round.CONTRIBUTE: CONTRIBUTE, Round.COMPARE: COMPARE, Round.TEST: TEST}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a run is about. ``declared`` and its salt are opened to the tally where it needs them.

    ``seed`` is drawn for this run and rung alone.
    """

    group: Group
    rung: Parameter
    run: bytes
    order: SumOrder
    seed: bytes = field(repr=False)
    declared: int = field(default=0, repr=False)
    declared_salt: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be asked of a party: ``last`` is the last item of the request."""

    round: Round
    party: str
    last: bytes = field(repr=False)


class Rounds:
    """One run of one rung."""

    def __init__(
        self, terms: Terms, prepared: Callable[[], Prepared | None] = lambda: None
    ) -> None:
        """Begin; ``prepared`` gives what was computed of the seed beforehand, if anything was."""
        self._terms = terms
        self._prepared = prepared
        self._aggregator: Aggregator | None = None
        self._shares: dict[str, bytes] = {}
        self._slots = b""
        self._share: int | None = None

    def wanted(self) -> list[Step]:
        """List what is to be asked now; nothing once the outcome is there."""
        terms = self._terms
        departments = [one.id for one in terms.group.departments]
        missing = [one for one in departments if one not in self._shares]
        if missing:
            order = sum_messages.encode_order(terms.order)
            return [Step(Round.CONTRIBUTE, one, order) for one in missing]
        if self._share is not None:
            return []
        if self._slots:
            last = sum_messages.encode_test(SlotTest(order=terms.order, slots=self._slots))
            return [Step(Round.TEST, terms.group.tally.id, last)]
        return [Step(Round.COMPARE, terms.group.tally.id, self._comparison(departments))]

    def take(self, step: Round, party: str, last: bytes) -> None:
        """Take what a party gave in a round.

        Raises:
            PeerFault: OVERSIZE, MALFORMED or SUM_UNPROVEN; then nothing was taken.
        """
        try:
            match step:
                case Round.CONTRIBUTE:
                    self._contributed(party, last)
                case Round.COMPARE:
                    compared = sum_messages.decode_compared(last)
                    self._check_run(party, compared.run, compared.rung)
                    self._slots = self._adding().slots(compared.bits)
                case Round.TEST:
                    tested = sum_messages.decode_tested(last)
                    self._check_run(party, tested.run)
                    self._share = tested.share
        except CryptoError as e:
            raise PeerFault("SUM_UNPROVEN", party=party, why=type(e).__name__) from e

    @property
    def holds(self) -> bool:
        """Tell whether what the rung says of the sum is so: at most its line, or at least."""
        if self._share is None:
            raise LookupError("no outcome yet")
        reached = self._adding().outcome(self._share)
        return reached is (self._terms.rung.comparator == "ge")

    def _contributed(self, party: str, last: bytes) -> None:
        given = sum_messages.decode_contribution(last)
        self._check_run(party, given.run)
        modulus(self._terms.group).read(given.ciphertext)
        self._shares[party] = given.ciphertext

    def _comparison(self, departments: list[str]) -> bytes:
        terms, adding = self._terms, self._adding()
        return sum_messages.encode_comparison(
            Comparison(
                order=terms.order,
                z=adding.start([self._shares[one] for one in departments]),
                seed_commitment=adding.commitment,
                declared_salt=terms.declared_salt,
                declared=terms.declared,
            )
        )

    def _adding(self) -> Aggregator:
        if self._aggregator is None:
            terms = self._terms
            run = Run(
                paillier=modulus(terms.group),
                elgamal=terms.group.tally.elgamal,
                context=summing.context(terms.run, terms.rung.id),
                bits=terms.group.bits,
                kappa=terms.group.kappa,
            )
            self._aggregator = Aggregator(run, terms.seed, self._prepared())
        return self._aggregator

    def _check_run(self, party: str, run: bytes, rung: str | None = None) -> None:
        if run != self._terms.run or rung not in {None, self._terms.rung.id}:
            raise PeerFault("SUM_UNPROVEN", party=party, why="run")


def prepare(terms: Terms) -> Prepared:
    """Compute all of a run that depends on its seed alone: 31 ms."""
    group = terms.group
    return comparison.prepare(
        modulus(group), group.tally.elgamal, terms.seed, group.bits, group.kappa
    )


def modulus(group: Group) -> PublicKey:
    """Give a tally's Paillier key, which takes long to read and is the same for all groups."""
    return _read(group.tally.paillier)


@lru_cache(maxsize=8)
def _read(data: bytes) -> PublicKey:
    return PublicKey.from_bytes(data)
