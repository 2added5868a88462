"""Closing counts: one way to write them, one signer, and nothing said of what is not known."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import envelope
from crypto.keys import SigningKey
from federation import closing, limits
from federation.closing import PAYLOAD_TYPE, ClosingCount, GrantUses
from federation.errors import PeerFault
from federation.strictjson import Json, dumps, loads
from tests.support import exchanges

MANIFEST = exchanges.first_manifest()
HERE = exchanges.DEPARTMENT
KEY = exchanges.key(HERE)
COUNT = ClosingCount(
    federation="test",
    department=HERE,
    at=exchanges.NOW,
    token=bytes(16),
    chain=b"\x01" * 16,
    uses=(
        GrantUses(predicate="P40", parameter="", used=2),
        GrantUses(predicate="P42", parameter="w12m", used=1),
    ),
)


def raw(count: ClosingCount = COUNT) -> Json:
    signed = envelope.from_json(closing.sign(count, KEY), max_bytes=limits.COUNT_BYTES)
    value: Json = loads(signed.payload, "count")
    return value


def signed(payload: bytes, key: SigningKey = KEY, kind: str = PAYLOAD_TYPE) -> bytes:
    return envelope.to_json(envelope.sign(payload, kind, key))


def refused(document: bytes, department: str = HERE) -> dict[str, object]:
    with pytest.raises(PeerFault, match="COUNT_INVALID") as fault:
        closing.read(document, MANIFEST, department)
    return fault.value.details


counts = st.builds(
    ClosingCount,
    federation=st.just("test"),
    department=st.just(HERE),
    at=st.integers(0, limits.CONSENT_END),
    token=st.binary(min_size=16, max_size=16),
    chain=st.binary(min_size=16, max_size=16),
    uses=st.dictionaries(
        st.tuples(st.text(max_size=8), st.text(max_size=8)), st.integers(1, limits.GRANT_USES)
    ).map(
        lambda found: tuple(
            GrantUses(predicate=p, parameter=q, used=n) for (p, q), n in sorted(found.items())
        )
    ),
)


@given(counts)
def test_what_is_signed_reads_back(count: ClosingCount) -> None:
    document = closing.sign(count, KEY)
    assert closing.read(document, MANIFEST, HERE) == count
    assert closing.sign(closing.read(document, MANIFEST, HERE), KEY) == document


def test_an_unknown_token_has_no_uses() -> None:
    unknown = replace(COUNT, chain=b"", uses=())
    assert not closing.read(closing.sign(unknown, KEY), MANIFEST, HERE).known
    assert COUNT.known
    assert refused(closing.sign(replace(COUNT, chain=b""), KEY))["why"] == "ValueError"


@pytest.mark.parametrize("place", range(0, 400, 7))
def test_no_byte_can_be_changed(place: int) -> None:
    document = bytearray(closing.sign(COUNT, KEY))
    document[place] ^= 1
    refused(bytes(document))


def test_only_the_department_itself_signs() -> None:
    refused(signed(dumps(raw()), exchanges.key("tax")))
    refused(signed(dumps(raw()), exchanges.key("coordinator")))
    refused(signed(dumps(raw()), KEY, "application/vnd.hedui.alert.v1+json"))
    other = replace(COUNT, department="tax")
    assert refused(closing.sign(other, KEY))["why"] == "department"
    assert refused(closing.sign(replace(COUNT, federation="x"), KEY))["why"] == "department"
    with pytest.raises(PeerFault, match="PARTY_UNKNOWN"):
        closing.read(closing.sign(COUNT, KEY), MANIFEST, "coordinator")


@pytest.mark.parametrize(
    "change",
    [
        {"at": -1},
        {"at": True},
        {"token": "AA"},
        {"chain": "AA"},
        {"chain": None},
        {"department": 7},
        {"uses": {}},
        {"uses": [["P40", ""]]},
        {"uses": ["P40"]},
        {"uses": [["P40", "", 0]]},
        {"uses": [["P40", "", 10_001]]},
        {"uses": [["P40", "", "1"]]},
        {"uses": [["P40", "", 1], ["P40", "", 2]]},
        {"uses": [["P42", "", 1], ["P40", "", 2]]},
        {"uses": [["P40", str(n), 1] for n in range(1_000, 1_513)]},
        {"more": 1},
    ],
)
def test_another_shape_is_refused(change: Json) -> None:
    refused(signed(dumps(raw() | change)))


def test_another_spelling_is_refused() -> None:
    assert refused(signed(dumps(raw()) + b" "))["why"] == "ValueError"


@pytest.mark.parametrize("field", sorted(raw()))
def test_no_field_may_be_missing(field: str) -> None:
    refused(signed(dumps({name: value for name, value in raw().items() if name != field})))
