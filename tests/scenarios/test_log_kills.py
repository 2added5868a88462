"""A department is killed without warning while others ask it: whatever it has told is in its log.

The node is a process of its own, with its log's keeper, and asked over real sockets; registrar and
witnesses are served from here. The seed says when it is killed; what it does then is up to the
machine, and every moment must do.
"""

import random
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final, cast

import pytest

from auditor import logs, papers, witness_server
from crypto.keys import SealCost
from department_node import node_log
from department_node.node import Node
from department_node.node_log import RULES
from federation import founding, limits, root
from federation import party as parties
from federation.clock import FixedClock, SystemClock, business_date
from federation.errors import HeduiError
from federation.exchange import ASK, Outcome, Question
from federation.founding import FederationPlan, PartyPlan
from federation.log import checking, events, reader
from federation.log.sqlite import SqliteBook
from federation.manifest import PartyRole
from federation.party import Party
from federation.wire import codec
from federation.wire.channel import Peers
from hedui.demo.processes import command
from hedui.demo.stage import free_ports
from registrar import server as registrar_server
from tests.support import twin as twins
from tests.support.twin import PEOPLE, Twin, grant

NODE: Final = "public_security"
CENTRE: Final = "coordinator"
WITNESSES: Final = ("witness_a", "witness_b", "witness_c")
SEED: Final = 11
CLIENTS: Final = 6
REPEATED: Final = 0.05
"""So often is a question sent once more that was answered."""
EARLY: Final = 0.2
"""So often is a process killed before it serves."""
SERVING: Final = 0.7
"""Longest time that a process serves before it is killed, seconds."""
STARTING: Final = 1.5
"""About how long it takes to start, seconds."""
_PATIENCE: Final = 60.0
_QUESTIONS: Final = (("P40", "", "boolean"), ("P06", "", "boolean"), ("P42", "w12m", "window"))


@dataclass
class Asked:
    """What clients have heard, by query id: request and answer as they travelled."""

    told: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def hear(self, request: bytes, reply: bytes) -> None:
        qid = codec.decode_header(codec.envelope_of(request).payload).qid
        with self.lock:
            if self.told.setdefault(qid, (request, reply)) != (request, reply):
                self.wrong.append(f"{qid.hex()} was answered twice, and differently")


class Client(Thread):
    """Asks one question after the other; what was not answered is asked again."""

    def __init__(self, town: "Town", seed: int) -> None:
        super().__init__(name=f"client {seed}", daemon=True)
        self._town = town
        self._random = random.Random(seed)
        self._tokens: list[bytes] = []
        self._left = 0

    def run(self) -> None:
        party = self._town.twin.coordinator
        node = party.manifest.party(NODE)
        request = self._request()
        while not self._town.over.is_set():
            with closing(Peers(party.tls)) as peers, suppress(HeduiError):
                while not self._town.over.is_set():
                    reply = peers.call(node, ASK, request, timeout=5)
                    self._town.asked.hear(request, reply)
                    if self._random.random() > REPEATED:
                        request = self._request()
            time.sleep(0.02)  # it is not there, or gone: a new connection is tried at once

    def _request(self) -> bytes:
        """Ask under the same tokens over many kills, but never as often as they allow."""
        if not self._left:
            self._left = limits.GRANT_USES // 2
            self._tokens = [self._town.token(person) for person, _ in PEOPLE]
        self._left -= 1
        return self._town.request(self._random, self._tokens)


@dataclass
class Town:
    """The federation's folder, its clients, and what of the log has been looked at."""

    folder: Path
    twin: Twin
    asked: Asked = field(default_factory=Asked)
    over: Event = field(default_factory=Event)
    leaves: list[bytes] = field(default_factory=list)
    answers: Counter[bytes] = field(default_factory=Counter)
    checked: int = 0

    def token(self, person: str) -> bytes:
        claims = replace(self.twin.claims(NODE, person), uses_a_month=limits.GRANT_USES)
        grants = [
            grant(p, q, f, max_uses=limits.GRANT_USES) for p, q, f in _QUESTIONS if p != "P06"
        ]
        args = (self.twin.name_psn(NODE, person, dict(PEOPLE)[person]),)
        named = grant("P06", max_uses=limits.GRANT_USES, args=args)
        return self.twin.token(claims, named, *grants)

    def request(self, chance: random.Random, tokens: list[bytes]) -> bytes:
        """Sign a fresh request of one to three questions."""
        token = chance.choice(tokens)
        asked = chance.sample(_QUESTIONS, chance.randint(1, 3))
        questions = [
            Question(
                predicate=predicate,
                parameter=parameter,
                presentation=sha256(token).digest(),
                case_ref=bytes(32),
            )
            for predicate, parameter, _ in asked
        ]
        return self.twin.request(self.twin.header(NODE), questions, token)

    def look(self) -> None:
        """Hold the log of a node that is not running to itself, and to what clients have heard."""
        with node_log.look(self.folder / NODE / "data") as book:
            self._hold(book)
        with self.asked.lock:
            told = dict(self.asked.told)
        lost = [qid for qid, (_, reply) in told.items() if self.answers[_payload(reply)] != 1]
        assert lost == []
        assert self.asked.wrong == []

    def _hold(self, book: SqliteBook) -> None:
        """Every row that was there is there still; tree, rows and checkpoint say the same."""
        checking.check_edge(book)
        before, size = len(self.leaves), book.size()
        assert size >= before
        assert book.leaves(0, before) == self.leaves
        for row in book.rows(before, size):
            assert row.sound
            assert row.record is not None
            if not events.is_event(row.record):
                entry = codec.decode_entry(row.record)
                assert sha256(row.beside or b"").digest() == entry.beside
                self.answers[entry.answer] += 1
        self.leaves += book.leaves(before, size)
        kept = book.newest()
        covered = kept.size if kept else 0
        checking.check_rows(book, self.checked, max(covered - self.checked, 1), RULES)
        self.checked = covered


def _payload(reply: bytes) -> bytes:
    return codec.envelope_of(reply).payload


class Process:
    """The department's program; it says on its output when it serves."""

    def __init__(self, folder: Path) -> None:
        words = command("node", "serve", "--folder", str(folder / NODE), "--json")
        self._log = (folder.parent / "node.log").open("ab")
        self._process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=self._log, stdin=subprocess.DEVNULL
        )

    def serves(self) -> bool:
        """Wait until it serves; False where it has ended before."""
        output = self._process.stdout
        assert output
        return any(b'"port"' in line for line in output)

    def end(self, how: signal.Signals) -> int:
        """End it, and wait until it has; give its exit code."""
        self._process.send_signal(how)
        if self._process.stdout:
            self._process.stdout.close()
        code = self._process.wait(_PATIENCE)
        self._log.close()
        return code


def found(folder: Path, now: int) -> None:
    """Found the federation, with a department that cuts checkpoints all the time."""
    roles = {
        "registrar": PartyRole.REGISTRAR,
        CENTRE: PartyRole.COORDINATOR,
        NODE: PartyRole.NODE,
        **dict.fromkeys(WITNESSES, PartyRole.WITNESS),
    }
    settings = "[node]\nstatus_refresh = 0.2\ncheckpoint_seconds = 0.1\none_core = false\n"
    plans = [
        PartyPlan(
            id=name,
            role=role,
            kind=name if name == NODE else "",
            zh=name,
            en=name,
            endpoint=f"127.0.0.1:{port}",
            settings=settings if name == NODE else "",
        )
        for (name, role), port in zip(roles.items(), free_ports(len(roles)), strict=True)
    ]
    year = business_date(now).year
    policy = twins.POLICY.replace("2026-01-01", f"{year}-01-01")
    policy = policy.replace("2027-12-31", f"{year + 1}-12-31")
    founding.found(
        folder,
        FederationPlan(
            federation="test",
            parties=plans,
            policy=policy.encode(),
            now=now,
            demonstration=True,
            cost=SealCost.MINIMAL,
        ),
    )
    (folder / NODE / "catalogue.toml").write_text(twins.CATALOGUE, "utf-8")
    twins.write_records(folder / NODE / "records.sqlite", PEOPLE)


@contextmanager
def running(home: Path) -> Iterator[Town]:
    """Serve registrar and witnesses, enrol the department, and let clients ask it."""
    clock, folder = SystemClock(), home / "federation"
    now = clock.now()
    found(folder, now)

    def load(name: str) -> Party:
        return parties.load(folder / name, None, now)

    with ExitStack() as stack:
        registrar = registrar_server.build(load("registrar"), clock)
        witnesses = [witness_server.build(load(name), clock) for name in WITNESSES]
        registrar.start()
        stack.callback(registrar.stop)
        for witness in witnesses:
            witness.start()
            stack.callback(witness.stop)
        with Node(folder / NODE) as node:
            node.enrolment().run()
            node.finish_enrolment()
        twin = Twin(
            folder=folder,
            clock=cast("FixedClock", clock),
            coordinator=load(CENTRE),
            registrar=load("registrar"),
        )
        town = Town(folder=folder, twin=twin)
        clients = [Client(town, seed) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield town
        finally:
            town.over.set()
            for client in clients:
                client.join()


def kill_at(town: Town, chance: random.Random) -> None:
    """Start the department, and kill it a moment after it serves, or before."""
    process = Process(town.folder)
    early = chance.random() < EARLY
    if not early:
        assert process.serves()
    time.sleep(chance.random() * (STARTING if early else SERVING))
    assert process.end(signal.SIGKILL) == -signal.SIGKILL
    town.look()


def settle(town: Town) -> None:
    """Let the department run once more and stop in good order: then all of its log is witnessed."""
    process = Process(town.folder)
    assert process.serves()
    time.sleep(SERVING)
    town.over.set()
    time.sleep(SERVING)
    assert process.end(signal.SIGTERM) == 0
    town.look()


def audit(town: Town, place: Path) -> None:
    """Let an auditor verify the exported log, and count the uses of each token in it."""
    with node_log.look(town.folder / NODE / "data") as book:
        reader.export(book, place)
    signed = town.folder / "signed"
    documents = {name: (signed / name).read_bytes() for name in ("manifest.json", "policy.json")}
    known = papers.gather(root.read_chain((signed / "root.json").read_bytes()), documents)
    read = reader.folder_reader(place)
    head = logs.head(read, known)
    assert (head.party, head.tree.size) == (NODE, len(town.leaves))
    assert logs.verify(logs.Log(read, head)).erased == set()


def check_uses(town: Town) -> None:
    """No use was counted twice, and none that was told is missing from the count."""
    numbers: defaultdict[tuple[bytes, str], list[int]] = defaultdict(list)
    for request, reply in town.asked.told.values():
        asked, said = codec.decode_batch(request), codec.decode_batch(reply)
        for question, answer in zip(asked.items, said.items, strict=True):
            one = codec.decode_question(question.item)
            told = codec.decode_answer(answer.item)
            assert told.outcome in {Outcome.YES, Outcome.NO}
            numbers[one.presentation, one.predicate].append(told.use_no)
    assert len(numbers) >= CLIENTS * len(PEOPLE) * len(_QUESTIONS)
    for name, used in numbers.items():
        assert len(used) == len(set(used)), name


def kill(town: Town, moments: int, place: Path) -> None:
    """Kill the department at so many moments, and look at its log after each."""
    chance = random.Random(SEED)
    for _ in range(moments):
        kill_at(town, chance)
    settle(town)
    audit(town, place)
    check_uses(town)
    assert len(town.asked.told) > 10 * moments  # it was killed under load


@pytest.mark.timeout(600)
def test_killed_at_any_moment_a_department_has_logged_what_it_told(tmp_path: Path) -> None:
    with running(tmp_path) as town:
        kill(town, 10, tmp_path / "exported")


@pytest.mark.system
@pytest.mark.timeout(3_600)
def test_killed_at_two_hundred_moments(tmp_path: Path) -> None:
    with running(tmp_path) as town:
        kill(town, 200, tmp_path / "exported")
