"""Asking: every answer comes home, whoever is slow, absent, refusing or killed in between."""

import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.asking import conductor
from coordinator.asking.conductor import UNSETTLED, Event, Patience, State, units
from coordinator.asking.journal import Batch, Journal
from coordinator.asking.record import Record
from coordinator.asking.requests import Asker, Request, compose
from coordinator.asking.waiting import Open
from coordinator.board import Board
from coordinator.findings.assess import Status
from federation import limits
from federation.errors import HeduiError, PeerFault, Refused, Unavailable
from federation.exchange import Answer, Outcome, Question, Refusal
from tests.coordinator import logged
from tests.coordinator import town as towns
from tests.coordinator.town import (
    APPLICANT,
    KINDS,
    WIFE_TEXT,
    Departments,
    Killed,
    Town,
    case_text,
    header_of,
    questions_of,
    told,
)

ALONE = {
    (0, "public_security", "P40"): "NO",
    (0, "tax", "P22"): "YES",
    (0, "market_regulation", "P46"): "YES",
    (0, "bank_a", "P50"): "NO",
    (0, "bank_b", "P50"): "NO",
}


def gone(department: str) -> Unavailable:
    return Unavailable("PEER_UNREACHABLE", peer=department)


def states(town: Town) -> list[tuple[str, str, int, str]]:
    with town.database() as database, database.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT department, state, attempts, error FROM question_batch ORDER BY batch_id"
        )
        return [tuple(row) for row in rows]


def test_one_household_is_asked_at_every_department(town: Town) -> None:
    (case,) = town.ready()
    with town.desk() as desk:
        ran = desk.run([case])
    assert town.outcomes(case) == ALONE
    assert (ran.answered, ran.refused, ran.silent, ran.not_ready) == (5, 0, 0, ())
    assert all(state == "ANSWERED" for _, state, _, _ in states(town))


def test_an_answered_question_is_not_asked_again(town: Town) -> None:
    (case,) = town.ready()
    with town.desk() as desk:
        desk.run([case])
        desk.run([case])
    assert all(len(town.departments[name].requests) == 1 for name in KINDS)


def test_a_department_that_was_away_is_asked_with_the_same_bytes(town: Town) -> None:
    (case,) = town.ready()
    tax = town.departments["tax"]
    tax.script = [gone("tax"), PeerFault("PEER_FAILED", peer="tax"), None]
    with town.desk() as desk:
        desk.run([case])
    assert len(tax.requests) == 3
    assert len(set(tax.requests)) == 1
    assert town.outcomes(case) == ALONE


def test_an_absent_department_is_reported_and_asked_again_by_the_next_run(town: Town) -> None:
    (case,) = town.ready()
    tax = town.departments["tax"]
    tax.script = [gone("tax")] * 3
    with town.desk() as desk:
        ran = desk.run([case])
        rows = {row.department: row for row in desk.show(case).rows if row.person == 0}
        assert (rows["tax"].status, rows["tax"].code) == (Status.UNAVAILABLE, "PEER_UNREACHABLE")
        assert rows["bank_a"].status is Status.FOUND
        assert (ran.answered, ran.silent) == (4, 1)
        desk.run([case])
    assert town.outcomes(case) == ALONE
    assert len(set(tax.requests)) == 1


def test_a_slow_department_holds_up_nobody(town: Town) -> None:
    (case,) = town.ready()
    gate = town.departments["tax"].gate = threading.Event()
    seen: list[Event] = []
    others = threading.Event()

    def progress(event: Event) -> None:
        seen.append(event)
        if sum(one.state is State.ANSWERED for one in seen) == 4:
            others.set()

    with town.desk() as desk:
        runner = threading.Thread(target=desk.run, args=([case], progress))
        runner.start()
        assert others.wait(15), "the others waited for the slow one"
        assert {one.department for one in seen if one.state is State.ANSWERED} == set(KINDS) - {
            "tax"
        }
        gate.set()
        runner.join(15)
    assert town.outcomes(case) == ALONE


def test_many_cases_at_an_absent_department_cost_its_patience_once(town: Town) -> None:
    ids = town.ready(*[case_text(commission=f"c-{i}") for i in range(20)])
    bank = town.departments["bank_b"]
    bank.script = [gone("bank_b")] * 100
    with town.desk() as desk:
        desk.run(ids)
    lanes = 2
    assert len(bank.requests) <= 20 + lanes * town.patience.tries  # a stream is a try too
    assert all(len(town.departments[n].requests) == 20 for n in KINDS if n != "bank_b")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refused("REPLAYED", peer="tax"), Status.UNAVAILABLE),
        (PeerFault("WRONG_PARTY", peer="tax"), Status.UNAVAILABLE),
        (PeerFault("OVERSIZE", peer="tax"), Status.UNAVAILABLE),
    ],
)
def test_a_transport_refusal_is_kept_and_not_repeated(
    town: Town, error: HeduiError, status: Status
) -> None:
    (case,) = town.ready()
    tax = town.departments["tax"]
    tax.script = [error]
    seen: list[Event] = []
    with town.desk() as desk:
        desk.run([case], seen.append)
        (row,) = (row for row in desk.show(case).rows if row.department == "tax")
    assert (row.status, row.code) == (status, error.code)
    assert len(tax.requests) == 1
    assert ("tax", "FAILED", 1, error.code) in states(town)
    last = [one for one in seen if one.department == "tax"][-1]
    assert (last.state, last.code) == (State.REFUSED, error.code)


def test_a_refused_request_goes_out_anew_with_the_next_run(town: Town) -> None:
    (case,) = town.ready()
    tax = town.departments["tax"]
    tax.script = [PeerFault("BAD_SIGNATURE", peer="tax")]
    with town.desk() as desk:
        desk.run([case])
        desk.run([case])
    assert len(set(tax.qids())) == 2
    assert town.outcomes(case) == ALONE


def test_refusals_of_the_moment_are_put_again_and_others_are_not(town: Town) -> None:
    (case,) = town.ready()
    codes = {"tax": Refusal.NODE_PAUSED, "bank_a": Refusal.CONSENT_REVOKED}
    for name, code in codes.items():
        answer = told(Outcome.REFUSED, refusal=code)
        town.departments[name].answer = lambda _, answer=answer: answer  # type: ignore[misc]
    with town.desk() as desk:
        desk.run([case])
        rows = {row.department: row for row in desk.show(case).rows if row.person == 0}
        assert (rows["tax"].status, rows["tax"].code) == (Status.REFUSED, "NODE_PAUSED")
        for name in codes:
            town.departments[name].answer = towns.yes_no
        desk.run([case])
    assert town.outcomes(case) == ALONE | {(0, "bank_a", "P50"): "REFUSED"}


def test_a_lie_about_the_answer_is_kept_as_evidence_and_not_believed(town: Town) -> None:
    (case,) = town.ready()
    bank, other = town.departments["bank_a"], town.departments["bank_b"]
    bank.key = other.key
    with town.desk() as desk:
        desk.run([case])
    assert town.outcomes(case)[0, "bank_a", "P50"] == ""
    with town.database() as database:
        (one,) = (e for e in Record(database).exchanges([case]) if e.department == "bank_a")
    assert one.receipt == bank.answers[bank.qids()[0]]
    assert ("bank_a", "FAILED", 1, "BAD_SIGNATURE") in states(town)


def test_an_answer_to_another_question_is_not_believed(town: Town) -> None:
    (case,) = town.ready()
    tax = town.departments["tax"]
    with town.desk() as desk:
        desk.run([case])
        old = tax.answers[tax.qids()[0]]
        tax.replay = old
        desk.run([case], again=True)
    assert ("tax", "FAILED", 1, "WRONG_ANSWER") in states(town)
    assert town.outcomes(case) == ALONE


def test_a_token_shown_once_is_named_by_its_id(town: Town) -> None:
    (case,) = town.ready(case_text(more=WIFE_TEXT))
    with town.desk() as desk:
        desk.run([case])
        desk.run([case], again=True)
    first, second = town.departments["tax"].requests
    assert all(q.presentation and not q.jti for q in questions_of(first))
    assert all(q.jti and not q.presentation for q in questions_of(second))
    assert len(second) < len(first) / 2


def test_a_forgotten_token_is_presented_again_under_a_new_qid(town: Town) -> None:
    (case,) = town.ready(case_text(more=WIFE_TEXT))
    tax = town.departments["tax"]
    with town.desk() as desk:
        desk.run([case])
        tax.known.clear()
        ran = desk.run([case], again=True)
    assert [bool(q.jti) for r in tax.requests for q in questions_of(r)] == [False] * 2 + [
        True
    ] * 2 + [False] * 2
    assert len(set(tax.qids())) == 3
    assert (ran.answered, ran.silent) == (10, 0)


def test_a_department_that_never_remembers_is_not_asked_for_ever(town: Town) -> None:
    (case,) = town.ready()
    tax = town.departments["tax"]
    tax.answer = lambda _: told(Outcome.PRESENT_AGAIN)
    seen: list[Event] = []
    with town.desk() as desk:
        desk.run([case], seen.append)
    assert len(tax.requests) == 3
    last = [one for one in seen if one.department == "tax"][-1]
    assert (last.state, last.questions, last.code) == (State.SILENT, 1, UNSETTLED)
    assert town.outcomes(case)[0, "tax", "P22"] == ""


def test_what_expired_unanswered_is_replaced_under_a_new_qid(town: Town) -> None:
    (case,) = town.ready()
    tax = town.departments["tax"]
    tax.script = [gone("tax")] * 3
    with town.desk() as desk:
        desk.run([case])
        town.clock.seconds += limits.REQUEST_LIFE + 1
        desk.run([case])
    assert len(set(tax.qids())) == 2
    assert len(tax.requests) == 5
    assert [(d, s, e) for d, s, _, e in states(town) if d == "tax"] == [
        ("tax", "REPLACED", "EXPIRED"),
        ("tax", "ANSWERED", ""),
    ]
    assert town.outcomes(case) == ALONE


def test_an_answer_that_was_lost_is_fetched_even_after_it_expired(town: Town) -> None:
    (case,) = town.ready()
    tax = town.departments["tax"]
    asked: list[Question] = []

    def spend(question: Question) -> Answer:
        asked.append(question)
        return towns.yes_no(question)

    tax.answer = spend
    tax.after = [Killed()]
    with town.desk() as desk, pytest.raises(Killed):
        desk.run([case])
    town.clock.seconds += limits.REQUEST_LIFE + 1
    with town.desk() as desk:
        desk.run([case])
    assert len(asked) == 1, "a second use was spent"
    assert len(set(tax.requests)) == 1
    assert [s for d, s, _, _ in states(town) if d == "tax"] == ["ANSWERED"]
    assert town.outcomes(case) == ALONE


def test_what_was_never_sent_is_replaced_unsent_when_it_expired(town: Town) -> None:
    (case,) = town.ready()
    town.wrap_journal = lambda journal: Unsent(journal, 0, after=False)
    with town.desk() as desk, pytest.raises(Killed):
        desk.run([case])
    kept = len(states(town))
    town.wrap_journal = lambda journal: journal
    town.clock.seconds += limits.REQUEST_LIFE + 1
    with town.desk() as desk:
        desk.run([case])
    assert kept > 0
    assert sum(s == "REPLACED" for _, s, _, _ in states(town)) == kept
    assert all(len(town.departments[name].requests) == 1 for name in KINDS)
    assert town.outcomes(case) == ALONE


def test_a_whole_refusal_counts_as_refused_and_failed_not_as_silent(town: Town) -> None:
    (case,) = town.ready()
    town.departments["tax"].script = [PeerFault("BAD_SIGNATURE", peer="tax")]
    town.departments["bank_a"].script = [gone("bank_a")] * 3
    board = Board("en", str)
    seen: list[Event] = []
    with town.desk() as desk:
        ran = desk.run([case], seen.append)
    for event in seen:
        board.add(event)
    assert (ran.answered, ran.refused, ran.silent, ran.failed) == (3, 1, 1, 1)
    shown = board.departments.values()
    assert (sum(d.refused for d in shown), sum(d.silent for d in shown)) == (1, 1)


def test_a_pause_cut_short_says_nothing_of_the_department(town: Town) -> None:
    (case,) = town.ready()
    town.patience = Patience(tries=50, whole=100, pause=30, longest_pause=30)
    for name in KINDS:
        town.departments[name].script = [gone(name)] * 50
    bank = town.departments["bank_a"]
    bank.script = [Killed()]
    bank.gate = threading.Event()
    seen: list[Event] = []
    threading.Timer(0.5, bank.gate.set).start()
    with town.desk() as desk, pytest.raises(Killed):
        desk.run([case], seen.append)
    assert all(len(town.departments[name].requests) == 1 for name in KINDS), "not in a pause"
    assert not [one for one in seen if one.state is State.SILENT]


def test_the_case_reference_differs_at_every_department_and_hides_the_case(town: Town) -> None:
    (case,) = town.ready()
    with town.desk() as desk:
        desk.run([case])
    seen = {q.case_ref for n in KINDS for q in questions_of(town.departments[n].requests[0])}
    assert len(seen) == len(KINDS)
    everything = b"".join(r for n in KINDS for r in town.departments[n].requests)
    assert case.encode() not in everything
    assert APPLICANT.encode() not in everything


def test_grouped_cases_share_a_request_and_get_their_own_answers(town: Town) -> None:
    ids = town.ready(*[case_text(commission=f"c-{i}") for i in range(25)])
    odd: set[bytes] = set()

    def by_turns(question: Question) -> Answer:
        # The same person stands in all cases, so only the token tells the cases apart here.
        if question.case_ref not in odd and len(odd) < 12:
            odd.add(question.case_ref)
        return told(Outcome.YES if question.case_ref in odd else Outcome.NO)

    town.departments["tax"].answer = by_turns
    with town.desk() as desk:
        desk.run(ids, group=10)
    assert [header_of(r).n for r in town.departments["tax"].requests] == [10, 10, 5] or sorted(
        header_of(r).n for r in town.departments["tax"].requests
    ) == [5, 10, 10]
    answers = [town.outcomes(case)[0, "tax", "P22"] for case in ids]
    assert answers.count("YES") == 12
    assert answers.count("NO") == 13


def test_a_request_never_holds_more_than_the_protocol_allows(town: Town) -> None:
    ids = town.ready(*[case_text(commission=f"c-{i}") for i in range(12)])
    town.departments["tax"].answer = lambda _: told(Outcome.NO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "ITEMS", 5)
        with town.desk() as desk:
            desk.run(ids, group=1000)
    assert sorted(header_of(r).n for r in town.departments["tax"].requests) == [2, 5, 5]


def test_nobody_is_asked_about_a_case_without_consent(town: Town) -> None:
    with town.desk() as desk:
        ids = desk.new([desk.read(case_text(evidence="").encode()).case] * 2)
        desk.consent(ids[:1])
        ran = desk.run(ids)
    assert [one.stage.value for one in ran.not_ready] == ["BLOCKED_CONSENT", "DRAFT"]
    assert not any(town.departments[name].requests for name in KINDS)


def test_nobody_is_asked_after_a_revocation_even_what_was_on_its_way(town: Town) -> None:
    (case,) = town.ready()
    tax = town.departments["tax"]
    tax.script = [gone("tax")] * 3
    with town.desk() as desk:
        desk.run([case])
        desk.revoke(case)
        before = len(tax.requests)
        desk.run([case], again=True)
    assert len(tax.requests) == before
    assert len(town.registrar.revoked) == 1


def test_a_request_shared_with_a_revoked_case_is_not_sent_again(town: Town) -> None:
    ids = town.ready(case_text(commission="c-1"), case_text(commission="c-2"))
    tax = town.departments["tax"]
    tax.script = [gone("tax")] * 3
    with town.desk() as desk:
        desk.run(ids, group=2)
        desk.revoke(ids[0])
        desk.run(ids, group=2)
    assert [header_of(request).n for request in tax.requests] == [2, 2, 2, 1]
    assert town.outcomes(ids[0])[0, "tax", "P22"] == ""
    assert town.outcomes(ids[1]) == ALONE
    assert ("tax", "REPLACED", 3, "CONSENT_REVOKED") in states(town)


def test_the_words_of_progress_add_up(town: Town) -> None:
    (case,) = town.ready(case_text(more=WIFE_TEXT))
    town.departments["bank_a"].script = [gone("bank_a")] * 3
    seen: list[Event] = []
    with town.desk() as desk:
        desk.run([case], seen.append)
    waiting = sum(e.questions for e in seen if e.state is State.WAITING)
    ended = sum(e.questions for e in seen if e.state is not State.WAITING)
    assert waiting == ended == 10
    assert all(e.seconds >= 0 for e in seen)


class Dying(Journal):
    """A journal whose process dies before or after its n-th step."""

    def __init__(self, inner: Journal, at: int, *, after: bool) -> None:
        super().__init__(inner._database)
        self._left = at
        self._after = after
        self._counting = threading.Lock()

    def _die(self, step: Any, *args: Any, **more: Any) -> Any:
        with self._counting:
            self._left -= 1
            mine = self._left == 0
            dead = self._left < 0
        if dead or (mine and not self._after):
            raise Killed
        result = step(*args, **more)
        if mine:
            raise Killed
        return result

    def keep(self, *args: Any) -> Batch:
        batch: Batch = self._die(super().keep, *args)
        return batch

    def sending(self, batch_id: int) -> None:
        self._die(super().sending, batch_id)

    def answered(self, *args: Any) -> list[int]:
        again: list[int] = self._die(super().answered, *args)
        return again


class Unsent(Dying):
    """A journal whose process dies before anything is sent."""

    def keep(self, *args: Any) -> Batch:
        return Journal.keep(self, *args)

    def sending(self, batch_id: int) -> None:
        raise Killed


STEPS = 15  # keep, sending and answered, each at five departments


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_kill_between_any_two_steps_loses_nothing(town: Town, at: int, after: bool) -> None:
    (case,) = town.ready()
    town.wrap_journal = lambda journal: Dying(journal, at, after=after)
    with town.desk() as desk, pytest.raises(Killed):
        desk.run([case])
    logged.settled(town)
    before = {name: list(town.departments[name].qids()) for name in KINDS}
    kept = {department for department, *_ in states(town)}
    town.wrap_journal = lambda journal: journal
    with town.desk() as desk:
        desk.run([case])
    logged.settled(town)
    assert town.outcomes(case) == ALONE
    for name in kept:
        # What was kept goes out under its first qid: no department sees a second one.
        assert len(set(before[name]) | set(town.departments[name].qids())) == 1
    assert all(len(town.departments[name].answers) == 1 for name in KINDS)


@pytest.mark.parametrize("name", ["tax", "bank_a"])
def test_a_kill_while_an_answer_is_on_its_way_gets_the_same_answer(town: Town, name: str) -> None:
    (case,) = town.ready()
    department = town.departments[name]
    department.after = [Killed()]
    with town.desk() as desk, pytest.raises(Killed):
        desk.run([case])
    with town.desk() as desk:
        desk.run([case])
    assert len(set(department.requests)) == 1
    assert len(department.answers) == 1
    assert town.outcomes(case) == ALONE


def test_what_is_asked_again_and_on_its_way_is_fetched_by_any_next_run(town: Town) -> None:
    (case,) = town.ready()
    tax = town.departments["tax"]
    with town.desk() as desk:
        desk.run([case])
    tax.after = [Killed()]
    with town.desk() as desk, pytest.raises(Killed):
        desk.run([case], again=True)
    with town.desk() as desk:
        desk.run([case])
    assert [state for department, state, *_ in states(town) if department == "tax"] == [
        "ANSWERED",
        "ANSWERED",
    ]
    assert len(set(tax.qids())) == len(tax.answers) == 2
    assert town.outcomes(case) == ALONE


def test_work_is_sorted_by_department_with_what_is_on_its_way_first() -> None:
    questions = [
        Open(1, "c1", "tax", None),
        Open(2, "c2", "tax", 7),
        Open(3, "c3", "tax", None),
        Open(4, "c1", "bank", None),
        Open(5, "c1", "tax", None),
        Open(6, "c4", "tax", None),
    ]
    found = units(questions, 2)
    assert list(found) == ["tax", "bank"]
    assert [(sorted(u.cases), u.asks, u.batch_id) for u in found["tax"]] == [
        (["c2"], (2,), 7),
        (["c1", "c3"], (1, 5, 3), None),
        (["c4"], (6,), None),
    ]


def test_an_interrupted_run_ends_without_waiting_for_pauses(town: Town) -> None:
    (case,) = town.ready()
    town.patience = Patience(tries=50, whole=100, pause=30, longest_pause=30)
    town.departments["tax"].script = [gone("tax")] * 50
    town.departments["bank_a"].script = [Killed()]
    began = time.monotonic()
    with town.desk() as desk, pytest.raises(Killed):
        desk.run([case])
    assert time.monotonic() - began < 10


# ---- many requests over one stream


@dataclass
class Streaming(Departments):
    """Departments over streams that take requests ahead; those of the tax office break as planned.

    A plan says after how many replies a stream ends, and how: ``refused`` before the next request
    is seen, its answer ``lost``, the stream ``ended`` as if all were told, or ``deaf``: no request
    was ever taken. With ``twice`` a reply comes once more, with ``garbled`` one that is none.
    """

    plan: list[tuple[int, str]] = field(default_factory=list)
    streamed: list[int] = field(default_factory=list)
    ahead: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stream(self, department: str, requests: Iterable[bytes]) -> Iterator[bytes]:
        if department != "tax":
            yield from super().stream(department, requests)
            return
        with self.lock:
            at, how = self.plan.pop(0) if self.plan else (-1, "")
            self.streamed.append(0)
            mine = len(self.streamed) - 1
        if how == "deaf":
            raise gone(department)
        taken: Queue[bytes | None] = Queue()
        threading.Thread(target=self._take, args=(requests, taken), daemon=True).start()
        while (request := taken.get(timeout=20)) is not None:
            if self.streamed[mine] == at:
                yield from self._break(how, request)
                return
            time.sleep(0.001)
            with self.lock:
                self.ahead = max(self.ahead, taken.qsize() + 1)
            reply = self.call(department, request)
            self.streamed[mine] += 1
            yield reply

    def _take(self, requests: Iterable[bytes], taken: Queue[bytes | None]) -> None:
        for request in requests:
            taken.put(request)
        taken.put(None)

    def _break(self, how: str, request: bytes) -> Iterator[bytes]:
        if how == "garbled":
            yield b"\xff"
        if how in {"lost", "twice"}:
            reply = self.call("tax", request)
            if how == "twice":
                yield from (reply, reply)
        if how in {"refused", "lost"}:
            raise gone("tax")


def streaming(town: Town, *plan: tuple[int, str]) -> Streaming:
    departments = Streaming(town.departments.by_id, plan=list(plan))
    town.departments = departments
    return departments


def counted(town: Town) -> list[bytes]:
    """Have the tax office note every question that costs a use."""
    asked: list[bytes] = []

    def answer(question: Question) -> Answer:
        asked.append(question.case_ref)
        return towns.yes_no(question)

    town.departments["tax"].answer = answer
    return asked


def many(town: Town, count: int) -> list[str]:
    return town.ready(*[case_text(commission=f"c-{i}") for i in range(count)])


def test_many_units_go_over_one_stream_of_each_lane(town: Town) -> None:
    ids = many(town, 12)
    departments, asked = streaming(town), counted(town)
    with town.desk() as desk:
        ran = desk.run(ids)
    assert (ran.answered, ran.refused, ran.silent) == (60, 0, 0)
    assert len(departments.streamed) <= 2
    assert sum(departments.streamed) >= 11  # the last may be settled alone
    assert departments.ahead <= 3
    assert len(asked) == len(set(asked)) == 12
    assert all(town.outcomes(case) == ALONE for case in ids)


def test_a_single_unit_needs_no_stream(town: Town) -> None:
    (case,) = town.ready()
    departments = streaming(town)
    with town.desk() as desk:
        desk.run([case])
    assert departments.streamed == []
    assert town.outcomes(case) == ALONE


BREAKS = st.tuples(st.integers(0, 8), st.sampled_from(["refused", "lost", "ended", "deaf"]))


@settings(max_examples=25, deadline=None)
@given(plan=st.lists(BREAKS, max_size=4), group=st.integers(1, 4), items=st.sampled_from([2, 1000]))
def test_a_stream_that_breaks_loses_nothing_and_asks_nothing_twice(
    plan: list[tuple[int, str]], group: int, items: int
) -> None:
    """Wherever it breaks, also in a unit of several requests: one run brings every answer home."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        town = towns.build(Path(folder))
        ids = many(town, 9)
        streaming(town, *plan)
        asked = counted(town)
        seen: list[Event] = []
        patch.setattr(limits, "ITEMS", items)
        with town.desk() as desk:
            ran = desk.run(ids, seen.append, group=group)
        assert (ran.answered, ran.refused, ran.silent) == (45, 0, 0)
        assert all(town.outcomes(case) == ALONE for case in ids)
        assert len(asked) == len(set(asked)) == 9
        ended = [e.questions for e in seen if e.department == "tax" and e.state is State.ANSWERED]
        assert sum(ended) == 9
        assert all(state == "ANSWERED" for _, state, _, _ in states(town))
        logged.settled(town)


@pytest.mark.parametrize("how", ["twice", "garbled"])
@pytest.mark.parametrize("at", [0, 1, 5, 8])
def test_a_stream_of_lies_stops_nobody_else_and_is_not_believed(
    town: Town, how: str, at: int
) -> None:
    ids = many(town, 9)
    streaming(town, (at, how), (at, how))
    with town.desk() as desk:
        desk.run(ids)
        others = [name for name in KINDS if name != "tax"]
        for case in ids:
            told_of = town.outcomes(case)
            assert all(told_of[key] == ALONE[key] for key in ALONE if key[1] in others)
        desk.run(ids)
    assert all(town.outcomes(case) == ALONE for case in ids)
    assert {error for *_, error in states(town)} <= {"", "WRONG_ANSWER", "MALFORMED"}


def test_an_absent_department_is_given_up_after_one_stream(town: Town) -> None:
    ids = many(town, 9)
    departments = streaming(town, *[(0, "deaf")] * 20)
    town.departments["tax"].script = [gone("tax")] * 100
    seen: list[Event] = []
    with town.desk() as desk:
        desk.run(ids, seen.append)
    assert len(departments.streamed) <= 2
    silent = [e.questions for e in seen if e.department == "tax" and e.state is State.SILENT]
    assert sum(silent) == 9


def test_what_a_stream_was_asked_to_present_again_is_settled_after_it(town: Town) -> None:
    ids = many(town, 6)
    with town.desk() as desk:
        desk.run(ids)
        town.departments["tax"].known.clear()
        streaming(town)
        ran = desk.run(ids, again=True)
    assert (ran.answered, ran.silent) == (30, 0)
    last = town.departments["tax"].requests[-1]
    assert all(question.presentation for question in questions_of(last))
    assert all(town.outcomes(case) == ALONE for case in ids)


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_fault_while_a_request_is_made_ends_the_run_and_loses_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    ids = many(town, 6)
    streaming(town)
    asked = counted(town)
    left = [at]

    def failing(asker: Asker, department: str, *args: Any) -> Request:
        if department == "tax":
            left[0] -= 1
            if left[0] == 0:
                raise ZeroDivisionError
        return compose(asker, department, *args)

    monkeypatch.setattr(conductor, "compose", failing)
    with town.desk() as desk, pytest.raises(ZeroDivisionError):
        desk.run(ids)
    with town.desk() as desk:
        desk.run(ids)
    assert all(town.outcomes(case) == ALONE for case in ids)
    assert len(asked) == len(set(asked)) == 6


@settings(max_examples=25, deadline=None)
@given(at=st.integers(1, 75), after=st.booleans())
def test_a_kill_between_any_two_steps_of_streams_loses_nothing(at: int, after: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        town = towns.build(Path(folder))
        ids = many(town, 5)
        streaming(town)
        asked = counted(town)
        town.wrap_journal = lambda journal: Dying(journal, at, after=after)
        with town.desk() as desk, pytest.raises(Killed):
            desk.run(ids)
        logged.settled(town)
        town.wrap_journal = lambda journal: journal
        with town.desk() as desk:
            desk.run(ids)
        logged.settled(town)
        assert all(town.outcomes(case) == ALONE for case in ids)
        assert len(asked) == len(set(asked)) == 5
