"""What is refused before it is believed: no answer is signed, and only the code is counted."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from federation import exchange
from federation.errors import HeduiError, Unavailable
from federation.exchange import Question, SaltedItem
from federation.wire import codec
from federation.wire.codec import SignedBatch
from tally.store import beside
from tests.tally.test_gate import asked, message
from tests.tally.town import NOW, Town

Spoil = Callable[[SignedBatch], SignedBatch]


def batch(town: Town) -> SignedBatch:
    home = town.home(1)
    request = town.request(town.header(exchange.COMPARE), asked(home, [0]), message(), home.tokens)
    return codec.decode_batch(request)


def refusal(town: Town, request: bytes, caller: str = "coordinator") -> str:
    with pytest.raises(HeduiError) as caught:
        town.running._rpc.methods()["Compare"](caller, request)
    return caught.value.code


SPOILED: list[tuple[str, Spoil]] = [
    ("ITEMS_DO_NOT_MATCH", lambda one: replace(one, items=one.items[::-1])),
    (
        "ITEMS_DO_NOT_MATCH",
        lambda one: replace(one, items=(SaltedItem(one.items[0].salt, b"x"), one.items[1])),
    ),
    ("MALFORMED", lambda one: replace(one, items=one.items[:1])),
]


@pytest.mark.parametrize(("code", "spoil"), SPOILED)
def test_a_request_that_was_changed_is_not_answered(town: Town, code: str, spoil: Spoil) -> None:
    assert refusal(town, codec.encode_batch(spoil(batch(town)))) == code


def test_only_the_signer_that_is_a_centre_is_answered(town: Town) -> None:
    good = codec.encode_batch(batch(town))
    assert refusal(town, good, "stranger") == "WRONG_PARTY"
    for party in ("tax", "auditor", "registrar"):
        header = town.header(exchange.COMPARE, party)
        questions = [Question(predicate="H1", jti=bytes(16), case_ref=bytes(32))]
        request = town.request(header, questions, message(), ())
        assert refusal(town, request, party) == "PARTY_UNKNOWN"
    header = town.header(exchange.COMPARE, "stranger")
    lent = town.request(
        header, [Question(predicate="H1", jti=bytes(16), case_ref=bytes(32))], message(), ()
    )
    renamed = codec.decode_batch(lent)
    own = codec.decode_header(renamed.envelope.payload)
    payload = codec.encode_header(replace(own, sender="coordinator"))
    forged = replace(renamed, envelope=replace(renamed.envelope, payload=payload))
    assert refusal(town, codec.encode_batch(forged)) == "BAD_SIGNATURE"


def test_a_clock_that_went_back_answers_nobody(town: Town) -> None:
    good = codec.encode_batch(batch(town))
    town.running._rpc._highest = NOW + 121
    with pytest.raises(Unavailable, match="CLOCK_BEHIND"):
        town.running._rpc.methods()["Compare"]("coordinator", good)


def test_the_highest_time_outlives_a_restart(town: Town) -> None:
    home = town.home(1)
    request = town.request(town.header(exchange.COMPARE), asked(home, [0]), message(), home.tokens)
    town.call(request)
    town.restart()
    assert town.running._rpc._highest >= NOW


def test_an_expired_manifest_answers_nobody(town: Town) -> None:
    good = codec.encode_batch(batch(town))
    town.clock.seconds = town.parties["tally"].manifest.expires
    assert refusal(town, good) == "MANIFEST_EXPIRED"


def test_refusals_are_counted_by_their_codes(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.running._rpc.refused.take()
    for _ in range(2):
        refusal(town, b"\xff")
    full = monkeypatch.context()
    with full as patch:
        patch.setattr(type(town.running._store), "write", _fail)
        with pytest.raises(Unavailable):
            town.running._count()
    town.running._count()
    town.running._count()
    with beside(town.parties["tally"].data) as c:
        assert c.execute("SELECT n FROM refused WHERE code = 'MALFORMED'").fetchone()[0] >= 2
    assert town.running._rpc.refused.take() == {}


def _fail(*_: object) -> None:
    raise Unavailable("LOG_UNAVAILABLE")
