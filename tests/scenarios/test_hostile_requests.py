"""Requests that are not what was signed, or not what may be asked: each refused with its code.

The same faults at three doors, all real sockets: a node's ``Ask``, its ``AskStream`` and the
registrar. What a department answers inside a signed answer, the registrar says in transport.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from crypto.envelope import Signature
from crypto.keys import SigningKey
from federation import exchange, limits
from federation.clock import month_end
from federation.errors import HeduiError
from federation.exchange import ASK, ASK_MANDATE, ASK_STREAM, ISSUE_TOKENS, SaltedItem
from federation.wire import codec
from federation.wire import registrar_messages as messages
from federation.wire.channel import Peers, tls_name
from federation.wire.status import from_call
from tests.registrar import town as towns
from tests.registrar.town import Town
from tests.scenarios import hostile
from tests.scenarios.hostile import CENTRE, NODE, PATIENCE, STRANGER, Draft, House, shown
from tests.scenarios.played import query
from tests.support.twin import NOW, WITH_CAR, WITHOUT_CAR, grant

HOUR = 3_600
SUBGROUP = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with hostile.running(tmp_path_factory.mktemp("requests") / "f") as house:
        yield house


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.running(tmp_path_factory.mktemp("town") / "f") as town:
        yield town


@dataclass(frozen=True, slots=True)
class Door:
    """One way in: how a sound request looks there, what is said to it, and to any other."""

    draft: Callable[[], Draft]
    heard: Callable[[bytes], list[str]]
    sound: list[str]
    spent: Callable[[], object]


@pytest.fixture(params=["Ask", "AskStream", "IssueTokens"])
def door(request: pytest.FixtureRequest) -> Door:
    if request.param == "IssueTokens":
        town: Town = request.getfixturevalue("town")
        return Door(lambda: orders(town), lambda data: told(town, data), ["CONSENT_UNKNOWN"], list)
    house: House = request.getfixturevalue("house")
    method = ASK if request.param == "Ask" else ASK_STREAM
    return Door(
        lambda: questions(house),
        lambda data: house.heard(data, method=method),
        ["YES", "NO"],
        house.spent,
    )


def questions(house: House) -> Draft:
    """Ask about two people, each under a token of its own."""
    tokens = [
        house.twin.token(house.twin.claims(NODE, person), grant("P40", max_uses=999))
        for person in (WITH_CAR, WITHOUT_CAR)
    ]
    return house.draft(map(shown, tokens), *tokens)


def orders(town: Town) -> Draft:
    """Ask for the tokens of two consents that nobody has recorded."""
    numbers = ("20261118-999998", "20261118-999999")
    return Draft(
        header=town.header(ISSUE_TOKENS),
        items=tuple(messages.encode_order(number) for number in numbers),
        key=town.parties[CENTRE].key,
    )


def told(town: Town, request: bytes) -> list[str]:
    try:
        town.call(CENTRE, ISSUE_TOKENS, request)
    except HeduiError as error:
        return [error.code]
    return ["ANSWERED"]


Fault = Callable[[Draft], bytes]
"""Makes of a sound request one that must be refused."""


def header(**changes: Any) -> Fault:
    """Sign another header."""
    return lambda draft: draft.signed(**changes)


def payload(change: Callable[[bytes], bytes]) -> Fault:
    """Sign the header's bytes otherwise written."""
    return lambda draft: draft.payload(change)


def behind(data: bytes) -> Fault:
    """Sign a header with something behind its fields."""
    return payload(lambda sound: sound + data)


def lying(*, n: int = 2, root: bytes = b"") -> Fault:
    """Sign a header that counts or names its items wrongly."""

    def change(sound: bytes) -> bytes:
        read = codec.decode_header(sound)
        return codec.encode_header(read, n=n, root=root or read.root)

    return payload(change)


def items(change: Callable[[tuple[SaltedItem, ...]], tuple[SaltedItem, ...]]) -> Fault:
    """Change the items after they were signed."""
    return lambda draft: draft.changed(lambda batch: replace(batch, items=change(batch.items)))


def signatures(change: Callable[[Draft, Signature], tuple[Signature, ...]]) -> Fault:
    """Change the signature."""

    def fault(draft: Draft) -> bytes:
        batch = draft.batch()
        made = change(draft, batch.envelope.signatures[0])
        return codec.encode_batch(replace(batch, envelope=replace(batch.envelope, signatures=made)))

    return fault


def raw(change: Callable[[bytes], bytes]) -> Fault:
    """Change the bytes on the wire."""
    return lambda draft: change(draft.signed())


def unreduced(signature: bytes) -> bytes:
    """Write an Ed25519 signature in its other way (RFC 8032 §5.1.7 forbids it)."""
    s = int.from_bytes(signature[32:], "little") + SUBGROUP
    return signature[:32] + s.to_bytes(32, "little")


def many(count: int, *, presentations: bool) -> Fault:
    def fault(draft: Draft) -> bytes:
        if presentations:
            shown = tuple(os.urandom(8) for _ in range(count))
            return replace(draft, presentations=shown).signed()
        return replace(draft, items=draft.items[:1] * count).signed()

    return fault


def flip(data: bytes, at: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


MALFORMED: dict[str, Fault] = {
    "nothing": raw(lambda _: b""),
    "garbage": raw(lambda _: b"\xff" * 400),
    "truncated by a byte": raw(lambda data: data[:-1]),
    "truncated in the middle": raw(lambda data: data[: len(data) // 2]),
    "no items": lambda draft: replace(draft, items=()).signed(),
    "something behind": raw(lambda data: data + b"\x00"),
    "an unknown part": raw(lambda data: data + b"\x22\x01x"),
    "no envelope": raw(lambda data: data[data.index(b"\x12") :]),
    "salt of 15 bytes": items(lambda old: (replace(old[0], salt=old[0].salt[1:]), *old[1:])),
    "header: an unknown field": behind(b"\x70\x01"),
    "header: a float": behind(b"\x75\x00\x00\x80\x3f"),
    "header: a double": behind(b"\x79" + bytes(6) + b"\xf0\x3f"),
    "header: a map": behind(b"\x72\x06\x0a\x01a\x12\x01b"),
    "header: a group": behind(b"\x73\x08\x01\x74"),
    "header: a field out of order": behind(b"\x10\x01"),
    "header: a field twice": behind(b"\x50\x02"),
    "header: a default written out": behind(b"\x62\x00"),
    "header: a number written longer": payload(lambda p: p.replace(b"\x50\x02", b"\x50\x82\x00")),
    "header: a text that is none": payload(lambda p: p.replace(b"federation", b"\xff" * 10)),
    "header: half of it": payload(lambda p: p[:40]),
    "header: a query id of 15 bytes": header(qid=bytes(15)),
    "header: no query id": header(qid=b""),
    "header: a root of 31 bytes": lying(root=bytes(31)),
    "another type": lambda draft: draft.payload(bytes, "application/vnd.in-toto+json"),
    "no signature": signatures(lambda *_: ()),
    "two signatures": signatures(lambda _, sound: (sound, replace(sound, kid="other"))),
}
OVERSIZE: dict[str, Fault] = {
    "a thousand and one items": many(limits.ITEMS + 1, presentations=False),
    "a thousand and one presentations": many(limits.ITEMS + 1, presentations=True),
    "a question that no length can tell": lambda draft: replace(
        draft, items=(*draft.items, bytes(limits.ITEM_MOST + 1))
    ).signed(),
    "a long header": header(method="m" * limits.HEADER_BYTES),
    "a long envelope": lambda draft: draft.payload(bytes, "t" * 4 * limits.HEADER_BYTES),
}
FORGED: dict[str, Fault] = {
    "a bit of the signature": signatures(lambda _, s: (replace(s, sig=flip(s.sig)),)),
    "a bit of the header": lambda draft: draft.changed(
        lambda batch: replace(
            batch,
            envelope=replace(
                batch.envelope,
                payload=codec.encode_header(
                    replace(codec.decode_header(batch.envelope.payload), qid=os.urandom(16))
                ),
            ),
        )
    ),
    "the signature's other spelling": signatures(lambda _, s: (replace(s, sig=unreduced(s.sig)),)),
    "no bytes": signatures(lambda _, s: (replace(s, sig=b""),)),
    "an unknown key": lambda draft: replace(draft, key=SigningKey.generate()).signed(),
    "an unknown key under a known name": lambda draft: signatures(
        lambda old, s: (replace(s, kid=draft.key.kid),)
    )(replace(draft, key=SigningKey.generate())),
    "a known key under no name": signatures(lambda _, s: (replace(s, kid=""),)),
}
CHANGED: dict[str, Fault] = {
    "reordered": items(lambda old: old[::-1]),
    "an item less": items(lambda old: old[:-1]),
    "an item twice": items(lambda old: (*old, old[0])),
    "an item under another salt": items(lambda old: (SaltedItem(bytes(16), old[0].item), *old[1:])),
    "an item changed": items(lambda old: (replace(old[0], item=flip(old[0].item, -1)), *old[1:])),
    "salts exchanged": items(
        lambda old: (SaltedItem(old[1].salt, old[0].item), SaltedItem(old[0].salt, old[1].item))
    ),
    "the count": lying(n=3),
    "the root": lying(root=bytes(32)),
}
SENT: dict[str, tuple[str, Fault]] = {
    "by another party": ("WRONG_PARTY", header(sender=STRANGER)),
    "by nobody": ("WRONG_PARTY", header(sender="")),
    "to another department": ("WRONG_AUDIENCE", header(audience="tax")),
    "to the asker": ("WRONG_AUDIENCE", header(audience=CENTRE)),
    "for another method": ("WRONG_METHOD", header(method=exchange.EVALUATE)),
    "for the stream": ("WRONG_METHOD", header(method=ASK_STREAM)),
    "in another version": ("WRONG_METHOD", header(schema=2)),
    "in no version": ("WRONG_METHOD", header(schema=0)),
    "as if it were an answer": ("WRONG_METHOD", header(request_hash=bytes(32))),
    "as if it knew a status list": ("WRONG_METHOD", header(status_list_digest=bytes(32))),
    "an hour ago": ("REQUEST_NOT_FRESH", header(issued=NOW - HOUR, expires=NOW - HOUR + 300)),
    "in an hour": ("REQUEST_NOT_FRESH", header(issued=NOW + HOUR, expires=NOW + HOUR + 300)),
    "for too long": ("REQUEST_NOT_FRESH", header(expires=NOW + limits.REQUEST_LIFE + 1)),
    "for no time": ("REQUEST_NOT_FRESH", header(expires=NOW)),
    "for all times": ("REQUEST_NOT_FRESH", header(issued=-(2**63), expires=2**63 - 1)),
}
IN_TRANSPORT = {
    f"{code}: {name}": (code, fault)
    for code, faults in {
        "MALFORMED": MALFORMED,
        "OVERSIZE": OVERSIZE,
        "BAD_SIGNATURE": FORGED,
        "ITEMS_DO_NOT_MATCH": CHANGED,
    }.items()
    for name, fault in faults.items()
} | {f"{code}: {name}": (code, fault) for name, (code, fault) in SENT.items() if "PARTY" in code}
IN_ANSWERS = {
    f"{code}: {name}": (code, fault) for name, (code, fault) in SENT.items() if "PARTY" not in code
}


@pytest.mark.parametrize(("code", "fault"), IN_TRANSPORT.values(), ids=IN_TRANSPORT)
def test_what_is_not_as_it_was_signed_leaves_no_trace(door: Door, code: str, fault: Fault) -> None:
    request, before = fault(door.draft()), door.spent()
    assert door.heard(request) == [code]
    assert door.spent() == before


@pytest.mark.parametrize(("code", "fault"), IN_ANSWERS.values(), ids=IN_ANSWERS)
def test_what_is_signed_and_may_not_be_asked_is_refused(
    door: Door, code: str, fault: Fault
) -> None:
    request = fault(door.draft())
    assert set(door.heard(request)) == {code}


def test_what_was_changed_is_all_that_was_wrong(door: Door) -> None:
    assert door.heard(door.draft().signed()) == door.sound


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_another_policy_than_the_node_s_is_refused(house: House, version: int) -> None:
    request = questions(house).signed(policy_version=version)
    assert house.heard(request) == ["POLICY_VERSION"] * 2


@pytest.mark.parametrize("purpose", [0, 2, 4, 99, -1])
def test_a_purpose_is_the_consent_s(house: House, purpose: int) -> None:
    request = questions(house).signed(purpose=purpose)
    assert house.heard(request) == ["CONSENT_WRONG_PURPOSE"] * 2


def test_a_request_is_for_one_method(house: House) -> None:
    request = questions(house)
    assert house.heard(request.signed(), method=ASK_MANDATE) == ["MALFORMED"]
    assert house.heard(request.signed(method=ASK_MANDATE)) == ["WRONG_METHOD"] * 2


def test_a_part_of_a_request_tells_nothing(house: House) -> None:
    """Wherever it is cut, nothing is told or spent; tokens alone may be missing, and are missed."""
    batch = questions(house).batch()
    whole = codec.encode_batch(batch)
    fewer = [replace(batch, presentations=batch.presentations[:count]) for count in range(2)]
    before = house.spent()
    for cut in {*range(0, len(whole), 17)} - {len(codec.encode_batch(one)) for one in fewer}:
        assert house.heard(whole[:cut]) in (["MALFORMED"], ["ITEMS_DO_NOT_MATCH"]), cut
    assert house.spent() == before
    none, first = (codec.encode_batch(one) for one in fewer)
    assert house.heard(first) == ["YES", "CONSENT_INVALID"]
    assert house.heard(none) == ["YES", "CONSENT_INVALID"], "the same request: it was answered"
    assert house.heard(whole) == ["YES", "CONSENT_INVALID"]


def without_ceiling(house: House, request: bytes, compression: grpc.Compression | None) -> str:
    """Send over a channel that is not the program's own."""
    mine = house.twin.coordinator
    credentials = grpc.ssl_channel_credentials(
        mine.manifest.ca, private_key=mine.tls.key, certificate_chain=mine.tls.certificate
    )
    options: list[tuple[str, str | int]] = [
        ("grpc.ssl_target_name_override", tls_name(NODE)),
        ("grpc.max_send_message_length", -1),
    ]
    with grpc.secure_channel(house.entry.endpoint, credentials, options) as channel:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{ASK}")
        try:
            ask(request, timeout=PATIENCE, compression=compression)
        except grpc.RpcError as error:
            return from_call(error, NODE).code
    return "ANSWERED"


def test_eight_mebibytes_are_the_end(house: House) -> None:
    assert without_ceiling(house, bytes(limits.MESSAGE_BYTES + 1), None) == "OVERSIZE"
    assert without_ceiling(house, bytes(limits.MESSAGE_BYTES), None) == "MALFORMED"


def test_nothing_is_compressed(house: House) -> None:
    sound = questions(house).signed()
    for request in (sound, bytes(2 * limits.MESSAGE_BYTES)):
        assert without_ceiling(house, request, grpc.Compression.Gzip) == "PEER_FAILED"
    assert without_ceiling(house, sound, None) == "ANSWERED"


# ---- questions


QUESTION = b"\x0a\x20" + bytes(32) + b"\x1a\x03P40\x2a\x20" + bytes(32)
"""A question written by hand: presentation, predicate, case reference."""
ODD_QUESTIONS = {
    "nothing": b"",
    "garbage": b"\xff\xff",
    "a period of the asker's": QUESTION + b"\x32\x0720260101",
    "a number of the asker's": QUESTION + b"\x30\xe8\x07",
    "a float": QUESTION + b"\x35\x00\x00\x80\x3f",
    "a map": QUESTION + b"\x3a\x06\x0a\x01a\x12\x01b",
    "a field twice": QUESTION + b"\x2a\x20" + bytes(32),
    "fields out of order": QUESTION[34:] + QUESTION[:34],
    "a default written out": QUESTION[:39] + b"\x22\x00" + QUESTION[39:],
    "a length written longer": b"\x0a\xa0\x00" + QUESTION[2:],
    "token and id": QUESTION[:34] + b"\x12\x10" + bytes(16) + QUESTION[34:],
    "neither token nor id": QUESTION[34:],
    "a token's name of 31 bytes": b"\x0a\x1f" + bytes(31) + QUESTION[34:],
    "no case": QUESTION[:39],
    "a case of 31 bytes": QUESTION[:39] + b"\x2a\x1f" + bytes(31),
    "a predicate that is no text": QUESTION.replace(b"P40", b"P\xff0"),
    "oversize": QUESTION[:34] + b"\x1a\xf4\x03" + b"P" * 500 + QUESTION[39:],
}


def test_questions_that_cannot_be_read_are_refused_in_their_places(house: House) -> None:
    """No field of a question chooses a period, a sum or a size: there is none."""
    token = house.twin.token(house.twin.claims(NODE, WITH_CAR), grant("P40"))
    good = codec.encode_question(shown(token))
    assert good == QUESTION.replace(bytes(32), hashlib.sha256(token).digest(), 1)
    draft = replace(house.draft([], token), items=(*ODD_QUESTIONS.values(), good))
    before = house.spent()
    assert house.heard(draft.signed()) == ["QUESTION_MALFORMED"] * len(ODD_QUESTIONS) + ["YES"]
    after = house.spent()
    assert (after.log, after.uses) == (before.log + 1, before.uses + 2)


def test_the_asker_s_clock_chooses_no_period(tmp_path: Path) -> None:
    """Around midnight between two months it may be off by two minutes: the node's own counts."""
    with hostile.running(tmp_path / "f") as house:
        twin = house.twin
        midnight = month_end(NOW) + 1
        for now, skew, period in ((-30, 60, (20261101, 20261201)), (30, -60, (20261201, 20270101))):
            twin.clock.seconds = midnight + now
            house.node.status.refresh()
            token = twin.token(twin.claims(NODE, WITH_CAR), grant("P40"))
            draft, issued = house.draft([shown(token)], token), midnight + now + skew
            reply = house.send(draft.signed(issued=issued, expires=issued + limits.REQUEST_LIFE))
            answer = codec.decode_answer(codec.decode_batch(reply).items[0].item)
            assert (answer.period_from, answer.period_to) == period


# ---- replays


def replayed(house: House, request: bytes) -> list[str]:
    """Send a request under a known query id by every way there is."""
    return [
        *house.heard(request),
        *house.heard(request, method=ASK_STREAM),
        *house.heard(request, STRANGER),
    ]


def test_a_query_id_stands_for_one_request(house: House) -> None:
    draft = questions(house)
    first = draft.signed()
    reply = house.send(first)
    before = house.spent()
    assert house.send(first) == reply
    assert list(house.stream([first, first])) == [reply, reply]
    again = draft.signed()  # the same questions under fresh salts
    shorter = replace(draft, items=draft.items[:1]).signed()
    for other in (again, shorter, draft.signed(issued=NOW - 1)):
        assert replayed(house, other) == ["REPLAYED", "REPLAYED", "WRONG_PARTY"]
    assert house.heard(first, STRANGER) == ["WRONG_PARTY"]
    theirs = replace(draft, key=house.party(STRANGER).key).signed(sender=STRANGER)
    assert house.heard(theirs, STRANGER) == ["REPLAYED"]
    assert house.spent() == before


def test_presentations_exchanged_on_the_way_change_no_answer(house: House) -> None:
    """They travel beside what is signed, and are named in it by their digests."""
    draft = questions(house)
    batch = draft.batch()
    reply = house.send(codec.encode_batch(batch))
    for others in ((), batch.presentations[::-1], (b"x", *batch.presentations)):
        assert house.send(codec.encode_batch(replace(batch, presentations=others))) == reply


def test_the_same_bytes_at_the_same_time_are_answered_once(house: House) -> None:
    request, before = questions(house).signed(), house.spent()
    with ThreadPoolExecutor(8) as pool:
        replies = set(pool.map(lambda _: house.send(request), range(16)))
    assert len(replies) == 1
    after = house.spent()
    assert (after.log, after.uses) == (before.log + 1, before.uses + 4)


def test_who_hangs_up_has_been_answered_all_the_same(house: House) -> None:
    """The answer is kept for the same bytes; the question is spent once."""
    mine = house.twin.coordinator
    request, before = questions(house).signed(), house.spent()
    with closing(Peers(mine.tls)) as peers:
        channel = peers._channel(house.entry)
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{ASK}")
        for _ in range(5):
            ask.future(request).cancel()
    assert house.heard(request) == ["YES", "NO"]
    assert house.spent().uses == before.uses + 4


def test_refusals_in_transport_are_counted_by_their_codes(house: House) -> None:
    def counted() -> dict[str, int]:
        house.running._count()
        return dict(query(house.node.party.data / "node.sqlite", "SELECT code, n FROM refused"))

    draft, before = questions(house), counted()
    for request in (b"", replace(draft, key=SigningKey.generate()).signed()):
        for _ in range(3):
            house.heard(request)
    after = counted()
    grown = {code: n - before.get(code, 0) for code, n in after.items()}
    assert {code: n for code, n in grown.items() if n} == {"MALFORMED": 3, "BAD_SIGNATURE": 3}
