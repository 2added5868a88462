"""Batch mandates over real sockets: what is asked is answered truly, every way around it fails."""

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from coordinator.asking import mandate_books, mandate_files
from coordinator.asking.conductor import Patience
from coordinator.asking.mandate_books import Block, Filed, Listed
from coordinator.asking.mandates import Standing, questions_of
from crypto.keys import SigningKey
from department_node import beside, matching, node
from department_node import mandates as node_mandates
from department_node.mandate_books import MandateBooks
from federation import catalogue, exchange, ledger, limits, mandate, mandate_list, status
from federation.errors import HeduiError
from federation.exchange import Outcome, Purpose, Refusal
from federation.mandate_list import BlockAnswer, BlockQuestion
from federation.wire import codec, mandate_messages, signed
from registrar.store import FILE, Store
from tests.support import mandates as towns
from tests.support.mandates import CIVIL, DAY, DEATH, POOR, RURAL, Town, digest, person_id

KNOWN = 60
PEOPLE = [person_id(n) for n in range(KNOWN)]
SMALL = 16
"""People of a block here, so that lists have several."""


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    """Let blocks be small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MANDATE_BLOCK", SMALL)
        yield


@pytest.fixture(scope="module")
def town(small_blocks: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Run a registrar, two departments, and the centre's side of the wire."""
    with towns.running(tmp_path_factory.mktemp("town") / "f", KNOWN) as running:
        yield running


class Papers:
    """A mandate's papers for one department, as its centre holds them."""

    def __init__(self, town: Town, people: list[str], department: str = CIVIL, **more: Any) -> None:
        filed = town.enlisted(people, **more)
        with town.desk() as desk:
            self.filed: Filed = desk.books.find(filed.id)
            self.listed: Listed = desk.books.lists(filed.id)[department]
            count = -(-len(people) // SMALL)
            self.blocks: list[Block] = [
                desk.books.block(filed.id, department, n) for n in range(count)
            ]
        self.department = department
        self.town = town
        self.question = BlockQuestion(
            signed_list=self.listed.digest,
            block=0,
            predicate="P10" if department == CIVIL else "P64",
        )

    @property
    def all(self) -> tuple[bytes, bytes, bytes]:
        """What a first question to the first block shows."""
        return self.listed.signed_list, self.filed.document, self.blocks[0].pseudonyms

    def ask(self, *shown: bytes, **changes: Any) -> BlockAnswer:
        """Ask, showing this, with changes to header or question."""
        asked = {k: changes.pop(k) for k in list(changes) if hasattr(self.question, k)}
        key = changes.pop("key", None)
        header = replace(self.town.header(self.department), **changes)
        question = replace(self.question, **asked)
        request = self.town.request(header, question, *shown, key=key)
        people = (
            self.blocks[question.block].pseudonyms if question.block < len(self.blocks) else b""
        )
        return self.town.said(request, people, department=self.department)


def code(said: BlockAnswer) -> str:
    assert said.whole
    assert len(said.outcomes) == 1
    return said.answer.refusal.name if said.answer.refusal else said.answer.outcome.name


def people_from(start: int, count: int = 40) -> list[str]:
    """Give some people, different ones for each test: what was said of them stays."""
    return [person_id(n) for n in range(start, start + count)]


def expected(department: str, people: list[str]) -> list[str]:
    """Give the outcomes that the records have."""
    happened = towns.is_dead if department == CIVIL else towns.is_poor
    return [
        "YES" if n < KNOWN and towns.knows(department, n) and happened(n) else "NO"
        for n in (PLACES[one] for one in people)
    ]


PLACES = {person_id(n): n for n in range(2_000)}


def run(town: Town, filed: Filed, out: Path, **more: Any) -> tuple[list[Standing], list[str]]:
    """Run a mandate to the end, and read the file of results."""
    with town.desk() as desk:
        filed = desk.books.find(filed.id)
        standing = desk.run.run(filed, **more)
        given, _ = mandate.look(filed.document)
        wanted = questions_of(given, desk.at.party.manifest, catalogue.load())
        mandate_files.write_results(out, desk.books, filed, wanted)
    return standing, out.read_text("utf-8").splitlines()


def test_everybody_is_answered_truly_at_both_departments(town: Town, tmp_path: Path) -> None:
    people = people_from(20, 60)
    standing, lines = run(town, town.enlisted(people), tmp_path / "out.csv")
    assert [(one.done, one.all, one.code) for one in standing] == [(4, 4, "")] * 2
    assert lines[0] == f"id,{CIVIL} P10,{RURAL} P64"
    rows = [line.split(",") for line in lines[1:]]
    assert [row[0] for row in rows] == people
    assert [row[1] for row in rows] == expected(CIVIL, people)
    assert [row[2] for row in rows] == expected(RURAL, people)
    assert "YES" in expected(CIVIL, people)
    assert (tmp_path / "out.csv").stat().st_mode & 0o077 == 0


def test_papers_are_presented_once_and_then_named(town: Town) -> None:
    papers = Papers(town, people_from(100))
    assert code(papers.ask()) == "PRESENT_AGAIN"
    assert code(papers.ask(papers.all[0])) == "PRESENT_AGAIN"
    assert code(papers.ask(*papers.all[:2])) == "PRESENT_AGAIN"
    first = papers.ask(*papers.all)
    assert not first.whole
    assert first.answer.use_no == 1
    again = papers.ask()
    assert again.outcomes == first.outcomes
    assert again.answer.use_no == 2
    assert code(papers.ask(block=1)) == "PRESENT_AGAIN"
    assert not papers.ask(papers.blocks[1].pseudonyms, block=1).whole


def test_what_was_said_in_a_month_stays_said(town: Town) -> None:
    papers = Papers(town, people_from(0, 16))
    before = papers.ask(*papers.all)
    records = town.nodes[CIVIL].catalogue.source
    with closing(sqlite3.connect(records)) as connection, connection:
        gone = connection.execute("SELECT id FROM event").fetchall()
        connection.execute("DELETE FROM event")
    assert papers.ask() == replace(before, answer=replace(before.answer, use_no=2))
    other = Papers(town, people_from(0, 15))
    assert Outcome.YES not in other.ask(*other.all).outcomes
    with closing(sqlite3.connect(records)) as connection, connection:
        connection.executemany("INSERT INTO event VALUES (?)", gone)


def test_the_same_request_gets_the_same_bytes_and_its_id_nothing_else(town: Town) -> None:
    papers = Papers(town, people_from(150))
    header = town.header()
    request = town.request(header, papers.question, *papers.all)
    reply = town.send(request)
    logged = town.rows(CIVIL, "SELECT count(*) FROM log")
    assert town.send(request) == reply
    assert town.rows(CIVIL, "SELECT count(*) FROM log") == logged
    other = town.request(header, replace(papers.question, block=1), papers.blocks[1].pseudonyms)
    with pytest.raises(HeduiError, match="REPLAYED"):
        town.send(other)


def test_of_two_first_questions_at_once_one_answer_is_frozen_for_both(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    papers = Papers(town, people_from(0, 14))
    both = Barrier(2)
    honest = matching.match
    turns = iter((0, 1))

    def at_once(*args: Any) -> bytes:
        found = honest(*args)
        both.wait(10)
        return found if next(turns) else bytes([Outcome.NO]) * len(found)

    monkeypatch.setattr(matching, "match", at_once)
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda _: papers.ask(*papers.all), range(2)))
    assert said[0].outcomes == said[1].outcomes
    assert sorted(one.answer.use_no for one in said) == [1, 2]
    monkeypatch.undo()
    assert papers.ask().outcomes == said[0].outcomes


def test_every_answer_and_every_refusal_is_in_the_log_before_it_leaves(town: Town) -> None:
    papers = Papers(town, people_from(200))
    before = len(town.rows(CIVIL, "SELECT seq FROM log"))
    said = papers.ask(*papers.all)
    assert code(papers.ask(predicate="P62")) == "CONSENT_NOT_GRANTED"
    rows = town.rows(CIVIL, "SELECT record, beside FROM log ORDER BY seq")[before:]
    assert [codec.decode_entry(record).kind for record, _ in rows] == ["mandate", "mandate"]  # type: ignore[arg-type]
    entries = [ledger.read_items(items) for _, items in rows]  # type: ignore[arg-type]
    assert [len(one.answer_leaves) for one in entries] == [len(said.outcomes), 1]
    listed = mandate_list.read(papers.all[0], town.parties["registrar"].entry.keys)
    assert [one.tokens for one in entries] == [(listed.jti,)] * 2
    with beside.beside(node.data_folder(town.folder / CIVIL)) as state:
        assert state.changed_entry() == 0


def test_a_failing_log_answers_nobody(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    papers = Papers(town, people_from(250))

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr("department_node.mandates.Ledger.append", full)
    with pytest.raises(HeduiError, match="LOG_UNAVAILABLE"):
        papers.ask(*papers.all)
    monkeypatch.undo()
    assert papers.ask(*papers.all).answer.use_no == 1


# Dishonest centres.


def forged(town: Town, papers: Papers, document: bytes, **changes: Any) -> bytes:
    """Sign a list with the registrar's own key that the registrar would not sign."""
    keys = town.parties["registrar"]
    listed = mandate_list.read(papers.listed.signed_list, keys.entry.keys)
    changed = replace(listed, mandate=digest(document), jti=os.urandom(16), **changes)
    return mandate_list.issue(changed, keys.key)


def with_mandate(town: Town, papers: Papers, document: bytes, **changes: Any) -> BlockAnswer:
    """Ask under another mandate with a list that fits it."""
    signed_list = forged(town, papers, document, **changes.pop("listed", {}))
    return papers.ask(
        signed_list,
        document,
        papers.blocks[0].pseudonyms,
        signed_list=digest(signed_list),
        **changes,
    )


def test_a_mandate_signed_by_one_root_key(town: Town) -> None:
    papers = Papers(town, people_from(300))
    draft = mandate.draft(mandate.look(papers.filed.document)[0])
    assert code(with_mandate(town, papers, town.signed(draft, keys=1))) == "MANDATE_INVALID"
    strange = mandate.countersign(draft, [SigningKey.generate() for _ in range(2)])
    assert code(with_mandate(town, papers, strange)) == "MANDATE_INVALID"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"departments": (RURAL,)}, "MANDATE_INVALID"),
        ({"coordinator": "stranger"}, "MANDATE_INVALID"),
        ({"questions": (("P21", "wage-12s"), ("P10", ""))}, "MANDATE_INVALID"),
        ({"questions": (("P10", ""), ("P11", "w12m"))}, "MANDATE_INVALID"),
        ({"questions": (("P64", ""),)}, "CONSENT_NOT_GRANTED"),
        ({"purpose": Purpose.REVIEW}, "CONSENT_WRONG_PURPOSE"),
        ({"size": 39}, "MANDATE_EXHAUSTED"),
    ],
)
def test_a_mandate_for_something_else(town: Town, changes: dict[str, Any], said: str) -> None:
    papers = Papers(town, people_from(350))
    document = towns.change(papers.filed.document, town.roots[:2], **changes)
    assert code(with_mandate(town, papers, document)) == said


def test_a_mandate_before_and_after_its_time(town: Town) -> None:
    papers = Papers(town, people_from(400))
    now = town.clock.now()
    later = towns.change(papers.filed.document, town.roots, not_before=now + 1_000)
    assert code(with_mandate(town, papers, later)) == "MANDATE_INVALID"
    short = towns.change(papers.filed.document, town.roots, expires=now + 10)
    assert code(with_mandate(town, papers, short)) == "MANDATE_INVALID"
    ended = forged(town, papers, short, expires=now + 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(town.clock, "seconds", now + 60)
        said = papers.ask(ended, short, papers.blocks[0].pseudonyms, signed_list=digest(ended))
    assert code(said) == "CONSENT_EXPIRED"


def test_a_lower_version_of_a_mandate(town: Town) -> None:
    papers = Papers(town, people_from(450))
    higher = towns.change(papers.filed.document, town.roots, version=2)
    assert not with_mandate(town, papers, higher).whole
    assert code(papers.ask(*papers.all)) == "MANDATE_INVALID"


def test_a_list_of_another_department(town: Town) -> None:
    papers = Papers(town, people_from(500))
    rural = Papers(town, people_from(500), RURAL)
    shown = (rural.listed.signed_list, rural.filed.document, rural.blocks[0].pseudonyms)
    assert code(papers.ask(*shown, signed_list=rural.listed.digest)) == "CONSENT_WRONG_AUDIENCE"


def test_a_presentation_replayed_at_another_department(town: Town) -> None:
    papers = Papers(town, people_from(550))
    request = town.request(town.header(), papers.question, *papers.all)
    assert not town.said(request, papers.blocks[0].pseudonyms).whole
    said = town.send(request, department=RURAL)
    # The department answers for itself, and it is not the one that was asked.
    message = codec.decode_header(towns.node_answer(said).envelope.payload)
    assert message.sender == RURAL
    assert codec.decode_answer(towns.node_answer(said).answer).refusal is Refusal.WRONG_AUDIENCE


def test_people_that_do_not_fit_the_signed_list(town: Town) -> None:
    papers = Papers(town, people_from(600))
    other = papers.blocks[1].pseudonyms
    assert code(papers.ask(*papers.all[:2], other)) == "PRESENT_AGAIN"
    torn = papers.all[2][32:] + other[:32]
    assert code(papers.ask(*papers.all, torn)) == "MANDATE_INVALID"
    short = forged(town, papers, papers.filed.document, blocks=(digest(papers.all[2][:-32]),) * 3)
    shown = (short, papers.filed.document, papers.all[2][:-32])
    assert code(papers.ask(*shown, signed_list=digest(short))) == "MANDATE_INVALID"


def test_more_people_than_the_mandate_has_over_two_lists(town: Town) -> None:
    papers = Papers(town, people_from(650))
    assert not papers.ask(*papers.all).whole
    other = Papers(town, people_from(700))
    second = forged(town, other, papers.filed.document)
    shown = (second, papers.filed.document, other.blocks[0].pseudonyms)
    for _ in range(2):
        assert code(papers.ask(*shown, signed_list=digest(second))) == "MANDATE_EXHAUSTED"
    same = forged(town, papers, papers.filed.document)
    said = papers.ask(same, papers.filed.document, papers.all[2], signed_list=digest(same))
    assert not said.whole, "the same people in another list are not counted twice"
    assert said.answer.use_no == 2


def test_a_list_that_is_not_the_registrars(town: Town) -> None:
    papers = Papers(town, people_from(750))
    listed = mandate_list.read(papers.listed.signed_list, town.parties["registrar"].entry.keys)
    mine = mandate_list.issue(listed, town.parties["coordinator"].key)
    assert code(papers.ask(mine, *papers.all[1:], signed_list=digest(mine))) == "MANDATE_INVALID"


def test_another_centre_with_somebody_elses_papers(town: Town) -> None:
    papers = Papers(town, people_from(800))
    request = town.request(town.header(sender="stranger"), papers.question, *papers.all)
    said = town.said(request, papers.blocks[0].pseudonyms, sender="stranger")
    assert code(said) == "CONSENT_WRONG_HOLDER"
    borrowed = town.request(town.header(), papers.question, *papers.all)
    with pytest.raises(HeduiError, match="WRONG_PARTY"):
        town.send(borrowed, sender="stranger")
    forged_key = town.request(
        town.header(), papers.question, *papers.all, key=town.parties["stranger"].key
    )
    with pytest.raises(HeduiError, match="BAD_SIGNATURE"):
        town.send(forged_key)
    from_a_node = town.request(town.header(sender=RURAL), papers.question)
    with pytest.raises(HeduiError, match="PARTY_UNKNOWN"):
        town.send(from_a_node, sender=RURAL)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": exchange.ASK}, "WRONG_METHOD"),
        ({"policy_version": 2}, "POLICY_VERSION"),
        ({"purpose": Purpose.ENTRY}, "CONSENT_WRONG_PURPOSE"),
        ({"block": 3}, "QUESTION_MALFORMED"),
        ({"predicate": "P62"}, "CONSENT_NOT_GRANTED"),
        ({"predicate": "P64"}, "POLICY_NOT_ANSWERED"),
        ({"predicate": "P40"}, "CONSENT_NOT_GRANTED"),
        ({"parameter": "w12m"}, "CONSENT_NOT_GRANTED"),
    ],
)
def test_a_request_for_something_else(town: Town, changes: dict[str, Any], said: str) -> None:
    papers = Papers(town, people_from(850, 48))
    assert code(papers.ask(*papers.all, **changes)) == said


def test_a_request_that_is_too_old(town: Town) -> None:
    papers = Papers(town, people_from(850, 48))
    now = town.clock.now()
    stale = {"issued": now - 1_000, "expires": now - 800}
    assert code(papers.ask(*papers.all, **stale)) == "REQUEST_NOT_FRESH"


def test_two_questions_or_none_in_one_request(town: Town) -> None:
    papers = Papers(town, people_from(850, 48))
    item = mandate_messages.encode_question(papers.question)
    for items in ([], [item, item]):
        batch = signed.sign(signed.prepare(town.header(), items), town.parties["coordinator"].key)
        with pytest.raises(HeduiError, match="MALFORMED"):
            town.send(codec.encode_batch(batch))


def test_an_item_that_is_no_question(town: Town) -> None:
    header = town.header()
    prepared = signed.prepare(header, [b"\xff"])
    request = codec.encode_batch(signed.sign(prepared, town.parties["coordinator"].key))
    assert code(town.said(request, b"")) == "QUESTION_MALFORMED"


def test_a_paused_node_and_a_stale_status_list(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    papers = Papers(town, people_from(900))
    one = town.nodes[CIVIL]
    one.paused_file.touch()
    assert code(papers.ask(*papers.all)) == "NODE_PAUSED"
    one.paused_file.unlink()
    monkeypatch.setattr(one.status, "current", None)
    assert code(papers.ask(*papers.all)) == "STATUS_LIST_STALE"


def test_a_source_that_is_old_or_cannot_be_read(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    papers = Papers(town, people_from(950))
    one = town.nodes[CIVIL]
    facts = one.facts()
    monkeypatch.setattr(one, "_facts", (float("inf"), replace(facts, as_of=None)))
    assert code(papers.ask(*papers.all)) == "STALE"
    monkeypatch.setattr(one, "_facts", (float("inf"), replace(facts, epochs=frozenset())))
    assert code(papers.ask(*papers.all)) == "SOURCE_UNAVAILABLE"
    monkeypatch.setattr(one, "_facts", (float("inf"), facts))
    answering = one.catalogue.answers["P10"]
    broken = {"P10": replace(answering, sql="SELECT 'x' FROM person WHERE id = :key")}
    monkeypatch.setattr(type(one.catalogue), "__setattr__", object.__setattr__)
    known = Papers(town, people_from(20, 16))
    monkeypatch.setattr(one.catalogue, "answers", broken)
    assert code(known.ask(*known.all)) == "SOURCE_UNAVAILABLE"
    monkeypatch.undo()
    assert not papers.ask(*papers.all).whole


# A run at the centre.


def test_a_list_revoked_in_mid_run(town: Town, tmp_path: Path) -> None:
    people = people_from(1_000, 48)
    filed = town.enlisted(people)

    def after_the_first(one: Standing) -> None:
        if one.done == 1 and one.department == CIVIL:
            town.revoke(filed.id)

    standing, lines = run(town, filed, tmp_path / "out.csv", tell=after_the_first)
    civil = next(one for one in standing if one.department == CIVIL)
    assert (civil.done, civil.code) == (1, "CONSENT_REVOKED")
    column = [line.split(",")[1] for line in lines[1:]]
    assert (column.count("NO"), column.count("")) == (SMALL, 48 - SMALL)
    standing, _ = run(town, filed, tmp_path / "out.csv")
    assert {one.code for one in standing if one.done < one.all} == {"CONSENT_REVOKED"}


def test_a_run_goes_on_where_it_broke_off_byte_for_byte(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = people_from(1_060, 48)
    filed = town.enlisted(people)
    sent: list[bytes] = []

    class Killed(BaseException):
        pass

    def lost(books: mandate_books.MandateBooks, *args: Any) -> None:
        sent.append(args[2].request)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(mandate_books.MandateBooks, "answer", lost)
        with pytest.raises(Killed):
            run(town, filed, tmp_path / "out.csv")
    before = town.rows(CIVIL, "SELECT count(*) FROM mandate_answered")
    standing, lines = run(town, filed, tmp_path / "out.csv")
    assert all(one.done == one.all == 3 for one in standing)
    assert [line.split(",")[1] for line in lines[1:]] == expected(CIVIL, people)
    after = town.rows(CIVIL, "SELECT count(*) FROM mandate_answered")
    assert int(str(after[0][0])) == int(str(before[0][0])) + 2, "the lost answer was given again"
    with town.desk() as desk:
        assert all(not desk.books.sent(filed, d) for d in (CIVIL, RURAL))
    assert sent


def test_a_question_that_expired_on_its_way_is_put_anew(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = people_from(1_120, 16)
    filed = town.enlisted(people)
    with town.desk() as desk:
        given, _ = mandate.look(filed.document)
        listed = desk.books.lists(filed.id)[CIVIL]
        with monkeypatch.context() as patch:
            patch.setattr(town.clock, "seconds", town.clock.seconds - 1_000)
            old = desk.run.compose(given, listed, 0, DEATH)
        desk.books.send(desk.books.find(filed.id), CIVIL, 0, DEATH, old)
    standing, lines = run(town, filed, tmp_path / "out.csv")
    assert all(not one.code for one in standing)
    assert [line.split(",")[1] for line in lines[1:]] == expected(CIVIL, people)


def test_a_department_that_forgot_is_shown_all_again(town: Town, tmp_path: Path) -> None:
    people = people_from(1_140, 32)
    filed = town.enlisted(people)
    run(town, filed, tmp_path / "out.csv")
    with closing(sqlite3.connect(town.folder / CIVIL / "data" / "node.sqlite")) as c, c:
        c.execute("DELETE FROM mandate_list")
        c.execute("DELETE FROM mandate_block")
    with town.desk() as desk:
        desk.books.begin_round(filed.id)
    standing, lines = run(town, filed, tmp_path / "out.csv")
    assert all((one.done, one.code) == (2, "") for one in standing)
    assert [line.split(",")[1] for line in lines[1:]] == expected(CIVIL, people)


def test_a_department_that_always_forgets_is_not_asked_for_ever(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = town.enlisted(people_from(1_160, 16))
    monkeypatch.setattr(MandateBooks, "keep", lambda *_: None)
    monkeypatch.setattr("department_node.mandate_gate.check_block", forgetting)
    with town.desk() as desk:
        standing = desk.run.run(desk.books.find(filed.id))
    assert {one.code for one in standing} == {"PRESENT_AGAIN"}


def forgetting(*_: object) -> None:
    """Let a node say that it does not have what it was shown."""
    raise node_mandates._PresentAgain


def test_a_silent_department_holds_up_nobody(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = people_from(1_180, 16)
    filed = town.enlisted(people)
    quick = Patience(tries=2, whole=5.0, pause=0.01, longest_pause=0.01)
    with town.desk() as desk:
        filed = desk.books.find(filed.id)
        monkeypatch.setattr(desk.run, "_patience", quick)
        call = desk.run.ports.call

        def mute(department: str, request: bytes) -> bytes:
            if department == CIVIL:
                raise towns.unreachable(department)
            return call(department, request)

        monkeypatch.setattr(desk.run, "_ports", replace(desk.run.ports, call=mute))
        standing = {one.department: one for one in desk.run.run(filed)}
    assert (standing[CIVIL].done, standing[CIVIL].code) == (0, "PEER_UNREACHABLE")
    assert (standing[RURAL].done, standing[RURAL].code) == (1, "")
    finished, _ = run(town, filed, tmp_path / "out.csv")
    assert all(not one.code for one in finished)


def test_the_papers_tell_two_departments_nothing_in_common(town: Town) -> None:
    people = people_from(1_200, 48)
    here, there = Papers(town, people), Papers(town, people, RURAL)
    mine = {b.pseudonyms[i : i + 32] for b in here.blocks for i in range(0, len(b.pseudonyms), 32)}
    other = {
        b.pseudonyms[i : i + 32] for b in there.blocks for i in range(0, len(b.pseudonyms), 32)
    }
    assert len(mine) == len(other) == len(people)
    assert not mine & other
    orders = [[place for b in p.blocks for place in b.places] for p in (here, there)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(48))
    agreeing = sum(a == b for a, b in zip(*orders, strict=True))
    assert agreeing < 10, "places in the lists do not join people"
    assert not any(one.encode() in here.filed.document for one in people)


def test_the_registrar_counts_a_list_in_its_status_series(town: Town) -> None:
    papers = Papers(town, people_from(1_260, 16))
    listed = mandate_list.read(papers.listed.signed_list, town.parties["registrar"].entry.keys)
    store = Store(town.parties["registrar"].data / FILE)
    with store.read() as view:
        series = view.entries.usage(CIVIL)
    store.close()
    assert listed.status_uri == status.uri_of("registrar", CIVIL, series[-1].series)
    assert series[-1].used >= 1
    assert listed.expires <= town.clock.now() + 5 * DAY
    assert POOR[0] == "P64"
