"""Departments that lie to the centre, over real sockets: nothing of it is believed, nothing falls.

The centre's conductor and transport are real; so are TLS and every signature. A lie is what the
department makes of the honest answer before it leaves.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from threading import Event

import grpc
import pytest

from coordinator.asking.transport import WireTransport
from coordinator.findings import report, screen
from crypto import envelope
from crypto.keys import SigningKey
from federation import certificates, limits
from federation.clock import SystemClock
from federation.exchange import PAYLOAD_TYPE, Header, SaltedItem
from federation.v1 import node_pb2
from federation.wire import codec, signed
from federation.wire.channel import Peers
from federation.wire.codec import SignedBatch
from tests.coordinator import town as towns
from tests.coordinator.town import (
    KINDS,
    WIFE_TEXT,
    Department,
    Departments,
    Town,
    case_text,
    header_of,
)

LIAR = "tax"
TIMEOUT = 20.0
MOST = 2**31 - 1
"""The largest number of an answer: what every database holds."""
NOW = SystemClock().now()
AUTHORITY = certificates.make_authority("town", NOW, 10)

Lie = Callable[[Department, Iterator[bytes]], Iterator[bytes]]
"""Takes the requests of a call and gives what is replied."""


def honest(department: Department, requests: Iterator[bytes]) -> Iterator[bytes]:
    return map(department.call, requests)


@dataclass
class Served(grpc.GenericRpcHandler):
    """A department behind a server of its own, which says what its lie makes of the answers."""

    department: Department
    lie: Lie = honest

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        if details.method.endswith("/AskStream"):
            return grpc.stream_stream_rpc_method_handler(self._stream)
        return grpc.unary_unary_rpc_method_handler(self._ask)

    def _ask(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        return next(self._stream(iter([request]), context))

    def _stream(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        try:
            yield from self.lie(self.department, requests)
        except Broken as broken:
            context.set_trailing_metadata(broken.trailer)
            context.abort(broken.code, broken.text)


class Broken(Exception):
    """Breaks a call off with a status of one's own."""

    def __init__(self, code: grpc.StatusCode, text: str, details: bytes = b"") -> None:
        super().__init__()
        self.code, self.text = code, text
        self.trailer = (("grpc-status-details-bin", details),) if details else ()


@dataclass
class Wire(Departments):
    """The way to the departments: the product's own."""

    transport: WireTransport

    def stream(self, department: str, requests: object) -> Iterator[bytes]:
        return self.transport.stream(department, requests)  # type: ignore[arg-type]

    def call(self, department: str, request: bytes) -> bytes:
        return self.transport.call(department, request)


class Turns:
    """Another lie for every request, by its query id: the same bytes hear the same lie again."""

    def __init__(self, lies: Mapping[str, Lie]) -> None:
        self.heard: dict[bytes, str] = {}
        self._lies = lies
        self._left = iter(lies)

    def __call__(self, department: Department, requests: Iterator[bytes]) -> Iterator[bytes]:
        for one in requests:
            qid = header_of(one).qid
            if qid not in self.heard:
                self.heard[qid] = next(self._left)
            yield from self._lies[self.heard[qid]](department, iter([one]))


@dataclass(frozen=True, slots=True)
class Booked:
    """How a request to the liar ended in the centre's books, and in which case."""

    state: str
    error: str
    case: str


@dataclass
class Stage:
    """A centre, and departments of which one may lie."""

    town: Town
    liar: Served
    transport: WireTransport
    count: int = 0

    def run(self, lie: Lie, cases: int) -> tuple[list[str], dict[bytes, Booked]]:
        """Run cases while the department lies; give them, and what is booked of it by query id."""
        ids, before = self.ready(cases), self.booked()
        self.liar.lie = lie
        try:
            with self.town.desk() as desk:
                desk.run(ids)
        finally:
            self.liar.lie = honest
        for case in ids:
            told = self.town.outcomes(case).items()
            assert all(said for (_, name, _), said in told if name != LIAR), "it held up another"
        return ids, {qid: row for qid, row in self.booked().items() if qid not in before}

    def tell(self, lies: Mapping[str, Lie]) -> dict[str, Booked]:
        """Tell every lie to a case of its own; give what is booked of each."""
        turns = Turns(lies)
        _, booked = self.run(turns, len(lies))
        return {turns.heard[qid]: row for qid, row in booked.items()}

    def honestly(self, *cases: str) -> set[str]:
        """Run cases again with an honest department, and give what it has said at last."""
        with self.town.desk() as desk:
            desk.run(cases)
        outcomes = [self.town.outcomes(case) for case in cases]
        return {said for one in outcomes for (_, name, _), said in one.items() if name == LIAR}

    def ready(self, cases: int) -> list[str]:
        self.count += 1
        texts = [
            case_text(
                more=WIFE_TEXT, commission=f"c-{self.count}-{n}", evidence=paper(n, self.count)
            )
            for n in range(cases)
        ]
        return self.town.ready(*texts)

    def booked(self) -> dict[bytes, Booked]:
        with self.town.database() as database, database.reading() as connection:
            rows = connection.exec_driver_sql(
                "SELECT DISTINCT qid, state, error, case_id FROM question_batch"
                f" JOIN question USING (batch_id) JOIN ask USING (ask_id)"
                f" WHERE question_batch.department = '{LIAR}'"
            )
            return {qid: Booked(*row) for qid, *row in rows}


def paper(*numbers: int) -> str:
    return "".join(f"{number:08x}" for number in numbers).ljust(64, "e")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    town = towns.build(tmp_path_factory.mktemp("centre"))
    identities = {name: certificates.issue(AUTHORITY, name, NOW, 5) for name in town.keys}
    served, running, entries = {}, [], dict(town.around.manifest.parties)
    for name in KINDS:
        served[name] = Served(town.departments[name])
        mine = identities[name]
        credentials = grpc.ssl_server_credentials(
            [(mine.key, mine.certificate)], AUTHORITY.certificate, require_client_auth=True
        )
        server = grpc.server(
            ThreadPoolExecutor(8),
            handlers=[served[name]],
            options=[("grpc.max_send_message_length", -1)],
        )
        port = server.add_secure_port("127.0.0.1:0", credentials)
        server.start()
        running.append(server)
        entries[name] = replace(
            entries[name],
            endpoint=f"127.0.0.1:{port}",
            certificates=(certificates.der(mine.certificate),),
        )
    manifest = replace(town.around.manifest, ca=AUTHORITY.certificate, parties=entries)
    town.around = replace(town.around, manifest=manifest)
    with closing(Peers(identities["coordinator"])) as peers:
        transport = WireTransport(manifest, peers, TIMEOUT)
        town.departments = Wire(by_id=town.departments.by_id, transport=transport)
        yield Stage(town, served[LIAR], transport)
    for server in running:
        server.stop(0)


# ---- what a lie makes of an honest answer


def each(change: Callable[[Department, bytes, bytes], bytes]) -> Lie:
    """Make every answer something else; the change sees the request, too."""

    def lie(department: Department, requests: Iterator[bytes]) -> Iterator[bytes]:
        return (change(department, one, department.call(one)) for one in requests)

    return lie


def changed(change: Callable[[SignedBatch], SignedBatch]) -> Lie:
    """Change an answer after it was signed."""
    return each(lambda _, __, reply: codec.encode_batch(change(codec.decode_batch(reply))))


def items(change: Callable[[tuple[SaltedItem, ...]], tuple[SaltedItem, ...]]) -> Lie:
    return changed(lambda batch: replace(batch, items=change(batch.items)))


def resigned(
    change: Callable[[Header, list[bytes]], tuple[Header, Sequence[bytes]]], key: str = LIAR
) -> Lie:
    """Sign another answer, with the department's own key unless another is named."""

    def say(department: Department, _: bytes, reply: bytes) -> bytes:
        batch = codec.decode_batch(reply)
        header, said = change(signed.claimed_header(batch), [one.item for one in batch.items])
        signer = SigningKey.from_seed(key.encode().ljust(32, b"."))
        return codec.encode_batch(signed.sign(signed.prepare(header, said), signer))

    return each(say)


def headed(**changes: object) -> Lie:
    return resigned(lambda header, said: (replace(header, **changes), said))  # type: ignore[arg-type]


def saying(*answers: bytes) -> Lie:
    """Answer every question with the same signed item."""
    return resigned(lambda header, said: (header, [*answers] * len(said)))


def wordy(**changes: int | bytes) -> bytes:
    """Write an answer by hand; it has the one size unless its padding is given."""
    fields: dict[str, int | bytes] = {"outcome": 1, "as_of": 20261117, "scope": 2, **changes}
    message = node_pb2.Answer(**fields)  # type: ignore[arg-type]
    if "pad" not in changes:
        message.pad = bytes(limits.ANSWER_ITEM_BYTES - message.ByteSize() - 2)
    return message.SerializeToString(deterministic=True)


def swapped(department: Department, requests: Iterator[bytes]) -> Iterator[bytes]:
    """Answer two by two, the second first."""
    while two := [department.call(one) for one in islice(requests, 2)]:
        yield from reversed(two)


def always_the_first(department: Department, requests: Iterator[bytes]) -> Iterator[bytes]:
    return repeat_each(department.call(next(requests)), requests)


def repeat_each(reply: bytes, requests: Iterator[bytes]) -> Iterator[bytes]:
    yield reply
    for _ in requests:
        yield reply


def another_s(department: Department, request: bytes, reply: bytes) -> bytes:
    """Have another department sign the very same words."""
    batch = codec.decode_batch(reply)
    other = SigningKey.from_seed(b"bank_a".ljust(32, b"."))
    made = envelope.sign(batch.envelope.payload, PAYLOAD_TYPE, other)
    return codec.encode_batch(replace(batch, envelope=made))


def twice_signed(batch: SignedBatch) -> SignedBatch:
    (one,) = batch.envelope.signatures
    both = (one, replace(one, kid="another"))
    return replace(batch, envelope=replace(batch.envelope, signatures=both))


LIES: dict[str, tuple[str, Lie]] = {
    "to another request": ("WRONG_ANSWER", headed(request_hash=bytes(32))),
    "under another query id": ("WRONG_ANSWER", headed(qid=bytes(16))),
    "to another centre": ("WRONG_ANSWER", headed(audience="stranger")),
    "in another's name": ("WRONG_ANSWER", headed(sender="bank_a")),
    "of another method": ("WRONG_ANSWER", headed(method="federation.v1.Registrar/IssueTokens")),
    "an item less, and so signed": (
        "WRONG_ANSWER",
        resigned(lambda header, said: (header, said[1:])),
    ),
    "an item more, and so signed": (
        "WRONG_ANSWER",
        resigned(lambda header, said: (header, [*said, said[0]])),
    ),
    "no item": ("WRONG_ANSWER", resigned(lambda header, _: (header, []))),
    "another department's signature": ("BAD_SIGNATURE", each(another_s)),
    "another department's answer": (
        "BAD_SIGNATURE",
        resigned(lambda header, said: (replace(header, sender="bank_a"), said), key="bank_a"),
    ),
    "the request itself": ("BAD_SIGNATURE", each(lambda _, request, __: request)),
    "an item changed": (
        "ITEMS_DO_NOT_MATCH",
        items(lambda old: (replace(old[0], item=wordy(outcome=1)), *old[1:])),
    ),
    "an item missing": ("ITEMS_DO_NOT_MATCH", items(lambda old: old[1:])),
    "an item twice": ("ITEMS_DO_NOT_MATCH", items(lambda old: (*old, old[0]))),
    "reordered": ("ITEMS_DO_NOT_MATCH", items(lambda old: old[::-1])),
    "nothing": ("MALFORMED", each(lambda *_: b"")),
    "garbage": ("MALFORMED", each(lambda *_: b"\xff" * 99)),
    "truncated": ("MALFORMED", each(lambda _, __, reply: reply[:-1])),
    "two signatures": ("MALFORMED", changed(twice_signed)),
    "silence said aloud": ("MALFORMED", saying(wordy(outcome=99))),
    "an outcome that is none": ("MALFORMED", saying(wordy(outcome=77))),
    "a refusal that is none": ("MALFORMED", saying(wordy(outcome=9, refusal=77))),
    "a smaller item": ("MALFORMED", saying(wordy(pad=b""))),
    "words in the padding": ("MALFORMED", saying(wordy(pad=b"x" * 80))),
    "a number of more than 31 bits": ("MALFORMED", saying(wordy(use_no=MOST + 1))),
    "a larger item": ("OVERSIZE", saying(wordy(pad=bytes(200)))),
    "oversize": ("OVERSIZE", each(lambda *_: bytes(limits.MESSAGE_BYTES + 1))),
}


@pytest.fixture(scope="module")
def booked(stage: Stage) -> dict[str, Booked]:
    return stage.tell({name: lie for name, (_, lie) in LIES.items()})


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_refused_with_its_code_and_not_believed(
    stage: Stage, booked: dict[str, Booked], name: str
) -> None:
    row = booked[name]
    assert (row.state, row.error) == ("FAILED", LIES[name][0])
    told = stage.town.outcomes(row.case)
    assert {said for (_, department, _), said in told.items() if department == LIAR} == {""}


def test_what_was_lied_about_is_asked_again(stage: Stage, booked: dict[str, Booked]) -> None:
    assert stage.honestly(*(row.case for row in booked.values())) == {"YES"}


@pytest.mark.parametrize("lie", [swapped, always_the_first])
def test_answers_out_of_their_order_are_refused(stage: Stage, lie: Lie) -> None:
    ids, booked = stage.run(lie, 4)
    ended = {(row.state, row.error) for row in booked.values()}
    assert ("FAILED", "WRONG_ANSWER") in ended
    assert ended <= {("FAILED", "WRONG_ANSWER"), ("ANSWERED", "")}
    assert stage.honestly(*ids) == {"YES"}


def too_many(department: Department, requests: Iterator[bytes]) -> Iterator[bytes]:
    for one in requests:
        yield department.call(one)
        yield department.call(one)


def unasked(department: Department, requests: Iterator[bytes]) -> Iterator[bytes]:
    """Say something before anything was asked."""
    yield b"x"
    yield from map(department.call, requests)


def too_few(department: Department, requests: Iterator[bytes]) -> Iterator[bytes]:
    yield department.call(next(requests))


@pytest.mark.parametrize("lie", [too_many, unasked, too_few])
def test_answers_that_do_not_count_up_end_no_run(stage: Stage, lie: Lie) -> None:
    ids, _ = stage.run(lie, 3)
    assert stage.honestly(*ids) == {"YES"}


def test_an_answer_that_does_not_come_in_time_is_waited_for_no_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = Event()

    def late(department: Department, requests: Iterator[bytes]) -> Iterator[bytes]:
        request = next(requests)
        over.wait(TIMEOUT)
        yield department.call(request)

    monkeypatch.setattr(stage.transport, "_timeout", 1.0)
    monkeypatch.setattr(stage.town, "patience", replace(stage.town.patience, tries=1))
    began = time.monotonic()
    ids, booked = stage.run(late, 1)
    assert time.monotonic() - began < TIMEOUT
    over.set()
    assert [(row.state, row.error) for row in booked.values()] == [("SENT", "PEER_SLOW")]
    monkeypatch.undo()
    assert stage.honestly(*ids) == {"YES"}


def breaking(code: grpc.StatusCode, text: str = "x", details: bytes = b"") -> Lie:
    def lie(_: Department, requests: Iterator[bytes]) -> Iterator[bytes]:
        raise Broken(code, text, details)
        yield b""

    return lie


BREAKS = {
    "internal": breaking(grpc.StatusCode.INTERNAL),
    "with words": breaking(grpc.StatusCode.UNKNOWN, "<script>79030119700312011X</script>"),
    "with garbage": breaking(grpc.StatusCode.FAILED_PRECONDITION, details=b"\xff\xff"),
    "with a code in the wrong place": breaking(grpc.StatusCode.DATA_LOSS, "CONSENT_EXPIRED"),
}


def test_a_status_of_one_s_own_is_no_code_of_ours(stage: Stage) -> None:
    booked = stage.tell(BREAKS)
    assert {row.error for row in booked.values()} == {"PEER_FAILED"}
    assert stage.honestly(*(row.case for row in booked.values())) == {"YES"}


ODD = {
    "a band that is none": wordy(outcome=4, value=MOST),
    "a count beyond counting": wordy(outcome=5, value=MOST),
    "a word that is none": wordy(outcome=6, value=MOST),
    "days that are none": wordy(as_of=99_999_999, period_from=MOST, enrolled_to=MOST),
    "a version that is none": wordy(scope=3, policy_version=MOST, use_no=MOST),
    "a refusal without a reason": wordy(outcome=9),
    "a reason without a refusal": wordy(outcome=1, refusal=9),
}


def test_a_signed_oddity_is_shown_as_it_is_and_breaks_nothing(stage: Stage) -> None:
    booked = stage.tell({name: saying(said) for name, said in ODD.items()})
    assert {(row.state, row.error) for row in booked.values()} == {("ANSWERED", "")}
    for row in booked.values():
        with stage.town.desk() as desk:
            shown = desk.show(row.case)
        report.to_json(shown)
        for lang in ("zh", "en"):
            assert screen.plain(screen.report(shown, stage.town.around, lang))
