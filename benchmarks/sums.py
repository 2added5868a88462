"""``sum``: what a comparison of a hidden sum with a threshold costs, and a contribution to it.

``sum.compare`` is the CPU time of aggregator and tally together, at 3,072 bits, with every bit's
proof made and verified, from pools: obfuscators and prepared bits were made beforehand, and what
making them costs is told beside. The baseline is TNO's ``secure_comparison`` at its defaults (its
keys' lengths are told), both parties, its randomness drawn as it goes. ``sum.compare.whole`` has
ours without any pool. ``sum.contribute`` is what a department does when it is asked, in a group of
four, against one Ed25519 signature.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from random import SystemRandom
from time import perf_counter, process_time
from typing import Final

import typer
from nacl.signing import SigningKey

from benchmarks.measuring import ROUNDS, Benchmark, Direction, Play, Round
from benchmarks.peers import comparing, environment
from benchmarks.peers.comparing import Compared
from crypto import comparison, elgamal, masks
from crypto.comparison import Aggregator, Prepared, Referee, Run
from crypto.elgamal import PreparedBit
from crypto.paillier import PrivateKey
from crypto.pool import Pool

_DEPARTMENTS: Final = 4
_COMPARED: Final = 10
"""Comparisons a round, of each side."""
_CONTRIBUTED: Final = 400
_MESSAGE: Final = 1_024
"""Bytes that are signed: about an answer with a contribution."""
_MILLI: Final = 1_000
_MICRO: Final = 1_000_000

random = os.urandom


class WrongOutcome(Exception):
    """A comparison said something that is not true."""


@dataclass(slots=True, kw_only=True)
class _Parties:
    """A referee, the departments' keys, and the pools of both sides."""

    referee: Referee
    towards: list[bytes] = field(default_factory=lambda: [random(32) for _ in range(_DEPARTMENTS)])

    def prepare(self) -> Prepared:
        """Prepare one comparison of the aggregator's."""
        return comparison.prepare(self.referee.paillier, self.referee.elgamal, random(32))

    def bit(self) -> PreparedBit:
        """Prepare one bit of the referee's."""
        return self.referee.prepare_bit(random)

    def contribute(self, context: bytes, total: int) -> list[bytes]:
        """Contribute a total in parts, under the masks towards the referee; not measured."""
        public = self.referee.paillier
        first = total - sum(range(1, _DEPARTMENTS))
        return [
            comparison.contribute(
                public,
                number or first,
                masks.prf(key, context, public.n),
                public.obfuscator(random),
            )
            for number, key in enumerate(self.towards)
        ]

    def compare(
        self,
        total: int,
        threshold: int,
        prepare: Callable[[], Prepared],
        bit: Callable[[], PreparedBit],
    ) -> float:
        """Compare; gives the CPU seconds of both sides.

        Raises:
            WrongOutcome: the outcome is not that of plain numbers.
        """
        context = random(40)
        run = Run(paillier=self.referee.paillier, elgamal=self.referee.elgamal, context=context)
        contributions = self.contribute(context, total)
        before = process_time()
        prepared = prepare()
        aggregator = Aggregator(run, prepared.seed, prepared)
        z = aggregator.start(contributions)
        towards = sum(masks.prf(key, context, run.paillier.n) for key in self.towards)
        bits = self.referee.bits(run, z, towards, threshold, bit)
        slots = aggregator.slots(bits.message)
        outcome = aggregator.outcome(self.referee.test(run, slots, bits.high))
        spent = process_time() - before
        if outcome is not (total >= threshold):
            raise WrongOutcome(total, threshold)
        return spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """CPU seconds of one comparison: ours from pools, ours without, and the peer's if it is there.

    `aggregator` and `referee` are what the pools' entries for one comparison cost.
    """

    pooled: float
    whole: float
    aggregator: float
    referee: float
    peer: Compared | None


def _timed(work: Callable[[], object], times: int) -> float:
    before = process_time()
    for _ in range(times):
        work()
    return (process_time() - before) / times


def _round(parties: _Parties, ask: Callable[[int, int], Compared] | None) -> Figures:
    """Compare the same numbers in pairs, ours from pools, ours without, and the peer's."""
    prepared = Pool(parties.prepare, _COMPARED)
    bits = Pool(parties.bit, _COMPARED * comparison.BITS)
    aggregator = _timed(prepared.fill_one, _COMPARED)
    referee = _timed(bits.fill_one, _COMPARED * comparison.BITS) * comparison.BITS
    drawn = SystemRandom()
    pooled = whole = 0.0
    said: list[Compared] = []
    for _ in range(_COMPARED):
        threshold = drawn.randrange(1, 1 << 38)
        total = max(0, threshold + drawn.choice((-1, 0, 1, -(1 << 20), 1 << 20)))
        pooled += parties.compare(total, threshold, prepared.take, bits.take)
        whole += parties.compare(total, threshold, parties.prepare, parties.bit)
        if ask is not None:
            said.append(ask(threshold, total))
            if said[-1].holds is not (total >= threshold):
                raise WrongOutcome("peer", total, threshold)
    return Figures(
        pooled=pooled / _COMPARED,
        whole=whole / _COMPARED,
        aggregator=aggregator,
        referee=referee,
        peer=_mean(said),
    )


def _mean(said: list[Compared]) -> Compared | None:
    if not said:
        return None
    return Compared(
        holds=True,
        cpu=sum(one.cpu for one in said) / len(said),
        randomness=sum(one.randomness for one in said) / len(said),
    )


@cache
def rounds() -> list[Figures]:
    """Play all rounds once, whatever rows are made of them, and tell what is beside the rows."""
    secret, _ = elgamal.key_pair(random)
    parties = _Parties(referee=Referee(PrivateKey.generate(), secret))
    installed = environment.install([comparing.TNO])
    with ExitStack() as stack:
        ask = None
        if installed.missing:
            why = installed.missing[comparing.TNO]
            typer.echo(f"skipped: TNO's package cannot be installed here ({why})", err=True)
        else:
            peer = stack.enter_context(comparing.comparer(installed, comparison.BITS))
            ask = peer.compare
            typer.echo(f"TNO's keys: {peer.sizes}; ours: Paillier of 3072 bits", err=True)
        _round(parties, ask)
        played = [_round(parties, ask) for _ in range(ROUNDS)]
    _tell(played[-1])
    return played


def _tell(last: Figures) -> None:
    typer.echo(
        f"pools of one core: {1 / last.aggregator:.0f} comparisons/s of the aggregator's, "
        f"{1 / last.referee:.0f} of the tally's",
        err=True,
    )
    if last.peer is not None:
        drawing = last.peer.randomness * _MILLI
        typer.echo(
            f"of TNO's {last.peer.cpu * _MILLI:.0f} ms, {drawing:.0f} draw randomness", err=True
        )


@contextmanager
def _compared(which: str, _: Path) -> Iterator[Play]:
    figures = iter(rounds())

    def play() -> Round:
        one = next(figures)
        baseline = None if one.peer is None else one.peer.cpu * _MILLI
        return Round(ours=getattr(one, which) * _MILLI, baseline=baseline)

    yield play


@contextmanager
def _contributed(_: Path) -> Iterator[Play]:
    """Make a pool of obfuscators, then contribute, and sign as often."""
    public = PrivateKey.generate().public
    # How fast a contribution is does not depend on the obfuscator: one is enough to be honest here.
    obfuscator = public.obfuscator(random)
    keys = [random(32) for _ in range(_DEPARTMENTS)]
    pairwise = [(1, keys[0]), (-1, keys[1]), (1, keys[2])]
    signer, message = SigningKey.generate(), random(_MESSAGE)
    pool = Pool(lambda: obfuscator, _CONTRIBUTED)

    def contribute(number: int) -> bytes:
        context = number.to_bytes(32, "big")
        mask = masks.mask(pairwise, keys[3], context, public.n)
        return comparison.contribute(public, 830_000 + number, mask, pool.take())

    def play() -> Round:
        while pool.fill_one():
            pass
        began = perf_counter()
        for number in range(_CONTRIBUTED):
            contribute(number)
        ours = (perf_counter() - began) / _CONTRIBUTED
        began = perf_counter()
        for _ in range(_CONTRIBUTED):
            signer.sign(message)
        return Round(ours=ours * _MICRO, baseline=(perf_counter() - began) / _CONTRIBUTED * _MICRO)

    play()
    yield play


BENCHMARKS: Final = [
    Benchmark(
        name="sum.compare",
        unit="ms",
        direction=Direction.LESS,
        target=0.4,
        stage=partial(_compared, "pooled"),
    ),
    Benchmark(
        name="sum.compare.whole",
        unit="ms",
        direction=Direction.LESS,
        target=None,
        stage=partial(_compared, "whole"),
    ),
    Benchmark(
        name="sum.contribute",
        unit="µs",
        direction=Direction.LESS,
        target=5.0,
        stage=_contributed,
    ),
]
