"""Open a coordinator's installation: the only place where its parts are put together.

Knows every part's maker. Does not know what anybody will do at the desk.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from coordinator import config
from coordinator.asking.conductor import Conductor, Patience, Ports
from coordinator.asking.journal import Journal
from coordinator.asking.planner import Surroundings
from coordinator.asking.record import Record
from coordinator.asking.requests import Asker
from coordinator.asking.transport import WireTransport
from coordinator.casework import programmes
from coordinator.config import Settings
from coordinator.database import Database, open_database, url_of
from coordinator.desk import Books, ConsentTerms, Desk
from coordinator.store import Store
from federation import catalogue, party
from federation.clock import Clock, SystemClock
from federation.manifest import PartyRole
from federation.party import Party
from federation.wire.channel import Peers
from federation.wire.registrar_client import RegistrarClient


@contextmanager
def open_desk(folder: Path, clock: Clock | None = None) -> Iterator[Desk]:
    """Open the desk of an installation; nobody else may hold it meanwhile.

    Raises:
        BadInput, PeerFault: as ``party.load``; DATA_FOLDER_IN_USE, SETTINGS_INVALID.
        Unavailable: DATABASE_UNAVAILABLE.
    """
    clock = clock or SystemClock()
    installed = party.load(folder, PartyRole.COORDINATOR, clock.now())
    settings = config.parse(installed.settings)
    peers = Peers(installed.tls, installed.tap)
    with party.lock(installed.data), closing(peers):
        database = open_database(url_of(settings.database, installed.data))
        with closing(database):
            yield _desk(installed, settings, database, peers, clock)


def _desk(
    installed: Party, settings: Settings, database: Database, peers: Peers, clock: Clock
) -> Desk:
    document = installed.manifest
    around = Surroundings(
        programmes=programmes.load(),
        catalogue=catalogue.load(),
        manifest=document,
        policy=installed.policy,
    )
    return Desk(
        books=Books(store=Store(database), record=Record(database)),
        registrar=RegistrarClient(installed, peers, clock),
        conductor=_conductor(installed, settings, database, peers, clock),
        around=around,
        terms=ConsentTerms(
            days=settings.consent_days,
            max_uses=settings.max_uses,
            issuers=dict(document.registrar.keys),
        ),
        clock=clock,
    )


def _conductor(
    installed: Party, settings: Settings, database: Database, peers: Peers, clock: Clock
) -> Conductor:
    document = installed.manifest
    return Conductor(
        Asker(
            party=installed.id,
            key=installed.key,
            policy_version=installed.policy.version,
        ),
        {node.id: node.keys for node in document.having(PartyRole.NODE)},
        Ports(
            journal=Journal(database),
            transport=WireTransport(document, peers, settings.timeout_ms / 1000),
            clock=clock,
        ),
        Patience(
            tries=settings.tries,
            whole=settings.patience_ms / 1000,
            pause=settings.pause_ms / 1000,
            longest_pause=settings.longest_pause_ms / 1000,
        ),
        settings.workers,
    )
