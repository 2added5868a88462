"""Evidence about a household: the registrar's log, a bundle, and the departments' signed counts.

Everything is real and from ``exchanges``; what is to be wrong is one changed argument.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from auditor.papers import Papers, gather
from auditor.receipts import Proven
from auditor.trail import Asked, CaseFile
from auditor.trail_consents import Given
from auditor.verify import SAID_NOTHING
from crypto import note
from crypto.note import Note
from federation import bundle, closing, consenting, root
from federation.closing import ClosingCount, GrantUses
from federation.consent import Grant
from federation.consenting import GrantRequest
from federation.exchange import ASK, Answer, Header, Outcome, Purpose, Question
from federation.log import kinds, reader
from federation.log.kinds import Event
from federation.log.registrar_events import ConsentRecorded, TokenIssued
from tests.federation.log.kept import Owner, keeper
from tests.support import exchanges
from tests.support.books import MemoryBook
from tests.support.exchanges import DEPARTMENT, NOW, YES, Made, Story, filler, key, of_case, tell

CONSENT: Final = "790301-0042"
ME: Final = 1
"""The person's index on the consent; the others are relatives."""
PERSONS: Final = 3
P40: Final = ("P40", "")
P42: Final = ("P42", "w12m")
P07: Final = ("P07", "")
_FORMS: Final = {"P07": "enum"}


def jti(person: int, number: int = 0) -> bytes:
    """Give the id of a person's token, of its first or of a renewal."""
    return filler(f"token {person} {number}")


def grants(*questions: tuple[str, str], persons: Iterable[int] = range(PERSONS)) -> bytes:
    """Write what a consent grants, as the registrar keeps it: the same of everybody."""
    return consenting.write_grants(
        GrantRequest(
            person=person,
            department=DEPARTMENT,
            predicate=predicate,
            parameter=parameter,
            max_uses=3,
        )
        for person in persons
        for predicate, parameter in questions
    )


def recorded(number: str = CONSENT, beside: bytes = b"", **more: Any) -> ConsentRecorded:
    """Record a consent of three people."""
    event = ConsentRecorded(
        consent_no=number,
        coordinator="coordinator",
        reference=bytes(16),
        purpose="ENTRY",
        basis="CONSENT",
        renews="",
        origin=number,
        members=PERSONS,
        not_after=NOW + 10**7,
        grants=sha256(beside).digest(),
        evidence=(bytes(32),) * PERSONS,
        missing=0,
    )
    return replace(event, **more)


def issued(person: int, number: int = 0, **more: Any) -> TokenIssued:
    """Issue a person's token, or renew it."""
    event = TokenIssued(
        consent_no=CONSENT,
        person=person,
        jti=jti(person, number),
        token=bytes(32),
        department=DEPARTMENT,
        chain=jti(person),
        round=number + 1,
        series=0,
        index=7,
        expires=NOW + 10**6,
        recheck=False,
    )
    return replace(event, **more)


Logged = tuple[Event, bytes]
GRANTS: Final = grants(P40, P42, P07)
USUAL: Final[tuple[Logged, ...]] = (
    (recorded(beside=GRANTS), GRANTS),
    *((issued(person), b"") for person in range(PERSONS)),
)


def registrar_log(
    events: Iterable[Logged] = USUAL, witnesses: Iterable[str] = ("witness_a", "witness_b")
) -> MemoryBook:
    """Write the registrar's log, cut and cosigned."""
    book = MemoryBook()
    for n, (event, beside) in enumerate(events):
        book.append(kinds.write(event, NOW - 500 + n), beside)
    return cut(book, witnesses)


def cut(
    book: MemoryBook,
    witnesses: Iterable[str] = ("witness_a", "witness_b"),
    party: str = "registrar",
) -> MemoryBook:
    """Sign and cosign a party's log as it is."""
    if not book.size():
        book.append(b"")
    owner = Owner(id=party, manifest=exchanges.first_manifest(), key=key(party))
    keeper(book, owner=owner).cut()
    kept = book.checkpoints[-1]
    signed = note.parse(kept.note)
    lines = (
        note.cosign(signed.text, f"test/{witness}", key(witness), NOW + 90) for witness in witnesses
    )
    whole = Note(text=signed.text, signatures=(*signed.signatures, *lines))
    book.cosigned(replace(kept, note=note.write(whole)))
    return book


def asked(person: int, n: int, question: tuple[str, str] = P40, **more: Any) -> Made:
    """Ask about a person in the nth exchange; ``more`` are the token's number and the answer's."""
    number = more.pop("number", 0)
    answer: Answer = replace(YES, **more)
    predicate, parameter = question
    form = _FORMS.get(predicate, "boolean")
    grant = Grant(predicate=predicate, parameter=parameter, form=form, max_uses=3)
    token = {"jti": jti(person, number), "chain": jti(person), "sub": filler(f"psn {person}", 32)}
    story = Story(
        claims={**token, "members": PERSONS},
        grants=(grant,),
        disclosed=(question,),
        question={"predicate": predicate, "parameter": parameter},
        answer=answer,
    )
    return tell(of_case(story, n=n))


def count(person: int = ME, number: int = 0, **more: Any) -> ClosingCount:
    """Count a person's uses: ``P40`` once and ``P42`` never, unless told otherwise."""
    usual = ClosingCount(
        federation="test",
        department=DEPARTMENT,
        at=NOW + 60,
        token=jti(person, number),
        chain=jti(person),
        uses=(uses(P40, 1),),
    )
    return replace(usual, **more)


def uses(question: tuple[str, str], used: int) -> GrantUses:
    """Say how often a grant was used."""
    return GrantUses(predicate=question[0], parameter=question[1], used=used)


@dataclass(kw_only=True)
class Evidence:
    """What an auditor has; written into a folder by ``write``."""

    made: Sequence[tuple[int, Made]] = ()
    counts: Sequence[ClosingCount] = ()
    log: MemoryBook = field(default_factory=registrar_log)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def bundle(self, **more: Any) -> bytes:
        """Seal the case's bundle."""
        files = exchanges.case_files(*(made for _, made in self.made))
        persons = {f"receipts/{n:03}": p + 1 for n, (p, _) in enumerate(self.made, start=1)}
        rows = (exchanges.row(made, person + 1) for person, made in self.made)
        told = (row for row in rows if row["outcome"] != Outcome.PRESENT_AGAIN.name)
        files[bundle.REPORT] = exchanges.report(*told)
        return exchanges.sealed(files, persons=persons, **more)

    def write(self, folder: Path) -> Path:
        """Write everything: bundle, counts, the registrar's log, and the auditor's documents."""
        here = folder / "evidence"
        here.mkdir()
        (folder / "root.json").write_bytes(exchanges.root_file(exchanges.root_document()))
        (folder / "manifest.json").write_bytes(exchanges.manifest_file(exchanges.first_manifest()))
        (folder / "policy.json").write_bytes(exchanges.policy_file())
        if self.made:
            (here / "case.hedui").write_bytes(self.bundle())
        for n, one in enumerate(self.counts):
            (here / f"count-{n}.json").write_bytes(closing.sign(one, key(one.department)))
        for name, data in self.files.items():
            (here / name).write_bytes(data)
        reader.export(self.log, here / "logs" / "registrar")
        return here


@cache
def papers() -> Papers:
    """Gather what was in force."""
    chain = root.read_chain(exchanges.root_file(exchanges.root_document()))
    documents = {
        "manifest": exchanges.manifest_file(exchanges.first_manifest()),
        "policy": exchanges.policy_file(),
    }
    return gather(chain, documents)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A question about a person in the nth exchange, and its answer, as a verifier leaves them."""

    person: int
    n: int
    question: tuple[str, str] = P40
    department: str = DEPARTMENT
    answer: Answer = YES
    place: int = 0
    token: bytes = b""
    chain: bytes = b""

    def shown(self) -> Asked:
        """Give it as a receipt that was proven."""
        token = self.token or at(self.department, self.person)
        claims = replace(
            exchanges.claims_of(self.department, token),
            sub=filler(f"{self.department} {self.person}", 32),
            chain=self.chain or at(self.department, self.person),
        )
        silent = self.answer.outcome in SAID_NOTHING
        asked = Header(
            method=ASK,
            sender="coordinator",
            audience=self.department,
            qid=filler(f"qid {self.n}"),
            issued=NOW + self.n,
            expires=NOW + self.n + 300,
            n=1,
            root=bytes(32),
            purpose=Purpose.ENTRY,
        )
        predicate, parameter = self.question
        proven = Proven(
            asked=asked,
            said=replace(asked, sender=self.department, audience="coordinator"),
            question=Question(predicate=predicate, parameter=parameter, jti=token),
            answer=self.answer,
            claims=None if silent else claims,
            index=0,
            size=1,
            witnesses=("witness_a", "witness_b"),
            cosigned_after=5,
            status_age=None if silent else 10,
            policy=("test", 1),
            document=exchanges.first_manifest(),
            remarks={},
        )
        return Asked(proven=proven, place=self.place, jti=token)


def at(department: str, person: int) -> bytes:
    """Give the id of a person's first token at a department."""
    return filler(f"token {department} {person}")


def given(number: str = CONSENT) -> Given:
    """Give a consent of three people."""
    return Given(
        number=number,
        origin=number,
        recorded=NOW - 500,
        purpose="ENTRY",
        basis="CONSENT",
        coordinator="coordinator",
        not_after=NOW + 10**7,
        persons=PERSONS,
    )


def case_file(asks: Iterable[Ask]) -> CaseFile:
    """Give a verified bundle of questions."""
    return CaseFile(contents=exchanges.EMPTY, asked=[one.shown() for one in asks], papers=papers())
