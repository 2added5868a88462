"""Others take every token that we issue; what they take of faulty ones stands in a table."""

import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey
from openvc.proof.sd_jwt import disclosure_digest, make_array_disclosure

from federation import consent, limits
from federation.consent import Claims, Consent, Grant
from federation.exchange import Purpose
from federation.strictjson import b64
from tests.interop import page, token_faults, token_readers, tokens, verdicts
from tests.interop.token_readers import Expected
from tests.interop.tokens import CLAIMS, EXPECTED, KEY, NOW, SOUND, TOKEN
from tests.registrar.town import Town, a_form

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
hashes = st.binary(min_size=32, max_size=32)
grants = st.builds(
    Grant,
    predicate=words,
    parameter=words,
    form=words,
    max_uses=st.integers(0, 10_000),
    members=st.integers(0, 1_000),
    args=st.lists(hashes, max_size=3).map(tuple),
    recheck=st.booleans(),
)
claims = st.builds(
    replace,
    st.just(CLAIMS),
    sub=hashes,
    issued=st.integers(0, NOW - 10),
    not_before=st.integers(NOW - 10, NOW),
    expires=st.integers(NOW + 1, 1 << 40),
    jti=st.binary(min_size=16, max_size=16),
    status_index=st.integers(0, limits.STATUS_ENTRIES - 1),
    status_uri=words.filter(bool),
    purpose=st.sampled_from(Purpose),
    basis=words,
    policy_family=words,
    policy_version=st.integers(0, 1 << 31),
    uses_a_month=st.integers(0, 10_000),
    role=words,
    household_commitment=hashes,
    members=st.integers(0, limits.HOUSEHOLD_PERSONS),
    evidence=hashes,
)
held = st.lists(grants, max_size=5, unique_by=lambda one: (one.predicate, one.parameter))


def agreed(token: bytes, expected: Expected = EXPECTED) -> Consent:
    """Read a token with all three, hold them to one reading and give it."""
    ours = token_readers.hedui(token, expected)
    theirs = token_readers.openvc(token, expected)
    disclosed = [_pair(grant) for grant in theirs.pop("grants")]
    assert sorted(disclosed) == sorted(ours.grants)
    visible = token_readers.joserfc(token, expected)
    assert len(visible.pop("grants")) == ours.slots
    assert visible.pop("_sd_alg") == "sha-256"
    assert theirs == visible
    assert visible["sub"] == b64(ours.claims.sub)
    assert visible["exp"] == ours.claims.expires
    return ours


def _pair(grant: dict[str, Any]) -> tuple[str, str]:
    return grant["predicate"], grant["parameter"]


@settings(max_examples=60, deadline=None)
@given(claims, held, st.data())
def test_all_read_the_same_in_what_we_issue(
    one: Claims, allowed: list[Grant], data: st.DataObject
) -> None:
    salted = {bytes([n]) * 16: grant for n, grant in enumerate(allowed)}
    token = consent.issue(one, salted, KEY)
    assert agreed(token).claims == one
    pairs = [(grant.predicate, grant.parameter) for grant in allowed]
    wanted = data.draw(st.lists(st.sampled_from(pairs))) if pairs else []
    assert agreed(consent.disclose(token, wanted)).grants.keys() == {*wanted}


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.none() | st.integers(0, 4), st.booleans())
def test_all_read_the_same_however_its_json_is_written(
    random: Random, indent: int | None, escaped: bool
) -> None:
    """Another issuer need not write JSON as we do; what we take, the others take too."""

    def rewritten(data: bytes) -> bytes:
        pairs = list(json.loads(data).items())
        random.shuffle(pairs)
        return json.dumps(dict(pairs), indent=indent, ensure_ascii=escaped).encode()

    parts = replace(SOUND, header=rewritten(SOUND.header), claims=rewritten(SOUND.claims))
    shown = tuple(random.sample(parts.disclosures, random.randint(0, len(parts.disclosures))))
    read = agreed(replace(parts, disclosures=shown).signed())
    assert (read.claims, len(read.grants)) == (CLAIMS, len(shown))


def test_all_read_what_a_running_registrar_issues(town: Town) -> None:
    issued = town.issued(a_form()).tokens
    assert len(issued) == 5
    for one in issued:
        expected = Expected(
            keys=town.registrar.entry.keys,
            issuer="registrar",
            audience=one.department,
            holder=town.parties["coordinator"].key.verify_key.raw,
            now=town.clock.now(),
        )
        pairs = consent.grants_of(one.token)
        assert agreed(one.token, expected).grants == pairs
        for pair in pairs:
            assert agreed(consent.disclose(one.token, [pair]), expected).grants == {
                pair: pairs[pair]
            }


def test_we_read_what_others_issue() -> None:
    grant = {"predicate": "P20", "parameter": "", "form": "boolean", "max_uses": 2}
    disclosure = make_array_disclosure(b64(b"s" * 16), grant)
    claims = json.loads(SOUND.claims) | {"grants": [{"...": disclosure_digest(disclosure)}]}
    header = {"alg": "Ed25519", "kid": KEY.kid, "typ": consent.TYPE}
    private = {**token_readers.jwk(KEY.verify_key), "d": b64(KEY.seed)}
    key = OKPKey.import_key(private)  # type: ignore[arg-type]
    jwt = jws.serialize_compact(header, json.dumps(claims), key, algorithms=["Ed25519"])
    read = agreed(f"{jwt}~{disclosure}~".encode())
    assert read.claims == CLAIMS
    assert read.grants == {("P20", ""): tokens.WAGE}


@pytest.fixture(scope="module")
def rows() -> dict[str, list[str]]:
    return verdicts.verdicts(token_faults.readers(), token_faults.faults())


def test_every_fault_is_in_an_otherwise_sound_token(rows: dict[str, list[str]]) -> None:
    assert agreed(TOKEN).claims == CLAIMS
    assert tokens.claims_with(lambda _: None) == TOKEN, "changing nothing changes nothing"
    assert len(rows) > 100


def test_we_refuse_every_fault(rows: dict[str, list[str]]) -> None:
    assert {name for name, (ours, *_) in rows.items() if ours != verdicts.REFUSES} == set()


def test_all_refuse_a_forged_or_expired_token(rows: dict[str, list[str]]) -> None:
    for name, row in rows.items():
        if name.startswith(("signature:", "`alg`: `none`", "`alg`: `HS256`", "time: expire")):
            assert row == [verdicts.REFUSES] * 3, name
    assert rows["time: not valid for another hour"] == [verdicts.REFUSES] * 3


def test_the_page_shows_what_each_refuses(rows: dict[str, list[str]]) -> None:
    assert verdicts.shown("tokens") == verdicts.table(token_faults.readers(), rows), page.ADVICE


def test_one_leeway_for_both_ends_is_not_ours() -> None:
    """We wait for a beginning, never for an end: the page says so of the others."""
    early = tokens.times(iat=NOW + limits.SKEW, nbf=NOW + limits.SKEW)
    assert token_readers.hedui(early, EXPECTED).claims.not_before == NOW + limits.SKEW
    for read in (token_readers.openvc, token_readers.joserfc):
        with pytest.raises(verdicts.RefusedError):
            read(early, EXPECTED)
