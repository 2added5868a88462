"""A coordinator's log: its requests and the answers to them, held to consents, cases and policy.

Knows what must hold of an exchange by what its asker has logged. Does not know what the department
has logged of it (``departments``), nor what an answered question needs (``answered``).
"""

from collections.abc import Generator, Iterator, Sequence
from hashlib import sha256
from sys import intern
from typing import Final

from auditor import answered, mandated, verify
from auditor.around import Around
from auditor.casebook import Casebook
from auditor.chains import Chains
from auditor.exchanges import Exchange, Item, shared
from auditor.findings import Finding, Place, found
from auditor.presented import Presented
from auditor.records import Said
from auditor.sums import Known, Sums
from crypto.keys import VerifyKey
from federation import exchange
from federation.errors import PeerFault
from federation.exchange import Header, Question
from federation.ledger import LedgerEntry
from federation.log.coordinator_events import MandateEnlisted
from federation.log.kinds import Happened
from federation.manifest import PartyRole
from federation.wire import codec, mandate_messages, signed
from federation.wire.signed import Opened

_HEADER: Final = ("method", "sender", "audience")


class Centre:
    """One coordinator's log as far as it was read; rows come in their order."""

    def __init__(self, party: str, around: Around, chains: Chains, known: Known) -> None:
        self.party = party
        self.book = Casebook(party)
        self.presented = Presented(party, around)
        self.exchanges: dict[bytes, Exchange] = {}
        self.enlisted: dict[bytes, int] = {}
        self._around = around
        self._chains = chains
        self.sums = Sums(around.papers, self.presented.tokens, known)

    def take(self, row: int, said: Said, beside: bytes) -> Iterator[Finding]:
        """Take a row of the log; give what is wrong with it."""
        place = Place(self.party, row)
        match said:
            case LedgerEntry(kind="request"):
                yield from self._requested(place, said, beside)
            case LedgerEntry(kind="reply"):
                yield from self._replied(place, said, beside)
            case Happened(event=MandateEnlisted() as event):
                self.enlisted.setdefault(event.list, row)
            case Happened():
                yield from self.book.take(row, said)
            case _:
                yield found("LOG_RECORD", place, why="kind")

    def _requested(self, place: Place, entry: LedgerEntry, beside: bytes) -> Iterator[Finding]:
        digest = sha256(entry.request).digest()
        if digest in self.exchanges:
            before = self.exchanges[digest].place
            yield found("EXCHANGE_TWICE", place, before, request=digest)
            return
        try:
            opened, holder = self._opened(entry, beside)
            known = Exchange(
                coordinator=self.party,
                department=entry.caller,
                row=place.row or 0,
                digest=digest,
                signature=entry.request_signature,
                holder=holder,
                asked=shared(opened.header, *_HEADER),
            )
            if opened.header.method == exchange.ASK_MANDATE:
                block = known.block = mandate_messages.decode_question(opened.items[0])
                yield from mandated.requested(known, block, self.enlisted, self._around)
            else:
                questions = opened.items
                if opened.header.method in exchange.SUMMING:
                    questions, known.joint = questions[:-1], (questions[-1], b"")
                known.items = yield from self._asked(known, opened.presentations, questions)
        except PeerFault as e:
            told = {"request": digest, "department": entry.caller, "why": _why(e)}
            yield found("REQUEST_INVALID", place, **told)
            return
        self.exchanges[digest] = known

    def _opened(self, entry: LedgerEntry, beside: bytes) -> tuple[Opened, VerifyKey]:
        """Hold what was sent to its entry and to our signature.

        Raises:
            PeerFault: whatever is wrong.
        """
        batch = codec.decode_batch(beside)
        header = signed.claimed_header(batch)
        document = self._around.papers.manifest_at(header.issued)
        keys = document.party(self.party, PartyRole.COORDINATOR).keys
        opened = signed.verify(batch, header, keys)
        logged = (header.sender, header.audience, header.issued) == (
            *(self.party, entry.caller),
            entry.at,
        )
        same = (batch.envelope.payload, batch.envelope.signatures[0].sig) == (
            entry.request,
            entry.request_signature,
        )
        if not logged or not same or entry.answer:
            raise PeerFault("REQUEST_INVALID", why="entry")
        return opened, keys[batch.envelope.signatures[0].kid]

    def _asked(
        self, known: Exchange, presentations: Sequence[bytes], questions: Sequence[bytes]
    ) -> Generator[Finding, None, tuple[Item, ...]]:
        """Read the questions, each with its token and case; give what is wrong with them."""
        shown: dict[bytes, bytes] = {}
        for one in presentations:
            shown[sha256(one).digest()] = yield from self.presented.show(one, known)
        items: list[Item] = []
        for data in questions:
            question = codec.decode_question(data)
            token = question.jti or shown.get(question.presentation, b"")
            if question.presentation and question.presentation not in shown:
                told = {"presentation": question.presentation, "qid": known.asked.qid}
                yield found("TOKEN_UNSEEN", known.place, **told)
            elif question.jti and question.jti not in self.presented.tokens:
                yield from self._by_unseen(known, question)
            item = Item(
                predicate=intern(question.predicate),
                parameter=intern(question.parameter),
                token=token,
                case="",
            )
            item.case = yield from self._case(known, question, token)
            items.append(item)
        return tuple(items)

    def _by_unseen(self, known: Exchange, question: Question) -> Iterator[Finding]:
        """Say that a token is named by an id that was never shown, or never issued."""
        told = {"token": question.jti, "qid": known.asked.qid, "department": known.department}
        if question.jti in self._around.registry.tokens:
            yield found("TOKEN_UNSEEN", known.place, **told)
        else:
            told_so = found("TOKEN_UNKNOWN", known.place, **told)
            yield self._around.missing(told_so, known.asked.issued)

    def _case(
        self, known: Exchange, question: Question, token: bytes
    ) -> Generator[Finding, None, str]:
        """Find whose case a question is, and hold it to its token's consent."""
        issue = self._around.registry.tokens.get(token)
        consent_no = issue.event.consent_no if issue else ""
        case = self.book.named(question.case_ref, known.department, consent_no)
        told = {"qid": known.asked.qid, "reference": question.case_ref, "consent": consent_no}
        if not case:
            yield found("CASE_UNLOGGED", known.place, **told)
            return ""
        filed = self.book.cases[case]
        where = Place(self.party, filed.row)
        if consent_no and consent_no not in filed.consents:
            yield found("CASE_OTHER", known.place, where, **told, case=case)
        resting = filed.resting(known.row, known.asked.issued)
        if resting:
            yield found(
                "CASE_ENDED", known.place, Place(self.party, resting.row), **told, case=case
            )
        return case

    def _replied(self, place: Place, entry: LedgerEntry, beside: bytes) -> Iterator[Finding]:
        digest = sha256(entry.request).digest()
        known = self.exchanges.get(digest)
        if known is None:
            yield found("REQUEST_UNLOGGED", place, request=digest, department=entry.caller)
            return
        if known.reply is not None:
            if known.came != sha256(entry.answer).digest():
                yield found("EXCHANGE_TWICE", place, *known.places, qid=known.asked.qid)
            return
        try:
            said = self._believed(known, entry, beside)
        except PeerFault as e:
            told = {"qid": known.asked.qid, "department": known.department, "why": _why(e)}
            yield found("ANSWER_INVALID", place, known.place, **told)
            return
        known.reply, known.came = place.row, sha256(entry.answer).digest()
        known.said = shared(said, *_HEADER)
        if said.method in exchange.SUMMING:
            yield from self.sums.take(known)
            known.joint = b"", b""
        yield from answered.check(known, said, self.presented.tokens, self._around, self._chains)

    def _believed(self, known: Exchange, entry: LedgerEntry, beside: bytes) -> Header:
        """Hold what came to the department's signature and to the request; note the answers.

        Raises:
            PeerFault: whatever is wrong.
        """
        if codec.envelope_of(beside).payload != entry.answer:
            raise PeerFault("ANSWER_INVALID", why="entry")
        said = codec.decode_header(entry.answer)
        document = self._around.papers.manifest_at(said.issued)
        keys = document.party(known.department, verify.role(known.asked.method)).keys
        if known.block is not None:
            known.answer = mandated.believed(known, beside, keys)
            return said
        opened = signed.open_answer(codec.decode_batch(beside), known.asked, keys)
        answers = opened.items
        if said.method in exchange.SUMMING:
            answers, known.joint = answers[:-1], (known.joint[0], answers[-1])
        for item, answer in zip(known.items, answers, strict=True):
            item.answer = codec.decode_answer(answer)
        return said


def _why(error: PeerFault) -> str:
    return str(error.details.get("why", error.code))
