"""A coordinator with a registrar and departments played in memory: real tokens, real signatures.

A department can be slow, absent, refusing, forgetful or lying; that is one line of a script. What
it was sent is kept, so that a test can say which bytes came twice.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from coordinator.asking.conductor import Conductor, Patience, Ports
from coordinator.asking.journal import Journal
from coordinator.asking.planner import Surroundings
from coordinator.asking.record import Record
from coordinator.asking.requests import Asker
from coordinator.asking.sum_journal import SumJournal
from coordinator.asking.sum_record import SumRecord
from coordinator.asking.sums import Circle, SumConductor
from coordinator.casework import programmes
from coordinator.consent_desk import ConsentTerms
from coordinator.database import Database, open_database, url_of
from coordinator.desk import Books, Conductors, Desk
from coordinator.life_book import LifeBook
from coordinator.people.gate import Gate
from coordinator.people.sessions import Place
from coordinator.store import Store
from crypto.keys import SigningKey
from federation import catalogue, clock, consent, policy, status
from federation.clock import FixedClock
from federation.consent import Claims, Grant
from federation.consenting import (
    ConsentForm,
    ConsentReceipt,
    ConsentState,
    GrantRequest,
    IssuedToken,
    IssuedTokens,
    Objection,
)
from federation.errors import Refused
from federation.exchange import Answer, Header, Outcome, Purpose, Question, Refusal, Scope
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.strictjson import loads, unb64
from federation.wire import codec, signed

NOW = 1_795_000_000  # 2026-11-18T14:26:40Z
APPLICANT = "79030119700312011X"
WIFE = "790302197009190289"
CHILD = "790501201409030456"
POLICY = """
family = "town"
version = 3
issued = 2026-01-01
expires = 2027-12-31
title = { zh = "测试", en = "Test" }
[[parameter]]
id = "wage-12s"
kind = "rung"
per_head = 996000
comparator = "le"
zh = "12个月低保标准"
en = "12 months of the dibao standard"
source = "测试"
[[parameter]]
id = "deposit-12s"
kind = "rung"
per_head = 996000
comparator = "le"
zh = "12个月低保标准"
en = "12 months of the dibao standard"
source = "测试"
[[parameter]]
id = "si-base"
kind = "band"
edges = [83000, 124500]
zh = "缴费基数档"
en = "contribution base bands"
source = "测试"
[[parameter]]
id = "from-zero"
kind = "band"
edges = [0, 100050]
zh = "零起"
en = "from zero"
source = "测试"
[[parameter]]
id = "w12m"
kind = "window"
months = 12
zh = "近12个月"
en = "last 12 months"
source = "测试"
""" + "".join(
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
        ("P07", []),
        ("P09", ["w12m"]),
        ("P15", ["si-base"]),
        ("P22", []),
        ("P33", []),
        ("P40", []),
        ("P46", []),
        ("P50", ["deposit-12s"]),
    )
)
PROGRAMMES = """
[[programme]]
id = "DIBAO_URBAN"
zh = "城市低保"
en = "Urban minimum living guarantee"
subjects = ["APPLICANT", "MEMBER"]
supporters = "on_demand"
[[programme.sum]]
predicate = "H1"
parameter = "income-12s"
subject = "household"
finding = ["NO"]
zh = "家庭人均收入超过规定线"
en = "Income per head above the line: check"
""" + "".join(
    f"""
[[programme.question]]
predicate = "{predicate}"
parameter = "{parameter}"
roles = ["APPLICANT", "MEMBER"]
min_age = {low}
max_age = 200
finding = {finding}
zh = "{zh}"
en = "{en}"
"""
    for predicate, parameter, low, finding, zh, en in (
        ("P07", "", 18, [], "登记的婚姻状况", "Marital status"),
        ("P22", "", 16, ["YES"], "有经营所得申报,需核实", "Declared business income: check"),
        ("P40", "", 0, ["YES"], "有机动车,需核实", "Owns a motor vehicle: check"),
        ("P46", "", 16, ["YES"], "有在营企业,需核实", "Owns an active company: check"),
        (
            "P50",
            "deposit-12s",
            0,
            ["NO"],
            "存款超过规定线,需核实",
            "Deposits above the line: check",
        ),
        ("P51", "deposit-12s", 0, ["NO"], "证券超过规定线", "Securities above the line: check"),
    )
)
KINDS = {
    "public_security": ("public_security", "公安", "Public security"),
    "tax": ("tax", "税务", "Tax"),
    "market_regulation": ("market_regulation", "市场监管", "Market regulation"),
    "bank_a": ("bank", "甲银行", "Bank A"),
    "bank_b": ("bank", "乙银行", "Bank B"),
}

Script = Callable[[Question], Answer]


def case_text(*, more: str = "", evidence: str = "ab" * 32, commission: str = "790301-17") -> str:
    """Write a case file of one applicant; ``more`` is added as it is."""
    return f"""
programme = "DIBAO_URBAN"
trigger = "ENTRY"
area = "790301"
commission = "{commission}"
operator = "op-lin"
{person_text(APPLICANT, "王甲", "SELF", "APPLICANT", evidence=evidence)}
{more}
"""


def person_text(
    number: str, name: str, relation: str, role: str, *, method: str = "SELF", **consent: str
) -> str:
    """Write one person of a case file."""
    return f"""
[[person]]
id = "{number}"
name = "{name}"
relation = "{relation}"
role = "{role}"
[person.consent]
method = "{method}"
signer = "{consent.get("signer", "")}"
evidence = "{consent.get("evidence", "cd" * 32)}"
"""


WIFE_TEXT = person_text(WIFE, "李乙", "SPOUSE", "MEMBER")


class Killed(BaseException):
    """The process is gone: nothing after this line ran."""


def yes_no(question: Question) -> Answer:
    """Answer YES to company and business questions, NO to everything else."""
    outcome = Outcome.YES if question.predicate in {"P22", "P46"} else Outcome.NO
    return told(outcome)


def told(outcome: Outcome, value: int = 0, refusal: Refusal = Refusal.NONE) -> Answer:
    """Make an answer as of 2026-11-17."""
    return Answer(
        outcome=outcome,
        value=value,
        refusal=refusal,
        as_of=20261117,
        scope=Scope.CITY,
        period_from=20261101,
        period_to=20261201,
        policy_version=3,
        use_no=1,
    )


@dataclass
class Department:
    """One department: verifies requests, keeps answers by qid, remembers the tokens it was shown.

    ``script`` is taken up call by call: an error is raised before the department sees the request,
    ``after`` an error once it has answered durably; None and the end of the script: it answers.
    """

    id: str
    key: SigningKey
    asker: SigningKey
    answer: Script = yes_no
    script: list[BaseException | None] = field(default_factory=list)
    after: list[BaseException | None] = field(default_factory=list)
    gate: threading.Event | None = None
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    replay: bytes = b""
    listed: bytes = b""
    requests: list[bytes] = field(default_factory=list)
    answers: dict[bytes, bytes] = field(default_factory=dict)
    known: set[bytes] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, request: bytes) -> bytes:
        with self.lock:
            self.requests.append(request)
            before = self.script.pop(0) if self.script else None
        if self.gate:
            self.gate.wait(20)
        if before:
            raise before
        reply = self.replay or self._reply(request)
        with self.lock:
            lost = self.after.pop(0) if self.after else None
        if lost:
            raise lost
        return reply

    def qids(self) -> list[bytes]:
        return [header_of(request).qid for request in self.requests]

    def _reply(self, request: bytes) -> bytes:
        batch = codec.decode_batch(request)
        header = signed.claimed_header(batch)
        if header.qid in self.answers:
            return self.answers[header.qid]
        opened = signed.verify(batch, header, {self.asker.kid: self.asker.verify_key})
        assert header.audience == self.id
        self.known |= {jti_of(shown) for shown in batch.presentations}
        late = self.clock.now() > header.expires
        stale = told(Outcome.REFUSED, refusal=Refusal.REQUEST_NOT_FRESH)
        questions = [codec.decode_question(item) for item in opened.items]
        items = [codec.encode_answer(stale if late else self._one(one)) for one in questions]
        back = Header(
            method=header.method,
            sender=self.id,
            audience=header.sender,
            qid=header.qid,
            issued=header.issued,
            expires=header.expires,
            n=0,
            root=signed.UNSET_ROOT,
            purpose=header.purpose,
            policy_version=header.policy_version,
            request_hash=opened.digest,
            status_list_digest=status.joint_digest([self.listed]) if self.listed else b"",
        )
        reply = codec.encode_batch(signed.sign(signed.prepare(back, items), self.key))
        self.answers[header.qid] = reply
        return reply

    def _one(self, question: Question) -> Answer:
        if question.jti and question.jti not in self.known:
            return told(Outcome.PRESENT_AGAIN)
        return self.answer(question)


@dataclass
class Departments:
    """All departments, as a transport."""

    by_id: dict[str, Department]

    def __getitem__(self, department: str) -> Department:
        return self.by_id[department]

    def stream(self, department: str, requests: Iterable[bytes]) -> Iterator[bytes]:
        for request in requests:
            yield self.call(department, request)

    def call(self, department: str, request: bytes) -> bytes:
        return self.by_id[department].call(request)

    def put(self, party: str, method: str, request: bytes) -> bytes:
        return self.by_id[party].call(request)


@dataclass
class RegistrarTwin:
    """Records consents and issues real tokens; fails as its script says."""

    key: SigningKey
    holder: SigningKey
    forms: dict[bytes, ConsentForm] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)
    households: dict[str, tuple[str, ...]] = field(default_factory=dict)
    objections: list[Objection] = field(default_factory=list)
    expires: int = 0
    remembers: bool = False
    given: dict[str, IssuedTokens] = field(default_factory=dict)
    refusing: dict[str, str] = field(default_factory=dict)
    script: list[BaseException | None] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    def record(self, forms: Sequence[ConsentForm]) -> list[ConsentReceipt]:
        self._step("record")
        return [self._receipt(form) for form in forms]

    def tokens(self, consent_nos: Sequence[str]) -> list[IssuedTokens]:
        self._step("tokens")
        for number in consent_nos:
            if number in self.refusing:
                raise Refused(self.refusing[number])
            if number in self.revoked:
                raise Refused("CONSENT_REVOKED")
            if number in self.suspended:
                raise Refused("CONSENT_SUSPENDED")
        for number in consent_nos:
            if number not in self.given or not self.remembers:
                self.given[number] = self._issued(number, self.form(number))
        return [self.given[number] for number in consent_nos]

    def form(self, number: str) -> ConsentForm:
        return self.forms[bytes.fromhex(number)]

    def revoke(self, consent_nos: Sequence[str]) -> list[ConsentReceipt]:
        self._step("revoke")
        self.revoked |= set(consent_nos)
        return []

    def suspend(self, consent_nos: Sequence[str]) -> list[ConsentReceipt]:
        self._step("suspend")
        self.suspended |= set(consent_nos)
        return self._end(consent_nos)

    def resume(self, consent_nos: Sequence[str]) -> list[ConsentReceipt]:
        self._step("resume")
        self.suspended -= set(consent_nos)
        return self._end(consent_nos)

    def change_household(self, consent_no: str) -> tuple[str, ...]:
        self._step("household")
        ended = self.households.get(consent_no, (consent_no,))
        self.revoked |= set(ended)
        return ended

    def recheck(self, objection: Objection) -> IssuedTokens:
        self._step("recheck")
        known = [one for one in self.objections if one == objection]
        if not known:
            self.objections.append(objection)
        wanted = objection.person, objection.predicate, objection.parameter
        form = self.form(objection.consent_no)
        tokens = [
            IssuedToken(
                person=one.person,
                department=one.department,
                token=self._token(
                    one.department, [replace(self._grant(one, form), max_uses=1, recheck=True)]
                ),
            )
            for one in form.grants
            if (one.person, one.predicate, one.parameter) == wanted
        ]
        return IssuedTokens(consent_no=objection.consent_no, tokens=tuple(tokens))

    def _end(self, consent_nos: Sequence[str]) -> list[ConsentReceipt]:
        if self.revoked & set(consent_nos):
            raise Refused("CONSENT_REVOKED")
        receipts = [self._receipt(self.form(number)) for number in consent_nos]
        return [
            replace(one, state=ConsentState.SUSPENDED) if one.consent_no in self.suspended else one
            for one in receipts
        ]

    def _step(self, name: str) -> None:
        self.calls[name] += 1
        error = self.script.pop(0) if self.script else None
        if error:
            raise error

    def _receipt(self, form: ConsentForm) -> ConsentReceipt:
        before = self.forms.setdefault(form.reference, form)
        if before.grants != form.grants or before.not_after != form.not_after:
            raise Refused("CONSENT_CHANGED")
        missing = (
            ()
            if form.renews
            else tuple(i for i, person in enumerate(form.persons) if not person.evidence)
        )
        return ConsentReceipt(
            reference=form.reference,
            consent_no=form.reference.hex(),
            state=ConsentState.SIGNATURE_MISSING if missing else ConsentState.COMPLETE,
            missing=missing,
        )

    def _issued(self, number: str, form: ConsentForm) -> IssuedTokens:
        wanted: dict[tuple[int, str], list[Grant]] = {}
        for one in form.grants:
            grants = wanted.setdefault((one.person, one.department), [])
            grants.append(self._grant(one, form))
        tokens = tuple(
            IssuedToken(person=person, department=department, token=self._token(department, grants))
            for (person, department), grants in wanted.items()
        )
        return IssuedTokens(consent_no=number, tokens=tokens)

    def _grant(self, one: GrantRequest, form: ConsentForm) -> Grant:
        return Grant(
            predicate=one.predicate,
            parameter=one.parameter,
            form=catalogue.load().predicate(one.predicate).form.value,
            max_uses=one.max_uses,
            members=form.members,
        )

    def _token(self, department: str, grants: list[Grant]) -> bytes:
        claims = replace(CLAIMS, audience=department, jti=os.urandom(16), sub=os.urandom(32))
        claims = replace(claims, holder=self.holder.verify_key.raw)
        claims = replace(claims, expires=self.expires or claims.expires)
        return consent.issue(claims, {os.urandom(16): grant for grant in grants}, self.key)


CLAIMS = Claims(
    issuer="registrar",
    audience="",
    sub=bytes(32),
    issued=clock.day_start(NOW),
    not_before=clock.day_start(NOW),
    expires=clock.month_end(NOW),
    jti=bytes(16),
    holder=bytes(32),
    status_index=0,
    status_uri=status.uri_of("registrar", "tax"),
    purpose=Purpose.ENTRY,
    basis="CONSENT",
    policy_family="town",
    policy_version=3,
    uses_a_month=100,
    data_life_days=0,
    role="APPLICANT",
    household_salt=bytes(16),
    household_commitment=bytes(32),
    members=1,
    evidence=bytes(32),
    chain=bytes(16),
)


def jti_of(presentation: bytes) -> bytes:
    payload = presentation.split(b".")[1]
    claims = loads(unb64(payload, "claims"), "claims")
    return unb64(claims["jti"], "jti")


def header_of(request: bytes) -> Header:
    """Read the header of a request."""
    return signed.claimed_header(codec.decode_batch(request))


def questions_of(request: bytes) -> list[Question]:
    """Read the questions of a request."""
    return [codec.decode_question(one.item) for one in codec.decode_batch(request).items]


def surroundings(keys: dict[str, SigningKey]) -> Surroundings:
    """Make programmes, catalogue, manifest and policy of the town."""
    parties = {
        "registrar": _entry("registrar", PartyRole.REGISTRAR, keys["registrar"]),
        "coordinator": _entry("coordinator", PartyRole.COORDINATOR, keys["coordinator"]),
        **{name: _entry(name, PartyRole.NODE, keys[name]) for name in KINDS},
    }
    return Surroundings(
        programmes=programmes.parse_programmes(PROGRAMMES, catalogue.load()),
        catalogue=catalogue.load(),
        manifest=Manifest(
            federation="town",
            version=1,
            issued=NOW,
            expires=NOW * 2,
            demonstration=True,
            ca=b"",
            parties=parties,
            pseudonym_keys={},
        ),
        policy=policy.parse(POLICY.encode(), catalogue.load()),
    )


def _entry(name: str, role: PartyRole, key: SigningKey) -> PartyEntry:
    kind, zh, en = KINDS.get(name, ("", name, name))
    return PartyEntry(
        id=name,
        role=role,
        kind=kind,
        zh=zh,
        en=en,
        endpoint="",
        keys={key.kid: key.verify_key},
        certificates=(),
    )


@dataclass
class Town:
    """The coordinator's folder and everybody it talks to; ``desk`` opens it anew each time."""

    data: Path
    keys: dict[str, SigningKey]
    around: Surroundings
    departments: Departments
    registrar: RegistrarTwin
    clock: FixedClock
    patience: Patience = field(
        default_factory=lambda: Patience(tries=3, whole=20, pause=0.001, longest_pause=0.002)
    )
    wrap_journal: Callable[[Journal], Journal] = field(default=lambda journal: journal)
    wrap_sums: Callable[[SumJournal], SumJournal] = field(default=lambda journal: journal)
    random: Callable[[int], bytes] = os.urandom
    url: str = ""
    key: bytes = b""
    wrap_store: Callable[[Store], Store] = field(default=lambda store: store)

    @contextmanager
    def database(self) -> Iterator[Database]:
        database = open_database(url_of(self.url, self.data), key=self.key)
        try:
            yield database
        finally:
            database.close()

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        with self.database() as database:
            conductor = Conductor(
                Asker(party="coordinator", key=self.keys["coordinator"], policy_version=3),
                {name: self.around.manifest.party(name).keys for name in KINDS},
                Ports(
                    journal=self.wrap_journal(Journal(database)),
                    transport=self.departments,
                    clock=self.clock,
                ),
                self.patience,
                workers=8,
            )
            yield Desk(
                books=Books(
                    store=self.wrap_store(Store(database)),
                    life=LifeBook(database),
                    record=Record(database),
                    sums=SumRecord(database),
                    gate=self.gate(database),
                ),
                registrar=self.registrar,
                conductors=Conductors(questions=conductor, sums=self.sums(database)),
                around=self.around,
                terms=ConsentTerms(
                    days=100,
                    max_uses=12,
                    issuers=dict(self.around.manifest.registrar.keys),
                    holder=self.keys["coordinator"].verify_key.raw,
                ),
                clock=self.clock,
            )

    def gate(self, database: Database) -> Gate:
        """Make the gate, with the session's file in the folder and not in anybody's home."""
        place = Place(file=lambda: self.data / "session", account=os.getuid())
        return Gate(database, Store(database).cases, self.clock, self.data, place)

    def sums(self, database: Database) -> SumConductor:
        """Make who asks sums."""
        document = self.around.manifest
        return SumConductor(
            Asker(party="coordinator", key=self.keys["coordinator"], policy_version=3),
            Circle(
                groups=document.groups,
                policy=self.around.policy,
                keys={one.id: one.keys for one in document.audiences()},
            ),
            Ports(
                journal=self.wrap_sums(SumJournal(database)),
                transport=self.departments,
                clock=self.clock,
                random=self.random,
            ),
            self.patience,
            workers=4,
        )

    def ready(self, *texts: str) -> list[str]:
        """Open cases and have them consented."""
        with self.desk() as desk:
            cases = [desk.read((text or case_text()).encode()).case for text in texts or ("",)]
            ids = desk.new(cases)
            desk.consent(ids)
        return ids

    def outcomes(self, case_id: str) -> dict[tuple[int, str, str], str]:
        """Give what was told, by person, department and predicate; "" where nothing was."""
        with self.database() as database:
            return {
                (one.ask.person, one.ask.department, one.ask.predicate): (
                    one.answer.outcome.name if one.answer else ""
                )
                for one in Record(database).told([case_id])[case_id]
            }


def build(data: Path) -> Town:
    """Make a town."""
    keys = {
        name: SigningKey.from_seed(name.encode().ljust(32, b"."))
        for name in ("registrar", "coordinator", *KINDS)
    }
    clock = FixedClock(NOW)
    departments = {
        name: Department(id=name, key=keys[name], asker=keys["coordinator"], clock=clock)
        for name in KINDS
    }
    return Town(
        data=data,
        keys=keys,
        around=surroundings(keys),
        departments=Departments(departments),
        registrar=RegistrarTwin(key=keys["registrar"], holder=keys["coordinator"]),
        clock=clock,
    )
