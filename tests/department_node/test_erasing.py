"""Erasing: all of one person goes, nothing of anybody else, and the log still holds together."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto import merkle
from department_node import erasing, spent
from department_node.beside import beside
from department_node.erasing import Ground
from department_node.node_log import RULES, book
from department_node.store import FILE
from federation import clock, erasure
from federation.errors import BadInput, Refused, Unavailable
from federation.exchange import Outcome, Refusal
from federation.log import events, kinds, sqlite
from federation.log.events import Tombstone
from federation.log.node_events import ErasureFollowed
from federation.wire import codec
from tests.department_node import erasures
from tests.department_node.erasures import HERE, Office
from tests.support import twin as twins
from tests.support.twin import WITH_CAR, WITHOUT_CAR

OTHER = WITHOUT_CAR
PERSON = WITH_CAR


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    twin = erasures.make(tmp_path / "f")
    with twins.open_node(twin) as node:
        yield erasures.open_office(twin, node)


def test_what_is_about_one_person_alone_goes_from_the_log_too(office: Office) -> None:
    mine, theirs = office.ask(PERSON), office.ask(OTHER)
    office.answers(mine)
    office.answers(theirs)
    office.check()
    leaves = book(office.node.store).leaves(0, 2)
    office.end(PERSON)
    document = office.order(PERSON)
    office.eraser.follow(document)
    assert office.erased() == {office.row(mine)}
    assert book(office.node.store).leaves(0, 2) == leaves
    event, tombstone = book(office.node.store).rows(2, 4)
    assert kinds.read(event.record or b"").event == ErasureFollowed(
        order=erasure.read(document, office.node.party.manifest).id,
        reason="WITHDRAWN",
        document=hashlib.sha256(document).digest(),
    )
    assert event.beside == document
    said = events.read_tombstone(tombstone.record or b"")
    assert said is not None
    assert (said.order, said.rows) == (hashlib.sha256(document).digest(), (office.row(mine),))
    office.check()
    assert office.answers(theirs)[0].outcome is Outcome.NO


def test_every_trace_of_the_person_is_gone_from_the_files(office: Office) -> None:
    office.answers(office.ask(PERSON, line=100))
    office.answers(office.ask(PERSON))
    office.answers(office.ask(PERSON, OTHER))
    token = office.people[PERSON].token.split(b".")[1]
    jti = office.people[PERSON].claims.jti
    chain = office.people[PERSON].claims.chain
    folder = office.node.party.data
    office.end(PERSON)
    assert _found(folder, token)
    office.eraser.follow(office.order(PERSON))
    assert not _found(folder, token)
    assert office.rows("SELECT 1 FROM consent WHERE jti = ?", jti) == []
    assert office.rows("SELECT 1 FROM uses WHERE chain = ?", chain) == []
    assert office.rows("SELECT answer FROM cell WHERE subject = ?", PERSON.encode()) == [(b"",)] * 2
    named = office.rows("SELECT count(*) FROM log WHERE instr(beside, ?)", jti)
    assert named == [(1,)]  # the request that is about somebody else too


def _found(folder: Path, what: bytes) -> bool:
    return any(what in file.read_bytes() for file in folder.glob("node.sqlite*"))


def test_of_a_request_about_several_only_the_persons_items_go(office: Office) -> None:
    both = office.ask(OTHER, PERSON)
    answers = office.answers(both)
    row = office.row(both)
    qid = codec.decode_header(codec.decode_batch(both).envelope.payload).qid
    ((items, questions),) = office.rows("SELECT items, questions FROM answered WHERE qid = ?", qid)
    office.end(PERSON)
    office.eraser.follow(office.order(PERSON))
    assert office.erased() == set()
    ((left, asked),) = office.rows("SELECT items, questions FROM answered WHERE qid = ?", qid)
    assert isinstance(items, bytes)
    assert isinstance(questions, bytes)
    assert left == items[:112] + bytes(112)
    assert asked == questions[: len(questions) // 2] + bytes(2)
    with beside(office.node.party.data) as state:
        decided = state.decided(qid)
        assert state.changed_entry() == 0
    assert decided is not None
    assert decided.answers == (answers[0],)
    assert len(decided.questions) == 1
    with pytest.raises(Refused, match="REPLAYED"):
        office.answers(both)
    (kept,) = book(office.node.store).rows(row, row + 1)
    assert codec.decode_entry(kept.record or b"").caller == "coordinator"
    office.check()


def test_when_the_last_of_several_is_erased_the_row_goes(office: Office) -> None:
    both = office.ask(OTHER, PERSON)
    office.answers(both)
    for number in (PERSON, OTHER):
        office.end(number)
        office.eraser.follow(office.order(number))
    assert office.erased() == {office.row(both)}
    office.check()


def test_a_refused_question_of_another_keeps_its_row(office: Office) -> None:
    """Its token was never kept, so nobody here knows whose it was; it is not this person's."""
    office.fresh(OTHER, holder=bytes(32))
    both = office.ask(PERSON, OTHER)
    assert office.answers(both)[1].refusal is Refusal.CONSENT_WRONG_HOLDER
    office.end(PERSON)
    office.eraser.follow(office.order(PERSON))
    assert office.erased() == set()


def test_an_erased_request_is_not_answered_again(office: Office) -> None:
    request = office.ask(PERSON)
    office.answers(request)
    office.end(PERSON)
    office.eraser.follow(office.order(PERSON))
    with pytest.raises(Refused, match="REPLAYED"):
        office.answers(request)
    qid = codec.decode_header(codec.decode_batch(request).envelope.payload).qid
    with beside(office.node.party.data) as state:
        assert state.decided(qid) is None
        assert state.latest() is None
        assert state.changed_entry() == 0


def test_every_earlier_proof_of_others_still_holds(office: Office) -> None:
    requests = [office.ask(OTHER if n % 3 else PERSON) for n in range(9)]
    requests += [office.ask(PERSON, OTHER)]
    for request in requests:
        office.answers(request)
    office.check()
    log = book(office.node.store)
    before = log.newest()
    assert before is not None
    leaves = log.leaves(0, before.size)
    paths = [merkle.inclusion_path(n, leaves) for n in range(before.size)]
    rows = log.rows(0, before.size)
    office.end(PERSON)
    office.eraser.follow(office.order(PERSON))
    office.check()
    assert office.erased() == {office.row(one) for one in requests[:9:3]}
    for n, row in enumerate(log.rows(0, before.size)):
        assert row.leaf == rows[n].leaf
        assert row == rows[n] or row.erased
        merkle.verify_inclusion(row.leaf, n, before.size, paths[n], before.root)
    newest = log.newest()
    assert newest is not None
    merkle.verify_consistency(
        before.size,
        newest.size,
        merkle.consistency_path(before.size, log.leaves(0, newest.size)),
        before.root,
        newest.root,
    )


def test_nothing_goes_while_a_token_is_alive_by_the_newest_lists(office: Office) -> None:
    request = office.ask(PERSON)
    office.answers(request)
    before = _dump(office)
    with pytest.raises(Refused, match="ERASURE_TOO_EARLY") as refused:
        office.eraser.follow(office.order(PERSON))
    assert refused.value.details == {"tokens": 1}
    assert _dump(office) == before
    office.end(PERSON)
    office.eraser.follow(office.order(PERSON))
    assert office.erased() == {office.row(request)}


def test_an_expired_token_has_ended_without_any_list(office: Office) -> None:
    request = office.ask(PERSON)
    office.answers(request)
    order = office.order(PERSON)
    office.twin.clock.seconds = office.people[PERSON].claims.expires
    office.node.status.current = None
    office.eraser.follow(order)
    assert office.erased() == {office.row(request)}


def test_a_later_consent_stays_with_all_that_hangs_on_it(office: Office) -> None:
    """An order of before reaches nothing that was consented to since, however often it comes."""
    old = office.ask(PERSON)
    office.answers(old)
    office.end(PERSON)
    order = office.order(PERSON)
    office.twin.clock.seconds += 86_400
    office.node.status.refresh()
    later = office.fresh(PERSON)
    new = office.ask(PERSON)
    office.answers(new)
    office.eraser.follow(order)
    office.eraser.follow(order)
    assert office.erased() == {office.row(old)}
    assert office.rows("SELECT jti FROM consent") == [(later.claims.jti,)]
    ((answer,),) = office.rows("SELECT answer FROM cell WHERE subject = ?", PERSON.encode())
    assert answer
    assert office.answers(office.ask(PERSON))[0].use_no == 2
    office.check()


def test_the_same_order_again_does_nothing(office: Office) -> None:
    office.answers(office.ask(PERSON))
    office.end(PERSON)
    order = office.order(PERSON)
    office.eraser.follow(order)
    size = book(office.node.store).size()
    office.eraser.follow(order)
    assert book(office.node.store).size() == size
    ((tokens, emptied, shared),) = office.rows("SELECT tokens, emptied, shared FROM erasure")
    assert (tokens, emptied, shared) == (1, 1, 0)


def test_an_order_about_somebody_who_was_never_asked_about_is_logged(office: Office) -> None:
    office.eraser.follow(office.order("790302199302200158"))
    (row,) = book(office.node.store).rows(0, 1)
    assert isinstance(kinds.read(row.record or b"").event, ErasureFollowed)
    office.check()


def test_the_years_budget_outlasts_the_tokens_and_says_nothing(office: Office) -> None:
    """Else an order after each consent would open new lines of an income every time."""
    office.answers(office.ask(PERSON, line=100))
    office.answers(office.ask(PERSON))
    office.end(PERSON)
    office.eraser.follow(office.order(PERSON))
    subject = PERSON.encode()
    assert office.rows("SELECT count(*), max(answer) FROM cell WHERE subject = ?", subject) == [
        (2, b"")
    ]
    assert office.rows("SELECT line FROM opened WHERE subject = ?", subject) == [(100,)]
    office.node.store.writer.write(
        lambda c: spent.sweep(c, clock.epoch_of(office.twin.clock.now()))
    )
    assert len(office.rows("SELECT 1 FROM opened")) == 1
    office.node.store.writer.write(
        lambda c: spent.sweep(c, clock.epoch_of(office.twin.clock.now()) + 1)
    )
    assert office.rows("SELECT 1 FROM opened UNION ALL SELECT 1 FROM cell") == []


def test_past_years_go_at_once(office: Office) -> None:
    office.answers(office.ask(PERSON, line=100))
    writer = office.node.store.writer
    writer.write(lambda c: c.execute("UPDATE cell SET year = 2025"))
    writer.write(lambda c: c.execute("UPDATE opened SET year = 2025"))
    writer.write(
        lambda c: c.execute("INSERT INTO recheck VALUES (?, 2025, 'P40')", (PERSON.encode(),))
    )
    writer.write(lambda c: c.execute("INSERT INTO alert VALUES (?, 2026)", (PERSON.encode(),)))
    office.end(PERSON)
    office.eraser.follow(office.order(PERSON))
    tables = ["cell", "opened", "recheck", "alert"]
    assert [office.rows(f"SELECT count(*) FROM {table}") for table in tables] == [[(0,)]] * 4


def test_a_persons_two_pseudonyms_share_a_record(office: Office) -> None:
    """Last year's name of the same record: what hangs on the record goes only with its last."""
    office.answers(office.ask(PERSON))
    writer = office.node.store.writer
    old = b"\x07" * 32
    writer.write(
        lambda c: c.execute("INSERT INTO person VALUES (?, 2025, ?, x'', x'', 1)", (old, PERSON))
    )
    assert spent.pseudonyms(office.node.store.reader, [old]) == (
        old,
        office.twin.psn(HERE, PERSON),
    )
    office.eraser.follow(office.order(subs=(old,)))
    assert office.rows("SELECT answer <> x'' FROM cell") == [(1,)]
    office.end(PERSON)
    office.eraser.follow(
        office.order(PERSON, subs=tuple(sorted((old, office.twin.psn(HERE, PERSON)))))
    )
    assert office.rows("SELECT answer <> x'' FROM cell") == [(0,)]


def test_many_rows_take_several_tombstones(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "MOST_ERASED", 2)
    for _ in range(5):
        office.answers(office.ask(PERSON))
    office.check()
    office.end(PERSON)
    office.eraser.follow(office.order(PERSON))
    assert len(office.erased()) == 5
    kinds_of = [
        events.read(row.record or b"")["kind"] for row in book(office.node.store).rows(5, 9)
    ]
    assert kinds_of == ["erasure.followed", *["tombstone"] * 3]
    office.check()


def test_an_order_that_bears_a_tokens_id_stays(office: Office) -> None:
    """What another order of the registrar's looks like decides nothing about its own row."""
    office.answers(office.ask(PERSON))
    jti = office.people[PERSON].claims.jti
    office.eraser.follow(office.order("790302199302200158", id=jti))
    office.end(PERSON)
    office.eraser.follow(office.order(PERSON))
    assert office.erased() == {0}
    office.check()


def test_a_tombstone_without_an_order_before_it_is_found(office: Office) -> None:
    """Also as the very first row, where nothing is before it."""
    office.answers(office.ask(OTHER))
    assert not RULES.ordered(book(office.node.store), 0, bytes(32))
    writer = office.node.store.writer
    tombstone = Tombstone(at=1, order=bytes(32), rows=(0,))
    writer.write(lambda c: sqlite.erase(c, tombstone))
    with pytest.raises(Unavailable, match="LOG_ALTERED"):
        office.check()
    writer.write(lambda c: c.execute("DELETE FROM log WHERE seq = 1"))
    writer.write(lambda c: c.execute("UPDATE log SET seq = 1"))
    assert not RULES.ordered(book(office.node.store), 0, bytes(32))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"department": "tax"}, "department"),
        ({"federation": "other"}, "federation"),
        ({"registrar": "coordinator"}, "federation"),
    ],
)
def test_anothers_order_is_refused(office: Office, changes: dict[str, object], why: str) -> None:
    with pytest.raises(BadInput, match="ERASURE_INVALID") as refused:
        office.eraser.follow(office.order(PERSON, **changes))
    assert refused.value.details["why"] == why


def test_an_order_of_somebody_else_is_refused(office: Office) -> None:
    before = _dump(office)
    with pytest.raises(BadInput, match="ERASURE_INVALID"):
        office.eraser.follow(office.order_by(office.twin.coordinator.key, PERSON))
    assert _dump(office) == before


def test_what_came_between_looking_and_following_is_erased_too(office: Office) -> None:
    office.answers(office.ask(PERSON))
    document = office.order(PERSON)
    order = erasure.read(document, office.node.party.manifest)
    found = erasing.look(office.node.store.reader, order)
    late = office.ask(PERSON)
    office.answers(late)
    office.end(PERSON)
    ground = Ground(order=order, document=document, lists=office.node.status.current, now=twins.NOW)
    done = office.node.store.writer.write(lambda c: erasing.follow(c, ground, found))
    assert done.emptied == 2
    assert office.row(late) in office.erased()


@pytest.mark.parametrize("what", ["order", "document", "moved", "torn"])
def test_the_self_check_wants_the_order_before_its_tombstones(office: Office, what: str) -> None:
    office.answers(office.ask(PERSON))
    office.check()
    office.end(PERSON)
    office.eraser.follow(office.order(PERSON))
    path = office.node.party.data / FILE
    changes = {
        "order": "UPDATE log SET salt = NULL, record = NULL, beside = NULL WHERE seq = 2",
        "document": "UPDATE log SET beside = x'00' WHERE seq = 2",
        "moved": "UPDATE log_erased SET tombstone = 2",
        "torn": "UPDATE log SET record = x'7b' WHERE seq = 2",
    }
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(changes[what])
        connection.commit()
    with pytest.raises(Unavailable, match="LOG_ALTERED"):
        office.check()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.lists(st.sampled_from([PERSON, OTHER]), min_size=1, max_size=4), min_size=1, max_size=8
    )
)
def test_whatever_was_asked_only_the_persons_goes(
    tmp_path_factory: pytest.TempPathFactory, asked: list[list[str]]
) -> None:
    twin = erasures.make(tmp_path_factory.mktemp("f") / "f")
    with twins.open_node(twin) as node:
        office = erasures.open_office(twin, node)
        requests = [(who, office.ask(*who)) for who in asked]
        answers = [office.answers(request) for _, request in requests]
        office.end(PERSON)
        office.eraser.follow(office.order(PERSON))
        office.check()
        alone = {office.row(request) for who, request in requests if {*who} == {PERSON}}
        assert office.erased() == alone
        with beside(node.party.data) as state:
            for (who, request), given_before in zip(requests, answers, strict=True):
                qid = codec.decode_header(codec.decode_batch(request).envelope.payload).qid
                left = state.decided(qid)
                kept = [a for a, w in zip(given_before, who, strict=True) if w == OTHER]
                assert list(left.answers if left else ()) == kept


def _dump(office: Office) -> str:
    tables = ("log", "consent", "answered", "uses", "cell", "opened", "erasure")
    rows = {one: office.rows(f"SELECT * FROM {one} ORDER BY 1") for one in tables}
    return json.dumps(rows, default=repr)
