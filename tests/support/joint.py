"""A department of a group of sums; the registrar's and the others' parts are played in memory.

Keys, tokens, envelopes, ciphertexts and status lists are real. Everybody on this roll is invented;
what the department has of them is known, so that every share is known beforehand.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from crypto import masks
from crypto.keys import SealCost
from crypto.paillier import PrivateKey
from department_node.contributing import Contributor
from department_node.masking import Masking
from department_node.node import Node, RunningNode
from federation import consent, exchange, founding, keyfile, summing
from federation import party as parties
from federation.clock import FixedClock
from federation.consent import Claims, Grant
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.exchange import Answer, Outcome, Question
from federation.founding import FederationPlan
from federation.group import Group
from federation.manifest import PartyRole
from federation.summing import SumGrant, SumOrder
from federation.wire import codec, signed, sum_messages
from federation.wire.channel import Peers
from federation.wire.sum_messages import Contribution
from hedui.demo.stage import free_ports
from tests.support import sums
from tests.support.sums import MONTH, NOW
from tests.support.twin import Twin

TAX: Final = "tax"
LOW, HIGH, RATIO, GAP = "income-12s", "income-18s", "ratio-60", "gap"
PREDICATES: Final = {LOW: "H1", HIGH: "H1", RATIO: "H4", GAP: "H5"}
POOR: Final = "79030119700312011X"
RICH: Final = "79030219680504013X"
BROKE: Final = "790301198001150010"
NOBODY: Final = "790302199302200158"
"""Whom the department does not know."""
WAGES: Final = {POOR: (311_111, 422_222), RICH: (977_777, 0), BROKE: (0, 0)}
"""What each has earned in two months of the year before the month of asking, fen."""
MONTHS: Final = ("202511", "202610", "202510", "202611")
"""First and last of the twelve full months before November, and the months around them."""
SETTINGS: Final = "[node]\nstatus_refresh = 0.2\none_core = false\nsum_pool = 2\n"
CATALOGUE: Final = """
department = "tax"
version = 1
[source]
kind = "sqlite"
path = "records.sqlite"
[roll]
sql = "SELECT id, NULL, id FROM person"
[as_of]
sql = "SELECT day FROM as_of"
[[component]]
id = "wage"
sql = '''
SELECT sum(fen) FROM pay WHERE id = :key AND month >= strftime('%Y%m', :from)
  AND month < strftime('%Y%m', :to)
'''
"""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One person's token in a household."""

    claims: Claims
    token: bytes = field(repr=False)

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.token).digest()


@dataclass
class Town(Twin):
    """The federation's folder, and the keys of all who take part in its sums."""

    @property
    def group(self) -> Group:
        """The group of an income."""
        return self.coordinator.manifest.groups["H1"]

    def evaluate(self, batch: BlindBatch) -> BlindEvaluation:
        """Evaluate the department's roll."""
        result = self.evaluator(TAX).evaluate_batch(batch.elements)
        return BlindEvaluation(elements=result.elements, proof=result.proof)

    def secret(self, party: str, file: str, purpose: str) -> bytes:
        """Open a party's sealed file."""
        folder = self.folder / party
        return keyfile.load(folder / file, parties.passphrase(folder), purpose=purpose)

    def opened(self, one: Contribution, group: Group | None = None) -> int:
        """Give what a share hides, by the keys of the tally and the other departments."""
        group = group or self.group
        key = PrivateKey.from_bytes(self.secret("tally", founding.PAILLIER_FILE, founding.PAILLIER))
        own, modulus = group.member(TAX).mask, key.public.n
        mine = [member.id for member in group.departments].index(TAX)
        pairwise = [
            (1 if mine < n else -1, masks.shared_key(self._mask(member.id), own))
            for n, member in enumerate(group.departments)
            if n != mine
        ]
        mask = masks.mask(pairwise, masks.shared_key(self._mask("tally"), own), one.run, modulus)
        found = (key.decrypt(key.public.read(one.ciphertext)) - mask) % modulus
        return found if found < modulus // 2 else found - modulus

    def _mask(self, party: str) -> bytes:
        return self.secret(party, founding.SUM_FILE, founding.SUM)

    def joint(self, predicate: str = "H1", **changed: Any) -> SumGrant:
        """Make the sum's part of a grant, all of it but the slot's number."""
        group = self.coordinator.manifest.groups[predicate]
        plain = SumGrant(
            ref=os.urandom(16),
            slot=0,
            slots=1,
            group=group.digest,
            ladder=summing.ladder_digest(self.coordinator.policy, predicate),
            first=MONTH,
            last=MONTH + 1,
        )
        return replace(plain, **changed)

    def household(
        self,
        *people: str,
        predicate: str = "H1",
        rungs: Sequence[str] = (LOW, HIGH),
        grant: dict[str, Any] | None = None,
        claims: dict[str, Any] | None = None,
        **joint: Any,
    ) -> list[Slot]:
        """Issue the tokens of a household for all rungs of a sum."""
        common = self.joint(predicate, slots=len(people), **joint)
        all_claims = [self.claims(TAX, one) for one in people]
        commitment = consent.household_commitment(bytes(16), [one.sub for one in all_claims])
        slots = []
        for number, one in enumerate(all_claims):
            whole = replace(one, household_commitment=commitment, members=len(people))
            whole = replace(whole, **(claims or {}))
            plain = Grant(
                predicate=predicate,
                parameter="",
                form="sum",
                max_uses=3,
                members=len(people),
                joint=replace(common, slot=number),
            )
            grants = [replace(plain, parameter=r, **(grant or {})) for r in rungs]
            slots.append(Slot(claims=whole, token=self.token(whole, *grants)))
        return slots

    def order(self, **changed: Any) -> bytes:
        """Write which run is meant."""
        return sum_messages.encode_order(replace(SumOrder(period=MONTH), **changed))

    def asked(
        self,
        slots: Sequence[Slot],
        rung: str = LOW,
        *,
        known: bool = False,
        items: Sequence[bytes] = (),
        header: dict[str, Any] | None = None,
        **order: Any,
    ) -> bytes:
        """Sign a request about a household; ``known`` names its tokens by their ids."""
        questions = [
            Question(
                predicate=PREDICATES.get(rung, "H1"),
                parameter=rung,
                presentation=b"" if known else one.digest,
                jti=one.claims.jti if known else b"",
                case_ref=bytes(32),
            )
            for one in slots
        ]
        made = [*map(codec.encode_question, questions), self.order(**order)]
        shown = () if known else tuple(dict.fromkeys(one.token for one in slots))
        plain = replace(self.header(TAX), **{"method": exchange.CONTRIBUTE, **(header or {})})
        prepared = signed.prepare(plain, list(items) or made)
        return codec.encode_batch(signed.sign(prepared, self.coordinator.key, shown))

    def read(self, request: bytes, reply: bytes) -> "Said":
        """Verify an answer, and hold it to its request."""
        sent = signed.claimed_header(codec.decode_batch(request))
        keys = self.coordinator.manifest.party(TAX).keys
        opened = signed.open_answer(codec.decode_batch(reply), sent, keys)
        *answers, last = opened.items
        share = sum_messages.decode_contribution(last) if last else None
        return Said([codec.decode_answer(one) for one in answers], share)


@dataclass(frozen=True)
class Said:
    """What came back: an answer a slot, and the share."""

    answers: list[Answer]
    share: Contribution | None

    @property
    def code(self) -> str:
        """Give what was said to all slots alike."""
        (one,) = {(a.outcome, a.refusal) for a in self.answers}
        contributed = one[0] is Outcome.CONTRIBUTED
        assert contributed is (self.share is not None)
        return one[1].name if one[1] else one[0].name


def found(folder: Path, *, policy: str = sums.POLICY, ports: dict[str, int] | None = None) -> Town:
    """Found the federation, and give the department its records and catalogue."""
    plans = [
        replace(
            one,
            endpoint=f"127.0.0.1:{(ports or {}).get(one.id, 0)}",
            settings=SETTINGS if one.role is PartyRole.NODE else "",
        )
        for one in sums.parties(stranger=PartyRole.COORDINATOR)
    ]
    founding.found(
        folder,
        FederationPlan(
            federation="test",
            parties=plans,
            policy=policy.encode(),
            now=NOW,
            demonstration=True,
            cost=SealCost.MINIMAL,
        ),
    )
    (folder / TAX / "catalogue.toml").write_text(CATALOGUE, "utf-8")
    write_records(folder / TAX / "records.sqlite")
    return reopened(folder)


def reopened(folder: Path) -> Town:
    """Take up a federation that was founded before."""
    return Town(
        folder=folder,
        clock=FixedClock(NOW),
        coordinator=parties.load(folder / "coordinator", PartyRole.COORDINATOR, NOW),
        registrar=parties.load(folder / "registrar", PartyRole.REGISTRAR, NOW),
    )


def write_records(path: Path) -> None:
    """Write what the department knows."""
    with closing(sqlite3.connect(path)) as c, c:
        c.execute("CREATE TABLE person (id TEXT PRIMARY KEY)")
        c.execute("CREATE TABLE pay (id TEXT, month TEXT, fen)")
        c.execute("CREATE INDEX pay_id ON pay (id)")
        c.execute("CREATE TABLE as_of (day TEXT)")
        c.execute("INSERT INTO as_of VALUES ('2026-11-17')")
        c.executemany("INSERT INTO person VALUES (?)", [(one,) for one in WAGES])
        rows = [
            (person, month, fen)
            for person, earned in WAGES.items()
            for month, fen in zip(MONTHS, (*earned, 7, 7), strict=True)
        ]
        c.executemany("INSERT INTO pay VALUES (?, ?, ?)", rows)


def records(town: Town, *statements: str) -> None:
    """Change what the department knows."""
    with closing(sqlite3.connect(town.folder / TAX / "records.sqlite")) as c, c:
        for sql in statements:
            c.execute(sql)


def open_node(town: Town) -> Node:
    """Open the node with the twin in the registrar's place, and enrol its roll."""
    node = Node(town.folder / TAX, town.clock)
    node.status._fetch = town.status_lists
    node.registrar = town  # type: ignore[assignment]
    node.status.refresh()
    node.enrolment().run()
    node.finish_enrolment()
    return node


def contributor(node: Node) -> Contributor:
    """Put a node's contributing together; nothing fills its pool."""
    masking = Masking(node.party, 2)
    masking.open()
    return node.contributor(masking, node.answerer())


def rows(town: Town, sql: str) -> list[Any]:
    """Query the node's database."""
    with closing(sqlite3.connect(town.folder / TAX / "data" / "node.sqlite")) as c:
        return c.execute(sql).fetchall()


@contextmanager
def running(folder: Path) -> Iterator[tuple[Town, Node, Peers]]:
    """Run the department behind real sockets, with the coordinator's connections beside."""
    (port,) = free_ports(1)
    town = found(folder, ports={TAX: port})
    with open_node(town) as node, closing(Peers(town.coordinator.tls)) as peers:
        serving = RunningNode(node)
        serving.start()
        try:
            yield town, node, peers
        finally:
            serving.stop()


def grants_of(town: Town, slot: Slot) -> Mapping[tuple[str, str], Grant]:
    """Read what a token grants."""
    return consent.read(slot.token, town.coordinator.manifest.registrar.keys).grants


def alone(claims: Claims) -> Claims:
    """Let a token be of a household of one."""
    commitment = consent.household_commitment(claims.household_salt, [claims.sub])
    return replace(claims, household_commitment=commitment, members=1)
