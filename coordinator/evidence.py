"""A case's evidence: proofs out of the departments' logs, and the bundle that holds all of it.

Knows receipts, and a folder in which proofs are kept, with the documents of their time. What lies
there can be fetched again while the departments have it, so it is no part of the books. Verifies no
log: an auditor does, who takes nobody's word here.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from coordinator import papers
from coordinator.asking.record import Settled
from coordinator.asking.requests import CaseTerms, department_salt
from coordinator.asking.sum_record import Ran
from coordinator.casework.filed import FiledCase
from coordinator.desk import Books
from coordinator.papers import FOLDER, Papers
from federation import bundle, consent, keyfile, status, transcript
from federation.bundle import Contents
from federation.clock import Clock
from federation.errors import BadInput, HeduiError, PeerFault, Unavailable
from federation.exchange import Header, Question
from federation.party import Party
from federation.receipt import Receipt, proven_item
from federation.transcript import Message, Seeds, Transcript
from federation.wire import codec, receipt_messages, signed
from federation.wire.codec import SignedBatch
from federation.wire.receipt_messages import Proved

_AT_ONCE: Final = 16

Prove = Callable[[str, bytes], bytes]
"""Asks a department with a ``ProveRequest`` for its ``Proved``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A proof that cannot be had now, and why."""

    department: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its answer, read again, and which items are the case's."""

    settled: Settled
    asked: SignedBatch = field(repr=False)
    answered: SignedBatch = field(repr=False)
    said: Header

    @classmethod
    def of(cls, settled: Settled) -> "Exchange":
        """Read the bytes that travelled."""
        answered = codec.decode_batch(settled.receipt)
        return cls(
            settled=settled,
            asked=codec.decode_batch(settled.request),
            answered=answered,
            said=signed.claimed_header(answered),
        )

    def question(self, position: int) -> Question:
        """Read one of its questions."""
        return codec.decode_question(self.asked.items[position].item)


class Shown:
    """The presentations that went to departments for a case, found as questions name them."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._sent = [(one.said.sender, p) for one in exchanges for p in one.asked.presentations]
        self._by_digest = {sha256(p).digest(): p for _, p in self._sent}

    def to(self, department: str, question: Question) -> bytes:
        """Give the presentation by which a question was consented; nothing if none was shown."""
        if question.presentation:
            return self._by_digest.get(question.presentation, b"")
        pair = question.predicate, question.parameter
        return next(
            (
                presentation
                for sender, presentation in self._sent
                if sender == department
                and consent.visible(presentation).jti == question.jti
                and pair in consent.grants_of(presentation)
            ),
            b"",
        )


class Evidence:
    """Collects the proofs of cases, and seals bundles."""

    def __init__(self, books: Books, party: Party, prove: Prove, clock: Clock) -> None:
        self._books = books
        self._party = party
        self._prove = prove
        self._clock = clock
        self._folder = party.data / FOLDER

    def collect(self, case_id: str) -> list[Missing]:
        """Fetch the proofs that are not kept yet; what cannot be had is told, the rest is kept.

        Raises:
            BadInput: CASE_UNKNOWN, NOTHING_TO_PROVE or FILE_UNWRITABLE.
        """
        papers.keep(self._party)
        every = [*self._exchanges(case_id), *self._summed(case_id)]
        if not every:
            raise BadInput("NOTHING_TO_PROVE", case=case_id)
        wanted = [one for one in every if self._kept(one) is None]
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="prove") as pool:
            return [missing for missing in pool.map(self._fetch, wanted) if missing]

    def receipts(self, case_id: str) -> list[tuple[Receipt, int]]:
        """Give every answer of a case as a whole receipt, and the place of whom it is about.

        Raises:
            BadInput: CASE_UNKNOWN.
            Unavailable: PROOF_NOT_READY unless all proofs are kept.
        """
        exchanges = self._exchanges(case_id)
        known = papers.read(self._party)
        shown = Shown(exchanges)
        made: list[tuple[Receipt, int]] = []
        for one in exchanges:
            proved = self._proved(one)
            for position, place in one.settled.mine:
                token = shown.to(one.said.sender, one.question(position))
                made.append((_receipt(one, position, token, proved, known), place))
        return made

    def seal(self, case_id: str, report: bytes) -> bytes:
        """Make the bundle of a case, all of whose proofs are kept.

        Raises:
            BadInput: CASE_UNKNOWN or NOTHING_TO_PROVE.
            PeerFault: OVERSIZE when there is too much of it.
            Unavailable: PROOF_NOT_READY.
        """
        files = {bundle.REPORT: report, **papers.read(self._party).files}
        persons: dict[str, int] = {}
        asked: set[str] = set()
        for number, (receipt, place) in enumerate(self.receipts(case_id), start=1):
            said = codec.decode_header(receipt.answer.envelope.payload)
            lists = f"status/{said.status_list_digest.hex()}"
            files |= {f"{lists}/{n}.jwt": jwt for n, jwt in enumerate(receipt.status_lists)}
            if receipt.presentation:
                files[f"tokens/{receipt.consent.hex()}.sd-jwt"] = receipt.presentation
            lean = replace(receipt, presentation=b"", status_lists=())
            files[f"receipts/{number:03}"] = receipt_messages.encode_receipt(lean)
            persons[f"receipts/{number:03}"] = place + 1
            asked.add(said.sender)
        runs = self._books.sums.runs(case_id)
        if not (runs or persons):
            raise BadInput("NOTHING_TO_PROVE", case=case_id)
        for number, run in enumerate(runs, start=1):
            files |= self._transcript(run, number)
            asked |= {one.department for _, one in run.exchanges}
        (filed,) = self._books.store.cases([case_id])
        contents = Contents(
            federation=self._party.manifest.federation,
            coordinator=self._party.id,
            case=filed.id,
            commission=filed.case.commission,
            operator=filed.case.operator,
            made=self._clock.now(),
            files=bundle.digests(files),
            persons=persons,
            salts=_salts(filed, asked),
        )
        return bundle.seal(files, contents, self._party.key)

    def seeds(self, case_id: str) -> bytes:
        """Give the sealed seeds of a case's sums, for its auditor.

        Raises:
            BadInput: CASE_UNKNOWN, or NOTHING_TO_PROVE when no sum of it was compared.
        """
        self._books.store.cases([case_id])
        found = self._books.sums.seeds(case_id)
        if not found:
            raise BadInput("NOTHING_TO_PROVE", case=case_id)
        return transcript.write_seeds(
            Seeds(
                federation=self._party.manifest.federation,
                coordinator=self._party.id,
                case=case_id,
                seeds=tuple(found),
            )
        )

    def _exchanges(self, case_id: str) -> list[Exchange]:
        self._books.store.cases([case_id])
        return [Exchange.of(one) for one in self._books.record.settled(case_id)]

    def _summed(self, case_id: str) -> list[Exchange]:
        runs = self._books.sums.runs(case_id)
        return [Exchange.of(one) for run in runs for _, one in run.exchanges]

    def _transcript(self, run: Ran, number: int) -> dict[str, bytes]:
        """Write a run down, with what its messages name by digest beside."""
        files: dict[str, bytes] = {}
        messages = []
        for step, settled in run.exchanges:
            one = Exchange.of(settled)
            proved = self._proved(one)
            lists = f"status/{one.said.status_list_digest.hex()}"
            files |= {f"{lists}/{n}.jwt": jwt for n, jwt in enumerate(proved.status_lists)}
            files |= {f"tokens/{sha256(p).hexdigest()}.sd-jwt": p for p in one.asked.presentations}
            messages.append(
                Message(
                    round=step,
                    party=settled.department,
                    request=codec.encode_batch(replace(one.asked, presentations=())),
                    answer=settled.receipt,
                    proof=receipt_messages.encode_proved(replace(proved, status_lists=())),
                )
            )
        made = Transcript(
            predicate=run.ask.predicate,
            parameter=run.ask.parameter,
            persons=tuple(place + 1 for place in run.ask.persons),
            group=run.group,
            run=run.run,
            period=run.period,
            attempt=run.attempt,
            outcome=run.outcome,
            messages=tuple(messages),
        )
        return {**files, f"transcripts/{number:03}.json": transcript.write(made)}

    def _proved(self, one: Exchange) -> Proved:
        proved = self._kept(one)
        if proved is None:
            raise Unavailable("PROOF_NOT_READY")
        return proved

    def _path(self, one: Exchange) -> Path:
        return self._folder / one.said.qid.hex()

    def _kept(self, one: Exchange) -> Proved | None:
        """Read a proof that is kept; one that does not read counts as none."""
        try:
            return receipt_messages.decode_proved(self._path(one).read_bytes())
        except (OSError, PeerFault):
            return None

    def _fetch(self, one: Exchange) -> Missing | None:
        department = one.settled.department
        try:
            data = self._prove(department, receipt_messages.encode_prove(one.said.qid))
            _check_proved(receipt_messages.decode_proved(data), one)
        except HeduiError as error:
            return Missing(department=department, code=error.code)
        try:
            keyfile.write_private(self._path(one), data)
        except OSError as e:
            raise BadInput("FILE_UNWRITABLE", file=FOLDER, folder=self._party.data.name) from e
        return None


def _receipt(one: Exchange, position: int, token: bytes, proved: Proved, known: Papers) -> Receipt:
    named = one.question(position).presentation
    asked = signed.claimed_header(one.asked)
    family = consent.visible(token).policy_family if token else ""
    return Receipt(
        request=proven_item(one.asked.envelope, one.asked.items, position),
        answer=proven_item(one.answered.envelope, one.answered.items, position),
        consent=sha256(token).digest() if token else named or bytes(32),
        presentation=token,
        log=proved.log,
        status_lists=proved.status_lists,
        manifest=known.manifest_at(one.said.issued),
        policy=known.policy(asked.policy_version, family),
    )


def _salts(filed: FiledCase, departments: Iterable[str]) -> dict[str, bytes]:
    """Give what opens the case's reference at each department."""
    terms = CaseTerms(
        case_id=filed.id,
        commission=filed.case.commission,
        operator=filed.case.operator,
        purpose=filed.case.purpose,
        salt=filed.salt,
    )
    return {department: department_salt(terms, department) for department in departments}


def _check_proved(proved: Proved, one: Exchange) -> None:
    """Refuse a proof of something else.

    Raises:
        PeerFault: WRONG_ANSWER or MALFORMED.
    """
    entry = codec.decode_entry(proved.log.record)
    wrong = entry.request != one.asked.envelope.payload
    wrong |= entry.answer != one.answered.envelope.payload
    lists = proved.status_lists
    wrong |= bool(lists) and status.joint_digest(lists) != one.said.status_list_digest
    if wrong:
        raise PeerFault("WRONG_ANSWER", sender=one.said.sender)
