"""Making a signed request out of questions, and reading the signed answer to it.

Pure but for the randomness that is passed in. Knows presentations, case references and the header.
Does not know the database, and sends nothing.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from crypto.keys import SigningKey, VerifyKey
from federation import bundle, limits
from federation import consent as sd_jwt
from federation.errors import PeerFault
from federation.exchange import ASK, Answer, Header, Outcome, Purpose, Question, Refusal
from federation.wire import codec, signed
from federation.wire.signed import Random

Pair = tuple[str, str]

REQUEST_BYTES: Final = limits.MESSAGE_BYTES // 2
"""Questions of a further case go into another request beyond this, so that none is oversize."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks: this coordinator, its key, and the policy version it goes by."""

    party: str
    key: SigningKey = field(repr=False)
    policy_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTerms:
    """What a question needs of its case."""

    case_id: str
    commission: str
    operator: str
    purpose: Purpose
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A token for one department, and the pairs of it that were shown there before."""

    jti: bytes
    token: bytes = field(repr=False)
    presented: frozenset[Pair] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One person's token at one department, with those of its whole household there.

    A department answers about nobody of a household before it has seen all of them (protocol §3).
    ``household`` is empty for a supporter, and for a token that stands alone: a ``recheck``.
    """

    case: CaseTerms
    place: int
    held: Held
    household: tuple[Held, ...] = ()
    recheck: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One question to be put, by its number in the books."""

    ask_id: int
    subject: Subject
    pair: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A signed request, as it is sent."""

    qid: bytes
    data: bytes = field(repr=False)
    items: int
    issued: int
    expires: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A verified answer: one ``Answer`` a question, in order."""

    answers: tuple[Answer, ...]
    shown: tuple[bool, ...]

    @property
    def refused(self) -> int:
        """Count the refusals."""
        return sum(one.outcome is Outcome.REFUSED for one in self.answers)

    @property
    def too_late(self) -> bool:
        """Tell whether the department took the request for expired, and so used up nothing."""
        return all(one.refusal is Refusal.REQUEST_NOT_FRESH for one in self.answers)


def case_reference(case: CaseTerms, department: str) -> bytes:
    """Commit to case, commission and operator; the salt, so the whole, differs per department.

    Opened to an auditor by giving ``department_salt``, which tells nothing about another one's.
    """
    salt = department_salt(case, department)
    return bundle.case_reference(salt, case.case_id, case.commission, case.operator)


def department_salt(case: CaseTerms, department: str) -> bytes:
    """Derive the salt of a case's reference at one department."""
    return hmac.digest(case.salt, department.encode(), "sha256")


def parts(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """Cut questions into requests that fit a message; a case stays whole where it can."""
    part: list[Wanted] = []
    size = 0
    for _, same_case in groupby(wanted, key=lambda one: one.subject.case.case_id):
        questions = list(same_case)
        shown = {held.jti: held for one in questions for held in _with_household(one.subject)}
        cost = sum(len(held.token) for held in shown.values())
        full = len(part) + len(questions) > limits.ITEMS or size + cost > REQUEST_BYTES
        if part and (full or part[0].subject.case.purpose != questions[0].subject.case.purpose):
            yield part
            part, size = [], 0
        part, size = part + questions, size + cost
        while len(part) > limits.ITEMS:
            yield part[: limits.ITEMS]
            part = part[limits.ITEMS :]
    if part:
        yield part


def compose(
    asker: Asker, department: str, wanted: Sequence[Wanted], now: int, random: Random
) -> Request:
    """Sign one request; a token shown before is named by its id, another is presented.

    Raises:
        Refused: CONSENT_NOT_GRANTED when a token does not hold a question.
    """
    names, presentations = _presentations(wanted)
    items = _items(department, wanted, names)
    header = Header(
        method=ASK,
        sender=asker.party,
        audience=department,
        qid=random(limits.QID_BYTES),
        issued=now,
        expires=now + limits.REQUEST_LIFE,
        n=len(items),
        root=signed.UNSET_ROOT,
        purpose=wanted[0].subject.case.purpose.value,
        policy_version=asker.policy_version,
    )
    batch = signed.sign(signed.prepare(header, items, random), asker.key, presentations)
    return Request(
        qid=header.qid,
        data=codec.encode_batch(batch),
        items=len(items),
        issued=header.issued,
        expires=header.expires,
    )


def _items(department: str, wanted: Sequence[Wanted], names: Mapping[bytes, bytes]) -> list[bytes]:
    """Write the questions; ``names`` are presentations by token, else the token's id stands."""
    references: dict[str, bytes] = {}
    items = []
    for one in wanted:
        case = one.subject.case
        if case.case_id not in references:
            references[case.case_id] = case_reference(case, department)
        shown = names.get(one.subject.held.jti)
        question = Question(
            predicate=one.pair[0],
            parameter=one.pair[1],
            presentation=shown or b"",
            jti=b"" if shown else one.subject.held.jti,
            case_ref=references[case.case_id],
        )
        items.append(codec.encode_question(question))
    return items


def read_reply(request: bytes, reply: bytes, keys: Mapping[str, VerifyKey]) -> Reply:
    """Verify an answer against the request it must answer.

    Raises:
        PeerFault: OVERSIZE, MALFORMED, BAD_SIGNATURE, ITEMS_DO_NOT_MATCH or WRONG_ANSWER.
    """
    sent = codec.decode_batch(request)
    header = signed.claimed_header(sent)
    opened = signed.open_answer(codec.decode_batch(reply), header, keys)
    answers = tuple(codec.decode_answer(item) for item in opened.items)
    if len(answers) != header.n:
        raise PeerFault("WRONG_ANSWER", sender=header.audience)
    shown = tuple(bool(codec.decode_question(item.item).presentation) for item in sent.items)
    return Reply(answers=answers, shown=shown)


def _presentations(
    wanted: Sequence[Wanted],
) -> tuple[dict[bytes, bytes], tuple[bytes, ...]]:
    """Disclose what is asked now of every token whose questions were not all shown before.

    With a token that is new to the department goes its whole household, by what was shown of it
    before, or with nothing disclosed.
    """
    pairs: dict[bytes, list[Pair]] = {}
    tokens: dict[bytes, Held] = {}
    beside: dict[bytes, Held] = {}
    for one in wanted:
        held = one.subject.held
        pairs.setdefault(held.jti, []).append(one.pair)
        tokens[held.jti] = held
        beside |= {each.jti: each for each in _with_household(one.subject)}
    names: dict[bytes, bytes] = {}
    shown: list[bytes] = []
    for jti, held in tokens.items():
        if not held.presented.issuperset(pairs[jti]):
            presentation = sd_jwt.disclose(held.token, pairs[jti])
            names[jti] = hashlib.sha256(presentation).digest()
            shown.append(presentation)
    shown += [
        sd_jwt.disclose(held.token, sorted(held.presented))
        for jti, held in beside.items()
        if jti not in names
    ]
    return names, tuple(shown)


def _with_household(subject: Subject) -> tuple[Held, ...]:
    """Give the tokens that go with a subject's, and its own, if that is new to the department."""
    return () if subject.held.presented else (subject.held, *subject.household)
