"""A small federation in a folder, with the registrar's part played in memory.

An attack is a one-line edit of what the twin signs. Keys, tokens, envelopes and status lists are
real; only the registrar's sockets and consent records are left out.
"""

import os
import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path

from crypto import labels, oprf
from crypto.keys import SealCost, SigningKey
from department_node.node import Node
from federation import clock, consent, exchange, founding, keyfile, limits, status
from federation import party as parties
from federation.clock import FixedClock
from federation.consent import Claims, Grant
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.exchange import Header, Purpose, Question
from federation.founding import PSEUDONYM_SEED, FederationPlan, PartyPlan
from federation.manifest import PartyRole
from federation.party import Party
from federation.status import Status
from federation.wire import codec, signed

NOW = 1_795_000_000  # 2026-11-18T14:26:40Z
POLICY = """
family = "test"
version = 1
issued = 2026-01-01
expires = 2027-12-31
title = { zh = "测试", en = "Test" }
[[parameter]]
id = "wage-12s"
kind = "rung"
per_head = 1000
comparator = "le"
zh = "一"
en = "one"
source = "测试"
[[parameter]]
id = "w12m"
kind = "window"
months = 12
zh = "近12个月"
en = "last 12 months"
source = "测试"
[[rule]]
predicate = "P40"
purposes = ["ENTRY", "REVIEW"]
parameters = []
period = "month"
max_age_days = 3650
source = "测试"
zh = "测试"
en = "test"
[[rule]]
predicate = "P42"
purposes = ["ENTRY"]
parameters = ["w12m"]
period = "month"
max_age_days = 3650
source = "测试"
zh = "测试"
en = "test"
[[rule]]
predicate = "P06"
purposes = ["ENTRY"]
parameters = []
period = "month"
max_age_days = 3650
source = "测试"
zh = "测试"
en = "test"
[[rule]]
predicate = "P21"
purposes = ["ENTRY"]
parameters = ["wage-12s"]
period = "12m"
max_age_days = 3650
source = "测试"
zh = "测试"
en = "test"
"""
CATALOGUE = """
department = "public_security"
version = 1
[source]
kind = "sqlite"
path = "records.sqlite"
[roll]
sql = "SELECT id, name, id AS key FROM person"
[as_of]
sql = "SELECT '2026-11-17'"
[[answer]]
predicate = "P40"
purposes = ["ENTRY", "REVIEW"]
scope = "city"
sql = "SELECT count(*) FROM vehicle WHERE owner = :key"
[[answer]]
predicate = "P42"
purposes = ["ENTRY"]
scope = "city"
sql = "SELECT max(bought) FROM vehicle WHERE owner = :key"
[[answer]]
predicate = "P06"
purposes = ["ENTRY"]
scope = "city"
sql = ""
"""
WITH_CAR = "79030119700312011X"
WITHOUT_CAR = "79030219680504013X"
PEOPLE = [(WITH_CAR, "王甲"), (WITHOUT_CAR, "李乙")]
SETTINGS = "[node]\nstatus_refresh = 0.2\n"


@dataclass
class Twin:
    """The federation's folder, and the registrar's and coordinator's keys."""

    folder: Path
    clock: FixedClock
    coordinator: Party
    registrar: Party
    states: dict[int, Status] = field(default_factory=dict)
    _index: int = 0

    def evaluator(self, department: str) -> oprf.Evaluator:
        epoch = clock.epoch_of(self.clock.now())
        seed = keyfile.load(
            self.registrar.folder / f"pseudonym-{epoch}.key",
            parties.passphrase(self.registrar.folder),
            purpose=f"{PSEUDONYM_SEED}/{epoch}",
        )
        return oprf.Evaluator.from_seed(seed, labels.voprf_info(department, epoch))

    def evaluate(self, batch: BlindBatch) -> BlindEvaluation:
        result = self.evaluator("public_security").evaluate_batch(batch.elements)
        return BlindEvaluation(elements=result.elements, proof=result.proof)

    def psn(self, department: str, person: str) -> bytes:
        return oprf.psn(self.evaluator(department).evaluate_known(labels.id_input(person)))

    def name_psn(self, department: str, person: str, name: str) -> bytes:
        output = self.evaluator(department).evaluate_known(labels.name_input(person, name))
        return oprf.psn(output)

    def status_list(self, department: str) -> bytes:
        uri = status.uri_of("registrar", department)
        return status.issue(uri, status.pack(self.states), self.clock.now(), self.registrar.key)

    def status_lists(self, department: str) -> dict[int, bytes]:
        return {0: self.status_list(department)}

    def claims(self, department: str, person: str) -> Claims:
        now = self.clock.now()
        self._index += 1
        jti, sub = os.urandom(16), self.psn(department, person)
        return Claims(
            issuer="registrar",
            audience=department,
            sub=sub,
            issued=clock.day_start(now),
            not_before=clock.day_start(now),
            expires=clock.month_end(now),
            jti=jti,
            holder=self.coordinator.key.verify_key.raw,
            status_index=self._index,
            status_uri=status.uri_of("registrar", department),
            purpose=Purpose.ENTRY,
            basis="CONSENT",
            policy_family="test",
            policy_version=1,
            uses_a_month=1000,
            data_life_days=0,
            role="APPLICANT",
            household_salt=bytes(16),
            household_commitment=consent.household_commitment(bytes(16), [sub]),
            members=1,
            evidence=bytes(32),
            chain=jti,
        )

    def token(self, claims: Claims, *grants: Grant) -> bytes:
        salted = {os.urandom(16): grant for grant in grants}
        return consent.issue(claims, salted, self.registrar.key)

    def header(self, department: str = "public_security") -> Header:
        now = self.clock.now()
        return Header(
            method=exchange.ASK,
            sender="coordinator",
            audience=department,
            qid=os.urandom(16),
            issued=now,
            expires=now + limits.REQUEST_LIFE,
            n=0,
            root=signed.UNSET_ROOT,
            purpose=Purpose.ENTRY,
            policy_version=1,
        )

    def request(
        self,
        header: Header,
        questions: list[Question],
        *presentations: bytes,
        key: SigningKey | None = None,
    ) -> bytes:
        items = [codec.encode_question(q) for q in questions]
        batch = signed.sign(
            signed.prepare(header, items), key or self.coordinator.key, tuple(presentations)
        )
        return codec.encode_batch(batch)


def alone(claims: Claims, **changes: object) -> Claims:
    """Change claims, and let them be of a household of one."""
    claims = replace(claims, **changes)  # type: ignore[arg-type]
    commitment = consent.household_commitment(claims.household_salt, [claims.sub])
    return replace(claims, household_commitment=commitment)


def grant(predicate: str, parameter: str = "", form: str = "boolean", **more: object) -> Grant:
    """Make a grant with two uses."""
    plain = Grant(predicate=predicate, parameter=parameter, form=form, max_uses=2)
    return replace(plain, **more)  # type: ignore[arg-type]


def make(
    folder: Path,
    *,
    ports: dict[str, int] | None = None,
    kind: str = "public_security",
    policy: str = "",
    catalogue: str = "",
) -> Twin:
    """Found the small federation and give public_security its records and catalogue."""
    ports = ports or {}

    def plan(name: str, role: PartyRole, settings: str = "") -> PartyPlan:
        return PartyPlan(
            id=name,
            role=role,
            kind=kind if role is PartyRole.NODE else "",
            zh=name,
            en=name,
            endpoint=f"127.0.0.1:{ports.get(name, 0)}",
            settings=settings,
        )

    founding.found(
        folder,
        FederationPlan(
            federation="test",
            parties=[
                plan("registrar", PartyRole.REGISTRAR),
                plan("coordinator", PartyRole.COORDINATOR),
                plan("stranger", PartyRole.COORDINATOR),
                plan("public_security", PartyRole.NODE, SETTINGS),
            ],
            policy=(policy or POLICY).encode(),
            now=NOW,
            demonstration=True,
            cost=SealCost.MINIMAL,
        ),
    )
    node = folder / "public_security"
    (node / "catalogue.toml").write_text(catalogue or CATALOGUE, "utf-8")
    write_records(node / "records.sqlite", PEOPLE)
    return Twin(
        folder=folder,
        clock=FixedClock(NOW),
        coordinator=parties.load(folder / "coordinator", PartyRole.COORDINATOR, NOW),
        registrar=parties.load(folder / "registrar", PartyRole.REGISTRAR, NOW),
    )


def write_records(path: Path, people: list[tuple[str, str]]) -> None:
    """Write a register of people and vehicles."""
    with sqlite3.connect(path) as c:
        c.execute("CREATE TABLE person (id TEXT, name TEXT)")
        c.execute("CREATE TABLE vehicle (owner TEXT, bought TEXT)")
        c.execute("CREATE INDEX owner ON vehicle (owner)")
        c.execute("CREATE INDEX id ON person (id)")
        c.executemany("INSERT INTO person VALUES (?, ?)", people)
        c.execute("INSERT INTO vehicle VALUES (?, '2026-05-01')", (people[0][0],))
    c.close()


def open_node(twin: Twin) -> Node:
    """Open the node with the twin in the registrar's place, and enrol its roll."""
    node = Node(twin.folder / "public_security", twin.clock)
    node.status._fetch = twin.status_lists
    node.registrar = twin  # type: ignore[assignment]
    node.status.refresh()
    node.enrolment().run()
    node.finish_enrolment()
    return node


def stranger(twin: Twin) -> Party:
    """Open the other coordinator of the federation."""
    return parties.load(twin.folder / "stranger", PartyRole.COORDINATOR, NOW)
