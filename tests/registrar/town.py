"""A small federation in a folder, with a real registrar behind mutual TLS in this process.

Two departments share people, so that what they are told can be compared; a second coordinator and
a department with no right to ask try what they must not.
"""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from crypto import labels, oprf
from crypto.keys import SealCost
from federation import consent, exchange, founding, keyfile, limits, status
from federation import party as installation
from federation.clock import FixedClock, SystemClock, epoch_of
from federation.consent import Consent
from federation.consenting import (
    IN_FORCE_AID,
    ConsentForm,
    ConsentPerson,
    GrantRequest,
    IssuedTokens,
    Role,
    SignatureMethod,
)
from federation.exchange import Header, Purpose
from federation.founding import FederationPlan, PartyPlan
from federation.ids import check_digit
from federation.log import kinds
from federation.log.kinds import Event
from federation.log.sqlite import SqliteBook
from federation.manifest import PartyRole
from federation.party import Party
from federation.status import Status, StatusLists
from federation.wire import codec, signed
from federation.wire.channel import Peers
from federation.wire.registrar_client import RegistrarClient
from registrar import server
from registrar.server import RegistrarServer

NOW = 1_795_000_000  # 2026-11-18T14:26:40Z
FAR = 1_830_268_799  # 2027-12-31T23:59:59+08:00
POLICY = """
family = "test"
version = 3
issued = 2026-01-01
expires = 2027-12-31
title = { zh = "测试", en = "Test" }
[[parameter]]
id = "deposit-12s"
kind = "rung"
per_head = 996000
comparator = "le"
zh = "一"
en = "one"
source = "测试"
""" + "".join(
    f"""
[[rule]]
predicate = "{predicate}"
purposes = ["ENTRY", "REVIEW"]
parameters = {parameters}
period = "month"
max_age_days = 3650
source = "测试"
zh = "测试"
en = "test"
"""
    for predicate, parameters in [
        ("P02", "[]"),
        ("P04", "[]"),
        ("P06", "[]"),
        ("P08", "[]"),
        ("P40", "[]"),
        ("P50", '["deposit-12s"]'),
    ]
)
COORDINATORS = ["coordinator", "stranger"]
NODES = {"public_security": "public_security", "civil_affairs": "civil_affairs", "bank_a": "bank"}


def person_id(born: str, number: int) -> str:
    """Make the number of an invented person."""
    first = f"790301{born}{number:03}"
    return first + check_digit(first)


FATHER = person_id("19700312", 1)
MOTHER = person_id("19720504", 2)
CHILD = person_id("20100601", 3)
UNCLE = person_id("19680909", 5)


def someone(
    identity: str,
    name: str = "某人",
    role: Role = Role.MEMBER,
    *,
    method: SignatureMethod = SignatureMethod.SELF,
    signer: str = "",
    evidence: bytes | None = None,
) -> ConsentPerson:
    """Make a person who has signed a paper of its own, unless told otherwise."""
    return ConsentPerson(
        id=identity,
        name=name,
        role=role,
        method=method,
        signer_id=signer,
        evidence=os.urandom(32) if evidence is None else evidence,
    )


def couple() -> tuple[ConsentPerson, ...]:
    """Make two adults who have signed one paper, which stands nowhere else."""
    paper = os.urandom(32)
    return (
        someone(FATHER, "父甲", Role.APPLICANT, evidence=paper),
        someone(MOTHER, "母·乙", evidence=paper),
    )


def ask(person: int, department: str, predicate: str, parameter: str = "") -> GrantRequest:
    """Ask for two uses of one question."""
    return GrantRequest(
        person=person,
        department=department,
        predicate=predicate,
        parameter=parameter,
        max_uses=2,
    )


ASKS = (
    ask(0, "public_security", "P40"),
    ask(0, "public_security", "P02"),
    ask(1, "public_security", "P06"),
    ask(0, "bank_a", "P50", "deposit-12s"),
    ask(1, "bank_a", "P50", "deposit-12s"),
    ask(0, "civil_affairs", "P08"),
)


def a_form(
    persons: Sequence[ConsentPerson] | None = None,
    grants: Sequence[GrantRequest] = ASKS,
    *,
    members: int = 2,
    not_after: int = FAR,
    reference: bytes | None = None,
) -> ConsentForm:
    """Write a form that may be recorded, unless told otherwise."""
    return ConsentForm(
        reference=reference or os.urandom(16),
        purpose=Purpose.ENTRY,
        persons=tuple(persons or couple()),
        grants=tuple(grants),
        members=members,
        not_after=not_after,
    )


def a_renewal(form: ConsentForm, renews: str) -> ConsentForm:
    """Write the form that goes by another's signatures while aid is in force."""
    unsigned = tuple(
        ConsentPerson(id=person.id, name=person.name, role=person.role) for person in form.persons
    )
    return replace(
        form,
        reference=os.urandom(16),
        purpose=Purpose.REVIEW,
        persons=unsigned,
        basis=IN_FORCE_AID,
        renews=renews,
    )


@dataclass
class Town:
    """The federation's folder, its parties, and the running registrar."""

    folder: Path
    clock: FixedClock
    parties: dict[str, Party]
    peers: dict[str, Peers]
    running: RegistrarServer
    _evaluators: dict[tuple[str, int], oprf.Evaluator] = field(default_factory=dict)

    @property
    def registrar(self) -> Party:
        return self.parties["registrar"]

    def client(self, party: str = "coordinator") -> RegistrarClient:
        return RegistrarClient(self.parties[party], self.peers[party], self.clock)

    def call(self, party: str, method: str, request: bytes) -> bytes:
        entry = self.registrar.entry
        return self.peers[party].call(entry, method, request, timeout=10)

    def header(self, method: str, sender: str = "coordinator") -> Header:
        now = self.clock.now()
        return Header(
            method=method,
            sender=sender,
            audience="registrar",
            qid=os.urandom(16),
            issued=now,
            expires=now + limits.REQUEST_LIFE,
            n=0,
            root=signed.UNSET_ROOT,
        )

    def request(self, header: Header, items: Sequence[bytes], signer: str = "") -> bytes:
        key = self.parties[signer or header.sender].key
        return codec.encode_batch(signed.sign(signed.prepare(header, items), key))

    def issued(self, form: ConsentForm) -> IssuedTokens:
        (receipt,) = self.client().record([form])
        (issued,) = self.client().tokens([receipt.consent_no])
        return issued

    def read(self, token: bytes) -> Consent:
        return consent.read(token, self.registrar.entry.keys)

    def status(self, token: bytes) -> Status:
        """Look a token up in the list that its department fetches now."""
        claims = self.read(token).claims
        lists = self.client(claims.audience).status_lists(claims.audience)
        keys = self.registrar.entry.keys
        read = [
            status.read(jwt, uri=status.uri_of("registrar", claims.audience, series), issuers=keys)
            for series, jwt in lists.items()
        ]
        return StatusLists.of(*read).at(claims.status_uri).at(claims.status_index)

    def psn(self, department: str, data: bytes, epoch: int = epoch_of(NOW)) -> bytes:
        return oprf.psn(self.evaluator(department, epoch).evaluate_known(data))

    def id_psn(self, department: str, person: str, epoch: int = epoch_of(NOW)) -> bytes:
        return self.psn(department, labels.id_input(person), epoch)

    def evaluator(self, department: str, epoch: int) -> oprf.Evaluator:
        if (department, epoch) not in self._evaluators:
            seed = keyfile.load(
                self.registrar.folder / f"pseudonym-{epoch}.key",
                installation.passphrase(self.registrar.folder),
                purpose=f"{founding.PSEUDONYM_SEED}/{epoch}",
            )
            info = labels.voprf_info(department, epoch)
            self._evaluators[department, epoch] = oprf.Evaluator.from_seed(seed, info)
        return self._evaluators[department, epoch]

    def book(self) -> SqliteBook:
        return self.running._store.book()

    def events(self, since: int = 0) -> list[Event]:
        """Read what the registrar has logged from a row on."""
        book = self.book()
        rows = book.rows(since, book.size())
        return [kinds.read(row.record).event for row in rows if row.record]

    def restart(self) -> None:
        self.running.stop()
        self.running = server.build(self.registrar, self.clock)
        self.running.start()


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def now() -> int:
    """Tell the machine's time, for what runs in another process."""
    return SystemClock().now()


def found(folder: Path, at: int = NOW, nodes: Mapping[str, str] = NODES) -> None:
    """Found the town's federation; ``nodes`` are departments by id, with their kind."""
    endpoint = f"127.0.0.1:{free_port()}"

    def plan(name: str, role: PartyRole, kind: str = "") -> PartyPlan:
        return PartyPlan(id=name, role=role, kind=kind, zh=name, en=name, endpoint=endpoint)

    parties = [plan("registrar", PartyRole.REGISTRAR)]
    parties += [plan(name, PartyRole.COORDINATOR) for name in COORDINATORS]
    parties += [plan("auditor", PartyRole.AUDITOR)]
    parties += [plan(name, PartyRole.NODE, kind) for name, kind in nodes.items()]
    founding.found(
        folder,
        FederationPlan(
            federation="test",
            parties=parties,
            policy=POLICY.encode(),
            now=at,
            demonstration=True,
            cost=SealCost.MINIMAL,
        ),
    )


@contextmanager
def running(folder: Path, nodes: Mapping[str, str] = NODES) -> Iterator[Town]:
    """Found the town, run its registrar, and stop everything afterwards."""
    found(folder, NOW, nodes)
    roles = {"registrar": PartyRole.REGISTRAR, "auditor": PartyRole.AUDITOR}
    roles |= dict.fromkeys(COORDINATORS, PartyRole.COORDINATOR)
    roles |= dict.fromkeys(nodes, PartyRole.NODE)
    parties = {name: installation.load(folder / name, role, NOW) for name, role in roles.items()}
    peers = {name: Peers(party.tls) for name, party in parties.items()}
    clock = FixedClock(NOW)
    town = Town(folder, clock, parties, peers, server.build(parties["registrar"], clock))
    town.running.start()
    try:
        yield town
    finally:
        for one in peers.values():
            one.close()
        town.running.stop(0)


METHODS = {
    "record": exchange.RECORD_CONSENT,
    "issue": exchange.ISSUE_TOKENS,
    "revoke": exchange.REVOKE_CONSENT,
    "suspend": exchange.SUSPEND_CONSENT,
    "resume": exchange.RESUME_CONSENT,
    "household": exchange.CHANGE_HOUSEHOLD,
    "object": exchange.RECORD_OBJECTION,
    "evaluate": exchange.EVALUATE,
}
