"""The tally on the wire: decode, believe, one call of the desk, encode, sign.

Knows envelopes and who is a coordinator. Does not know what the desk decides.
"""

from collections.abc import Callable
from typing import Final

from federation import catalogue, limits
from federation.clock import Clock
from federation.errors import HeduiError, PeerFault, Unavailable
from federation.manifest import PartyRole
from federation.party import Party
from federation.refusals import Refusals
from federation.status import StatusLists
from federation.wire import codec, signed
from federation.wire.server import Handler
from federation.wire.signed import Unsigned
from tally.desk import Desk, Request
from tally.gate import Moment

SERVICE: Final = "federation.v1.Tally"


class TallyRpc:
    """Handlers of ``federation.v1.Tally``; ``seen`` is the highest time seen before."""

    def __init__(
        self,
        party: Party,
        clock: Clock,
        desk: Desk,
        revoked: Callable[[], StatusLists | None],
        seen: int,
    ) -> None:
        self._party = party
        self._clock = clock
        self._desk = desk
        self._revoked = revoked
        self._highest = seen
        self._catalogue = catalogue.load()
        self.refused = Refusals()

    def methods(self) -> dict[str, Handler]:
        """Give the handlers by method name."""
        return {
            "Compare": self._handler(self._desk.compare),
            "Test": self._handler(self._desk.test),
        }

    def _handler(self, do: Callable[[Request], Unsigned]) -> Handler:
        def answer(caller: str, data: bytes) -> bytes:
            try:
                unsigned = do(self._open(caller, data))
            except HeduiError as error:  # refused before the header, or not durable
                self.refused.count(error.code)
                raise
            return codec.encode_batch(signed.sign(unsigned, self._party.key))

        return answer

    def _open(self, caller: str, data: bytes) -> Request:
        """Believe a request, or refuse it before anything else is done.

        Raises:
            PeerFault: MALFORMED, OVERSIZE, WRONG_PARTY, PARTY_UNKNOWN, BAD_SIGNATURE,
                ITEMS_DO_NOT_MATCH or MANIFEST_EXPIRED.
            Unavailable: CLOCK_BEHIND.
        """
        batch = codec.decode_batch(data)
        if len(batch.items) < 2:  # noqa: PLR2004 - a slot, and what is asked
            raise PeerFault("MALFORMED", message="no items")
        header = signed.claimed_header(batch)
        if header.sender != caller:
            raise PeerFault("WRONG_PARTY")
        keys = self._party.manifest.party(caller, PartyRole.COORDINATOR).keys
        opened = signed.verify(batch, header, keys)
        holder = keys[batch.envelope.signatures[0].kid].raw
        return Request(
            opened=opened,
            batch=batch,
            moment=self._moment(header.purpose, holder),
            shown=self._desk.shown(opened.presentations),
        )

    def _moment(self, purpose: int, holder: bytes) -> Moment:
        return Moment(
            department=self._party.id,
            now=self._now(),
            holder=holder,
            purpose=purpose,
            policy=self._party.policy,
            revoked=self._revoked(),
            groups=self._party.manifest.groups,
            catalogue=self._catalogue,
        )

    def _now(self) -> int:
        now = self._clock.now()
        self._party.manifest.check_current(now)
        if now < self._highest - limits.SKEW:
            raise Unavailable("CLOCK_BEHIND", seconds=self._highest - now)
        self._highest = max(self._highest, now)
        return now
