"""The root: who must sign, how many, and how one set of keys hands over to the next."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from crypto import envelope
from crypto.keys import SigningKey
from federation import limits, root
from federation.errors import BadInput, HeduiError, PeerFault
from federation.root import Root, RootDocument
from federation.strictjson import b64, dumps

TYPE = "application/vnd.hedui.thing.v1+json"
KEYS = [SigningKey.from_seed(bytes([n]) * 32) for n in range(3)]
ROOT = Root(keys={key.kid: key.verify_key for key in KEYS}, threshold=2)


def _refuse(document: bytes, payload_type: str = TYPE, pinned: Root = ROOT) -> None:
    with pytest.raises(PeerFault, match="ROOT_SIGNATURE"):
        pinned.open(document, payload_type)


@pytest.mark.parametrize("signers", [[0, 1], [2, 0], [0, 1, 2]])
def test_enough_root_keys_open_a_document(signers: list[int]) -> None:
    document = root.sign(b"payload", TYPE, [KEYS[n] for n in signers])
    assert ROOT.open(document, TYPE) == b"payload"


def test_too_few_signatures_are_refused() -> None:
    _refuse(root.sign(b"payload", TYPE, KEYS[:1]))


def test_unknown_keys_do_not_count() -> None:
    strangers = [SigningKey.generate() for _ in range(3)]
    _refuse(root.sign(b"payload", TYPE, strangers))
    _refuse(root.sign(b"payload", TYPE, [KEYS[0], *strangers]))
    assert ROOT.open(root.sign(b"payload", TYPE, [*KEYS[:2], *strangers]), TYPE) == b"payload"


def test_one_key_under_two_names_counts_once() -> None:
    key = KEYS[0]
    twice = Root(keys={key.kid: key.verify_key, "other": key.verify_key}, threshold=2)
    document = json.loads(root.sign(b"payload", TYPE, [key]))
    again = dict(document["signatures"][0], keyid="other")
    document["signatures"].append(again)
    _refuse(dumps(document), pinned=twice)


def test_a_bad_signature_by_a_known_key_spoils_the_others() -> None:
    document = json.loads(root.sign(b"payload", TYPE, KEYS))
    document["signatures"][2]["sig"] = document["signatures"][1]["sig"]
    _refuse(dumps(document))


def test_a_document_of_another_type_is_refused() -> None:
    _refuse(root.sign(b"payload", TYPE, KEYS), "application/other")


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b"\xff", b"{" * 10_000])
def test_garbage_is_refused(document: bytes) -> None:
    _refuse(document)


def test_an_oversize_document_is_refused() -> None:
    _refuse(root.sign(bytes(limits.MANIFEST_BYTES), TYPE, KEYS))


# ---- root documents, and how one hands over to the next

NOW = 1_795_000_000
NEW = [SigningKey.from_seed(bytes([n]) * 32) for n in range(10, 13)]


def _document(version: int = 1, keys: list[SigningKey] = KEYS, **more: Any) -> RootDocument:
    plain = RootDocument(
        federation="test",
        version=version,
        issued=NOW,
        expires=NOW + 100,
        root=Root(keys={key.kid: key.verify_key for key in keys}, threshold=2),
    )
    return replace(plain, **more)


def _line(document: RootDocument, *signers: SigningKey) -> bytes:
    return root.sign(root.write(document), root.PAYLOAD_TYPE, signers)


FIRST = _line(_document(), *KEYS)


def _refused(error: type[HeduiError], code: str, *lines: bytes) -> None:
    with pytest.raises(error, match=code):
        root.read_chain(b"\n".join(lines))


def test_a_root_reads_back() -> None:
    (found,) = root.read_chain(FIRST).documents
    assert replace(found, digest=b"") == _document()
    assert found.digest == sha256(root.write(_document())).digest()
    assert root.read(FIRST) == root.read(FIRST + b"\n") == ROOT


def test_the_form_is_as_documented() -> None:
    assert json.loads(root.write(_document())) == GOOD


def test_new_keys_follow_when_enough_old_and_enough_new_ones_sign() -> None:
    second = _line(_document(2, NEW), *KEYS[:2], *NEW[1:])
    chain = root.read_chain(FIRST + b"\n" + second)
    assert [one.version for one in chain.documents] == [1, 2]
    assert chain.newest.root.keys.keys() == {key.kid for key in NEW}
    assert chain.version(1) == chain.documents[0]
    assert chain.version(0) is chain.version(3) is None


def test_a_key_that_stays_counts_on_both_sides() -> None:
    second = _line(_document(2, [*KEYS[:2], NEW[0]]), *KEYS[:2])
    assert root.read_chain(FIRST + b"\n" + second).newest.version == 2


@pytest.mark.parametrize(
    "signers",
    [NEW, [*NEW, KEYS[0]], KEYS, [*KEYS, NEW[0]], [NEW[0], KEYS[0]]],
    ids=["only new", "one old", "only old", "one new", "one each"],
)
def test_a_change_of_keys_that_one_side_did_not_sign_is_refused(
    signers: list[SigningKey],
) -> None:
    _refused(PeerFault, "ROOT_SIGNATURE", FIRST, _line(_document(2, NEW), *signers))


def test_keys_of_two_versions_ago_vouch_for_nothing() -> None:
    second = _line(_document(2, NEW), *KEYS, *NEW)
    third = _document(3, KEYS)
    _refused(PeerFault, "ROOT_SIGNATURE", FIRST, second, _line(third, *KEYS))
    assert root.read_chain(b"\n".join([FIRST, second, _line(third, *KEYS, *NEW)]))


@pytest.mark.parametrize("version", [1, 3])
def test_versions_go_up_by_one(version: int) -> None:
    _refused(BadInput, "ROOT_INVALID", FIRST, _line(_document(version), *KEYS))


def test_another_federation_does_not_follow() -> None:
    _refused(BadInput, "ROOT_INVALID", FIRST, _line(_document(2, federation="other"), *KEYS))


def test_the_first_is_signed_by_its_own_keys() -> None:
    _refused(PeerFault, "ROOT_SIGNATURE", _line(_document(), KEYS[0]))
    _refused(PeerFault, "ROOT_SIGNATURE", _line(_document(), *NEW))


def test_another_document_is_no_root() -> None:
    stolen = root.sign(root.write(_document()), TYPE, KEYS)
    _refused(PeerFault, "ROOT_SIGNATURE", stolen)


def test_a_root_ends() -> None:
    found = root.read_chain(FIRST).newest
    found.check_current(NOW + 99)
    with pytest.raises(PeerFault, match="ROOT_EXPIRED version=1"):
        found.check_current(NOW + 100)


def test_what_is_signed_by_a_withdrawn_key_opens_no_more() -> None:
    second = _line(_document(2, [*KEYS[:2], NEW[0]]), *KEYS[:2])
    pinned = root.read(FIRST + b"\n" + second)
    _refuse(root.sign(b"payload", TYPE, [KEYS[0], KEYS[2]]), pinned=pinned)
    assert pinned.open(root.sign(b"payload", TYPE, KEYS[:2]), TYPE) == b"payload"


def test_signers_are_counted_one_by_one() -> None:
    signed = envelope.sign(b"payload", TYPE, KEYS[0], NEW[0])
    assert ROOT.signers(signed) == {KEYS[0].kid}
    assert ROOT.signers(envelope.sign(b"payload", TYPE, NEW[0])) == frozenset()
    with pytest.raises(PeerFault, match="ROOT_SIGNATURE"):
        ROOT.signers(replace(signed, payload=b"other"))


def _row(key: SigningKey) -> dict[str, Any]:
    return {"kid": key.kid, "suite": "ed25519", "use": "root", "public": b64(key.verify_key.raw)}


_ROWS = sorted((_row(key) for key in KEYS), key=lambda row: str(row["kid"]))
GOOD = {
    "federation": "test",
    "version": 1,
    "issued": NOW,
    "expires": NOW + 100,
    "threshold": 2,
    "keys": _ROWS,
}


@pytest.mark.parametrize(
    "value",
    [
        [],
        7,
        GOOD | {"more": 1},
        {name: value for name, value in GOOD.items() if name != "threshold"},
        GOOD | {"threshold": 0},
        GOOD | {"threshold": 4},
        GOOD | {"threshold": -1},
        GOOD | {"threshold": "2"},
        GOOD | {"threshold": True},
        GOOD | {"version": 0},
        GOOD | {"version": "1"},
        GOOD | {"version": True},
        GOOD | {"expires": None},
        GOOD | {"issued": 1.5},
        GOOD | {"federation": 5},
        GOOD | {"keys": []},
        GOOD | {"keys": "abc"},
        GOOD | {"keys": [5]},
        GOOD | {"keys": [_ROWS[0], _ROWS[0]]},
        GOOD | {"keys": [_ROWS[0] | {"kid": _ROWS[1]["kid"]}, _ROWS[2]]},
        GOOD | {"keys": [_ROWS[0] | {"public": b64(bytes(31))}, *_ROWS[1:]]},
        GOOD | {"keys": [_ROWS[0] | {"public": 5}, *_ROWS[1:]]},
        GOOD | {"keys": [_ROWS[0] | {"kid": []}, *_ROWS[1:]]},
        GOOD | {"keys": [_ROWS[0] | {"use": "sign"}, *_ROWS[1:]]},
        GOOD | {"keys": [_ROWS[0] | {"suite": 5}, *_ROWS[1:]]},
        GOOD | {"keys": [_ROWS[0] | {"note": "x"}, *_ROWS[1:]]},
        GOOD | {"keys": [_row(SigningKey.from_seed(bytes([n]) * 32)) for n in range(9)]},
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_root_is_refused(value: object) -> None:
    with pytest.raises(BadInput, match="ROOT_INVALID"):
        root.parse(dumps(value))


def test_a_suite_that_nobody_provides_is_named() -> None:
    rows = [_ROWS[0] | {"suite": "sm2-sm3"}, *_ROWS[1:]]
    with pytest.raises(PeerFault, match="SUITE_UNKNOWN suite=sm2-sm3"):
        root.parse(dumps(GOOD | {"keys": rows}))


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"{", b"{}", dumps(GOOD), FIRST + b"\n\n" + FIRST, b"\n" + FIRST]
)
def test_a_file_that_is_no_chain_of_envelopes_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="ROOT_INVALID"):
        root.read(data)


def test_an_oversize_chain_is_refused_unread() -> None:
    with pytest.raises(BadInput, match="ROOT_INVALID"):
        root.read(FIRST + b"\n" * limits.MANIFEST_BYTES)
