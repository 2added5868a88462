"""A department node put together: the only place that wires its parts.

Knows settings, files and which port gets which part. Does not answer anything itself.
"""

import gc
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from sqlite3 import Connection
from threading import Event, Thread
from typing import Final, Self

from department_node import catalogue, checking, enrolment, node_log, parts, sentinel
from department_node.answer import Answerer, Sources
from department_node.catalogue import NodeCatalogue
from department_node.closing import Counter
from department_node.contributing import Contributor
from department_node.drafting import Facts
from department_node.ledger import Ledger
from department_node.mandates import MandateAnswerer
from department_node.masking import POOL, POOL_MOST, Masking
from department_node.matching import Roll
from department_node.orders import Eraser
from department_node.records import RecordSource, SqliteRecords
from department_node.sentinel import Guard, Sentinel
from department_node.steward import Pauses, Steward, Sweep
from department_node.store import ENROLLED, FILE, Store
from federation import catalogue as predicates
from federation import manifest, root
from federation import party as parties
from federation.clock import Clock, SystemClock, business_date, epoch_of
from federation.errors import BadInput, Unavailable
from federation.filling import Filler
from federation.log.keeper import EVERY, Keeper
from federation.manifest import PartyRole
from federation.party import Party
from federation.status_keeper import FIRST, REFRESH, StatusKeeper
from federation.watching import Watch
from federation.wire import description, log_service, server
from federation.wire.channel import Peers
from federation.wire.description import Description
from federation.wire.log_service import while_sound
from federation.wire.proving import Prover
from federation.wire.registrar_client import RegistrarClient

SERVICE: Final = "federation.v1.DepartmentNode"
PAUSED: Final = "paused"
_FACTS_AGE: Final = 60.0
_REFRESH_LEAST: Final = 0.1
_REFRESH_MOST: Final = 300
_CHECKPOINT_LEAST: Final = 0.1
_CHECKPOINT_MOST: Final = 30
_SETTINGS: Final = {
    *("catalogue", "status_refresh", "checkpoint_seconds"),
    *("one_core", "reflection", "enrol_workers", "sum_pool"),
    *sentinel.SETTINGS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A node's own settings: catalogue file, seconds between two status lists, one core or all.

    ``checkpoint_seconds`` lie between two checkpoints of its log. ``reflection`` tells parties what
    can be called; ``enrol_workers`` cores enrol the roll; ``sum_pool`` obfuscators wait for sums;
    ``guard`` says what is usual.
    """

    catalogue: Path
    status_refresh: float
    checkpoint_seconds: float
    one_core: bool
    reflection: bool
    enrol_workers: int
    sum_pool: int
    guard: Guard


class Node:
    """An opened node: its party, catalogue, records and store, held by this process alone."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self._stack = ExitStack()
        self.party: Party = parties.load(folder, PartyRole.NODE, self.clock.now())
        self._stack.enter_context(parties.lock(self.party.data))
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def _open(self) -> None:
        self.settings = read_settings(self.party)
        self.catalogue = open_catalogue(self.party)
        self.records: RecordSource = self._stack.enter_context(SqliteRecords(self.catalogue.source))
        checking.check(self.catalogue, self.records)
        self.store = Store(self.party.data)
        self._stack.callback(self.store.close)
        self.party.pin()
        self.peers = Peers(self.party.tls, self.party.tap)
        self._stack.callback(self.peers.close)
        self.registrar = RegistrarClient(self.party, self.peers, self.clock)
        self.status = StatusKeeper(
            self.party, self.registrar.status_lists, self.clock.now, self.store.keep_lists
        )
        self._facts: tuple[float, Facts] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def facts(self) -> Facts:
        """Tell how fresh the source is, looked up at most once a minute."""
        now = time.monotonic()
        if self._facts is None or now - self._facts[0] > _FACTS_AGE:
            self._facts = (now, self._look())
        return self._facts[1]

    def _look(self) -> Facts:
        value = self.records.scalar(self.catalogue.as_of, {})
        try:
            as_of = date.fromisoformat(str(value)[:10]) if value is not None else None
        except ValueError as e:
            raise BadInput("NODE_CATALOGUE_INVALID", where="as_of", why="gives no date") from e
        return Facts(
            as_of=as_of,
            enrolled_to=int(str(self.store.meta("enrolled_to") or 0)),
            epochs=self.store.enrolled_epochs(),
        )

    @property
    def paused_file(self) -> Path:
        """The file whose presence pauses the node."""
        return self.party.data / PAUSED

    def answerer(self) -> Answerer:
        """Put the answering together."""
        return Answerer(self.party, self._sources())

    def mandates(self, beside: Answerer) -> MandateAnswerer:
        """Put the answering of batch mandates together, beside that of consents."""
        roll = self._stack.enter_context(Roll(self.party.data / FILE))
        return MandateAnswerer(self.party, self._sources(), roll, beside)

    def contributor(self, masking: Masking, beside: Answerer) -> Contributor:
        """Put the contributing to sums together, beside the answering of questions."""
        return Contributor(self.party, self._sources(), masking, beside)

    def prover(self) -> Prover:
        """Put the proving of exchanges together."""
        book = node_log.book(self.store)
        return Prover(lambda: self.party.manifest, book, self.store.exchange, self.store.lists)

    def keeper(self) -> Keeper:
        """Put the keeping of the log together."""
        every = self.settings.checkpoint_seconds
        return node_log.keeper(self.store, self.party, self.clock, self.peers, every)

    def steward(self, beside: Answerer, keeper: Keeper) -> Steward:
        """Put together what is seen to besides answering."""
        store, clock = self.store, self.clock
        eraser = Eraser(self.party, store, clock, lambda: self.status.current, beside.forget)
        chores = (
            Pauses(store, self.paused_file, clock).note,
            eraser.empty_tray,
            Sweep(store, clock).sweep,
            Sentinel(self.party, store, clock, self.settings.guard).look,
        )
        return Steward(keeper.check_sound, chores)

    def _sources(self) -> Sources:
        return Sources(
            catalogue=self.catalogue,
            records=self.records,
            store=self.store,
            clock=self.clock,
            facts=self.facts,
            revoked=lambda: self.status.current,
            paused=self.paused_file.exists,
        )

    def enrolment(self) -> enrolment.Enrolment:
        """Put an enrolment of the present epoch together.

        Raises:
            BadInput: EPOCH_WITHOUT_KEY when the manifest has no pseudonym key for this year.
        """
        epoch = epoch_of(self.clock.now())
        public = self.party.manifest.pseudonym_keys.get((self.party.id, epoch))
        if public is None:
            raise BadInput("EPOCH_WITHOUT_KEY", epoch=epoch)
        return enrolment.Enrolment(
            catalogue=self.catalogue,
            records=self.records,
            store=self.store,
            registrar=self.registrar,
            terms=enrolment.Terms(
                epoch=epoch, public_key=public, workers=self.settings.enrol_workers
            ),
        )

    def finish_enrolment(self) -> None:
        """Write down until when the roll is enrolled, and for which epoch to the end."""
        now = self.clock.now()
        today = int(business_date(now).strftime("%Y%m%d"))
        self.store.set_meta(**{"enrolled_to": today, f"{ENROLLED}{epoch_of(now)}": today})
        self._facts = None


class RunningNode:
    """A node that answers on its address until it is stopped."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._answerer = node.answerer()
        self._masking = Masking(node.party, node.settings.sum_pool)
        self._masking.open()
        self._filler = Filler(self._masking.fill)
        methods = {
            "Ask": self._answerer.ask,
            "AskMandate": node.mandates(self._answerer).ask,
            "Contribute": node.contributor(self._masking, self._answerer).contribute,
            "Count": Counter(node.party, node.store, node.clock).count,
            "Describe": self._describe,
            "Prove": node.prover().prove,
        }
        party = node.party
        self._keeper = node.keeper()
        self._steward = node.steward(self._answerer, self._keeper)
        service = server.Service(
            name=SERVICE,
            methods=while_sound(self._keeper, methods),
            streams=while_sound(self._keeper, {"AskStream": self._answerer.ask}),
            reflection=node.settings.reflection,
            others=(log_service.service(node_log.book(node.store), lambda: party.manifest),),
        )
        self._over = Event()
        self._log: Thread | None = None
        self._server = server.build(party.manifest, party.tls, party.listen, service, party.tap)
        self.port = self._server.port
        self._watch = Watch(party, node.clock, self._renewed)

    def start(self) -> None:
        """Begin to fetch status lists and to answer."""
        if self._node.settings.one_core:
            server.keep_to_one_core()
        spare_collections()
        self._node.status.wait_first(FIRST)
        self._node.status.start(self._node.settings.status_refresh, self._count)
        self._log = self._keeper.serve(self._over)
        self._steward.start()
        self._filler.start()
        self._server.start()
        self._watch.start()

    def stop(self) -> None:
        """Finish what is running and stop."""
        self._watch.stop()
        self._server.stop()
        self._node.status.stop()
        self._filler.stop()
        self._count()
        self._steward.stop()
        self._over.set()
        if self._log:
            self._log.join()

    def _renewed(self) -> None:
        party = self._node.party
        self._server.renew(party.manifest, party.tls)
        self._node.peers.renew(party.tls)
        self._masking.renewed()

    def _describe(self, _: str, request: bytes) -> bytes:
        description.check_request(request)
        sums = parts.answerings(
            self._node.catalogue, self._node.party.id, self._node.party.manifest.groups
        )
        return description.encode(
            Description(
                party=self._node.party.id,
                version=version("hedui"),
                predicates=tuple(sorted({**self._node.catalogue.answers, **sums})),
                paused=self._node.paused_file.exists(),
            )
        )

    def _count(self) -> None:
        counted = self._answerer.refused.take()
        day = business_date(self._node.clock.now()).isoformat()

        def job(connection: Connection) -> None:
            for code, n in counted.items():
                Ledger(connection).count_refusal(day, code, n)

        if not counted:
            return
        try:
            self._node.store.writer.write(job)
        except Unavailable:
            self._answerer.refused.put_back(counted)
            raise


def spare_collections() -> None:
    """Have Python's collector of cycles look more rarely at what a serving node remembers.

    It would go through every remembered token again and again; nothing of them is a cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def data_folder(folder: Path) -> Path:
    """Find the data folder of a node's installation, without opening its keys.

    Raises:
        BadInput: FILE_MISSING, SETTINGS_INVALID, or PARTY_ROLE when the folder is another role's.
        PeerFault: the manifest is not signed by the pinned root.
    """
    if not (folder / "party.toml").is_file():
        raise BadInput("FILE_MISSING", file="party.toml", folder=folder.name)
    settings = parties.read_settings(folder)
    name = settings["party"]
    try:
        pinned = root.read((folder / "root.json").read_bytes())
        listed = manifest.read((folder / "manifest.json").read_bytes(), pinned, now=0)
    except OSError as e:
        raise BadInput("FILE_MISSING", file="manifest.json", folder=folder.name) from e
    entry = listed.parties.get(name)
    if entry is None or entry.role is not PartyRole.NODE:
        raise BadInput("PARTY_ROLE", party=name, role=PartyRole.NODE.value)
    return folder / str(settings.get("data", "data"))


def read_settings(party: Party) -> Settings:
    """Read the ``[node]`` table of ``party.toml``.

    Raises:
        BadInput: SETTINGS_INVALID.
    """
    raw = party.settings
    unknown = raw.keys() - _SETTINGS
    refresh = raw.get("status_refresh", REFRESH)
    one_core, reflection = raw.get("one_core", True), raw.get("reflection", False)
    workers = raw.get("enrol_workers", enrolment.WORKERS)
    every, pool = raw.get("checkpoint_seconds", EVERY), raw.get("sum_pool", POOL)
    good = isinstance(refresh, int | float) and _REFRESH_LEAST <= refresh <= _REFRESH_MOST
    good &= isinstance(every, int | float) and _CHECKPOINT_LEAST <= every <= _CHECKPOINT_MOST
    good &= type(workers) is int and 1 <= workers <= enrolment.WORKERS_MOST
    good &= type(pool) is int and 0 <= pool <= POOL_MOST
    if unknown or not good or type(one_core) is not bool or type(reflection) is not bool:
        raise BadInput("SETTINGS_INVALID", file="party.toml", why="[node]")
    return Settings(
        catalogue=party.folder / str(raw.get("catalogue", "catalogue.toml")),
        status_refresh=float(refresh),
        checkpoint_seconds=float(every),
        one_core=one_core,
        reflection=reflection,
        enrol_workers=workers,
        sum_pool=pool,
        guard=sentinel.guard(raw),
    )


def open_catalogue(party: Party) -> NodeCatalogue:
    """Read the catalogue of a party's folder.

    Raises:
        BadInput: SETTINGS_INVALID or NODE_CATALOGUE_INVALID.
    """
    return catalogue.load(
        read_settings(party).catalogue,
        department=party.id,
        kind=party.entry.kind,
        predicates=predicates.load(),
    )
