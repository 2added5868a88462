"""The transcripts of a bundle: every message proven as a receipt is, every run whole, and replayed.

Knows what must hold between a transcript and its messages. Does not know what one message demands
(``receipts``), nor a run (``sums``): that is judged as it is in a coordinator's log.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from auditor import receipts, verify
from auditor.exchanges import Exchange, Item
from auditor.papers import Papers
from auditor.receipts import Beside, Proven, Shown, located
from auditor.sums import Known, Sum, Sums
from federation import consent, exchange, limits, transcript
from federation.bundle import Contents
from federation.consent import Consent
from federation.errors import PeerFault
from federation.exchange import Outcome
from federation.manifest import Manifest
from federation.receipt import DocumentName, Receipt, proven_item
from federation.strictjson import b64
from federation.transcript import Message, Round, Transcript
from federation.wire import codec, receipt_messages
from federation.wire.codec import SignedBatch
from federation.wire.receipt_messages import Places, Proved

TOLD: Final = frozenset({Outcome.YES.name, Outcome.NO.name})
"""Outcomes of a run that has come to its end."""
_METHODS: Final = {
    Round.CONTRIBUTE: exchange.CONTRIBUTE,
    Round.COMPARE: exchange.COMPARE,
    Round.TEST: exchange.TEST,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A proven message: what it proves of each slot, with the receipt that says so.

    ``joint`` is what stood behind the questions, and behind the answers.
    """

    round: Round
    party: str
    slots: tuple[tuple[Proven, Receipt], ...] = field(repr=False)
    joint: tuple[bytes, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run that holds; no ``sum`` where nothing was compared."""

    transcript: Transcript
    steps: tuple[Step, ...]
    sum: Sum | None


class Transcripts:
    """The transcripts of one bundle, in their order."""

    def __init__(self, papers: Papers, beside: Beside, contents: Contents, known: Known) -> None:
        self._papers = papers
        self._beside = beside
        self._contents = contents
        self._tokens: dict[bytes, Consent] = {}
        self._sums = Sums(papers, self._tokens, known)

    def check(self, name: str, data: bytes) -> tuple[Ran | None, list[PeerFault]]:
        """Verify a transcript; give the run unless something of it does not hold, and what."""
        try:
            one = transcript.read(data)
        except PeerFault as e:
            return None, [PeerFault("TRANSCRIPT_MALFORMED", file=name, why=e.code)]
        steps, faults, at = [], [], 0
        for message in one.messages:
            places, at = _places(data, message, at)
            try:
                steps.append(self._step(one, message, places))
            except PeerFault as error:
                error.details |= {"file": name, "about": f"{message.party} {message.round}"}
                faults.append(error)
        if not faults:
            faults = self._judged(name, one, steps)
        if faults:
            return None, faults
        line = self._sums.line(one.run, one.parameter)
        return Ran(transcript=one, steps=tuple(steps), sum=line), []

    def _judged(self, name: str, one: Transcript, steps: Sequence[Step]) -> list[PeerFault]:
        """Judge a run by its messages, as in a log; tell what is wrong with it."""
        exchanges = [self._exchange(step) for step in steps]
        found = [finding for each in exchanges for finding in self._sums.take(each)]
        faults = [PeerFault(finding.code, file=name, **finding.evidence) for finding in found]
        document = steps[0].slots[0][0].document if steps else self._papers.newest
        ended = self._ended(one, exchanges, document)
        return faults + [PeerFault(code, file=name, why=why) for code, why in ended]

    def _step(self, one: Transcript, message: Message, places: Places) -> Step:
        """Prove a message of every slot.

        Raises:
            PeerFault: as ``receipts.prove``, with the place in the transcript; BUNDLE_CASE.
        """
        with located(places, "request"):
            asked = _batch(message.request)
        with located(places, "answer"):
            said = _batch(message.answer)
        with located(places, "log"):
            proved = _proved(message.proof)
        with located(places, "request", "answer"):
            if {len(asked.items), len(said.items)} != {len(one.persons) + 1}:
                raise PeerFault("RECEIPT_WRONG_ANSWER", why="persons")
        slots = []
        for slot in range(len(one.persons)):
            with located(places, "request", "answer"):
                receipt = self._receipt(asked, said, slot, proved)
            shown = Shown(receipt=receipt, places=places, method=_METHODS[message.round])
            proven = receipts.prove(shown, self._papers, self._beside)
            with located(places, "request", "answer"):
                _check_named(one, message, proven)
                receipts.check_case(proven, self._contents)
            slots.append((proven, receipt))
        return Step(
            round=message.round,
            party=message.party,
            slots=tuple(slots),
            joint=(asked.items[-1].item, said.items[-1].item),
        )

    def _receipt(self, asked: SignedBatch, said: SignedBatch, slot: int, proved: Proved) -> Receipt:
        """Show of a message what a receipt shows of an answer; what it names lies beside.

        Raises:
            PeerFault: RECEIPT_MALFORMED or RECEIPT_MANIFEST.
        """
        before = proven_item(asked.envelope, asked.items, slot)
        after = proven_item(said.envelope, said.items, slot)
        document = self._papers.manifest_at(verify.header(after).issued)
        digest = verify.question(before).presentation or bytes(32)
        return Receipt(
            request=before,
            answer=after,
            consent=digest,
            log=proved.log,
            manifest=DocumentName(version=document.version, digest=document.digest),
            policy=self._policy(verify.header(before).policy_version, digest),
        )

    def _policy(self, version: int, presentation: bytes) -> DocumentName:
        """Name the policy by which was asked: of this version, and of the token's family."""
        family = _family(self._beside.presentations.get(presentation, b""))
        named = (
            digest
            for digest, rules in self._papers.policies.items()
            if rules.version == version and family in {"", rules.family}
        )
        return DocumentName(version=version, digest=next(named, bytes(32)))

    def _exchange(self, step: Step) -> Exchange:
        """Make of a message what a log tells of it."""
        first, receipt = step.slots[0]
        signature = receipt.request.envelope.signatures[0]
        for proven, shown in step.slots:
            if proven.claims is not None:
                self._keep(verify.token(self._beside.presentations[shown.consent], proven.document))
        return Exchange(
            coordinator=first.asked.sender,
            department=first.said.sender,
            row=0,
            digest=sha256(receipt.request.envelope.payload).digest(),
            signature=signature.sig,
            holder=first.document.party(first.asked.sender).keys[signature.kid],
            asked=first.asked,
            items=tuple(_item(proven, self._contents.case) for proven, _ in step.slots),
            joint=step.joint,
        )

    def _keep(self, token: Consent) -> None:
        jti = token.claims.jti
        before = self._tokens.get(jti)
        self._tokens[jti] = consent.joined(before, token) if before else token

    def _ended(
        self, one: Transcript, exchanges: Sequence[Exchange], document: Manifest
    ) -> Iterator[tuple[str, str]]:
        """Hold what a transcript says of its run to its messages; name what differs."""
        group = document.groups.get(one.predicate)
        if group is None or group.digest != one.group:
            yield "SUM_RUN", "group"
        if {each.run for each in exchanges} - {b"", one.run}:
            yield "SUM_RUN", "run"
        line = self._sums.line(one.run, one.parameter)
        if line and (line.period, line.attempt) != (one.period, one.attempt):
            yield "SUM_RUN", "period"
        if one.outcome in TOLD and not (line and line.tested):
            yield "SUM_PART", "test"
        elif line and line.outcome not in {None, one.outcome}:
            yield "SUM_RUN", "outcome"


def _batch(data: bytes) -> SignedBatch:
    """Read a message of one signature, which shows no tokens.

    Raises:
        PeerFault: RECEIPT_MALFORMED.
    """
    try:
        batch = codec.decode_batch(data)
    except PeerFault as e:
        raise PeerFault("RECEIPT_MALFORMED", why=e.code) from e
    salts = {len(one.salt) for one in batch.items}
    if batch.presentations or len(batch.envelope.signatures) != 1 or salts != {limits.SALT_BYTES}:
        raise PeerFault("RECEIPT_MALFORMED", why="MALFORMED")
    return batch


def _proved(data: bytes) -> Proved:
    """Read what proves that a message was logged; status lists lie beside.

    Raises:
        PeerFault: RECEIPT_MALFORMED.
    """
    try:
        proved = receipt_messages.decode_proved(data)
    except PeerFault as e:
        raise PeerFault("RECEIPT_MALFORMED", why=e.code) from e
    if proved.status_lists:
        raise PeerFault("RECEIPT_MALFORMED", why="MALFORMED")
    return proved


def _check_named(one: Transcript, message: Message, proven: Proven) -> None:
    """Refuse a message that is not what the transcript calls it.

    Raises:
        PeerFault: RECEIPT_WRONG_ANSWER.
    """
    asked = proven.question.predicate, proven.question.parameter
    if message.party != proven.said.sender:
        raise PeerFault("RECEIPT_WRONG_ANSWER", why="party")
    if asked != (one.predicate, one.parameter):
        raise PeerFault("RECEIPT_WRONG_ANSWER", why="question")


def _item(proven: Proven, case: str) -> Item:
    return Item(
        predicate=proven.question.predicate,
        parameter=proven.question.parameter,
        token=proven.claims.jti if proven.claims else b"",
        case=case,
        answer=proven.answer,
    )


def _family(presentation: bytes) -> str:
    """Tell by which policy a token was issued; nothing where it does not read."""
    try:
        return consent.visible(presentation).policy_family
    except PeerFault:
        return ""


def _places(data: bytes, message: Message, start: int) -> tuple[dict[str, tuple[int, int]], int]:
    """Tell where the parts of a message lie in a transcript, and where to look for the next one."""
    parts = {"answer": message.answer, "log": message.proof, "request": message.request}
    found = {}
    for name, part in parts.items():  # in the order of their keys: answer, proof, request
        written = b64(part).encode()
        start = data.index(b'"' + written + b'"', start) + 1
        found[name] = start, start + len(written)
        start += len(written)
    return found, start
