"""The table of events: one way to write each, and nothing else is read."""

from dataclasses import fields, replace
from hashlib import sha256
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import PeerFault
from federation.log import events, kinds
from federation.log.events import Tombstone
from federation.log.kinds import KINDS, Event
from federation.log.registrar_events import (
    ConsentRecorded,
    ConsentRevoked,
    PersonErased,
    StatusPublished,
    TokenIssued,
)
from federation.strictjson import Json, dumps, loads

NOW = 1_795_000_000
REVOKED = ConsentRevoked(
    consent_no="20261118-000001",
    origin="20261118-000001",
    by="coordinator",
    request=sha256(b"request").digest(),
)
IDENTITIES = {"id", "name", "signer", "signer_id", "address", "sub"}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Give whatever a field of a type may hold."""
    if get_origin(hint) is Annotated:
        sizes = [st.binary(min_size=size, max_size=size) for size in hint.__metadata__]
        return st.one_of(sizes)
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=4).map(tuple)
    simple = {str: st.text(max_size=128), int: st.integers(0, 2**53 - 1), bool: st.booleans()}
    return simple[hint]


def made(kind: type[Event]) -> st.SearchStrategy[Event]:
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{one.name: values(hints[one.name]) for one in fields(kind)})


def raw(event: Event = REVOKED) -> Json:
    value: Json = loads(kinds.write(event, NOW), "event")
    return value


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)).flatmap(lambda kind: made(KINDS[kind])), st.integers(0, 2**40)
)
def test_what_is_written_reads_back(event: Event, at: int) -> None:
    record = kinds.write(event, at)
    assert kinds.read(record) == (at, event)
    assert kinds.write(*reversed(kinds.read(record))) == record  # type: ignore[arg-type]
    assert events.is_event(record)


def test_every_kind_has_a_name_of_its_own() -> None:
    assert len(KINDS) == len(get_args(Event))
    assert events.TOMBSTONE not in KINDS
    assert all(kind.kind == name for name, kind in KINDS.items())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_kind_has_a_place_for_an_identity(kind: str) -> None:
    assert not {one.name for one in fields(KINDS[kind])} & IDENTITIES


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_lies_beside_is_named_by_a_digest(kind: str) -> None:
    hints = get_type_hints(KINDS[kind], include_extras=True)
    named = KINDS[kind].beside
    assert not named or hints[named] == Annotated[bytes, 32]


def test_the_bytes_of_an_event() -> None:
    event = StatusPublished(department="tax", series=2, list=bytes(32), iat=NOW)
    zeros = "A" * 43
    assert kinds.write(event, NOW).decode() == (
        f'{{"at":{NOW},"department":"tax","iat":{NOW},"kind":"status.published",'
        f'"list":"{zeros}","series":2}}'
    )


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "consent.unrevoked"},
        {"kind": "token.issued"},
        {"kind": 7},
        {"at": -1},
        {"at": "now"},
        {"by": 7},
        {"by": "x" * 129},
        {"request": "AA"},
        {"request": "A" * 22},
        {"request": None},
        {"more": ""},
    ],
)
def test_another_shape_is_refused(change: Json) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        kinds.read(dumps(raw() | change))


@pytest.mark.parametrize("field", sorted(raw()))
def test_no_field_may_be_missing(field: str) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        kinds.read(dumps({name: value for name, value in raw().items() if name != field}))


@pytest.mark.parametrize(
    ("event", "change"),
    [
        ("person.erased", {"consents": "20261118-000001"}),
        ("person.erased", {"consents": [7]}),
        ("person.erased", {"consents": ["n"] * 4_097}),
        ("token.issued", {"recheck": 1}),
        ("token.issued", {"round": True}),
        ("token.issued", {"round": 2**53}),
        ("token.issued", {"jti": ""}),
    ],
)
def test_a_field_is_of_its_type(event: str, change: Json) -> None:
    token = TokenIssued(
        consent_no="n",
        person=0,
        jti=bytes(16),
        token=bytes(32),
        department="tax",
        chain=bytes(16),
        round=1,
        series=0,
        index=7,
        expires=NOW,
        recheck=False,
    )
    erased = PersonErased(consents=("n",), reason="REQUESTED")
    some: dict[str, Event] = {"person.erased": erased, "token.issued": token}
    value = raw(some[event])
    with pytest.raises(PeerFault, match="MALFORMED"):
        kinds.read(dumps(value | change))


@pytest.mark.parametrize("record", [b"", b"[]", b"7", b"{}", b'{"kind":"x"}', b"\x08\x01"])
def test_what_is_no_event_is_refused(record: bytes) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        kinds.read(record)


def test_another_spelling_is_refused() -> None:
    record = kinds.write(REVOKED, NOW)
    for other in (record.replace(b'":', b'": '), record[::-1], record + b" "):
        with pytest.raises(PeerFault, match="MALFORMED"):
            kinds.read(other)


def test_a_tombstone_is_read_elsewhere() -> None:
    record = events.write_tombstone(Tombstone(at=NOW, order=bytes(32), rows=(1,)))
    with pytest.raises(PeerFault, match="MALFORMED"):
        kinds.read(record)


def test_an_event_says_what_must_lie_beside_it() -> None:
    consent = ConsentRecorded(
        consent_no="n",
        coordinator="coordinator",
        reference=bytes(16),
        purpose="ENTRY",
        basis="CONSENT",
        renews="",
        origin="n",
        members=1,
        not_after=NOW,
        grants=sha256(b"grants").digest(),
        evidence=(b"", bytes(32)),
        missing=1,
    )
    assert kinds.beside(kinds.write(consent, NOW)) == sha256(b"grants").digest()
    assert kinds.beside(kinds.write(replace(REVOKED, request=b""), NOW)) is None
