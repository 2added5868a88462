"""A town that adds up: departments with amounts and a tally, played with real ciphertexts.

What is played is what the protocol says each party sees: who asks twice gets the same bytes, a run
that lost its share stays closed, and the tally answers one blinded sum and one slot message a run.
An attack or an accident is one line of a script, as for other departments.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random as Seeded

from coordinator.asking.rounds import modulus
from coordinator.asking.sum_record import SumRecord
from coordinator.casework import programmes
from crypto import comparison, elgamal, masks
from crypto.comparison import Referee, Run
from crypto.errors import OutOfRange
from crypto.keys import SigningKey
from crypto.paillier import PrivateKey
from federation import catalogue, consent, group, policy, summing
from federation.clock import FixedClock
from federation.consent import Grant
from federation.consenting import ConsentForm, GrantRequest, IssuedTokens, Role
from federation.exchange import CONTRIBUTE, TEST, Answer, Header, Outcome, Question, Refusal
from federation.group import Group, Member, TallyKeys
from federation.manifest import PartyRole
from federation.summing import SumGrant
from federation.wire import codec, signed, sum_messages
from federation.wire.sum_messages import Compared, Contribution
from tests.coordinator import town as towns
from tests.coordinator.town import KINDS, Department, Town, told
from tests.crypto.cast import paillier_key

POLICY = (
    towns.POLICY[: towns.POLICY.index('[[rule]]\npredicate = "P50"')]
    + "".join(
        f"""
[[parameter]]
id = "{name}"
kind = "{kind}"
{values}
zh = "{name}"
en = "{name}"
source = "测试"
"""
        for name, kind, values in (
            ("income-12s", "rung", 'per_head = 1000\ncomparator = "le"'),
            ("income-18s", "rung", 'per_head = 1500\ncomparator = "le"'),
            ("assets-12s", "rung", 'per_head = 5000\ncomparator = "le"'),
            ("gap-3s", "rung", 'per_head = 250\ncomparator = "ge"'),
            ("ratio-60", "rung", 'per_head = 60\ncomparator = "ge"'),
            ("benefit-gap", "band", "edges = [20, 50]"),
        )
    )
    + "".join(
        f"""
[[rule]]
predicate = "{predicate}"
purposes = ["ENTRY", "REVIEW"]
parameters = {parameters}
period = "month"
max_age_days = 120
source = "测试"
zh = "测试"
en = "test"
"""
        for predicate, parameters in (
            ("H1", '["income-12s", "income-18s"]'),
            ("H2", '["assets-12s"]'),
            ("H4", '["ratio-60"]'),
            ("H5", '["gap-3s"]'),
            ("H7", '["benefit-gap"]'),
        )
    )
)


def table(predicate: str, parameter: str, finding: str = '"NO"', more: str = "") -> str:
    """Write one sum of a programme."""
    return f"""
[[programme.sum]]
predicate = "{predicate}"
parameter = "{parameter}"
subject = "household"
finding = [{finding}]
zh = "{predicate} 需核实"
en = "{predicate}: check"
{more}
"""


INCOME = table("H1", "income-12s")
ASSETS = table("H2", "assets-12s", more='after = "H1=YES"')
RATIO = table("H4", "ratio-60")
GAP = table("H5", "gap-3s", '"YES"')
BENEFIT = table("H7", "benefit-gap", "")
SUPPORTER = """
[[programme.sum]]
predicate = "H2"
parameter = "assets-12s"
subject = "supporter"
finding = ["NO"]
zh = "义务人资产"
en = "The supporter's assets"
[[programme.sum]]
predicate = "H6"
parameter = ""
subject = "supporter"
finding = ["YES"]
zh = "义务人有能力"
en = "The supporter is able"
"""
HEAD = """
[[programme]]
id = "DIBAO_URBAN"
zh = "城市低保"
en = "Urban minimum living guarantee"
subjects = ["APPLICANT", "MEMBER"]
supporters = "on_demand"
"""
ADDERS = ("tax", "market_regulation", "public_security")
"""Departments of the town that add up here, whatever their kind."""
BANKS = ("bank_a", "bank_b", "tax")
SEED = bytes(range(32))
AUDITOR = b"auditor's secret".ljust(32, b".")


@cache
def tally_keys() -> tuple[PrivateKey, bytes, bytes]:
    """Make the tally's keys, the same in every run of the tests."""
    secret, public = elgamal.key_pair(Seeded(3).randbytes)
    return paillier_key(3, 3072), secret, public


def secret_of(party: str) -> bytes:
    return sha256(b"mask of " + party.encode()).digest()


def make_group(predicate: str, departments: tuple[str, ...], **more: int) -> Group:
    paillier, _, public = tally_keys()
    known = catalogue.load().predicate(predicate)
    return Group(
        predicate=predicate,
        quantity=known.quantity,
        departments=tuple(
            Member(
                id=name,
                weights={component: 1},
                mask=masks.public_key(secret_of(name)),
            )
            for name, component in zip(departments, known.components, strict=False)
        ),
        tally=TallyKeys(
            id="tally",
            paillier=paillier.public.to_bytes(),
            elgamal=public,
            mask=masks.public_key(secret_of("tally")),
        ),
        auditor=masks.public_key(AUDITOR),
        percent=more.get("percent", 0),
    )


GROUPS = {
    "H1": make_group("H1", ADDERS),
    "H2": make_group("H2", BANKS),
    "H4": make_group("H4", ADDERS, percent=60),
    "H5": make_group("H5", ADDERS),
}


@dataclass
class Adder(Department):
    """A department that also contributes; ``amounts`` by predicate, of the whole household."""

    amounts: dict[str, int] = field(default_factory=dict)
    shares: dict[bytes, bytes] = field(default_factory=dict)
    refuses: Refusal = Refusal.NONE
    stale: bool = False
    spoil: Callable[[bytes], bytes] = field(default=lambda ciphertext: ciphertext)

    def _reply(self, request: bytes) -> bytes:
        header = towns.header_of(request)
        if header.method != CONTRIBUTE or header.qid in self.answers:
            return super()._reply(request)
        return joint_reply(self, request, self._contribute)

    def _contribute(self, said: "Asked") -> tuple[Answer, bytes]:
        if self.refuses or self.stale:
            outcome = Outcome.STALE if self.stale else Outcome.REFUSED
            return told(outcome, refusal=self.refuses), b""
        order = sum_messages.decode_order(said.last)
        known = GROUPS[said.predicate]
        run = summing.run_id(said.joint, known, order)
        if run not in self.shares:
            amount = self.amounts.get(said.predicate, 0)
            self.shares[run] = self._share(known, run, amount)
        share = self.spoil(self.shares[run])
        last = sum_messages.encode_contribution(Contribution(run=run, ciphertext=share))
        return told(Outcome.CONTRIBUTED), last

    def _share(self, known: Group, run: bytes, amount: int) -> bytes:
        names = [one.id for one in known.departments]
        mine = names.index(self.id)
        secret = secret_of(self.id)
        pairwise = [
            (1 if mine < place else -1, masks.shared_key(secret, other.mask))
            for place, other in enumerate(known.departments)
            if place != mine
        ]
        public = modulus(known)
        towards = masks.shared_key(secret, known.tally.mask)
        mask = masks.mask(pairwise, towards, run, public.n)
        return comparison.contribute(public, amount, mask, public.obfuscator(os.urandom))


@dataclass
class Tally(Department):
    """The tally: one blinded sum and one slot message a run and rung, and nothing computed twice.

    ``bits`` may alter the encrypted bits before they are signed.
    """

    policy_text: str = POLICY
    asked: dict[tuple[bytes, str, str], tuple[bytes, bytes, Answer]] = field(default_factory=dict)
    high: dict[tuple[bytes, str], int] = field(default_factory=dict)
    bits: Callable[[bytes], bytes] = field(default=lambda message: message)
    refuses: Refusal = Refusal.NONE
    runs: int = 0

    def _reply(self, request: bytes) -> bytes:
        if towns.header_of(request).qid in self.answers:
            return super()._reply(request)
        return joint_reply(self, request, self._answered)

    def _answered(self, said: "Asked") -> tuple[Answer, bytes]:
        if self.refuses:
            return told(Outcome.REFUSED, refusal=self.refuses), b""
        known = GROUPS[said.predicate]
        test = said.method == TEST
        decode = sum_messages.decode_test if test else sum_messages.decode_comparison
        run = summing.run_id(said.joint, known, decode(said.last).order)
        key = run, said.parameter, said.method
        if key not in self.asked:
            made = self._test if test else self._compare
            self.asked[key] = (said.last, *made(said, known, run))
        before, last, answer = self.asked[key]
        if before != said.last:
            return told(Outcome.REFUSED, refusal=Refusal.SUM_CLOSED), b""
        return answer, last

    def _run(self, said: "Asked", known: Group, run: bytes) -> tuple[Referee, Run]:
        paillier, secret, public = tally_keys()
        context = summing.context(run, said.parameter)
        return Referee(paillier, secret), Run(
            paillier=modulus(known), elgamal=public, context=context
        )

    def _compare(self, said: "Asked", known: Group, run: bytes) -> tuple[bytes, Answer]:
        self.runs += 1
        asked = sum_messages.decode_comparison(said.last)
        if said.joint.declared:
            assert summing.commit(asked.declared_salt, asked.declared) == said.joint.declared
        rung = policy.parse(self.policy_text.encode(), catalogue.load()).parameters[said.parameter]
        threshold = group.threshold(known, rung, said.members, asked.declared)
        referee, of = self._run(said, known, run)
        secret = secret_of(self.id)
        keys = [masks.shared_key(secret, one.mask) for one in known.departments]
        towards = sum(masks.prf(key, run, of.paillier.n) for key in keys)
        try:
            found = referee.bits(
                of, asked.z, towards, threshold, lambda: referee.prepare_bit(os.urandom)
            )
        except OutOfRange:
            last = Compared(run=run, rung=said.parameter, bits=b"")
            return sum_messages.encode_compared(last), told(Outcome.ABORTED)
        self.high[run, said.parameter] = found.high
        last = Compared(run=run, rung=said.parameter, bits=self.bits(found.message))
        return sum_messages.encode_compared(last), told(Outcome.COMPARED)

    def _test(self, said: "Asked", known: Group, run: bytes) -> tuple[bytes, Answer]:
        referee, of = self._run(said, known, run)
        slots = sum_messages.decode_test(said.last).slots
        share = referee.test(of, slots, self.high[run, said.parameter])
        return sum_messages.encode_tested(sum_messages.Tested(run=run, share=share)), told(
            Outcome.COMPARED
        )


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request of a sum, as its party reads it."""

    method: str
    predicate: str
    parameter: str
    joint: SumGrant
    members: int
    last: bytes


def joint_reply(
    of: Department, request: bytes, answer: Callable[[Asked], tuple[Answer, bytes]]
) -> bytes:
    """Answer a request of a sum as a party does: the same for every slot, and a last item."""
    batch = codec.decode_batch(request)
    header = signed.claimed_header(batch)
    opened = signed.verify(batch, header, {of.asker.kid: of.asker.verify_key})
    assert header.audience == of.id
    *items, last = opened.items
    questions = [codec.decode_question(item) for item in items]
    if of.clock.now() > header.expires:
        stale = told(Outcome.REFUSED, refusal=Refusal.REQUEST_NOT_FRESH)
        said, given = stale, b""
    else:
        said, given = answer(_asked(header, questions, batch.presentations, last))
    back = replace(
        header,
        sender=of.id,
        audience=header.sender,
        root=signed.UNSET_ROOT,
        request_hash=opened.digest,
    )
    answers = [codec.encode_answer(said)] * len(items)
    reply = codec.encode_batch(signed.sign(signed.prepare(back, [*answers, given]), of.key))
    of.answers[header.qid] = reply
    return reply


def _asked(
    header: Header, questions: list[Question], shown: tuple[bytes, ...], last: bytes
) -> Asked:
    by_digest = {sha256(one).digest(): one for one in shown}
    grants = []
    for number, one in enumerate(questions):
        (pair,) = grants_at(by_digest[one.presentation]).items()
        assert pair[0] == (one.predicate, one.parameter)
        assert pair[1].joint is not None
        assert pair[1].joint.slot == number
        grants.append(pair[1])
    first = grants[0].joint
    assert first is not None
    assert first.slots == len(questions)
    return Asked(
        method=header.method,
        predicate=questions[0].predicate,
        parameter=questions[0].parameter,
        joint=first,
        members=grants[0].members,
        last=last,
    )


def grants_at(presentation: bytes) -> Mapping[tuple[str, str], Grant]:
    return consent.grants_of(presentation)


@dataclass
class Summing(Town):
    """A town with groups; its departments are ``Adder`` and ``Tally``."""

    def adder(self, name: str) -> Adder:
        found = self.departments[name]
        assert isinstance(found, Adder)
        return found

    @property
    def tally(self) -> Tally:
        found = self.departments["tally"]
        assert isinstance(found, Tally)
        return found

    def amounts(self, predicate: str, *amounts: int) -> None:
        """Give every department of a group what it has of the household."""
        for member, amount in zip(GROUPS[predicate].departments, amounts, strict=True):
            self.adder(member.id).amounts[predicate] = amount

    def told_of(self, case_id: str, predicate: str = "H1", subject: int = -1) -> tuple[str, str]:
        """Give outcome and code of a sum."""
        with self.database() as database:
            for one in SumRecord(database).told([case_id])[case_id]:
                if (one.ask.predicate, one.ask.subject) == (predicate, subject):
                    return one.answer.outcome.name if one.answer else "", one.code
        raise LookupError(predicate)


def build(data: Path, sums: str = INCOME, questions: str = "") -> Summing:
    """Make the town; ``sums`` and ``questions`` are its programme's."""
    keys = {
        name: SigningKey.from_seed(name.encode().ljust(32, b"."))
        for name in ("registrar", "coordinator", "tally", *KINDS)
    }
    clock = FixedClock(towns.NOW)
    parts = {
        name: Adder(id=name, key=keys[name], asker=keys["coordinator"], clock=clock)
        for name in KINDS
    }
    tally = Tally(id="tally", key=keys["tally"], asker=keys["coordinator"], clock=clock)
    around = towns.surroundings({name: key for name, key in keys.items() if name != "tally"})
    entry = replace(towns._entry("tally", PartyRole.TALLY, keys["tally"]), zh="计票", en="Tally")
    known = catalogue.load()
    around = replace(
        around,
        programmes=programmes.parse_programmes(HEAD + sums + questions, known),
        policy=policy.parse(POLICY.encode(), known),
        manifest=replace(
            around.manifest,
            parties={**around.manifest.parties, "tally": entry},
            groups=GROUPS,
        ),
    )
    registrar = SumRegistrar(key=keys["registrar"], holder=keys["coordinator"], rules=around.policy)
    return Summing(
        data=data,
        keys=keys,
        around=around,
        departments=towns.Departments({**parts, "tally": tally}),
        registrar=registrar,
        clock=clock,
    )


@dataclass
class SumRegistrar(towns.RegistrarTwin):
    """Grants sums as the registrar does: a slot for each person of the subject."""

    rules: policy.Policy | None = None
    refs: dict[tuple[bytes, str, int], bytes] = field(default_factory=dict)
    months: tuple[int, int] = (202611, 202701)

    def _issued(self, number: str, form: ConsentForm) -> IssuedTokens:
        self._form = form
        return super()._issued(number, form)

    def _grant(self, one: GrantRequest, form: ConsentForm) -> Grant:
        plain = super()._grant(one, form)
        if one.predicate not in GROUPS:
            return plain
        alone = form.persons[one.person].role is Role.SUPPORTER
        subject = one.person if alone else -1
        household = [i for i, p in enumerate(form.persons) if p.role is not Role.SUPPORTER]
        slots = [one.person] if alone else household
        assert self.rules is not None
        key = form.reference, one.predicate, subject
        joint = SumGrant(
            ref=self.refs.setdefault(key, os.urandom(16)),
            slot=slots.index(one.person),
            slots=len(slots),
            group=GROUPS[one.predicate].digest,
            ladder=summing.ladder_digest(self.rules, one.predicate),
            first=self.months[0],
            last=self.months[1],
            declared=one.declared,
        )
        return replace(plain, joint=joint)
