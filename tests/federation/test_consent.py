"""Consent tokens: what is issued reads back, and the reader forgives nothing."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.keys import SigningKey
from federation import consent, limits
from federation.consent import Claims, Consent, Grant
from federation.errors import PeerFault, Refused
from federation.exchange import Purpose
from federation.strictjson import b64, dumps

NOW = 1_795_000_000
KEY = SigningKey.from_seed(bytes(32))
ISSUERS = {KEY.kid: KEY.verify_key}
HOLDER = SigningKey.from_seed(b"h" * 32).verify_key.raw
SALTS = [bytes([n]) * 16 for n in range(200)]

CLAIMS = Claims(
    issuer="registrar",
    audience="tax",
    sub=b"s" * 32,
    issued=NOW,
    not_before=NOW,
    expires=NOW + 86_400,
    jti=b"j" * 16,
    holder=HOLDER,
    status_index=7,
    status_uri="hedui:registrar/status/tax/0",
    purpose=Purpose.ENTRY,
    basis="CONSENT",
    policy_family="test",
    policy_version=1,
    uses_a_month=10,
    data_life_days=30,
    role="APPLICANT",
    household_salt=b"t" * 16,
    household_commitment=b"c" * 32,
    members=3,
    evidence=b"e" * 32,
    chain=b"j" * 16,
)
VEHICLE = Grant(predicate="P40", parameter="", form="boolean", max_uses=2)
DEPOSIT = Grant(
    predicate="P50",
    parameter="deposit-12s",
    form="threshold",
    max_uses=1,
    members=3,
    args=(b"a" * 32,),
)
TOKEN = consent.issue(CLAIMS, {SALTS[0]: VEHICLE, SALTS[1]: DEPOSIT}, KEY)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
grants = st.builds(
    Grant,
    predicate=words,
    parameter=words,
    form=words,
    max_uses=st.integers(0, 10_000),
    members=st.integers(0, 1_000),
    args=st.lists(st.binary(min_size=32, max_size=32), max_size=3).map(tuple),
)
claims = st.builds(
    replace,
    st.just(CLAIMS),
    issuer=words,
    audience=words,
    sub=st.binary(min_size=32, max_size=32),
    issued=st.integers(0, NOW),
    not_before=st.integers(NOW, NOW + 5),
    expires=st.integers(NOW + 6, 1 << 40),
    status_index=st.integers(0, limits.STATUS_ENTRIES - 1),
    purpose=st.sampled_from(Purpose),
    policy_version=st.integers(0, 1 << 31),
    uses_a_month=st.integers(0, 10_000),
    members=st.integers(0, limits.HOUSEHOLD_PERSONS),
)


def _refuse(token: bytes) -> PeerFault:
    with pytest.raises(PeerFault) as caught:
        consent.read(token, ISSUERS)
    assert caught.value.code == "CONSENT_INVALID"
    return caught.value


def _parts(token: bytes = TOKEN) -> tuple[dict[str, Any], dict[str, Any], list[bytes]]:
    jwt, *disclosures, _ = token.split(b"~")
    head, payload, _ = jwt.split(b".")
    return json.loads(_unpad(head)), json.loads(_unpad(payload)), disclosures


def _unpad(text: bytes) -> bytes:
    standard = text.replace(b"-", b"+").replace(b"_", b"/")
    return base64.b64decode(standard + b"=" * (-len(text) % 4))


def _sign(head: bytes, payload: bytes, disclosures: list[bytes], key: SigningKey = KEY) -> bytes:
    body = b64(head).encode() + b"." + b64(payload).encode()
    jwt = body + b"." + b64(key.sign(body)).encode()
    return b"~".join([jwt, *disclosures, b""])


def _forge(change: Callable[[dict[str, Any], dict[str, Any], list[bytes]], object]) -> bytes:
    """Sign a changed token with the registrar's own key: only the structure is wrong."""
    header, payload, disclosures = _parts()
    change(header, payload, disclosures)
    return _sign(dumps(header), dumps(payload), disclosures)


def _disclosure(value: object) -> bytes:
    return b64(dumps(value)).encode()


def _with_disclosure(value: object) -> bytes:
    """Sign a token whose only disclosure is ``value``, properly referenced."""
    text = _disclosure(value)
    header, payload, _ = _parts()
    payload["grants"] = [{"...": b64(hashlib.sha256(text).digest())}]
    return _sign(dumps(header), dumps(payload), [text])


@settings(max_examples=50, deadline=None)
@given(claims, st.lists(grants, max_size=6, unique_by=lambda g: (g.predicate, g.parameter)))
def test_what_is_issued_reads_back(one: Claims, allowed: list[Grant]) -> None:
    token = consent.issue(one, dict(zip(SALTS, allowed, strict=False)), KEY)
    expected = {(g.predicate, g.parameter): g for g in allowed}
    read = consent.read(token, ISSUERS)
    assert (read.claims, read.grants, read.slots) == (one, expected, len(allowed))
    assert consent.grants_of(token) == expected


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_presentation_discloses_what_is_wanted_and_no_more(data: st.DataObject) -> None:
    allowed = [replace(VEHICLE, predicate=f"P{n:02}") for n in range(8)]
    token = consent.issue(CLAIMS, dict(zip(SALTS, allowed, strict=False)), KEY)
    pairs = [(g.predicate, g.parameter) for g in allowed]
    wanted = data.draw(st.lists(st.sampled_from(pairs)))
    shown = consent.disclose(token, wanted)
    assert consent.read(shown, ISSUERS).grants.keys() == set(wanted)
    for grant in allowed:
        if (grant.predicate, grant.parameter) not in wanted:
            assert grant.predicate.encode() not in b"".join(map(_unpad, shown.split(b"~")[1:-1]))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_presentations_of_one_token_join(data: st.DataObject) -> None:
    pairs = [("P40", ""), ("P50", "deposit-12s")]
    some = st.lists(st.sampled_from(pairs), unique=True)
    wanted, more = data.draw(some), data.draw(some)
    first, second = consent.disclose(TOKEN, wanted), consent.disclose(TOKEN, more)
    both = consent.read(consent.join(first, second), ISSUERS)
    assert both.grants.keys() == {*wanted, *more}
    read = [consent.read(one, ISSUERS) for one in (first, second)]
    assert consent.joined(*read) == both
    assert {one.signature for one in read} == {both.signature}
    assert {one.slots for one in read} == {2}


def test_two_tokens_are_told_apart_by_what_was_signed() -> None:
    other = consent.issue(CLAIMS, {SALTS[2]: VEHICLE, SALTS[1]: DEPOSIT}, KEY)
    assert consent.read(other, ISSUERS).signature != consent.read(TOKEN, ISSUERS).signature


def test_what_is_not_granted_is_not_disclosed() -> None:
    with pytest.raises(Refused, match="CONSENT_NOT_GRANTED predicate=P41"):
        consent.disclose(TOKEN, [("P41", "")])


def test_the_order_of_digests_does_not_tell_the_order_of_grants() -> None:
    both = [{SALTS[0]: VEHICLE, SALTS[1]: DEPOSIT}, {SALTS[1]: DEPOSIT, SALTS[0]: VEHICLE}]
    slots = [_parts(consent.issue(CLAIMS, one, KEY))[1]["grants"] for one in both]
    assert slots[0] == slots[1] == sorted(slots[0], key=lambda slot: str(slot["..."]))


def test_a_household_commitment_is_blind_to_order_and_hangs_on_the_salt() -> None:
    a, b = b"a" * 32, b"b" * 32
    made = consent.household_commitment(bytes(16), [a, b])
    assert made == consent.household_commitment(bytes(16), [b, a])
    assert made == hashlib.sha256(bytes(16) + a + b).digest()
    assert made != consent.household_commitment(b"x" * 16, [a, b])


def test_nothing_secret_shows_in_a_repr() -> None:
    assert repr(CLAIMS.sub) not in repr(CLAIMS)


# ---- the signature


def test_another_key_does_not_sign_for_the_registrar() -> None:
    header, payload, disclosures = _parts()
    thief = SigningKey.generate()
    _refuse(_sign(dumps(header), dumps(payload), disclosures, thief))
    _refuse(_sign(dumps(header | {"kid": thief.kid}), dumps(payload), disclosures, thief))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(TOKEN) - 1), st.integers(1, 255))
def test_no_byte_of_a_token_can_be_changed(place: int, change: int) -> None:
    spoiled = bytearray(TOKEN)
    spoiled[place] ^= change
    _refuse(bytes(spoiled))


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    _refuse(data)


# ---- header


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "EdDSA"},
        {"alg": "none"},
        {"alg": ["Ed25519"]},
        {"typ": "JWT"},
        {"typ": "vc+sd-jwt"},
        {"kid": "0" * 32},
        {"kid": [KEY.kid]},
        {"crit": ["b64"]},
        {"jwk": {"kty": "OKP"}},
    ],
    ids=str,
)
def test_a_header_is_exactly_ours(change: dict[str, Any]) -> None:
    _refuse(_forge(lambda header, *_: header.update(change)))


@pytest.mark.parametrize("missing", ["alg", "kid", "typ"])
def test_a_header_lacks_nothing(missing: str) -> None:
    _refuse(_forge(lambda header, *_: header.pop(missing)))


@pytest.mark.parametrize("value", [b"[]", b"null", b"7", b'"alg"', b"{}", b"", b"\xff"])
def test_header_and_claims_are_objects(value: bytes) -> None:
    header, payload, disclosures = _parts()
    _refuse(_sign(value, dumps(payload), disclosures))
    _refuse(_sign(dumps(header), value, disclosures))


# ---- disclosures


def test_a_stray_disclosure_is_refused() -> None:
    stray = _disclosure([b64(SALTS[9]), {"predicate": "P41"}])
    assert _refuse(TOKEN + stray + b"~").details["why"] == "stray or repeated disclosure"


def test_a_repeated_disclosure_is_refused() -> None:
    _, _, disclosures = _parts()
    assert _refuse(TOKEN + disclosures[0] + b"~").details["why"] == "stray or repeated disclosure"


def test_one_grant_in_two_disclosures_is_refused() -> None:
    token = consent.issue(CLAIMS, {SALTS[0]: VEHICLE, SALTS[1]: replace(VEHICLE, max_uses=9)}, KEY)
    assert _refuse(token).details["why"] == "repeated grant"


def test_one_digest_in_two_slots_is_refused() -> None:
    def change(_: object, payload: dict[str, Any], __: object) -> None:
        payload["grants"].append(payload["grants"][0])

    assert _refuse(_forge(change)).details["why"] == "repeated digest"


@pytest.mark.parametrize(
    "value",
    [
        [b64(SALTS[0]), "_sd", {}],
        [b64(SALTS[0]), "exp", 5_000_000_000],
        [b64(SALTS[0])],
        {},
        [b64(b"short"), {}],
        [7, {}],
        [b64(SALTS[0]), []],
        [b64(SALTS[0]), {}],
        [b64(SALTS[0]), {"_sd": []}],
        [b64(SALTS[0]), {"...": "x"}],
    ],
    ids=str,
)
def test_a_disclosure_is_a_salt_and_a_grant(value: object) -> None:
    _refuse(_with_disclosure(value))


GOOD_GRANT: dict[str, Any] = {"predicate": "P40", "parameter": "", "form": "boolean", "max_uses": 2}


def test_a_disclosure_made_by_hand_can_be_right() -> None:
    assert consent.read(_with_disclosure([b64(SALTS[0]), GOOD_GRANT]), ISSUERS).grants == {
        ("P40", ""): VEHICLE
    }


@pytest.mark.parametrize(
    "change",
    [
        {"_sd": ["x"]},
        {"...": "x"},
        {"more": 1},
        {"predicate": 40},
        {"predicate": "P" * 129},
        {"max_uses": -1},
        {"max_uses": 10_001},
        {"max_uses": True},
        {"max_uses": "2"},
        {"members": 1_001},
        {"members": None},
        {"recheck": False},
        {"recheck": 1},
        {"args": "a"},
        {"args": [b64(bytes(31))]},
        {"args": [5]},
        {"args": [b64(bytes(32))] * 101},
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_grant_holds_what_it_may_and_no_more(change: dict[str, Any]) -> None:
    _refuse(_with_disclosure([b64(SALTS[0]), GOOD_GRANT | change]))


# ---- claims


@pytest.mark.parametrize("name", ["_sd", "...", "amr", "zkp", "_sd_alg2"])
def test_an_unknown_claim_is_refused(name: str) -> None:
    _refuse(_forge(lambda _, payload, __: payload.update({name: ["x"]})))


@pytest.mark.parametrize("name", sorted(_parts()[1]))
def test_no_claim_may_be_missing(name: str) -> None:
    _refuse(_forge(lambda _, payload, __: payload.pop(name)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vct", "other/v1"),
        ("_sd_alg", "sha-512"),
        ("iss", 5),
        ("aud", ["tax"]),
        ("aud", "t" * 129),
        ("sub", b64(bytes(31))),
        ("sub", "not base64!"),
        ("sub", b64(b"s" * 32) + "="),
        ("jti", b64(bytes(17))),
        ("evidence", b64(bytes(33))),
        ("cnf", {"jwk": {"crv": "X25519", "kty": "OKP", "x": b64(HOLDER)}}),
        ("cnf", {"jwk": {"crv": "Ed25519", "kty": "EC", "x": b64(HOLDER)}}),
        ("cnf", {"jwk": {"crv": "Ed25519", "kty": "OKP", "x": b64(HOLDER), "d": "x"}}),
        ("cnf", {"kid": "x"}),
        ("cnf", []),
        ("status", {"status_list": {"idx": limits.STATUS_ENTRIES, "uri": "u"}}),
        ("status", {"status_list": {"idx": -1, "uri": "u"}}),
        ("status", {"status_list": {"idx": "7", "uri": "u"}}),
        ("status", {"status_list": [7, "u"]}),
        ("purpose", {"class": "CURIOSITY", "basis": "CONSENT"}),
        ("purpose", {"class": 1, "basis": "CONSENT"}),
        ("policy", {"family": "test", "version": (1 << 31) + 1}),
        ("frequency", 10_001),
        ("data_life", 36_601),
        ("household", {"salt": b64(bytes(16)), "commitment": b64(bytes(32)), "members": 31}),
        ("household", {"salt": b64(bytes(15)), "commitment": b64(bytes(32)), "members": 1}),
        ("grants", {}),
        ("grants", ["x"]),
        ("grants", [{"...": 5}]),
        ("grants", [{"_sd": "x"}]),
        ("grants", [{"...": str(n)} for n in range(limits.TOKEN_GRANTS + 1)]),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_claim_of_another_type_or_size_is_refused(name: str, value: object) -> None:
    _refuse(_forge(lambda _, payload, disclosures: _only(payload, disclosures, name, value)))


def _only(payload: dict[str, Any], disclosures: list[bytes], name: str, value: object) -> None:
    disclosures.clear()
    payload[name] = value


@pytest.mark.parametrize("name", ["iat", "nbf", "exp"])
@pytest.mark.parametrize("value", [-1, True, None, "1795000000", [], (1 << 40) + 1], ids=str)
def test_a_date_is_a_whole_number(name: str, value: object) -> None:
    _refuse(_forge(lambda _, payload, __: payload.update({name: value})))


@pytest.mark.parametrize("number", ["1795000000.0", "1.795e9", "NaN", "Infinity", "-Infinity"])
def test_a_number_is_no_float(number: str) -> None:
    header, payload, disclosures = _parts()
    text = dumps(payload).replace(f'"iat":{NOW}'.encode(), f'"iat":{number}'.encode())
    assert text != dumps(payload)
    _refuse(_sign(dumps(header), text, disclosures))


@pytest.mark.parametrize(
    "times", [(2, 1, 9), (1, 5, 5), (1, 9, 5)], ids=["iat > nbf", "nbf = exp", "nbf > exp"]
)
def test_times_stand_in_order(times: tuple[int, int, int]) -> None:
    values = dict(zip(("iat", "nbf", "exp"), times, strict=True))
    assert _refuse(_forge(lambda _, p, __: p.update(values))).details["why"] == "times"


def test_a_key_that_stands_twice_is_refused() -> None:
    header, payload, disclosures = _parts()
    text = dumps(payload)[:-1] + b',"exp":5000000000}'
    _refuse(_sign(dumps(header), text, disclosures))
    _refuse(_sign(dumps(header)[:-1] + b',"alg":"Ed25519"}', dumps(payload), disclosures))


def test_deep_json_is_refused() -> None:
    header, payload, disclosures = _parts()
    deep = b"[" * 5_000 + b"]" * 5_000
    _refuse(_sign(dumps(header), dumps(payload)[:-1] + b',"x":' + deep + b"}", disclosures))


# ---- the outer form


@pytest.mark.parametrize("change", [b"=", b" ", b"\n", b"%", b"+", b"/"])
def test_base64url_is_canonical(change: bytes) -> None:
    jwt, *rest = TOKEN.split(b"~")
    head, payload, signature = jwt.split(b".")
    for parts in ((head + change, payload, signature), (head, payload, signature + change)):
        _refuse(b"~".join([b".".join(parts), *rest]))


def test_stray_bits_at_the_end_of_a_signature_are_refused() -> None:
    jwt, *rest = TOKEN.split(b"~")
    last = jwt[-1:]
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = alphabet[alphabet.index(last) ^ 1 :][:1]
    _refuse(b"~".join([jwt[:-1] + other, *rest]))


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"~",
        TOKEN.rstrip(b"~"),
        TOKEN + b"key.binding.jwt",
        TOKEN.split(b"~")[0],
        TOKEN.replace(b".", b"", 1),
        TOKEN.replace(b".", b"..", 1),
        TOKEN + b"~" * (limits.TOKEN_GRANTS + 1),
        TOKEN + b"x" * limits.TOKEN_BYTES,
    ],
    ids=lambda token: str(len(token)),
)
def test_the_outer_form_is_exact(token: bytes) -> None:
    _refuse(token)


def test_a_token_at_the_limit_of_grants_reads() -> None:
    many = {
        n.to_bytes(16, "big"): replace(VEHICLE, predicate=f"Q{n}")
        for n in range(limits.TOKEN_GRANTS)
    }
    token = consent.issue(CLAIMS, many, KEY)
    assert len(consent.read(token, ISSUERS).grants) == limits.TOKEN_GRANTS


# ---- the moment


def _check(*, audience: str = "tax", holder: bytes = HOLDER, now: int = NOW) -> None:
    verified = Consent(claims=CLAIMS, grants={}, slots=0, signature=b"")
    consent.check_consent(verified, audience=audience, holder=holder, now=now)


@pytest.mark.parametrize("now", [NOW - limits.SKEW, NOW, NOW + 86_399])
def test_a_consent_holds_from_its_start_to_its_end(now: int) -> None:
    _check(now=now)


@pytest.mark.parametrize(
    ("code", "moment"),
    [
        ("CONSENT_WRONG_AUDIENCE", {"audience": "bank_a"}),
        ("CONSENT_WRONG_HOLDER", {"holder": bytes(32)}),
        ("CONSENT_NOT_YET_VALID", {"now": NOW - limits.SKEW - 1}),
        ("CONSENT_EXPIRED", {"now": NOW + 86_400}),
    ],
)
def test_a_consent_is_held_to_the_moment(code: str, moment: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=code):
        _check(**moment)


@given(claims, grants)
def test_whom_a_token_is_about_can_be_read_without_believing_it(one: Claims, grant: Grant) -> None:
    token = consent.issue(one, {bytes(16): grant}, SigningKey.generate())
    assert consent.subject(token) == one.sub


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"a",
        b"a.b",
        b"a.W10.c",
        b"a.e30.c",
        b"a." + b64(dumps({"sub": "short"})).encode(),
        b"a." + b64(dumps({"sub": 7})).encode(),
    ],
)
def test_a_token_about_nobody_is_refused(token: bytes) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        consent.subject(token)


def test_visible_claims_can_be_read_without_believing_them() -> None:
    assert consent.visible(TOKEN) == CLAIMS
    assert consent.visible(consent.disclose(TOKEN, [])) == CLAIMS


@pytest.mark.parametrize("token", [b"", b"a", b"a.b", b"a.W10.c", b"a.e30.c", TOKEN[:80]])
def test_what_has_no_claims_is_refused(token: bytes) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        consent.visible(token)


def test_claims_of_another_kind_are_refused() -> None:
    head, claims, signature = TOKEN.partition(b"~")[0].split(b".")
    read = json.loads(base64.urlsafe_b64decode(claims + b"=="))
    for change in ({"vct": "x"}, {"purpose": {"class": "X", "basis": ""}}, {"iat": "1"}):
        changed = b64(dumps(read | change)).encode()
        with pytest.raises(PeerFault, match="MALFORMED"):
            consent.visible(b".".join([head, changed, signature]))
