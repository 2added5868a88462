"""A receipt, verified from its first link to its last: what it proves, or which link is broken.

Knows the order of links and where in the file each part lies. Does not know what a link demands
(``verify``, ``inclusion``), where documents come from (``papers``), files or screens.

An answer that says nothing of anybody (REFUSED, PRESENT_AGAIN) needs no consent and no policy; what
its receipt names must be there all the same, so that no byte of it is idle.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final

from auditor import inclusion, verify
from auditor.papers import Papers
from crypto.keys import VerifyKey
from federation import exchange, limits, status
from federation.bundle import Contents
from federation.consent import Claims
from federation.errors import PeerFault
from federation.exchange import Answer, Header, Question
from federation.manifest import Manifest
from federation.receipt import Receipt
from federation.wire import receipt_messages
from federation.wire.receipt_messages import Places, span

LINKS: Final = {
    "form": ("RECEIPT_MALFORMED",),
    "documents": ("RECEIPT_MANIFEST",),
    "request": ("RECEIPT_REQUEST_SIGNATURE", "RECEIPT_REQUEST_ITEM"),
    "answer": (
        *("RECEIPT_ANSWER_SIGNATURE", "RECEIPT_ANSWER_ITEM"),
        *("RECEIPT_REQUEST_HASH", "RECEIPT_WRONG_ANSWER", "RECEIPT_TIMES"),
    ),
    "consent": (
        *("RECEIPT_TOKEN_MISSING", "RECEIPT_TOKEN_OTHER", "RECEIPT_CONSENT"),
        *("TOKEN_SIGNATURE", "TOKEN_PARTIES", "TOKEN_TERMS"),
    ),
    "status": ("RECEIPT_STATUS_LIST", "RECEIPT_STATUS_AGE", "RECEIPT_REVOKED"),
    "policy": ("RECEIPT_POLICY",),
    "log": ("RECEIPT_LOG_RECORD", "RECEIPT_LOG_PROOF"),
    "checkpoint": ("RECEIPT_CHECKPOINT", "RECEIPT_COSIGNATURE", "RECEIPT_WITNESSES"),
}
"""The links in the order in which they are looked at, each with the codes that name it broken."""


class Remark(StrEnum):
    """What does not break a receipt, and yet is to be known."""

    REFUSED = "REFUSED"
    NO_STATUS_LIST = "NO_STATUS_LIST"
    LATE_INCLUSION = "LATE_INCLUSION"
    LATE_COSIGNATURE = "LATE_COSIGNATURE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What receipts name and need not enclose: presentations by SHA-256, lists by joint digest."""

    presentations: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)
    lists: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, presentations: Iterable[bytes], lists: Iterable[Sequence[bytes]] = ()) -> "Beside":
        """Find everything by its own digest, whatever it is called."""
        return cls(
            presentations={sha256(one).digest(): one for one in presentations},
            lists={status.joint_digest(jwts): tuple(jwts) for jwts in lists},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a receipt proves. Times in seconds.

    ``cosigned_after`` counts from the answer to the cosignature that made them enough;
    ``status_age`` is None where no list was there. ``remarks`` may say how many seconds.
    """

    asked: Header
    said: Header
    question: Question
    answer: Answer
    claims: Claims | None
    index: int
    size: int
    witnesses: tuple[str, ...]
    cosigned_after: int
    status_age: int | None
    policy: tuple[str, int]
    document: Manifest
    remarks: Mapping[Remark, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A receipt, where its parts lie in the file that is looked at, and by which method it is."""

    receipt: Receipt
    places: Places = field(default_factory=dict)
    method: str = exchange.ASK


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """A verified request and answer, and what they are judged by."""

    receipt: Receipt
    places: Places
    papers: Papers
    beside: Beside
    document: Manifest
    asked: Header
    said: Header
    question: Question
    answer: Answer
    holder: VerifyKey

    @property
    def silent(self) -> bool:
        return self.answer.outcome in verify.SAID_NOTHING


def check(data: bytes, papers: Papers, beside: Beside | None = None) -> Proven:
    """Verify a receipt.

    Raises:
        PeerFault: one code a broken link, see ``LINKS``; ``bytes`` tells where in the receipt.
    """
    receipt = receipt_messages.decode_receipt(data)
    shown = Shown(receipt=receipt, places=receipt_messages.places(data))
    return prove(shown, papers, beside or Beside())


def prove(shown: Shown, papers: Papers, beside: Beside) -> Proven:
    """Verify what a receipt shows, wherever its parts lie.

    Raises:
        PeerFault: as ``check``, RECEIPT_MALFORMED apart.
    """
    one = _exchange(shown, papers, beside)
    claims = _consent(one)
    age = _status(one, claims)
    policy = _policy(one, claims)
    logged, cosigners = _log(one)
    times = sorted(cosigners.values())
    after = [max(0, at - one.said.issued) for at in times]
    enough = after[one.document.quorum - 1]
    return Proven(
        asked=one.asked,
        said=one.said,
        question=one.question,
        answer=one.answer,
        claims=claims,
        index=logged.index,
        size=logged.checkpoint.size,
        witnesses=tuple(sorted(cosigners)),
        cosigned_after=enough,
        status_age=age,
        policy=policy,
        document=one.document,
        remarks=_remarks(one, age, after[0], enough),
    )


def check_case(one: Proven, contents: Contents) -> None:
    """Refuse an answer about another case, commission or operator than a bundle is about.

    Raises:
        PeerFault: BUNDLE_CASE.
    """
    reference = contents.case_reference(one.said.sender)
    if reference != one.question.case_ref:
        told = reference.hex() if reference else ""
        raise PeerFault("BUNDLE_CASE", signed=one.question.case_ref.hex(), computed=told)


def _exchange(shown: Shown, papers: Papers, beside: Beside) -> _Exchange:
    receipt, places = shown.receipt, shown.places
    with located(places, "request"):
        asked = verify.header(receipt.request)
    with located(places, "answer"):
        said = verify.header(receipt.answer)
    with located(places, "manifest"):
        papers.check_named(receipt.manifest)
    with located(places, "answer"):
        document = papers.manifest_at(said.issued)
    with located(places, "request"):
        question, holder = verify.request(receipt.request, asked, document)
    with located(places, "answer"):
        answer = verify.answer(receipt.answer, said, asked, document)
        verify.bound(receipt.request, receipt.answer, (asked, said), shown.method)
    one = _Exchange(
        receipt=receipt,
        places=places,
        papers=papers,
        beside=beside,
        document=document,
        asked=asked,
        said=said,
        question=question,
        answer=answer,
        holder=holder,
    )
    if not one.silent:
        with located(places, "request", "answer"):
            verify.times(asked, said, shown.method)
    return one


def _consent(one: _Exchange) -> Claims | None:
    """Verify by which token was asked; None where a refused question shows a token as it is."""
    receipt = one.receipt
    presentation = receipt.presentation or one.beside.presentations.get(receipt.consent, b"")
    with located(one.places, "consent", "presentation"):
        verify.named(one.question, receipt.consent, presentation)
        if one.silent and one.question.presentation:
            return None
        shown = verify.token(presentation, one.document)
        verify.same_token(one.question, shown)
        if not one.silent:
            verify.consented(shown, one.question, one.said, one.holder)
    return shown.claims


def _status(one: _Exchange, claims: Claims | None) -> int | None:
    jwts = one.receipt.status_lists or one.beside.lists.get(one.said.status_list_digest, ())
    if not jwts:
        return None
    with located(one.places, "status_lists"):
        found = verify.lists(jwts, one.said, one.document)
        if one.silent or claims is None:
            return None
        return verify.unrevoked(found, claims, one.said)


def _policy(one: _Exchange, claims: Claims | None) -> tuple[str, int]:
    with located(one.places, "policy"):
        rules = one.papers.policy_named(one.receipt.policy, one.said.issued)
        verify.policy_of(rules, one.asked)
        if claims is not None and not one.silent:
            verify.allowed(rules, one.question, claims, one.said)
    return rules.family, rules.version


def _log(one: _Exchange) -> tuple[inclusion.Logged, dict[str, int]]:
    with located(one.places, "log"):
        inclusion.recorded(one.receipt, one.asked.sender, one.said)
        department = one.said.sender
        logged = inclusion.included(one.receipt.log, one.document.note_name(department))
        at = inclusion.latest(logged.note, one.said.issued)
        return logged, inclusion.cosigned(logged.note, department, one.papers.manifest_at(at))


def _remarks(one: _Exchange, age: int | None, seen: int, enough: int) -> dict[Remark, int]:
    """Say what falls short of the promises: a first witness has seen the entry by then at least."""
    found: dict[Remark, int] = {}
    if one.silent:
        found[Remark.REFUSED] = one.answer.refusal
    elif age is None:
        found[Remark.NO_STATUS_LIST] = 0
    if seen > limits.INCLUSION:
        found[Remark.LATE_INCLUSION] = seen
    if enough > limits.COSIGNATURE:
        found[Remark.LATE_COSIGNATURE] = enough
    return found


@contextmanager
def located(places: Places, *parts: str) -> Iterator[None]:
    """Add to an error where in the receipt the broken link lies, as far as it is in there."""
    try:
        yield
    except PeerFault as error:
        there = [places[part] for part in parts if part in places]
        if there:
            first, stop = min(one for one, _ in there), max(one for _, one in there)
            error.details.setdefault("bytes", span(first, stop))
        raise
