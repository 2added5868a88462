"""Sums as a coordinator has logged them: whole, under their own tokens, replayed from a seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from auditor.exchanges import Exchange, Item
from auditor.findings import Finding
from auditor.papers import Papers
from auditor.sums import Known, Sums
from crypto import comparison
from federation import exchange
from federation.consent import Consent, Grant
from federation.exchange import Answer, Header, Outcome, Purpose
from federation.group import Group
from federation.wire import sum_messages as messages
from tests.crypto.cast import paillier_key
from tests.support import summed, sums
from tests.support.summed import DEPARTMENTS, ORDER, RUNG, SEED

FLOW = {
    exchange.CONTRIBUTE: Outcome.CONTRIBUTED,
    exchange.COMPARE: Outcome.COMPARED,
    exchange.TEST: Outcome.COMPARED,
}
TOKENS = (b"0" * 16, b"1" * 16)


@dataclass
class Played:
    """A run of two people's income, round by round, as an honest coordinator would log it."""

    amounts: tuple[int, ...] = (300, 400, 500)
    threshold: int = 1_200
    seeds: tuple[bytes, ...] = (SEED,)
    canaries: dict[tuple[str, str, str], bool] = field(default_factory=dict)
    group: Group = field(default_factory=summed.group)

    def __post_init__(self) -> None:
        made = summed.compute(self.amounts, SEED, self.threshold)
        self.run, self.shares, self.z = made.run, made.shares, made.z
        self.commitment, self.bits = made.commitment, made.bits
        self.slots, self.share = made.slots, made.share

    def sums(self) -> Sums:
        shown = {
            token: SimpleNamespace(
                claims=SimpleNamespace(sub=token, policy_family="test"),
                grants={
                    ("H1", RUNG): Grant(
                        predicate="H1",
                        parameter=RUNG,
                        form="sum",
                        max_uses=2,
                        members=2,
                        joint=sums.grant(self.group, slot),
                    )
                },
            )
            for slot, token in enumerate(TOKENS)
        }
        manifest = SimpleNamespace(groups={"H1": self.group})
        known = {
            "manifest_at": lambda _: manifest,
            "policy_of": lambda _family, _version, _at: sums.rules(),
        }
        return Sums(
            cast("Papers", SimpleNamespace(**known)),
            cast("dict[bytes, Consent]", shown),
            Known(
                seeds={comparison.commitment(seed): seed for seed in self.seeds},
                canaries=self.canaries,
            ),
        )

    def rounds(self) -> list[Exchange]:
        asked = messages.encode_order(ORDER)
        contributed = [
            _round(
                exchange.CONTRIBUTE,
                department,
                asked,
                messages.encode_contribution(messages.Contribution(run=self.run, ciphertext=share)),
            )
            for department, share in zip(DEPARTMENTS, self.shares, strict=True)
        ]
        compare = messages.encode_comparison(
            messages.Comparison(order=ORDER, z=self.z, seed_commitment=self.commitment)
        )
        bits = messages.encode_compared(messages.Compared(run=self.run, rung=RUNG, bits=self.bits))
        test = messages.encode_test(messages.SlotTest(order=ORDER, slots=self.slots))
        tested = messages.encode_tested(messages.Tested(run=self.run, share=self.share))
        return [
            *contributed,
            _round(exchange.COMPARE, "tally", compare, bits),
            _round(exchange.TEST, "tally", test, tested),
        ]


def _round(method: str, party: str, asked: bytes, said: bytes) -> Exchange:
    header = Header(
        method=method,
        sender="coordinator",
        audience=party,
        qid=b"q" * 16,
        issued=sums.NOW,
        expires=sums.NOW + 1,
        n=3,
        root=bytes(32),
        purpose=Purpose.ENTRY,
    )
    items = tuple(
        Item(
            predicate="H1",
            parameter=RUNG,
            token=token,
            case="HD-1",
            answer=Answer(outcome=FLOW[method]),
        )
        for token in TOKENS
    )
    return Exchange(
        coordinator="coordinator",
        department=party,
        row=1,
        digest=bytes(32),
        signature=b"",
        holder=cast("Any", None),
        asked=header,
        items=items,
        joint=(asked, said),
    )


def _taken(played: Played, rounds: Sequence[Exchange]) -> tuple[Sums, list[Finding]]:
    all_ = played.sums()
    return all_, [one for each in rounds for one in all_.take(each)]


@pytest.mark.parametrize(("threshold", "reached"), [(1_199, True), (1_200, True), (1_201, False)])
def test_a_sum_is_replayed_from_its_seed(threshold: int, *, reached: bool) -> None:
    played = Played(threshold=threshold)
    all_, findings = _taken(played, played.rounds())
    assert findings == []
    (one,) = all_.all
    assert (one.replayed, one.at_least, one.case) == (True, reached, "HD-1")
    assert "400" not in repr(one)


def test_without_seeds_a_sum_is_only_known_to_be_whole() -> None:
    played = Played(seeds=())
    all_, findings = _taken(played, played.rounds())
    assert findings == []
    assert [(one.replayed, one.at_least) for one in all_.all] == [(False, None)]


def test_a_refused_round_tells_nothing() -> None:
    played = Played()
    refused = played.rounds()[0]
    for item in refused.items:
        item.answer = Answer(outcome=Outcome.REFUSED)
    assert _taken(played, [refused, replace(refused, items=())])[1] == []


def _edited(place: int, **fields: Any) -> Callable[[Played], list[Exchange]]:
    def edit(played: Played) -> list[Exchange]:
        rounds = played.rounds()
        rounds[place] = replace(rounds[place], **fields)
        return rounds

    return edit


def _said(place: int, data: bytes) -> Callable[[Played], list[Exchange]]:
    def edit(played: Played) -> list[Exchange]:
        rounds = played.rounds()
        rounds[place] = replace(rounds[place], joint=(rounds[place].joint[0], data))
        return rounds

    return edit


def _another_share(played: Played) -> list[Exchange]:
    other = messages.Contribution(run=played.run, ciphertext=played.shares[1])
    rounds = played.rounds()
    twice = replace(rounds[0], joint=(rounds[0].joint[0], messages.encode_contribution(other)))
    return [rounds[0], twice]


def _another_comparison(played: Played) -> list[Exchange]:
    other = messages.Comparison(order=ORDER, z=played.z, seed_commitment=bytes(32))
    rounds = played.rounds()
    twice = replace(rounds[3], joint=(messages.encode_comparison(other), rounds[3].joint[1]))
    return [*rounds[:4], twice]


def _moved_line(played: Played) -> list[Exchange]:
    """Compare another Z than the shares and the seed make: with a T that the coordinator chose."""
    key = paillier_key(1, 3072)
    value = key.public.read(played.z)
    moved = key.public.product((value, key.public.encrypt_raw(100, 1)))
    asked = messages.Comparison(
        order=ORDER, z=key.public.write(moved), seed_commitment=played.commitment
    )
    rounds = played.rounds()
    rounds[3] = replace(rounds[3], joint=(messages.encode_comparison(asked), rounds[3].joint[1]))
    return rounds


def _other_slots(played: Played) -> list[Exchange]:
    slots = played.slots[64:] + played.slots[:64]
    rounds = played.rounds()
    test = messages.encode_test(messages.SlotTest(order=ORDER, slots=slots))
    rounds[4] = replace(rounds[4], joint=(test, rounds[4].joint[1]))
    return rounds


def _without(*places: int) -> Callable[[Played], list[Exchange]]:
    return lambda played: [one for n, one in enumerate(played.rounds()) if n not in places]


def _half(place: int) -> Callable[[Played], list[Exchange]]:
    def edit(played: Played) -> list[Exchange]:
        rounds = played.rounds()
        rounds[place] = replace(rounds[place], items=rounds[place].items[1:])
        return rounds

    return edit


def _another_run(place: int) -> Callable[[Played], list[Exchange]]:
    written = {
        0: messages.encode_contribution(
            messages.Contribution(run=bytes(32), ciphertext=bytes(768))
        ),
        3: messages.encode_compared(messages.Compared(run=bytes(32), rung=RUNG, bits=b"")),
        4: messages.encode_tested(messages.Tested(run=bytes(32), share=0)),
    }
    return _said(place, written[place])


def _items(**changes: Any) -> Callable[[Played], list[Exchange]]:
    """Let the second question of a round differ from the first."""

    def edit(played: Played) -> list[Exchange]:
        first, second = (one := played.rounds()[0]).items
        return [replace(one, items=(first, replace(second, **changes)))]

    return edit


DEEDS: list[tuple[Callable[[Played], list[Exchange]], list[str]]] = [
    (_said(0, b"\xff"), ["SUM_RUN", "SUM_PART", "SUM_REPLAY"]),
    (_another_run(0), ["SUM_RUN", "SUM_PART", "SUM_REPLAY"]),
    (_another_run(3), ["SUM_RUN", "SUM_PART"]),
    (_another_run(4), ["SUM_RUN"]),
    (_items(parameter="income-18s"), ["SUM_RUN"]),
    (_items(answer=Answer(outcome=Outcome.REFUSED)), ["SUM_RUN"]),
    (_half(0), ["SUM_RUN", "SUM_PART", "SUM_REPLAY"]),
    (_edited(3, department="stranger"), ["SUM_RUN", "SUM_PART"]),
    (_another_share, ["SUM_TWICE"]),
    (_another_comparison, ["SUM_TWICE"]),
    (_without(1), ["SUM_PART", "SUM_REPLAY"]),
    (_without(3), ["SUM_PART"]),
    (_moved_line, ["SUM_REPLAY"]),
    (_other_slots, ["SUM_REPLAY"]),
]


@pytest.mark.parametrize(("deed", "codes"), DEEDS)
def test_a_deed_is_found(deed: Callable[[Played], list[Exchange]], codes: list[str]) -> None:
    played = Played()
    all_, findings = _taken(played, deed(played))
    assert [one.code for one in findings] == codes
    assert not any(one.replayed for one in all_.all) or codes == ["SUM_TWICE"]


def test_an_unknown_token_or_group_is_found() -> None:
    played = Played()
    unknown = replace(played.rounds()[0].items[0], token=b"?" * 16)
    _, findings = _taken(played, [replace(played.rounds()[0], items=(unknown,))])
    assert [(one.code, one.evidence["why"]) for one in findings] == [("SUM_RUN", "TOKEN_UNSEEN")]


def test_identical_repeats_are_the_same_run() -> None:
    played = Played()
    all_, findings = _taken(played, [*played.rounds(), *played.rounds()])
    assert findings == []
    assert len(all_.all) == 1


def test_a_missing_seed_is_named() -> None:
    played = Played(seeds=(b"t" * 32,))
    _, findings = _taken(played, played.rounds())
    assert [one.code for one in findings] == ["SUM_SEED"]


@pytest.mark.parametrize("expected", [True, False])
def test_a_planted_household_has_to_come_out_as_it_is_known(*, expected: bool) -> None:
    played = Played(canaries={("HD-1", "H1", RUNG): expected})
    _, findings = _taken(played, played.rounds())
    assert [one.code for one in findings] == ([] if expected else ["SUM_CANARY"])


def test_an_aborted_run_is_replayed_as_far_as_it_came() -> None:
    played = Played(amounts=(300, 400, 1 << 200))
    compare = messages.encode_comparison(
        messages.Comparison(order=ORDER, z=played.z, seed_commitment=played.commitment)
    )
    none = messages.encode_compared(messages.Compared(run=played.run, rung=RUNG, bits=b""))
    aborted = _round(exchange.COMPARE, "tally", compare, none)
    for item in aborted.items:
        item.answer = Answer(outcome=Outcome.ABORTED)
    contributed = [
        _round(
            exchange.CONTRIBUTE,
            department,
            messages.encode_order(ORDER),
            messages.encode_contribution(messages.Contribution(run=played.run, ciphertext=share)),
        )
        for department, share in zip(DEPARTMENTS, played.shares, strict=True)
    ]
    all_, findings = _taken(played, [*contributed, aborted])
    assert findings == []
    assert [(one.aborted, one.replayed, one.at_least) for one in all_.all] == [(True, True, None)]
