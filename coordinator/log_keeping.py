"""The centre's log in one command: looked at before anybody is asked, settled when it ends.

Knows when a checkpoint is cut and witnesses are asked: the centre is no server that could do so on
a schedule. Does not know what is logged.
"""

from functools import cached_property
from typing import Final

from coordinator import log_entries
from coordinator.database import Database
from coordinator.log_book import LogBook
from coordinator.log_memory import LogMemory
from federation.clock import Clock
from federation.errors import Unavailable
from federation.log.checking import Rules
from federation.log.keeper import Keeper, Plan
from federation.party import Party
from federation.wire.channel import Peers
from federation.wire.log_service import witness_sender

RULES: Final = Rules(beside=log_entries.beside, ordered=lambda *_: False)
"""What lies beside a record is what it names; nobody orders that anything be erased here."""


class CentreLog:
    """The log of an opened installation."""

    def __init__(self, database: Database, party: Party, peers: Peers, clock: Clock) -> None:
        self.book = LogBook(database)
        self._memory = LogMemory(party.data)
        self._party = party
        self._peers = peers
        self._clock = clock

    @cached_property
    def keeper(self) -> Keeper:
        """Its keeper, who looks at the log's edge and at some of its rows as he comes."""
        send = witness_sender(self._party, self._peers)
        return Keeper(self.book, self._party, self._clock, send, Plan(rules=RULES))

    def check_sound(self) -> None:
        """Refuse to go on with a log that was altered, or that witnesses have not seen for a day.

        Raises:
            Unavailable: LOG_ALTERED, LOG_UNAVAILABLE or WITNESSES_MISSING.
        """
        self._memory.check(self.book)
        try:
            self.keeper.check_sound()
        except Unavailable as e:
            if e.code != "WITNESSES_MISSING":
                raise
            self.keeper.witness()
            self.keeper.check_sound()

    def settle(self) -> None:
        """Cut a checkpoint over what was logged, if anything was, and have it cosigned.

        Raises:
            Unavailable: LOG_ALTERED, LOG_UNAVAILABLE or LOG_KEY.
        """
        kept = self.book.newest()
        if self.book.size() > (kept.size if kept else 0):
            self.witness()

    def witness(self) -> int:
        """Have a checkpoint over all rows cosigned; tell how many witnesses have done so.

        Those who cannot be reached are asked again the next time.

        Raises:
            Unavailable: as ``settle``.
        """
        self._memory.check(self.book)
        self.keeper.cut()
        self._memory.remember(self.book)
        return self.keeper.witness()
