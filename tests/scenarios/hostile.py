"""A node behind real sockets, and dishonest callers with keys of their own.

The twin signs as registrar whatever an attack needs. Sockets, TLS, gate, books and log are those of
the product; what the node has spent is read from its file with plain SQL.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Final, NamedTuple

from crypto import envelope
from crypto.keys import SigningKey, VerifyKey
from department_node.node import Node, RunningNode
from department_node.store import FILE
from federation.errors import HeduiError
from federation.exchange import (
    ASK,
    ASK_STREAM,
    PAYLOAD_TYPE,
    Answer,
    Header,
    Outcome,
    Question,
    outcome_text,
)
from federation.manifest import PartyEntry
from federation.party import Party
from federation.wire import codec, signed
from federation.wire.channel import Peers
from federation.wire.codec import SignedBatch
from hedui.demo.stage import free_ports
from tests.scenarios.played import query
from tests.support import twin as twins
from tests.support.twin import Twin

NODE: Final = "public_security"
CENTRE: Final = "coordinator"
STRANGER: Final = "stranger"
PATIENCE: Final = 20.0
LINES: Final = (100, 200, 300, 400, 500, 600)
"""Lines of the policy for the worth of a person's vehicles, fen a head."""
POLICY: Final = (
    twins.POLICY
    + "".join(
        f"""
[[parameter]]
id = "line-{line}"
kind = "rung"
per_head = {line}
comparator = "ge"
zh = "线"
en = "line"
source = "测试"
"""
        for line in LINES
    )
    + f"""
[[rule]]
predicate = "P41"
purposes = ["ENTRY", "REVIEW"]
parameters = {[f"line-{line}" for line in LINES]}
period = "month"
max_age_days = 3650
source = "测试"
zh = "测试"
en = "test"
"""
)
CATALOGUE: Final = (
    twins.CATALOGUE
    + """
[[answer]]
predicate = "P41"
purposes = ["ENTRY", "REVIEW"]
scope = "city"
sql = "SELECT fen FROM worth WHERE owner = :key"
"""
)
_SPENT: Final = "SELECT " + ", ".join(
    f"(SELECT count(*) FROM {table})" for table in ("log", "uses", "cell", "consent", "opened")
)


class Spent(NamedTuple):
    """How many rows of each kind a node has written."""

    log: int
    uses: int
    cells: int
    consents: int
    opened: int


@dataclass
class House:
    """A running node, and whoever calls it."""

    twin: Twin
    node: Node
    running: RunningNode
    peers: dict[str, Peers] = field(default_factory=dict)

    @property
    def entry(self) -> PartyEntry:
        return self.node.party.manifest.party(NODE)

    def party(self, sender: str) -> Party:
        return self.twin.coordinator if sender == CENTRE else twins.stranger(self.twin)

    def connection(self, sender: str = CENTRE) -> Peers:
        if sender not in self.peers:
            self.peers[sender] = Peers(self.party(sender).tls)
        return self.peers[sender]

    def send(self, request: bytes, sender: str = CENTRE, method: str = ASK) -> bytes:
        return self.connection(sender).call(self.entry, method, request, timeout=PATIENCE)

    def stream(self, requests: Iterable[bytes], sender: str = CENTRE) -> Iterator[bytes]:
        peers = self.connection(sender)
        return peers.stream(self.entry, ASK_STREAM, requests, timeout=PATIENCE)

    def heard(self, request: bytes, sender: str = CENTRE, method: str = ASK) -> list[str]:
        """Send a request; give a word an answer, or the one code of a refusal in transport."""
        try:
            if method == ASK_STREAM:
                (reply,) = self.stream([request], sender)
            else:
                reply = self.send(request, sender, method)
        except HeduiError as error:
            return [error.code]
        return words(request, reply, self.entry.keys)

    def spent(self) -> Spent:
        (row,) = query(self.node.party.data / FILE, _SPENT)
        return Spent(*row)

    def draft(self, questions: Iterable[Question], *tokens: bytes, sender: str = CENTRE) -> "Draft":
        return Draft(
            header=replace(self.twin.header(), sender=sender),
            items=tuple(codec.encode_question(question) for question in questions),
            presentations=tokens,
            key=self.party(sender).key,
        )

    def ask(
        self, *questions: Question, tokens: Iterable[bytes] = (), sender: str = CENTRE
    ) -> bytes:
        return self.draft(questions, *tokens, sender=sender).signed()

    def worth(self, fen: int, owner: str = twins.WITH_CAR) -> None:
        """Change a record behind the node's back, as its own department would."""
        with closing(sqlite3.connect(self.node.catalogue.source)) as c, c:
            c.execute("REPLACE INTO worth VALUES (?, ?)", (owner, fen))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A request that is sound until an attack changes it."""

    header: Header
    items: tuple[bytes, ...]
    key: SigningKey
    presentations: tuple[bytes, ...] = ()

    def batch(self, **changes: object) -> SignedBatch:
        header = replace(self.header, **changes)  # type: ignore[arg-type]
        prepared = signed.prepare(header, self.items)
        return signed.sign(prepared, self.key, self.presentations)

    def signed(self, **changes: object) -> bytes:
        """Sign it, with other words in its header if any are given."""
        return codec.encode_batch(self.batch(**changes))

    def changed(self, change: Callable[[SignedBatch], SignedBatch]) -> bytes:
        """Change it after it was signed."""
        return codec.encode_batch(change(self.batch()))

    def payload(self, change: Callable[[bytes], bytes], kind: str = PAYLOAD_TYPE) -> bytes:
        """Sign a header that was changed as bytes."""
        batch = self.batch()
        made = envelope.sign(change(batch.envelope.payload), kind, self.key)
        return codec.encode_batch(replace(batch, envelope=made))


class Feed:
    """A stream that is fed by hand: one request, one reply."""

    def __init__(self, house: House, sender: str = CENTRE) -> None:
        self._house = house
        self._given: SimpleQueue[bytes | None] = SimpleQueue()
        self._replies = house.stream(iter(self._given.get, None), sender)

    def put(self, request: bytes) -> list[str]:
        """Give the words of the answer."""
        self._given.put(request)
        return words(request, next(self._replies), self._house.entry.keys)

    def ends(self, request: bytes) -> str:
        """Send what ends the stream, and give its code."""
        self._given.put(request)
        try:
            next(self._replies)
        except HeduiError as error:
            return error.code
        finally:
            self._given.put(None)
        return "ANSWERED"

    def close(self) -> None:
        """End it; nothing more comes."""
        self._given.put(None)
        assert list(self._replies) == []


def words(request: bytes, reply: bytes, keys: Mapping[str, VerifyKey]) -> list[str]:
    """Verify an answer and write it as a word an item: its outcome, or why it was refused."""
    asked, answer = codec.decode_batch(request), codec.decode_batch(reply)
    opened = signed.verify(answer, signed.claimed_header(answer), keys)
    assert opened.header.request_hash == hashlib.sha256(asked.envelope.payload).digest()
    assert len(opened.items) == len(asked.items)
    return [word(codec.decode_answer(item)) for item in opened.items]


def word(answer: Answer) -> str:
    if answer.outcome is Outcome.REFUSED:
        return answer.refusal.name
    return outcome_text(answer)


def shown(token: bytes, predicate: str = "P40", parameter: str = "") -> Question:
    """Ask under a token that is presented."""
    digest = hashlib.sha256(token).digest()
    return Question(
        predicate=predicate, parameter=parameter, presentation=digest, case_ref=bytes(32)
    )


def named(jti: bytes, predicate: str = "P40", parameter: str = "") -> Question:
    """Ask under a token by its id."""
    return Question(predicate=predicate, parameter=parameter, jti=jti, case_ref=bytes(32))


def make(folder: Path, refresh: float = 0.2, **ports: int) -> Twin:
    """Found the federation with a node that knows vehicles and what they are worth.

    ``refresh`` is how often it fetches its status lists, in seconds.
    """
    twin = twins.make(
        folder,
        ports={NODE: free_ports(1)[0], **ports},
        policy=POLICY,
        catalogue=CATALOGUE,
    )
    settings = folder / NODE / "party.toml"
    text = settings.read_text("utf-8").replace(twins.SETTINGS, "")
    text += f"[node]\nstatus_refresh = {refresh}\none_core = false\n"
    settings.write_text(text, "utf-8")
    with closing(sqlite3.connect(folder / NODE / "records.sqlite")) as c, c:
        c.execute("CREATE TABLE worth (owner TEXT PRIMARY KEY, fen INTEGER)")
    return twin


@contextmanager
def running(folder: Path) -> Iterator[House]:
    """Found the federation and run its node."""
    twin = make(folder)
    with twins.open_node(twin) as node, serving(twin, node) as house:
        yield house


@contextmanager
def serving(twin: Twin, node: Node) -> Iterator[House]:
    """Run an opened node."""
    serves = RunningNode(node)
    serves.start()
    house = House(twin, node, serves)
    try:
        yield house
    finally:
        for peers in house.peers.values():
            peers.close()
        serves.stop()
