"""A federation whose departments add up: an income of two people, with real keys and real logs.

What a method is not told otherwise is honest, as in ``diaries``. What the centre has asked can be
handed out as logs, and as a bundle with transcripts.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from auditor import papers
from auditor.papers import Papers
from auditor.reconcile import Reconciled, Source, reconcile
from auditor.sums import Known
from crypto import comparison
from federation import bundle, consent, limits, root, transcript
from federation.bundle import Contents
from federation.consenting import GrantRequest
from federation.exchange import (
    COMPARE,
    CONTRIBUTE,
    TEST,
    Answer,
    Header,
    Outcome,
    Purpose,
    Question,
)
from federation.log import proof
from federation.manifest import Manifest, PartyRole
from federation.receipt import LogProof
from federation.transcript import Message, Round, SealedSeed, Seeds, Transcript
from federation.wire import codec, receipt_messages, signed, sum_messages
from federation.wire.receipt_messages import Proved
from federation.wire.sum_messages import Compared, Comparison, Contribution, SlotTest, Tested
from tests.auditor import diaries
from tests.auditor.diaries import CASE, CENTRE, CONSENT, NOW, Asked, Diary, Federation, jti_of
from tests.support import exchanges, summed, sums
from tests.support.exchanges import filler, key
from tests.support.summed import (
    DEPARTMENTS,
    HIGHER,
    ORDER,
    RUNG,
    SEED,
    SLOTS,
    TALLY,
    Computed,
    compute,
)

PARTIES: Final = (*DEPARTMENTS, TALLY)
_METHODS: Final = {Round.CONTRIBUTE: CONTRIBUTE, Round.COMPARE: COMPARE, Round.TEST: TEST}
_DONE: Final = {
    Round.CONTRIBUTE: Outcome.CONTRIBUTED,
    Round.COMPARE: Outcome.COMPARED,
    Round.TEST: Outcome.COMPARED,
}


def manifest() -> Manifest:
    """List a tally and two more departments, and the group that they are."""
    first = exchanges.first_manifest()
    more = {
        "human_resources": PartyRole.NODE,
        "finance": PartyRole.NODE,
        TALLY: PartyRole.TALLY,
    }
    listed = {name: exchanges.party(name, role) for name, role in more.items()}
    return replace(first, parties={**first.parties, **listed}, groups={"H1": summed.group()})


def documents() -> dict[str, bytes]:
    """Sign manifest and policy."""
    return {
        "manifest": exchanges.manifest_file(manifest()),
        "policy": exchanges.policy_file(sums.POLICY),
    }


PAPERS: Final[Papers] = papers.gather(
    root.read_chain(exchanges.root_file(exchanges.root_document())), documents()
)


@dataclass(frozen=True, kw_only=True)
class Told:
    """How a round goes, as far as it is not as usual; ``logged`` by whom, of three."""

    rung: str = RUNG
    outcome: Outcome | None = None
    uses: Sequence[int] | None = None
    tokens: Sequence[bytes] | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    item: bytes = b""
    logged: Sequence[str] = ("request", "answer", "reply")
    kind: str = ""


class Added(Federation):
    """Parties at work on a sum: the case is open, and every person has a token at every party."""

    def __init__(self, rungs: Sequence[str] = (RUNG, HIGHER)) -> None:
        super().__init__()
        self.diaries |= {one: Diary(one) for one in PARTIES if one not in self.diaries}
        self.rounds: list[tuple[Round, Asked]] = []
        asked = [
            GrantRequest(
                person=person, department=party, predicate="H1", parameter=rung, max_uses=3
            )
            for person in range(SLOTS)
            for party in PARTIES
            for rung in rungs
        ]
        self.record(CONSENT, grants_of=asked, members=SLOTS, evidence=_papers())
        self.open(members=SLOTS)
        pairs = [("H1", rung) for rung in rungs]
        self.tokens = {
            party: [self._token(party, slot, pairs) for slot in range(SLOTS)] for party in PARTIES
        }
        for party in PARTIES:
            self.publish(party)

    def _token(self, party: str, slot: int, pairs: Sequence[tuple[str, str]]) -> bytes:
        sub = filler(f"psn {party} {slot}", 32)
        return self.issue(
            party,
            pairs=pairs,
            max_uses=3,
            joint=summed.grant(slot),
            event={"person": slot},
            claims={"sub": sub, "members": SLOTS},
        )

    # -- rounds

    def contribute(
        self, party: str, share: bytes, run: bytes, order: Any = ORDER, **more: Any
    ) -> Asked:
        """Let a department give its share."""
        said = sum_messages.encode_contribution(Contribution(run=run, ciphertext=share))
        return self.round(
            Round.CONTRIBUTE, party, sum_messages.encode_order(order), said, Told(**more)
        )

    def compare(self, made: Computed, order: Any = ORDER, **more: Any) -> Asked:
        """Let the tally give its bits, or abort."""
        how = Told(**{"outcome": Outcome.ABORTED if made.aborted else None, **more})
        asked = Comparison(order=order, z=made.z, seed_commitment=made.commitment)
        said = Compared(run=made.run, rung=how.rung, bits=made.bits)
        asked_, said_ = sum_messages.encode_comparison(asked), sum_messages.encode_compared(said)
        return self.round(Round.COMPARE, TALLY, asked_, said_, how)

    def test(self, made: Computed, order: Any = ORDER, **more: Any) -> Asked:
        """Let the tally give its share of the outcome."""
        asked = sum_messages.encode_test(SlotTest(order=order, slots=made.slots))
        said = sum_messages.encode_tested(Tested(run=made.run, share=made.share))
        return self.round(Round.TEST, TALLY, asked, said, Told(**more))

    def add(self, made: Computed | None = None, order: Any = ORDER, **more: Any) -> Computed:
        """Let a run go from its first round to its last, or to the tally's abort."""
        made = made or compute()
        for party, share in zip(DEPARTMENTS, made.shares, strict=True):
            self.contribute(party, share, made.run, order, **more)
        self.compare(made, order, **more)
        if not made.aborted:
            self.test(made, order, **more)
        return made

    def round(self, step: Round, party: str, asked: bytes, said: bytes, how: Told) -> Asked:
        """Ask by the tokens of all slots, answer alike for all of them, and log it."""
        tokens = self.tokens[party] if how.tokens is None else how.tokens
        pair = "H1", how.rung
        request = self._asked(step, party, tokens, pair, (how.item or asked, how.asked))
        outcome = how.outcome or _DONE[step]
        answer = self._said(request, self._answers(step, party, tokens, pair, outcome, how), said)
        one = Asked(
            department=party,
            request=request,
            answer=answer,
            asked=signed.claimed_header(request),
            said=signed.claimed_header(answer),
            tokens=(*map(jti_of, tokens), bytes(16)),
        )
        if "request" in how.logged:
            self.log_request(one)
        if "answer" in how.logged:
            self.log_answer(one, kind=how.kind or step.value)
        if "reply" in how.logged:
            self.log_reply(one)
        self.rounds.append((step, one))
        return one

    def _asked(
        self,
        step: Round,
        party: str,
        tokens: Sequence[bytes],
        pair: tuple[str, str],
        last: tuple[bytes, Mapping[str, Any]],
    ) -> codec.SignedBatch:
        shown = [consent.disclose(token, [pair]) for token in tokens]
        questions = [
            codec.encode_question(
                Question(
                    predicate=pair[0],
                    parameter=pair[1],
                    presentation=hashlib.sha256(one).digest(),
                    case_ref=self.reference(CASE, party),
                )
            )
            for one in shown
        ]
        qid = filler(f"qid {next(self._numbers)}")
        header = Header(
            method=_METHODS[step],
            sender=CENTRE,
            audience=party,
            qid=qid,
            issued=self.later(),
            expires=self.now + limits.REQUEST_LIFE,
            n=0,
            root=signed.UNSET_ROOT,
            purpose=Purpose.ENTRY,
            policy_version=1,
        )
        item, changes = last
        salts = _salts(f"salt {qid.hex()}")
        unsigned = signed.prepare(replace(header, **changes), [*questions, item], salts)
        return signed.sign(unsigned, key(CENTRE), tuple(shown))

    def _answers(
        self,
        step: Round,
        party: str,
        tokens: Sequence[bytes],
        pair: tuple[str, str],
        outcome: Outcome,
        how: Told,
    ) -> list[Answer]:
        if how.uses is not None:
            return [Answer(outcome=outcome, policy_version=1, use_no=one) for one in how.uses]
        answers = []
        for token in tokens:
            used = party, jti_of(token), *pair
            if step is not Round.TEST:
                self.uses[used] = self.uses.get(used, 0) + 1
            number = 0 if step is Round.TEST else self.uses[used]
            answers.append(Answer(outcome=outcome, policy_version=1, use_no=number))
        return answers

    def _said(
        self, request: codec.SignedBatch, answers: Sequence[Answer], last: bytes
    ) -> codec.SignedBatch:
        asked = signed.claimed_header(request)
        header = replace(
            asked,
            sender=asked.audience,
            audience=asked.sender,
            issued=self.later(1),
            expires=self.now + limits.REQUEST_LIFE,
            request_hash=hashlib.sha256(request.envelope.payload).digest(),
            status_list_digest=self.published[asked.audience],
        )
        silent = {Outcome.REFUSED, Outcome.PRESENT_AGAIN}
        items = [codec.encode_answer(one) for one in answers]
        items.append(b"" if answers[0].outcome in silent else last)
        salts = _salts(f"answer {asked.qid.hex()}")
        return signed.sign(signed.prepare(header, items, salts), key(asked.audience))

    # -- the audit

    def sources(self, *without: str, seen: int | None = None) -> list[Source]:
        """Hand in all logs."""
        roles = manifest().parties
        at = self.now + 10_000 if seen is None else seen
        return [
            Source(party=one.party, role=roles[one.party].role, seen=at, rows=list(one.rows))
            for one in self.diaries.values()
            if one.party not in without
        ]

    def reconciled(
        self,
        *without: str,
        settled: bool = True,
        by: Papers | None = None,
        seen: int | None = None,
        known: Known | None = None,
    ) -> Reconciled:
        """Hold all logs to one another, and to the seeds of all runs."""
        brought = Known(seeds=opened(SEED)) if known is None else known
        return reconcile(self.sources(*without, seen=seen), by or PAPERS, brought, settled=settled)

    def export(self, folder: Path) -> Path:
        """Export all logs with the documents of this federation."""
        diaries.export(self, folder)
        for name, data in documents().items():
            (folder / f"{name}.json").write_bytes(data)
        return folder

    # -- a bundle

    def salts(self) -> dict[str, bytes]:
        """Give what opens the case's reference at each party."""
        opening = self.openings[CASE].opening
        return {one: hmac.digest(opening, one.encode(), "sha256") for one in PARTIES}

    def transcript(self, made: Computed, rounds: slice = slice(None), **more: Any) -> Transcript:
        """Write some rounds down, as far as they have come."""
        books = {
            one.department: diaries.booked(self.diaries[one.department], self.now + 20)
            for _, one in self.rounds
        }
        messages = []
        for step, one in self.rounds[rounds]:
            book = books[one.department]
            row = book.all[one.node_row or 0]
            assert row.record is not None
            assert row.salt is not None
            shown = proof.prove(book, one.node_row or 0, book.checkpoints[-1])
            log = LogProof(record=row.record, salt=row.salt, proof=shown)
            messages.append(
                Message(
                    round=step,
                    party=one.department,
                    request=codec.encode_batch(replace(one.request, presentations=())),
                    answer=codec.encode_batch(one.answer),
                    proof=receipt_messages.encode_proved(Proved(log=log)),
                )
            )
        plain = Transcript(
            predicate="H1",
            parameter=RUNG,
            persons=(1, 2),
            group=summed.group().digest,
            run=made.run,
            period=ORDER.period,
            attempt=0,
            outcome="SUM_ABORTED" if made.aborted else "YES",
            messages=tuple(messages),
        )
        return replace(plain, **more)

    def files(self, *transcripts: Transcript, **more: Any) -> dict[str, bytes]:
        """Lay out a bundle of transcripts; ``more`` stands in its report."""
        rows = [
            {
                "predicate": one.predicate,
                "parameter": one.parameter,
                "persons": list(one.persons),
                "outcome": one.outcome if one.outcome in {"YES", "NO"} else "UNAVAILABLE",
            }
            for one in transcripts
        ]
        event = self.openings[CASE]
        head = {"commission": event.commission, "operator": event.operator, "sums": rows}
        shown = {p for _, one in self.rounds for p in one.request.presentations}
        return {
            bundle.ROOT: exchanges.root_file(exchanges.root_document()),
            "documents/manifest-1.json": documents()["manifest"],
            "documents/policy-test-1.json": documents()["policy"],
            bundle.REPORT: exchanges.report(**{**head, **more}),
            **{f"tokens/{hashlib.sha256(p).hexdigest()}.sd-jwt": p for p in shown},
            **{
                f"transcripts/{n:03}.json": transcript.write(one)
                for n, one in enumerate(transcripts, 1)
            },
        }

    def sealed(self, files: Mapping[str, bytes], **more: Any) -> bytes:
        """Sign a bundle as the centre does."""
        event = self.openings[CASE]
        contents = Contents(
            federation="test",
            coordinator=CENTRE,
            case=CASE,
            commission=event.commission,
            operator=event.operator,
            made=self.now + 100,
            files=bundle.digests(files),
            persons={},
            salts=self.salts(),
        )
        return bundle.seal(files, replace(contents, **more), key(CENTRE))


def opened(*seeds: bytes) -> dict[bytes, bytes]:
    """Give opened seeds by what commits to them."""
    return {comparison.commitment(seed): seed for seed in seeds}


def seeds_of(made: Computed, seed: bytes = SEED, **more: Any) -> bytes:
    """Write the sealed seed of a run, as the centre hands it over."""
    one = SealedSeed(
        predicate="H1",
        parameter=RUNG,
        run=made.run,
        attempt=0,
        commitment=comparison.commitment(seed),
        sealed=summed.sealed(seed),
    )
    plain = Seeds(federation="test", coordinator=CENTRE, case=CASE, seeds=(one,))
    return transcript.write_seeds(replace(plain, **more))


def added() -> Added:
    """Let an honest run go to its end."""
    town = Added()
    town.add()
    return town


def _papers() -> tuple[bytes, ...]:
    return tuple(filler(f"paper {slot}", 32) for slot in range(SLOTS))


def _salts(name: str) -> Callable[[int], bytes]:
    return lambda size: filler(name, size)


assert NOW == exchanges.NOW
