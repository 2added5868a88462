"""Open a coordinator's installation: the only place where its parts are put together.

Knows every part's maker. Does not know what anybody will do at the desk.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from coordinator import config, papers
from coordinator.asking.conductor import Conductor, Patience, Ports
from coordinator.asking.journal import Journal
from coordinator.asking.planner import Surroundings
from coordinator.asking.record import Record
from coordinator.asking.requests import Asker
from coordinator.asking.transport import WireTransport
from coordinator.casework import programmes
from coordinator.closing import Closing
from coordinator.config import Settings
from coordinator.consent_desk import ConsentTerms
from coordinator.database import Database, open_database, url_of
from coordinator.desk import Books, Desk
from coordinator.evidence import Evidence
from coordinator.log_keeping import CentreLog
from coordinator.sentinel import Sentinel
from coordinator.store import Store
from federation import catalogue, party
from federation.clock import Clock, SystemClock
from federation.manifest import PartyRole
from federation.party import Party
from federation.wire.channel import Peers
from federation.wire.registrar_client import RegistrarClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An opened installation, which nobody else may hold meanwhile."""

    party: Party
    settings: Settings
    database: Database
    peers: Peers
    clock: Clock
    log: CentreLog

    def asker(self) -> Asker:
        """Tell who asks."""
        policy = self.party.policy.version
        return Asker(party=self.party.id, key=self.party.key, policy_version=policy)

    def transport(self) -> WireTransport:
        """Give the way to the departments."""
        timeout = self.settings.timeout_ms / 1000
        return WireTransport(self.party.manifest, self.peers, timeout)

    def patience(self) -> Patience:
        """Tell how often and how long a department is asked."""
        return Patience(
            tries=self.settings.tries,
            whole=self.settings.patience_ms / 1000,
            pause=self.settings.pause_ms / 1000,
            longest_pause=self.settings.longest_pause_ms / 1000,
        )


@contextmanager
def installation(folder: Path, clock: Clock | None = None) -> Iterator[Installed]:
    """Open an installation for one use; what that has logged is under a checkpoint at its end.

    Raises:
        BadInput, PeerFault: as ``party.load``; DATA_FOLDER_IN_USE, SETTINGS_INVALID.
        Unavailable: DATABASE_UNAVAILABLE; at the end as ``CentreLog.settle``.
    """
    clock = clock or SystemClock()
    installed = party.load(folder, PartyRole.COORDINATOR, clock.now())
    settings = config.parse(installed.settings)
    peers = Peers(installed.tls, installed.tap)
    with party.lock(installed.data), closing(peers):
        installed.pin()
        papers.keep(installed)
        database = open_database(url_of(settings.database, installed.data))
        with closing(database):
            log = CentreLog(database, installed, peers, clock)
            try:
                yield Installed(
                    party=installed,
                    settings=settings,
                    database=database,
                    peers=peers,
                    clock=clock,
                    log=log,
                )
            finally:
                log.settle()


@contextmanager
def open_desk(folder: Path, clock: Clock | None = None) -> Iterator[Desk]:
    """Open the desk of an installation; nobody else may hold it meanwhile.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``.
    """
    with installation(folder, clock) as installed:
        try:
            yield _desk(installed)
        finally:
            _sentinel(installed).look()


@contextmanager
def open_sentinel(folder: Path, clock: Clock | None = None) -> Iterator[Sentinel]:
    """Open the misuse sentinel of an installation.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``.
    """
    with installation(folder, clock) as installed:
        yield _sentinel(installed)


@contextmanager
def open_closing(folder: Path, clock: Clock | None = None) -> Iterator[Closing]:
    """Open what closes cases.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``.
    """
    with installation(folder, clock) as installed:
        manifest, count = installed.party.manifest, installed.transport().count
        yield Closing(installed.database, manifest, count, installed.clock)


@contextmanager
def open_evidence(folder: Path, clock: Clock | None = None) -> Iterator[tuple[Desk, Evidence]]:
    """Open the desk, and the evidence of its cases.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``.
    """
    with installation(folder, clock) as installed:
        prove = installed.transport().prove
        yield (
            _desk(installed),
            Evidence(_books(installed), installed.party, prove, installed.clock),
        )


def _sentinel(installed: Installed) -> Sentinel:
    return Sentinel(installed.database, installed.party, installed.settings, installed.clock)


def _books(installed: Installed) -> Books:
    return Books(store=Store(installed.database), record=Record(installed.database))


def _desk(installed: Installed) -> Desk:
    document = installed.party.manifest
    around = Surroundings(
        programmes=programmes.load(),
        catalogue=catalogue.load(),
        manifest=document,
        policy=installed.party.policy,
    )
    settings = installed.settings
    return Desk(
        books=_books(installed),
        registrar=RegistrarClient(installed.party, installed.peers, installed.clock),
        conductor=_conductor(installed),
        around=around,
        terms=ConsentTerms(
            days=settings.consent_days,
            max_uses=settings.max_uses,
            issuers=dict(document.registrar.keys),
            holder=installed.party.key.verify_key.raw,
        ),
        clock=installed.clock,
    )


def _conductor(installed: Installed) -> Conductor:
    nodes = installed.party.manifest.having(PartyRole.NODE)
    return Conductor(
        installed.asker(),
        {node.id: node.keys for node in nodes},
        Ports(
            journal=Journal(installed.database),
            transport=installed.transport(),
            clock=installed.clock,
            check_sound=installed.log.check_sound,
        ),
        installed.patience(),
        installed.settings.workers,
    )
