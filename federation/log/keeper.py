"""Keeps a party's log: cuts checkpoints, has them cosigned, and looks for rows that were altered.

Knows the schedule and when a log is no more to be answered from. Does not know where the log lies
(``book``), what its records say (``checking.Rules``), or how witnesses are reached.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Final

from crypto import checkpoint, note, tiles
from crypto.checkpoint import Checkpoint
from crypto.errors import BadNote
from crypto.note import Note
from federation.clock import Clock
from federation.errors import HeduiError, Unavailable
from federation.log import checking
from federation.log.book import Book, Kept, altered, hashes
from federation.log.checking import LAX, Rules
from federation.log.keys import cosigners, witness_keys
from federation.log.witnessing import Send, Witnesses, parsed
from federation.party import Party

log = logging.getLogger(__name__)

EVERY: Final = 10.0
"""Seconds between two checkpoints; within 60 a row is to be included (protocol §6)."""
RETRY: Final = 1.0
"""Seconds until it is tried again after a failure."""
WITNESS_OUTAGE: Final = 24 * 3_600
"""How long answers go on without enough cosignatures (protocol §6), seconds."""
CHECKED: Final = 1_024
"""Least rows that the self-check looks at each time; it is through the log within a day."""
CUT: Final = 1 << 15
"""Most rows that one checkpoint adds: what it writes holds up no answer."""
STEP: Final = 512
"""Leaves that are hashed at a stretch: who answers waits meanwhile."""
PAUSE: Final = 0.001
"""Seconds after each stretch in which others go first."""
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How often a log is seen to, in seconds, and what its party knows of the records."""

    every: float = EVERY
    rules: Rules = LAX


class Keeper:
    """The keeper of one log; ``check_sound`` tells at once whether to answer.

    Without ``send`` nobody is asked to cosign, and nobody's cosignature is missed.
    """

    def __init__(
        self,
        book: Book,
        party: Party,
        clock: Clock,
        send: Send | None = None,
        plan: Plan | None = None,
    ) -> None:
        """Look at the log's right edge, and at the rows where the self-check was left."""
        self._book = book
        self._party = party
        self._clock = clock
        self._witnesses = Witnesses(book, send) if send else None
        self._plan = plan or Plan()
        self._cutting, self._asking = Lock(), Lock()
        self._altered: object = None
        self._failed = False
        self._alone_since: int | None = None
        self._quietly(self._look)

    def check_sound(self) -> None:
        """Refuse to answer from a log that is not sound, written or witnessed.

        Raises:
            Unavailable: LOG_ALTERED, LOG_UNAVAILABLE, or WITNESSES_MISSING when 24 hours have gone
                without enough cosignatures.
        """
        if self._altered is not None:
            raise Unavailable("LOG_ALTERED", row=self._altered)
        if self._failed:
            raise Unavailable("LOG_UNAVAILABLE")
        since = self._alone_since
        if since is not None and self._clock.now() - since > WITNESS_OUTAGE:
            raise Unavailable("WITNESSES_MISSING")

    def cut(self) -> Kept | None:
        """Cut a checkpoint over all rows and give it, durable; None when there are no new ones.

        Raises:
            Unavailable: LOG_ALTERED, LOG_UNAVAILABLE, or LOG_KEY without a key for it.
        """
        with self._cutting, self._judging():
            kept = checking.check_edge(self._book)
            size = self._book.size()
            before = kept
            while (start := kept.size if kept else 0) < size:
                kept = self._cut(start, min(start + CUT, size))
            return None if kept is before else kept

    def witness(self) -> int:
        """Have the newest checkpoint cosigned by those who have not; tell how many have.

        Raises:
            Unavailable: LOG_UNAVAILABLE; LOG_ALTERED, also when most witnesses say that the log
                contradicts itself.
        """
        with self._asking, self._judging():
            kept, manifest = self._book.newest(), self._party.manifest
            wanted = witness_keys(manifest).keys() if self._witnesses else set()
            if kept is None or self._witnesses is None or not wanted:
                return 0
            count = len(self._witnesses.gather(kept, manifest))
            if len(self._witnesses.accusing & wanted) >= manifest.quorum:
                raise altered(kept.size - 1)
            if count >= manifest.quorum:
                self._alone_since = None
            elif self._alone_since is None:
                self._alone_since = kept.at
            return count

    def check(self, first: int, n: int) -> int:
        """Hold rows to the tree, as ``checking.check_rows``; gives where to go on.

        Raises:
            Unavailable: LOG_ALTERED with the row, or LOG_UNAVAILABLE.
        """
        with self._judging():
            return checking.check_rows(self._book, first, n, self._plan.rules)

    def serve(self, stop: Event) -> Thread:
        """See to the log in a thread until it is told to stop, and then once more."""
        thread = Thread(target=self._run, args=(stop,), name="log", daemon=True)
        thread.start()
        return thread

    def _run(self, stop: Event) -> None:
        stopped = False
        try:
            while not stopped:
                stopped = stop.wait(RETRY if self._failed else self._plan.every)
                if self._altered is None:
                    self._quietly(self._see)
        finally:
            self._failed = not stopped  # nobody answers from a log that nobody keeps

    def _see(self) -> None:
        self.cut()
        self._check_on()
        self.witness()

    def _look(self) -> None:
        with self._judging():
            checking.check_edge(self._book)
            self._alone_since = self._begun_alone()
        self._check_on()

    def _check_on(self) -> None:
        """Check the next rows; a position is left only when they are sound."""
        with self._judging():
            position = self._book.position()
            n = max(CHECKED, round(self._book.size() * self._plan.every / _DAY))
            following = self.check(position, n)
            if following != position:
                self._book.passed(following)

    def _quietly(self, step: Callable[[], object]) -> None:
        try:
            step()
        except HeduiError as error:
            log.error("the log: %s", error)  # noqa: TRY400 - its code and row say it

    def _begun_alone(self) -> int | None:
        """Find since when checkpoints lack cosignatures; further back than a day is the same."""
        manifest = self._party.manifest
        keys = witness_keys(manifest)
        if self._witnesses is None or not keys:
            return None
        since = None
        for kept in reversed(self._book.kept(self._clock.now() - WITNESS_OUTAGE - _DAY)):
            if len(cosigners(parsed(kept), keys)) >= manifest.quorum:
                break
            since = kept.at
        return since

    def _cut(self, start: int, stop: int) -> Kept:
        fresh: dict[tuple[int, int], bytes] = {}
        read = hashes(self._book, fresh)
        for first in range(start, stop, STEP):
            leaves = self._book.leaves(first, min(first + STEP, stop))
            fresh.update(tiles.grow(first, leaves, read))
            time.sleep(PAUSE)
        name = self._party.manifest.note_name(self._party.id)
        tree = Checkpoint(origin=name, size=stop, root=tiles.root(stop, read))
        text = checkpoint.write(tree)
        try:
            signature = note.sign(text, name, self._party.key)
        except BadNote as e:
            raise Unavailable("LOG_KEY", party=self._party.id) from e
        signed = note.write(Note(text=text, signatures=(signature,)))
        kept = Kept(size=stop, root=tree.root, at=self._clock.now(), note=signed)
        self._book.keep(fresh, kept)
        return kept

    @contextmanager
    def _judging(self) -> Iterator[None]:
        """Remember what a failure means for answers."""
        try:
            yield
        except Unavailable as error:
            if error.code == "LOG_ALTERED":
                self._altered = error.details.get("row", -1)
            self._failed = True
            raise
        self._failed = False
