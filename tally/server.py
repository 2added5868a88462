"""Wires the tally together: the only place that knows all of its rooms.

Does not know how it is started or told to stop.
"""

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from threading import Event

from crypto.errors import BadKey
from federation import founding
from federation import party as installation
from federation.clock import Clock, business_date
from federation.errors import BadInput, Unavailable
from federation.filling import Filler
from federation.log.checking import Rules
from federation.log.keeper import Keeper, Plan
from federation.party import Party
from federation.status_keeper import FIRST, StatusKeeper
from federation.watching import Watch
from federation.wire import codec, log_service
from federation.wire import server as wire
from federation.wire.channel import Peers
from federation.wire.proving import Prover
from federation.wire.registrar_client import RegistrarClient
from federation.wire.server import Service
from tally import config
from tally.config import Settings
from tally.desk import Desk
from tally.referee import Referee, Secrets
from tally.rpc import SERVICE, TallyRpc
from tally.store import FILE, Store


def _beside(record: bytes) -> bytes | None:
    return codec.decode_entry(record).beside


RULES = Rules(beside=_beside, ordered=lambda *_: False)
"""By what a self-check finds a row that was altered: all are exchanges, none is ever erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyServer:
    """A wired tally; it alone holds its data folder until it is stopped."""

    _server: wire.Server = field(repr=False)
    _store: Store = field(repr=False)
    _open: ExitStack = field(repr=False)
    _watch: Watch = field(repr=False)
    _keeper: Keeper = field(repr=False)
    _status: StatusKeeper = field(repr=False)
    _filler: Filler = field(repr=False)
    _rpc: TallyRpc = field(repr=False)
    _clock: Clock = field(repr=False)
    _settings: Settings
    _over: Event = field(repr=False, default_factory=Event)

    @property
    def port(self) -> int:
        """The bound port."""
        return self._server.port

    def start(self) -> None:
        """Begin to fetch status lists, to prepare bits and to answer."""
        self._filler.start()
        self._status.wait_first(FIRST)
        self._status.start(self._settings.status_refresh, self._count)
        self._open.callback(self._keeper.serve(self._over).join)
        self._server.start()
        self._watch.start()

    def stop(self, grace: float = 2.0) -> None:
        """Finish what is running within ``grace`` seconds, then let the data folder go."""
        self._watch.stop()
        self._server.stop(grace)
        self._status.stop()
        self._filler.stop()
        self._count()
        self._over.set()
        self._open.close()

    def _count(self) -> None:
        """Write down how many requests were refused before they were believed.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        counted = self._rpc.refused.take()
        day = business_date(self._clock.now()).isoformat()
        if not counted:
            return
        try:
            self._store.write(lambda books: books.count_refusals(day, counted))
        except Unavailable:
            self._rpc.refused.put_back(counted)
            raise


def referee(party: Party, settings: Settings) -> Referee:
    """Open the tally's three keys.

    Raises:
        BadInput: as ``Party.secret``.
    """
    secrets = Secrets(
        paillier=party.secret(founding.PAILLIER_FILE, founding.PAILLIER),
        elgamal=party.secret(founding.ELGAMAL_FILE, founding.ELGAMAL),
        mask=party.secret(founding.SUM_FILE, founding.SUM),
    )
    try:
        return Referee(secrets, settings.pool)
    except BadKey as e:
        raise BadInput("KEY_FILE_INVALID", file=founding.PAILLIER_FILE) from e


def build(party: Party, clock: Clock) -> TallyServer:
    """Open the tally's state and keys and bind its address.

    Raises:
        BadInput: SETTINGS_INVALID, DATA_FOLDER_IN_USE or LISTEN_FAILED; or as ``referee``.
        Unavailable: LOG_UNAVAILABLE.
    """
    settings = config.parse(party.settings)
    keys = referee(party, settings)
    with ExitStack() as opened:
        opened.enter_context(installation.lock(party.data))
        party.pin()
        store = opened.enter_context(closing(Store(party.data / FILE)))
        peers = opened.enter_context(closing(Peers(party.tls, party.tap)))
        registrar = RegistrarClient(party, peers, clock)
        status = StatusKeeper(party, registrar.status_lists, clock.now, store.keep_lists)
        with store.read() as books:
            seen = books.time()
        desk = Desk(party, store, keys)
        rpc = TallyRpc(party, clock, desk, lambda: status.current, seen)
        keeper = _keeper(party, clock, store, peers, settings)
        server = _server(party, store, rpc, keeper, settings)

        def renewed() -> None:
            server.renew(party.manifest, party.tls)
            peers.renew(party.tls)

        return TallyServer(
            _server=server,
            _store=store,
            _open=opened.pop_all(),
            _watch=Watch(party, clock, renewed),
            _keeper=keeper,
            _status=status,
            _filler=Filler(keys.pool.fill_one),
            _rpc=rpc,
            _clock=clock,
            _settings=settings,
        )


def _keeper(party: Party, clock: Clock, store: Store, peers: Peers, settings: Settings) -> Keeper:
    """Look at the log, and be ready to see to it."""
    plan = Plan(every=settings.checkpoint_seconds, rules=RULES)
    return Keeper(store.book(), party, clock, log_service.witness_sender(party, peers), plan)


def _server(
    party: Party, store: Store, rpc: TallyRpc, keeper: Keeper, settings: Settings
) -> wire.Server:
    prover = Prover(lambda: party.manifest, store.book(), store.exchange, store.lists)
    service = Service(
        name=SERVICE,
        methods=log_service.while_sound(keeper, {**rpc.methods(), "Prove": prover.prove}),
        reflection=settings.reflection,
        others=(log_service.service(store.book(), lambda: party.manifest),),
    )
    return wire.build(party.manifest, party.tls, party.listen, service, party.tap)
