"""Which forms may be recorded, whose signature counts, what a repeated form may change."""

from dataclasses import replace
from datetime import date

import pytest

from federation import catalogue
from federation.clock import business_date
from federation.consenting import ConsentForm, ConsentPerson, ConsentState, Role, SignatureMethod
from federation.errors import HeduiError, PeerFault, Refused
from federation.exchange import Purpose
from registrar import consents
from registrar.consents import Rules
from tests.registrar.town import (
    ASKS,
    CHILD,
    FATHER,
    MOTHER,
    NOW,
    UNCLE,
    Town,
    a_form,
    a_renewal,
    ask,
    couple,
    person_id,
    someone,
)

TODAY = business_date(NOW)
GUARDIAN, AGENT = SignatureMethod.GUARDIAN, SignatureMethod.AGENT
GROWN_TODAY = person_id(f"{TODAY.year - 18}{TODAY:%m%d}", 21)
GROWN_TOMORROW = person_id(f"{TODAY.year - 18}{TODAY:%m}{TODAY.day + 1:02}", 23)


def test_a_form_is_stored_in_canonical_form() -> None:
    spoilt = FATHER.lower() if FATHER.endswith("X") else f" {FATHER} "
    child = someone(CHILD, " 子 丙 ", method=GUARDIAN, signer=f"'{FATHER}")
    form = consents.canonical(a_form([someone(spoilt, "父 甲", Role.APPLICANT), child]))
    assert [person.id for person in form.persons] == [FATHER, CHILD]
    assert [person.name for person in form.persons] == ["父甲", "子丙"]
    assert form.persons[1].signer_id == FATHER


@pytest.mark.parametrize(
    "form",
    [
        a_form([someone(MOTHER)]),
        a_form([someone(FATHER, role=Role.APPLICANT), someone(MOTHER, role=Role.APPLICANT)]),
        a_form([*couple(), someone(FATHER)]),
        a_form([*couple(), someone(FATHER[:17] + FATHER[17].lower())]),
        a_form([someone(FATHER, role=Role.APPLICANT)]),
        a_form([someone(person_id("19700312", i), role=Role.APPLICANT) for i in range(31)]),
        a_form(members=0),
        a_form(members=1),
        a_form(members=31),
        a_form(grants=[]),
        a_form(grants=[*ASKS, replace(ASKS[0], max_uses=1)]),
        a_form(grants=[replace(ASKS[0], max_uses=0)]),
        a_form(grants=[replace(ASKS[0], max_uses=10_001)]),
        a_form(grants=[replace(ASKS[0], parameter=str(i)) for i in range(129)]),
        replace(a_form(), basis="STATUTORY_MANDATE"),
        replace(a_form(), renews="20261118-000001"),
        replace(a_renewal(a_form(), "n"), renews=""),
        replace(a_renewal(a_form(), "n"), purpose=Purpose.ENTRY),
        replace(a_renewal(a_form(), "n"), persons=couple()),
    ],
    ids=[
        "no applicant",
        "two applicants",
        "twice",
        "twice in two spellings",
        "grant for nobody",
        "too many persons",
        "no members",
        "fewer members than are listed",
        "too many members",
        "no grants",
        "a question twice",
        "no use",
        "too many uses",
        "too many grants",
        "other basis",
        "a signed consent that renews one",
        "a renewal of none",
        "a renewal for an entry",
        "a signed renewal",
    ],
)
def test_a_form_that_contradicts_itself_is_refused(form: ConsentForm) -> None:
    with pytest.raises(PeerFault, match="CONSENT_FORM_INVALID"):
        consents.canonical(form)


@pytest.mark.parametrize("members", [2, 3, 30])
def test_a_household_counts_its_members_but_not_its_supporters(members: int) -> None:
    form = a_form([*couple(), someone(UNCLE, role=Role.SUPPORTER)], members=members)
    assert consents.canonical(form).members == members


@pytest.mark.parametrize(
    ("person", "code"),
    [
        (someone(FATHER[:17] + "?", role=Role.APPLICANT), "ID_CHARACTERS"),
        (someone(FATHER, "", role=Role.APPLICANT), "NAME_EMPTY"),
        (someone(FATHER, role=Role.APPLICANT, signer="123"), "ID_LENGTH"),
    ],
)
def test_a_malformed_person_is_refused_without_being_named(
    person: ConsentPerson, code: str
) -> None:
    with pytest.raises(PeerFault) as caught:
        consents.canonical(a_form([person], ASKS[:1]))
    assert caught.value.code == code
    assert FATHER[:17] not in str(caught.value)
    assert FATHER[:17] not in repr(person)


@pytest.mark.parametrize(
    ("person", "counts"),
    [
        (someone(FATHER), True),
        (someone(FATHER, evidence=b""), False),
        (someone(CHILD), False),
        (someone(CHILD, method=GUARDIAN, signer=FATHER), True),
        (someone(CHILD, method=GUARDIAN, signer=FATHER, evidence=b""), False),
        (someone(CHILD, method=GUARDIAN), False),
        (someone(CHILD, method=GUARDIAN, signer=CHILD), False),
        (someone(CHILD, method=GUARDIAN, signer=person_id("20110101", 7)), False),
        (someone(CHILD, method=AGENT, signer=FATHER), False),
        (someone(FATHER, method=AGENT, signer=MOTHER), True),
        (someone(FATHER, method=AGENT), False),
        (someone(FATHER, method=AGENT, signer=FATHER), False),
        (someone(FATHER, method=GUARDIAN, signer=MOTHER), True),
        (someone(GROWN_TODAY), True),
        (someone(GROWN_TOMORROW), False),
    ],
)
def test_whose_signature_counts(person: ConsentPerson, counts: bool) -> None:
    assert consents.signatures(a_form([person]), TODAY) == (counts,)


def test_a_leap_day_child_grows_up_on_the_first_of_march() -> None:
    form = a_form([someone(person_id("20080229", 9))])
    assert consents.signatures(form, date(2026, 2, 28)) == (False,)
    assert consents.signatures(form, date(2026, 3, 1)) == (True,)


def test_a_supporter_signs_only_when_asked_about() -> None:
    supporter = someone(UNCLE, role=Role.SUPPORTER, evidence=b"")
    idle = consents.first("n", "c", a_form([*couple(), supporter]), NOW)
    asked = a_form([*couple(), supporter], [*ASKS, ask(2, "bank_a", "P50", "deposit-12s")])
    assert idle.state is ConsentState.COMPLETE
    assert consents.first("n", "c", asked, NOW).missing == (2,)


def unsigned_mother() -> ConsentForm:
    father, mother = couple()
    return a_form([father, replace(mother, evidence=b"")])


def mother_signs(form: ConsentForm) -> ConsentForm:
    father, mother = form.persons
    return replace(form, persons=(father, replace(mother, evidence=father.evidence)))


def test_a_repeated_form_adds_what_was_missing_and_keeps_what_was_there() -> None:
    form = unsigned_mother()
    consent = consents.first("n", "c", form, NOW)
    assert (consent.state, consent.missing) == (ConsentState.SIGNATURE_MISSING, (1,))
    with pytest.raises(Refused, match="SIGNATURE_MISSING"):
        consent.check_complete()
    full = consents.again(consent, mother_signs(form), NOW)
    full.check_complete()
    assert full.receipt().state is ConsentState.COMPLETE
    assert consents.again(full, form, NOW) == full
    later = consents.again(consent, form, NOW)
    assert later == consent


def test_a_signature_accepted_once_stays_accepted() -> None:
    child = someone(CHILD, method=GUARDIAN, signer=FATHER)
    form = a_form([couple()[0], child])
    consent = consents.first("n", "c", form, NOW)
    grown = consents.again(consent, form, NOW + 10 * 366 * 86_400)
    assert grown.state is ConsentState.COMPLETE


@pytest.mark.parametrize("change", ["grants", "members", "name", "role", "evidence", "end", "why"])
def test_a_repeated_form_changes_nothing_else(change: str) -> None:
    form = unsigned_mother()
    father, mother = form.persons
    changed = {
        "grants": replace(form, grants=ASKS[:-1]),
        "members": replace(form, members=1),
        "name": replace(form, persons=(father, replace(mother, name="母丙"))),
        "role": replace(form, persons=(father, replace(mother, role=Role.SUPPORTER))),
        "evidence": replace(form, persons=(replace(father, evidence=bytes(32)), mother)),
        "end": replace(form, not_after=form.not_after + 1),
        "why": replace(form, purpose=Purpose.REVIEW),
    }[change]
    with pytest.raises(Refused, match="CONSENT_CHANGED"):
        consents.again(consents.first("n", "c", form, NOW), changed, NOW)


def test_a_revoked_consent_takes_no_signature() -> None:
    form = unsigned_mother()
    revoked = replace(consents.first("n", "c", form, NOW), revoked=True)
    assert consents.again(revoked, mother_signs(form), NOW) == revoked
    assert (revoked.receipt().state, revoked.receipt().missing) == (ConsentState.REVOKED, ())
    with pytest.raises(Refused, match="CONSENT_REVOKED"):
        revoked.check_complete()


def test_one_paper_may_be_signed_by_a_whole_household() -> None:
    asked: list[bytes] = []

    def nowhere_else(paper: bytes) -> list[bool]:
        asked.append(paper)
        return []

    form = a_form()
    consents.check_papers(consents.first("n", "c", form, NOW), None, nowhere_else)
    assert asked == [form.persons[0].evidence]


@pytest.mark.parametrize(
    ("elsewhere", "code"),
    [
        ([False], "EVIDENCE_REUSED"),
        ([True], "CONSENT_REVOKED"),
        ([False, True], "CONSENT_REVOKED"),
    ],
)
def test_a_paper_that_stands_elsewhere_is_refused(elsewhere: list[bool], code: str) -> None:
    consent = consents.first("n", "c", a_form(), NOW)
    with pytest.raises(Refused) as caught:
        consents.check_papers(consent, None, lambda _: elsewhere)
    assert (caught.value.code, caught.value.details) == (code, {})


def test_only_papers_that_are_new_to_a_consent_are_looked_for() -> None:
    form = unsigned_mother()
    consent = consents.first("n", "c", form, NOW)
    father, mother = form.persons
    later = replace(form, persons=(father, replace(mother, evidence=bytes(32))))
    asked: list[bytes] = []

    def nowhere_else(paper: bytes) -> list[bool]:
        asked.append(paper)
        return []

    consents.check_papers(consent, consent, nowhere_else)
    consents.check_papers(consents.again(consent, later, NOW), consent, nowhere_else)
    assert asked == [bytes(32)]


def rules(town: Town) -> Rules:
    party = town.registrar
    return Rules(manifest=party.manifest, policy=party.policy, catalogue=catalogue.load())


@pytest.mark.parametrize(
    ("department", "predicate", "parameter", "code"),
    [
        ("public_security", "P01", "", "POLICY_NOT_ANSWERED"),
        ("public_security", "P40", "deposit-12s", "POLICY_PARAMETER"),
        ("bank_a", "P50", "", "POLICY_PARAMETER"),
        ("bank_a", "P40", "", "POLICY_NOT_ANSWERED"),
        ("coordinator", "P40", "", "PARTY_UNKNOWN"),
        ("nowhere", "P40", "", "PARTY_UNKNOWN"),
    ],
)
def test_a_grant_needs_policy_and_a_department_that_answers(
    town: Town, department: str, predicate: str, parameter: str, code: str
) -> None:
    form = a_form(grants=[*ASKS, ask(0, department, predicate, parameter)])
    with pytest.raises(HeduiError, match=code):
        rules(town).check(form)
    assert rules(town).narrowed(form).grants == ASKS
    with pytest.raises(Refused, match="POLICY_NOT_ANSWERED"):
        rules(town).narrowed(replace(form, grants=form.grants[-1:]))


def test_a_purpose_outside_the_policy_is_refused(town: Town) -> None:
    form = replace(a_form(), purpose=Purpose.MONITORING)
    with pytest.raises(Refused, match="POLICY_NOT_ANSWERED"):
        rules(town).check(form)
