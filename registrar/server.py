"""Wires the registrar together: the only place that knows all of its rooms.

Does not know how it is started or told to stop.
"""

from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial

from federation import founding
from federation import party as installation
from federation.clock import Clock, epoch_of
from federation.manifest import PartyRole
from federation.party import Party
from federation.watching import Watch
from federation.wire import server as wire
from registrar import config
from registrar.desk import Desk
from registrar.endings import Endings
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

    @property
    def port(self) -> int:
        """The bound port."""
        return self._server.port

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()
        self._watch.start()

    def stop(self, grace: float = 2.0) -> None:
        """Finish what is running within ``grace`` seconds, then let the data folder go."""
        self._watch.stop()
        self._server.stop(grace)
        self._open.close()


def build(party: Party, clock: Clock) -> RegistrarServer:
    """Open the registrar's state and keys and bind its address.

    Raises:
        BadInput: SETTINGS_INVALID, DATA_FOLDER_IN_USE or LISTEN_FAILED.
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
        lists = StatusPublisher(party.id, party.key, clock, find=store.listing, states=store.states)
        desk = Desk(party, store, keys, clock, settings)
        mandates = MandateDesk(party, store, keys, clock)
        rpc = RegistrarRpc(party, clock, desk, Endings(store, clock), mandates, lists)
        service = replace(rpc.service(), reflection=settings.reflection)
        server = wire.build(party.manifest, party.tls, party.listen, service, party.tap)

        def renewed() -> None:
            server.renew(party.manifest, party.tls)
            keys.renew(party.manifest.pseudonym_keys)
            lists.renew(party.key)

        return RegistrarServer(server, store, opened.pop_all(), Watch(party, clock, renewed))


def _seed(party: Party, epoch: int) -> bytes:
    return party.secret(f"pseudonym-{epoch}.key", f"{founding.PSEUDONYM_SEED}/{epoch}")
