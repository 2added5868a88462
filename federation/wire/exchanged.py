"""A request on its way to its answer: the answer's header, and what the log says of both.

Knows what every party that answers signed questions writes alike. Does not know what is answered.
"""

from dataclasses import dataclass

from federation import ledger as ledgers
from federation import limits
from federation.admission import Moment
from federation.exchange import Header
from federation.ledger import Items, LedgerEntry
from federation.wire import codec, signed
from federation.wire.codec import SignedBatch
from federation.wire.signed import Opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A verified request, as it came, and the moment at which it is decided."""

    opened: Opened
    batch: SignedBatch
    moment: Moment


def header(party: str, exchange: Exchange) -> Header:
    """Make the header of the answer to a request, its count and root apart."""
    asked, moment = exchange.opened.header, exchange.moment
    return Header(
        method=asked.method,
        sender=party,
        audience=asked.sender,
        qid=asked.qid,
        issued=moment.now,
        expires=moment.now + limits.REQUEST_LIFE,
        purpose=asked.purpose,
        policy_version=moment.policy.version,
        n=len(exchange.opened.items),
        root=signed.UNSET_ROOT,
        request_hash=exchange.opened.digest,
        status_list_digest=moment.revoked.digest if moment.revoked else b"",
    )


def log_row(kind: str, exchange: Exchange, answer: bytes, items: Items) -> tuple[bytes, bytes]:
    """Write an exchange for the log: its record, and what lies beside it."""
    sent, beside = exchange.batch.envelope, items.write()
    entry = LedgerEntry(
        at=exchange.moment.now,
        kind=kind,
        caller=exchange.opened.header.sender,
        request=sent.payload,
        request_signature=sent.signatures[0].sig,
        answer=answer,
        beside=ledgers.digest(beside),
    )
    return codec.encode_entry(entry), beside
