"""Signed alerts: one way to write them, and each is a change."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import envelope
from crypto.keys import SigningKey
from federation import alert, limits
from federation.alert import PAYLOAD_TYPE, Alert, Raised
from federation.errors import PeerFault
from federation.sentinel import Bounds, Rule, State
from federation.strictjson import Json, dumps, loads
from tests.support import exchanges

MANIFEST = exchanges.first_manifest()
HERE = exchanges.DEPARTMENT
KEY = exchanges.key(HERE)
ALERT = Alert(
    federation="test",
    party=HERE,
    matter=bytes(16),
    at=exchanges.NOW,
    rule=Rule.VOLUME,
    about="coordinator",
    was=State.CALM,
    state=State.SUSPECT,
    level=12,
    bounds=Bounds(calm=5, suspect=10, alarm=30),
)


def raw() -> Json:
    signed = envelope.from_json(alert.sign(ALERT, KEY), max_bytes=limits.ALERT_BYTES)
    value: Json = loads(signed.payload, "alert")
    return value


def signed(payload: bytes, key: SigningKey = KEY) -> bytes:
    return envelope.to_json(envelope.sign(payload, PAYLOAD_TYPE, key))


def refused(document: bytes) -> dict[str, object]:
    with pytest.raises(PeerFault, match="ALERT_INVALID") as fault:
        alert.read(document, MANIFEST, HERE)
    return fault.value.details


@given(
    st.sampled_from(Rule),
    st.permutations(list(State)),
    st.integers(0, 2**53 - 1),
    st.text(max_size=40),
)
def test_what_is_signed_reads_back(rule: Rule, states: list[State], level: int, about: str) -> None:
    was, state, _ = states
    made = replace(ALERT, rule=rule, was=was, state=state, level=level, about=about)
    assert alert.read(alert.sign(made, KEY), MANIFEST, HERE) == made


def test_only_the_party_itself_signs() -> None:
    refused(signed(dumps(raw()), exchanges.key("tax")))
    assert refused(alert.sign(replace(ALERT, party="tax"), KEY))["why"] == "party"
    assert refused(alert.sign(replace(ALERT, federation="x"), KEY))["why"] == "party"
    centre = replace(ALERT, party="coordinator")
    document = alert.sign(centre, exchanges.key("coordinator"))
    assert alert.read(document, MANIFEST, "coordinator") == centre
    with pytest.raises(PeerFault, match="PARTY_UNKNOWN"):
        alert.read(document, MANIFEST, "nobody")


@pytest.mark.parametrize(
    "change",
    [
        {"rule": "NOISE"},
        {"state": "calm"},
        {"state": "CALM"},
        {"was": None},
        {"matter": "AA"},
        {"level": -1},
        {"level": 2**53},
        {"at": 1.5},
        {"about": "x" * 129},
        {"bounds": [1, 2]},
        {"bounds": [3, 2, 1]},
        {"bounds": [0, 2, 3]},
        {"bounds": 7},
        {"bounds": "123"},
        {"more": 1},
    ],
)
def test_another_shape_is_refused(change: Json) -> None:
    refused(signed(dumps(raw() | change)) if change != {"at": 1.5} else signed(b"{}"))


def test_another_spelling_is_refused() -> None:
    refused(signed(dumps(raw()) + b"\n"))


@pytest.mark.parametrize("field", sorted(raw()))
def test_no_field_may_be_missing(field: str) -> None:
    refused(signed(dumps({name: value for name, value in raw().items() if name != field})))


def test_no_repr_shows_a_record() -> None:
    made = Raised(
        at=1,
        matter=bytes(16),
        rule=Rule.SERIES,
        about="wage",
        state=State.ALARM,
        level=5,
        record=b"79030119700312011X",
    )
    assert "7903" not in repr(made)
