"""A party's log on the wire: who may read what of it, and the ways to others' logs and witnesses.

Knows roles and messages. Does not verify what is read: an auditor or a witness does.
"""

from collections.abc import Callable, Mapping
from typing import Final

from federation.errors import PeerFault, Unavailable
from federation.log import reader
from federation.log.book import Book
from federation.log.keeper import Keeper
from federation.log.reader import LogReader
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.party import Party
from federation.wire import log_messages as messages
from federation.wire.channel import Peers
from federation.wire.log_messages import PART_BYTES, LogPart, LogRequest
from federation.wire.server import Handler, Service

PATIENCE: Final = 30.0
"""For one part of a resource, seconds."""
WITNESS_PATIENCE: Final = 5.0
"""For one witness, seconds."""


def service(book: Book, manifest: Callable[[], Manifest]) -> Service:
    """Serve ``federation.v1.Log``: all to auditors, all but records to witnesses.

    The server answers others with PARTY_UNKNOWN or WRONG_PARTY.
    """

    def read(caller: str, data: bytes) -> bytes:
        known = manifest()
        request = messages.decode_request(data)
        _check_reader(known.party(caller).role, request.path)
        part, size = reader.part(book, request.path, request.offset, PART_BYTES, known.quorum)
        return messages.encode_part(LogPart(data=part, size=size))

    return Service(name=messages.LOG, methods={"Read": read})


def while_sound(keeper: Keeper, methods: Mapping[str, Handler]) -> dict[str, Handler]:
    """Let nothing be done, and nothing be said, while a party's log is not what it was."""

    def guarded(handler: Handler) -> Handler:
        def answer(caller: str, data: bytes) -> bytes:
            keeper.check_sound()
            return handler(caller, data)

        return answer

    return {name: guarded(handler) for name, handler in methods.items()}


def log_reader(peers: Peers, peer: PartyEntry) -> LogReader:
    """Give the way to another party's log, which comes in parts.

    Raises (the reader):
        PeerFault: WRONG_PARTY, MALFORMED; OVERSIZE or WRONG_ANSWER when parts do not fit together.
        Unavailable: LOG_PART_MISSING, also when it changed meanwhile; or as the call fails.
    """

    def read(path: str) -> bytes:
        limit = reader.limit(path)
        parts: list[bytes] = []
        got, size = 0, 1
        while got < size:
            request = messages.encode_request(LogRequest(path=path, offset=got))
            reply = peers.call(peer, messages.READ, request, timeout=PATIENCE)
            part = messages.decode_part(reply)
            if part.size > limit:
                raise PeerFault("OVERSIZE", limit=limit, size=part.size)
            if got and part.size != size:
                raise Unavailable("LOG_PART_MISSING", path=path)
            got, size = got + len(part.data), part.size
            if not part.data or got > size:
                raise PeerFault("WRONG_ANSWER", sender=peer.id)
            parts.append(part.data)
        return reader.checked(path, b"".join(parts))

    return read


def witness_sender(party: Party, peers: Peers) -> Callable[[str, bytes], bytes]:
    """Give the way to the witnesses, by their ids."""

    def send(witness: str, request: bytes) -> bytes:
        entry = party.manifest.party(witness, PartyRole.WITNESS)
        return peers.call(entry, messages.ADD_CHECKPOINT, request, timeout=WITNESS_PATIENCE)

    return send


def _check_reader(role: PartyRole, path: str) -> None:
    if role is PartyRole.AUDITOR:
        return
    if role is not PartyRole.WITNESS or reader.is_records(path):
        raise PeerFault("WRONG_PARTY")
