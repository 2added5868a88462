"""The rounds of a run without anything around them: what is wanted next, and what is taken."""

from typing import Any

import pytest

from coordinator.asking.rounds import Rounds, Terms, prepare
from crypto import comparison
from crypto.keys import SigningKey
from federation import catalogue, policy
from federation.errors import PeerFault
from federation.exchange import Outcome
from federation.summing import SumGrant, SumOrder
from federation.transcript import Round
from federation.wire import sum_messages
from federation.wire.sum_messages import Compared, Contribution
from tests.coordinator.summed import ADDERS, GROUPS, POLICY, SEED, Adder, Asked, Tally

RUN = bytes(32)
GROUP = GROUPS["H1"]
RUNG = policy.parse(POLICY.encode(), catalogue.load()).parameters["income-12s"]
TERMS = Terms(group=GROUP, rung=RUNG, run=RUN, order=SumOrder(period=202611), seed=SEED)


def party(kind: type[Any], name: str) -> Any:
    key = SigningKey.from_seed(bytes(32))
    return kind(id=name, key=key, asker=key)


def share(name: str, amount: int = 300, run: bytes = RUN) -> bytes:
    ciphertext = party(Adder, name)._share(GROUP, run, amount)
    return sum_messages.encode_contribution(Contribution(run=run, ciphertext=ciphertext))


def contributed(rounds: Rounds) -> None:
    for step in rounds.wanted():
        assert step.round is Round.CONTRIBUTE
        rounds.take(step.round, step.party, share(step.party))


def asked(last: bytes, method: str) -> Asked:
    joint = SumGrant(
        ref=bytes(16),
        slot=0,
        slots=1,
        group=GROUP.digest,
        ladder=bytes(32),
        first=0,
        last=0,
    )
    return Asked(
        method=method, predicate="H1", parameter=RUNG.id, joint=joint, members=1, last=last
    )


def compared(tally: Tally, rounds: Rounds) -> bytes:
    (step,) = rounds.wanted()
    assert (step.round, step.party) == (Round.COMPARE, "tally")
    last, answer = tally._compare(asked(step.last, "Compare"), GROUP, RUN)
    assert answer.outcome is Outcome.COMPARED
    return last


@pytest.mark.parametrize(("amount", "holds"), [(333, True), (334, False)])
def test_three_rounds_bring_one_bit(amount: int, holds: bool) -> None:
    rounds, tally = Rounds(TERMS), party(Tally, "tally")
    for name in ADDERS:
        rounds.take(Round.CONTRIBUTE, name, share(name, amount))
    rounds.take(Round.COMPARE, "tally", compared(tally, rounds))
    (step,) = rounds.wanted()
    last, _ = tally._test(asked(step.last, "Test"), GROUP, RUN)
    with pytest.raises(LookupError):
        _ = rounds.holds
    rounds.take(Round.TEST, "tally", last)
    assert rounds.wanted() == []
    assert rounds.holds is holds


def test_the_tally_is_asked_when_every_department_has_contributed_and_not_before() -> None:
    rounds = Rounds(TERMS)
    for missing in (3, 2, 1):
        steps = rounds.wanted()
        assert [one.round for one in steps] == [Round.CONTRIBUTE] * missing
        rounds.take(Round.CONTRIBUTE, steps[-1].party, share(steps[-1].party))
    assert [one.round for one in rounds.wanted()] == [Round.COMPARE]


def test_the_same_seed_and_answers_give_the_same_bytes() -> None:
    """So that a run goes on after a kill, and an auditor replays it."""
    shares = {name: share(name) for name in ADDERS}
    first, again = Rounds(TERMS), Rounds(TERMS, lambda: prepare(TERMS))
    for rounds in (first, again):
        for name in ADDERS:
            rounds.take(Round.CONTRIBUTE, name, shares[name])
    assert first.wanted() == again.wanted()
    bits = compared(party(Tally, "tally"), first)
    for rounds in (first, again):
        rounds.take(Round.COMPARE, "tally", bits)
    assert first.wanted() == again.wanted()
    comparing = sum_messages.decode_test(first.wanted()[0].last)
    assert comparing.order == TERMS.order


def test_the_commitment_is_the_seeds() -> None:
    rounds = Rounds(TERMS)
    contributed(rounds)
    (step,) = rounds.wanted()
    sent = sum_messages.decode_comparison(step.last)
    assert sent.seed_commitment == comparison.commitment(SEED)
    assert (sent.declared, sent.declared_salt) == (0, b"")


@pytest.mark.parametrize(
    ("step", "name", "last"),
    [
        (Round.CONTRIBUTE, "tax", share("tax", run=b"\x01" * 32)),
        (
            Round.CONTRIBUTE,
            "tax",
            sum_messages.encode_contribution(Contribution(run=RUN, ciphertext=bytes(768))),
        ),
        (
            Round.COMPARE,
            "tally",
            sum_messages.encode_compared(Compared(run=b"\x01" * 32, rung=RUNG.id, bits=b"x")),
        ),
        (
            Round.COMPARE,
            "tally",
            sum_messages.encode_compared(Compared(run=RUN, rung="income-18s", bits=b"x")),
        ),
        (
            Round.COMPARE,
            "tally",
            sum_messages.encode_compared(Compared(run=RUN, rung=RUNG.id, bits=b"x")),
        ),
        (
            Round.TEST,
            "tally",
            sum_messages.encode_tested(sum_messages.Tested(run=b"\x01" * 32, share=1)),
        ),
    ],
)
def test_what_is_not_of_this_run_is_not_taken(step: Round, name: str, last: bytes) -> None:
    rounds = Rounds(TERMS)
    if step is not Round.CONTRIBUTE:
        contributed(rounds)
    before = rounds.wanted()
    with pytest.raises(PeerFault) as caught:
        rounds.take(step, name, last)
    assert caught.value.code == "SUM_UNPROVEN"
    assert rounds.wanted() == before


def test_nothing_secret_is_shown() -> None:
    assert SEED.hex() not in repr(TERMS)
    assert repr(SEED) not in repr(TERMS)
