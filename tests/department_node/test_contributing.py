"""A household's whole way through a node for a sum: admitted, begun, encrypted, logged."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from department_node import sum_checks
from department_node.beside import beside
from department_node.contributing import Contributor
from department_node.contribution_books import ContributionBooks
from department_node.masking import Masking
from department_node.node import Node
from department_node.orders import Eraser
from department_node.sentinel import Guard, Sentinel
from federation import clock, erasure, ledger, limits, sentinel, summing, verdict
from federation import group as groups
from federation import party as parties
from federation.erasure import ErasureOrder, Reason
from federation.errors import HeduiError, Refused
from federation.exchange import ASK, COMPARE, Answer, Header, Outcome, Question
from federation.manifest import PartyRole
from federation.status import Status
from federation.summing import SumOrder
from federation.verdict import Verdict
from federation.wire import codec, signed, sum_messages
from federation.wire.sum_messages import Compared, Contribution
from tests.support import joint
from tests.support.joint import (
    BROKE,
    GAP,
    HIGH,
    LOW,
    NOBODY,
    POOR,
    RATIO,
    RICH,
    TAX,
    WAGES,
    Said,
    Slot,
    Town,
)
from tests.support.sums import MONTH, NOW

TOTAL = {one: sum(earned) for one, earned in WAGES.items()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Town, Node]]:
    town = joint.found(tmp_path_factory.mktemp("joint") / "f")
    with joint.open_node(town) as node:
        yield town, node


@pytest.fixture
def town(built: tuple[Town, Node]) -> Town:
    return built[0]


@pytest.fixture
def node(built: tuple[Town, Node]) -> Node:
    town, node = built
    town.clock.seconds = NOW
    town.states.clear()
    node.store.writer.write(lambda c: c.execute("DELETE FROM meta WHERE name = 'time'"))
    node.status.current = None
    node.status.refresh()
    node._facts = None
    return node


@pytest.fixture
def own(node: Node) -> Contributor:
    return joint.contributor(node)


def ask(own: Contributor, town: Town, request: bytes) -> Said:
    return town.read(request, own.contribute("coordinator", request))


def share(said: Said) -> Contribution:
    assert said.code == "CONTRIBUTED"
    assert said.share is not None
    return said.share


def test_what_all_slots_have_is_added_up_and_leaves_masked(own: Contributor, town: Town) -> None:
    slots = town.household(POOR, RICH)
    said = ask(own, town, town.asked(slots))
    assert town.opened(share(said)) == TOTAL[POOR] + TOTAL[RICH]
    for answer in said.answers:
        assert answer == Answer(
            outcome=Outcome.CONTRIBUTED,
            as_of=20261117,
            enrolled_to=20261118,
            period_from=20251101,
            period_to=20261101,
            policy_version=1,
            use_no=1,
        )


def test_who_is_not_known_here_counts_nothing(own: Contributor, town: Town) -> None:
    said = ask(own, town, town.asked(town.household(POOR, NOBODY)))
    assert town.opened(share(said)) == TOTAL[POOR]
    said = ask(own, town, town.asked(town.household(NOBODY)))
    assert town.opened(share(said)) == 0
    said = ask(own, town, town.asked(town.household(BROKE)))
    assert town.opened(share(said)) == 0


def test_a_roll_that_is_not_enrolled_calls_nobody_absent(
    own: Contributor, town: Town, node: Node
) -> None:
    node.store.set_meta(**{"enrolled 2026": None})
    node.store.writer.write(lambda c: c.execute("DELETE FROM meta WHERE name = 'enrolled 2026'"))
    slots = town.household(POOR, NOBODY)
    assert ask(own, town, town.asked(slots)).code == "SOURCE_UNAVAILABLE"
    node.finish_enrolment()
    assert ask(own, town, town.asked(slots)).code == "CONTRIBUTED"


def test_a_request_goes_by_one_manifest_while_another_comes_into_force(
    own: Contributor, town: Town, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    papers, tokens = node.party.papers, own._tokens
    manifest = replace(papers.documents.manifest, groups={})
    later = replace(papers, documents=replace(papers.documents, manifest=manifest))

    def renewing(*args: Any) -> Any:
        monkeypatch.setattr(node.party, "papers", later)
        return tokens(*args)

    monkeypatch.setattr(own, "_tokens", renewing)
    slots = town.household(POOR, RICH)
    assert ask(own, town, town.asked(slots)).code == "CONTRIBUTED"
    assert ask(own, town, town.asked(slots, known=True)).code == "POLICY_NOT_ANSWERED"


def test_a_run_has_one_ciphertext_for_all_its_rungs(own: Contributor, town: Town) -> None:
    slots = town.household(POOR, RICH)
    low = ask(own, town, town.asked(slots, LOW))
    joint.records(town, "UPDATE pay SET fen = fen + 1")
    try:
        high = ask(own, town, town.asked(slots, HIGH))
        again = ask(own, town, town.asked(slots, LOW, known=True))
    finally:
        joint.records(town, "UPDATE pay SET fen = fen - 1")
    assert share(low) == share(high) == share(again)
    assert [one.use_no for one in (*low.answers, *high.answers)] == [1] * 4
    assert [one.use_no for one in again.answers] == [2, 2]
    assert low.answers == high.answers


def test_another_month_is_another_run_over_other_months(
    own: Contributor, town: Town, node: Node
) -> None:
    slots = town.household(RICH)
    first = share(ask(own, town, town.asked(slots)))
    town.clock.seconds = NOW + 20 * 86_400
    node.status.refresh()
    claims = replace(slots[0].claims, expires=NOW + 40 * 86_400, jti=os.urandom(16))
    grants = [
        replace(one, parameter=rung)
        for rung in (LOW, HIGH)
        for one in [_granted(town, slots[0], last=MONTH + 1)]
    ]
    renewed = [Slot(claims=claims, token=town.token(claims, *grants))]
    second = share(ask(own, town, town.asked(renewed, period=MONTH + 1)))
    assert first.run != second.run
    assert town.opened(second) == 7  # what was earned a year before has left the period
    late = share(ask(own, town, town.asked(renewed, period=MONTH)))
    assert late == first  # what was not asked then is still that month's


def _granted(town: Town, slot: Slot, **changed: Any) -> Any:
    read = next(iter(joint.grants_of(town, slot).values()))
    assert read.joint is not None
    return replace(read, joint=replace(read.joint, **changed))


def test_a_token_is_known_by_its_id_once_it_was_used(own: Contributor, town: Town) -> None:
    slots = town.household(POOR, RICH)
    assert ask(own, town, town.asked(slots, known=True)).code == "PRESENT_AGAIN"
    assert ask(own, town, town.asked(slots)).answers[0].use_no == 1
    again = ask(own, town, town.asked(slots, known=True))
    assert (again.code, again.answers[0].use_no) == ("CONTRIBUTED", 2)


def test_what_is_asked_again_gets_the_same_bytes(own: Contributor, town: Town) -> None:
    request = town.asked(town.household(POOR, RICH))
    reply = own.contribute("coordinator", request)
    logged = joint.rows(town, "SELECT count(*) FROM log")
    town.clock.seconds += 100_000
    assert own.contribute("coordinator", request) == reply
    assert joint.rows(town, "SELECT count(*) FROM log") == logged
    refused = town.asked(town.household(POOR), "none")
    reply = own.contribute("coordinator", refused)
    assert own.contribute("coordinator", refused) == reply


def test_a_query_id_stands_for_one_request(own: Contributor, town: Town, node: Node) -> None:
    slots = town.household(POOR)
    qid = os.urandom(16)
    own.contribute("coordinator", town.asked(slots, header={"qid": qid}))
    with pytest.raises(Refused, match="REPLAYED"):
        own.contribute("coordinator", town.asked(slots, HIGH, header={"qid": qid}))
    plain = replace(town.header(TAX), qid=qid)
    question = Question(predicate="P22", presentation=slots[0].digest, case_ref=bytes(32))
    with pytest.raises(Refused, match="REPLAYED"):
        node.answerer().ask("coordinator", town.request(plain, [question], slots[0].token))


def test_a_query_id_of_a_question_is_not_a_sum_s(own: Contributor, town: Town, node: Node) -> None:
    slots = town.household(POOR)
    plain = town.header(TAX)
    question = Question(predicate="P22", presentation=slots[0].digest, case_ref=bytes(32))
    node.answerer().ask("coordinator", town.request(plain, [question], slots[0].token))
    with pytest.raises(Refused, match="REPLAYED"):
        own.contribute("coordinator", town.asked(slots, header={"qid": plain.qid}))


def test_every_answer_is_in_the_log_with_its_tokens(own: Contributor, town: Town) -> None:
    slots = town.household(POOR, RICH)
    request = town.asked(slots)
    reply = own.contribute("coordinator", request)
    record, beside = joint.rows(town, "SELECT record, beside FROM log ORDER BY seq DESC LIMIT 1")[0]
    entry, items = codec.decode_entry(record), ledger.read_items(beside)
    assert (entry.kind, entry.caller) == ("contribute", "coordinator")
    assert entry.request == codec.decode_batch(request).envelope.payload
    assert entry.answer == codec.decode_batch(reply).envelope.payload
    assert items.tokens == (*(one.claims.jti for one in slots), bytes(16))
    assert len(items.request_leaves) == len(items.answer_leaves) == 3


def test_a_share_is_stored_and_logged_before_it_is_signed(
    own: Contributor, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, seen = town.asked(town.household(POOR)), []

    def look(unsigned: Any, key: Any) -> Any:
        seen.extend(joint.rows(town, "SELECT ciphertext FROM contribution ORDER BY rowid DESC"))
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(signed, "sign", look)
        with pytest.raises(InterruptedError):
            own.contribute("coordinator", request)
    assert share(ask(own, town, request)).ciphertext == seen[0][0]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"audience": "finance"}, "WRONG_AUDIENCE"),
        ({"method": ASK}, "WRONG_METHOD"),
        ({"issued": NOW - 500, "expires": NOW - 200}, "REQUEST_NOT_FRESH"),
        ({"policy_version": 2}, "POLICY_VERSION"),
    ],
)
def test_a_request_as_a_whole_is_refused(
    own: Contributor, town: Town, change: dict[str, Any], code: str
) -> None:
    request = town.asked(town.household(POOR, RICH), header=change)
    reply = codec.decode_batch(own.contribute("coordinator", request))
    *answers, last = (one.item for one in reply.items)
    assert [codec.decode_answer(one).refusal.name for one in answers] == [code] * 2
    assert last == b""


def question(slot: Slot) -> bytes:
    asked = Question(predicate="H1", parameter=LOW, presentation=slot.digest, case_ref=bytes(32))
    return codec.encode_question(asked)


def test_what_cannot_be_read_is_refused_in_its_place(own: Contributor, town: Town) -> None:
    slots = town.household(POOR)
    bad = town.asked(slots, items=[b"\xff", town.order()])
    assert ask(own, town, bad).code == "QUESTION_MALFORMED"
    bad = town.asked(slots, items=[question(slots[0]), b"\xff"])
    assert ask(own, town, bad).code == "SUM_MALFORMED"


@pytest.mark.parametrize(
    ("items", "code"),
    [([], "MALFORMED"), ([b""], "MALFORMED"), ([b"", bytes(1 << 16)], "OVERSIZE")],
)
def test_what_is_no_request_at_all_is_not_logged(
    own: Contributor, town: Town, items: list[bytes], code: str
) -> None:
    prepared = signed.prepare(replace(town.header(TAX)), items)
    data = codec.encode_batch(signed.sign(prepared, town.coordinator.key))
    logged = joint.rows(town, "SELECT count(*) FROM log")
    with pytest.raises(HeduiError, match=f"^{code}"):
        own.contribute("coordinator", data)
    assert joint.rows(town, "SELECT count(*) FROM log") == logged
    assert own._beside.refused.take() == {code: 1}


def test_who_signs_must_be_who_calls(own: Contributor, town: Town) -> None:
    with pytest.raises(HeduiError, match="WRONG_PARTY"):
        own.contribute("stranger", town.asked(town.household(POOR)))


def test_a_token_that_is_not_the_registrar_s(own: Contributor, town: Town) -> None:
    slots = town.household(POOR, claims={"issuer": "somebody"})
    assert ask(own, town, town.asked(slots)).code == "CONSENT_INVALID"
    missing = town.asked([replace(slots[0], token=b"")], items=[question(slots[0]), town.order()])
    assert ask(own, town, missing).code == "CONSENT_INVALID"


def test_two_tokens_of_one_id_close_nothing(own: Contributor, town: Town, node: Node) -> None:
    (one,) = town.household(POOR)
    assert ask(own, town, town.asked([one])).code == "CONTRIBUTED"
    other = replace(one, token=_another_sum(town, one))
    before = joint.rows(town, "SELECT count(*) FROM contribution")
    with pytest.raises(HeduiError, match="CONSENT_INVALID"):
        joint.contributor(node).contribute("coordinator", town.asked([other]))
    assert joint.rows(town, "SELECT count(*) FROM contribution") == before


def test_a_household_is_what_its_tokens_recompute(own: Contributor, town: Town) -> None:
    slots = town.household(POOR, RICH, claims={"household_commitment": b"x" * 32})
    assert ask(own, town, town.asked(slots)).code == "HOUSEHOLD_MISMATCH"
    alone = town.household(POOR, claims={"household_commitment": b"x" * 32, "role": "SUPPORTER"})
    assert ask(own, town, town.asked(alone)).code == "CONTRIBUTED"


def test_uses_are_counted_for_every_slot(own: Contributor, town: Town) -> None:
    slots = town.household(POOR, RICH)
    said = [ask(own, town, town.asked(slots)) for _ in range(4)]
    assert [one.code for one in said] == ["CONTRIBUTED"] * 3 + ["USES_EXHAUSTED"]
    assert ask(own, town, town.asked(slots, HIGH)).code == "CONTRIBUTED"


def test_no_use_left_begins_nothing(own: Contributor, town: Town) -> None:
    before = joint.rows(town, "SELECT count(*) FROM contribution")
    slots = town.household(POOR, claims={"uses_a_month": 0})
    assert ask(own, town, town.asked(slots)).code == "USES_EXHAUSTED"
    assert joint.rows(town, "SELECT count(*) FROM contribution") == before


def test_a_record_has_a_budget(
    own: Contributor, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = town.household(BROKE)
    cells = joint.rows(town, f"SELECT count(*) FROM cell WHERE subject = CAST('{BROKE}' AS BLOB)")
    monkeypatch.setattr(limits, "CELLS_PER_RECORD_YEAR", limits.CELLS_RESERVED + cells[0][0] + 1)
    assert ask(own, town, town.asked(slots)).code == "CONTRIBUTED"
    assert ask(own, town, town.asked(slots, HIGH)).code == "BUDGET_EXHAUSTED"
    assert ask(own, town, town.asked(slots)).code == "CONTRIBUTED"  # the same cell


def test_lines_and_sizes_are_counted_as_those_of_questions(own: Contributor, town: Town) -> None:
    for members in (1, 2):
        slots = town.household(RICH, grant={"members": members})
        assert ask(own, town, town.asked(slots)).code == "CONTRIBUTED"
    slots = town.household(RICH, grant={"members": 3})
    assert ask(own, town, town.asked(slots)).code == "THRESHOLDS_EXHAUSTED"
    opened = joint.rows(
        town,
        "SELECT line, size FROM opened WHERE quantity = 'income'"
        f" AND subject = CAST('{RICH}' AS BLOB) ORDER BY line, size",
    )
    assert {(1_000, 1), (1_000, 2)} <= set(opened)


def test_data_that_are_too_old_contribute_nothing_and_close_nothing(
    own: Contributor, town: Town, node: Node
) -> None:
    slots = town.household(POOR, RICH)
    joint.records(town, "UPDATE as_of SET day = '2010-01-01'")
    try:
        node._facts = None
        said = ask(own, town, town.asked(slots))
        assert (said.code, said.answers[0].use_no) == ("STALE", 1)
        joint.records(town, "UPDATE as_of SET day = NULL")
        node._facts = None
        assert ask(own, town, town.asked(slots)).code == "STALE"
    finally:
        joint.records(town, "UPDATE as_of SET day = '2026-11-17'")
        node._facts = None
    assert town.opened(share(ask(own, town, town.asked(slots)))) == TOTAL[POOR] + TOTAL[RICH]


@pytest.mark.parametrize("bad", ["'many'", "0.5"])
def test_a_source_that_gives_no_number_closes_nothing(
    own: Contributor, town: Town, bad: str
) -> None:
    slots = town.household(BROKE)
    joint.records(town, f"UPDATE pay SET fen = {bad} WHERE id = '{BROKE}' AND fen = 0")
    try:
        code = ask(own, town, town.asked(slots)).code
    finally:
        joint.records(town, f"UPDATE pay SET fen = 0 WHERE id = '{BROKE}' AND fen <> 7")
    if bad == "0.5":
        assert code == "SOURCE_UNAVAILABLE"
    assert ask(own, town, town.asked(slots)).code == "CONTRIBUTED"


def test_a_share_is_cut_off_where_no_line_can_be(own: Contributor, town: Town) -> None:
    huge = groups.clip(town.group)
    joint.records(town, f"UPDATE pay SET fen = {huge} WHERE id = '{BROKE}' AND month = '202511'")
    try:
        income = ask(own, town, town.asked(town.household(BROKE)))
        ratio = town.household(BROKE, predicate="H4", rungs=[RATIO])
        assert ask(own, town, town.asked(ratio, RATIO)).code == "SUM_AMOUNT"
    finally:
        joint.records(town, f"UPDATE pay SET fen = 0 WHERE id = '{BROKE}' AND month = '202511'")
    assert town.opened(share(income)) == huge - 1
    assert ask(own, town, town.asked(ratio, RATIO)).code == "CONTRIBUTED"  # nothing was begun


def test_every_sum_has_its_group_and_weights(own: Contributor, town: Town) -> None:
    ratio = town.household(RICH, predicate="H4", rungs=[RATIO])
    of_ratio = share(ask(own, town, town.asked(ratio, RATIO)))
    gap = town.household(RICH, predicate="H5", rungs=[GAP])
    of_gap = share(ask(own, town, town.asked(gap, GAP)))
    listed = town.coordinator.manifest.groups
    assert town.opened(of_ratio, listed["H4"]) == -60 * TOTAL[RICH]
    assert town.opened(of_gap, listed["H5"]) == TOTAL[RICH]


def lose(node: Node, run: bytes) -> None:
    """Leave a run as a crash between beginning and storing leaves it."""
    node.store.writer.write(lambda c: ContributionBooks(c).begin(run, NOW))


def run_of(town: Town, slots: list[Slot], **order: Any) -> bytes:
    grant = next(iter(joint.grants_of(town, slots[0]).values()))
    assert grant.joint is not None
    return summing.run_id(grant.joint, town.group, SumOrder(period=MONTH, **order))


def test_a_lost_share_is_never_computed_again(
    own: Contributor, town: Town, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = town.household(POOR, RICH)
    lose(node, run_of(town, slots))
    monkeypatch.setattr(Masking, "share", pytest.fail)
    for rung in (LOW, HIGH, LOW):
        assert ask(own, town, town.asked(slots, rung)).code == "SUM_CLOSED"
    assert joint.rows(town, "SELECT count(*) FROM contribution WHERE ciphertext = x''") == [(1,)]


def test_of_two_requests_for_one_run_the_second_takes_the_first_s_share(
    own: Contributor, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = town.household(POOR, RICH)
    honest, made = Masking.share, []

    def counted(*of: Any) -> bytes:
        made.append(of[2])
        return honest(*of)

    monkeypatch.setattr(Masking, "share", counted)
    start = Barrier(4)

    def go(rung: str) -> Contribution:
        request = town.asked(slots, rung)
        start.wait(10)
        return share(ask(own, town, request))

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(go, (LOW, HIGH, LOW, HIGH)))
    assert len(set(map(repr, shares))) == 1
    assert {one.ciphertext for one in shares} == {shares[0].ciphertext}
    assert len(made) == 1


def test_of_two_equal_requests_at_once_one_is_answered_for_both(
    own: Contributor, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, both = town.asked(town.household(POOR)), Barrier(2)
    honest = Contributor._admitted

    def at_once(*of: Any) -> Any:
        both.wait(10)
        return honest(*of)

    monkeypatch.setattr(Contributor, "_admitted", at_once)
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda _: own.contribute("coordinator", request), range(2)))
    assert replies[0] == replies[1]
    assert ask(own, town, request).answers[0].use_no == 1


def test_a_share_is_kept_when_another_spends_the_last_use_meanwhile(
    own: Contributor, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = town.household(POOR, grant={"max_uses": 1})
    honest = Masking.share

    def meanwhile(*of: Any) -> bytes:
        made = honest(*of)
        chain = slots[0].claims.chain
        own._s.store.writer.write(
            lambda c: c.execute("REPLACE INTO uses VALUES (?, ?, 1)", (chain, f"H1 {LOW}"))
        )
        return made

    monkeypatch.setattr(Masking, "share", meanwhile)
    assert ask(own, town, town.asked(slots)).code == "USES_EXHAUSTED"
    assert ask(own, town, town.asked(slots, HIGH)).code == "CONTRIBUTED"
    assert joint.rows(town, "SELECT count(*) FROM contribution WHERE ciphertext = x''") == [(1,)]


def test_one_record_under_two_pseudonyms_counts_once_or_not_at_all(
    own: Contributor, town: Town, node: Node
) -> None:
    slots = town.household(POOR, RICH)
    first, second = (one.claims.sub for one in slots)
    node.store.writer.write(
        lambda c: c.execute("UPDATE person SET key = ? WHERE psn = ?", (POOR, second))
    )
    try:
        assert ask(own, town, town.asked(slots)).code == "SUM_SLOTS"
    finally:
        node.store.writer.write(
            lambda c: c.execute("UPDATE person SET key = ? WHERE psn = ?", (RICH, second))
        )
    assert first != second


def test_sums_count_for_the_sentinel_as_questions_do(
    own: Contributor, town: Town, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = sentinel.working("00:00-24:00")
    looking = Sentinel(
        node.party, node.store, town.clock, Guard(hourly=1, after_hours=1, lines=1, working=working)
    )
    slots = town.household(POOR, RICH)
    for rung in (LOW, HIGH):
        assert ask(own, town, town.asked(slots, rung)).code == "CONTRIBUTED"
    noted: list[int] = []
    honest = looking._traffic.note

    def note(at: int, sender: str, questions: int) -> None:
        noted.append(questions)
        honest(at, sender, questions)

    monkeypatch.setattr(looking._traffic, "note", note)
    looking.look()
    assert noted[-2:] == [3, 3]  # two slots and an order
    suspected = joint.rows(town, "SELECT DISTINCT rule FROM suspicion ORDER BY rule")
    assert {("SERIES",), ("VOLUME",)} <= set(suspected)
    node.store.writer.write(lambda c: c.execute("DELETE FROM suspicion"))


def aborted(town: Town, run: bytes, rung: str = LOW, **changed: Any) -> bytes:
    """Let the tally sign that a run was aborted at a rung."""
    tally = parties.load(town.folder / "tally", PartyRole.TALLY, NOW)
    header = Header(
        method=COMPARE,
        sender="tally",
        audience="coordinator",
        qid=os.urandom(16),
        issued=NOW,
        expires=NOW + limits.REQUEST_LIFE,
        n=0,
        root=signed.UNSET_ROOT,
        purpose=1,
        policy_version=1,
        request_hash=bytes(32),
    )
    said = codec.encode_answer(Answer(outcome=Outcome.ABORTED))
    last = sum_messages.encode_compared(Compared(run=run, rung=rung, bits=b""))
    prepared = signed.prepare(replace(header, **changed), [said, last])
    return codec.encode_batch(signed.sign(prepared, tally.key))


def judged(town: Town, run: bytes, rung: str = LOW, *, replays: bool = True) -> bytes:
    """Let the auditor sign that a run's seed replays."""
    auditor = parties.load(town.folder / "auditor", PartyRole.AUDITOR, NOW)
    return verdict.sign(Verdict(run=run, rung=rung, replays=replays), auditor.key)


def test_a_second_attempt_has_a_share_of_its_own(own: Contributor, town: Town) -> None:
    slots = town.household(POOR)
    first = share(ask(own, town, town.asked(slots)))
    again: dict[str, Any] = {
        "attempt": 1,
        "abort": aborted(town, first.run),
        "verdict": judged(town, first.run),
    }
    second = share(ask(own, town, town.asked(slots, **again)))
    assert second.run == run_of(town, slots, attempt=1)
    assert second.ciphertext != first.ciphertext
    assert town.opened(second) == town.opened(first) == TOTAL[POOR]


@pytest.mark.parametrize("missing", ["abort", "verdict", "rung", "run", "replays", "signer"])
def test_a_second_attempt_needs_abort_and_verdict_of_this_rung(
    own: Contributor, town: Town, missing: str
) -> None:
    slots = town.household(POOR)
    first = share(ask(own, town, town.asked(slots)))
    again: dict[str, Any] = {
        "attempt": 1,
        "abort": aborted(town, first.run),
        "verdict": judged(town, first.run),
    }
    changes: dict[str, dict[str, Any]] = {
        "abort": {"abort": b""},
        "verdict": {"verdict": b""},
        "rung": {"abort": aborted(town, first.run, HIGH), "verdict": judged(town, first.run, HIGH)},
        "run": {"abort": aborted(town, b"x" * 32)},
        "replays": {"verdict": judged(town, first.run, replays=False)},
        "signer": {"abort": town.asked(slots)},
    }
    asked = town.asked(slots, **(again | changes[missing]))
    assert ask(own, town, asked).code == "SUM_ATTEMPT"


def order(town: Town, person: str) -> bytes:
    """Let the registrar order a person's erasure."""
    return erasure.sign(
        ErasureOrder(
            federation="test",
            registrar="registrar",
            id=os.urandom(16),
            issued=clock.day_start(NOW),
            department=TAX,
            subs=(town.psn(TAX, person),),
            reason=Reason.WITHDRAWN,
        ),
        town.registrar.key,
    )


def test_an_erased_person_s_share_is_gone_and_its_run_stays_closed(tmp_path: Path) -> None:
    town = joint.found(tmp_path / "f")
    with joint.open_node(town) as node:
        own = joint.contributor(node)
        eraser = Eraser(node.party, node.store, town.clock, lambda: node.status.current)
        slots = town.household(POOR, RICH)
        first, request = share(ask(own, town, town.asked(slots))), town.asked(slots, HIGH)
        assert share(ask(own, town, request)) == first
        assert ask(own, town, town.asked(slots, "none")).code == "CONSENT_NOT_GRANTED"
        for one in slots:
            town.states[one.claims.status_index] = Status.INVALID
        node.status.refresh()
        eraser.follow(order(town, POOR))
        stored = (town.folder / TAX / "data" / "node.sqlite").read_bytes()
        assert first.ciphertext not in stored
        assert joint.rows(town, "SELECT begun, ciphertext FROM contribution") == [(0, b"")]
        with beside(node.party.data) as state:
            qid = codec.decode_header(codec.decode_batch(request).envelope.payload).qid
            left = state.decided(qid)
            assert state.changed_entry() == 0
            assert list(sum_checks.lost(state.contributions)) == []
        assert left is not None
        assert [len(left.questions), left.order] == [1, SumOrder(period=MONTH)]
        with pytest.raises(Refused, match="REPLAYED"):
            own.contribute("coordinator", request)
        eraser.follow(order(town, RICH))
        # The last request told nothing: its tokens were never kept with it, but stand in its row.
        gone = joint.rows(town, "SELECT count(*) FROM log WHERE record IS NULL")
        assert gone == [(3,)]
        again = town.household(POOR, RICH, ref=_granted(town, slots[0]).joint.ref)
        assert ask(own, town, town.asked(again)).code == "SUM_CLOSED"


def _another_sum(town: Town, slot: Slot) -> bytes:
    return town.token(slot.claims, _granted(town, slot, ref=os.urandom(16)))
