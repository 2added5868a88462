"""securesystemslib opens every envelope we make; what it takes of faulty ones is in a table."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import envelope
from crypto.envelope import Envelope
from crypto.keys import VerifyKey
from federation import exchange, manifest, policy, root
from federation.exchange import PAYLOAD_TYPE, Question
from federation.root import Root
from federation.wire import codec
from federation.wire import registrar_messages as messages
from tests.interop import edge_signatures, envelopes, page, verdicts
from tests.interop.envelopes import KEYS, PAYLOAD, ROOT, SOUND, TYPE
from tests.registrar.town import Town, a_form
from tests.support import twin as twins

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def agreed(document: bytes, trusted: Root, kind: str) -> bytes:
    """Open a document with both and give what they agree on."""
    ours = envelopes.hedui(document, trusted, kind)
    assert envelopes.securesystemslib(document, trusted) == ours
    return ours


def sender(keys: Mapping[str, VerifyKey]) -> Root:
    """Trust any one key of a party, as a receiver of its messages does."""
    return Root(keys=keys, threshold=1)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=500), TEXT, st.integers(1, 16))
def test_both_open_what_we_sign(payload: bytes, kind: str, signers: int) -> None:
    document = root.sign(payload, kind, KEYS[:signers])
    trusted = Root(keys={key.kid: key.verify_key for key in KEYS}, threshold=signers)
    assert agreed(document, trusted, kind) == payload


@settings(max_examples=60, deadline=None)
@given(
    st.permutations(["payload", "payloadType", "signatures"]),
    st.none() | st.integers(0, 4),
    st.lists(TEXT.map(lambda name: {"keyid": name, "sig": "AAAA"}), max_size=3),
)
def test_what_we_open_it_opens(
    order: list[str], indent: int | None, extra: list[dict[str, str]]
) -> None:
    """Order, white space, signatures of strangers do not matter; a stranger twice does, to both."""
    document = envelopes.spelling(order, indent, extra)
    names = [one["keyid"] for one in extra]
    if len(set(names)) == len(names):
        assert agreed(document, ROOT, TYPE) == PAYLOAD
    else:
        assert {one.verdict(document) for one in envelopes.readers()} == {verdicts.REFUSES}


def test_both_open_root_manifest_and_policy(town: Town) -> None:
    folder = town.registrar.folder
    pinned = root.read((folder / "root.json").read_bytes())
    assert (len(pinned.keys), pinned.threshold) == (3, 2)
    for name, of in (("root", root), ("manifest", manifest), ("policy", policy)):
        (line,) = (folder / f"{name}.json").read_bytes().splitlines()
        assert agreed(line, pinned, of.PAYLOAD_TYPE)


def as_json(message: bytes) -> tuple[Envelope, bytes]:
    """Give the envelope of a message and its JSON form."""
    signed = codec.decode_batch(message).envelope
    return signed, envelope.to_json(signed)


def test_both_open_requests_and_answers_of_the_registrar(town: Town) -> None:
    coordinator = town.parties["coordinator"]
    header = town.header(exchange.RECORD_CONSENT)
    request = town.request(header, [messages.encode_form(a_form())])
    reply = town.call("coordinator", exchange.RECORD_CONSENT, request)
    for message, party in ((request, coordinator), (reply, town.registrar)):
        signed, document = as_json(message)
        assert agreed(document, sender(party.entry.keys), PAYLOAD_TYPE) == signed.payload


def test_both_open_question_and_answer_of_a_department(tmp_path: Path) -> None:
    twin = twins.make(tmp_path / "f")
    token = twin.token(twin.claims("public_security", twins.WITH_CAR), twins.grant("P40"))
    named = hashlib.sha256(token).digest()
    question = Question(predicate="P40", presentation=named, case_ref=bytes(32))
    request = twin.request(twin.header(), [question], token)
    with twins.open_node(twin) as node:
        reply = node.answerer().ask("coordinator", request)
        for message, party in ((request, twin.coordinator), (reply, node.party)):
            signed, document = as_json(message)
            assert agreed(document, sender(party.entry.keys), PAYLOAD_TYPE) == signed.payload


@pytest.fixture(scope="module")
def rows() -> dict[str, list[str]]:
    return verdicts.verdicts(envelopes.readers(), envelopes.faults())


def test_every_fault_is_in_an_otherwise_sound_envelope(rows: dict[str, list[str]]) -> None:
    assert agreed(SOUND, ROOT, TYPE) == PAYLOAD
    assert envelopes.changed(lambda _: None) == SOUND
    assert len(rows) > 30


def test_we_refuse_every_fault(rows: dict[str, list[str]]) -> None:
    assert {name for name, (ours, _) in rows.items() if ours != verdicts.REFUSES} == set()


def test_both_refuse_what_was_tampered_with(rows: dict[str, list[str]]) -> None:
    tampered = ("payload:", "type: changed", "signature:", "keys: one", "keys: none")
    for name, row in rows.items():
        if name.startswith(tampered):
            assert row == [verdicts.REFUSES] * 2, name


def test_the_page_shows_what_each_refuses(rows: dict[str, list[str]]) -> None:
    table = verdicts.table(envelopes.readers(), rows)
    assert verdicts.shown("envelopes") == table, page.ADVICE


def test_every_odd_signature_that_we_take_the_others_take(vectors: Path) -> None:
    edges = edge_signatures.edges(vectors)
    taken = edge_signatures.accepted(edges)
    assert len(taken["Hedui"]) == 43
    for name, some in taken.items():
        assert taken["Hedui"] <= some, name
    table = edge_signatures.table(taken, len(edges))
    assert verdicts.shown("signatures") == table, page.ADVICE
