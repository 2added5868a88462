"""Wires the registrar together: the only place that knows all of its rooms.

Does not know how it is started or told to stop.
"""

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from threading import Event

from federation import founding
from federation import party as installation
from federation.clock import Clock, epoch_of
from federation.log.keeper import Keeper, Plan
from federation.manifest import PartyRole
from federation.party import Party
from federation.watching import Watch
from federation.wire import log_service
from federation.wire import server as wire
from federation.wire.channel import Peers
from federation.wire.server import Service
from registrar import config
from registrar.desk import Desk
from registrar.endings import Endings
from registrar.journal import RULES
from registrar.mandates import MandateDesk
from registrar.pseudonyms import Pseudonyms
from registrar.rpc import RegistrarRpc
from registrar.status import StatusPublisher
from registrar.store import FILE, Store


@dataclass(frozen=True, slots=True)
class RegistrarServer:
    """A wired registrar; it alone holds its data folder until it is stopped."""

    _server: wire.Server = field(repr=False)
    _store: Store = field(repr=False)
    _open: ExitStack = field(repr=False)
    _watch: Watch = field(repr=False)
    _keeper: Keeper = field(repr=False)
    _over: Event = field(repr=False, default_factory=Event)

    @property
    def port(self) -> int:
        """The bound port."""
        return self._server.port

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()
        self._watch.start()
        self._open.callback(self._keeper.serve(self._over).join)

    def stop(self, grace: float = 2.0) -> None:
        """Finish what is running within ``grace`` seconds, then let the data folder go."""
        self._watch.stop()
        self._server.stop(grace)
        self._over.set()
        self._open.close()


def build(party: Party, clock: Clock) -> RegistrarServer:
    """Open the registrar's state and keys and bind its address.

    Raises:
        BadInput: SETTINGS_INVALID, DATA_FOLDER_IN_USE, REGISTRAR_DATABASE_VERSION or LISTEN_FAILED.
        Unavailable: LOG_UNAVAILABLE, or EPOCH_KEY_MISSING for the present year.
    """
    settings = config.parse(party.settings)
    settings.check([node.id for node in party.manifest.having(PartyRole.NODE)])
    with ExitStack() as opened:
        opened.enter_context(installation.lock(party.data))
        party.pin()
        store = opened.enter_context(closing(Store(party.data / FILE)))
        keys = Pseudonyms(partial(_seed, party), party.manifest.pseudonym_keys)
        keys.open(epoch_of(clock.now()))
        lists = StatusPublisher(
            party.id, party.key, clock, find=store.listing, publishing=store.publishing
        )
        desk = Desk(party, store, keys, clock, settings)
        mandates = MandateDesk(party, store, keys, clock)
        rpc = RegistrarRpc(party, clock, desk, Endings(store, clock), mandates, lists)
        peers = opened.enter_context(closing(Peers(party.tls, party.tap)))
        keeper = _keeper(party, clock, store, peers, settings)
        service = Service(
            name=rpc.service().name,
            methods=log_service.while_sound(keeper, rpc.service().methods),
            reflection=settings.reflection,
            others=(log_service.service(store.book(), lambda: party.manifest),),
        )
        server = wire.build(party.manifest, party.tls, party.listen, service, party.tap)

        def renewed() -> None:
            server.renew(party.manifest, party.tls)
            peers.renew(party.tls)
            keys.renew(party.manifest.pseudonym_keys)
            lists.renew(party.key)

        watch = Watch(party, clock, renewed)
        return RegistrarServer(server, store, opened.pop_all(), watch, keeper)


def _keeper(
    party: Party, clock: Clock, store: Store, peers: Peers, settings: config.Settings
) -> Keeper:
    """Look at the log, and be ready to see to it."""
    plan = Plan(every=settings.checkpoint_seconds, rules=RULES)
    return Keeper(store.book(), party, clock, log_service.witness_sender(party, peers), plan)


def _seed(party: Party, epoch: int) -> bytes:
    return party.secret(f"pseudonym-{epoch}.key", f"{founding.PSEUDONYM_SEED}/{epoch}")
