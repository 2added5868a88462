"""A town whose departments keep logs with witnesses, and whose papers a root has signed.

What the centre makes of it can be handed to the auditor's verifier as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from auditor import bundles
from auditor.bundles import Verdict
from coordinator.asking.record import Record
from coordinator.asking.sum_record import SumRecord
from coordinator.desk import Books, Desk
from coordinator.evidence import Evidence
from coordinator.life_book import LifeBook
from coordinator.store import Store
from crypto.keys import SigningKey
from federation import ledger, root
from federation.clock import FixedClock
from federation.errors import HeduiError
from federation.ledger import Items, LedgerEntry
from federation.log.keeper import Keeper
from federation.manifest import Manifest, PartyRole
from federation.party import Party
from federation.policy import Policy
from federation.wire import codec, receipt_messages, signed
from federation.wire.proving import Prover
from tests.coordinator import town as towns
from tests.coordinator.town import NOW, POLICY, Departments, Town
from tests.federation.log.kept import WITNESSES, Owner, Witnesses, keeper
from tests.support import exchanges
from tests.support.books import MemoryBook


@dataclass
class Centre:
    """What of the coordinator's installation the evidence looks at."""

    id: str
    folder: Path
    data: Path
    manifest: Manifest
    policy: Policy
    key: SigningKey = field(repr=False)

    def party(self) -> Party:
        """Pass for a party."""
        return cast("Party", self)


class Logs(Departments):
    """Departments, each with a log of what it answered; ``absent`` say why they cannot be had."""

    def __init__(self, departments: Departments, manifest: Manifest, clock: FixedClock) -> None:
        super().__init__(departments.by_id)
        self.clock = clock
        self.books = {name: MemoryBook() for name in self.by_id}
        self.rows: dict[bytes, tuple[str, int]] = {}
        self.absent: dict[str, HeduiError] = {}
        self.asked: list[tuple[str, bytes]] = []
        self.kept_lists: dict[bytes, tuple[bytes, ...]] = {}
        self.keepers: dict[str, Keeper] = {}
        self.provers: dict[str, Prover] = {}
        for name, department in self.by_id.items():
            book, owner = self.books[name], Owner(id=name, manifest=manifest, key=department.key)
            self.keepers[name] = keeper(book, Witnesses(clock), owner=owner)
            self.provers[name] = Prover(lambda: manifest, book, self.rows.get, self.lists)

    def call(self, department: str, request: bytes) -> bytes:
        return self._logged(department, request, super().call(department, request))

    def put(self, party: str, method: str, request: bytes) -> bytes:
        return self._logged(party, request, super().put(party, method, request))

    def _logged(self, department: str, request: bytes, reply: bytes) -> bytes:
        asked, answered = codec.decode_batch(request), codec.decode_batch(reply)
        header = signed.claimed_header(asked)
        items = Items(request_leaves=(), answer_leaves=(), tokens=())
        entry = LedgerEntry(
            at=signed.claimed_header(answered).issued,
            kind=header.method.rpartition("/")[2].lower(),
            caller=header.sender,
            request=asked.envelope.payload,
            request_signature=asked.envelope.signatures[0].sig,
            answer=answered.envelope.payload,
            beside=ledger.digest(items.write()),
        )
        index = self.books[department].append(codec.encode_entry(entry), items.write())
        self.rows.setdefault(header.qid, (header.sender, index))
        return reply

    def lists(self, digest: bytes) -> tuple[bytes, ...]:
        return self.kept_lists.get(digest, ())

    def checkpoints(self) -> None:
        """Let ten seconds pass, and every log be cosigned."""
        self.clock.seconds += 10
        for one in self.keepers.values():
            one.cut()
            one.witness()

    def prove(self, department: str, request: bytes) -> bytes:
        self.asked.append((department, receipt_messages.decode_prove(request)))
        if department in self.absent:
            raise self.absent[department]
        return self.provers[department].prove("coordinator", request)


@dataclass
class Evidenced:
    """The town, its logs, and the folder of its centre."""

    town: Town
    logs: Logs
    centre: Centre

    @contextmanager
    def open(self) -> Iterator[tuple[Desk, Evidence]]:
        with self.town.desk() as desk, self.town.database() as database:
            books = Books(
                store=Store(database),
                life=LifeBook(database),
                record=Record(database),
                sums=SumRecord(database),
                gate=self.town.gate(database),
            )
            yield desk, Evidence(books, self.centre.party(), self.logs.prove, self.town.clock)

    def asked(self, *texts: str) -> list[str]:
        """Open cases, have them consented and asked about."""
        ids = self.town.ready(*texts)
        with self.town.desk() as desk:
            desk.run(ids)
        return ids

    def audited(self, data: bytes) -> Verdict:
        """Hand a bundle to an auditor who trusts the root and nothing else."""
        chain = root.read_chain((self.centre.folder / "root.json").read_bytes())
        return bundles.check(data, chain)


def build(folder: Path, town: Town | None = None, policy: str = POLICY) -> Evidenced:
    """Make the town, or let another keep logs."""
    town = town or towns.build(folder)
    witnesses = {name: exchanges.party(name, PartyRole.WITNESS) for name in WITNESSES}
    document = replace(
        town.around.manifest,
        federation="test",
        issued=NOW - 1_000,
        expires=NOW + 366 * 86_400,
        parties={
            name: replace(one, endpoint="127.0.0.1:0")
            for name, one in {**town.around.manifest.parties, **witnesses}.items()
        },
    )
    files = {
        "root.json": exchanges.root_file(exchanges.root_document()),
        "manifest.json": exchanges.manifest_file(document),
        "policy.json": exchanges.policy_file(policy),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    town.around = replace(town.around, manifest=document)
    logs = Logs(town.departments, document, town.clock)
    town.departments = logs
    centre = Centre(
        id="coordinator",
        folder=folder,
        data=folder,
        manifest=document,
        policy=town.around.policy,
        key=town.keys["coordinator"],
    )
    return Evidenced(town, logs, centre)
