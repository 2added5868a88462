"""Open a coordinator's installation: the only place where its parts are put together.

Knows every part's maker. Does not know what anybody will do at the desk.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from coordinator import config, papers, storage
from coordinator.asking.conductor import Conductor, Patience, Ports
from coordinator.asking.journal import Journal
from coordinator.asking.planner import Surroundings
from coordinator.asking.record import Record
from coordinator.asking.requests import Asker
from coordinator.asking.sum_journal import SumJournal
from coordinator.asking.sum_record import SumRecord
from coordinator.asking.sums import Circle, SumConductor
from coordinator.asking.transport import WireTransport
from coordinator.casework import practice, workdays
from coordinator.closing import Closing
from coordinator.config import Settings
from coordinator.consent_desk import ConsentTerms
from coordinator.database import Database
from coordinator.desk import Books, Conductors, Desk
from coordinator.documents.issues import Issues
from coordinator.documents.office import Office, Terms
from coordinator.erasing import Erasing
from coordinator.evidence import Evidence
from coordinator.feedback import rules
from coordinator.feedback.book import FeedbackBook
from coordinator.feedback.desk import FeedbackDesk
from coordinator.feedback.desk import Terms as FeedbackTerms
from coordinator.imports.book import ImportBook
from coordinator.imports.importing import ImportDesk
from coordinator.life_book import LifeBook
from coordinator.life_desk import LifeDesk, Practised
from coordinator.log_keeping import CentreLog
from coordinator.people.gate import Gate
from coordinator.people.sessions import own_place
from coordinator.regional import filing
from coordinator.sentinel import Sentinel
from coordinator.statistics import layout
from coordinator.statistics.counting import Counting
from coordinator.statistics.desk import StatisticsDesk
from coordinator.statistics.gathering import Gathering
from coordinator.statistics.gathering import Practised as Counted
from coordinator.statistics.register import Numbers
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

    def gate(self) -> Gate:
        """Give the gate that every command passes."""
        return gate_of(self.party, self.database, self.clock)

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


def gate_of(installed: Party, database: Database, clock: Clock) -> Gate:
    """Give the gate of a party's database."""
    place = own_place(installed.manifest.federation, installed.id)
    return Gate(database, Store(database).cases, clock, installed.data, place)


@contextmanager
def held(folder: Path, clock: Clock | None = None) -> Iterator[tuple[Party, Settings]]:
    """Hold a centre's folder without its database, for what makes that ready.

    Raises:
        BadInput, PeerFault: as ``installation``.
    """
    installed = party.load(folder, PartyRole.COORDINATOR, (clock or SystemClock()).now())
    settings = config.parse(installed.settings)
    with party.lock(installed.data):
        installed.pin()
        yield installed, settings


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
        database = storage.ready(installed, settings)
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
def open_gate(folder: Path, clock: Clock | None = None) -> Iterator[Gate]:
    """Open the gate alone, for what is about the operators themselves.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``.
    """
    with installation(folder, clock) as installed:
        yield installed.gate()


@contextmanager
def open_sentinel(folder: Path, clock: Clock | None = None) -> Iterator[tuple[Gate, Sentinel]]:
    """Open the misuse sentinel of an installation, behind its gate.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``.
    """
    with installation(folder, clock) as installed:
        yield installed.gate(), _sentinel(installed)


@contextmanager
def open_closing(folder: Path, clock: Clock | None = None) -> Iterator[tuple[Gate, Closing]]:
    """Open what closes cases, behind the gate.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``.
    """
    with installation(folder, clock) as installed:
        manifest, count = installed.party.manifest, installed.transport().count
        yield installed.gate(), Closing(installed.database, manifest, count, installed.clock)


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


@contextmanager
def open_office(folder: Path, clock: Clock | None = None) -> Iterator[Office]:
    """Open what issues reports and prints letters.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``.
    """
    with installation(folder, clock) as installed:
        terms = Terms(
            centre=installed.party.id,
            report_days=installed.settings.report_days,
            consent_days=installed.settings.consent_days,
        )
        register = Issues(installed.database)
        yield Office(_desk(installed), _books(installed), register, terms, installed.clock)


@contextmanager
def open_erasing(folder: Path, clock: Clock | None = None) -> Iterator[tuple[Desk, Erasing]]:
    """Open what erases cases that have ended.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``; HOLIDAYS_INVALID.
    """
    days = workdays.of_folder(folder)
    with installation(folder, clock) as installed:
        desk, kept = _desk(installed), installed.settings.retention_days
        count = _gathering(installed, desk, days).refresh
        yield desk, Erasing(installed.database, installed.clock, kept, count)


@contextmanager
def open_imports(folder: Path, clock: Clock | None = None) -> Iterator[ImportDesk]:
    """Open the desk of case lists.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``.
    """
    with installation(folder, clock) as installed:
        database = installed.database
        book, life = ImportBook(database), LifeBook(database)
        yield ImportDesk(_desk(installed), book, life, installed.clock)


@contextmanager
def open_life(folder: Path, clock: Clock | None = None) -> Iterator[LifeDesk]:
    """Open the desk of cases' lives.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``; HOLIDAYS_INVALID.
    """
    days = workdays.of_folder(folder)
    with installation(folder, clock) as installed:
        books = _books(installed)
        desk = _desk(installed)
        local = desk.around.programmes.sheeted(practice.load())
        by = Practised(practice=local, days=days, clock=installed.clock)
        yield LifeDesk(desk, books.store, books.life, by)


@contextmanager
def open_feedback(folder: Path, clock: Clock | None = None) -> Iterator[FeedbackDesk]:
    """Open the desk of feedback.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``; HOLIDAYS_INVALID.
    """
    days = workdays.of_folder(folder)
    with installation(folder, clock) as installed:
        terms = FeedbackTerms(
            rules=rules.load(),
            days=days,
            clock=installed.clock,
            centre=installed.party.id,
            key=installed.party.key,
        )
        book = FeedbackBook(installed.database)
        yield FeedbackDesk(_desk(installed), _books(installed).life, book, terms)


@contextmanager
def open_statistics(folder: Path, clock: Clock | None = None) -> Iterator[StatisticsDesk]:
    """Open the desk of statistics.

    Raises:
        BadInput, PeerFault, Unavailable: as ``installation``; HOLIDAYS_INVALID.
    """
    days = workdays.of_folder(folder)
    with installation(folder, clock) as installed:
        desk, counting = _desk(installed), Counting(installed.database, layout.load())
        yield StatisticsDesk(desk, _gathering(installed, desk, days), counting, installed.clock)


def _gathering(installed: Installed, desk: Desk, days: workdays.WorkDays) -> Gathering:
    by = Counted(
        practice=desk.around.programmes.sheeted(practice.load()),
        days=days,
        clock=installed.clock,
        numbers=Numbers(installed.party.data),
    )
    return Gathering(desk, _books(installed), installed.database, by)


def _sentinel(installed: Installed) -> Sentinel:
    return Sentinel(installed.database, installed.party, installed.settings, installed.clock)


def _books(installed: Installed) -> Books:
    database = installed.database
    return Books(
        store=Store(database),
        life=LifeBook(database),
        record=Record(database),
        sums=SumRecord(database),
        gate=installed.gate(),
    )


def _desk(installed: Installed) -> Desk:
    document = installed.party.manifest
    around = Surroundings(
        programmes=filing.installed(
            installed.party.folder,
            installed.party.papers.documents.root.root,
            demonstration=document.demonstration,
        ),
        catalogue=catalogue.load(),
        manifest=document,
        policy=installed.party.policy,
    )
    settings = installed.settings
    return Desk(
        books=_books(installed),
        registrar=RegistrarClient(installed.party, installed.peers, installed.clock),
        conductors=Conductors(questions=_conductor(installed), sums=_sums(installed)),
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


def _sums(installed: Installed) -> SumConductor:
    document = installed.party.manifest
    return SumConductor(
        installed.asker(),
        Circle(
            groups=document.groups,
            policy=installed.party.policy,
            keys={one.id: one.keys for one in document.audiences()},
        ),
        Ports(
            journal=SumJournal(installed.database),
            transport=installed.transport(),
            clock=installed.clock,
            check_sound=installed.log.check_sound,
        ),
        installed.patience(),
        installed.settings.workers,
    )
