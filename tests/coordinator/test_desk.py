"""The desk: cases, consents and their way through kills and missing signatures."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest

from coordinator import consent_desk
from coordinator.casework.cases import Case
from coordinator.casework.filed import ConsentStage, FiledConsent
from coordinator.findings import report as reports
from coordinator.findings.assess import Status
from coordinator.store import Store
from federation import consent as sd_jwt
from federation.consenting import ConsentForm, ConsentReceipt
from federation.errors import BadInput, PeerFault, Refused, Unavailable
from federation.exchange import Outcome
from tests.coordinator.town import (
    APPLICANT,
    KINDS,
    NOW,
    WIFE,
    WIFE_TEXT,
    Killed,
    Town,
    case_text,
    person_text,
    told,
)

UNSIGNED = WIFE_TEXT.replace("cd" * 32, "")


def opened(town: Town, *texts: str) -> list[str]:
    with town.desk() as desk:
        return desk.new([desk.read(text.encode()).case for text in texts])


def test_cases_are_numbered_by_area_and_year(town: Town) -> None:
    other = case_text().replace('"790301"', '"790302"')
    first = opened(town, case_text(), other, case_text())
    second = opened(town, case_text())
    assert first == ["HD-790301-2026-0001", "HD-790302-2026-0001", "HD-790301-2026-0002"]
    assert second == ["HD-790301-2026-0003"]
    with town.desk() as desk:
        assert sorted(desk.case_ids()) == sorted(first + second)


def test_a_case_comes_back_as_it_went_in(town: Town) -> None:
    text = case_text(more=WIFE_TEXT) + '[declaration]\nmarital_status = "married"\n'
    (case_id,) = opened(town, text)
    with town.desk() as desk:
        before: Case = desk.read(text.encode()).case
        (standing,) = desk.standing([case_id])
    assert standing.filed.case == before
    assert (standing.filed.opened, standing.stage) == (NOW, ConsentStage.DRAFT)


def test_an_unknown_case_is_said_to_be_unknown(town: Town) -> None:
    with town.desk() as desk:
        for call in (desk.show, desk.plan, desk.revoke, lambda c: desk.run([c])):
            with pytest.raises(BadInput) as caught:
                call("HD-1")
            assert caught.value.code == "CASE_UNKNOWN"


def test_the_form_asks_for_the_plan_and_nothing_else(town: Town) -> None:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    (form,) = town.registrar.forms.values()
    with town.desk() as desk:
        asks = desk.plan(case_id).asks
    granted = {(g.person, g.department, g.predicate, g.parameter) for g in form.grants}
    assert granted == {(a.person, a.department, a.predicate, a.parameter) for a in asks}
    assert {g.max_uses for g in form.grants} == {12}
    assert (form.members, form.not_after) == (2, NOW + 100 * 86_400)
    assert [p.id for p in form.persons] == [APPLICANT, WIFE]


def test_a_supporter_whom_nobody_asks_about_is_not_on_the_form(town: Town) -> None:
    town.ready(case_text(more=person_text(WIFE, "李乙", "CHILD", "SUPPORTER")))
    (form,) = town.registrar.forms.values()
    assert [p.id for p in form.persons] == [APPLICANT]


def test_a_missing_signature_blocks_and_a_later_one_frees(town: Town) -> None:
    (case_id,) = opened(town, case_text(more=UNSIGNED))
    with town.desk() as desk:
        (blocked,) = desk.consent([case_id])
        assert (blocked.stage, blocked.missing) == (ConsentStage.BLOCKED, (1,))
        assert desk.run([case_id]).not_ready[0].stage is ConsentStage.BLOCKED
        (still,) = desk.consent([case_id])
        assert still.stage is ConsentStage.BLOCKED
        desk.sign(case_id, desk.read(case_text(more=WIFE_TEXT).encode()).case)
        (ready,) = desk.consent([case_id])
    assert (ready.stage, ready.missing) == (ConsentStage.READY, ())
    assert len(town.registrar.forms) == 1
    assert not any(town.departments[name].requests for name in KINDS)


def test_later_signatures_change_nobody_and_nothing_that_was_signed(town: Town) -> None:
    (case_id,) = opened(town, case_text(more=UNSIGNED))
    with town.desk() as desk:
        with pytest.raises(BadInput) as caught:
            desk.sign(case_id, desk.read(case_text().encode()).case)
        assert caught.value.code == "CASE_CHANGED"
        later = desk.read(case_text(more=WIFE_TEXT, evidence="ee" * 32).encode()).case
        desk.sign(case_id, later)
        (standing,) = desk.standing([case_id])
    evidence = [p.signature.evidence for p in standing.filed.case.persons]
    assert evidence == [b"\xab" * 32, b"\xcd" * 32]


def test_a_case_that_nobody_can_answer_is_not_filed(town: Town) -> None:
    text = case_text().replace('"ENTRY"', '"STATUS"')
    (case_id,) = opened(town, text)
    with town.desk() as desk:
        with pytest.raises(BadInput) as caught:
            desk.consent([case_id])
        assert caught.value.code == "PLAN_EMPTY"
        assert desk.standing([case_id])[0].stage is ConsentStage.DRAFT


class DyingStore(Store):
    """A store whose process dies before or after its n-th change of a consent."""

    def __init__(self, inner: Store, at: int, *, after: bool) -> None:
        super().__init__(inner._database)
        self._left = at
        self._after = after

    def _die(self, step: Any, *args: Any) -> None:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        step(*args)
        if self._left == 0:
            raise Killed

    def file_consents(self, *args: Any) -> None:
        self._die(super().file_consents, *args)

    def update_consents(self, *args: Any) -> None:
        self._die(super().update_consents, *args)

    def keep_tokens(self, *args: Any) -> None:
        self._die(super().keep_tokens, *args)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_kill_during_consent_files_no_second_form(town: Town, at: int, after: bool) -> None:
    (case_id,) = opened(town, case_text(more=WIFE_TEXT))
    town.wrap_store = lambda store: DyingStore(store, at, after=after)
    with town.desk() as desk, pytest.raises(Killed):
        desk.consent([case_id])
    town.wrap_store = lambda store: store
    with town.desk() as desk:
        (ready,) = desk.consent([case_id])
        assert ready.stage is ConsentStage.READY
        desk.run([case_id])
    assert len(town.registrar.forms) == 1
    assert "" not in town.outcomes(case_id).values()


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("error", [Unavailable("PEER_SLOW"), Refused("CONSENT_EXPIRED"), Killed()])
def test_a_registrar_that_fails_leaves_a_case_to_be_taken_up(
    town: Town, step: int, error: BaseException
) -> None:
    (case_id,) = opened(town, case_text())
    town.registrar.script = [None] * step + [error]
    with town.desk() as desk, pytest.raises(type(error)):
        desk.consent([case_id])
    with town.desk() as desk:
        assert desk.consent([case_id])[0].stage is ConsentStage.READY
    assert len(town.registrar.forms) == 1


def test_ready_cases_are_not_sent_to_the_registrar_again(town: Town) -> None:
    (case_id,) = town.ready()
    calls = dict(town.registrar.calls)
    with town.desk() as desk:
        desk.consent([case_id])
    assert dict(town.registrar.calls) == calls


def test_tokens_of_a_stranger_or_short_of_a_grant_are_not_kept(town: Town) -> None:
    (case_id,) = opened(town, case_text())
    honest = town.registrar.key
    town.registrar.key = town.keys["tax"]
    with town.desk() as desk:
        with pytest.raises(PeerFault) as caught:
            desk.consent([case_id])
        assert caught.value.code == "CONSENT_INVALID"
    town.registrar.key = honest
    reference = next(iter(town.registrar.forms))
    form = town.registrar.forms[reference]
    town.registrar.forms[reference] = type(form)(
        reference=reference,
        purpose=form.purpose,
        persons=form.persons,
        grants=form.grants[:-1],
        members=form.members,
        not_after=form.not_after,
    )
    with town.desk() as desk:
        with pytest.raises(PeerFault) as caught:
            desk.consent([case_id])
        assert caught.value.code == "TOKENS_INCOMPLETE"
        assert desk.standing([case_id])[0].stage is ConsentStage.RECORDED
        desk.run([case_id])
    assert not any(town.departments[name].requests for name in KINDS)


def test_revoking_needs_a_consent_and_stops_even_when_the_registrar_is_away(town: Town) -> None:
    draft, case_id = opened(town, case_text(), case_text())
    with town.desk() as desk:
        with pytest.raises(BadInput) as caught:
            desk.revoke(draft)
        assert caught.value.code == "CONSENT_NOT_FILED"
        desk.consent([case_id])
        town.registrar.script = [Unavailable("PEER_UNREACHABLE")]
        with pytest.raises(Unavailable):
            desk.revoke(case_id)
        assert desk.run([case_id]).not_ready[0].stage is ConsentStage.REVOKED
        desk.revoke(case_id)
    assert len(town.registrar.revoked) == 1
    assert not any(town.departments[name].requests for name in KINDS)


def test_what_left_is_counted_in_the_bytes_that_were_kept(town: Town) -> None:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    with town.desk() as desk:
        desk.run([case_id])
        rows = {row.department: row for row in desk.leaving([case_id])}
    assert list(rows) == list(KINDS)
    assert all(row.questions == 2 for row in rows.values())
    for name, row in rows.items():
        (kept,) = town.departments[name].answers.values()
        assert row.answer_bytes == len(kept)
        assert (row.raw_records, row.ids, row.names) == (0, 0, 0)


def test_a_planted_leak_is_counted(town: Town) -> None:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    issue = town.registrar._token

    def leaky(department: str, grants: list[sd_jwt.Grant]) -> bytes:
        named = [
            sd_jwt.Grant(
                predicate=g.predicate, parameter=g.parameter, form=f"{WIFE} 李乙", max_uses=1
            )
            for g in grants
        ]
        return issue(department, named if department == "tax" else grants)

    town.registrar._token = leaky  # type: ignore[method-assign]
    (leaking,) = town.ready(case_text(more=WIFE_TEXT))
    with town.desk() as desk:
        desk.run([case_id, leaking])
        clean = {row.department: row for row in desk.leaving([case_id])}
        found = {row.department: row for row in desk.leaving([leaking])}
    assert (clean["tax"].ids, clean["tax"].names) == (0, 0)
    assert (found["tax"].ids, found["tax"].names) == (2, 2)
    assert (found["bank_a"].ids, found["bank_a"].names) == (0, 0)


def test_a_receipt_shared_by_cases_counts_by_its_share(town: Town) -> None:
    ids = town.ready(*[case_text(commission=f"c-{i}") for i in range(4)])
    with town.desk() as desk:
        desk.run(ids, group=4)
        one = {row.department: row for row in desk.leaving(ids[:1])}
        every = {row.department: row for row in desk.leaving(ids)}
    (receipt,) = town.departments["tax"].answers.values()
    assert (every["tax"].questions, every["tax"].answer_bytes) == (4, len(receipt))
    assert (one["tax"].questions, one["tax"].answer_bytes) == (1, len(receipt) // 4)


def test_a_report_for_programs_holds_no_identity(town: Town) -> None:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    town.departments["bank_a"].answer = lambda _: told(Outcome.STALE)
    with town.desk() as desk:
        desk.run([case_id])
        report = desk.show(case_id)
    written = str(reports.to_json(report))
    for secret in (APPLICANT, WIFE, "王甲", "李乙"):
        assert secret not in written
    assert reports.to_json(report)["counts"] == {
        "FOUND": 6,  # company, business income and bank_b, each of two people
        "NOTHING_FOUND": 2,
        "INFORMATION": 0,
        "NO_RECORD": 0,
        "STALE": 2,
        "REFUSED": 0,
        "UNAVAILABLE": 0,
        "NOT_ASKED": 1,
        "NOT_COVERED": 2,
    }
    assert report.count(Status.FOUND) == 6


def test_consents_of_many_cases_go_in_few_calls(town: Town) -> None:
    ids = town.ready(*[case_text(commission=f"c-{i}") for i in range(30)])
    assert dict(town.registrar.calls) == {"record": 1, "tokens": 1}
    with town.desk() as desk:
        assert {one.stage for one in desk.standing(ids)} == {ConsentStage.READY}


def test_references_and_salts_never_repeat(town: Town) -> None:
    town.ready(*[case_text(commission=f"c-{i}") for i in range(30)])
    assert len(town.registrar.forms) == 30
    with town.database() as database, database.reading() as connection:
        salts = list(connection.exec_driver_sql("SELECT salt FROM case_file").scalars())
    assert len({hashlib.sha256(salt).digest() for salt in salts}) == 30
    assert FiledConsent(case_id="x", reference=b"", not_after=0).stage is ConsentStage.FILED


def test_a_refused_form_does_not_hold_up_the_others(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = opened(town, case_text()), opened(town, case_text())
    honest = type(town.registrar).record
    spoilt: set[bytes] = set()

    def record(self: Any, forms: Sequence[ConsentForm]) -> list[ConsentReceipt]:
        spoilt.add(min(spoilt or {form.reference for form in forms}))
        if any(form.reference in spoilt for form in forms):
            raise Refused("EVIDENCE_REUSED")
        return honest(self, forms)

    monkeypatch.setattr(type(town.registrar), "record", record)
    with town.desk() as desk:
        with pytest.raises(Refused, match="EVIDENCE_REUSED"):
            desk.consent([*first, *second])
        stages = sorted(one.stage for one in desk.standing([*first, *second]))
    assert stages == [ConsentStage.FILED, ConsentStage.READY]


@pytest.mark.parametrize(
    ("code", "stage"),
    [("CONSENT_REVOKED", ConsentStage.REVOKED), ("CONSENT_EXPIRED", ConsentStage.RECORDED)],
)
def test_a_consent_that_ended_at_the_registrar_does_not_hold_up_the_others(
    town: Town, monkeypatch: pytest.MonkeyPatch, code: str, stage: ConsentStage
) -> None:
    monkeypatch.setattr(consent_desk, "FORMS", 2)
    ids = opened(town, *[case_text(commission=f"c-{i}") for i in range(4)])
    with town.desk() as desk:
        town.registrar.script = [None, Unavailable("PEER_SLOW")]
        with pytest.raises(Unavailable):
            desk.consent(ids)
        town.registrar.refusing[next(iter(town.registrar.forms.values())).reference.hex()] = code
        if code == "CONSENT_REVOKED":
            desk.consent(ids)
        else:
            with pytest.raises(Refused, match=code):
                desk.consent(ids)
        stages = [one.stage for one in desk.standing(ids)]
    assert stages == [stage, *[ConsentStage.READY] * 3]


def test_an_invalid_form_does_not_hold_up_the_others(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = opened(town, case_text(commission="bad"), case_text(more=WIFE_TEXT))
    honest = type(town.registrar).record

    def record(self: Any, forms: Sequence[ConsentForm]) -> list[ConsentReceipt]:
        if any(len(form.persons) == 1 for form in forms):
            raise PeerFault("CONSENT_FORM_INVALID", why="shape")
        return honest(self, forms)

    monkeypatch.setattr(type(town.registrar), "record", record)
    with town.desk() as desk:
        with pytest.raises(PeerFault, match="CONSENT_FORM_INVALID"):
            desk.consent(ids)
        stages = [one.stage for one in desk.standing(ids)]
    assert stages == [ConsentStage.FILED, ConsentStage.READY]


def test_a_fault_of_the_whole_call_is_not_tried_form_by_form(town: Town) -> None:
    ids = opened(town, case_text(), case_text())
    town.registrar.script = [PeerFault("BAD_SIGNATURE")]
    with town.desk() as desk, pytest.raises(PeerFault, match="BAD_SIGNATURE"):
        desk.consent(ids)
    assert town.registrar.calls["record"] == 1


def test_a_case_that_nobody_can_answer_does_not_hold_up_the_others(town: Town) -> None:
    ids = opened(town, case_text().replace('"ENTRY"', '"STATUS"'), case_text())
    with town.desk() as desk:
        with pytest.raises(BadInput, match="PLAN_EMPTY"):
            desk.consent(ids)
        stages = [one.stage for one in desk.standing(ids)]
    assert stages == [ConsentStage.DRAFT, ConsentStage.READY]
