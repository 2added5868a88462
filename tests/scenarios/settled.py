"""What a played federation's logs are once all has come to rest: cosigned, exported, in one folder.

The witnesses go on from what they have seen; export is each party's own command.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from typer.testing import CliRunner

from auditor.witness_server import Witness
from auditor.witness_store import FILE, WitnessStore
from coordinator import log_keeping
from coordinator.opening import installation
from department_node import node_log
from department_node.store import Store
from federation import party as parties
from federation.clock import SystemClock
from federation.log.book import Book
from federation.log.keeper import Keeper, Plan
from federation.manifest import PartyRole
from federation.party import Party
from hedui.cli import app
from registrar import journal
from registrar.opening import opened_log
from tally import server as tallies
from tally import store as tally_store

DOCUMENTS = ("root.json", "manifest.json", "policy.json")
_EXPORTS = {
    PartyRole.REGISTRAR: ("registrar", "log", "export"),
    PartyRole.COORDINATOR: ("case", "log", "export"),
    PartyRole.NODE: ("node", "log", "export"),
    PartyRole.TALLY: ("tally", "log", "export"),
}
_RULES = {
    PartyRole.REGISTRAR: journal.RULES,
    PartyRole.COORDINATOR: log_keeping.RULES,
    PartyRole.NODE: node_log.RULES,
    PartyRole.TALLY: tallies.RULES,
}


def export(federation: Path, target: Path) -> Path:
    """Have the logs of all parties cosigned that have ever run, and export them into a folder."""
    target.mkdir(parents=True)
    with _witnesses(federation) as witnesses:
        for party in _kept(federation):
            cosign(party, witnesses)
            words = [*_EXPORTS[party.entry.role], str(target / party.id)]
            done = CliRunner().invoke(app, [*words, "--folder", str(party.folder), "--json"])
            assert done.exit_code == 0, done.output
            assert json.loads(done.stdout.splitlines()[-1])["size"]
    for name in DOCUMENTS:
        shutil.copy(federation / "coordinator" / name, target / name)
    return target


def cosign(party: Party, witnesses: dict[str, Witness]) -> None:
    """Cut a checkpoint over all rows and have every witness cosign it."""

    def send(witness: str, request: bytes) -> bytes:
        return witnesses[witness].add_checkpoint(party.id, request)

    with _book(party) as book:
        keeper = Keeper(book, party, SystemClock(), send, Plan(rules=_RULES[party.entry.role]))
        keeper.cut()
        assert keeper.witness() == len(witnesses)


@contextmanager
def _witnesses(federation: Path) -> Iterator[dict[str, Witness]]:
    found: dict[str, Witness] = {}
    for folder in sorted(federation.glob("witness_*")):
        party = _load(folder)
        found[party.id] = Witness(party, WitnessStore(party.data / FILE), SystemClock())
    try:
        yield found
    finally:
        for one in found.values():
            one.store.close()


def _kept(federation: Path) -> Iterator[Party]:
    """Open the parties that keep a log and have run."""
    for folder in sorted(federation.iterdir()):
        if any((folder / "data").glob("*.sqlite")):
            party = _load(folder)
            if party.entry.role in _EXPORTS:
                yield party


@contextmanager
def _book(party: Party) -> Iterator[Book]:
    match party.entry.role:
        case PartyRole.REGISTRAR:
            with opened_log(party.folder) as book:
                yield book
        case PartyRole.COORDINATOR:
            with installation(party.folder) as installed:
                yield installed.log.book
        case PartyRole.TALLY:
            with closing(tally_store.Store(party.data / tally_store.FILE)) as kept:
                yield kept.book()
        case _:
            with closing(Store(party.data)) as store:
                yield node_log.book(store)


def _load(folder: Path) -> Party:
    return parties.load(folder, None, SystemClock().now())
