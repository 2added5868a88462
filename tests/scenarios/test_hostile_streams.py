"""A stream of requests in dishonest hands: it ends with a code, and what was answered stands.

Real sockets and the product's server; only its patience is shortened.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from threading import Event

import grpc
import pytest

from crypto.keys import SigningKey
from federation import certificates, limits
from federation.errors import HeduiError
from federation.exchange import ASK_STREAM
from federation.wire import codec
from federation.wire.channel import Peers
from federation.wire.server import CALLS_A_PARTY
from tests.scenarios import hostile
from tests.scenarios.hostile import (
    CENTRE,
    NODE,
    PATIENCE,
    STRANGER,
    Draft,
    Feed,
    House,
    named,
    shown,
)
from tests.support.twin import WITH_CAR, WITHOUT_CAR, grant

SILENCE = 1.0
"""Seconds for which the node waits for a message, or for its reply to be taken."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with hostile.running(tmp_path_factory.mktemp("streams") / "f") as house:
        yield house


@pytest.fixture
def impatient(house: House) -> Iterator[House]:
    """Let the node wait for a shorter time."""
    patience = house.running._server._boundary.patience
    before, patience._seconds = patience._seconds, SILENCE
    yield house
    patience._seconds = before


def draft(house: House, person: str = WITH_CAR) -> Draft:
    token = house.twin.token(house.twin.claims(NODE, person), grant("P40", max_uses=9_999))
    return house.draft([shown(token)], token)


def fresh(one: Draft) -> bytes:
    """Sign it under a query id of its own."""
    return one.signed(qid=os.urandom(limits.QID_BYTES))


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def raw_stream(
    house: House, requests: Iterable[bytes], sender: str = CENTRE
) -> Iterator[grpc.Call]:
    """Open a stream whose replies nobody takes."""
    with closing(Peers(house.party(sender).tls)) as peers:
        open_one: grpc.StreamStreamMultiCallable[bytes, bytes]
        open_one = peers._channel(house.entry).stream_stream(f"/{ASK_STREAM}")
        call = open_one(iter(requests))
        yield call
        call.cancel()


def open_calls(house: House, party: str = CENTRE) -> int:
    return house.running._server._boundary.callers._open[party]


BAD: dict[str, Callable[[Draft], bytes]] = {
    "MALFORMED": lambda sound: sound.signed()[:-1],
    "OVERSIZE": lambda sound: replace(sound, items=sound.items * 1_001).signed(),
    "WRONG_PARTY": lambda sound: sound.signed(sender=STRANGER),
    "BAD_SIGNATURE": lambda sound: replace(sound, key=SigningKey.generate()).signed(),
    "ITEMS_DO_NOT_MATCH": lambda sound: sound.changed(
        lambda batch: replace(batch, items=batch.items * 2)
    ),
}


@pytest.mark.parametrize("code", BAD)
def test_a_bad_message_ends_the_stream_and_what_was_answered_stands(
    house: House, code: str
) -> None:
    sound = draft(house)
    before = house.spent()
    good = [fresh(sound) for _ in range(3)]
    replies: list[bytes] = []
    with pytest.raises(HeduiError, match=code):
        replies += house.stream([*good[:2], BAD[code](sound), good[2]])
    assert house.spent().log == before.log + 2
    assert replies == list(house.stream(good[:2])), "the same bytes: it is only said again"
    assert house.spent().log == before.log + 2


def test_a_replay_ends_the_stream(house: House) -> None:
    feed, sound = Feed(house), draft(house)
    first = sound.signed()
    assert feed.put(first) == ["YES"]
    assert feed.ends(sound.signed()) == "REPLAYED"
    assert house.heard(first) == ["YES"]


def test_a_refusal_in_an_answer_ends_no_stream(house: House) -> None:
    feed = Feed(house)
    assert feed.put(draft(house).signed(audience="tax")) == ["WRONG_AUDIENCE"]
    assert feed.put(draft(house).signed()) == ["YES"]
    assert feed.put(house.ask(named(bytes(16)))) == ["PRESENT_AGAIN"]
    feed.close()


@pytest.mark.parametrize(("state", "code"), [(1, "CONSENT_REVOKED"), (2, "CONSENT_SUSPENDED")])
def test_a_token_that_ends_in_mid_run_is_refused_from_the_next_list_on(
    house: House, state: int, code: str
) -> None:
    """The node fetches its list by itself while the stream goes on."""
    claims = house.twin.claims(NODE, WITH_CAR)
    token = house.twin.token(claims, grant("P40", max_uses=99))
    first, feed = house.ask(shown(token), tokens=[token]), Feed(house)
    assert feed.put(first) == ["YES"]
    assert feed.put(house.ask(named(claims.jti))) == ["YES"]
    house.twin.states[claims.status_index] = state  # type: ignore[assignment]
    current = house.node.status.current
    until(lambda: house.node.status.current is not current and known(house) == state)
    assert feed.put(house.ask(named(claims.jti))) == [code]
    assert feed.put(house.ask(shown(token), tokens=[token])) == [code]
    assert feed.put(first) == ["YES"], "what was answered before is only said again"
    assert feed.put(draft(house, WITHOUT_CAR).signed()) == ["NO"]
    feed.close()


def known(house: House) -> int:
    """Look up the newest token in the list that the node goes by."""
    current = house.node.status.current
    assert current is not None
    (listed,) = current.by_uri.values()
    return listed.at(house.twin._index)


def test_a_pause_counts_in_mid_run(house: House) -> None:
    feed = Feed(house)
    assert feed.put(draft(house).signed()) == ["YES"]
    house.node.paused_file.touch()
    assert feed.put(draft(house).signed()) == ["NODE_PAUSED"]
    house.node.paused_file.unlink()
    assert feed.put(draft(house).signed()) == ["YES"]
    feed.close()


@contextmanager
def without(house: House, **changes: object) -> Iterator[None]:
    """Run the node under a manifest in which the stranger is changed, or missing."""
    party, before = house.node.party, house.node.party.papers
    parties = dict(before.documents.manifest.parties)
    entry = parties.pop(STRANGER)
    if changes:
        parties[STRANGER] = replace(entry, **changes)  # type: ignore[arg-type]
    manifest = replace(before.documents.manifest, parties=parties)
    party.papers = replace(before, documents=replace(before.documents, manifest=manifest))
    house.running._renewed()
    try:
        yield
    finally:
        party.papers = before
        house.running._renewed()


def strangers(house: House) -> bytes:
    claims = house.twin.claims(NODE, WITH_CAR)
    claims = replace(claims, holder=house.party(STRANGER).key.verify_key.raw)
    token = house.twin.token(claims, grant("P40"))
    return house.ask(shown(token), tokens=[token], sender=STRANGER)


@pytest.mark.parametrize("what", ["party", "certificate", "key"])
def test_who_is_struck_off_in_mid_run_is_answered_no_more(house: House, what: str) -> None:
    other = certificates.issue(
        certificates.make_authority("test", house.twin.clock.now(), 9),
        STRANGER,
        house.twin.clock.now(),
        5,
    )
    key = SigningKey.generate()
    changes: dict[str, dict[str, object]] = {
        "party": {},
        "certificate": {"certificates": (certificates.der(other.certificate),)},
        "key": {"keys": {key.kid: key.verify_key}},
    }
    feed = Feed(house, STRANGER)
    assert feed.put(strangers(house)) == ["YES"]
    with without(house, **changes[what]):
        code = feed.ends(strangers(house))
    assert code == ("BAD_SIGNATURE" if what == "key" else "WRONG_PARTY")


# ---- taking room


def test_a_silent_stream_is_cut(impatient: House) -> None:
    house = impatient
    request, more = draft(house).signed(), Event()

    def slowly() -> Iterator[bytes]:
        yield request
        more.wait(PATIENCE)

    began, replies = time.monotonic(), house.stream(slowly())
    assert hostile.words(request, next(replies), house.entry.keys) == ["YES"]
    with pytest.raises(HeduiError) as caught:
        next(replies)
    more.set()
    assert (caught.value.code, caught.value.details["status"]) == ("PEER_FAILED", "CANCELLED")
    assert time.monotonic() - began < SILENCE + 3
    until(lambda: open_calls(house) == 0)


def test_a_stream_whose_replies_nobody_takes_is_cut(impatient: House) -> None:
    """It would hold a thread of the node for ever, by doing nothing."""
    house = impatient
    sound = draft(house)
    large = replace(sound, items=sound.items * limits.ITEMS)
    without_end = iter(lambda: fresh(large), b"")
    with raw_stream(house, without_end):
        until(lambda: open_calls(house) == 1)
        until(lambda: open_calls(house) == 0)
    assert house.heard(draft(house).signed()) == ["YES"]


def test_nobody_opens_more_streams_than_its_share(house: House) -> None:
    never = Event()

    def silent() -> Iterator[bytes]:
        yield draft(house).signed()
        never.wait(PATIENCE)

    with ExitStack() as stack:
        for _ in range(CALLS_A_PARTY):
            stack.enter_context(raw_stream(house, silent()))
        until(lambda: open_calls(house) == CALLS_A_PARTY)
        assert house.heard(draft(house).signed(), method=ASK_STREAM) == ["TOO_MANY_CALLS"]
        assert house.heard(draft(house).signed()) == ["TOO_MANY_CALLS"]
        assert house.heard(strangers(house), STRANGER) == ["YES"], "it is nobody else's share"
        never.set()
    until(lambda: open_calls(house) == 0)
    assert house.heard(draft(house).signed(), method=ASK_STREAM) == ["YES"]


def test_who_hangs_up_in_mid_stream_leaves_room(house: House) -> None:
    sound = draft(house)
    before = house.spent()
    for _ in range(CALLS_A_PARTY + 1):
        stream = house.stream([fresh(sound)])
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    until(lambda: open_calls(house) == 0)
    assert house.spent().log == before.log + CALLS_A_PARTY + 1


def test_a_thousand_items_are_answered_in_their_order(house: House) -> None:
    twin = house.twin
    tokens = [
        twin.token(twin.claims(NODE, person), grant("P40", max_uses=9_999))
        for person in (WITH_CAR, WITHOUT_CAR)
    ]
    asked = [shown(tokens[n % 7 == 0]) for n in range(limits.ITEMS)]
    expected = ["NO" if n % 7 == 0 else "YES" for n in range(limits.ITEMS)]
    full = house.draft(asked, *tokens)
    feed = Feed(house)
    assert feed.put(full.signed()) == expected
    over = replace(full, items=full.items + full.items[:1])
    assert feed.ends(over.signed()) == "OVERSIZE"
    assert house.heard(over.signed()) == ["OVERSIZE"]
    answer = codec.decode_batch(house.send(fresh(full)))
    assert len(answer.items) == limits.ITEMS
