"""Requests that arrive together: answered as if they had come one after the other."""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from department_node.answer import Answerer
from department_node.ledger import Ledger, Look, Seen
from department_node.node import Node
from federation import consent
from federation.consent import Claims
from federation.errors import HeduiError, Unavailable
from federation.exchange import Answer, Outcome, Question, Refusal
from federation.wire import codec, signed
from tests.support import twin as twins
from tests.support.twin import WITH_CAR, WITHOUT_CAR, Twin, grant


@dataclass
class Desk:
    """A node with one answerer, whose writer can be held up."""

    twin: Twin
    node: Node
    answerer: Answerer

    def together(self, requests: Sequence[bytes]) -> list[bytes | HeduiError]:
        """Put requests that are settled as one group, in this order."""
        writer = self.node.store.writer
        held, go = threading.Event(), threading.Event()

        def hold(_: object) -> None:
            held.set()
            assert go.wait(20)

        with ThreadPoolExecutor(len(requests) + 1) as pool:
            holding = pool.submit(writer.write, hold)
            assert held.wait(20)
            futures = []
            for n, request in enumerate(requests, start=1):
                futures.append(pool.submit(self.one, request))
                while writer._queue.qsize() < n and not futures[-1].done():
                    pass
            go.set()
            holding.result(20)
            return [future.result(20) for future in futures]

    def one(self, request: bytes) -> bytes | HeduiError:
        try:
            return self.answerer.ask("coordinator", request)
        except HeduiError as error:
            return error

    def claims(self, person: str = WITH_CAR) -> Claims:
        return alone(self.twin.claims("public_security", person))

    def request(self, *tokens: bytes, qid: bytes = b"", predicate: str = "P40") -> bytes:
        asked = [
            Question(
                predicate=predicate.partition(" ")[0],
                parameter=predicate.partition(" ")[2],
                presentation=hashlib.sha256(token).digest(),
                case_ref=bytes(32),
            )
            for token in tokens
        ]
        header = self.twin.header()
        return self.twin.request(replace(header, qid=qid or header.qid), asked, *tokens)


def alone(claims: Claims) -> Claims:
    made = consent.household_commitment(claims.household_salt, (claims.sub,))
    return replace(claims, household_commitment=made)


def answers(reply: bytes | HeduiError) -> list[Answer]:
    assert isinstance(reply, bytes), reply
    return [codec.decode_answer(one.item) for one in codec.decode_batch(reply).items]


def told(reply: bytes | HeduiError) -> list[tuple[str, str, int]]:
    if isinstance(reply, HeduiError):
        return [(reply.code, "", 0)]
    return [(a.outcome.name, a.refusal.name, a.use_no) for a in answers(reply)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    twin = twins.make(tmp_path / "f")
    with twins.open_node(twin) as node:
        yield Desk(twin, node, node.answerer())


def test_a_group_is_one_set_of_statements(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = [desk.twin.token(desk.claims(p), grant("P40")) for p in (WITH_CAR, WITHOUT_CAR)]
    looks: list[int] = []
    look = Ledger.look

    def counted(self: Ledger, wanted: Sequence[Look]) -> list[Seen]:
        looks.append(len(wanted))
        return look(self, wanted)

    monkeypatch.setattr(Ledger, "look", counted)
    replies = desk.together([desk.request(token) for token in tokens])
    assert [told(one) for one in replies] == [[("YES", "NONE", 1)], [("NO", "NONE", 1)]]
    assert looks == [2]
    assert len(list(desk.node.store.entries())) == 2


def test_each_reply_is_its_own_request_s(desk: Desk) -> None:
    people = [WITH_CAR, WITHOUT_CAR, "790302199302200158"]
    tokens = [desk.twin.token(desk.claims(p), grant("P40")) for p in people]
    requests = [desk.request(token) for token in tokens]
    keys = desk.answerer._party.entry.keys
    for request, reply in zip(requests, desk.together(requests), strict=True):
        assert isinstance(reply, bytes)
        sent = signed.claimed_header(codec.decode_batch(request))
        signed.open_answer(codec.decode_batch(reply), sent, keys)


def test_a_query_id_twice_in_a_group_is_answered_once(desk: Desk) -> None:
    request = desk.request(desk.twin.token(desk.claims(), grant("P40")))
    other = desk.request(
        desk.twin.token(desk.claims(WITHOUT_CAR), grant("P40")),
        qid=signed.claimed_header(codec.decode_batch(request)).qid,
    )
    first, repeat, stolen = desk.together([request, request, other])
    assert first == repeat
    assert told(stolen) == [("REPLAYED", "", 0)]
    assert len(list(desk.node.store.entries())) == 1


def test_uses_of_one_token_are_counted_through_a_group(desk: Desk) -> None:
    token = desk.twin.token(desk.claims(), grant("P40", max_uses=2))
    replies = desk.together([desk.request(token) for _ in range(3)])
    assert [told(one) for one in replies] == [
        [("YES", "NONE", 1)],
        [("YES", "NONE", 2)],
        [("REFUSED", "USES_EXHAUSTED", 0)],
    ]


def test_two_tokens_of_one_record_open_one_cell(desk: Desk) -> None:
    claims = desk.claims()
    tokens = [
        desk.twin.token(replace(claims, jti=jti, chain=jti), grant("P40"))
        for jti in (b"a" * 16, b"b" * 16)
    ]
    replies = desk.together([desk.request(token) for token in tokens])
    assert [told(one) for one in replies] == [[("YES", "NONE", 1)]] * 2
    assert desk.node.store._read.execute("SELECT count(*) FROM cell").fetchone() == (1,)


def test_pseudonyms_of_two_epochs_are_one_record(desk: Desk) -> None:
    """The books alone tell that two pseudonyms are one person: whoever comes second waits."""
    claims = desk.claims()
    row = desk.node.store._read.execute(
        "SELECT epoch, key, name, fingerprint FROM person WHERE psn = ?", (claims.sub,)
    ).fetchone()
    other = b"o" * 32
    sql = "INSERT INTO person VALUES (?, ?, ?, ?, ?, 1)"
    desk.node.store.writer.write(lambda c: c.execute(sql, (other, *row)))
    second = alone(replace(claims, sub=other, jti=b"b" * 16, chain=b"b" * 16))
    tokens = [desk.twin.token(one, grant("P40")) for one in (claims, second)]
    replies = desk.together([desk.request(token) for token in tokens])
    assert [told(one) for one in replies] == [[("YES", "NONE", 1)]] * 2
    assert desk.node.store._read.execute("SELECT count(*) FROM cell").fetchone() == (1,)


def test_two_tokens_with_one_id_are_never_both_kept(desk: Desk) -> None:
    claims = desk.claims()
    tokens = [desk.twin.token(claims, grant("P40"), grant("P42", "w12m", "window"))]
    tokens.append(desk.twin.token(replace(claims, evidence=b"e" * 32), grant("P40")))
    first, second = desk.together([desk.request(token) for token in tokens])
    assert told(first) == [("YES", "NONE", 1)]
    assert told(second) == [("CONSENT_INVALID", "", 0)]
    assert desk.node.store.ledger().presentations([claims.jti]) == {claims.jti: tokens[0]}


def test_a_slow_record_holds_up_nobody_else(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    source = desk.node.records
    asked: list[tuple[int, bool]] = []

    class Mixed:
        """Needs long for one of two questions, and is quick about the other."""

        def scalars(self, sql: str, *about: Any, prompt: bool) -> list[object | None]:
            asked.append(("bought" in sql, prompt))
            if asked[-1] == (True, True):
                raise Unavailable("SOURCE_TIMEOUT")
            return source.scalars(sql, *about, prompt=prompt)

    monkeypatch.setattr(desk.answerer._drafter, "_records", Mixed())
    quick = desk.twin.token(desk.claims(), grant("P40"))
    slow = desk.twin.token(desk.claims(WITHOUT_CAR), grant("P42", "w12m", "window"))
    replies = desk.together([desk.request(slow, predicate="P42 w12m"), desk.request(quick)])
    assert [told(one) for one in replies] == [[("NO", "NONE", 1)], [("YES", "NONE", 1)]]
    assert sorted(asked) == [(False, True), (True, False), (True, True)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from([WITH_CAR, WITHOUT_CAR]), st.sampled_from("ab"), st.sampled_from([1, 2])
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=12, deadline=None)
@given(steps=STEPS)
def test_a_group_says_what_its_requests_say_one_by_one(
    steps: list[tuple[str, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    said = []
    for grouped in (True, False):
        twin = twins.make(tmp_path_factory.mktemp("f") / "f")
        with twins.open_node(twin) as node:
            desk = Desk(twin, node, node.answerer())
            tokens = {
                step: twin.token(desk.claims(step[0]), grant("P40", max_uses=step[2]))
                for step in set(steps)
            }
            requests = [desk.request(tokens[step]) for step in steps]
            replies = desk.together(requests) if grouped else [desk.one(r) for r in requests]
            said.append([told(one) for one in replies])
    assert said[0] == said[1]


def test_refused_as_a_whole_beside_answered(desk: Desk) -> None:
    token = desk.twin.token(desk.claims(), grant("P40"))
    late = replace(desk.twin.header(), expires=twins.NOW - 1)
    asked = Question(
        predicate="P40", presentation=hashlib.sha256(token).digest(), case_ref=bytes(32)
    )
    refused, answered = desk.together(
        [desk.twin.request(late, [asked], token), desk.request(token)]
    )
    assert answers(refused)[0].refusal is Refusal.REQUEST_NOT_FRESH
    assert answers(answered)[0].outcome is Outcome.YES
