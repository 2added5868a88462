"""The pinned root: who must sign, and how many."""

import json
from typing import Any

import pytest

from crypto.keys import SigningKey
from federation import limits, root
from federation.errors import BadInput, PeerFault
from federation.root import Root
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


# ---- the pinned file


def test_a_root_reads_back() -> None:
    assert root.read(root.write(ROOT)) == ROOT


def _row(key: SigningKey) -> dict[str, Any]:
    return {"kid": key.kid, "public": b64(key.verify_key.raw)}


GOOD = {"threshold": 2, "keys": [_row(key) for key in KEYS]}


def test_the_form_is_as_documented() -> None:
    assert root.read(dumps(GOOD)) == ROOT


@pytest.mark.parametrize(
    "value",
    [
        [],
        7,
        GOOD | {"more": 1},
        {"keys": GOOD["keys"]},
        {"threshold": 2},
        GOOD | {"threshold": 0},
        GOOD | {"threshold": 4},
        GOOD | {"threshold": -1},
        GOOD | {"threshold": "2"},
        GOOD | {"threshold": True},
        GOOD | {"keys": []},
        GOOD | {"keys": "abc"},
        GOOD | {"keys": [5]},
        GOOD | {"keys": [_row(KEYS[0]), _row(KEYS[0])]},
        GOOD | {"keys": [_row(KEYS[0]) | {"kid": KEYS[1].kid}, _row(KEYS[2])]},
        GOOD | {"keys": [_row(KEYS[0]) | {"public": b64(bytes(31))}, _row(KEYS[2])]},
        GOOD | {"keys": [_row(KEYS[0]) | {"public": 5}, _row(KEYS[2])]},
        GOOD | {"keys": [_row(KEYS[0]) | {"kid": []}, _row(KEYS[2])]},
        GOOD | {"keys": [_row(KEYS[0]) | {"note": "x"}, _row(KEYS[2])]},
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_root_is_refused(value: object) -> None:
    with pytest.raises(BadInput, match="ROOT_INVALID"):
        root.read(dumps(value))


@pytest.mark.parametrize("data", [b"", b"\xff", b"{", b'{"threshold":1,"threshold":2}'])
def test_a_root_that_is_not_strict_json_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="ROOT_INVALID"):
        root.read(data)
