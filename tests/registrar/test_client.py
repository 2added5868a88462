"""How the registrar's client splits large calls and what it believes of an answer."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from federation import exchange, limits
from federation.consenting import ConsentReceipt, ConsentState, IssuedTokens
from federation.errors import PeerFault
from federation.exchange import Header
from federation.manifest import PartyEntry
from federation.wire import codec, registrar_client, signed
from federation.wire import registrar_messages as messages
from federation.wire.channel import Peers
from federation.wire.registrar_client import RegistrarClient
from registrar import desk
from tests.registrar.town import Town, a_form

Twist = Callable[[Header], Header]


class Impostor(Peers):
    """Plays the registrar with its real key, and twists what it signs."""

    def __init__(self, town: Town, items: list[bytes], twist: Twist = lambda h: h) -> None:
        self._town = town
        self._items = items
        self._twist = twist

    def call(self, peer: PartyEntry, method: str, request: bytes, *, timeout: float) -> bytes:
        batch = codec.decode_batch(request)
        asked = signed.claimed_header(batch)
        opened = signed.verify(batch, asked, self._town.parties[asked.sender].entry.keys)
        header = replace(
            asked, sender=asked.audience, audience=asked.sender, request_hash=opened.digest
        )
        unsigned = signed.prepare(self._twist(header), self._items)
        return codec.encode_batch(signed.sign(unsigned, self._town.registrar.key))


def receipt(reference: bytes, number: str = "20261118-000001") -> bytes:
    return messages.encode_receipt(
        ConsentReceipt(reference=reference, consent_no=number, state=ConsentState.COMPLETE)
    )


def client(town: Town, items: list[bytes], twist: Twist = lambda h: h) -> RegistrarClient:
    return RegistrarClient(town.parties["coordinator"], Impostor(town, items, twist), town.clock)


def test_an_untwisted_answer_is_believed(town: Town) -> None:
    form = a_form()
    (got,) = client(town, [receipt(form.reference)]).record([form])
    assert got.reference == form.reference


@pytest.mark.parametrize(
    "twist",
    [
        lambda h: replace(h, qid=bytes(16)),
        lambda h: replace(h, audience="stranger"),
        lambda h: replace(h, method=exchange.REVOKE_CONSENT),
        lambda h: replace(h, request_hash=bytes(32)),
    ],
    ids=["qid", "audience", "method", "request"],
)
def test_an_answer_to_something_else_is_not_believed(town: Town, twist: Twist) -> None:
    form = a_form()
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        client(town, [receipt(form.reference)], twist).record([form])


def test_answers_about_other_consents_are_not_believed(town: Town) -> None:
    form = a_form()
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        client(town, [receipt(bytes(16))]).record([form])
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        client(town, [receipt(bytes(16), "2")]).revoke(["1"])
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        client(town, [messages.encode_tokens(IssuedTokens(consent_no="2", tokens=()))]).tokens(
            ["1"]
        )
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        client(town, [receipt(form.reference)] * 2).record([form])


def test_nothing_asked_is_nothing_called(town: Town) -> None:
    for answer in (client(town, []).record([]), client(town, []).tokens([])):
        assert answer == []


def test_calls_keep_count_and_size() -> None:
    counted = list(registrar_client._parts([b"x"] * 2_500))
    assert [len(part) for part in counted] == [limits.ITEMS, limits.ITEMS, 500]
    large = [bytes([i]) * 3_000_000 for i in range(5)]
    sized = list(registrar_client._parts(large))
    assert [len(part) for part in sized] == [2, 2, 1]
    assert [item for part in sized for item in part] == large


def test_tokens_that_do_not_fit_one_message_come_in_several(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [r.consent_no for r in town.client().record([a_form() for _ in range(7)])]
    monkeypatch.setattr(desk, "REPLY_BYTES", 25_000)
    issued = town.client().tokens(numbers)
    assert [one.consent_no for one in issued] == numbers
    assert all(len(one.tokens) == 5 for one in issued)


def test_the_estimate_of_a_reply_is_not_too_small(town: Town) -> None:
    form = a_form()
    issued = town.issued(form)
    with town.running._store.read() as view:
        consent = view.by_number(issued.consent_no)
    assert consent is not None
    assert len(messages.encode_tokens(issued)) <= desk._estimate(consent)
