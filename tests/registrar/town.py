"""A small federation in a folder, with a real registrar behind mutual TLS in this process.

Two departments share people, so that what they are told can be compared; a second coordinator and
a department with no right to ask try what they must not.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from crypto import labels, oprf
from crypto.keys import SealCost
from federation import consent, exchange, founding, keyfile, limits
from federation import party as installation
from federation.clock import FixedClock, SystemClock, epoch_of
from federation.consent import Consent
from federation.consenting import (
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
from federation.manifest import PartyRole
from federation.party import Party
from federation.wire import codec, signed
from federation.wire.channel import Peers
from federation.wire.registrar_client import RegistrarClient
from registrar import server
from registrar.server import RegistrarServer

NOW = 1_795_000_000  # 2026-11-18T14:26:40Z
FAR = 1_830_297_599  # 2027-12-31T23:59:59Z
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
""" + "".join(
    f"""
[[rule]]
predicate = "{predicate}"
purposes = ["ENTRY", "REVIEW"]
parameters = {parameters}
period = "month"
max_age_days = 3650
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


@dataclass
class Town:
    """The federation's folder, its parties, and the running registrar."""

    folder: Path
    clock: FixedClock
    parties: dict[str, Party]
    peers: dict[str, Peers]
    running: RegistrarServer
    _evaluators: dict[str, oprf.Evaluator] = field(default_factory=dict)

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

    def psn(self, department: str, data: bytes) -> bytes:
        return oprf.psn(self.evaluator(department).evaluate_known(data))

    def id_psn(self, department: str, person: str) -> bytes:
        return self.psn(department, labels.id_input(person))

    def evaluator(self, department: str) -> oprf.Evaluator:
        if department not in self._evaluators:
            epoch = epoch_of(NOW)
            seed = keyfile.load(
                self.registrar.folder / f"pseudonym-{epoch}.key",
                installation.passphrase(self.registrar.folder),
                purpose=f"{founding.PSEUDONYM_SEED}/{epoch}",
            )
            info = labels.voprf_info(department, epoch)
            self._evaluators[department] = oprf.Evaluator.from_seed(seed, info)
        return self._evaluators[department]

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


def found(folder: Path, at: int = NOW) -> None:
    """Found the town's federation."""
    endpoint = f"127.0.0.1:{free_port()}"

    def plan(name: str, role: PartyRole, kind: str = "") -> PartyPlan:
        return PartyPlan(id=name, role=role, kind=kind, zh=name, en=name, endpoint=endpoint)

    parties = [plan("registrar", PartyRole.REGISTRAR)]
    parties += [plan(name, PartyRole.COORDINATOR) for name in COORDINATORS]
    parties += [plan(name, PartyRole.NODE, kind) for name, kind in NODES.items()]
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
def running(folder: Path) -> Iterator[Town]:
    """Found the town, run its registrar, and stop everything afterwards."""
    found(folder)
    roles = {"registrar": PartyRole.REGISTRAR}
    roles |= dict.fromkeys(COORDINATORS, PartyRole.COORDINATOR)
    roles |= dict.fromkeys(NODES, PartyRole.NODE)
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
    "evaluate": exchange.EVALUATE,
}
