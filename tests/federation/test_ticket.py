"""Tickets about wrong data: one way to write them, signed by a centre of the federation."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import envelope
from crypto.keys import SigningKey
from federation import catalogue, limits, ticket
from federation.errors import PeerFault
from federation.strictjson import Json, b64, dumps, loads
from federation.ticket import Fault, Ticket
from tests.support import exchanges

MANIFEST = exchanges.first_manifest()
KEY = exchanges.key("coordinator")
TICKET = Ticket(
    federation="test",
    centre="coordinator",
    department=exchanges.DEPARTMENT,
    ticket=f"QT-{exchanges.DEPARTMENT}-2026-0001",
    issued=exchanges.NOW,
    fault=Fault.WRONG_DATA,
    predicate="P40",
    parameter="",
    outcome="YES",
    as_of=20261117,
    exchange=bytes(16),
    position=3,
    document=bytes(32),
)


def raw() -> Json:
    signed = envelope.from_json(ticket.sign(TICKET, KEY), max_bytes=limits.TICKET_BYTES)
    value: Json = loads(signed.payload, "ticket")
    return value


def signed(payload: bytes, key: SigningKey = KEY, kind: str = ticket.PAYLOAD_TYPE) -> bytes:
    return envelope.to_json(envelope.sign(payload, kind, key))


def refused(document: bytes) -> object:
    with pytest.raises(PeerFault, match="TICKET_INVALID") as fault:
        ticket.read(document, MANIFEST)
    return fault.value.details["why"]


@given(
    st.sampled_from(Fault),
    st.sampled_from([one.id for one in catalogue.load().predicates]),
    st.sampled_from(["", "YES", "BAND(2)", "ENUM(single)", "REFUSED(NODE_PAUSED)", "UNAVAILABLE"]),
    st.dates().map(lambda day: int(f"{day:%Y%m%d}")) | st.just(0),
    st.binary(min_size=16, max_size=16) | st.binary(min_size=32, max_size=32) | st.just(b""),
    st.integers(0, limits.ITEMS - 1),
)
def test_what_is_signed_reads_back(
    fault: Fault, predicate: str, said: str, day: int, exchange: bytes, place: int
) -> None:
    made = replace(
        TICKET,
        fault=fault,
        predicate=predicate,
        outcome=said,
        as_of=day,
        exchange=exchange,
        position=place if len(exchange) == limits.QID_BYTES else 0,
    )
    found = ticket.read(ticket.sign(made, KEY), MANIFEST)
    assert found == made
    assert found.run is (len(exchange) == 32)


def test_only_the_centre_that_it_names_signs() -> None:
    refused(signed(dumps(raw()), exchanges.key(TICKET.department)))
    refused(signed(dumps(raw()), kind="application/json"))
    for name in ("registrar", TICKET.department, "nobody"):
        refused(ticket.sign(replace(TICKET, centre=name), exchanges.key("registrar")))
    assert refused(ticket.sign(replace(TICKET, federation="other"), KEY)) == "federation"


@pytest.mark.parametrize(
    "change",
    [
        {"fault": "CONFIRMED"},
        {"fault": None},
        {"predicate": "P99"},
        {"predicate": "p40"},
        {"parameter": "W12M"},
        {"parameter": "w12m\n"},
        {"outcome": "yes"},
        {"outcome": "YES\u001b[2J"},
        {"outcome": "YES" * 50},
        {"as_of": 20261131},
        {"as_of": 2026_11_17.0},
        {"issued": -1},
        {"issued": True},
        {"exchange": b64(bytes(17))},
        {"exchange": "AB"},
        {"exchange": b64(bytes(32))},
        {"exchange": ""},
        {"position": limits.ITEMS},
        {"position": -1},
        {"document": b64(bytes(31))},
        {"ticket": "QT-tax-2026-0001"},
        {"ticket": f"QT-{TICKET.department}-2026-1"},
        {"ticket": f"QT-{TICKET.department}-2026-0001/.."},
        {"department": "a b", "ticket": "QT-a b-2026-0001"},
        {"centre": 7},
        {"more": 1},
    ],
)
def test_another_shape_is_refused(change: Json) -> None:
    refused(signed(dumps(raw() | change)))


@pytest.mark.parametrize("field", sorted(raw()))
def test_no_field_may_be_missing(field: str) -> None:
    refused(signed(dumps({name: value for name, value in raw().items() if name != field})))


@pytest.mark.parametrize("change", [lambda one: one + b"\n", lambda one: one.replace(b",", b", ")])
def test_another_spelling_is_refused(change: object) -> None:
    assert callable(change)
    refused(signed(change(dumps(raw()))))


def test_what_is_no_document_is_refused() -> None:
    document = ticket.sign(TICKET, KEY)
    huge = signed(dumps(raw() | {"parameter": "a" * limits.TICKET_BYTES}))
    for wrong in (b"", b"{}", document[:-2], document.replace(b'"sig":"', b'"sig":"A'), huge):
        refused(wrong)
