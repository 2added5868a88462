"""Erasing a person at a department that goes on answering, over real sockets.

Proofs of before hold afterwards, counts of before and after say what they should, and neither the
file nor an export of the log has anything left of the person.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.asking.questions import Ask, Covered
from coordinator.asking.transport import WireTransport
from coordinator.casework import cases
from coordinator.casework.consents import Fetched
from coordinator.casework.filed import ConsentStage, FiledConsent, Token
from coordinator.closing import Closing
from coordinator.database import open_database, url_of
from coordinator.store import Store
from crypto import checkpoint, merkle, note
from department_node.cli import app
from department_node.node import Node, RunningNode
from department_node.node_log import book
from federation import closing as counts
from federation import consent
from federation.clock import SystemClock, business_date
from federation.closing import ClosingCount
from federation.errors import HeduiError
from federation.exchange import ASK
from federation.log import proof, reader
from federation.log.rows import read as read_rows
from federation.wire import codec, count_messages, receipt_messages
from federation.wire.channel import Peers
from federation.wire.registrar_client import RegistrarClient
from hedui.demo.stage import free_ports
from tests.coordinator.town import APPLICANT, case_text
from tests.department_node import erasures
from tests.department_node.erasures import HERE, Office
from tests.support import twin as twins
from tests.support.twin import NOW, WITH_CAR, WITHOUT_CAR, Twin

PATIENCE = 20.0
PERSON, OTHER = WITH_CAR, WITHOUT_CAR


@dataclass
class Town:
    """A serving department and a centre that calls it."""

    twin: Twin
    node: Node
    office: Office
    peers: Peers
    sent: list[tuple[frozenset[str], bytes, bytes]] = field(default_factory=list)

    def call(self, method: str, request: bytes) -> bytes:
        entry = self.node.party.manifest.party(HERE)
        return self.peers.call(entry, method, request, timeout=PATIENCE)

    def ask(self, *who: str, line: int = 0) -> None:
        request = self.office.ask(*who, line=line)
        self.sent.append((frozenset(who), request, self.call(ASK, request)))

    def count(self, *who: str) -> list[ClosingCount]:
        tokens = [self.office.people[one].claims.jti for one in who]
        reply = self.call(count_messages.COUNT, count_messages.encode_request(tokens))
        manifest = self.twin.coordinator.manifest
        return [counts.read(one, manifest, HERE) for one in count_messages.decode_counted(reply)]

    def code(self, method: str, request: bytes) -> str:
        try:
            self.call(method, request)
        except HeduiError as error:
            return error.code
        return ""

    def command(self, *words: str) -> list[dict[str, object]]:
        folder = str(self.twin.folder / HERE)
        done = CliRunner().invoke(app, [*words, "-C", folder, "--json"])
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    def checkpointed(self) -> None:
        """Wait until a checkpoint covers every row."""
        log, end = book(self.node.store), time.monotonic() + PATIENCE
        while (kept := log.newest()) is None or kept.size < log.size():
            assert time.monotonic() < end
            time.sleep(0.05)


@contextmanager
def serving(twin: Twin) -> Iterator[Town]:
    with twins.open_node(twin) as node:
        running = RunningNode(node)
        running.start()
        peers = Peers(twin.coordinator.tls)
        try:
            yield Town(twin, node, erasures.open_office(twin, node), peers)
        finally:
            peers.close()
            running.stop()


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    twin = erasures.make(tmp_path / "f", ports={HERE: free_ports(1)[0]})
    settings = twin.folder / HERE / "party.toml"
    text = settings.read_text("utf-8").replace("[node]", "[node]\ncheckpoint_seconds = 0.2")
    settings.write_text(text, "utf-8")
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW)
    monkeypatch.setattr(RegistrarClient, "status_lists", lambda _, d: twin.status_lists(d))
    with serving(twin) as town:
        yield town


def test_a_person_is_erased_and_every_other_proof_still_holds(town: Town, tmp_path: Path) -> None:
    for n in range(6):
        town.ask(PERSON, line=100 * (n % 2))
        town.ask(OTHER)
        town.ask(OTHER, PERSON)
    before = town.count(PERSON, OTHER)
    assert [sum(one.used for one in count.uses) for count in before] == [12, 12]
    town.checkpointed()
    log = book(town.node.store)
    proofs = [proof.prove(log, n) for n in range(log.size())]
    rows = log.rows(0, log.size())

    town.office.end(PERSON)
    path = tmp_path / "order.json"
    path.write_bytes(town.office.order(PERSON))
    (told,) = town.command("erase", str(path))
    # six requests about the person alone, and the count of its token
    assert (told["tokens"], told["log_entries_erased"], told["exchanges_shared"]) == (1, 7, 6)
    town.checkpointed()

    for n, (data, row) in enumerate(zip(proofs, log.rows(0, len(rows)), strict=True)):
        assert row.leaf == rows[n].leaf
        assert row == rows[n] or row.erased
        proven = proof.parse(data)
        tree = checkpoint.parse(note.parse(proven.checkpoint).text)
        merkle.verify_inclusion(row.leaf, proven.index, tree.size, proven.hashes, tree.root)
    (checked,) = town.command("log", "check")
    assert checked["sound"]
    assert [one["kind"] for one in town.command("log", "show", "--last", "2")] == [
        "erasure.followed",
        "tombstone",
    ]
    for who, request, reply in town.sent:
        if PERSON in who:
            assert town.code(ASK, request) == "REPLAYED"
        else:
            assert town.call(ASK, request) == reply
    alone = next(request for who, request, _ in town.sent if who == {PERSON})
    qid = codec.decode_header(codec.decode_batch(alone).envelope.payload).qid
    wanted = receipt_messages.encode_prove(qid)
    assert town.code(receipt_messages.PROVE, wanted) == "EXCHANGE_ERASED"
    after = town.count(PERSON, OTHER)
    assert not after[0].known
    assert after[1].uses == before[1].uses


def test_nothing_of_the_person_is_left_in_the_files_or_an_export(
    town: Town, tmp_path: Path
) -> None:
    town.ask(PERSON)
    town.ask(OTHER, PERSON)
    town.count(PERSON)
    town.office.end(PERSON)
    answers = codec.decode_batch(town.sent[0][2]).items[0]
    shared = codec.decode_batch(town.sent[1][2]).items[1]
    secrets = [
        town.office.people[PERSON].token.split(b".")[1],
        codec.decode_batch(town.sent[0][1]).items[0].item,
        answers.salt,
        shared.salt,
    ]
    path = tmp_path / "order.json"
    path.write_bytes(town.office.order(PERSON))
    data = town.node.party.data
    assert all(any(one in f.read_bytes() for f in data.glob("node.sqlite*")) for one in secrets)
    town.command("erase", str(path))
    assert not any(one in f.read_bytes() for f in data.glob("node.sqlite*") for one in secrets)
    assert not (data / "erasures").exists() or not list((data / "erasures").iterdir())
    town.checkpointed()
    town.command("log", "export", str(tmp_path / "export"))
    read = reader.folder_reader(tmp_path / "export")
    size = checkpoint.parse(note.parse(read("checkpoint")).text).size
    bundle = read(f"tile/records/000.p/{size}")
    leaves = read(f"tile/0/000.p/{size}")
    rows = read_rows(bundle, [leaves[n : n + 32] for n in range(0, len(leaves), 32)])
    assert [n for n, row in enumerate(rows) if row.erased] == [0, 2]
    assert not any(one in bundle for one in secrets)
    with closing(sqlite3.connect(data / "node.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_centre_closes_a_case_and_keeps_what_the_department_counts(
    town: Town, tmp_path: Path
) -> None:
    """The numbers of uses in the answers, 1 … k, and the department's word that there were k."""
    for _ in range(3):
        town.ask(PERSON)
    told = [codec.decode_answer(codec.decode_batch(one[2]).items[0].item) for one in town.sent]
    assert [answer.use_no for answer in told] == [1, 2, 3]
    manifest = town.twin.coordinator.manifest
    with closing(open_database(url_of("", tmp_path))) as database:
        case_id = _case(Store(database), town.office.people[PERSON].token)
        transport = WireTransport(manifest, town.peers, PATIENCE)
        closes = Closing(database, manifest, transport.count, town.twin.clock)
        closed = closes.close(case_id)
        (kept,) = closes.counts(case_id)
    assert closed.silent == ()
    (count,) = closed.counts
    assert counts.read(kept, manifest, HERE) == count
    assert [(one.predicate, one.used) for one in count.uses] == [("P22", 3)]
    (row,) = book(town.node.store).rows(3, 4)
    assert row.beside == kept


def _case(store: Store, token: bytes) -> str:
    """Open a case that has one token."""
    case = cases.read(case_text().encode(), business_date(NOW)).case
    assert case.applicant.id == APPLICANT
    (case_id,) = store.add([(case, "")], NOW, 2026, bytes)
    consented = FiledConsent(
        case_id=case_id, reference=bytes(16), not_after=NOW, stage=ConsentStage.READY
    )
    asked = Ask(person=0, department=HERE, predicate="P22", parameter="")
    store.file_consents([consented], {case_id: Covered((asked,))})
    held = Token(
        case_id=case_id,
        place=0,
        department=HERE,
        jti=consent.visible(token).jti,
        token=token,
        expires=NOW,
        holder=bytes(32),
    )
    store.keep_tokens([consented], [Fetched((held,))], NOW)
    return case_id
