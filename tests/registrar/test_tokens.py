"""What a token says at one department, and that two departments cannot join what they are told."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from crypto import labels
from federation import consent as sd_jwt
from federation import limits, status
from federation.clock import day_start, epoch_end, epoch_of, month_end
from federation.consent import Grant
from federation.consenting import IssuedTokens, Role
from federation.errors import Refused
from registrar import tokens
from tests.registrar.town import (
    ASKS,
    FAR,
    FATHER,
    MOTHER,
    NOW,
    UNCLE,
    Town,
    a_form,
    ask,
    couple,
    someone,
)

END_OF_YEAR_AND_GRACE = 1_801_411_199  # 2027-01-31T23:59:59+08:00


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def one(issued: IssuedTokens, person: int, department: str) -> bytes:
    (token,) = (t.token for t in issued.tokens if (t.person, t.department) == (person, department))
    return token


def grant_at(town: Town, issued: IssuedTokens, person: int, department: str, name: str) -> Grant:
    grants = town.read(one(issued, person, department)).grants
    (grant,) = (grant for (predicate, _), grant in grants.items() if predicate == name)
    return grant


def test_a_token_is_what_the_protocol_says(town: Town) -> None:
    issued = town.issued(a_form())
    assert {(t.person, t.department) for t in issued.tokens} == {
        (grant.person, grant.department) for grant in ASKS
    }
    claims = town.read(one(issued, 1, "bank_a")).claims
    coordinator = town.parties["coordinator"]
    assert claims.issuer == "registrar"
    assert claims.audience == "bank_a"
    assert claims.sub == town.id_psn("bank_a", MOTHER)
    assert claims.issued == claims.not_before == day_start(NOW)
    assert claims.expires == END_OF_YEAR_AND_GRACE
    assert claims.holder == coordinator.key.verify_key.raw
    assert claims.status_uri == status.uri_of("registrar", "bank_a")
    assert (claims.purpose.name, claims.basis, claims.role) == ("ENTRY", "CONSENT", "MEMBER")
    assert (claims.policy_family, claims.policy_version) == ("test", 3)
    assert (claims.uses_a_month, claims.data_life_days, claims.members) == (1000, 0, 2)
    shown = town.read(sd_jwt.disclose(one(issued, 1, "bank_a"), [("P50", "deposit-12s")]))
    sd_jwt.check_consent(shown, audience="bank_a", holder=claims.holder, now=NOW)


def test_an_independent_reader_verifies_the_signature(town: Town) -> None:
    jwt, *disclosures, end = one(town.issued(a_form()), 0, "public_security").decode().split("~")
    raw = town.registrar.key.verify_key.raw
    key = OKPKey.import_key(
        {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    )
    payload = json.loads(jws.deserialize_compact(jwt, key, algorithms=["Ed25519"]).payload)
    digests = {
        base64.urlsafe_b64encode(hashlib.sha256(d.encode()).digest()).decode().rstrip("=")
        for d in disclosures
    }
    assert {slot["..."] for slot in payload["grants"]} == digests
    assert payload["_sd_alg"] == "sha-256"
    assert end == ""


def test_a_grant_carries_what_its_question_compares_with(town: Town) -> None:
    supporter = someone(UNCLE, "伯", Role.SUPPORTER)
    asks = [*ASKS, ask(0, "public_security", "P04"), ask(2, "public_security", "P02")]
    issued = town.issued(a_form([*couple(), supporter], asks))
    father, mother = (town.id_psn("public_security", person) for person in (FATHER, MOTHER))
    spouse = grant_at(town, issued, 0, "public_security", "P02")
    assert (spouse.args, spouse.members) == ((mother,), 0)
    assert grant_at(town, issued, 2, "public_security", "P02").args == tuple(
        sorted((father, mother))
    )
    named = grant_at(town, issued, 1, "public_security", "P06")
    expected = town.psn("public_security", labels.name_input(MOTHER, "母·乙"))
    assert (named.args, named.members) == ((expected,), 0)
    assert grant_at(town, issued, 0, "public_security", "P04").members == 2
    rung = grant_at(town, issued, 0, "bank_a", "P50")
    assert (rung.parameter, rung.members, rung.args) == ("deposit-12s", 2, ())
    assert (rung.form, rung.max_uses) == ("threshold", 2)
    plain = grant_at(town, issued, 0, "public_security", "P40")
    assert (plain.members, plain.args) == (0, ())


def test_the_household_is_committed_without_its_supporters(town: Town) -> None:
    supporter = someone(UNCLE, "伯", Role.SUPPORTER)
    asks = [*ASKS, ask(2, "bank_a", "P50", "deposit-12s")]
    issued = town.issued(a_form([*couple(), supporter], asks))
    seen = {
        (claims.household_salt, claims.household_commitment)
        for claims in (town.read(one(issued, i, "bank_a")).claims for i in (0, 1, 2))
    }
    ((salt, commitment),) = seen
    subs = [town.id_psn("bank_a", person) for person in (MOTHER, FATHER)]
    assert sd_jwt.household_commitment(salt, subs) == commitment


def test_only_those_with_a_token_at_a_department_are_committed_to_there(town: Town) -> None:
    issued = town.issued(a_form())
    claims = town.read(one(issued, 0, "civil_affairs")).claims
    father = town.id_psn("civil_affairs", FATHER)
    assert claims.household_commitment == sd_jwt.household_commitment(
        claims.household_salt, [father]
    )
    assert claims.members == 2


def test_the_evidence_is_hidden_and_can_be_opened(town: Town) -> None:
    form = a_form()
    issued = town.issued(form)
    claims = town.read(one(issued, 0, "bank_a")).claims
    with town.running._store.read() as view:
        (salt,) = view._sql.execute(
            "SELECT evidence_salt FROM token WHERE jti = ?", (claims.jti,)
        ).fetchone()
    assert claims.evidence == hashlib.sha256(salt + form.persons[0].evidence).digest()


def test_no_token_names_anybody(town: Town) -> None:
    form = a_form()
    paper = form.persons[0].evidence
    for issued in town.issued(form).tokens:
        decoded = b"".join(
            unb64(part) for part in issued.token.decode().replace("~", ".").split(".")
        )
        for secret in (FATHER, MOTHER, "父甲", form.reference.hex(), paper.hex()):
            assert secret.encode() not in decoded
        for raw in (form.reference, paper):
            assert base64.urlsafe_b64encode(raw).rstrip(b"=") not in decoded


@given(now=st.integers(NOW - 10**8, NOW + 10**8), ahead=st.integers(-(10**6), 10**8))
def test_a_token_never_outlives_consent_or_epoch(now: int, ahead: int) -> None:
    not_after = now + ahead
    try:
        end = tokens.expiry(not_after, now)
    except Refused:
        assert month_end(now) > not_after
        return
    assert now < end <= not_after
    latest = epoch_end(epoch_of(now)) + limits.EPOCH_GRACE - 1
    assert end == latest or (end == month_end(end) and end < latest)


def test_the_end_of_an_epoch_is_counted_in_china() -> None:
    assert tokens.expiry(FAR, NOW) == END_OF_YEAR_AND_GRACE
    last_second = END_OF_YEAR_AND_GRACE - limits.EPOCH_GRACE
    assert tokens.expiry(FAR, last_second) == END_OF_YEAR_AND_GRACE
    assert tokens.expiry(FAR, last_second + 1) == FAR


def test_a_consent_that_ends_this_month_gives_no_token(town: Town) -> None:
    with pytest.raises(Refused, match="CONSENT_EXPIRED"):
        town.client().record([a_form(not_after=month_end(NOW) - 1)])
    (receipt,) = town.client().record([a_form(not_after=month_end(NOW))])
    town.clock.seconds = month_end(NOW)
    with pytest.raises(Refused, match="CONSENT_EXPIRED"):
        town.client().tokens([receipt.consent_no])
