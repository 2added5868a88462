"""Questions under a batch mandate, held to the registrar's lists and to what was enlisted.

Knows lists by their digests. Does not know their people, so that of an answer about them only
signature and header can be held to anything; one that tells nothing of them is verified whole.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256

from auditor.around import Around
from auditor.exchanges import Exchange
from auditor.findings import Finding, Place, found
from auditor.registry import Published
from crypto import envelope
from crypto.errors import CryptoError
from crypto.keys import VerifyKey
from federation.errors import PeerFault, Refused
from federation.exchange import PAYLOAD_TYPE, Answer, Header
from federation.mandate_list import BlockQuestion
from federation.status import Status
from federation.wire import codec, mandate_messages


def requested(
    one: Exchange, block: BlockQuestion, enlisted: Mapping[bytes, int], around: Around
) -> Iterator[Finding]:
    """Hold a question to its list: that of its department, which the centre had enlisted before."""
    name = block.signed_list
    listed = around.registry.mandates.get(name)
    told = {"qid": one.asked.qid, "list": name, "department": one.department}
    if listed is None:
        missed = found("MANDATE_UNLISTED", one.place, **told)
        yield around.missing(missed, one.asked.issued)
    elif listed.event.department != one.department:
        place = Place(around.registry.party, listed.row)
        yield found("MANDATE_UNLISTED", one.place, place, **told, why=listed.event.department)
    elif name not in enlisted:
        yield found("MANDATE_UNLISTED", one.place, **told, why="not enlisted")


def believed(one: Exchange, data: bytes, keys: Mapping[str, VerifyKey]) -> Answer:
    """Hold an answer about a block to the department's signature and to the request.

    Raises:
        PeerFault: BAD_SIGNATURE, WRONG_ANSWER, ITEMS_DO_NOT_MATCH, MALFORMED or OVERSIZE.
    """
    signed, said = mandate_messages.claimed(data)
    if said.whole:
        return mandate_messages.open_answer(data, one.asked, b"", keys).answer
    try:
        envelope.verify(signed, keys, payload_type=PAYLOAD_TYPE)
    except CryptoError as e:
        raise PeerFault("BAD_SIGNATURE", sender=one.department) from e
    header = codec.decode_header(signed.payload)
    bound = header.sender, header.audience, header.qid, header.request_hash, header.n
    digest = sha256(codec.encode_header(one.asked)).digest()
    asked = one.asked.audience, one.asked.sender, one.asked.qid, digest, len(said.outcomes)
    if bound != asked:
        raise PeerFault("WRONG_ANSWER", sender=one.department)
    return said.answer


def check(
    one: Exchange, said: Header, lists: tuple[Published, ...], around: Around
) -> Iterator[Finding]:
    """Hold an answer about people to its list's end, to status lists and to policy."""
    listed = around.registry.mandates.get(one.block.signed_list) if one.block else None
    if listed is None:
        return
    event, place = listed.event, Place(around.registry.party, listed.row)
    told = {"qid": one.asked.qid, "list": event.list, "department": one.department}
    used = next((each for each in lists if each.series == event.series), None)
    change = around.registry.state(event.list, used.row) if used else None
    if change and change.state is not Status.VALID:
        place = Place(around.registry.party, change.row)
        yield found("ANSWER_AFTER_END", *one.places, place, **told)
    if event.expires <= said.issued:
        yield found("RECEIPT_CONSENT", *one.places, place, **told, why="CONSENT_EXPIRED")
    if not _allowed(one, said, around):
        yield found("RECEIPT_POLICY", *one.places, **told, why=f"version {said.policy_version}")


def _allowed(one: Exchange, said: Header, around: Around) -> bool:
    """Tell whether some policy of the version that was gone by allows the question."""
    for rules in around.papers.policies.values():
        if one.block is not None and rules.version == said.policy_version:
            try:
                rules.check_current(said.issued)
                rules.check(one.block.predicate, one.block.parameter, said.purpose)
            except Refused:
                continue
            return True
    return False
