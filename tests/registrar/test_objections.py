"""Signed objections over real sockets: one recheck a person, predicate and year."""

import hashlib
import itertools
import os
from dataclasses import replace

import pytest

from federation import consent as sd_jwt
from federation.clock import epoch_end, epoch_of
from federation.consenting import IssuedTokens, Objection, Role
from federation.errors import HeduiError, PeerFault, Refused
from federation.status import Status
from tests.registrar.town import NOW, Town, a_form, ask, person_id, someone

ASKS = (
    ask(0, "public_security", "P40"),
    ask(0, "bank_a", "P50", "deposit-12s"),
    ask(1, "bank_a", "P50", "deposit-12s"),
    ask(1, "public_security", "P06"),
)


_numbers = itertools.count(1)


def people() -> tuple[str, str]:
    """Give two people of one test only: a recheck is counted a person and not a consent."""
    return person_id("19610101", next(_numbers)), person_id("19620202", next(_numbers))


def issued(town: Town, *numbers: str) -> IssuedTokens:
    roles = [Role.APPLICANT, Role.MEMBER]
    persons = [someone(number, "某", role) for number, role in zip(numbers, roles, strict=True)]
    return town.issued(a_form(persons, ASKS))


def objection(consent_no: str, person: int = 1, **changes: object) -> Objection:
    plain = Objection(
        consent_no=consent_no,
        person=person,
        predicate="P50",
        parameter="deposit-12s",
        evidence=os.urandom(32),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_an_objection_gives_a_token_for_one_use_that_stands_alone(town: Town) -> None:
    known = issued(town, *(numbers := people()))
    paper = objection(known.consent_no)
    (one,) = town.client().recheck(paper).tokens
    shown = town.read(one.token)
    claims = shown.claims
    assert (one.person, one.department, claims.audience) == (1, "bank_a", "bank_a")
    (grant,) = shown.grants.values()
    assert (grant.predicate, grant.parameter) == ("P50", "deposit-12s")
    assert (grant.recheck, grant.max_uses, grant.members) == (True, 1, 2)
    assert claims.sub == town.id_psn("bank_a", numbers[1])
    assert claims.chain == claims.jti
    alone = sd_jwt.household_commitment(claims.household_salt, [claims.sub])
    assert claims.household_commitment == alone
    with town.running._store.read() as view:
        (salt,) = view._sql.execute(
            "SELECT evidence_salt FROM token WHERE jti = ?", (claims.jti,)
        ).fetchone()
    assert claims.evidence == hashlib.sha256(salt + paper.evidence).digest()
    assert town.client().tokens([known.consent_no]) == [known]


def test_the_same_objection_again_gives_the_same_token(town: Town) -> None:
    known = issued(town, *people())
    paper = objection(known.consent_no)
    first = town.client().recheck(paper)
    town.restart()
    assert town.client().recheck(paper) == first


@pytest.mark.parametrize(
    "changes",
    [{"evidence": bytes(32)}, {"parameter": ""}],
    ids=["another paper", "another parameter"],
)
def test_a_second_recheck_in_a_year_is_refused(town: Town, changes: dict[str, object]) -> None:
    known = issued(town, *people())
    paper = objection(known.consent_no)
    town.client().recheck(paper)
    with pytest.raises(Refused, match="RECHECK_EXHAUSTED"):
        town.client().recheck(replace(paper, **changes))  # type: ignore[arg-type]
    town.clock.seconds = epoch_end(epoch_of(NOW))
    again = objection(known.consent_no)
    assert town.client().recheck(again).tokens
    with pytest.raises(Refused, match="RECHECK_EXHAUSTED"):
        town.client().recheck(paper)


def test_a_recheck_is_counted_a_person_and_predicate_under_whatever_consent(town: Town) -> None:
    numbers = people()
    first, second = issued(town, *numbers), issued(town, *numbers)
    town.client().recheck(objection(first.consent_no))
    with pytest.raises(Refused, match="RECHECK_EXHAUSTED"):
        town.client().recheck(objection(second.consent_no))
    assert town.client().recheck(objection(second.consent_no, 0)).tokens
    by_name = objection(second.consent_no, predicate="P06", parameter="")
    assert town.client().recheck(by_name).tokens


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"predicate": "P40", "parameter": ""}, "CONSENT_NOT_GRANTED"),
        ({"parameter": "deposit-24s"}, "CONSENT_NOT_GRANTED"),
        ({"consent_no": "20200101-000001"}, "CONSENT_UNKNOWN"),
        ({"person": 2}, "CONSENT_FORM_INVALID"),
        ({"evidence": b"short"}, "MALFORMED"),
    ],
    ids=["predicate", "parameter", "consent", "person", "evidence"],
)
def test_an_objection_is_about_what_was_consented_to(
    town: Town, changes: dict[str, object], code: str
) -> None:
    known = issued(town, *people())
    with pytest.raises(HeduiError, match=code) as caught:
        town.client().recheck(replace(objection(known.consent_no), **changes))  # type: ignore[arg-type]
    assert isinstance(caught.value, Refused | PeerFault)
    assert town.client().recheck(objection(known.consent_no)).tokens


def test_a_stranger_objects_for_nobody(town: Town) -> None:
    known = issued(town, *people())
    with pytest.raises(Refused, match="CONSENT_UNKNOWN"):
        town.client("stranger").recheck(objection(known.consent_no))


def test_a_paper_that_stands_anywhere_is_no_objection(town: Town) -> None:
    form = a_form([someone(people()[0], "某", Role.APPLICANT)], ASKS[:2], members=1)
    known = town.issued(form)
    other = issued(town, *people())
    client = town.client()
    for consent_no in (known.consent_no, other.consent_no):
        with pytest.raises(Refused, match="EVIDENCE_REUSED"):
            client.recheck(objection(consent_no, 0, evidence=form.persons[0].evidence))
    paper = objection(known.consent_no, 0)
    client.recheck(paper)
    with pytest.raises(Refused, match="EVIDENCE_REUSED"):
        client.recheck(objection(other.consent_no, 0, evidence=paper.evidence))
    again = someone(people()[0], "某", Role.APPLICANT, evidence=paper.evidence)
    with pytest.raises(Refused, match="EVIDENCE_REUSED"):
        client.record([a_form([again], ASKS[:1], members=1)])


def test_a_recheck_rests_and_ends_with_its_consent(town: Town) -> None:
    known = issued(town, *people())
    (one,) = town.client().recheck(objection(known.consent_no)).tokens
    town.client().suspend([known.consent_no])
    assert town.status(one.token) is Status.SUSPENDED
    with pytest.raises(Refused, match="CONSENT_SUSPENDED"):
        town.client().recheck(objection(known.consent_no, 0))
    town.client().revoke([known.consent_no])
    assert town.status(one.token) is Status.INVALID
    with pytest.raises(Refused, match="CONSENT_REVOKED"):
        town.client().recheck(objection(known.consent_no, 0))
