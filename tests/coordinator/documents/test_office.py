"""Issuing reports: every version is kept, and an altered one is noticed."""

import stat
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import update

from coordinator.casework.cases import Method, Signature
from coordinator.casework.happened import Act
from coordinator.casework.lifecycle import Event, State
from coordinator.documents import typesetting
from coordinator.documents.consent_forms import Form
from coordinator.documents.office import is_page, issue, printed, write
from coordinator.life_book import LifeBook
from coordinator.log_book import LogBook
from coordinator.schema_documents import report_issue
from federation.errors import BadInput
from federation.exchange import Outcome
from federation.log import kinds
from federation.log.coordinator_events import ReportIssued
from federation.log.events import is_event
from federation.strictjson import dumps, loads
from tests.coordinator import evidenced
from tests.coordinator.documents.offices import asked, opened, said
from tests.coordinator.town import APPLICANT, CHILD, WIFE, Town, case_text, person_text, told

SCAN = b"\x01" * 32


def test_a_report_is_issued_once_and_then_given_again(town: Town) -> None:
    case = asked(town)
    with opened(town) as office:
        first = office.issue(case, "op-lin")
    town.clock.seconds += 3_600
    with opened(town) as office:
        assert office.issue(case, "op-wang") == first
        assert office.current(first)
        assert [one.version for one in office.issued(case)] == [1]


def test_with_a_reason_the_next_version_comes_and_both_are_kept(town: Town) -> None:
    case = asked(town)
    with opened(town) as office:
        first = office.issue(case, "op-lin")
        before = typesetting.pdf(first.paper("zh"))
    town.departments["tax"].answer = lambda question: told(Outcome.NO)
    with town.desk() as desk:
        desk.run([case], again=True)
    with opened(town) as office:
        assert not office.current(first)
        second = office.issue(case, "op-wang", "补充材料")
        kept = office.issued(case)
    assert kept == [first, second]
    assert (second.version, second.reason, second.operator) == (2, "补充材料", "op-wang")
    assert "本版替代第 1 版，原因：补充材料。" in said(second.paper("zh"))
    assert "原因" not in said(first.paper("zh"))
    assert first.digest != second.digest
    assert typesetting.pdf(kept[0].paper("zh")) == before


def test_looking_whether_a_report_is_current_takes_no_step(town: Town) -> None:
    case = asked(town)
    with opened(town) as office:
        first = office.issue(case, "op-lin")
    with town.database() as database:
        book = LifeBook(database)
        for event in (Event.NOTICE, Event.RECONFIRM):
            book.act(case, Act(event=event, operator="op-lin", document=SCAN), town.clock.now())
    with town.desk() as desk:
        desk.run([case], again=True)
    with opened(town) as office:
        assert office.current(first)
    with town.database() as database:
        assert LifeBook(database).lives([case])[case].state is State.QUERYING


def test_the_log_knows_the_digest_of_every_version(town: Town) -> None:
    case = asked(town)
    with opened(town) as office:
        office.issue(case, "op-lin")
        office.issue(case, "op-lin")
        office.issue(case, "op-wang", "补充材料")
        kept = office.issued(case)
    with town.database() as database:
        book = LogBook(database)
        records = [row.record for row in book.rows(0, book.size())]
    events = [kinds.read(one).event for one in records if one and is_event(one)]
    assert [one for one in events if isinstance(one, ReportIssued)] == [
        ReportIssued(
            case=case, version=one.version, operator=one.operator, report=bytes.fromhex(one.digest)
        )
        for one in kept
    ]


def test_a_document_is_canonical_and_holds_report_and_both_papers(town: Town) -> None:
    case = asked(town)
    with opened(town) as office:
        issued = office.issue(case, "op-lin")
    document = loads(issued.document, "report")
    assert dumps(document) == issued.document
    assert document.keys() == {"version", "report", "papers"}
    assert document["papers"].keys() == {"zh", "en"}
    assert document["report"]["case"] == case
    assert sha256(issued.document).hexdigest() == issued.digest


def test_before_anybody_has_answered_there_is_nothing_to_report(town: Town) -> None:
    (case,) = town.ready()
    with opened(town) as office, pytest.raises(BadInput, match="NOTHING_TO_REPORT"):
        office.issue(case, "op-lin")


@pytest.mark.parametrize("number", [0, 2])
def test_a_version_that_was_not_issued_is_unknown(town: Town, number: int) -> None:
    case = asked(town)
    with opened(town) as office:
        first = office.issue(case, "op-lin")
        assert office.version(case, 1) == first
        with pytest.raises(BadInput, match="REPORT_UNKNOWN"):
            office.version(case, number)


def test_no_case_no_report(town: Town) -> None:
    with opened(town) as office, pytest.raises(BadInput, match="CASE_UNKNOWN"):
        office.issued("HD-790301-2026-0009")


@pytest.mark.parametrize("column", ["digest", "document"])
def test_an_altered_version_is_noticed(town: Town, column: str) -> None:
    case = asked(town)
    with opened(town) as office:
        office.issue(case, "op-lin")
    with town.database() as database, database.writing() as connection:
        connection.execute(update(report_issue).values({column: b"\x00" * 32}))
    with opened(town) as office, pytest.raises(BadInput, match="REPORT_ALTERED"):
        office.issue(case, "op-lin")


def test_the_basis_is_one_digest_over_all_signed_answers(town: Town) -> None:
    case = asked(town)
    with opened(town) as office:
        before = office._basis(case)
        assert office._basis(case) == before
        assert before.answers == 5
    with town.desk() as desk:
        desk.run([case], again=True)
    with opened(town) as office:
        after = office._basis(case)
    assert after.answers == 10
    assert after.digest != before.digest


def test_a_bundles_receipts_name_the_same_answers(tmp_path: Path) -> None:
    made = evidenced.build(tmp_path)
    (case,) = made.asked()
    made.logs.checkpoints()
    with made.open() as (_, evidence):
        assert evidence.collect(case) == []
        answers = {one.answer.envelope.payload for one, _ in evidence.receipts(case)}
    headers = sorted(sha256(one).digest() for one in answers)
    with opened(made.town) as office:
        basis = office._basis(case)
    assert (basis.answers, basis.digest) == (5, sha256(b"".join(headers)).hexdigest())


def test_a_demonstration_has_each_report_written(town: Town, tmp_path: Path) -> None:
    case = asked(town)
    with opened(town) as office:
        file = issue(office, case, tmp_path)
        again = issue(office, case, tmp_path)
    assert file == again == tmp_path / f"{case}-v1.pdf"
    assert file.read_bytes().startswith(b"%PDF")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_cannot_be_written_is_told(town: Town, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="FILE_UNWRITABLE"):
        write(tmp_path / "none" / "x.pdf", b"x")


def test_a_paper_becomes_what_its_file_is_called(town: Town) -> None:
    (case,) = town.ready()
    with opened(town) as office:
        paper = office.letter(case, Form.LETTER)
    assert printed(paper, Path("a.HTML")).startswith(b"<!DOCTYPE html>")
    assert printed(paper, Path("a.pdf")).startswith(b"%PDF")
    assert [is_page(Path(name)) for name in ("a.htm", "a.pdf", "a")] == [True, False, False]


FAMILY = case_text(
    evidence="",
    more=person_text(WIFE, "李乙", "SPOUSE", "MEMBER", evidence="")
    + person_text(
        CHILD, "王丙", "CHILD", "MEMBER", method="GUARDIAN", signer=APPLICANT, evidence=""
    ),
)


def by(method: Method, signer: str = "") -> Signature:
    return Signature(method=method, signer=signer, evidence=SCAN)


def test_a_family_signs_on_one_paper_and_is_consented(town: Town) -> None:
    with town.desk() as desk:
        (case,) = desk.new([desk.read(FAMILY.encode()).case])
        assert desk.consent([case])[0].missing == (0, 1, 2)
    with opened(town) as office:
        guardian = by(Method.GUARDIAN, APPLICANT)
        office.sign(case, {0: by(Method.SELF), 1: by(Method.SELF), 2: guardian})
        assert [one.signature.evidence for one in office.people(case)] == [SCAN] * 3
        assert office.desk.consent([case])[0].missing == ()


@pytest.mark.parametrize(
    ("place", "signature", "code"),
    [
        (3, by(Method.SELF), "PERSON_UNKNOWN"),
        (-1, by(Method.SELF), "PERSON_UNKNOWN"),
        (2, by(Method.SELF), "CASE_GUARDIAN"),
        (2, by(Method.GUARDIAN, CHILD), "CASE_SIGNER"),
        (1, by(Method.AGENT), "CASE_SIGNER"),
    ],
)
def test_nobody_signs_as_they_may_not(
    town: Town, place: int, signature: Signature, code: str
) -> None:
    with town.desk() as desk:
        (case,) = desk.new([desk.read(FAMILY.encode()).case])
    with opened(town) as office:
        with pytest.raises(BadInput, match=code):
            office.sign(case, {place: signature})
        assert not any(one.signature.evidence for one in office.people(case))


def test_a_signature_is_never_signed_over(town: Town) -> None:
    (case,) = town.ready()
    with opened(town) as office:
        with pytest.raises(BadInput, match="SIGNED_ALREADY"):
            office.sign(case, {0: replace(by(Method.SELF), evidence=b"\x02" * 32)})
        (person,) = office.people(case)
    assert person.signature.evidence == bytes.fromhex("ab" * 32)
