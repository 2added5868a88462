"""A small federation in a folder with a real tally; registrar, centre and departments in memory.

An attack is a one-line edit of a household's tokens or of what is sent. Keys, tokens, envelopes,
status lists, ciphertexts and masks are real; sockets are left out.
"""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from crypto import comparison, masks
from crypto.comparison import Aggregator, Run
from crypto.keys import SealCost
from crypto.paillier import PublicKey
from federation import clock, consent, exchange, founding, limits, status, summing
from federation import party as installation
from federation.clock import FixedClock
from federation.consent import Claims, Grant
from federation.exchange import Answer, Header, Outcome, Purpose, Question
from federation.founding import FederationPlan, PartyPlan
from federation.group import Group
from federation.manifest import PartyRole
from federation.party import Party
from federation.status import Status
from federation.summing import SumGrant, SumOrder
from federation.wire import codec, signed, sum_messages
from federation.wire.sum_messages import Compared, Comparison, SlotTest, Tested
from tally import server
from tally.server import TallyServer

NOW = 1_795_000_000  # 2026-11-18T14:26:40Z
PERIOD = 202611
LINE = "income-l"
LOWER = "income-ll"
GAP = "gap"
_RULES = [("H1", [LINE, LOWER], "12m"), ("H5", [GAP], "12m"), ("H4", ["ratio"], "12m")]
_RUNGS = [(LINE, 500_000, "le"), (LOWER, 300_000, "le"), (GAP, 100_000, "ge"), ("ratio", 40, "ge")]
POLICY = (
    """
family = "test"
version = 1
issued = 2026-01-01
expires = 2027-12-31
title = { zh = "测试", en = "Test" }
"""
    + "".join(
        f"""
[[parameter]]
id = "{name}"
kind = "rung"
per_head = {line}
comparator = "{comparator}"
zh = "一"
en = "one"
source = "测试"
"""
        for name, line, comparator in _RUNGS
    )
    + "".join(
        f"""
[[rule]]
predicate = "{predicate}"
purposes = ["ENTRY"]
parameters = {rungs}
period = "{period}"
max_age_days = 3650
source = "测试"
zh = "测试"
en = "test"
"""
        for predicate, rungs, period in _RULES
    )
)
NODES = {
    "tax": "tax",
    "human_resources": "human_resources",
    "finance": "finance",
    "medical": "medical_insurance",
}
ROLES = {
    "registrar": PartyRole.REGISTRAR,
    "coordinator": PartyRole.COORDINATOR,
    "stranger": PartyRole.COORDINATOR,
    "tally": PartyRole.TALLY,
    "auditor": PartyRole.AUDITOR,
    **dict.fromkeys(NODES, PartyRole.NODE),
}

Change = Callable[[Claims], Claims]


@dataclass(frozen=True)
class Home:
    """A household as the tally meets it: one token a slot, in the order of the slots."""

    predicate: str
    joint: SumGrant
    tokens: tuple[bytes, ...]

    @property
    def shown(self) -> tuple[bytes, ...]:
        return tuple(sha256(one).digest() for one in self.tokens)

    @property
    def jtis(self) -> tuple[bytes, ...]:
        return tuple(consent.visible(one).jti for one in self.tokens)

    def showing(self, *slots: int) -> "Home":
        """Show some slots only, in this order."""
        return replace(self, tokens=tuple(self.tokens[one] for one in slots))


@dataclass(frozen=True)
class Reply:
    """An opened answer of the tally."""

    header: Header
    answers: tuple[Answer, ...]
    last: bytes
    raw: bytes

    @property
    def said(self) -> str:
        """The outcome of all slots: a refusal's code, or the outcome's word."""
        (one,) = {(answer.outcome, answer.refusal) for answer in self.answers}
        return one[1].name if one[1] else one[0].name

    @property
    def compared(self) -> Compared:
        return sum_messages.decode_compared(self.last)

    @property
    def tested(self) -> Tested:
        return sum_messages.decode_tested(self.last)


@dataclass
class Town:
    """The federation's folder, its parties and the running tally."""

    folder: Path
    clock: FixedClock
    parties: dict[str, Party]
    running: TallyServer
    states: dict[int, Status] = field(default_factory=dict)
    index: int = 0

    def group(self, predicate: str = "H1") -> Group:
        return self.parties["tally"].manifest.groups[predicate]

    def status_lists(self, department: str) -> dict[int, bytes]:
        uri = status.uri_of("registrar", department)
        key = self.parties["registrar"].key
        return {0: status.issue(uri, status.pack(self.states), self.clock.now(), key)}

    def refresh(self) -> None:
        self.running._status.refresh()

    def restart(self) -> None:
        """Stop the tally and start it anew on the same folder."""
        self.running.stop(0)
        self.running = _opened(self)

    def home(  # noqa: PLR0913 - each is one edit
        self,
        people: int = 2,
        predicate: str = "H1",
        *,
        rungs: Sequence[str] = (LINE, LOWER),
        joint: Callable[[SumGrant], SumGrant] = lambda one: one,
        grant: Callable[[Grant], Grant] = lambda one: one,
        claims: Change = lambda one: one,
        subs: Sequence[bytes] = (),
    ) -> Home:
        """Issue a household's tokens; each function may change what every one of them says."""
        group = self.group(predicate)
        policy = self.parties["tally"].policy
        first = SumGrant(
            ref=os.urandom(16),
            slot=0,
            slots=people,
            group=group.digest,
            ladder=summing.ladder_digest(policy, predicate),
            first=202601,
            last=202612,
        )
        subs = subs or [os.urandom(32) for _ in range(people)]
        salt = os.urandom(16)
        commitment = consent.household_commitment(salt, subs)
        tokens = []
        for slot, sub in enumerate(subs):
            self.index += 1
            told = claims(
                replace(
                    self.claims(sub),
                    household_salt=salt,
                    household_commitment=commitment,
                    members=people,
                )
            )
            grants = {}
            for rung in rungs:
                one = Grant(
                    predicate=predicate,
                    parameter=rung,
                    form="sum",
                    max_uses=12,
                    members=people,
                    joint=joint(replace(first, slot=slot)),
                )
                grants[os.urandom(16)] = grant(one)
            tokens.append(consent.issue(told, grants, self.parties["registrar"].key))
        return Home(predicate, joint(first), tuple(tokens))

    def claims(self, sub: bytes) -> Claims:
        now = self.clock.now()
        jti = os.urandom(16)
        return Claims(
            issuer="registrar",
            audience="tally",
            sub=sub,
            issued=clock.day_start(NOW),
            not_before=clock.day_start(NOW),
            expires=clock.month_end(now),
            jti=jti,
            holder=self.parties["coordinator"].key.verify_key.raw,
            status_index=self.index,
            status_uri=status.uri_of("registrar", "tally"),
            purpose=Purpose.ENTRY,
            basis="CONSENT",
            policy_family="test",
            policy_version=1,
            uses_a_month=1000,
            data_life_days=0,
            role="MEMBER",
            household_salt=bytes(16),
            household_commitment=bytes(32),
            members=1,
            evidence=bytes(32),
            chain=jti,
        )

    def run_id(self, home: Home, order: SumOrder) -> bytes:
        return summing.run_id(home.joint, self.group(home.predicate), order)

    def contributions(self, predicate: str, run: bytes, amounts: Sequence[int]) -> list[bytes]:
        """Play the departments: encrypt the amounts of a group under their masks of a run."""
        group = self.group(predicate)
        key = PublicKey.from_bytes(group.tally.paillier)
        given = []
        for place, (one, amount) in enumerate(zip(group.departments, amounts, strict=True)):
            secret = self.parties[one.id].secret(founding.SUM_FILE, founding.SUM)
            pairwise = [
                (1 if place < other else -1, masks.shared_key(secret, peer.mask))
                for other, peer in enumerate(group.departments)
                if peer is not one
            ]
            own = masks.mask(pairwise, masks.shared_key(secret, group.tally.mask), run, key.n)
            given.append(comparison.contribute(key, amount, own, key.obfuscator(os.urandom)))
        return given

    def aggregator(self, home: Home, run: bytes, rung: str) -> Aggregator:
        group = self.group(home.predicate)
        keys = Run(
            paillier=PublicKey.from_bytes(group.tally.paillier),
            elgamal=group.tally.elgamal,
            context=summing.context(run, rung),
        )
        return Aggregator(keys, os.urandom(32))

    def header(self, method: str, sender: str = "coordinator") -> Header:
        now = self.clock.now()
        return Header(
            method=method,
            sender=sender,
            audience="tally",
            qid=os.urandom(16),
            issued=now,
            expires=now + limits.REQUEST_LIFE,
            n=0,
            root=signed.UNSET_ROOT,
            purpose=Purpose.ENTRY,
            policy_version=1,
        )

    def request(
        self, header: Header, questions: Sequence[Question], last: bytes, tokens: Sequence[bytes]
    ) -> bytes:
        items = [*map(codec.encode_question, questions), last]
        key = self.parties[header.sender].key
        batch = signed.sign(signed.prepare(header, items), key, tuple(tokens))
        return codec.encode_batch(batch)

    def asked(self, home: Home, method: str, last: bytes, rung: str = LINE) -> bytes:
        """Write a request that shows a household's tokens."""
        questions = [
            Question(predicate=home.predicate, parameter=rung, presentation=one, case_ref=bytes(32))
            for one in home.shown
        ]
        return self.request(self.header(method), questions, last, home.tokens)

    def call(self, request: bytes, caller: str = "coordinator") -> Reply:
        """Have the tally answer, and open what it says."""
        asked = signed.claimed_header(codec.decode_batch(request))
        handler = self.running._rpc.methods()[asked.method.rpartition("/")[2]]
        raw = handler(caller, request)
        keys = self.parties["tally"].entry.keys
        opened = signed.open_answer(codec.decode_batch(raw), asked, keys)
        *answers, last = opened.items
        told = tuple(codec.decode_answer(one) for one in answers)
        return Reply(opened.header, told, last, raw)

    def compare(self, home: Home, z: bytes, rung: str = LINE, **more: object) -> Reply:
        """Ask for a comparison; ``more`` changes the message."""
        message = Comparison(order=SumOrder(period=PERIOD), z=z, seed_commitment=bytes(32))
        message = replace(message, **more)  # type: ignore[arg-type]
        last = sum_messages.encode_comparison(message)
        return self.call(self.asked(home, exchange.COMPARE, last, rung))

    def test(self, home: Home, slots: bytes, rung: str = LINE, **more: object) -> Reply:
        """Ask for the test of slots."""
        message = replace(SlotTest(order=SumOrder(period=PERIOD), slots=slots), **more)  # type: ignore[arg-type]
        last = sum_messages.encode_test(message)
        return self.call(self.asked(home, exchange.TEST, last, rung))


@dataclass
class Play:
    """One comparison as an honest coordinator plays it, step by step."""

    town: Town
    home: Home
    amounts: Sequence[int] = (100_000, 200_000, 300_000)
    rung: str = LINE
    order: SumOrder = field(default_factory=lambda: SumOrder(period=PERIOD))
    declared: int = 0
    salt: bytes = b""

    def __post_init__(self) -> None:
        self.run = self.town.run_id(self.home, self.order)
        self.aggregator = self.town.aggregator(self.home, self.run, self.rung)
        given = self.town.contributions(self.home.predicate, self.run, self.amounts)
        self.z = self.aggregator.start(given)

    def compare(self, **more: object) -> Reply:
        told = {"order": self.order, "declared": self.declared, "declared_salt": self.salt}
        return self.town.compare(self.home, self.z, self.rung, **{**told, **more})

    def slots(self, reply: Reply) -> bytes:
        return self.aggregator.slots(reply.compared.bits)

    def test(self, slots: bytes) -> Reply:
        return self.town.test(self.home, slots, self.rung, order=self.order)

    def outcome(self) -> bool:
        """Play to the end: whether the sum is at least the threshold."""
        compared = self.compare()
        assert compared.said == Outcome.COMPARED.name
        tested = self.test(self.slots(compared))
        assert tested.said == Outcome.COMPARED.name
        return self.aggregator.outcome(tested.tested.share)


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def found(folder: Path, at: int = NOW) -> None:
    """Found the town's federation."""
    endpoint = f"127.0.0.1:{free_port()}"
    founding.found(
        folder,
        FederationPlan(
            federation="test",
            parties=[
                PartyPlan(
                    id=name,
                    role=role,
                    kind=NODES.get(name, ""),
                    zh=name,
                    en=name,
                    endpoint=endpoint,
                    settings="[tally]\npool = 1\n" if role is PartyRole.TALLY else "",
                )
                for name, role in ROLES.items()
            ],
            policy=POLICY.encode(),
            now=at,
            demonstration=True,
            cost=SealCost.MINIMAL,
        ),
    )


@contextmanager
def running(folder: Path) -> Iterator[Town]:
    """Found the town, open its tally, and stop everything afterwards."""
    found(folder)
    parties = {name: installation.load(folder / name, role, NOW) for name, role in ROLES.items()}
    town = Town(folder, FixedClock(NOW), parties, None)  # type: ignore[arg-type] # opened next
    town.running = _opened(town)
    try:
        yield town
    finally:
        town.running.stop(0)


def _opened(town: Town) -> TallyServer:
    """Open the tally with the town in the registrar's place; nobody calls its address."""
    anywhere = replace(town.parties["tally"], listen="127.0.0.1:0")
    opened = server.build(anywhere, town.clock)
    opened._status._fetch = town.status_lists
    opened._status.refresh()
    return opened
