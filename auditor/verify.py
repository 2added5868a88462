"""The links between a question, its answer, and who allowed it; each names what is wrong.

Knows what must hold between the parts of a receipt, a manifest and a policy (protocol §6), the log
apart (``inclusion``). Pure: values in, values out, an error where a link is broken, with what was
signed and what was computed. Does not know files, the order of links (``receipts``), or screens.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from crypto import envelope, merkle
from crypto.errors import BadProof, CryptoError
from crypto.keys import VerifyKey
from federation import consent, exchange, limits, status
from federation.clock import epoch_end, epoch_of
from federation.consent import Claims, Consent
from federation.errors import PeerFault, Refused
from federation.exchange import PAYLOAD_TYPE, Answer, Header, Outcome, Question
from federation.manifest import AUDIENCES, Manifest, PartyRole
from federation.policy import Policy
from federation.receipt import ProvenItem
from federation.status import Status, StatusList, StatusLists
from federation.wire import codec

_TALLYING: Final = frozenset({exchange.COMPARE, exchange.TEST})
SAID_NOTHING: Final = frozenset({Outcome.REFUSED, Outcome.PRESENT_AGAIN})
"""Answers that tell nothing of anybody: they need no consent."""
_BASES: Final = frozenset({"CONSENT", "IN_FORCE_AID"})
_ROLES: Final = frozenset({"APPLICANT", "MEMBER", "SUPPORTER"})
_DAY: Final = 86_400
_BOUND: Final = ("method", "schema", "qid", "n", "purpose")
"""What the headers of a request and of its answer have in common."""


def role(method: str) -> PartyRole:
    """Give the role of who answers a method."""
    return PartyRole.TALLY if method in _TALLYING else PartyRole.NODE


def header(part: ProvenItem) -> Header:
    """Read the header of an item, unverified.

    Raises:
        PeerFault: RECEIPT_MALFORMED.
    """
    try:
        return codec.decode_header(part.envelope.payload)
    except PeerFault as e:
        raise PeerFault("RECEIPT_MALFORMED", why=e.code) from e


def request(part: ProvenItem, asked: Header, document: Manifest) -> tuple[Question, VerifyKey]:
    """Hold a question to a coordinator's signature; give it, and the key that signed.

    Raises:
        PeerFault: RECEIPT_REQUEST_SIGNATURE, RECEIPT_REQUEST_ITEM or RECEIPT_MALFORMED.
    """
    try:
        keys = document.party(asked.sender, PartyRole.COORDINATOR).keys
        envelope.verify(part.envelope, keys, payload_type=PAYLOAD_TYPE)
    except (PeerFault, CryptoError) as e:
        raise PeerFault("RECEIPT_REQUEST_SIGNATURE", party=asked.sender[:64]) from e
    reached = _reached(part, asked)
    if reached != asked.root:
        raise PeerFault("RECEIPT_REQUEST_ITEM", **_differ(asked.root, reached), item=part.index)
    return question(part), keys[part.envelope.signatures[0].kid]


def question(part: ProvenItem) -> Question:
    """Read the question of an item.

    Raises:
        PeerFault: RECEIPT_MALFORMED.
    """
    try:
        return codec.decode_question(part.item.item)
    except PeerFault as e:
        raise PeerFault("RECEIPT_MALFORMED", why=e.code) from e


def answer(part: ProvenItem, said: Header, asked: Header, document: Manifest) -> Answer:
    """Hold an answer to the signature of the department that was asked.

    Raises:
        PeerFault: RECEIPT_ANSWER_SIGNATURE, RECEIPT_ANSWER_ITEM or RECEIPT_MALFORMED.
    """
    try:
        keys = document.party(asked.audience, role(asked.method)).keys
        envelope.verify(part.envelope, keys, payload_type=PAYLOAD_TYPE)
    except (PeerFault, CryptoError) as e:
        raise PeerFault("RECEIPT_ANSWER_SIGNATURE", party=asked.audience[:64]) from e
    reached = _reached(part, said)
    if reached != said.root:
        raise PeerFault("RECEIPT_ANSWER_ITEM", **_differ(said.root, reached), item=part.index)
    try:
        return codec.decode_answer(part.item.item)
    except PeerFault as e:
        raise PeerFault("RECEIPT_MALFORMED", why=e.code) from e


def bound(
    asked: ProvenItem,
    said: ProvenItem,
    headers: tuple[Header, Header],
    method: str = exchange.ASK,
) -> None:
    """Refuse an answer to another request, to another of its questions, or by another method.

    Raises:
        PeerFault: RECEIPT_REQUEST_HASH or RECEIPT_WRONG_ANSWER.
    """
    before, after = headers
    computed = hashlib.sha256(asked.envelope.payload).digest()
    if after.request_hash != computed:
        raise PeerFault("RECEIPT_REQUEST_HASH", **_differ(after.request_hash, computed))
    kind = before.method, before.schema
    wrong = [] if kind == (method, exchange.SCHEMA) else ["method"]
    wrong += [name for name in _BOUND if getattr(before, name) != getattr(after, name)]
    wrong += ["sender"] if after.sender != before.audience else []
    wrong += ["audience"] if after.audience != before.sender else []
    wrong += ["index"] if asked.index != said.index else []
    if wrong:
        raise PeerFault("RECEIPT_WRONG_ANSWER", why=wrong[0])


def times(asked: Header, said: Header, method: str = exchange.ASK) -> None:
    """Hold request and answer to the method and lives of the protocol, and to one another.

    Raises:
        PeerFault: RECEIPT_TIMES.
    """
    try:
        exchange.check_request(asked, audience=said.sender, method=method, now=said.issued)
    except Refused as e:
        why = e.details.get("why", e.code)
        raise PeerFault("RECEIPT_TIMES", why=why, asked=asked.issued, said=said.issued) from e
    if not 0 < said.expires - said.issued <= limits.REQUEST_LIFE:
        raise PeerFault("RECEIPT_TIMES", why="life", asked=asked.issued, said=said.issued)


def named(question: Question, digest: bytes, presentation: bytes) -> None:
    """Refuse a presentation that is not the named one, and a name that the question does not give.

    Raises:
        PeerFault: RECEIPT_TOKEN_MISSING or RECEIPT_TOKEN_OTHER.
    """
    if question.presentation and question.presentation != digest:
        raise PeerFault("RECEIPT_TOKEN_OTHER", **_differ(question.presentation, digest))
    if not presentation:
        raise PeerFault("RECEIPT_TOKEN_MISSING", named=digest.hex())
    computed = hashlib.sha256(presentation).digest()
    if computed != digest:
        raise PeerFault("RECEIPT_TOKEN_OTHER", **_differ(digest, computed))


def token(presentation: bytes, document: Manifest) -> Consent:
    """Hold a consent token to the registrar's signature, the manifest's parties and its own terms.

    Raises:
        PeerFault: TOKEN_SIGNATURE, TOKEN_PARTIES or TOKEN_TERMS.
    """
    registrar = document.registrar
    try:
        shown = consent.read(presentation, registrar.keys)
    except PeerFault as e:
        raise PeerFault("TOKEN_SIGNATURE", why=e.details["why"]) from e
    claims = shown.claims
    holders = {
        key.raw for one in document.having(PartyRole.COORDINATOR) for key in one.keys.values()
    }
    audience = document.parties.get(claims.audience)
    if claims.issuer != registrar.id or audience is None or audience.role not in AUDIENCES:
        raise PeerFault("TOKEN_PARTIES", why=f"{claims.issuer}, {claims.audience}")
    if claims.holder not in holders:
        raise PeerFault("TOKEN_PARTIES", why="holder")
    if claims.basis not in _BASES or claims.role not in _ROLES:
        raise PeerFault("TOKEN_TERMS", why=f"{claims.basis}, {claims.role}")
    if claims.expires > _latest_end(claims.issued):
        raise PeerFault("TOKEN_TERMS", why="end")
    return shown


def token_fault(presentation: bytes, document: Manifest) -> tuple[int, int]:
    """Find the part of a presentation that does not hold: first byte and one past the last.

    That is the signed part, or the first disclosure that the signed part does not vouch for.
    """
    keys = document.registrar.keys
    jwt, *disclosures = presentation.split(b"~")
    at = len(jwt)
    if not _reads(jwt + b"~", keys):
        return 0, at + 1
    for one in disclosures:
        stop = at + 1 + len(one)
        if one and not _reads(b"~".join([jwt, one, b""]), keys):
            return at, stop + 1
        at = stop
    return len(jwt), len(presentation)


def same_token(question: Question, shown: Consent) -> None:
    """Refuse a token of another id than the question names, if it names one.

    Raises:
        PeerFault: RECEIPT_TOKEN_OTHER.
    """
    if question.jti and question.jti != shown.claims.jti:
        raise PeerFault("RECEIPT_TOKEN_OTHER", **_differ(question.jti, shown.claims.jti))


def consented(shown: Consent, question: Question, said: Header, holder: VerifyKey) -> None:
    """Hold a question to the token that it names: for whom, by whom, when, what for, and what.

    Raises:
        PeerFault: RECEIPT_CONSENT.
    """
    claims = shown.claims
    try:
        consent.check_consent(shown, audience=said.sender, holder=holder.raw, now=said.issued)
    except Refused as e:
        raise PeerFault("RECEIPT_CONSENT", why=e.code) from e
    if claims.purpose != said.purpose:
        raise PeerFault("RECEIPT_CONSENT", why="CONSENT_WRONG_PURPOSE")
    if (question.predicate, question.parameter) not in shown.grants:
        raise PeerFault("RECEIPT_CONSENT", why="CONSENT_NOT_GRANTED")


def lists(jwts: Sequence[bytes], said: Header, document: Manifest) -> StatusLists:
    """Hold status lists to the digest that the department signed, and to the registrar's key.

    Raises:
        PeerFault: RECEIPT_STATUS_LIST.
    """
    keys = tuple(document.registrar.keys.values())
    prefix = status.uri_of(document.registrar.id, said.sender).removesuffix("0")
    try:
        found = StatusLists.of(*(_list(jwt, prefix, keys) for jwt in jwts))
    except PeerFault as e:
        raise PeerFault("RECEIPT_STATUS_LIST", why=e.code) from e
    if found.digest != said.status_list_digest or len(found.by_uri) != len(jwts):
        raise PeerFault("RECEIPT_STATUS_LIST", **_differ(said.status_list_digest, found.digest))
    return found


def unrevoked(found: StatusLists, claims: Claims, said: Header) -> int:
    """Hold a token to the lists that a department went by; give their age in seconds.

    Raises:
        PeerFault: RECEIPT_STATUS_AGE, RECEIPT_STATUS_LIST or RECEIPT_REVOKED.
    """
    age = said.issued - found.issued
    try:
        status.check_fresh(found, said.issued)
    except Refused as e:
        raise PeerFault("RECEIPT_STATUS_AGE", seconds=age) from e
    if claims.status_uri not in found.by_uri:
        raise PeerFault("RECEIPT_STATUS_LIST", why=claims.status_uri)
    state = found.by_uri[claims.status_uri].at(claims.status_index)
    if state is not Status.VALID:
        raise PeerFault("RECEIPT_REVOKED", why=state.name, entry=claims.status_index)
    return max(age, 0)


def policy_of(rules: Policy, asked: Header) -> None:
    """Refuse a policy of another version than the request goes by.

    Raises:
        PeerFault: RECEIPT_POLICY.
    """
    if asked.policy_version != rules.version:
        raise PeerFault("RECEIPT_POLICY", why=f"version {asked.policy_version}")


def allowed(rules: Policy, question: Question, claims: Claims, said: Header) -> None:
    """Hold a question to the policy that the department went by.

    Raises:
        PeerFault: RECEIPT_POLICY.
    """
    if said.policy_version != rules.version:
        raise PeerFault("RECEIPT_POLICY", why=f"version {said.policy_version}")
    try:
        rules.check_current(said.issued)
        rules.check(question.predicate, question.parameter, said.purpose)
    except Refused as e:
        raise PeerFault("RECEIPT_POLICY", why=e.code) from e
    if claims.policy_family != rules.family or claims.policy_version > rules.version:
        raise PeerFault("RECEIPT_POLICY", why=f"{claims.policy_family} {claims.policy_version}")


def _reads(presentation: bytes, keys: Mapping[str, VerifyKey]) -> bool:
    try:
        consent.read(presentation, keys)
    except PeerFault:
        return False
    return True


@lru_cache(maxsize=16)
def _list(jwt: bytes, prefix: str, keys: tuple[VerifyKey, ...]) -> StatusList:
    """Read a list of one department; the answers of an hour go by few of them.

    Raises:
        PeerFault: STATUS_LIST_INVALID.
    """
    uri = status.claimed_uri(jwt)
    if not uri.startswith(prefix):
        raise PeerFault("STATUS_LIST_INVALID", why="another department's")
    return status.read(jwt, uri=uri, issuers={key.kid: key for key in keys})


@lru_cache(maxsize=1_024)
def _latest_end(issued: int) -> int:
    """Give the latest end of a token issued on a day (protocol §3)."""
    return epoch_end(epoch_of(issued + _DAY - 1)) + limits.EPOCH_GRACE


def _reached(part: ProvenItem, signed: Header) -> bytes:
    """Give the root that an item's path leads to; nothing where it leads nowhere."""
    leaf = envelope.item_leaf(part.item.salt, part.item.item)
    try:
        return merkle.root_by_path(leaf, part.index, signed.n, part.path)
    except BadProof:
        return b""


def _differ(signed: bytes, computed: bytes) -> Mapping[str, str]:
    return {"signed": signed.hex(), "computed": computed.hex()}
