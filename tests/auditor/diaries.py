"""A federation whose logs are written by hand, row by row, with real keys, tokens and answers.

What a method is not told otherwise is as honest parties would have it. A dishonest party is one
changed argument, or one row taken out, put in or exchanged afterwards.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from auditor import papers
from auditor.findings import Finding
from auditor.logs import Shown
from auditor.papers import Papers
from auditor.reconcile import Reconciled, Source, reconcile
from crypto import note
from crypto.note import Note
from federation import bundle, clock, consent, erasure, ledger, limits, root
from federation.consent import Claims, Grant
from federation.consenting import GrantRequest, write_grants
from federation.erasure import ErasureOrder, Reason
from federation.exchange import (
    ASK,
    ASK_MANDATE,
    Answer,
    Header,
    Outcome,
    Purpose,
    Question,
    Refusal,
)
from federation.ledger import Items, LedgerEntry
from federation.log import events, kinds, reader, rows
from federation.log.coordinator_events import (
    CaseClosed,
    CaseConsented,
    CaseEnded,
    CaseOpened,
    CaseResumed,
    CaseSuspended,
    MandateEnlisted,
)
from federation.log.events import Tombstone
from federation.log.kinds import Event
from federation.log.registrar_events import (
    ConsentRecorded,
    ConsentRevoked,
    ErasureOrdered,
    MandateListed,
    ObjectionRecorded,
    StatusPublished,
    TokenIssued,
)
from federation.log.rows import Row
from federation.mandate_list import BlockAnswer, BlockQuestion
from federation.summing import SumGrant
from federation.wire import codec, mandate_messages, signed
from tests.federation.log.kept import Owner, keeper
from tests.support import exchanges
from tests.support.books import MemoryBook
from tests.support.exchanges import filler, key

NOW: Final = exchanges.NOW
CENTRE: Final = "coordinator"
REGISTRAR: Final = "registrar"
POLICE: Final = "public_security"
TAX: Final = "tax"
CASE: Final = "HD-790301-2026-0001"
CONSENT: Final = "20261118-000001"
YES: Final = Answer(outcome=Outcome.YES, as_of=20261117, policy_version=1)
CAR: Final = ("P40", "")
BOUGHT: Final = ("P42", "w12m")
MANDATE: Final = filler("mandate")
END: Final = clock.month_end(NOW)


@dataclass
class Diary:
    """One party's log: salt, record and what lies beside it; None for what is erased."""

    party: str
    rows: list[Shown] = field(default_factory=list)

    def add(self, record: bytes, beside: bytes = b"") -> int:
        """Append a row; give its number."""
        salt = hashlib.sha256(f"{self.party} {len(self.rows)}".encode()).digest()[:16]
        self.rows.append((salt, record, beside))
        return len(self.rows) - 1

    def note(self, event: Event, at: int, beside: bytes = b"") -> int:
        """Append an event."""
        return self.add(kinds.write(event, at), beside)

    def erase(self, at: int, order: bytes, *numbers: int) -> int:
        """Erase rows, and say by which order."""
        for number in numbers:
            self.rows[number] = None
        return self.add(events.write_tombstone(Tombstone(at=at, order=order, rows=numbers)))


@dataclass
class Asked:
    """An exchange as it was made: the signed messages, and the rows that tell of it."""

    department: str
    request: codec.SignedBatch
    answer: codec.SignedBatch
    asked: Header
    said: Header
    tokens: tuple[bytes, ...]
    request_row: int | None = None
    reply_row: int | None = None
    node_row: int | None = None

    @property
    def qid(self) -> str:
        return self.asked.qid.hex()


@dataclass(frozen=True, kw_only=True)
class Issuing:
    """How a token is issued, as far as it is not as usual."""

    number: str = CONSENT
    name: str = ""
    pairs: Sequence[tuple[str, str]] = (CAR, BOUGHT)
    max_uses: int = 2
    logged: bool = True
    event: Mapping[str, Any] = field(default_factory=dict)
    issuer: str = REGISTRAR
    recheck: bool = False
    joint: SumGrant | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Deed:
    """How an exchange goes, as far as it is not as usual; ``logged`` by whom, of three."""

    case: str = CASE
    department: str = POLICE
    answers: Sequence[Answer] | None = None
    by_id: bool = False
    shown: bool = True
    asked: Mapping[str, Any] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)
    question: Mapping[str, Any] = field(default_factory=dict)
    asker: str = CENTRE
    teller: str = ""
    tokens: Sequence[bytes] | None = None
    logged: Collection[str] = ("request", "answer", "reply")


class Federation:
    """Three kinds of parties at work; time goes on by ten seconds with each deed."""

    def __init__(self) -> None:
        self.now = NOW
        self.diaries = {one: Diary(one) for one in (REGISTRAR, CENTRE, POLICE, TAX)}
        self.published: dict[str, bytes] = {}
        self.uses: dict[tuple[str, bytes, str, str], int] = {}
        self.pseudonyms: dict[bytes, bytes] = {}
        self.openings: dict[str, CaseOpened] = {}
        self._numbers = iter(range(1 << 20))

    @property
    def registrar(self) -> Diary:
        return self.diaries[REGISTRAR]

    @property
    def centre(self) -> Diary:
        return self.diaries[CENTRE]

    def later(self, seconds: int = 10) -> int:
        """Let time go on."""
        self.now += seconds
        return self.now

    # -- the registrar

    def record(
        self,
        number: str = CONSENT,
        *pairs: tuple[str, str],
        grants_of: Iterable[GrantRequest] = (),
        **changes: Any,
    ) -> int:
        """Record a consent that grants the pairs to one person at both departments, or others."""
        beside = write_grants(grants_of or requests(pairs or (CAR, BOUGHT)))
        event = ConsentRecorded(
            consent_no=number,
            coordinator=CENTRE,
            reference=filler(number),
            purpose="ENTRY",
            basis="CONSENT",
            renews="",
            origin=number,
            members=1,
            not_after=END,
            grants=hashlib.sha256(beside).digest(),
            evidence=(filler(f"paper {number}", 32),),
            missing=0,
        )
        return self.registrar.note(replace(event, **changes), self.later(), beside)

    def issue(self, department: str = POLICE, **options: Any) -> bytes:
        """Issue a token for one person at a department, and log it; give it whole."""
        how = Issuing(**options)
        index = next(self._numbers)
        jti = filler(how.name or f"jti {department} {how.number} {index}")
        sub = filler(f"psn {department} {how.number}", 32)
        plain = replace(
            exchanges.claims_of(department, jti),
            sub=sub,
            status_index=index,
            household_commitment=consent.household_commitment(bytes(16), [sub]),
        )
        told: Claims = replace(plain, **how.claims)
        grants = {
            filler(f"salt {index} {place}"): Grant(
                predicate=predicate,
                parameter=parameter,
                form="sum" if how.joint else "boolean",
                max_uses=how.max_uses,
                recheck=how.recheck,
                members=told.members if how.joint else 0,
                joint=how.joint,
            )
            for place, (predicate, parameter) in enumerate(how.pairs)
        }
        token = consent.issue(told, grants, key(how.issuer))
        self.pseudonyms[jti] = told.sub
        issued = TokenIssued(
            consent_no=how.number,
            person=0,
            jti=jti,
            token=hashlib.sha256(token).digest(),
            department=department,
            chain=plain.chain,
            round=0 if how.recheck else 1,
            series=0,
            index=index,
            expires=plain.expires,
            recheck=how.recheck,
        )
        if how.logged:
            self.registrar.note(replace(issued, **how.event), self.later())
        return token

    def publish(self, department: str = POLICE, *, logged: bool = True, series: int = 0) -> bytes:
        """Sign a status list; give its digest. What it says is known from the log alone."""
        issued = self.later()
        digest = hashlib.sha256(f"{department} {series} {issued}".encode()).digest()
        if logged:
            event = StatusPublished(department=department, series=series, list=digest, iat=issued)
            self.registrar.note(event, issued)
        self.published[department] = digest
        return digest

    def revoke(self, number: str = CONSENT) -> int:
        """End a consent for good."""
        event = ConsentRevoked(consent_no=number, origin=number, by=CENTRE, request=b"")
        return self.registrar.note(event, self.later())

    def object(self, number: str = CONSENT) -> int:
        """Record a signed objection."""
        event = ObjectionRecorded(
            consent_no=number,
            person=0,
            predicate=CAR[0],
            parameter=CAR[1],
            year=2026,
            evidence=filler("objection", 32),
        )
        return self.registrar.note(event, self.later())

    def order(self, department: str = POLICE, *subs: bytes, logged: bool = True) -> bytes:
        """Order a department to erase people; give the order's digest."""
        at = self.later()
        made = ErasureOrder(
            federation="test",
            registrar=REGISTRAR,
            id=filler(f"order {at}"),
            issued=clock.day_start(at),
            department=department,
            subs=tuple(sorted(subs)),
            reason=Reason.REQUESTED,
        )
        document = erasure.sign(made, key(REGISTRAR))
        digest = hashlib.sha256(document).digest()
        event = ErasureOrdered(
            order=made.id, department=department, reason="REQUESTED", document=digest
        )
        if logged:
            self.registrar.note(event, at, document)
        return digest

    # -- the centre

    def open(self, case: str = CASE, *numbers: str, **changes: Any) -> int:
        """Open a case, and note that its consents are recorded."""
        event = CaseOpened(
            case=case,
            programme="DIBAO_URBAN",
            plan="test",
            purpose="ENTRY",
            area="790301",
            commission="790301-2026-0017",
            operator="op-lin",
            members=1,
            opening=filler(f"opening {case}", 32),
        )
        self.openings[case] = replace(event, **changes)
        row = self.centre.note(self.openings[case], self.later())
        for number in numbers or (CONSENT,):
            self.centre.note(CaseConsented(case=case, consent_no=number), self.later())
        return row

    def change(
        self,
        kind: type[CaseSuspended | CaseResumed | CaseEnded],
        case: str = CASE,
        number: str = CONSENT,
    ) -> int:
        """Note what became of a case's consent."""
        return self.centre.note(kind(case=case, consent_no=number), self.later())

    def close(self, case: str = CASE, *counts: bytes) -> int:
        """Note that a case is decided."""
        event = CaseClosed(case=case, consent_no=CONSENT, counts=counts)
        return self.centre.note(event, self.later())

    def reference(self, case: str, department: str) -> bytes:
        """Give the reference of a case at a department."""
        event = self.openings[case]
        salt = hmac.digest(event.opening, department.encode(), "sha256")
        return bundle.case_reference(salt, event.case, event.commission, event.operator)

    # -- an exchange

    def ask(self, token: bytes, *pairs: tuple[str, str], **options: Any) -> Asked:
        """Put questions by a token at a department, and log all of it at both ends."""
        how, wanted = Deed(**options), pairs or (CAR,)
        request = self._request(token, wanted, how)
        answers = how.answers
        if answers is None:
            answers = [self._told(token, pair, how.department) for pair in wanted]
        answer = self._answer(request, answers, how)
        one = Asked(
            department=how.department,
            request=request,
            answer=answer,
            asked=signed.claimed_header(request),
            said=signed.claimed_header(answer),
            tokens=(jti_of(token),) * len(wanted) if how.tokens is None else tuple(how.tokens),
        )
        for what, log in (
            ("request", self.log_request),
            ("answer", self.log_answer),
            ("reply", self.log_reply),
        ):
            if what in how.logged:
                log(one)
        return one

    def _request(
        self, token: bytes, wanted: Sequence[tuple[str, str]], how: Deed
    ) -> codec.SignedBatch:
        presentation = consent.disclose(token, wanted)
        digest = hashlib.sha256(presentation).digest()
        named = {"jti": jti_of(token)} if how.by_id else {"presentation": digest}
        named["case_ref"] = self.reference(how.case, how.department)
        items = []
        for predicate, parameter in wanted:
            usual: dict[str, Any] = {"predicate": predicate, "parameter": parameter, **named}
            items.append(codec.encode_question(Question(**{**usual, **how.question})))
        qid = filler(f"qid {next(self._numbers)}")
        header = Header(
            method=ASK,
            sender=CENTRE,
            audience=how.department,
            qid=qid,
            issued=self.later(),
            expires=self.now + limits.REQUEST_LIFE,
            n=0,
            root=signed.UNSET_ROOT,
            purpose=Purpose.ENTRY,
            policy_version=1,
        )
        name = f"salt {qid.hex()}"
        unsigned = signed.prepare(
            replace(header, **how.asked), items, lambda size: filler(name, size)
        )
        presentations = () if how.by_id or not how.shown else (presentation,)
        return signed.sign(unsigned, key(how.asker), presentations)

    def _told(self, token: bytes, pair: tuple[str, str], department: str) -> Answer:
        """Answer with the next use of a grant."""
        used = department, jti_of(token), *pair
        self.uses[used] = self.uses.get(used, 0) + 1
        return replace(YES, use_no=self.uses[used])

    def _answer(
        self, request: codec.SignedBatch, answers: Sequence[Answer], how: Deed
    ) -> codec.SignedBatch:
        asked = signed.claimed_header(request)
        issued = self.later(1)
        header = Header(
            method=asked.method,
            sender=how.department,
            audience=asked.sender,
            qid=asked.qid,
            issued=issued,
            expires=issued + limits.REQUEST_LIFE,
            n=0,
            root=signed.UNSET_ROOT,
            purpose=asked.purpose,
            policy_version=asked.policy_version,
            request_hash=hashlib.sha256(request.envelope.payload).digest(),
            status_list_digest=self.published.get(how.department, b""),
        )
        items = [codec.encode_answer(one) for one in answers]
        name = f"answer {asked.qid.hex()}"
        unsigned = signed.prepare(
            replace(header, **how.said), items, lambda size: filler(name, size)
        )
        return signed.sign(unsigned, key(how.teller or how.department))

    def log_request(self, one: Asked, **changes: Any) -> None:
        """Let the centre log a request, before it is sent."""
        beside = codec.encode_batch(one.request)
        entry = self._entry(one, "request", one.asked.issued, one.department, beside)
        one.request_row = self.centre.add(codec.encode_entry(replace(entry, **changes)), beside)

    def log_reply(self, one: Asked, data: bytes | None = None, **changes: Any) -> None:
        """Let the centre log what came in answer."""
        beside = codec.encode_batch(one.answer) if data is None else data
        entry = self._entry(one, "reply", self.later(1), one.department, beside)
        entry = replace(entry, answer=one.answer.envelope.payload)
        one.reply_row = self.centre.add(codec.encode_entry(replace(entry, **changes)), beside)

    def log_answer(self, one: Asked, **changes: Any) -> None:
        """Let the department log an exchange."""
        beside = self.items(one).write()
        entry = self._entry(one, "ask", one.said.issued, one.asked.sender, beside)
        entry = replace(entry, answer=one.answer.envelope.payload)
        diary = self.diaries[one.department]
        one.node_row = diary.add(codec.encode_entry(replace(entry, **changes)), beside)

    def items(self, one: Asked) -> Items:
        """Give what lies beside a department's entry."""
        leaves = [
            tuple(ledger_leaf(item) for item in batch.items) for batch in (one.request, one.answer)
        ]
        return Items(request_leaves=leaves[0], answer_leaves=leaves[1], tokens=one.tokens)

    def _entry(self, one: Asked, kind: str, at: int, caller: str, beside: bytes) -> LedgerEntry:
        return LedgerEntry(
            at=at,
            kind=kind,
            caller=caller,
            request=one.request.envelope.payload,
            request_signature=one.request.envelope.signatures[0].sig,
            answer=b"",
            beside=ledger.digest(beside),
        )

    # -- a batch mandate

    def enlist(self, *, logged: bool = True, noted: bool = True, department: str = POLICE) -> bytes:
        """Sign a mandate's list for a department, and have the centre take it; give its digest."""
        digest = filler("list", 32)
        event = MandateListed(
            mandate=MANDATE,
            department=department,
            epoch=2026,
            jti=filler("list id"),
            list=digest,
            size=3,
            series=0,
            index=900,
            expires=END,
        )
        if logged:
            self.registrar.note(event, self.later())
        if noted:
            told = MandateEnlisted(mandate=MANDATE, department=department, list=digest)
            self.centre.note(told, self.later())
        return digest

    def ask_mandate(
        self, signed_list: bytes, block: BlockAnswer | None = None, **options: Any
    ) -> Asked:
        """Put a question about a block of three people, and log all of it at both ends."""
        how = Deed(**options)
        question = BlockQuestion(signed_list=signed_list, block=0, predicate="P40")
        header = Header(
            method=ASK_MANDATE,
            sender=CENTRE,
            audience=how.department,
            qid=filler(f"qid {next(self._numbers)}"),
            issued=self.later(),
            expires=self.now + limits.REQUEST_LIFE,
            n=0,
            root=signed.UNSET_ROOT,
            purpose=Purpose.ENTRY,
            policy_version=1,
        )
        items = [mandate_messages.encode_question(question)]
        unsigned = signed.prepare(replace(header, **how.asked), items, bytes)
        request = signed.sign(unsigned, key(how.asker))
        asked = signed.claimed_header(request)
        told = block or BlockAnswer(replace(YES, use_no=1), bytes([Outcome.YES, 2, 3]))
        answer = replace(
            asked,
            sender=how.department,
            audience=asked.sender,
            issued=self.later(1),
            expires=self.now + limits.REQUEST_LIFE,
            request_hash=hashlib.sha256(request.envelope.payload).digest(),
            status_list_digest=self.published.get(how.department, b""),
        )
        people = hashlib.shake_256(b"people").digest(96)
        made = mandate_messages.prepare(replace(answer, **how.said), people, told, bytes)
        data = mandate_messages.sign(made, key(how.teller or how.department))
        envelope = codec.envelope_of(data)
        one = Asked(
            department=how.department,
            request=request,
            answer=codec.SignedBatch(envelope, ()),
            asked=asked,
            said=codec.decode_header(envelope.payload),
            tokens=(filler("list id"),) if how.tokens is None else tuple(how.tokens),
        )
        self.log_request(one)
        leaves = tuple(ledger_leaf(item) for item in request.items)
        beside = Items(request_leaves=leaves, answer_leaves=made.leaves, tokens=one.tokens).write()
        entry = replace(
            self._entry(one, "mandate", one.said.issued, CENTRE, beside), answer=made.payload
        )
        if "answer" in how.logged:
            one.node_row = self.diaries[how.department].add(codec.encode_entry(entry), beside)
        if "reply" in how.logged:
            self.log_reply(one, data)
        return one

    # -- the audit

    def sources(self, *without: str, seen: int | None = None) -> list[Source]:
        """Hand in all logs, as witnesses have seen them a good while after the last deed."""
        at = self.now + 10_000 if seen is None else seen
        return [
            Source(party=one.party, role=exchanges.ROLES[one.party], seen=at, rows=list(one.rows))
            for one in self.diaries.values()
            if one.party not in without
        ]

    def reconciled(
        self, *without: str, settled: bool = True, by: Papers | None = None, seen: int | None = None
    ) -> Reconciled:
        """Hold all logs to one another."""
        return reconcile(self.sources(*without, seen=seen), by or PAPERS, settled=settled)

    def findings(self, *without: str, **more: Any) -> list[Finding]:
        """Give what does not hold."""
        return self.reconciled(*without, **more).findings

    def codes(self, *without: str, **more: Any) -> list[str]:
        """Name what does not hold."""
        return [one.code for one in self.findings(*without, **more)]


def honest() -> Federation:
    """Let one case be opened, consented and asked about at two departments, twice."""
    town = Federation()
    town.record()
    town.open()
    tokens = {department: town.issue(department) for department in (POLICE, TAX)}
    for department, token in tokens.items():
        town.publish(department)
        town.ask(token, CAR, BOUGHT, department=department)
        town.ask(token, CAR, department=department, by_id=True)
    return town


def begun(*pairs: tuple[str, str], **issued: Any) -> tuple[Federation, bytes]:
    """Let one case be ready to be asked about at one department; give the token."""
    town = Federation()
    town.record(CONSENT, *pairs)
    town.open()
    token = town.issue(pairs=pairs or (CAR, BOUGHT), **issued)
    town.publish()
    return town, token


def requests(pairs: Sequence[tuple[str, str]]) -> Iterator[GrantRequest]:
    """Ask for two uses of each pair about one person at both departments."""
    for department in (POLICE, TAX):
        for predicate, parameter in pairs:
            yield GrantRequest(
                person=0,
                department=department,
                predicate=predicate,
                parameter=parameter,
                max_uses=2,
            )


def jti_of(token: bytes) -> bytes:
    """Read a token's id."""
    return consent.visible(token).jti


def ledger_leaf(item: Any) -> bytes:
    """Hash a salted item as the protocol says."""
    return hashlib.sha256(b"\x00" + item.salt + item.item).digest()


def refused(code: Refusal) -> Answer:
    """Refuse a question."""
    return Answer(outcome=Outcome.REFUSED, refusal=code, policy_version=1)


def gathered(**changes: Any) -> Papers:
    """Gather manifest and policy, two departments among the parties that keep a log."""
    chain = root.read_chain(exchanges.root_file(exchanges.root_document()))
    document = replace(exchanges.first_manifest(), **changes)
    files = {
        "manifest": exchanges.manifest_file(document),
        "policy": exchanges.policy_file(),
    }
    return papers.gather(chain, files)


PAPERS: Final = gathered()


def export(town: Federation, folder: Path, at: int | None = None) -> Path:
    """Export all logs, cosigned by all witnesses, into a folder with the signed documents."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "root.json").write_bytes(exchanges.root_file(exchanges.root_document()))
    (folder / "manifest.json").write_bytes(exchanges.manifest_file(exchanges.first_manifest()))
    (folder / "policy.json").write_bytes(exchanges.policy_file())
    for diary in town.diaries.values():
        if diary.rows:
            reader.export(booked(diary, town.now + 20 if at is None else at), folder / diary.party)
    return folder


def booked(diary: Diary, at: int) -> MemoryBook:
    """Keep a log as its party does, its one checkpoint cosigned by all witnesses at a time."""
    book = MemoryBook()
    gone: dict[int, bytes] = {}
    for number, shown in enumerate(diary.rows):
        if shown is None:
            leaf = gone.setdefault(number, filler(f"leaf {diary.party} {number}", 32))
            book.all.append(Row(leaf, None, None, None))
        else:
            salt, record, beside = shown
            book.all.append(rows.made(record, beside, salt))
    return kept(book, diary.party, at)


def kept(book: MemoryBook, party: str, at: int) -> MemoryBook:
    """Cut a checkpoint over rows, and have all witnesses cosign it at a time."""
    own = Owner(id=party, manifest=exchanges.first_manifest(), key=key(party))
    keeper(book, owner=own).cut()
    (newest,) = book.checkpoints
    signed_note = note.parse(newest.note)
    lines = [
        note.cosign(signed_note.text, f"test/{witness}", key(witness), at)
        for witness in ("witness_a", "witness_b", "witness_c")
    ]
    whole = Note(text=signed_note.text, signatures=(*signed_note.signatures, *lines))
    book.cosigned(replace(newest, note=note.write(whole)))
    return book
