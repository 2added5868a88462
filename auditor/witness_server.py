"""A running witness: a checkpoint comes in, is judged, kept, and only then cosigned; or alarms.

Knows the order of these steps and how they are wired. Does not know when a checkpoint may be
cosigned (``witness``) nor how that is made durable (``witness_store``).
"""

import logging
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from auditor import alarms, witness
from auditor.witness import Presented, Seen, Verdict
from auditor.witness_store import FILE, WitnessStore
from crypto import note
from crypto.note import Note, NoteSignature
from federation import limits
from federation import party as installation
from federation.clock import Clock
from federation.errors import BadInput, PeerFault, Unavailable
from federation.log.keys import log_keys
from federation.party import Party
from federation.watching import Watch
from federation.wire import log_messages as messages
from federation.wire import server as wire
from federation.wire.log_messages import Cosigned
from federation.wire.server import Service

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Witness:
    """Answers ``federation.v1.Witness``."""

    party: Party
    store: WitnessStore
    clock: Clock

    def service(self) -> Service:
        """Give the service for a server."""
        methods = {"AddCheckpoint": self.add_checkpoint}
        return Service(name=messages.WITNESS, methods=methods)

    def add_checkpoint(self, caller: str, data: bytes) -> bytes:
        """Cosign a checkpoint of the caller's own log, or tell what was cosigned last.

        Raises:
            PeerFault: OVERSIZE, MALFORMED, WRONG_PARTY, BAD_SIGNATURE; LOG_SPLIT, LOG_ROLLED_BACK
                or LOG_INCONSISTENT once that is kept as evidence.
            Unavailable: WITNESS_STORE or CLOCK_BEHIND.
        """
        manifest = self.party.manifest
        request = messages.decode_checkpoint(data)
        keys = log_keys(manifest, caller)
        presented = witness.present(request, manifest.note_name(caller), keys)
        return messages.encode_cosigned(self._answer(presented))

    def _answer(self, presented: Presented) -> Cosigned:
        origin = presented.tree.origin
        while True:  # once more for each caller that was faster: what it left is judged anew
            seen = self.store.seen(origin)
            verdict = witness.judge(seen, presented)
            if verdict is Verdict.BEHIND:
                return Cosigned(known_size=seen.size)
            if verdict.alarm:
                raise self._alarm(verdict, seen, presented)
            at = self._moment()
            line = self._cosign(presented.note.text, at)
            if self.store.advance(origin, seen, witness.after(seen, presented, line, at)):
                lines = note.write(Note(text=presented.note.text, signatures=(line,))).decode()
                return Cosigned(lines=lines.removeprefix(presented.note.text + "\n"))

    def _cosign(self, text: str, at: int) -> NoteSignature:
        name = self.party.manifest.note_name(self.party.id)
        return note.cosign(text, name, self.party.key, at)

    def _moment(self) -> int:
        """Give the time for a cosignature: never before that of any other.

        Raises:
            Unavailable: CLOCK_BEHIND when the clock is further behind than clocks may differ.
        """
        now, latest = self.clock.now(), self.store.latest()
        if now < latest - limits.SKEW:
            raise Unavailable("CLOCK_BEHIND", seconds=latest - now)
        return max(now, latest)

    def _alarm(self, verdict: Verdict, seen: Seen, presented: Presented) -> PeerFault:
        """Keep the evidence, say so aloud, and give the refusal."""
        tree = presented.tree
        kept = self.store.keep(alarms.raised(verdict, seen, presented, self.clock.now()))
        log.error(
            "alarm %s log=%s cosigned=%d presented=%d kept=%s",
            *(verdict.value, tree.origin, seen.size, tree.size, "new" if kept else "before"),
        )
        return PeerFault(verdict.value, log=tree.origin)


@dataclass(frozen=True, slots=True)
class WitnessServer:
    """A wired witness; it alone holds its data folder until it is stopped."""

    _server: wire.Server = field(repr=False)
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


def build(party: Party, clock: Clock) -> WitnessServer:
    """Open the witness's state and bind its address.

    Raises:
        BadInput: SETTINGS_INVALID, DATA_FOLDER_IN_USE or LISTEN_FAILED.
        Unavailable: WITNESS_STORE.
    """
    if party.settings:
        why = f"witness.{min(party.settings)} is unknown"
        raise BadInput("SETTINGS_INVALID", file="party.toml", why=why)
    with ExitStack() as opened:
        opened.enter_context(installation.lock(party.data))
        party.pin()
        store = opened.enter_context(closing(WitnessStore(party.data / FILE)))
        service = Witness(party, store, clock).service()
        server = wire.build(party.manifest, party.tls, party.listen, service, party.tap)

        def renewed() -> None:
            server.renew(party.manifest, party.tls)

        return WitnessServer(server, opened.pop_all(), Watch(party, clock, renewed))
