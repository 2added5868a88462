"""Suspension, withdrawal and a household's change over real sockets; revoked is final."""

import os
from dataclasses import replace

import pytest

from federation.consenting import ConsentForm, ConsentPerson, ConsentState, Role
from federation.errors import Refused
from federation.status import Status
from registrar import endings
from registrar.journal import Asked
from tests.registrar.town import CHILD, FATHER, Town, a_form, ask, person_id, someone

GRANDMOTHER, UNCLE_B, COUSIN = (person_id("19500505", number) for number in (51, 53, 55))


def family(*people: tuple[str, Role]) -> ConsentForm:
    """Write the form of people of this test only; everybody has signed."""
    persons = [someone(number, "某", role) for number, role in people]
    household = sum(role is not Role.SUPPORTER for _, role in people)
    return a_form(persons, [ask(0, "public_security", "P40")], members=household)


def signed_again(form: ConsentForm) -> ConsentForm:
    """Write a form of the same people with papers of its own."""

    def sign(person: ConsentPerson) -> ConsentPerson:
        return replace(person, evidence=os.urandom(32))

    return replace(form, reference=os.urandom(16), persons=tuple(map(sign, form.persons)))


def test_a_suspension_is_seen_in_the_next_list_and_lifted_again(town: Town) -> None:
    issued = town.issued(a_form())
    client = town.client()
    (receipt,) = client.suspend([issued.consent_no])
    assert receipt.state is ConsentState.SUSPENDED
    assert {town.status(t.token) for t in issued.tokens} == {Status.SUSPENDED}
    with pytest.raises(Refused, match="CONSENT_SUSPENDED"):
        client.tokens([issued.consent_no])
    assert client.suspend([issued.consent_no]) == [receipt]
    (receipt,) = client.resume([issued.consent_no])
    assert receipt.state is ConsentState.COMPLETE
    assert {town.status(t.token) for t in issued.tokens} == {Status.VALID}
    assert client.tokens([issued.consent_no]) == [issued]
    assert client.resume([issued.consent_no]) == [receipt]


def test_what_the_registrar_suspends_no_coordinator_resumes(town: Town) -> None:
    issued = town.issued(a_form())
    with town.running._store.write() as tx:
        asked = Asked(by="registrar", at=0)
        endings.suspend(tx, tx.own("coordinator", issued.consent_no), asked)
    town.client().suspend([issued.consent_no])
    (receipt,) = town.client().resume([issued.consent_no])
    assert receipt.state is ConsentState.SUSPENDED
    assert {town.status(t.token) for t in issued.tokens} == {Status.SUSPENDED}


def test_a_suspended_consent_can_end_but_an_ended_one_neither_rests_nor_returns(
    town: Town,
) -> None:
    issued = town.issued(a_form())
    client = town.client()
    client.suspend([issued.consent_no])
    (receipt,) = client.revoke([issued.consent_no])
    assert receipt.state is ConsentState.REVOKED
    for call in (client.suspend, client.resume, client.tokens):
        with pytest.raises(Refused, match="CONSENT_REVOKED"):
            call([issued.consent_no])
    assert {town.status(t.token) for t in issued.tokens} == {Status.INVALID}


def test_one_that_cannot_rest_holds_back_the_call(town: Town) -> None:
    kept, ended = town.issued(a_form()), town.issued(a_form())
    town.client().revoke([ended.consent_no])
    with pytest.raises(Refused, match="CONSENT_REVOKED"):
        town.client().suspend([kept.consent_no, ended.consent_no])
    assert {town.status(t.token) for t in kept.tokens} == {Status.VALID}


def test_a_household_change_ends_all_its_consents_at_once(town: Town) -> None:
    first = family((GRANDMOTHER, Role.APPLICANT), (COUSIN, Role.MEMBER))
    second = family((COUSIN, Role.APPLICANT))
    beside = family((UNCLE_B, Role.APPLICANT), (GRANDMOTHER, Role.SUPPORTER))
    issued = [town.issued(form) for form in (first, second, beside)]
    numbers = [one.consent_no for one in issued]
    client = town.client()
    assert client.change_household(numbers[0]) == tuple(numbers[:2])
    states = [{town.status(t.token) for t in one.tokens} for one in issued]
    assert states == [{Status.INVALID}, {Status.INVALID}, {Status.VALID}]
    for form, number in ((first, numbers[0]), (second, numbers[1])):
        (receipt,) = client.record([form])
        assert receipt.state is ConsentState.REVOKED
        with pytest.raises(Refused, match="CONSENT_REVOKED"):
            client.tokens([number])
        with pytest.raises(Refused, match="CONSENT_REVOKED"):
            client.record([replace(form, reference=os.urandom(16))])
    new = town.issued(signed_again(first))
    assert client.change_household(numbers[0]) == tuple(numbers[:2])
    assert {town.status(t.token) for t in new.tokens} == {Status.VALID}


def test_another_coordinator_reports_no_change_of_this_ones_households(town: Town) -> None:
    form = family((person_id("19500505", 61), Role.APPLICANT))
    issued = town.issued(form)
    stranger = town.client("stranger")
    with pytest.raises(Refused, match="CONSENT_UNKNOWN"):
        stranger.change_household(issued.consent_no)
    (receipt,) = stranger.record([signed_again(form)])
    assert stranger.change_household(receipt.consent_no) == (receipt.consent_no,)
    assert {town.status(t.token) for t in issued.tokens} == {Status.VALID}


def test_a_change_ends_renewals_of_the_household_too(town: Town) -> None:
    form = family((person_id("19500505", 71), Role.APPLICANT))
    issued = town.issued(form)
    with town.running._store.read() as view:
        before = view.own("coordinator", issued.consent_no)
        assert [one.consent_no for one in view.of_household(before)] == [issued.consent_no]
    assert {FATHER, CHILD}.isdisjoint(person.id for person in before.form.persons)
    town.client().change_household(issued.consent_no)
    with pytest.raises(Refused, match="CONSENT_REVOKED"):
        town.client().suspend([issued.consent_no])
