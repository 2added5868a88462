"""Making the signed requests of a sum, and reading the signed answers to them.

Pure but for the randomness that is passed in. Every request shows the tokens of all slots, each
with the one grant that it is asked under; nothing is remembered of what was shown. Does not know
the database, and sends nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from coordinator.asking.questions import SumAsk
from coordinator.asking.requests import Asker, CaseTerms, Pair, Request, case_reference
from coordinator.asking.rounds import METHODS, Step
from crypto.keys import VerifyKey
from federation import consent as sd_jwt
from federation import limits
from federation.errors import PeerFault, Refused
from federation.exchange import Answer, Header, Outcome, Question
from federation.group import Group
from federation.summing import SumGrant
from federation.transcript import Round
from federation.wire import codec, signed
from federation.wire.signed import Random

_DONE = {
    Round.CONTRIBUTE: Outcome.CONTRIBUTED,
    Round.COMPARE: Outcome.COMPARED,
    Round.TEST: Outcome.COMPARED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A sum to be asked: its case, and the tokens of all its people by party.

    ``declared`` and its salt are those of the case where the sum is compared with them.
    """

    sum_id: int
    ask: SumAsk
    case: CaseTerms
    tokens: Mapping[str, Sequence[bytes]] = field(repr=False)
    declared: int = field(default=0, repr=False)
    declared_salt: bytes = field(default=b"", repr=False)

    @property
    def pair(self) -> Pair:
        """Give predicate and rung."""
        return self.ask.predicate, self.ask.parameter

    def slots(self, party: str, group: Group) -> list[bytes]:
        """Give the tokens for one party in the order of their slots.

        Raises:
            Refused: SUM_GROUP when they are for another group, or for none.
        """
        numbered = {}
        for token in self.tokens.get(party, ()):
            grant = _joint(token, self.pair)
            if grant is None or grant.group != group.digest:
                raise Refused("SUM_GROUP", predicate=self.ask.predicate)
            numbered[grant.slot] = token
        if len(numbered) != len(self.ask.persons):
            raise Refused("SUM_GROUP", predicate=self.ask.predicate)
        return [numbered[slot] for slot in sorted(numbered)]

    def grant(self, group: Group) -> SumGrant:
        """Give what the first slot's token for the tally grants.

        Raises:
            Refused: as ``slots``.
        """
        grant = _joint(self.slots(group.tally.id, group)[0], self.pair)
        assert grant is not None  # noqa: S101 - slots() has refused that
        return grant


@dataclass(frozen=True, slots=True, kw_only=True)
class SumReply:
    """A verified answer: what was told for every slot alike, and the item that is last."""

    answer: Answer
    last: bytes = field(repr=False)


def compose(
    asker: Asker, step: Step, work: Work, group: Group, now: int, random: Random
) -> Request:
    """Sign the request of a step.

    Raises:
        Refused: SUM_GROUP, or CONSENT_NOT_GRANTED when a token does not hold the sum.
    """
    shown = [sd_jwt.disclose(token, [work.pair]) for token in work.slots(step.party, group)]
    reference = case_reference(work.case, step.party)
    items = [
        codec.encode_question(
            Question(
                predicate=work.ask.predicate,
                parameter=work.ask.parameter,
                presentation=sha256(one).digest(),
                case_ref=reference,
            )
        )
        for one in shown
    ]
    header = Header(
        method=METHODS[step.round],
        sender=asker.party,
        audience=step.party,
        qid=random(limits.QID_BYTES),
        issued=now,
        expires=now + limits.REQUEST_LIFE,
        n=len(items) + 1,
        root=signed.UNSET_ROOT,
        purpose=work.case.purpose.value,
        policy_version=asker.policy_version,
    )
    unsigned = signed.prepare(header, [*items, step.last], random)
    return Request(
        qid=header.qid,
        data=codec.encode_batch(signed.sign(unsigned, asker.key, tuple(shown))),
        items=len(items),
        issued=header.issued,
        expires=header.expires,
    )


def read_reply(
    step: Round, request: bytes, reply: bytes, keys: Mapping[str, VerifyKey]
) -> SumReply:
    """Verify an answer against the request it must answer; all its slots say the same.

    Raises:
        PeerFault: OVERSIZE, MALFORMED, BAD_SIGNATURE, ITEMS_DO_NOT_MATCH or WRONG_ANSWER.
    """
    header = signed.claimed_header(codec.decode_batch(request))
    *slots, last = signed.open_answer(codec.decode_batch(reply), header, keys).items
    answers = [codec.decode_answer(item) for item in slots]
    known = {_DONE[step], Outcome.REFUSED, Outcome.STALE, Outcome.PRESENT_AGAIN}
    known |= {Outcome.ABORTED} if step is Round.COMPARE else set()
    alike = {(one.outcome, one.refusal) for one in answers}
    if len(alike) != 1 or answers[0].outcome not in known:
        raise PeerFault("WRONG_ANSWER", sender=header.audience)
    given = answers[0].outcome in {_DONE[step], Outcome.ABORTED}
    if bool(last) is not given:
        raise PeerFault("WRONG_ANSWER", sender=header.audience)
    return SumReply(answer=_oldest(answers), last=last)


def read_kept(reply: bytes) -> SumReply:
    """Read an answer that was verified before it was kept.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    *slots, last = (one.item for one in codec.decode_batch(reply).items)
    return SumReply(answer=_oldest([codec.decode_answer(item) for item in slots]), last=last)


def _oldest(answers: Sequence[Answer]) -> Answer:
    return min(answers, key=lambda one: one.as_of)


def _joint(token: bytes, pair: Pair) -> SumGrant | None:
    grant = sd_jwt.grants_of(token).get(pair)
    return grant.joint if grant else None
