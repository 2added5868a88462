"""Bundles out of the centre's books and the departments' logs, verified by an auditor."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from auditor.bundles import Verdict
from auditor.receipts import Remark
from coordinator.asking.record import Record
from coordinator.desk import Disputed
from coordinator.evidence import Missing, Shown
from coordinator.findings import report as reports
from federation import bundle, keyfile, status
from federation.errors import BadInput, HeduiError, Refused, Unavailable
from federation.exchange import Outcome, Question, Refusal
from federation.strictjson import dumps
from tests.coordinator import evidenced
from tests.coordinator.evidenced import Evidenced
from tests.coordinator.town import APPLICANT, NOW, WIFE, WIFE_TEXT, case_text, told
from tests.support import exchanges
from tests.support.exchanges import key


@pytest.fixture
def town(tmp_path: Path) -> Evidenced:
    return evidenced.build(tmp_path)


def bundled(town: Evidenced, case: str) -> bytes:
    with town.open() as (desk, evidence):
        assert evidence.collect(case) == []
        return evidence.seal(case, dumps(reports.to_json(desk.show(case))))


def collected(town: Evidenced, case: str) -> list[Missing]:
    with town.open() as (_, evidence):
        return evidence.collect(case)


def proven(town: Evidenced, case: str) -> Verdict:
    found = town.audited(bundled(town, case))
    assert [str(fault) for fault in found.faults] == []
    return found


def asks(town: Evidenced, case: str) -> int:
    with town.town.database() as database:
        return Record(database).counts([case])[case][0]


def refused(ask: Callable[[], object], kind: type[HeduiError]) -> str:
    with pytest.raises(kind) as caught:
        ask()
    return caught.value.code


def test_a_case_is_proven_from_its_bundle_alone(town: Evidenced) -> None:
    (case,) = town.asked(case_text(more=WIFE_TEXT))
    town.logs.checkpoints()
    found = proven(town, case)
    assert found.receipts == asks(town, case) > 5
    assert {one.said.sender for one in found.proven.values()} >= {"tax", "bank_a"}
    assert set(found.contents.persons.values()) == {1, 2}
    assert found.contents.case == case
    assert (found.contents.commission, found.contents.operator) == ("790301-17", "op-lin")
    for one in found.proven.values():
        assert one.cosigned_after == 10
        assert one.remarks == {Remark.NO_STATUS_LIST: 0}


def test_a_bundle_tells_nothing_of_another_case(town: Evidenced) -> None:
    other = case_text(commission="790301-18").replace(APPLICANT, WIFE)
    mine, theirs = town.town.ready(case_text(), other)
    with town.town.desk() as desk:
        desk.run([mine, theirs], group=2)
    town.logs.checkpoints()
    first, second = bundled(town, mine), bundled(town, theirs)
    assert town.audited(first).faults == town.audited(second).faults == ()
    tokens = {name for name in bundle.read(first).files if name.startswith("tokens/")}
    assert tokens.isdisjoint(bundle.read(second).files)
    assert theirs.encode() not in first
    for number in (APPLICANT, WIFE):
        assert number.encode() not in first + second


def test_what_was_fetched_is_not_fetched_again(town: Evidenced) -> None:
    (case,) = town.asked()
    town.logs.checkpoints()
    town.logs.absent["tax"] = Unavailable("PEER_UNREACHABLE")
    assert collected(town, case) == [Missing(department="tax", code="PEER_UNREACHABLE")]
    town.logs.asked.clear()
    assert refused(lambda: bundled_as_it_is(town, case), Unavailable) == "PROOF_NOT_READY"
    town.logs.absent.clear()
    assert collected(town, case) == []
    assert [department for department, _ in town.logs.asked] == ["tax"]
    assert proven(town, case).broken == 0
    assert len(town.logs.asked) == 1


def bundled_as_it_is(town: Evidenced, case: str) -> bytes:
    with town.open() as (_, evidence):
        return evidence.seal(case, b"{}")


def test_a_proof_that_is_not_ready_is_told(town: Evidenced) -> None:
    (case,) = town.asked()
    assert {one.code for one in collected(town, case)} == {"PROOF_NOT_READY"}
    town.logs.checkpoints()
    assert collected(town, case) == []


def test_a_damaged_proof_is_fetched_again(town: Evidenced) -> None:
    (case,) = town.asked()
    town.logs.checkpoints()
    assert collected(town, case) == []
    (path, *_) = [p for p in (town.centre.data / "proofs").iterdir() if not p.suffix]
    path.write_bytes(b"\xff")
    town.logs.asked.clear()
    assert proven(town, case).broken == 0
    assert [qid.hex() for _, qid in town.logs.asked] == [path.name]


def test_the_proof_of_another_exchange_is_not_taken(town: Evidenced) -> None:
    case, other = town.asked("", case_text(commission="2").replace(APPLICANT, WIFE))
    town.logs.checkpoints()
    known = town.logs.rows
    first, second = town.logs["tax"].qids()
    known[first], known[second] = known[second], known[first]
    missing = collected(town, case) + collected(town, other)
    assert missing == [Missing(department="tax", code="WRONG_ANSWER")] * 2
    assert not (town.centre.data / "proofs" / first.hex()).exists()


def test_a_question_by_the_id_of_a_token_shown_before(town: Evidenced) -> None:
    (case,) = town.asked()
    with town.town.desk() as desk:
        desk.run([case], again=True)
    town.logs.checkpoints()
    found = proven(town, case)
    assert found.receipts == 2 * asks(town, case)
    by_id = [one for one in found.proven.values() if one.question.jti]
    assert len(by_id) == asks(town, case)
    assert all(one.claims and one.claims.jti == one.question.jti for one in by_id)


def test_a_department_that_had_forgotten_a_token(town: Evidenced) -> None:
    (case,) = town.asked()
    town.logs["tax"].known.clear()
    with town.town.desk() as desk:
        desk.run([case], again=True)
    town.logs.checkpoints()
    again = [one for one in proven(town, case).proven.values() if Remark.REFUSED in one.remarks]
    assert [one.answer.outcome for one in again] == [Outcome.PRESENT_AGAIN]


def test_an_answer_that_came_too_late_is_evidence_too(town: Evidenced) -> None:
    (case,) = town.town.ready()
    town.logs["tax"].script = [Unavailable("PEER_SLOW")] * 3
    with town.town.desk() as desk:
        desk.run([case])
    town.town.clock.seconds += 1_000
    with town.town.desk() as desk:
        desk.run([case])
    town.logs.checkpoints()
    late = [one for one in proven(town, case).proven.values() if Remark.REFUSED in one.remarks]
    assert [one.answer.refusal for one in late] == [Refusal.REQUEST_NOT_FRESH]


def test_a_recheck_by_its_own_token(town: Evidenced) -> None:
    (case,) = town.asked()
    with town.town.desk() as desk:
        desk.recheck(case, Disputed(place=0, predicate="P22"), bytes(32))
    town.logs.checkpoints()
    tokens = {
        one.claims.jti
        for one in proven(town, case).proven.values()
        if one.claims and one.question.predicate == "P22"
    }
    assert len(tokens) == 2


def list_of(department: str) -> bytes:
    uri = status.uri_of("registrar", department)
    return status.issue(uri, status.pack({}), NOW - 20, key("registrar"))


def test_status_lists_go_with_it_while_departments_have_them(town: Evidenced) -> None:
    town.logs["tax"].listed, town.logs["bank_a"].listed = list_of("tax"), list_of("bank_a")
    town.logs.kept_lists = {status.joint_digest([list_of("tax")]): (list_of("tax"),)}
    (case,) = town.asked()
    town.logs.checkpoints()
    data = bundled(town, case)
    name = f"status/{status.joint_digest([list_of('tax')]).hex()}/0.jwt"
    assert bundle.read(data).files[name] == list_of("tax")
    found = town.audited(data)
    assert found.faults == ()
    ages = {one.said.sender: one.status_age for one in found.proven.values()}
    assert (ages["tax"], ages["bank_a"]) == (20, None)


def test_other_lists_than_the_answer_names_are_not_taken(town: Evidenced) -> None:
    town.logs["tax"].listed = list_of("tax")
    town.logs.kept_lists = {status.joint_digest([list_of("tax")]): (list_of("bank_a"),)}
    (case,) = town.asked()
    town.logs.checkpoints()
    assert collected(town, case) == [Missing(department="tax", code="WRONG_ANSWER")]


def test_a_token_that_was_never_shown_is_not_made_up(town: Evidenced) -> None:
    question = Question(predicate="P22", jti=bytes(16), case_ref=bytes(32))
    assert Shown([]).to("tax", question) == b""
    assert Shown([]).to("tax", replace(question, jti=b"", presentation=bytes(32))) == b""
    (case,) = town.asked()
    with town.town.desk() as desk:
        desk.run([case], again=True)
    with town.town.database() as database, database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM answer WHERE batch_id <= 3")
        connection.exec_driver_sql("UPDATE question_batch SET receipt = NULL WHERE batch_id <= 3")
    town.logs.checkpoints()
    found = town.audited(bundled(town, case))
    assert {fault.code for fault in found.faults} == {"RECEIPT_TOKEN_MISSING"}


def test_nothing_to_prove(town: Evidenced) -> None:
    (case,) = town.town.ready()
    for ask in (collected, bundled_as_it_is):
        assert refused(partial(ask, town, case), BadInput) == "NOTHING_TO_PROVE"
        assert refused(partial(ask, town, "HD-0"), BadInput) == "CASE_UNKNOWN"


def test_proofs_that_cannot_be_kept(town: Evidenced, monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = town.asked()
    town.logs.checkpoints()
    written = keyfile.write_private

    def full(path: Path, data: bytes) -> None:
        if not path.suffix:
            raise OSError("full")
        written(path, data)

    monkeypatch.setattr(keyfile, "write_private", full)
    assert refused(lambda: collected(town, case), BadInput) == "FILE_UNWRITABLE"


def test_an_answer_given_under_an_earlier_manifest(town: Evidenced) -> None:
    (case,) = town.asked()
    town.logs.checkpoints()
    assert collected(town, case) == []
    newer = replace(town.centre.manifest, version=2, issued=town.town.clock.now() + 5)
    (town.centre.folder / "manifest.json").write_bytes(exchanges.manifest_file(newer))
    town.centre.manifest = newer
    town.town.clock.seconds += 10
    data = bundled(town, case)
    files = bundle.read(data).files
    assert {"documents/manifest-1.json", "documents/manifest-2.json"} <= files.keys()
    found = town.audited(data)
    assert found.faults == ()
    assert {one.document.version for one in found.proven.values()} == {1}


def test_a_refusal_of_the_department_is_told(town: Evidenced) -> None:
    (case,) = town.asked()
    town.logs.checkpoints()
    town.logs.absent["tax"] = Refused("EXCHANGE_ERASED")
    assert collected(town, case) == [Missing(department="tax", code="EXCHANGE_ERASED")]


def test_a_false_answer_is_no_evidence(town: Evidenced) -> None:
    (case,) = town.town.ready()
    town.logs["tax"].answer = lambda _: told(Outcome.NO)
    town.logs["tax"].key = town.town.keys["bank_a"]
    with town.town.desk() as desk:
        desk.run([case])
    town.logs.checkpoints()
    departments = {one.said.sender for one in proven(town, case).proven.values()}
    assert "tax" not in departments
    assert "bank_a" in departments
