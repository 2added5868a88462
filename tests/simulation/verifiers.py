"""Whoever looks for lies in a world: witnesses, the self-checks of logs, receipts, the reconciling.

Knows how each is asked, through the parties' own doors. Does not know what was done.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from auditor import alarms, bundles, exported, reconcile, witnessed
from auditor import findings as auditing
from auditor.findings import Severity
from coordinator.desk import Desk
from coordinator.evidence import Evidence, Missing
from coordinator.findings import report
from department_node import node_log
from federation import root
from federation.errors import HeduiError, PeerFault
from federation.founding import DOCUMENTS
from federation.log import reader
from federation.log.book import Book
from federation.root import Chain
from federation.strictjson import dumps
from tests.simulation.threats import RECEIPTS, RECONCILE, SELF_CHECK, WITNESSES
from tests.simulation.world import CENTRE, LOGS, REGISTRAR, World
from tests.simulation.world import WITNESSES as WITNESS_IDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a verifier says of some parties."""

    by: str
    code: str
    parties: tuple[str, ...]
    evidence: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def qid(self) -> bytes:
        """The query that it is about, if it is about one."""
        return bytes.fromhex(self.evidence.get("qid", ""))


def every(world: World) -> list[Finding]:
    """Ask all of them."""
    return [*self_checks(world), *alarmed(world), *receipts(world), *reconciled(world)]


def self_checks(world: World) -> list[Finding]:
    """Name the parties whose own log is not what it was."""
    codes = {party: world.tend(party) for party in LOGS}
    return [
        Finding(by=SELF_CHECK, code=code, parties=(party,))
        for party, code in codes.items()
        if code == "LOG_ALTERED"
    ]


def alarmed(world: World) -> list[Finding]:
    """Read the witnesses' alarms."""
    return [
        Finding(
            by=WITNESSES,
            code=alarm.code.value,
            parties=(alarm.origin.rpartition("/")[2],),
            evidence={"witness": one},
        )
        for one in WITNESS_IDS
        for alarm in world.witness(one).store.alarms().values()
    ]


def receipts(world: World) -> list[Finding]:
    """Have the evidence of every case collected and sealed, and verify each bundle."""
    chain = root.read_chain((world.folder / "signed" / "root.json").read_bytes())
    found: list[Finding] = []
    try:
        with world.evidence() as (desk, evidence):
            for case_id in desk.case_ids():
                if any(one.answer for one in desk.told([case_id])[case_id]):
                    found += _of_case(case_id, desk, evidence, chain)
    except HeduiError as error:  # its own books are not what they were
        found.append(Finding(by=RECEIPTS, code=error.code, parties=(CENTRE,)))
    return found


def _of_case(case_id: str, desk: Desk, evidence: Evidence, chain: Chain) -> Iterator[Finding]:
    missing = evidence.collect(case_id)
    yield from (_missing(one) for one in missing if one.code not in _NOT_THERE)
    if not missing:
        data = evidence.seal(case_id, dumps(report.to_json(desk.show(case_id))))
        yield from map(_fault, bundles.check(data, chain).faults)


def _missing(one: Missing) -> Finding:
    return Finding(by=RECEIPTS, code=one.code, parties=(one.department,))


def _fault(fault: PeerFault) -> Finding:
    about = str(fault.details.get("about", ""))
    told = {name: str(value) for name, value in fault.details.items()}
    return Finding(by=RECEIPTS, code=fault.code, parties=(about.partition(" ")[0],), evidence=told)


_NOT_THERE: Final = {"LOG_ALTERED", "PROOF_NOT_READY", "PEER_UNREACHABLE", "WITNESSES_MISSING"}
"""Why a proof cannot be had of a department that was found out, or is away."""


def reconciled(world: World) -> list[Finding]:
    """Export all logs, and hold them to one another; doubts are left out."""
    return [
        Finding(by=RECONCILE, code=one.code, parties=one.parties, evidence=one.evidence)
        for one in comparison(world)
        if one.severity is Severity.BROKEN
    ]


def comparison(world: World) -> list[auditing.Finding]:
    """Export all logs as an auditor gets them, and what witnesses saw; compare all of it."""
    folder = world.folder.parent / "exported"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in DOCUMENTS:
        shutil.copy(world.folder / "signed" / name, folder / name)
    for party in LOGS:
        _export(world, party, folder / party)
    _hand_on(world, folder / exported.WITNESSED)
    got = exported.read(folder)
    compared = reconcile.reconcile(exported.sources(got), got.papers, settled=True)
    more = witnessed.check(got.witnessed, got.logs, got.papers, settled=True)
    return [*compared.findings, *more]


def seen(world: World, witness: str, party: str) -> int:
    """Tell how many rows of a log a witness has cosigned."""
    return world.witness(witness).store.seen(world.manifest.note_name(party)).size


def _export(world: World, party: str, folder: Path) -> None:
    """Write a party's log out as far as that can be done."""
    try:
        with _book(world, party) as book:
            reader.export(book, folder, world.manifest.quorum)
    except HeduiError:
        folder.mkdir(exist_ok=True)


def _hand_on(world: World, folder: Path) -> None:
    """Let each witness hand on its alarms, and the checkpoint that it cosigned last of each log."""
    folder.mkdir()
    for name in WITNESS_IDS:
        store, key = world.witness(name).store, world.party(name).key
        for origin, last in store.every().items():
            (folder / f"{name}-{origin.rpartition('/')[2]}.note").write_bytes(last.note)
        for number, alarm in store.alarms().items():
            (folder / f"{name}-{number}.json").write_bytes(alarms.write(alarm, name, key))


@contextmanager
def _book(world: World, party: str) -> Iterator[Book]:
    if party == CENTRE:
        with world.centre() as installed:
            yield installed.log.book
    elif party == REGISTRAR:
        yield world.registrar._store.book()
    else:
        yield node_log.book(world.nodes[party]._node.store)
