"""Says by signature how often the grants of tokens have been used (``federation.closing``).

Knows uses as they are counted, and that what is said is logged before it leaves. Does not know when
a consent has ended: whoever asks decides when it asks.

It is told to any centre and auditor that knows a token's id: 16 random bytes, which only those who
had the token know.
"""

from collections.abc import Sequence
from hashlib import sha256
from sqlite3 import Connection
from typing import Final

from department_node.store import Store
from federation import closing, consent
from federation.clock import Clock
from federation.closing import ClosingCount, GrantUses
from federation.errors import PeerFault
from federation.log import kinds
from federation.log.node_events import UsesCounted
from federation.log.sqlite import append_all
from federation.manifest import PartyRole
from federation.party import Party
from federation.wire import count_messages

_MAY_ASK: Final = frozenset({PartyRole.COORDINATOR, PartyRole.AUDITOR})


class Counter:
    """Counts uses for others."""

    def __init__(self, party: Party, store: Store, clock: Clock) -> None:
        self._party = party
        self._store = store
        self._clock = clock

    def count(self, caller: str, data: bytes) -> bytes:
        """Answer a ``CountRequest`` with a signed count a token.

        Raises:
            PeerFault: PARTY_UNKNOWN, WRONG_PARTY, MALFORMED or OVERSIZE.
            Unavailable: LOG_UNAVAILABLE.
        """
        if self._party.manifest.party(caller).role not in _MAY_ASK:
            raise PeerFault("WRONG_PARTY")
        tokens = count_messages.decode_request(data)
        now = self._clock.now()

        def job(connection: Connection) -> list[bytes]:
            return self._count(connection, caller, tokens, now)

        return count_messages.encode_counted(self._store.writer.write(job))

    def _count(
        self, connection: Connection, caller: str, tokens: Sequence[bytes], now: int
    ) -> list[bytes]:
        counts = [self._signed(connection, token, now) for token in tokens]
        records = [
            (
                kinds.write(
                    UsesCounted(token=token, caller=caller, count=sha256(count).digest()), now
                ),
                count,
            )
            for token, count in zip(tokens, counts, strict=True)
        ]
        append_all(connection, records)
        return counts

    def _signed(self, connection: Connection, token: bytes, now: int) -> bytes:
        sql = "SELECT presentation FROM consent WHERE jti = ?"
        found = connection.execute(sql, (token,)).fetchone()
        chain = consent.visible(found[0]).chain if found else b""
        count = ClosingCount(
            federation=self._party.manifest.federation,
            department=self._party.id,
            at=now,
            token=token,
            chain=chain,
            uses=tuple(_uses(connection, chain)),
        )
        return closing.sign(count, self._party.key)


def _uses(connection: Connection, chain: bytes) -> list[GrantUses]:
    """Read the uses along a chain by grant; the names of its months have no space in them."""
    sql = "SELECT name, used FROM uses WHERE chain = ? AND instr(name, ' ')"
    rows = ((*name.split(" ", 1), used) for name, used in connection.execute(sql, (chain,)))
    return sorted(
        GrantUses(predicate=predicate, parameter=parameter, used=used)
        for predicate, parameter, used in rows
    )
