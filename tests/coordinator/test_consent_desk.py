"""Consents between the books and the registrar: renewed, suspended, ended, objected to."""

from dataclasses import replace

import pytest

from coordinator.casework.filed import ConsentStage
from coordinator.consent_desk import RENEW_BEFORE
from coordinator.desk import Desk, Disputed
from federation import consent as sd_jwt
from federation.clock import month_end
from federation.errors import BadInput, PeerFault, Refused, Unavailable
from federation.exchange import Answer, Outcome, Purpose, Question, Refusal
from federation.wire import codec
from tests.coordinator.town import (
    KINDS,
    NOW,
    WIFE,
    WIFE_TEXT,
    Department,
    Town,
    case_text,
    person_text,
    told,
    yes_no,
)

END = month_end(NOW)
LATER = END + 300 * 86_400


def stage(desk: Desk, case_id: str) -> ConsentStage:
    (standing,) = desk.standing([case_id])
    return standing.stage


def jtis(town: Town, case_id: str) -> dict[tuple[int, str], bytes]:
    with town.database() as database, database.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT place, department, jti FROM token WHERE case_id = ?", (case_id,)
        )
        return {(place, department): bytes(jti) for place, department, jti in rows}


def households_shown(department: Department, number: int = -1) -> int:
    """Count the tokens that a request presented."""
    return len(codec.decode_batch(department.requests[number]).presentations)


# ---- renewed


def test_tokens_are_renewed_shortly_before_they_end(town: Town) -> None:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    before = jtis(town, case_id)
    town.registrar.expires = LATER
    town.clock.seconds = END - RENEW_BEFORE - 1
    with town.desk() as desk:
        desk.run([case_id])
        assert jtis(town, case_id) == before
        town.clock.seconds = END - RENEW_BEFORE
        desk.run([case_id], again=True)
        after = jtis(town, case_id)
        assert after.keys() == before.keys()
        assert set(after.values()).isdisjoint(before.values())
        assert town.registrar.calls["tokens"] == 2
        desk.run([case_id], again=True)
    assert town.registrar.calls["tokens"] == 2
    assert [households_shown(town.departments["tax"], i) for i in range(3)] == [2, 2, 0]


def test_tokens_for_a_key_of_before_are_renewed_at_once(town: Town) -> None:
    (case_id,) = town.ready()
    before = jtis(town, case_id)
    town.registrar.holder = town.keys["coordinator"] = town.keys["bank_a"]
    for department in town.departments.by_id.values():
        department.asker = town.keys["bank_a"]
    with town.desk() as desk:
        desk.run([case_id])
    assert set(jtis(town, case_id).values()).isdisjoint(before.values())
    assert "" not in town.outcomes(case_id).values()


def test_a_renewed_household_is_shown_whole_although_one_was_answered(town: Town) -> None:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    town.departments["bank_a"].answer = lambda question: (
        told(Outcome.REFUSED, refusal=Refusal.NODE_PAUSED)
        if question.presentation == shown_first(town)
        else yes_no(question)
    )
    with town.desk() as desk:
        desk.run([case_id])
        town.registrar.expires = LATER
        town.clock.seconds = END - 1
        town.departments["bank_a"].answer = yes_no
        desk.run([case_id])
    assert households_shown(town.departments["bank_a"]) == 2
    assert len(codec.decode_batch(town.departments["bank_a"].requests[-1]).items) == 1


def shown_first(town: Town) -> bytes:
    questions = codec.decode_batch(town.departments["bank_a"].requests[0]).items
    return codec.decode_question(questions[0].item).presentation


@pytest.mark.parametrize("error", [Unavailable("PEER_UNREACHABLE"), PeerFault("BAD_SIGNATURE")])
def test_while_the_registrar_is_away_tokens_are_used_to_their_end(
    town: Town, error: Exception
) -> None:
    (case_id,) = town.ready()
    town.clock.seconds = END - 1
    town.registrar.script = [error]
    with town.desk() as desk:
        assert desk.run([case_id]).answered > 0
        town.clock.seconds = END
        town.registrar.script = [error]
        ran = desk.run([case_id], again=True)
        assert (ran.answered, ran.not_ready[0].stage) == (0, ConsentStage.RECORDED)
        town.registrar.expires = LATER
        desk.consent([case_id])
        assert desk.run([case_id], again=True).answered > 0


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("CONSENT_EXPIRED", ConsentStage.RECORDED),
        ("CONSENT_REVOKED", ConsentStage.REVOKED),
        ("CONSENT_SUSPENDED", ConsentStage.SUSPENDED),
    ],
)
def test_what_is_not_renewed_is_not_asked(town: Town, code: str, found: ConsentStage) -> None:
    (case_id,) = town.ready()
    (form,) = town.registrar.forms.values()
    town.registrar.refusing[form.reference.hex()] = code
    town.clock.seconds = END
    with town.desk() as desk:
        assert desk.run([case_id]).not_ready[0].stage is found
    assert not any(town.departments[name].requests for name in KINDS)


def test_questions_that_a_renewal_lost_are_not_put_and_said_to_be_lost(town: Town) -> None:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    (reference, form) = next(iter(town.registrar.forms.items()))
    fewer = tuple(g for g in form.grants if (g.person, g.predicate) != (1, "P50"))
    town.registrar.forms[reference] = replace(form, grants=fewer)
    town.registrar.expires = LATER
    town.clock.seconds = END - 1
    with town.desk() as desk:
        desk.run([case_id])
        outcomes = town.outcomes(case_id)
        assert [place for place in outcomes if not outcomes[place]] == [
            (1, "bank_a", "P50"),
            (1, "bank_b", "P50"),
        ]
        lost = {row.code for row in desk.show(case_id).rows if row.outcome == "UNAVAILABLE"}
        assert lost == {"POLICY_NOT_ANSWERED"}


def test_a_renewal_never_grants_more_than_was_asked(town: Town) -> None:
    (case_id,) = town.ready()
    (reference, form) = next(iter(town.registrar.forms.items()))
    other = replace(form.grants[0], department="bank_a", predicate="P40")
    town.registrar.forms[reference] = replace(form, grants=(other,))
    town.clock.seconds = END - 1
    with town.desk() as desk:
        before = jtis(town, case_id)
        desk.run([case_id])
    assert jtis(town, case_id) == before


# ---- what departments say of a consent


def test_a_word_of_revocation_stops_all_asking_until_the_registrar_is_asked(town: Town) -> None:
    (case_id,) = town.ready()
    (form,) = town.registrar.forms.values()
    town.departments["tax"].answer = lambda _: told(
        Outcome.REFUSED, refusal=Refusal.CONSENT_REVOKED
    )
    town.registrar.revoked.add(form.reference.hex())
    with town.desk() as desk:
        desk.run([case_id])
        assert stage(desk, case_id) is ConsentStage.REVOKED
        sent = sum(len(town.departments[name].requests) for name in KINDS)
        assert desk.run([case_id], again=True).not_ready[0].stage is ConsentStage.REVOKED
    assert sum(len(town.departments[name].requests) for name in KINDS) == sent


def test_a_false_word_of_revocation_does_not_last(town: Town) -> None:
    (case_id,) = town.ready()
    town.registrar.remembers = True
    town.departments["tax"].answer = lambda _: told(
        Outcome.REFUSED, refusal=Refusal.CONSENT_REVOKED
    )
    with town.desk() as desk:
        desk.run([case_id])
        assert stage(desk, case_id) is ConsentStage.READY
        desk.run([case_id])
    refused = {place: one for place, one in town.outcomes(case_id).items() if one == "REFUSED"}
    assert {department for _, department, _ in refused} == {"tax"}
    assert "" not in town.outcomes(case_id).values()


def test_until_the_registrar_was_asked_nothing_more_goes_out(town: Town) -> None:
    (case_id,) = town.ready()
    tax = town.departments["tax"]
    tax.answer = lambda _: told(Outcome.REFUSED, refusal=Refusal.CONSENT_REVOKED)
    with town.desk() as desk:
        away = Unavailable("PEER_UNREACHABLE")
        town.registrar.script = [away, away]
        desk.run([case_id])
        ran = desk.run([case_id], again=True)
        assert ran.not_ready[0].stage is ConsentStage.RECORDED
    assert len(tax.requests) == 1


def test_a_doubt_left_by_an_absent_registrar_is_cleared_by_the_next_run(town: Town) -> None:
    (case_id,) = town.ready()
    (form,) = town.registrar.forms.values()
    town.departments["tax"].answer = lambda _: told(
        Outcome.REFUSED, refusal=Refusal.CONSENT_REVOKED
    )
    town.registrar.revoked.add(form.reference.hex())
    with town.desk() as desk:
        town.registrar.script = [Unavailable("PEER_UNREACHABLE")]
        desk.run([case_id])
        assert stage(desk, case_id) is ConsentStage.RECORDED
        assert desk.run([case_id]).not_ready[0].stage is ConsentStage.REVOKED


# ---- suspended, ended


def test_a_suspended_case_is_not_asked_until_it_is_resumed(town: Town) -> None:
    (case_id,) = town.ready()
    with town.desk() as desk:
        assert desk.suspend(case_id).stage is ConsentStage.SUSPENDED
        assert desk.run([case_id]).not_ready[0].stage is ConsentStage.SUSPENDED
        assert desk.consent([case_id])[0].stage is ConsentStage.SUSPENDED
        assert not any(town.departments[name].requests for name in KINDS)
        assert desk.resume(case_id).stage is ConsentStage.READY
        assert desk.run([case_id]).answered > 0


def test_asking_stops_even_when_the_registrar_hears_nothing_of_it(town: Town) -> None:
    (case_id,) = town.ready()
    for call in ("suspend", "change_household"):
        town.registrar.script = [Unavailable("PEER_UNREACHABLE")]
        with town.desk() as desk, pytest.raises(Unavailable):
            getattr(desk, call)(case_id)
        with town.desk() as desk:
            assert desk.run([case_id]).answered == 0
    assert not any(town.departments[name].requests for name in KINDS)


def test_what_was_refused_as_suspended_is_asked_again_once_it_is_lifted(town: Town) -> None:
    (case_id,) = town.ready()
    town.registrar.remembers = True
    (form,) = town.registrar.forms.values()
    town.departments["tax"].answer = lambda _: told(
        Outcome.REFUSED, refusal=Refusal.CONSENT_SUSPENDED
    )
    town.registrar.suspended.add(form.reference.hex())
    with town.desk() as desk:
        desk.run([case_id])
        assert stage(desk, case_id) is ConsentStage.SUSPENDED
        town.registrar.suspended.clear()
        town.departments["tax"].answer = yes_no
        desk.consent([case_id])
        desk.run([case_id])
    assert set(town.outcomes(case_id).values()) <= {"YES", "NO"}


@pytest.mark.parametrize("call", ["suspend", "resume"])
def test_what_has_ended_neither_rests_nor_returns(town: Town, call: str) -> None:
    (case_id,) = town.ready()
    (form,) = town.registrar.forms.values()
    town.registrar.revoked.add(form.reference.hex())
    with town.desk() as desk:
        with pytest.raises(Refused, match="CONSENT_REVOKED"):
            getattr(desk, call)(case_id)
        assert stage(desk, case_id) is ConsentStage.REVOKED


def test_a_changed_household_ends_all_its_cases(town: Town) -> None:
    first, second, other = town.ready(*[case_text(commission=f"c-{i}") for i in range(3)])
    with town.desk() as desk:
        forms = desk._store.consents([first, second])
        numbers = tuple(forms[one].consent_no for one in (first, second))
        town.registrar.households[numbers[0]] = (*numbers, "of another coordinator")
        ended = desk.change_household(first)
        assert {one.filed.id: one.stage for one in ended} == dict.fromkeys(
            (first, second), ConsentStage.REVOKED
        )
        assert stage(desk, other) is ConsentStage.READY
        assert desk.run([first, second, other]).not_ready
    assert {len(town.departments[name].requests) for name in KINDS} == {1}


@pytest.mark.parametrize("call", ["suspend", "resume", "change_household", "revoke"])
def test_only_a_filed_consent_can_end(town: Town, call: str) -> None:
    with town.desk() as desk:
        (case_id,) = desk.new([desk.read(case_text().encode()).case])
        with pytest.raises(BadInput, match="CONSENT_NOT_FILED"):
            getattr(desk, call)(case_id)
        with pytest.raises(BadInput, match="CASE_UNKNOWN"):
            getattr(desk, call)("HD-1")


# ---- aid in force


def test_aid_in_force_is_reviewed_by_the_old_signatures(town: Town) -> None:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    with town.desk() as desk:
        opened = desk.renew(case_id, Purpose.REVIEW)
        review = opened.filed.id
        assert (opened.stage, opened.filed.case.purpose) == (ConsentStage.FILED, Purpose.REVIEW)
        assert desk.consent([review])[0].stage is ConsentStage.READY
        assert desk.run([review]).answered > 0
    first, second = town.registrar.forms.values()
    assert (second.basis, second.renews) == ("IN_FORCE_AID", first.reference.hex())
    assert not any(person.evidence for person in second.persons)
    assert [(p.id, p.role) for p in second.persons] == [(p.id, p.role) for p in first.persons]
    assert set(second.grants) <= set(first.grants)
    assert second.not_after == first.not_after


@pytest.mark.parametrize("first", [True, False])
def test_what_goes_by_one_signature_rests_and_ends_together(town: Town, first: bool) -> None:
    (signed,) = town.ready()
    with town.desk() as desk:
        review = desk.renew(signed, Purpose.REVIEW).filed.id
        desk.consent([review])
        again = desk.renew(review, Purpose.REVIEW).filed.id
        desk.consent([again])
        every = [signed, review, again]
        one = signed if first else again
        for call, found in (
            (desk.suspend, ConsentStage.SUSPENDED),
            (desk.resume, ConsentStage.READY),
            (desk.revoke, ConsentStage.REVOKED),
        ):
            call(one)
            assert {stage(desk, case) for case in every} == {found}
    assert {form.renews for form in town.registrar.forms.values()} == {
        "",
        next(iter(town.registrar.forms)).hex(),
    }


def test_nothing_is_reviewed_that_nobody_signed_for(town: Town) -> None:
    (case_id,) = town.ready()
    with town.desk() as desk:
        with pytest.raises(BadInput, match="PLAN_EMPTY"):
            desk.renew(case_id, Purpose.STATUS)
        (draft,) = desk.new([desk.read(case_text().encode()).case])
        with pytest.raises(BadInput, match="CONSENT_NOT_FILED"):
            desk.renew(draft, Purpose.REVIEW)


# ---- objections

PAPER = b"\x0b" * 32


def objected(town: Town, case_id: str, question: Disputed) -> tuple[list[str], list[str]]:
    with town.desk() as desk:
        done = desk.recheck(case_id, question, PAPER)
    return [row.outcome for row in done.before], [row.outcome for row in done.after]


def test_an_objection_has_one_question_put_again_with_a_token_of_its_own(town: Town) -> None:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    with town.desk() as desk:
        desk.run([case_id])
    seen: list[Question] = []

    def corrected(question: Question) -> Answer:
        seen.append(question)
        return told(Outcome.YES)

    for name in ("bank_a", "bank_b", "tax"):
        town.departments[name].answer = corrected
    before, after = objected(town, case_id, Disputed(place=1, predicate="P50"))
    assert (before, after) == (["NO", "NO"], ["YES", "YES"])
    (objection,) = town.registrar.objections
    assert (objection.person, objection.predicate) == (1, "P50")
    assert (objection.parameter, objection.evidence) == ("deposit-12s", PAPER)
    assert [question.predicate for question in seen] == ["P50", "P50"]
    for name in ("bank_a", "bank_b"):
        (shown,) = codec.decode_batch(town.departments[name].requests[-1]).presentations
        (grant,) = sd_jwt.grants_of(shown).values()
        assert grant.recheck
    outcomes = town.outcomes(case_id)
    assert outcomes[0, "bank_a", "P50"] == "NO"
    assert len(town.departments["tax"].requests) == 1
    with town.desk() as desk:
        desk.run([case_id])
    assert len(town.departments["bank_a"].requests) == 2


def test_a_recheck_that_was_refused_leaves_the_answer_as_it_was(town: Town) -> None:
    (case_id,) = town.ready()
    with town.desk() as desk:
        desk.run([case_id])
    town.departments["bank_a"].answer = lambda _: told(
        Outcome.REFUSED, refusal=Refusal.RECHECK_EXHAUSTED
    )
    question = Disputed(place=0, predicate="P50", parameter="deposit-12s")
    with town.desk() as desk:
        done = desk.recheck(case_id, question, PAPER)
        assert (done.ran.answered, done.ran.refused) == (1, 1)
        desk.run([case_id])
    assert town.outcomes(case_id)[0, "bank_a", "P50"] == "NO"
    assert len(town.departments["bank_a"].requests) == 2


def test_a_silent_department_is_rechecked_by_the_next_run(town: Town) -> None:
    (case_id,) = town.ready()
    with town.desk() as desk:
        desk.run([case_id])
    bank = town.departments["bank_a"]
    bank.script = [Unavailable("PEER_UNREACHABLE")] * 3
    assert objected(town, case_id, Disputed(place=0, predicate="P50"))[1] == ["NO", "NO"]
    bank.answer = lambda _: told(Outcome.YES)
    with town.desk() as desk:
        desk.run([case_id])
    assert town.outcomes(case_id)[0, "bank_a", "P50"] == "YES"


def test_an_objection_is_taken_up_again_after_a_crash(town: Town) -> None:
    (case_id,) = town.ready()
    with town.desk() as desk:
        desk.run([case_id])
        question = Disputed(place=0, predicate="P46")
        town.registrar.script = [Unavailable("PEER_SLOW")]
        with pytest.raises(Unavailable):
            desk.recheck(case_id, question, PAPER)
        town.departments["market_regulation"].answer = lambda _: told(Outcome.NO)
        done = desk.recheck(case_id, question, PAPER)
    assert [row.outcome for row in done.after] == ["NO"]
    assert len(town.registrar.objections) == 1


@pytest.mark.parametrize(
    "question",
    [
        Disputed(place=0, predicate="P07"),
        Disputed(place=3, predicate="P50"),
        Disputed(place=0, predicate="P50", parameter="other"),
    ],
    ids=["not asked", "nobody", "parameter"],
)
def test_only_an_answer_can_be_objected_to(town: Town, question: Disputed) -> None:
    (case_id,) = town.ready()
    with town.desk() as desk:
        with pytest.raises(BadInput, match="NOTHING_TO_RECHECK"):
            desk.recheck(case_id, Disputed(place=0, predicate="P50"), PAPER)
        desk.run([case_id])
        with pytest.raises(BadInput, match="NOTHING_TO_RECHECK"):
            desk.recheck(case_id, question, PAPER)
    assert town.registrar.objections == []


def test_a_supporter_stands_in_no_household(town: Town) -> None:
    text = case_text(more=person_text(WIFE, "李乙", "CHILD", "SUPPORTER"))
    (case_id,) = town.ready(text)
    with town.desk() as desk:
        desk.run([case_id])
    assert households_shown(town.departments["bank_a"]) == 1
