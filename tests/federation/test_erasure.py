"""Orders to erase: who may sign one, and what makes it invalid."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import envelope
from crypto.keys import SigningKey
from federation import erasure
from federation.clock import day_start
from federation.erasure import PAYLOAD_TYPE, SUBS_MOST, ErasureOrder, Reason
from federation.errors import BadInput
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.strictjson import b64, dumps

NOW = 1_795_000_000
REGISTRAR, NODE = (SigningKey.from_seed(bytes([n]) * 32) for n in (1, 2))


def entry(party: str, role: PartyRole, key: SigningKey) -> PartyEntry:
    return PartyEntry(
        id=party,
        role=role,
        kind="tax" if role is PartyRole.NODE else "",
        zh=party,
        en=party,
        endpoint="127.0.0.1:1",
        keys={key.kid: key.verify_key},
        certificates=(),
    )


MANIFEST = Manifest(
    federation="test",
    version=1,
    issued=NOW,
    expires=NOW + 1,
    demonstration=True,
    ca=b"",
    parties={
        "registrar": entry("registrar", PartyRole.REGISTRAR, REGISTRAR),
        "tax": entry("tax", PartyRole.NODE, NODE),
    },
    pseudonym_keys={},
)
ORDER = ErasureOrder(
    federation="test",
    registrar="registrar",
    id=bytes(range(16)),
    issued=day_start(NOW),
    department="tax",
    subs=(bytes(32), b"\x01" * 32),
    reason=Reason.REQUESTED,
)


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Sign another payload with the registrar's own key."""
    payload = json.loads(
        envelope.from_json(erasure.sign(ORDER, REGISTRAR), max_bytes=9_999).payload
    )
    change(payload)
    return envelope.to_json(envelope.sign(dumps(payload), PAYLOAD_TYPE, REGISTRAR))


def refused(document: bytes) -> str:
    with pytest.raises(BadInput, match="ERASURE_INVALID") as found:
        erasure.read(document, MANIFEST)
    return str(found.value.details["why"])


subs = st.sets(st.binary(min_size=32, max_size=32), min_size=1, max_size=SUBS_MOST)


@given(st.sampled_from(Reason), subs, st.binary(min_size=16, max_size=16))
def test_what_is_signed_reads_back(reason: Reason, people: set[bytes], number: bytes) -> None:
    order = replace(ORDER, reason=reason, subs=tuple(sorted(people)), id=number)
    assert erasure.read(erasure.sign(order, REGISTRAR), MANIFEST) == order


def test_the_longest_order_can_be_read() -> None:
    everybody = tuple(n.to_bytes(32, "big") for n in range(SUBS_MOST))
    order = replace(ORDER, subs=everybody, department="d" * 40, registrar="registrar")
    assert erasure.read(erasure.sign(order, REGISTRAR), MANIFEST) == order


def test_nobody_else_orders() -> None:
    assert refused(erasure.sign(ORDER, NODE)) == "BadSignature"


@pytest.mark.parametrize("field", [{"federation": "other"}, {"registrar": "tax"}])
def test_an_order_is_of_this_federation_and_registrar(field: dict[str, Any]) -> None:
    assert refused(erasure.sign(replace(ORDER, **field), REGISTRAR)) == "federation"


def test_another_document_of_the_registrar_is_no_order() -> None:
    signed = envelope.from_json(erasure.sign(ORDER, REGISTRAR), max_bytes=9_999)
    other = envelope.sign(signed.payload, "application/vnd.hedui.mandate.v1+json", REGISTRAR)
    assert refused(envelope.to_json(other)) == "BadEnvelope"


@pytest.mark.parametrize("document", [b"", b"{}", b"x" * 20_000])
def test_garbage_is_no_order(document: bytes) -> None:
    assert refused(document) == "BadEnvelope"


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.pop("reason"),
        lambda p: p.update(more=1),
        lambda p: p.update(issued="today"),
        lambda p: p.update(issued=-1),
        lambda p: p.update(order=b64(bytes(15))),
        lambda p: p.update(subs=[b64(bytes(31))]),
        lambda p: p.update(department=7),
    ],
)
def test_an_order_has_one_shape(change: Callable[[dict[str, Any]], object]) -> None:
    assert refused(changed(change)) == "PeerFault"


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.update(subs=[]),
        lambda p: p.update(subs="all"),
        lambda p: p.update(subs=p["subs"] * SUBS_MOST),
        lambda p: p["subs"].reverse(),
        lambda p: p.update(subs=p["subs"][:1] * 2),
        lambda p: p.update(reason="CONVENIENT"),
    ],
)
def test_an_order_says_whom_and_why(change: Callable[[dict[str, Any]], object]) -> None:
    assert refused(changed(change)) == "ValueError"


def test_a_repr_shows_nobody() -> None:
    assert "subs" not in repr(ORDER)
