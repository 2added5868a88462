"""Sums as a coordinator asked for them: every run whole, as its tokens grant it, replayed.

Knows the rounds of protocol note §7, and what a seed makes of them byte for byte: of those in a
coordinator's log and of those in a transcript alike. Needs no key of the tally, and learns no
share, sum or mask: what is replayed are the coordinator's own two messages and the outcome. Does
not know where rounds and seeds come from.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from typing import Final

from auditor.exchanges import Exchange, Item
from auditor.findings import Finding, Place, found
from auditor.papers import Papers
from crypto.comparison import Aggregator, Run
from crypto.errors import CryptoError
from crypto.paillier import PublicKey
from federation import exchange, summing
from federation.consent import Consent, Grant
from federation.errors import HeduiError, PeerFault
from federation.exchange import Outcome
from federation.group import Group
from federation.manifest import Manifest
from federation.parameter import Parameter
from federation.summing import Slot, SumOrder
from federation.wire import attempts, sum_messages
from federation.wire.sum_messages import Compared, Comparison

_DONE: Final = {Outcome.CONTRIBUTED, Outcome.COMPARED, Outcome.ABORTED}

Seeds = Mapping[bytes, bytes]
"""Opened seeds by what commits to them."""
Canaries = Mapping[tuple[str, str, str], bool]
"""Whether a planted household's sum reaches its T, by case, predicate and rung."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an auditor knows that no log tells: opened seeds, and the households it has planted."""

    seeds: Seeds = field(default_factory=dict, repr=False)
    canaries: Canaries = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Sum:
    """One line of a run: what was compared, and what came out.

    ``tested`` tells that the run has come to its end, ``at_least`` whether the sum reached its T;
    None where no outcome is known. ``replayed`` says that the coordinator's messages are those that
    its seed makes of the shares of all departments.
    """

    predicate: str
    parameter: str
    run: bytes
    case: str
    place: Place
    period: int
    attempt: int
    comparator: str
    departments: tuple[str, ...]
    tally: str
    commitment: bytes
    digests: tuple[bytes, bytes] = field(repr=False)
    messages: tuple[Comparison, Compared] | None = field(repr=False)
    tested: bytes = field(default=b"", repr=False)
    aborted: bool = False
    at_least: bool | None = None
    replayed: bool = False

    @property
    def outcome(self) -> str | None:
        """YES where what the line says of the sum is so, NO where it is not, None if unknown."""
        if self.at_least is None:
            return None
        holds = self.at_least is (self.comparator == "ge")
        return (Outcome.YES if holds else Outcome.NO).name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """A round that was answered: its group and run, as the tokens shown grant it.

    ``first`` is the run of the first attempt.
    """

    one: Exchange
    item: Item
    group: Group
    order: SumOrder
    rung: Parameter
    run: bytes
    first: bytes

    @property
    def told(self) -> dict[str, object]:
        return {"qid": self.one.asked.qid, "run": self.run, "predicate": self.item.predicate}

    @property
    def line(self) -> tuple[bytes, str]:
        return self.run, self.item.parameter


class Sums:
    """The sums of one coordinator; rounds come in the order in which they were answered."""

    def __init__(self, papers: Papers, tokens: Mapping[bytes, Consent], known: Known) -> None:
        self.all: list[Sum] = []
        self._papers = papers
        self._tokens = tokens
        self._known = known
        self._shares: dict[bytes, dict[str, bytes]] = {}
        self._lines: dict[tuple[bytes, str], Sum] = {}

    def take(self, one: Exchange) -> Iterator[Finding]:
        """Take a round that was answered; give what is wrong with it."""
        said = [item.answer for item in one.items if item.answer]
        outcomes = {(answer.outcome, answer.refusal) for answer in said}
        if not any(outcome in _DONE for outcome, _ in outcomes):
            return
        try:
            if len(outcomes) > 1:
                raise PeerFault("WRONG_ANSWER", sender=one.department)
            yield from self._take(one, aborted=said[0].outcome is Outcome.ABORTED)
        except (HeduiError, CryptoError) as e:
            why = e.code if isinstance(e, HeduiError) else str(e)
            yield found("SUM_RUN", *one.places, qid=one.asked.qid, why=why)

    def line(self, run: bytes, rung: str) -> Sum | None:
        """Give one line of a run, if it was compared."""
        return self._lines.get((run, rung))

    def _take(self, one: Exchange, *, aborted: bool) -> Iterator[Finding]:
        asked, said = one.joint
        match one.asked.method:
            case exchange.CONTRIBUTE:
                step = self._step(one, sum_messages.decode_order(asked))
                yield from self._contributed(step, sum_messages.decode_contribution(said))
            case exchange.COMPARE:
                compared = sum_messages.decode_comparison(asked)
                step = self._step(one, compared.order)
                brought = sum_messages.decode_compared(said)
                yield from self._compared(step, compared, brought, aborted=aborted)
            case _:
                one.counts = False  # it belongs to the use that its comparison was
                test = sum_messages.decode_test(asked)
                step = self._step(one, test.order)
                tested = sum_messages.decode_tested(said)
                if tested.run != step.run:
                    raise PeerFault("WRONG_ANSWER", sender=one.department)
                yield from self._tested(step, test.slots, tested.share)

    def _step(self, one: Exchange, order: SumOrder) -> _Round:
        """Find the run that the tokens of a round and its order mean.

        Raises:
            HeduiError: what departments and tally ought to have refused it by.
        """
        item = one.items[0]
        document = self._papers.manifest_at(one.asked.issued)
        group = self._group(one, document)
        shown = [self._slot(each) for each in one.items]
        grant = shown[0].grant
        claims = self._tokens[item.token].claims
        version, at = one.asked.policy_version, one.asked.issued
        rules = self._papers.policy_of(claims.policy_family, version, at)
        rules.check(item.predicate, item.parameter, one.asked.purpose)
        summing.check(shown, order, group, rules, at)
        first = summing.run_id(grant, group, replace(order, attempt=0))
        attempts.check(order, first, item.parameter, group.tally.id, document)
        one.run = summing.run_id(grant, group, order)
        return _Round(
            one=one,
            item=item,
            group=group,
            order=order,
            rung=rules.parameters[item.parameter],  # every rule of a sum has rungs
            run=one.run,
            first=first,
        )

    def _group(self, one: Exchange, document: Manifest) -> Group:
        """Find the group that a round is about, of which whoever answered has this part.

        Raises:
            PeerFault: WRONG_ANSWER when the questions differ, or PARTY_UNKNOWN.
        """
        asked = {(each.predicate, each.parameter) for each in one.items}
        if len(asked) > 1:
            raise PeerFault("WRONG_ANSWER", sender=one.department)
        group = document.groups.get(one.items[0].predicate)
        named = {each.id for each in group.departments} if group else set()
        if group and one.asked.method != exchange.CONTRIBUTE:
            named = {group.tally.id}
        if group is None or one.department not in named:
            raise PeerFault("PARTY_UNKNOWN", party=one.department)
        return group

    def _slot(self, item: Item) -> Slot:
        grant = self._grant(item)
        if grant is None or grant.joint is None:
            raise PeerFault("TOKEN_UNSEEN")
        sub = self._tokens[item.token].claims.sub
        return Slot(sub=sub, members=grant.members, grant=grant.joint)

    def _grant(self, item: Item) -> Grant | None:
        shown = self._tokens.get(item.token)
        return shown.grants.get((item.predicate, item.parameter)) if shown else None

    def _contributed(self, step: _Round, share: sum_messages.Contribution) -> Iterator[Finding]:
        if share.run != step.run:
            raise PeerFault("WRONG_ANSWER", sender=step.one.department)
        shares = self._shares.setdefault(step.run, {})
        before = shares.setdefault(step.one.department, share.ciphertext)
        if before != share.ciphertext:
            yield found("SUM_TWICE", *step.one.places, **step.told, department=step.one.department)

    def _compared(
        self, step: _Round, asked: Comparison, said: Compared, *, aborted: bool
    ) -> Iterator[Finding]:
        if (said.run, said.rung) != step.line:
            raise PeerFault("WRONG_ANSWER", sender=step.one.department)
        one, digests = self._lines.get(step.line), _digests(step.one)
        if one is not None:
            step.one.counts = one.digests != digests  # the tally says again what it has said
            if step.one.counts:
                yield found("SUM_TWICE", *step.one.places, one.place, **step.told)
            return
        before = self._lines.get((step.first, step.item.parameter))
        if before is not None and not before.aborted:
            yield found("SUM_TWICE", *step.one.places, before.place, **step.told)
        names = tuple(each.id for each in step.group.departments)
        missing = sorted({*names} - self._shares.get(step.run, {}).keys())
        if missing:
            yield found("SUM_PART", *step.one.places, **step.told, missing=", ".join(missing))
        one = Sum(
            predicate=step.item.predicate,
            parameter=step.item.parameter,
            run=step.run,
            case=step.item.case,
            place=step.one.place,
            period=step.order.period,
            attempt=step.order.attempt,
            comparator=step.rung.comparator,
            departments=names,
            tally=step.group.tally.id,
            commitment=asked.seed_commitment,
            digests=digests,
            messages=(asked, said),
            aborted=aborted,
        )
        self._lines[step.line] = one
        self.all.append(one)
        if aborted:
            yield from self._replay(step, one, None)

    def _tested(self, step: _Round, slots: bytes, share: int) -> Iterator[Finding]:
        one, tested = self._lines.get(step.line), b"".join(_digests(step.one))
        if one is None or one.aborted:
            yield found("SUM_PART", *step.one.places, **step.told, missing="comparison")
        elif one.tested:
            if one.tested != tested:
                yield found("SUM_TWICE", *step.one.places, one.place, **step.told)
        else:
            one.tested = tested
            yield from self._replay(step, one, (slots, share))

    def _replay(
        self, step: _Round, one: Sum, tested: tuple[bytes, int] | None
    ) -> Iterator[Finding]:
        """Make the coordinator's messages anew from its seed, and hold them to what it sent."""
        messages, one.messages = one.messages, None
        seed = self._known.seeds.get(one.commitment)
        if seed is None or messages is None:
            if self._known.seeds:
                yield found("SUM_SEED", *step.one.places, **step.told, commitment=one.commitment)
            return
        asked, said = messages
        shares = self._shares.get(step.run, {})
        ordered = [shares[each.id] for each in step.group.departments if each.id in shares]
        aggregator = Aggregator(run_of(step.group, step.run, one.parameter), seed)
        wrong = ["shares"] if len(ordered) < len(step.group.departments) else []
        wrong += ["z"] if aggregator.start(ordered) != asked.z else []
        if tested:
            slots, share = tested
            wrong += ["slots"] if aggregator.slots(said.bits) != slots else []
            one.at_least = aggregator.outcome(share)
        if wrong:
            yield found("SUM_REPLAY", *step.one.places, **step.told, why=", ".join(wrong))
        one.replayed = not wrong
        expected = self._known.canaries.get((one.case, one.predicate, one.parameter))
        if expected not in {None, one.at_least}:
            yield found("SUM_CANARY", *step.one.places, **step.told, case=one.case)


def run_of(group: Group, run: bytes, rung: str) -> Run:
    """Give what a comparison of a run's line is made under.

    Raises:
        BadKey: the group's keys are none.
    """
    return Run(
        paillier=_modulus(group.tally.paillier),
        elgamal=group.tally.elgamal,
        context=summing.context(run, rung),
        bits=group.bits,
        kappa=group.kappa,
    )


@lru_cache(maxsize=8)
def _modulus(data: bytes) -> PublicKey:
    return PublicKey.from_bytes(data)


def _digests(one: Exchange) -> tuple[bytes, bytes]:
    """Name what was asked in a round, and what was said."""
    asked, said = one.joint
    return sha256(asked).digest(), sha256(said).digest()
