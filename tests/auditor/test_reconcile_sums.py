"""Sums in logs written by hand, with real keys: honest ones replay, each deed is found."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor import anomalies, tally
from auditor.anomalies import Kind
from auditor.findings import Severity
from auditor.sums import Known
from federation import verdict
from federation.errors import table
from federation.exchange import Outcome
from federation.summing import SumOrder
from federation.transcript import Round
from federation.verdict import Verdict
from federation.wire import codec, sum_messages
from tests.auditor.adding import Added, Told, added, opened
from tests.auditor.diaries import CASE
from tests.crypto.cast import paillier_key
from tests.support import sums
from tests.support.exchanges import key
from tests.support.summed import (
    DEPARTMENTS,
    HIGHER,
    ORDER,
    RUNG,
    SEED,
    TALLY,
    Computed,
    compute,
    without_the_last,
)

TORN = (300, 400, 1 << 200)
"""Amounts of which one is no amount: the tally aborts."""
OTHER = b"another seed's 32 bytes.........."[:32]


def test_an_honest_sum_is_proven_and_replayed() -> None:
    found = added().reconciled()
    assert found.findings == []
    (one,) = found.sums
    assert (one.replayed, one.aborted, one.outcome) == (True, False, "YES")
    assert (one.case, one.departments, one.tally) == (CASE, DEPARTMENTS, TALLY)
    numbers = tally.count(found)
    assert (numbers.sums, numbers.replayed, numbers.aborted) == (1, 1, 0)
    assert numbers.told == numbers.consented == numbers.commissioned == 10


@pytest.mark.parametrize(
    ("amounts", "outcome"), [((2_000, 0, 0), "YES"), ((2_000, 1, 0), "NO"), ((0, 0, 0), "YES")]
)
def test_an_outcome_is_that_of_the_line(amounts: tuple[int, ...], outcome: str) -> None:
    town = Added()
    town.add(compute(amounts))
    (one,) = town.reconciled().sums
    assert one.outcome == outcome


def test_a_second_rung_goes_by_the_same_shares() -> None:
    town = added()
    made = compute((300, 400, 500), OTHER, 3_001, HIGHER)
    town.add(made, rung=HIGHER)
    found = town.reconciled(known=Known(seeds=opened(SEED, OTHER)))
    assert found.findings == []
    assert [(one.parameter, one.replayed) for one in found.sums] == [(RUNG, True), (HIGHER, True)]
    assert len({one.run for one in found.sums}) == 1


def test_what_is_said_again_is_no_second_use() -> None:
    """The tally gives stored bytes again, under another query id and the same use."""
    town = Added()
    made = town.add()
    for _ in range(2):
        town.compare(made, uses=(1, 1))
        town.test(made)
    found = town.reconciled()
    assert found.findings == []
    assert len(list(found.sums)) == 1


def test_refused_rounds_are_no_findings() -> None:
    town = Added()
    made = compute()
    town.contribute("tax", made.shares[0], made.run, outcome=Outcome.REFUSED, uses=(0, 0))
    town.compare(made, outcome=Outcome.PRESENT_AGAIN, uses=(0, 0))
    town.add(made)
    assert town.codes() == []


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.sampled_from(["contribute", "refused", "compare", "test", "publish", "unheard"]),
        max_size=8,
    )
)
def test_whatever_honest_parties_do_is_in_order(deeds: list[str]) -> None:
    """Rounds are asked again, refused, or answered to nobody, after the run has come to its end."""
    town, made = added(), compute()
    used = dict.fromkeys(DEPARTMENTS, 1)
    for number, deed in enumerate(deeds):
        place = number % len(DEPARTMENTS)
        party, share = DEPARTMENTS[place], made.shares[place]
        again = used[party] < 3
        if deed == "publish":
            town.publish(party)
        elif deed == "compare":
            town.compare(made, uses=(1, 1))
        elif deed == "test":
            town.test(made)
        elif deed == "refused" or not again:
            town.contribute(party, share, made.run, outcome=Outcome.REFUSED, uses=(0, 0))
        else:
            heard = () if deed == "unheard" else ("reply",)
            town.contribute(party, share, made.run, logged=("request", "answer", *heard))
            used[party] += 1
    found = town.reconciled()
    assert found.findings == []
    assert [one.replayed for one in found.sums] == [True]


def aborted() -> tuple[Added, Computed, SumOrder]:
    """Let a run be aborted, and its second attempt be opened."""
    town = Added()
    made = town.add(compute(TORN))
    _, last = town.rounds[-1]
    said = Verdict(run=made.run, rung=RUNG, replays=True)
    order = SumOrder(
        period=sums.MONTH,
        attempt=1,
        abort=codec.encode_batch(last.answer),
        verdict=verdict.sign(said, key("auditor")),
    )
    return town, made, order


def test_an_aborted_run_replays_and_is_unusual() -> None:
    town, _, _ = aborted()
    found = town.reconciled()
    assert found.findings == []
    assert [(one.aborted, one.replayed, one.outcome) for one in found.sums] == [(True, True, None)]
    numbers = tally.count(found)
    assert (numbers.sums, numbers.replayed, numbers.aborted) == (1, 1, 1)
    (seen,) = (one for one in anomalies.look(found) if one.kind is Kind.ABORTED)
    assert (seen.about, seen.level, seen.evidence["asked"]) == (CASE, 1, f"H1 {RUNG}")


def test_a_second_attempt_by_abort_and_verdict() -> None:
    town, _, order = aborted()
    town.add(compute(attempt=1), order)
    found = town.reconciled()
    assert found.findings == []
    assert [(one.attempt, one.outcome) for one in found.sums] == [(0, None), (1, "YES")]


# -- one deed, one finding


def _subset(town: Added) -> None:
    made = compute()
    for party, share in list(zip(DEPARTMENTS, made.shares, strict=True))[:2]:
        town.contribute(party, share, made.run)
    town.compare(made)
    town.test(made)


def _left_out(town: Added) -> None:
    """The coordinator leaves a share out of Z, so that the tally aborts and a second run opens."""
    made = without_the_last(compute())
    for party, share in zip(DEPARTMENTS, made.shares, strict=False):
        town.contribute(party, share, made.run)
    town.compare(made)


def _hidden_share(town: Added) -> None:
    made = compute()
    town.contribute("tax", made.shares[0], made.run, logged=("request", "reply"))


def _hidden_test(town: Added) -> None:
    made = compute()
    for party, share in zip(DEPARTMENTS, made.shares, strict=True):
        town.contribute(party, share, made.run)
    town.compare(made)
    town.test(made, logged=("answer",))


def _as_another_kind(town: Added) -> None:
    made = compute()
    town.contribute("tax", made.shares[0], made.run, kind="ask")


def _half_a_household(town: Added) -> None:
    made = compute()
    town.contribute("tax", made.shares[0], made.run, tokens=town.tokens["tax"][:1])


def _slots_turned(town: Added) -> None:
    made = compute()
    town.contribute("tax", made.shares[0], made.run, tokens=town.tokens["tax"][::-1])


def _next_month(town: Added) -> None:
    made = compute()
    order = SumOrder(period=sums.MONTH + 1)
    town.contribute("tax", made.shares[0], made.run, order)


def _another_run(town: Added) -> None:
    town.contribute("tax", compute().shares[0], bytes(32))


def _attempt_without_abort(town: Added) -> None:
    made = compute(attempt=1)
    order = SumOrder(period=sums.MONTH, attempt=1, abort=b"x", verdict=b"x")
    town.contribute("tax", made.shares[0], made.run, order)


def _share_twice(town: Added) -> None:
    made = compute()
    town.contribute("tax", made.shares[0], made.run)
    town.contribute("tax", made.shares[1], made.run)


def _moved_line(town: Added) -> None:
    """The coordinator adds an amount of its own choice to the sum: so it moves T."""
    made, public = compute(), paillier_key(1, 3072).public
    moved = public.product((public.read(made.z), public.encrypt_raw(100, 1)))
    town.add(replace(made, z=public.write(moved)))


def _another_blinded_sum(town: Added) -> None:
    """The tally gives bits for a second Z of one line: the first step of a search for S."""
    made = town.add()
    town.compare(replace(made, z=compute((1, 2, 3)).z))


def _other_slots(town: Added) -> None:
    made = town.add()
    town.test(replace(made, slots=made.slots[64:] + made.slots[:64]))


def _open_rung_after_a_bit(town: Added) -> None:
    made = town.add()
    last = town.compare(replace(made, bits=b""), outcome=Outcome.ABORTED, uses=(1, 1), logged=())
    said = Verdict(run=made.run, rung=RUNG, replays=True)
    order = SumOrder(
        period=sums.MONTH,
        attempt=1,
        abort=codec.encode_batch(last.answer),
        verdict=verdict.sign(said, key("auditor")),
    )
    town.add(compute(attempt=1), order)


def _share_of_the_tally(town: Added) -> None:
    town.contribute(TALLY, compute().shares[0], compute().run)


def _compared_by_a_department(town: Added) -> None:
    made = compute()
    asked = sum_messages.encode_order(ORDER)
    town.round(Round.COMPARE, "tax", asked, made.z, Told())


def _use_of_nobody(town: Added) -> None:
    made = compute()
    town.contribute("tax", made.shares[0], made.run, uses=(1, 2))


def _test_before_comparing(town: Added) -> None:
    town.test(compute())


DEEDS: list[tuple[Callable[[Added], None], list[str]]] = [
    (_subset, ["SUM_PART", "SUM_REPLAY"]),
    (_left_out, ["SUM_PART", "SUM_REPLAY"]),
    (_hidden_share, ["ANSWER_UNLOGGED"]),
    (_hidden_test, ["REQUEST_UNLOGGED"]),
    (_as_another_kind, ["EXCHANGE_DIFFERS"]),
    (_half_a_household, ["SUM_RUN"]),
    (_slots_turned, ["SUM_RUN"]),
    (_next_month, ["SUM_RUN"]),
    (_another_run, ["SUM_RUN"]),
    (_attempt_without_abort, ["SUM_RUN"]),
    (_share_twice, ["SUM_TWICE"]),
    (_moved_line, ["SUM_REPLAY"]),
    (_another_blinded_sum, ["SUM_TWICE"]),
    (_other_slots, ["SUM_TWICE"]),
    (_open_rung_after_a_bit, ["SUM_TWICE"]),
    (_share_of_the_tally, ["ANSWER_INVALID"]),
    (_compared_by_a_department, ["ANSWER_INVALID"]),
    (_use_of_nobody, ["USES_BROKEN"]),
    (_test_before_comparing, ["SUM_PART"]),
]


@pytest.mark.parametrize(("deed", "codes"), DEEDS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_deed_is_found(deed: Callable[[Added], None], codes: list[str]) -> None:
    town = Added()
    deed(town)
    found = town.reconciled()
    assert [one.code for one in found.findings] == codes
    assert not found.proven
    for one in found.findings:
        assert one.severity is Severity.BROKEN
        assert one.places
        assert one.code in table()
