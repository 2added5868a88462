"""Sums at the coordinator: one bit of a household, whatever is slow, absent, killed or lying."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coordinator.asking.conductor import Event, State
from coordinator.asking.sum_journal import SumJournal
from coordinator.board import Board
from coordinator.casework.filed import ConsentStage
from coordinator.desk import Ran
from crypto import sealing
from federation import verdict
from federation.errors import HeduiError, PeerFault, Refused, Unavailable
from federation.exchange import COMPARE, TEST, Outcome, Refusal
from federation.manifest import PartyRole
from federation.summing import SumOrder
from federation.verdict import Verdict
from federation.wire import codec, sum_messages
from tests.coordinator import logged, summed
from tests.coordinator.summed import ADDERS, ASSETS, GAP, INCOME, RATIO, Summing, table
from tests.coordinator.town import (
    APPLICANT,
    CHILD,
    WIFE_TEXT,
    Killed,
    case_text,
    header_of,
    person_text,
)
from tests.support import exchanges

WITHIN, ABOVE = (1_000, 500, 500), (1_000, 500, 501)
METHODS = 5  # three contributions, a comparison and a test
MONTH = 31 * 86_400


@pytest.fixture
def town(tmp_path: Path) -> Summing:
    made = summed.build(tmp_path)
    made.amounts("H1", *WITHIN)
    return made


def couple(town: Summing) -> str:
    (case,) = town.ready(case_text(more=WIFE_TEXT))
    return case


def run(town: Summing, *cases: str, again: bool = False) -> Ran:
    with town.desk() as desk:
        return desk.run(list(cases), again=again)


def gone(party: str) -> Unavailable:
    return Unavailable("PEER_UNREACHABLE", peer=party)


def methods(town: Summing) -> list[str]:
    sent = [r for name in (*ADDERS, "tally") for r in town.departments[name].requests]
    return [header_of(one).method.rpartition("/")[2] for one in sent]


def standing(town: Summing, column: str) -> list[Any]:
    with town.database() as database, database.reading() as connection:
        rows = connection.exec_driver_sql(f"SELECT {column} FROM sum_run ORDER BY run_no")
        return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("amounts", "outcome"),
    [
        ((0, 0, 0), "YES"),
        ((1_999, 0, 0), "YES"),
        (WITHIN, "YES"),
        (ABOVE, "NO"),
        ((1 << 36, 1 << 36, 1 << 36), "NO"),
    ],
)
def test_a_household_of_two_is_compared_with_twice_the_line(
    town: Summing, amounts: tuple[int, int, int], outcome: str
) -> None:
    town.amounts("H1", *amounts)
    case = couple(town)
    ran = run(town, case)
    assert town.told_of(case) == (outcome, "")
    assert (ran.answered, ran.refused, ran.silent) == (1, 0, 0)
    assert sorted(methods(town)) == ["Compare", *["Contribute"] * 3, "Test"]


@pytest.mark.parametrize(
    ("sums", "amounts", "outcome"),
    [
        (RATIO, (600, -300, -300), "YES"),
        (RATIO, (599, -300, -300), "NO"),
        (GAP, (1_000, 300, 200), "YES"),
        (GAP, (1_000, 300, 199), "NO"),
    ],
)
def test_what_reaches_its_line_is_said_to_reach_it(
    tmp_path: Path, sums: str, amounts: tuple[int, int, int], outcome: str
) -> None:
    """Two people declare 1,000: the gap's line is 2 x 250 beyond that."""
    town = summed.build(tmp_path, sums)
    predicate = "H4" if sums == RATIO else "H5"
    town.amounts(predicate, *amounts)
    declared = case_text(more=WIFE_TEXT).replace("operator", "declared_income = 1000\noperator")
    (case,) = town.ready(declared)
    run(town, case)
    assert town.told_of(case, predicate) == (outcome, "")


def test_what_was_told_is_not_asked_again_in_its_month(town: Summing) -> None:
    town.registrar.expires = town.clock.now() + 12 * MONTH
    case = couple(town)
    run(town, case)
    run(town, case)
    run(town, case, again=True)
    assert len(methods(town)) == METHODS
    town.clock.seconds += MONTH
    run(town, case)
    assert len(methods(town)) == METHODS
    run(town, case, again=True)
    assert len(methods(town)) == 2 * METHODS
    assert standing(town, "period") == [202611, 202612]
    assert town.tally.runs == 2


def test_a_seed_is_sealed_to_the_auditor_and_kept_open_only_while_it_is_needed(
    town: Summing,
) -> None:
    case = couple(town)
    town.tally.script = [gone("tally")] * 3
    run(town, case)
    (seed,), (sealed,) = standing(town, "seed"), standing(town, "sealed")
    assert sealing.open_sealed(summed.AUDITOR, sealed) == seed
    run(town, case)
    assert town.told_of(case) == ("YES", "")
    assert standing(town, "seed") == [None]
    assert standing(town, "sealed") == [sealed]


def test_a_refused_run_keeps_its_seed_until_another_month_asks_anew(town: Summing) -> None:
    """In its own month it may be gone on with, to the tally with the same Z."""
    town.registrar.expires = town.clock.now() + 12 * MONTH
    case = couple(town)
    town.tally.refuses = Refusal.SUM_RUNS_EXHAUSTED
    run(town, case)
    (seed,) = standing(town, "seed")
    assert seed
    town.clock.seconds += MONTH
    run(town, case)
    assert standing(town, "state") == ["REFUSED", "REFUSED"]
    gone, kept = standing(town, "seed")
    assert gone is None
    assert kept not in {None, seed}


def test_every_run_draws_a_seed_of_its_own(town: Summing) -> None:
    cases = [couple(town), couple(town)]
    run(town, *cases)
    assert len(set(standing(town, "commitment"))) == 2
    assert len(set(standing(town, "run"))) == 2


@pytest.mark.parametrize("absent", [*ADDERS, "tally"])
def test_an_absent_party_leaves_a_sum_open_and_named(town: Summing, absent: str) -> None:
    case = couple(town)
    town.departments[absent].script = [gone(absent)] * 3
    ran = run(town, case)
    assert (ran.answered, ran.silent) == (0, 1)
    assert town.told_of(case) == ("", "PEER_UNREACHABLE")
    assert standing(town, "absent") == [absent]
    assert town.tally.runs == 0  # never a subset
    run(town, case)
    assert town.told_of(case) == ("YES", "")
    assert len(set(town.departments[absent].requests)) == (1 if absent != "tally" else 2)
    assert [len(town.departments[n].requests) for n in ADDERS if n != absent].count(1) >= 2


def test_a_department_that_comes_back_within_patience_is_waited_for(town: Summing) -> None:
    case = couple(town)
    tax = town.departments["tax"]
    tax.script = [gone("tax"), PeerFault("PEER_FAILED", peer="tax"), None]
    assert run(town, case).answered == 1
    assert len(tax.requests) == 3
    assert len(set(tax.requests)) == 1


def test_an_absent_department_costs_its_patience_once(town: Summing) -> None:
    cases = [couple(town) for _ in range(6)]
    tax = town.departments["tax"]
    tax.script = [gone("tax")] * 100
    run(town, *cases)
    assert len(tax.requests) <= 4 * town.patience.tries + 2
    assert {town.told_of(case) for case in cases} == {("", "PEER_UNREACHABLE")}


def test_a_department_that_answers_twice_gives_one_share(town: Summing) -> None:
    """The first answer is lost on the way; the same request brings the same bytes."""
    case = couple(town)
    town.departments["tax"].after = [gone("tax")]
    town.tally.after = [gone("tally"), gone("tally"), None, gone("tally")]
    assert run(town, case).answered == 1
    assert len(set(town.departments["tax"].requests)) == 1
    assert town.tally.runs == 1
    assert town.told_of(case) == ("YES", "")


@pytest.mark.parametrize("party", ["tax", "tally"])
def test_what_went_out_before_a_long_pause_is_asked_anew(town: Summing, party: str) -> None:
    case = couple(town)
    town.departments[party].script = [gone(party)] * 3
    run(town, case)
    town.clock.seconds += 3_600
    run(town, case)
    assert town.told_of(case) == ("YES", "")
    first, *_, last = town.departments[party].requests
    assert header_of(first).qid != header_of(last).qid
    assert town.tally.runs == 1


def test_the_same_blinded_sum_goes_out_when_it_is_asked_anew(town: Summing) -> None:
    case = couple(town)
    town.tally.script = [gone("tally")] * 3
    run(town, case)
    town.clock.seconds += 3_600
    run(town, case)
    compares = [r for r in town.tally.requests if header_of(r).method == COMPARE]
    items = {codec.decode_batch(one).items[-1].item for one in compares}
    assert len(compares) == 5
    assert len(items) == 1


@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        (Refusal.NODE_PAUSED, "OPEN"),
        (Refusal.STATUS_LIST_STALE, "OPEN"),
        (Refusal.SUM_CLOSED, "REFUSED"),
        (Refusal.SUM_RUNS_EXHAUSTED, "REFUSED"),
        (Refusal.CONSENT_NOT_GRANTED, "REFUSED"),
    ],
)
@pytest.mark.parametrize("party", ["tax", "tally"])
def test_a_refusal_ends_a_run_unless_it_is_about_the_moment(
    town: Summing, party: str, refusal: Refusal, state: str
) -> None:
    case = couple(town)
    refusing = town.adder(party) if party == "tax" else town.tally
    refusing.refuses = refusal
    ran = run(town, case)
    assert standing(town, "state") == [state]
    assert town.told_of(case) == ("", refusal.name)
    assert (ran.refused, ran.silent) == ((0, 1) if state == "OPEN" else (1, 0))
    refusing.refuses = Refusal.NONE
    run(town, case)
    assert town.told_of(case) == (("YES", "") if state == "OPEN" else ("", refusal.name))
    run(town, case, again=True)
    assert town.told_of(case) == ("YES", "")
    assert town.tally.runs == 1


def test_stale_data_of_one_department_give_no_bit(town: Summing) -> None:
    case = couple(town)
    town.adder("tax").stale = True
    run(town, case)
    assert town.told_of(case) == ("", "STALE")
    town.adder("tax").stale = False
    run(town, case)
    assert town.told_of(case) == ("", "STALE")  # its uses are not spent on the same words
    run(town, case, again=True)
    assert town.told_of(case) == ("YES", "")


def test_a_revoked_consent_is_doubted_and_the_registrar_is_asked(town: Summing) -> None:
    case = couple(town)
    town.adder("tax").refuses = Refusal.CONSENT_REVOKED
    town.registrar.revoked |= {reference.hex() for reference in town.registrar.forms}
    run(town, case)
    with town.desk() as desk:
        (found,) = desk.standing([case])
    assert found.stage is ConsentStage.REVOKED
    assert town.tally.runs == 0


def test_nothing_more_goes_out_once_a_consent_has_ended(town: Summing) -> None:
    """It ends while departments are asked: the shares stay, the tally is not asked."""
    case = couple(town)
    gate = town.departments["tax"].gate = threading.Event()
    with town.desk() as desk:
        runner = threading.Thread(target=desk.run, args=([case],))
        runner.start()
        end = time.monotonic() + 30
        while not town.departments["tax"].requests and time.monotonic() < end:
            time.sleep(0.01)
        with town.desk() as other:
            other.suspend(case)
        gate.set()
        runner.join(30)
    assert town.tally.requests == []
    assert standing(town, "state") == ["OPEN"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: bytes(len(data)),
        lambda data: b"\xff" * len(data),
        lambda data: summed.tally_keys()[0].public.to_bytes().rjust(len(data), b"\0"),
    ],
)
def test_a_share_that_is_no_ciphertext_is_not_used(
    town: Summing, spoil: Callable[[bytes], bytes]
) -> None:
    case = couple(town)
    town.adder("tax").spoil = spoil
    ran = run(town, case)
    assert town.told_of(case) == ("", "SUM_UNPROVEN")
    assert (ran.silent, town.tally.runs) == (1, 0)


def test_bits_that_are_not_proven_are_not_used(town: Summing) -> None:
    case = couple(town)
    town.tally.bits = lambda message: message[:-1] + bytes([message[-1] ^ 1])
    run(town, case)
    assert town.told_of(case) == ("", "SUM_UNPROVEN")
    assert TEST not in {header_of(one).method for one in town.tally.requests}


def test_an_answer_of_a_stranger_is_not_believed(town: Summing) -> None:
    case = couple(town)
    town.departments["tax"].key = town.keys["bank_a"]
    run(town, case)
    assert town.told_of(case) == ("", "BAD_SIGNATURE")
    assert town.tally.runs == 0


def test_a_share_of_another_run_is_not_added(town: Summing) -> None:
    """A department that doubles, scales or swaps its share: the tally aborts, whatever it is."""
    case = couple(town)
    modulus = summed.tally_keys()[0].public
    town.adder("tax").spoil = lambda data: modulus.write(
        modulus.product([modulus.read(data), modulus.read(data)])
    )
    ran = run(town, case)
    assert town.told_of(case) == ("", "ABORTED")
    assert ran.refused == 1
    run(town, case)
    run(town, case, again=True)
    assert town.tally.runs == 1
    assert standing(town, "seed") == [None]


def signed_verdict(run: bytes, *, rung: str = "income-12s", replays: bool = True) -> bytes:
    said = Verdict(run=run, rung=rung, replays=replays)
    return verdict.sign(said, exchanges.key("auditor"))


def with_auditor(town: Summing) -> None:
    parties = dict(town.around.manifest.parties)
    parties["auditor"] = exchanges.party("auditor", PartyRole.AUDITOR)
    town.around = replace(town.around, manifest=replace(town.around.manifest, parties=parties))


def spoilt(data: bytes) -> bytes:
    """Add up a share twice, with its masks: the tally aborts."""
    modulus = summed.tally_keys()[0].public
    return modulus.write(modulus.product([modulus.read(data), modulus.read(data)]))


def aborted(town: Summing) -> tuple[str, bytes]:
    """Have a run aborted by a department that has put itself right since."""
    with_auditor(town)
    case = couple(town)
    tax = town.adder("tax")
    tax.spoil = spoilt
    run(town, case)
    tax.spoil = lambda data: data
    (first,) = {*standing(town, "run")}
    return case, first


def test_an_aborted_sum_is_tried_once_more_by_the_auditors_verdict(town: Summing) -> None:
    case, first = aborted(town)
    document = signed_verdict(first)
    with town.desk() as desk:
        desk.retry(case, document)
        desk.retry(case, document)  # a second time changes nothing
        desk.run([case])
    assert town.told_of(case) == ("YES", "")
    assert standing(town, "attempt") == [0, 1]
    assert len(set(standing(town, "commitment"))) == 2
    last = codec.decode_batch(town.tally.requests[-1]).items[-1].item
    order = sum_messages.decode_test(last).order
    abort = town.tally.answers[header_of(town.tally.requests[0]).qid]
    assert order == SumOrder(period=202611, attempt=1, abort=abort, verdict=document)


def test_every_line_of_a_month_has_its_own_second_attempt(tmp_path: Path) -> None:
    """All rungs share one run's name; each is aborted and opened anew by itself."""
    town = summed.build(tmp_path, INCOME + table("H1", "income-18s"))
    town.amounts("H1", *WITHIN)
    case, first = aborted(town)
    with town.desk() as desk:
        for rung in ("income-12s", "income-18s"):
            desk.retry(case, signed_verdict(first, rung=rung))
        desk.run([case])
    assert standing(town, "attempt") == [0, 0, 1, 1]
    assert standing(town, "state") == ["ABORTED", "ABORTED", "TOLD", "TOLD"]


def test_what_opens_a_second_attempt_is_the_abort_and_no_refusal_before_it(town: Summing) -> None:
    town.tally.refuses = Refusal.STATUS_LIST_STALE
    case, first = aborted(town)
    town.tally.refuses = Refusal.NONE
    town.adder("tax").spoil = spoilt
    run(town, case)
    with town.desk() as desk:
        desk.retry(case, signed_verdict(first))
    abort = codec.decode_batch(standing(town, "abort")[-1])
    said = {codec.decode_answer(one.item).outcome for one in abort.items[:-1]}
    assert said == {Outcome.ABORTED}


@pytest.mark.parametrize("wrong", ["run", "rung", "replays", "case"])
def test_a_verdict_on_something_else_opens_nothing(town: Summing, wrong: str) -> None:
    case, first = aborted(town)
    other = couple(town)
    document = signed_verdict(
        bytes(32) if wrong == "run" else first,
        rung="income-18s" if wrong == "rung" else "income-12s",
        replays=wrong != "replays",
    )
    with town.desk() as desk, pytest.raises(Refused) as caught:
        desk.retry(other if wrong == "case" else case, document)
    assert caught.value.code == "SUM_ATTEMPT"
    assert standing(town, "attempt") == [0]


def test_a_verdict_that_no_auditor_has_signed_is_refused(town: Summing) -> None:
    case, first = aborted(town)
    document = verdict.sign(
        Verdict(run=first, rung="income-12s", replays=True), town.keys["coordinator"]
    )
    with town.desk() as desk, pytest.raises(PeerFault) as caught:
        desk.retry(case, document)
    assert caught.value.code == "VERDICT_INVALID"


class Dying(SumJournal):
    """Books whose process dies before or after the n-th change of a run."""

    def __init__(self, inner: SumJournal, at: int, *, after: bool) -> None:
        super().__init__(inner._database)
        self._left = at
        self._after = after

    def _die(self, step: Callable[..., Any], *args: Any) -> Any:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        done = step(*args)
        if self._left == 0:
            raise Killed
        return done

    def begin(self, *args: Any) -> Any:
        return self._die(super().begin, *args)

    def turn(self, *args: Any) -> Any:
        return self._die(super().turn, *args)

    def end(self, *args: Any) -> Any:
        return self._die(super().end, *args)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_kill_between_any_two_steps_changes_nothing(town: Summing, at: int, after: bool) -> None:
    case = couple(town)
    town.wrap_sums = lambda journal: Dying(journal, at, after=after)
    with pytest.raises(Killed):
        run(town, case)
    town.wrap_sums = lambda journal: journal
    town.clock.seconds += 60
    run(town, case)
    assert town.told_of(case) == ("YES", "")
    assert town.tally.runs == 1
    assert len(town.tally.asked) == 2
    for name in (*ADDERS, "tally"):
        sent = town.departments[name].requests
        assert len({header_of(one).qid for one in sent}) == len(set(sent))
    seen = logged.exchanges(town, "request")
    assert len({one.request for one in seen}) == len(seen)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("party", "call"), [*[(name, 0) for name in ADDERS], ("tally", 0), ("tally", 1)]
)
def test_a_kill_while_a_party_is_asked_changes_nothing(
    town: Summing, party: str, call: int, late: bool
) -> None:
    case = couple(town)
    script: list[BaseException | None] = [*[None] * call, Killed()]
    if late:
        town.departments[party].after = script
    else:
        town.departments[party].script = script
    with pytest.raises(Killed):
        run(town, case)
    town.clock.seconds += 3_600
    run(town, case)
    assert town.told_of(case) == ("YES", "")
    assert town.tally.runs == 1


def test_a_tally_that_stops_between_its_rounds_is_gone_on_with(town: Summing) -> None:
    case = couple(town)
    town.tally.script = [None, gone("tally"), gone("tally"), gone("tally")]
    run(town, case)
    assert town.told_of(case) == ("", "PEER_UNREACHABLE")
    run(town, case)
    assert town.told_of(case) == ("YES", "")
    assert town.tally.runs == 1
    assert len(methods(town)) == METHODS + 3


def test_a_sum_waits_for_the_answer_of_another(tmp_path: Path) -> None:
    town = summed.build(tmp_path, INCOME + ASSETS)
    town.amounts("H1", *WITHIN)
    town.amounts("H2", 10_000, 1, 0)
    within = couple(town)
    assert run(town, within).answered == 2
    assert town.told_of(within, "H2") == ("NO", "")
    town.amounts("H1", *ABOVE)
    above = couple(town)
    assert run(town, above).answered == 1
    assert town.told_of(above, "H2") == ("", "CONDITION")


def test_a_kill_before_the_sum_that_waited_leaves_it_open(tmp_path: Path) -> None:
    """Not as one whose condition was not met: of such a sum nothing more would be expected."""
    town = summed.build(tmp_path, INCOME + ASSETS)
    town.amounts("H1", *WITHIN)
    town.amounts("H2", 10_000, 1, 0)
    case = couple(town)
    town.wrap_sums = lambda journal: Dying(journal, 4, after=True)
    with pytest.raises(Killed):
        run(town, case)
    town.wrap_sums = lambda journal: journal
    assert town.told_of(case, "H1") == ("YES", "")
    assert town.told_of(case, "H2") == ("", "")
    run(town, case)
    assert town.told_of(case, "H2") == ("NO", "")


def test_many_households_are_asked_at_the_same_time(town: Summing) -> None:
    cases = [couple(town) for _ in range(8)]
    seen: list[Event] = []
    with town.desk() as desk:
        ran = desk.run(cases, seen.append)
    assert ran.answered == 8
    assert {town.told_of(case) for case in cases} == {("YES", "")}
    assert sum(one.questions for one in seen if one.state is State.WAITING) == 8 * 4
    board = Board("en", lambda name: name)
    lines = [one for one in seen if board.add(one)]
    assert sorted(one.department for one in lines) == sorted([*ADDERS, "tally"])


def test_a_party_that_is_not_reached_any_more_is_not_waited_for(town: Summing) -> None:
    case = couple(town)
    town.departments["tax"].script = [gone("tax")] * 3
    board = Board("en", lambda name: name)
    lines: list[bool] = []
    with town.desk() as desk:
        desk.run([case], lambda event: lines.append(board.add(event)))
    assert board.departments["tally"].questions == 0
    assert lines.count(True) == 3  # two departments have answered, one is silent
    assert board.departments["tax"].state is State.SILENT


def test_all_people_of_a_household_have_their_slot(town: Summing) -> None:
    child = person_text(CHILD, "丙", "CHILD", "MEMBER", method="GUARDIAN", signer=APPLICANT)
    (case,) = town.ready(case_text(more=WIFE_TEXT + child))
    town.amounts("H1", 3_000, 0, 0)
    run(town, case)
    assert town.told_of(case) == ("YES", "")
    (request,) = town.departments["tax"].requests
    assert len(codec.decode_batch(request).items) == 4
    assert len(codec.decode_batch(request).presentations) == 3


@pytest.mark.parametrize("change", ["group", "rung", "tokens"])
def test_tokens_that_hold_a_sum_no_more_are_not_shown(town: Summing, change: str) -> None:
    case = couple(town)
    manifest, policy = town.around.manifest, town.around.policy
    if change == "group":
        moved = replace(summed.GROUPS["H1"], auditor=bytes(32))
        manifest = replace(manifest, groups={**summed.GROUPS, "H1": moved})
    elif change == "rung":
        rungs = {name: one for name, one in policy.parameters.items() if name != "income-12s"}
        policy = replace(policy, parameters=rungs)
    else:
        manifest = replace(manifest, groups={})
    town.around = replace(town.around, manifest=manifest, policy=policy)
    ran = run(town, case)
    code = "POLICY_PARAMETER" if change == "rung" else "SUM_GROUP"
    assert (ran.refused, methods(town)) == (1, [])
    assert town.told_of(case) == ("", code)


def test_a_log_that_was_altered_stops_all_sums(town: Summing) -> None:
    case = couple(town)

    def altered() -> None:
        raise Unavailable("LOG_ALTERED")

    with town.database() as database:
        conductor = town.sums(database)
        conductor._ports = replace(conductor._ports, check_sound=altered)
        with pytest.raises(HeduiError) as caught:
            conductor.run([case])
    assert caught.value.code == "LOG_ALTERED"
    assert methods(town) == []
