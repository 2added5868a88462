"""Status lists: others' vectors, our own round trips, and lists meant to hurt."""

import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey
from openvc.status import token_status_list as other

from crypto.keys import SigningKey
from federation import limits, status
from federation.errors import PeerFault, Refused
from federation.status import Status, StatusList, StatusLists
from federation.strictjson import b64, dumps, unb64

NOW = 1_795_000_000
KEY = SigningKey.from_seed(bytes(32))
ISSUERS = {KEY.kid: KEY.verify_key}
URI = status.uri_of("registrar", "tax")
EMPTY = status.pack({})
LIST = status.issue(URI, EMPTY, NOW, KEY)

indices = st.integers(0, limits.STATUS_ENTRIES - 1)
states = st.dictionaries(indices, st.sampled_from(Status), max_size=20)


def _read(jwt: bytes) -> StatusList:
    return status.read(jwt, uri=URI, issuers=ISSUERS)


def _refuse(jwt: bytes) -> None:
    with pytest.raises(PeerFault, match="STATUS_LIST_INVALID"):
        _read(jwt)


def _sign(header: object, claims: object, key: SigningKey = KEY) -> bytes:
    body = f"{b64(dumps(header))}.{b64(dumps(claims))}".encode()
    return body + b"." + b64(key.sign(body)).encode()


def _parts() -> tuple[dict[str, Any], dict[str, Any]]:
    head, payload, _ = LIST.split(b".")
    return json.loads(unb64(head, "")), json.loads(unb64(payload, ""))


def _forge(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> bytes:
    header, claims = _parts()
    change(header, claims)
    return _sign(header, claims)


def _with(packed: bytes, *, bits: object = 2) -> bytes:
    """Sign a list over any compressed bytes."""
    return _forge(lambda _, claims: claims.update(status_list={"bits": bits, "lst": b64(packed)}))


def _vector(vectors: Path) -> dict[str, Any]:
    rows = json.loads((vectors / "token-status-list" / "bits-1-2.json").read_text("utf-8"))
    (row,) = (row for row in rows if row["bits"] == 2)
    return dict(row)


def test_the_draft_s_vector_packs_to_the_same_bits(vectors: Path) -> None:
    row = _vector(vectors)
    packed = zlib.decompress(unb64(row["lst"], "vector"))
    nonzero = {int(index): value for index, value in row["nonzero"].items()}
    ours = bytearray(status.pack({i: Status(v) for i, v in nonzero.items() if v < 3}))
    for index in (i for i, v in nonzero.items() if v == 3):  # no state of ours: by hand
        ours[index >> 2] |= 3 << ((index & 3) * 2)
    assert bytes(ours) == packed


def test_the_draft_s_vector_is_looked_up_right(vectors: Path) -> None:
    row = _vector(vectors)
    found = _read(_with(zlib.compress(zlib.decompress(unb64(row["lst"], "vector")))))
    for index, value in row["nonzero"].items():
        assert found.at(int(index)) is (Status(value) if value < 3 else Status.SUSPENDED)
        assert found.at(int(index) ^ 1) is Status.VALID


def test_the_draft_s_compressed_form_reads(vectors: Path) -> None:
    row = _vector(vectors)
    assert _read(_with(unb64(row["lst"], "vector"))).at(1_993) is Status.SUSPENDED


@settings(max_examples=25, deadline=None)
@given(states, indices)
def test_what_is_issued_is_looked_up(marked: dict[int, Status], another: int) -> None:
    found = _read(status.issue(URI, status.pack(marked), NOW, KEY))
    assert (found.uri, found.issued, len(found.digest)) == (URI, NOW, 32)
    for index in {*marked, another}:
        assert found.at(index) is marked.get(index, Status.VALID)


@settings(max_examples=25, deadline=None)
@given(states, indices)
def test_openvc_reads_what_we_pack(marked: dict[int, Status], another: int) -> None:
    packed = status.pack(marked)
    assert other.decode_status_list(other.encode_status_list(packed)) == packed
    for index in {*marked, another}:
        assert other.get_status(packed, index, bits=2) == marked.get(index, Status.VALID)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**64))
def test_a_crowded_list_reads_whole(seed: int) -> None:
    packed = Random(seed).randbytes(limits.STATUS_ENTRIES // 4)
    assert _read(status.issue(URI, packed, NOW, KEY)).packed == packed


def test_joserfc_verifies_a_list() -> None:
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64(KEY.verify_key.raw)})
    claims = json.loads(jws.deserialize_compact(LIST, key, algorithms=["Ed25519"]).payload)
    assert other.decode_status_list(claims["status_list"]["lst"]) == EMPTY


def test_two_lists_differ_in_digest() -> None:
    later = status.issue(URI, EMPTY, NOW + 1, KEY)
    assert _read(later).digest != _read(LIST).digest


# ---- hostile lists


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zlib.compress(bytes(200 * 1024 * 1024), 9)
    assert len(bomb) < limits.STATUS_BYTES
    _refuse(_with(bomb))


def test_a_list_of_another_length_is_refused() -> None:
    for size in (0, 1, len(EMPTY) - 1, len(EMPTY) + 1):
        _refuse(_with(zlib.compress(bytes(size))))


def test_bytes_behind_the_compressed_list_are_refused() -> None:
    whole = zlib.compress(EMPTY)
    _refuse(_with(whole + b"more"))
    _refuse(_with(whole[:-1]))
    _refuse(_with(whole[:-4] + b"\0\0\0\0"))
    _refuse(_with(b"not zlib"))


@pytest.mark.parametrize("bits", [1, 4, 8, "2", None, True], ids=str)
def test_only_two_bits_an_entry_are_read(bits: object) -> None:
    _refuse(_with(zlib.compress(EMPTY), bits=bits))


def test_another_department_s_list_is_refused() -> None:
    _refuse(status.issue(status.uri_of("registrar", "bank_a"), EMPTY, NOW, KEY))


def test_another_key_is_refused() -> None:
    thief = SigningKey.generate()
    header, claims = _parts()
    _refuse(_sign(header, claims, thief))
    _refuse(status.issue(URI, EMPTY, NOW, thief))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(LIST) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(place: int, change: int) -> None:
    spoiled = bytearray(LIST)
    spoiled[place] ^= change
    _refuse(bytes(spoiled))


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "EdDSA"},
        {"alg": "none"},
        {"typ": "JWT"},
        {"crit": ["x"]},
        {"kid": "other"},
        {"kid": []},
    ],
    ids=str,
)
def test_a_header_is_exactly_ours(change: dict[str, Any]) -> None:
    _refuse(_forge(lambda header, _: header.update(change)))


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"iat": str(NOW)},
        {"iat": True},
        {"exp": NOW + limits.STATUS_AGE + 1},
        {"exp": str(NOW + limits.STATUS_AGE)},
        {"ttl": 61},
        {"ttl": None},
        {"status_list": []},
        {"status_list": "x"},
        {"status_list": {"bits": 2}},
        {"status_list": {"bits": 2, "lst": 5}},
        {"status_list": {"bits": 2, "lst": "", "aggregation_uri": "x"}},
    ],
    ids=str,
)
def test_claims_are_exactly_ours(change: dict[str, Any]) -> None:
    _refuse(_forge(lambda _, claims: claims.update(change)))


@pytest.mark.parametrize("value", [[], None, 7, "x"], ids=str)
def test_header_and_claims_are_objects(value: object) -> None:
    header, claims = _parts()
    _refuse(_sign(value, claims))
    _refuse(_sign(header, value))


@pytest.mark.parametrize("jwt", [b"", b".", b"..", b"a.b", b"x" * (limits.STATUS_BYTES + 1)])
def test_what_is_no_list_is_refused(jwt: bytes) -> None:
    _refuse(jwt)


# ---- freshness


@pytest.mark.parametrize("now", [NOW - limits.SKEW, NOW, NOW + limits.STATUS_AGE])
def test_a_fresh_list_is_given_back(now: int) -> None:
    found = StatusLists.of(_read(LIST))
    assert status.check_fresh(found, now) is found


@pytest.mark.parametrize("now", [NOW - limits.SKEW - 1, NOW + limits.STATUS_AGE + 1])
def test_an_old_list_or_one_from_the_future_is_refused(now: int) -> None:
    with pytest.raises(Refused, match="STATUS_LIST_STALE"):
        status.check_fresh(StatusLists.of(_read(LIST)), now)


def test_no_list_is_refused() -> None:
    with pytest.raises(Refused, match="STATUS_LIST_STALE"):
        status.check_fresh(None, NOW)


# ---- several lists of one department


def _series(number: int, issued: int = NOW, marked: dict[int, Status] | None = None) -> StatusList:
    uri = status.uri_of("registrar", "tax", number)
    jwt = status.issue(uri, status.pack(marked or {}), issued, KEY)
    return status.read(jwt, uri=uri, issuers=ISSUERS)


def test_a_token_is_looked_up_in_the_list_it_names() -> None:
    lists = StatusLists.of(_series(4), _series(5, marked={7: Status.INVALID}))
    assert lists.at(status.uri_of("registrar", "tax", 4)).at(7) is Status.VALID
    assert lists.at(status.uri_of("registrar", "tax", 5)).at(7) is Status.INVALID
    for none in (status.uri_of("registrar", "tax", 6), status.uri_of("registrar", "bank", 4)):
        with pytest.raises(Refused, match="CONSENT_INVALID"):
            lists.at(none)


def test_lists_are_as_fresh_as_the_oldest() -> None:
    lists = StatusLists.of(_series(4, NOW), _series(5, NOW - limits.STATUS_AGE - 1))
    with pytest.raises(Refused, match="STATUS_LIST_STALE"):
        status.check_fresh(lists, NOW)
    assert status.check_fresh(lists, NOW - 1) is lists


def test_the_digest_of_one_list_is_its_own_and_of_several_covers_all_in_order() -> None:
    one, two = _series(4), _series(5)
    assert StatusLists.of(one).digest == one.digest
    assert StatusLists.of(one, two).digest == hashlib.sha256(one.digest + two.digest).digest()
    assert StatusLists.of(two, one).digest != StatusLists.of(one, two).digest


@given(states, states)
def test_a_list_brings_back_what_was_revoked_and_is_not(
    before: dict[int, Status], after: dict[int, Status]
) -> None:
    back = [
        index
        for index, state in before.items()
        if state is Status.INVALID and after.get(index, Status.VALID) is not Status.INVALID
    ]
    earlier, later = _series(0, marked=before), _series(0, marked=after)
    assert later.brings_back(earlier) == bool(back)
    assert not earlier.brings_back(earlier)


def test_which_list_it_says_it_is() -> None:
    assert status.claimed_uri(LIST) == URI


@pytest.mark.parametrize("jwt", [b"", b"a", b"a.b.c", b"a.W10.c", b"a.e30.c", b"a.eyJzdWIiOjF9.c"])
def test_what_says_nothing_is_no_list(jwt: bytes) -> None:
    with pytest.raises(PeerFault, match="STATUS_LIST_INVALID"):
        status.claimed_uri(jwt)


def test_lists_are_named_as_they_are_read() -> None:
    other_uri = status.uri_of("registrar", "tax", 1)
    second = status.issue(other_uri, EMPTY, NOW, KEY)
    read = [_read(LIST), status.read(second, uri=other_uri, issuers=ISSUERS)]
    assert status.joint_digest([LIST]) == StatusLists.of(read[0]).digest
    assert status.joint_digest([LIST, second]) == StatusLists.of(*read).digest
