"""From questions to answers, many at a time: admit, look up, read records, spend.

Knows the order of protocol note §5 from the token on. Every step takes all questions of a request,
and from the books on those of a whole group of requests, so that a thousand cost a few statements
and one goes the same way. Writes nothing: what is to be written is on the pages. Does not know
envelopes or sockets.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from itertools import chain
from typing import Final

from department_node import evaluate, gate
from department_node.evaluate import Minimized, Period
from department_node.gate import Admitted, Moment
from department_node.ledger import Ledger, Look, Writes
from department_node.page import Entry, Page, Wanted
from department_node.records import RecordSource
from department_node.store import Store
from federation.clock import business_date
from federation.consent import Consent
from federation.errors import BadInput, HeduiError, PeerFault, Refused, Unavailable
from federation.exchange import Answer, Outcome, Question, Refusal, Scope
from federation.policy import Parameter
from federation.presentations import SUPPORTER, Consents, Shown
from federation.wire import codec

NO_TOKEN: Final = bytes(16)
"""Stands in the log where no token was read."""
# The same for every question of a day.
_period_of: Final = lru_cache(maxsize=8)(evaluate.period_of)
_AGAIN: Final = Answer(outcome=Outcome.PRESENT_AGAIN)
_SLOW: Final = frozenset({"SOURCE_TIMEOUT", "SOURCE_BUSY"})
_ONE_RECORDS_FAULT: Final = frozenset({"CATALOGUE_SQL", "SOURCE_UNREADABLE"})
"""What one bad record can make of a whole set: the others are read without it."""


Read = dict[tuple[bytes, bytes], Minimized | HeduiError]
"""What records have said, by subject and cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the source says of itself: how fresh it is and since when the roll is enrolled.

    ``epochs`` are those whose roll was enrolled to the end.
    """

    as_of: date | None
    enrolled_to: int
    epochs: frozenset[int]


@dataclass(slots=True)
class Line:
    """One question on its way; ``refused`` as soon as a step says no.

    ``token`` is the id of the verified token, zeros where none was read.
    """

    refused: Answer | None = None
    token: bytes = NO_TOKEN
    admitted: Admitted | None = None
    look: Look | None = None


@dataclass(slots=True, kw_only=True)
class Work:
    """What one request is worked on with, captured once; ``read`` keeps what records have said.

    While it is ``prompt`` others wait, and records that need long are not waited for.
    """

    moment: Moment
    shown: Shown = field(repr=False)
    facts: Facts
    today: date
    month: str
    prompt: bool = True
    read: Read = field(default_factory=dict, repr=False)
    said: dict[tuple[Minimized, Scope, str], Answer] = field(default_factory=dict)


class NotPrompt(Exception):
    """Records that have to be read while nobody waits."""

    def __init__(self, entries: list[Entry]) -> None:
        super().__init__()
        self.entries = entries


@dataclass(slots=True)
class Draft:
    """A request on its way to its answer.

    ``slow`` when its records need long: call ``read_on`` and settle it again. ``held`` when another
    request of the group is about the same record: settle it after that one.
    """

    lines: Sequence[Line]
    work: Work
    answers: list[bytes] = field(default_factory=list, repr=False)
    slow: NotPrompt | None = None
    held: bool = False
    page: Page = field(init=False, repr=False)
    drawn: list[tuple[Line, Entry | None]] = field(default_factory=list, repr=False)
    refused: dict[int, Answer | None] = field(default_factory=dict, repr=False)

    def fresh(self) -> list[Entry]:
        """List the questions for which a record has to be read."""
        return [e for e in self.page.entries if e.fresh and self.refused[id(e)] is None]


class Drafter:
    """Drafts the answers of a request."""

    def __init__(
        self,
        records: RecordSource,
        store: Store,
        consents: Consents,
        facts: Callable[[], Facts],
    ) -> None:
        self._records = records
        self._store = store
        self._consents = consents
        self._facts = facts

    def work(self, moment: Moment, shown: Shown) -> Work:
        """Capture what a request is worked on with.

        Raises:
            BadInput, Unavailable: the source does not say how fresh it is.
        """
        today = business_date(moment.now)
        month = f"{today.year}{today.month:02}"
        return Work(moment=moment, shown=shown, facts=self._facts(), today=today, month=month)

    def admit(self, items: Sequence[bytes], work: Work) -> list[Line]:
        """Decide which questions may be answered at all."""
        questions = [_question(item) for item in items]
        found = self._consents.find(questions, work.shown, self._store.ledger())
        lines = [
            _line(question, token, work) for question, token in zip(questions, found, strict=True)
        ]
        if work.shown.presentations:
            self._hold_to_households(questions, lines, work)
        return lines

    def settle(self, drafts: Sequence[Draft], ledger: Ledger) -> Writes:
        """Answer the admitted questions of requests, and tell all that they spend.

        The requests are of one day and policy, and share no chain of tokens.
        """
        first = drafts[0].work
        writes = Writes(year=first.today.year)
        _look_up(drafts, ledger, writes)
        for draft in drafts:
            draft.refused = {id(e): self._checked(e, draft.page) for e in draft.page.entries}
        read = dict(chain.from_iterable(draft.work.read.items() for draft in drafts))
        self._read_for(drafts, replace(first, read=read))
        for draft in drafts:
            if not (draft.slow or draft.held):
                draft.answers = [
                    self._said(draft, line, entry, read) for line, entry in draft.drawn
                ]
        return writes

    def _read_for(self, drafts: Sequence[Draft], work: Work) -> None:
        """Read the records of all drafts, leaving out those that are slow."""
        while True:
            prompt = [d for d in drafts if not (d.slow or d.held)]
            try:
                self._read([e for d in prompt for e in d.fresh()], work)
            except NotPrompt as slow:
                late = {id(entry) for entry in slow.entries}
                for draft in prompt:
                    mine = [entry for entry in draft.fresh() if id(entry) in late]
                    draft.slow = NotPrompt(mine) if mine else None
            else:
                return

    def _said(self, draft: Draft, line: Line, entry: Entry | None, read: Read) -> bytes:
        answer = line.refused if entry is None else draft.refused[id(entry)]
        if answer is not None or entry is None:
            return codec.encode_answer(answer or _AGAIN)
        if not entry.fresh:
            return draft.page.repeat(entry)
        found = read[entry.subject, entry.look.cell]
        if isinstance(found, HeduiError):
            return codec.encode_answer(_refusal(found))
        return draft.page.spend(entry, _answer(found, entry.admitted, draft.work))

    def read_on(self, slow: NotPrompt, work: Work) -> None:
        """Read records that need long, outside any transaction."""
        work.prompt = False
        self._read(slow.entries, work)
        work.prompt = True

    def _hold_to_households(
        self, questions: Sequence[Question | None], lines: Sequence[Line], work: Work
    ) -> None:
        """Refuse questions about people whose household was not shown whole; keep the others."""
        presented = [
            (question.presentation, line, line.admitted.consent)
            for question, line in zip(questions, lines, strict=True)
            if line.admitted and question and question.presentation
        ]
        members = [token for _, _, token in presented if token.claims.role != SUPPORTER]
        broken = self._consents.broken(members, work.shown, self._store.ledger())
        for digest, line, token in presented:
            member = token.claims.role != SUPPORTER
            if member and token.claims.household_commitment in broken:
                line.refused = _refusal(Refused("HOUSEHOLD_MISMATCH"))
                line.look = line.admitted = None
            else:
                work.shown.used[digest] = token

    def _checked(self, entry: Entry, page: Page) -> Answer | None:
        try:
            page.check(entry)
        except Refused as refused:
            entry.fresh = False
            return _refusal(refused)
        return None

    def _read(self, fresh: Sequence[Entry], work: Work) -> None:
        """Look at the records, one statement for all equal questions; what is known stays."""
        groups: dict[tuple[str, str, int], list[Entry]] = {}
        for entry in fresh:
            key = (entry.subject, entry.look.cell)
            if key in work.read:
                continue
            early = self._without_record(entry, work)
            if early is not None:
                work.read[key] = early
            else:
                grant = entry.admitted.grant
                group = (grant.predicate, grant.parameter, grant.members)
                groups.setdefault(group, []).append(entry)
        for entries in groups.values():
            self._read_group(entries, work)

    def _read_group(self, entries: list[Entry], work: Work) -> None:
        admitted = entries[0].admitted
        period = _period(admitted, work)
        keys = [entry.person.key for entry in entries if entry.person]
        values: Sequence[object | None] = [None] * len(entries)
        try:
            if evaluate.reads(admitted):
                bound = evaluate.bindings(admitted, period)
                sql = admitted.answering.sql
                values = self._records.scalars(sql, keys, bound, prompt=work.prompt)
        except (BadInput, Unavailable) as error:
            if work.prompt and error.code in _SLOW:
                raise NotPrompt(entries) from error
            if len(entries) > 1 and error.code in _ONE_RECORDS_FAULT:
                half = len(entries) // 2
                self._read_group(entries[:half], work)
                self._read_group(entries[half:], work)
            else:
                work.read.update({(e.subject, e.look.cell): error for e in entries})
            return
        for entry, value in zip(entries, values, strict=True):
            work.read[entry.subject, entry.look.cell] = self._judged(entry, period, value)

    def _without_record(self, entry: Entry, work: Work) -> Minimized | HeduiError | None:
        """Answer what needs no look at a record: stale sources, and people not on the roll."""
        admitted, as_of = entry.admitted, work.facts.as_of
        if entry.person is None:
            try:
                gate.check_roll(admitted.consent.claims, work.facts.epochs)
            except Refused as refused:
                return refused
        if as_of is None or (work.today - as_of).days > admitted.rule.max_age_days:
            return Minimized(Outcome.STALE)
        if entry.person is None:
            return self._judged(entry, _period(admitted, work), None)
        return None

    def _judged(self, entry: Entry, period: Period, value: object | None) -> Minimized | HeduiError:
        try:
            return evaluate.judge(entry.admitted, entry.person, period, value, self._store)
        except (BadInput, Unavailable) as error:
            return error


def _look_up(drafts: Sequence[Draft], ledger: Ledger, writes: Writes) -> None:
    """Give each request its page; one that is about the records of another has to wait."""
    asked = [
        (id(draft), line.admitted, line.look)
        for draft in drafts
        for line in draft.lines
        if line.admitted and line.look
    ]
    seen = ledger.look([look for _, _, look in asked])
    wanted: dict[int, list[Wanted]] = {id(draft): [] for draft in drafts}
    for (draft_id, admitted, look), one in zip(asked, seen, strict=True):
        wanted[draft_id].append((admitted, look, one))
    owners: dict[bytes, Draft] = {}
    for draft in drafts:
        draft.page = Page(wanted[id(draft)], ledger, writes)
        entries = iter(draft.page.entries)
        draft.drawn = [(line, next(entries) if line.look else None) for line in draft.lines]
        subjects = {entry.subject for entry in draft.page.entries}
        draft.held = not owners.keys().isdisjoint(subjects)
        owners.update(dict.fromkeys(subjects, draft))


def _question(item: bytes) -> Question | None:
    try:
        return codec.decode_question(item)
    except PeerFault:
        return None


def _line(
    question: Question | None, token: Consent | PeerFault | Refused | None, work: Work
) -> Line:
    if question is None:
        return Line(refused=_refusal(Refused("QUESTION_MALFORMED")))
    if not isinstance(token, Consent):
        return Line(refused=_refusal(token) if token else _AGAIN)
    claims = token.claims
    try:
        admitted = gate.admit(question, token, work.moment)
    except Refused as refused:
        return Line(refused=_refusal(refused), token=claims.jti)
    look = Look(
        chain=claims.chain,
        name=f"{question.predicate} {question.parameter}",
        month=work.month,
        psn=claims.sub,
        cell=_cell(admitted, _period(admitted, work)),
        year=work.today.year,
    )
    return Line(token=claims.jti, admitted=admitted, look=look)


def _period(admitted: Admitted, work: Work) -> Period:
    return _period_of(admitted.rule.period, work.today)


def _answer(result: Minimized, admitted: Admitted, work: Work) -> Answer:
    key = result, admitted.answering.scope, admitted.rule.period
    said = work.said.get(key)
    if said is None:
        period = _period(admitted, work)
        said = work.said[key] = Answer(
            outcome=result.outcome,
            value=result.value,
            as_of=day_number(work.facts.as_of),
            scope=admitted.answering.scope,
            enrolled_to=work.facts.enrolled_to,
            period_from=day_number(period.start),
            period_to=day_number(period.end),
            policy_version=work.moment.policy.version,
        )
    return said


def _refusal(error: HeduiError) -> Answer:
    if isinstance(error, BadInput | Unavailable):  # what is wrong with the source stays here
        return Answer(outcome=Outcome.REFUSED, refusal=Refusal.SOURCE_UNAVAILABLE)
    code = Refusal.__members__.get(error.code, Refusal.CONSENT_INVALID)
    return Answer(outcome=Outcome.REFUSED, refusal=code)


def refuse_all(error: HeduiError, n: int) -> list[Line]:
    """Refuse a request as a whole."""
    return [Line(refused=_refusal(error))] * n


def _cell(admitted: Admitted, period: Period) -> bytes:
    """Name a frozen cell: predicate, rung, signed facts of the grant, period (protocol §5).

    A rung stands there by what it means: under another value the same id is another question.
    """
    grant = admitted.grant
    args = b"".join(sorted(grant.args))
    return _cell_name(grant.predicate, admitted.parameter, period, grant.members, args)


@lru_cache(maxsize=1_024)
def _cell_name(
    predicate: str, parameter: Parameter | None, period: Period, members: int, args: bytes
) -> bytes:
    meaning = parameter.meaning if parameter else ""
    parts = f"{predicate}|{meaning}|{period.start}|{period.end}|{members}|".encode()
    return hashlib.sha256(parts + args).digest()[:16]


@lru_cache(maxsize=64)
def day_number(day: date | None) -> int:
    """Write a day as answers do, yyyymmdd; 0 where there is none."""
    return day.year * 10_000 + day.month * 100 + day.day if day else 0
