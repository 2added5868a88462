"""Rows of renewals over real sockets: at the turn of a year, with aid in force, never for more."""

import hashlib
from dataclasses import replace

import pytest

from federation import limits
from federation.clock import day_start, epoch_end, epoch_of
from federation.consent import Claims
from federation.consenting import ConsentForm, ConsentState, IssuedToken, IssuedTokens
from federation.errors import Refused
from federation.exchange import Purpose
from federation.policy import Policy
from federation.status import Status
from tests.registrar.town import (
    ASKS,
    FAR,
    FATHER,
    MOTHER,
    NOW,
    Town,
    a_form,
    a_renewal,
    ask,
    couple,
)

NEW_YEAR = epoch_end(epoch_of(NOW))
END = NEW_YEAR + limits.EPOCH_GRACE - 1
PEOPLE = (FATHER, MOTHER)


def by_place(town: Town, issued: IssuedTokens) -> dict[tuple[int, str], Claims]:
    return {(t.person, t.department): town.read(t.token).claims for t in issued.tokens}


def fetch(town: Town, issued: IssuedTokens) -> IssuedTokens:
    (again,) = town.client().tokens([issued.consent_no])
    return again


def test_a_longer_consent_is_renewed_when_its_year_is_over(town: Town) -> None:
    first = town.issued(a_form())
    town.clock.seconds = NEW_YEAR - 1
    assert fetch(town, first) == first
    town.clock.seconds = NEW_YEAR
    second = fetch(town, first)
    assert fetch(town, first) == second
    town.restart()
    assert fetch(town, first) == second
    before, after = by_place(town, first), by_place(town, second)
    assert before.keys() == after.keys()
    for place, old in before.items():
        new = after[place]
        assert new.chain == old.chain == old.jti
        for name in ("jti", "household_salt", "household_commitment", "evidence", "sub"):
            assert getattr(new, name) != getattr(old, name), name
        assert (new.status_uri, new.status_index) != (old.status_uri, old.status_index)
        assert (old.expires, new.expires) == (END, FAR)
        assert new.issued == new.not_before == day_start(NEW_YEAR) == NEW_YEAR


def test_either_side_of_midnight_each_token_has_its_own_years_pseudonym(town: Town) -> None:
    """Half past midnight on New Year's Day is still last year in UTC."""
    town.clock.seconds = NEW_YEAR - 1
    first = town.issued(a_form())
    town.clock.seconds = NEW_YEAR + 1800
    fresh, renewed = town.issued(a_form()), fetch(town, first)
    for issued, year in ((first, 2026), (fresh, 2027), (renewed, 2027)):
        for (person, department), claims in by_place(town, issued).items():
            assert claims.sub == town.id_psn(department, PEOPLE[person], year)
            assert epoch_of(claims.issued) == year
            assert (department, year) in town.registrar.manifest.pseudonym_keys
            assert claims.expires <= epoch_end(year) + limits.EPOCH_GRACE


def test_what_is_renewed_runs_on_to_its_end_and_rests_and_ends_with_its_renewal(
    town: Town,
) -> None:
    first = town.issued(a_form())
    town.clock.seconds = NEW_YEAR
    second = fetch(town, first)
    both = [token.token for token in (*first.tokens, *second.tokens)]
    for change, state in (
        (None, Status.VALID),
        (town.client().suspend, Status.SUSPENDED),
        (town.client().resume, Status.VALID),
        (town.client().revoke, Status.INVALID),
    ):
        if change:
            change([first.consent_no])
        assert {town.status(token) for token in both} == {state}


def test_a_consent_that_ends_within_the_grace_is_not_renewed(town: Town) -> None:
    issued = town.issued(a_form(not_after=END))
    town.clock.seconds = NEW_YEAR
    assert fetch(town, issued) == issued
    town.clock.seconds = END
    with pytest.raises(Refused, match="CONSENT_EXPIRED"):
        fetch(town, issued)


def test_who_asks_late_gets_renewed_tokens_too(town: Town) -> None:
    issued = town.issued(a_form())
    town.clock.seconds = END + 1
    renewed = by_place(town, fetch(town, issued))
    assert {claims.chain for claims in renewed.values()} == {
        claims.jti for claims in by_place(town, issued).values()
    }


def test_a_stranger_renews_nothing(town: Town) -> None:
    issued = town.issued(a_form())
    town.clock.seconds = NEW_YEAR
    with pytest.raises(Refused, match="CONSENT_UNKNOWN"):
        town.client("stranger").tokens([issued.consent_no])
    assert {t.jti for t in by_place(town, issued).values()}.isdisjoint(
        t.jti for t in by_place(town, fetch(town, issued)).values()
    )


def test_another_key_of_the_coordinator_gets_tokens_of_its_own_in_the_same_chains(
    town: Town,
) -> None:
    issued = town.issued(a_form())
    with town.running._store.write() as tx:
        tx._sql.execute(
            "UPDATE token SET holder = ? WHERE consent_no = ?", (bytes(32), issued.consent_no)
        )
    again = fetch(town, issued)
    before, after = by_place(town, issued), by_place(town, again)
    assert {p: c.chain for p, c in after.items()} == {p: c.chain for p, c in before.items()}
    assert all(after[place].jti != claims.jti for place, claims in before.items())
    assert fetch(town, issued) == again


# ---- never for more


def test_no_form_adds_questions_to_a_consent(town: Town) -> None:
    form = a_form(grants=ASKS[:-1])
    issued = town.issued(form)
    for seconds in (NOW, NEW_YEAR):
        town.clock.seconds = seconds
        more = replace(form, grants=ASKS)
        with pytest.raises(Refused, match="CONSENT_CHANGED"):
            town.client().record([more])
        with pytest.raises(Refused, match="CONSENT_CHANGED"):
            town.client().record([replace(form, not_after=FAR + 1)])
        held = {(t.person, t.department) for t in fetch(town, issued).tokens}
        assert held == {(grant.person, grant.department) for grant in ASKS[:-1]}


def allowing(policy: Policy, *predicates: str) -> Policy:
    rules = {name: rule for name, rule in policy.rules.items() if name in predicates}
    return replace(policy, rules=rules)


def test_what_the_policy_allows_no_more_is_not_renewed(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = town.issued(a_form())
    town.clock.seconds = NEW_YEAR
    papers = town.registrar.papers
    fewer = replace(papers.documents, policy=allowing(town.registrar.policy, "P40", "P06"))
    monkeypatch.setattr(town.registrar, "papers", replace(papers, documents=fewer))
    renewed = {
        (t.person, t.department): set(town.read(t.token).grants) for t in fetch(town, issued).tokens
    }
    assert renewed == {
        (0, "public_security"): {("P40", "")},
        (1, "public_security"): {("P06", "")},
    }


# ---- aid in force


def recorded(town: Town, form: ConsentForm) -> str:
    (receipt,) = town.client().record([form])
    assert receipt.state is ConsentState.COMPLETE
    return receipt.consent_no


def test_aid_in_force_goes_by_the_signatures_of_the_consent_before(town: Town) -> None:
    form = a_form()
    signed = town.issued(form)
    number = recorded(town, replace(a_renewal(form, signed.consent_no), grants=ASKS[:2]))
    (renewed,) = town.client().tokens([number])
    ((place, claims),) = by_place(town, renewed).items()
    assert (claims.basis, claims.purpose) == ("IN_FORCE_AID", Purpose.REVIEW)
    assert claims.chain == by_place(town, signed)[place].jti
    with town.running._store.read() as view:
        (salt,) = view._sql.execute(
            "SELECT evidence_salt FROM token WHERE jti = ?", (claims.jti,)
        ).fetchone()
    assert claims.evidence == hashlib.sha256(salt + form.persons[place[0]].evidence).digest()


def test_a_renewal_can_be_renewed_but_the_chain_stays_one(town: Town) -> None:
    form = a_form()
    signed = town.issued(form)
    first = recorded(town, a_renewal(form, signed.consent_no))
    town.client().tokens([first])
    town.clock.seconds = NEW_YEAR
    second = recorded(town, a_renewal(form, first))
    (tokens,) = town.client().tokens([second])
    old = by_place(town, signed)
    assert {p: c.chain for p, c in by_place(town, tokens).items()} == {
        p: c.jti for p, c in old.items()
    }


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"grants": (*ASKS, ask(1, "public_security", "P40"))}, "CONSENT_NOT_GRANTED"),
        ({"grants": (replace(ASKS[0], max_uses=3),)}, "CONSENT_NOT_GRANTED"),
        ({"grants": (replace(ASKS[0], person=1),)}, "CONSENT_NOT_GRANTED"),
        ({"not_after": FAR + 1}, "CONSENT_CHANGED"),
        ({"members": 3}, "CONSENT_CHANGED"),
        ({"purpose": Purpose.MONITORING}, "POLICY_NOT_ANSWERED"),
        ({"renews": "20200101-000001"}, "CONSENT_UNKNOWN"),
    ],
    ids=["question", "uses", "person", "longer", "members", "purpose", "nothing"],
)
def test_a_renewal_is_for_the_same_or_less(
    town: Town, changes: dict[str, object], code: str
) -> None:
    form = a_form()
    number = recorded(town, form)
    with pytest.raises(Refused, match=code):
        town.client().record([replace(a_renewal(form, number), **changes)])  # type: ignore[arg-type]


def test_a_renewal_is_about_the_same_people(town: Town) -> None:
    form = a_form()
    renewal = a_renewal(form, recorded(town, form))
    with pytest.raises(Refused, match="CONSENT_CHANGED"):
        town.client().record([replace(renewal, persons=renewal.persons[:1], grants=ASKS[:1])])


def test_a_stranger_cannot_go_by_anothers_signatures(town: Town) -> None:
    form = a_form()
    number = recorded(town, form)
    with pytest.raises(Refused, match="CONSENT_UNKNOWN"):
        town.client("stranger").record([a_renewal(form, number)])


def test_one_signature_has_one_life(town: Town) -> None:
    form = a_form()
    signed = town.issued(form)
    (renewed,) = town.client().tokens([recorded(town, a_renewal(form, signed.consent_no))])
    both: list[IssuedToken] = [*signed.tokens, *renewed.tokens]
    town.client().suspend([renewed.consent_no])
    assert {town.status(t.token) for t in both} == {Status.SUSPENDED}
    with pytest.raises(Refused, match="CONSENT_SUSPENDED"):
        town.client().record([a_renewal(form, signed.consent_no)])
    town.client().resume([signed.consent_no])
    assert {town.status(t.token) for t in both} == {Status.VALID}
    town.client().revoke([renewed.consent_no])
    assert {town.status(t.token) for t in both} == {Status.INVALID}
    with pytest.raises(Refused, match="CONSENT_REVOKED"):
        town.client().tokens([signed.consent_no])
    with pytest.raises(Refused, match="CONSENT_REVOKED"):
        town.client().record([a_renewal(form, signed.consent_no)])


def test_what_is_not_signed_yet_renews_nothing(town: Town) -> None:
    father, mother = couple()
    form = a_form([father, replace(mother, evidence=b"")])
    (receipt,) = town.client().record([form])
    with pytest.raises(Refused, match="SIGNATURE_MISSING"):
        town.client().record([a_renewal(form, receipt.consent_no)])
