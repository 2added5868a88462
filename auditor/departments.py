"""A department's log: what it was asked and answered, held to the logs of those who asked.

Knows what an entry must agree with. Does not know whether a question was allowed (``answered``):
what was asked stands whole in the coordinator's log alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from auditor.around import Around
from auditor.centre import Centre
from auditor.exchanges import Exchange
from auditor.findings import Finding, Place, found
from auditor.records import KINDS, Said
from crypto import envelope, merkle
from crypto.errors import CryptoError
from crypto.keys import VerifyKey
from federation import closing, exchange, ledger
from federation.closing import ClosingCount
from federation.errors import PeerFault
from federation.exchange import PAYLOAD_TYPE, Header
from federation.ledger import Items, LedgerEntry
from federation.log.kinds import Happened
from federation.log.node_events import UsesCounted
from federation.manifest import PartyRole
from federation.wire import codec

NO_TOKEN = bytes(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """An exchange that its coordinator's log does not have."""

    row: int
    at: int
    asked: Header
    digest: bytes
    tokens: tuple[bytes, ...]


class Department:
    """One department's log as far as it was read; rows come in their order."""

    def __init__(self, party: str, centres: Mapping[str, Centre], around: Around) -> None:
        self.party = party
        self.strangers: list[Stranger] = []
        self.counts: dict[bytes, tuple[Place, ClosingCount]] = {}
        self._centres = centres
        self._around = around

    def take(self, row: int, said: Said, beside: bytes) -> Iterator[Finding]:
        """Take a row of the log; give what is wrong with it."""
        place = Place(self.party, row)
        if isinstance(said, LedgerEntry) and said.kind in KINDS:
            yield from self._answered(place, said, beside)
        elif not isinstance(said, Happened):
            yield found("LOG_RECORD", place, why="kind")
        elif isinstance(said.event, UsesCounted):
            yield from self._counted(place, said.at, said.event, beside)

    def _counted(
        self, place: Place, at: int, event: UsesCounted, beside: bytes
    ) -> Iterator[Finding]:
        """Keep what the department has signed of a token's uses."""
        try:
            count = closing.read(beside, self._around.papers.manifest_at(at), self.party)
        except PeerFault as e:
            yield found("LOG_RECORD", place, token=event.token, why=e.code)
            return
        self.counts[event.count] = place, count

    def _answered(self, place: Place, entry: LedgerEntry, beside: bytes) -> Iterator[Finding]:
        digest = sha256(entry.request).digest()
        try:
            items = ledger.read_items(beside)
            asked = codec.decode_header(entry.request)
            said = codec.decode_header(entry.answer)
            wrong = self._wrong(entry, asked, said, items)
        except PeerFault as e:
            yield found("LOG_RECORD", place, request=digest, why=e.code)
            return
        told = {"qid": asked.qid, "request": digest, "coordinator": asked.sender}
        if wrong:
            yield found("EXCHANGE_DIFFERS", place, **told, why=", ".join(wrong))
        centre = self._centres.get(asked.sender)
        known = centre.exchanges.get(digest) if centre else None
        if known is None:
            yield from self._unknown(place, entry, asked, items)
        elif known.department != self.party:
            yield found("EXCHANGE_DIFFERS", place, known.place, **told, why="department")
        elif known.node is not None:
            yield found("EXCHANGE_TWICE", place, *known.places, **told)
        else:
            known.node = place.row
            yield from self._same(place, known, entry, items)

    def _wrong(self, entry: LedgerEntry, asked: Header, said: Header, items: Items) -> list[str]:
        """Name what does not agree within an entry."""
        digest = sha256(entry.request).digest()
        parts = {
            "time": said.issued == entry.at,
            "parties": (asked.sender, said.audience, said.sender)
            == (entry.caller, entry.caller, self.party),
            "qid": said.qid == asked.qid,
            "request": said.request_hash == digest and said.method == asked.method,
            "questions": merkle.root(items.request_leaves) == asked.root,
            "answers": merkle.root(items.answer_leaves) == said.root,
            "counts": (len(items.request_leaves), len(items.answer_leaves)) == (asked.n, said.n),
        }
        return [name for name, holds in parts.items() if not holds]

    def _unknown(
        self, place: Place, entry: LedgerEntry, asked: Header, items: Items
    ) -> Iterator[Finding]:
        """Keep what its coordinator did not log, if the coordinator has signed it."""
        try:
            document = self._around.papers.manifest_at(entry.at)
            keys = document.party(asked.sender, PartyRole.COORDINATOR).keys
            _check_signed(entry, keys.values())
        except PeerFault as e:
            told = {"qid": asked.qid, "coordinator": asked.sender, "why": e.code}
            yield found("REQUEST_INVALID", place, **told)
            return
        stranger = Stranger(
            row=place.row or 0,
            at=entry.at,
            asked=asked,
            digest=sha256(entry.request).digest(),
            tokens=tuple(one for one in items.tokens if one != NO_TOKEN),
        )
        self.strangers.append(stranger)

    def _same(
        self, place: Place, known: Exchange, entry: LedgerEntry, items: Items
    ) -> Iterator[Finding]:
        """Hold an entry to what the coordinator has logged of it."""
        asked = [one.token for one in known.items]
        if known.asked.method in exchange.SUMMING:
            asked.append(NO_TOKEN)
        if known.block is not None:
            listed = self._around.registry.mandates.get(known.block.signed_list)
            asked = [listed.event.jti if listed else b""]
        parts = {
            "signature": entry.request_signature == known.signature,
            "answer": known.reply is None or sha256(entry.answer).digest() == known.came,
            "kind": KINDS[entry.kind] == known.asked.method,
            "tokens": len(items.tokens) == len(asked)
            and all(
                mine in {NO_TOKEN, theirs} for mine, theirs in zip(items.tokens, asked, strict=True)
            ),
        }
        wrong = [name for name, holds in parts.items() if not holds]
        if wrong:
            told = {"qid": known.asked.qid, "request": known.digest, "why": ", ".join(wrong)}
            yield found("EXCHANGE_DIFFERS", place, *known.places, **told)


def _check_signed(entry: LedgerEntry, keys: Iterable[VerifyKey]) -> None:
    """Refuse a request that none of some keys has signed.

    Raises:
        PeerFault: BAD_SIGNATURE.
    """
    message = envelope.pae(PAYLOAD_TYPE, entry.request)
    for key in keys:
        try:
            key.verify(message, entry.request_signature)
        except CryptoError:
            continue
        return
    raise PeerFault("BAD_SIGNATURE", sender=entry.caller)
