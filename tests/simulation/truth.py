"""What really happened, as somebody knows it who sees every message and believes nobody's books.

From it follows what a department may have released: ``wrong`` collects whatever it may not. Knows
consents and tokens as the registrar spoke of them on the wire, the registers as they are, and time.
"""

import hashlib
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from crypto.envelope import item_leaf
from federation import consent, limits
from federation.clock import business_date
from federation.consent import Consent, Grant
from federation.consenting import ConsentForm
from federation.errors import PeerFault, Refused
from federation.exchange import ASK, Answer, Header, Outcome, Question
from federation.strictjson import loads, unb64
from federation.wire import codec, signed
from federation.wire import registrar_messages as messages
from tests.simulation.network import Delivered
from tests.simulation.world import BUDGET, NODES, PEOPLE, REGISTRAR, Person, World

SAYS_NOTHING = {Outcome.REFUSED, Outcome.PRESENT_AGAIN}
FROZEN = {Outcome.YES, Outcome.NO}
_ASKS = {ASK, "federation.v1.DepartmentNode/AskStream"}


@dataclass(slots=True, kw_only=True)
class Consented:
    """A consent as it was recorded: whose it is, by whose signatures it goes, how it stands."""

    number: str
    origin: str
    form: ConsentForm


@dataclass(slots=True, kw_only=True)
class Held:
    """A token as it was issued."""

    consent: Consent
    of: Consented
    person: Person
    compact: bytes


@dataclass(slots=True, kw_only=True)
class Released:
    """An answer that left a department; ``at`` is the true time, ``lost`` if it got nowhere."""

    node: str
    caller: str
    at: int
    request: bytes
    reply: bytes
    header: Header
    questions: tuple[Question, ...]
    answers: tuple[Answer, ...]
    tokens: tuple[bytes, ...]
    lost: bool

    @property
    def signed_list(self) -> bytes:
        """The digest of the status list by which it was answered."""
        return codec.decode_header(codec.envelope_of(self.reply).payload).status_list_digest

    @property
    def told(self) -> bool:
        """Whether it says anything of anybody."""
        return any(one.outcome not in SAYS_NOTHING for one in self.answers)


@dataclass(slots=True)
class Truth:
    """The onlooker."""

    world: World
    consents: dict[str, Consented] = field(default_factory=dict)
    tokens: dict[bytes, Held] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    rests: dict[tuple[str, str], list[list[int]]] = field(default_factory=dict)
    released: list[Released] = field(default_factory=list)
    turned: set[str] = field(default_factory=set)
    """Departments of which nothing is expected any more."""
    excused: set[str] = field(default_factory=set)
    """Origins of consents about which the registrar lies."""
    lost: bool = False
    """The registrar has forgotten consents: the same numbers may stand for others."""
    wrong: list[str] = field(default_factory=list)
    cars: dict[str, bool] = field(default_factory=dict)
    _shown: defaultdict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    _replies: dict[tuple[str, bytes], tuple[bytes, bytes]] = field(default_factory=dict)
    _uses: Counter[tuple[str, bytes, str, str]] = field(default_factory=Counter)
    _frozen: dict[tuple[object, ...], Outcome] = field(default_factory=dict)

    def watch(self, one: Delivered) -> None:
        """Take note of a message."""
        if one.callee == REGISTRAR:
            self._registrar(one)
        elif one.callee in NODES and one.method in _ASKS:
            self._answered(one)

    def end(self, number: str) -> None:
        """Note that a consent, and all that goes by its signatures, has ended."""
        self.ended.setdefault(self.consents[number].origin, self.world.clock.now())

    def rest(self, number: str, by: str) -> None:
        """Note that a party lets a consent rest."""
        spans = self.rests.setdefault((self.consents[number].origin, by), [])
        if not spans or len(spans[-1]) == 2:
            spans.append([self.world.clock.now()])

    def go_on(self, number: str, by: str) -> None:
        """Note that a party's suspension is lifted."""
        spans = self.rests.get((self.consents[number].origin, by), [])
        if spans and len(spans[-1]) == 1:
            spans[-1].append(self.world.clock.now())

    def alive(self, number: str) -> bool:
        """Tell whether a consent is in force now."""
        origin = self.consents[number].origin
        resting = any(
            len(spans[-1]) == 1 for (of, _), spans in self.rests.items() if of == origin and spans
        )
        return origin not in self.ended and not resting

    def late(self, one: Released, origin: str) -> bool:
        """Tell whether something was told by a consent when every list had to show its end."""
        end = self.ended.get(origin, one.at) + limits.STATUS_AGE + limits.SKEW
        said = zip(one.answers, one.tokens, strict=True)
        by = [self.tokens.get(jti) for answer, jti in said if answer.outcome not in SAYS_NOTHING]
        return one.at > end and any(held and held.of.origin == origin for held in by)

    def _registrar(self, one: Delivered) -> None:
        method = one.method.rpartition("/")[2]
        if method == "GetStatusList":
            return
        asked = [item.item for item in codec.decode_batch(one.request).items]
        said = [item.item for item in codec.decode_batch(one.reply).items]
        match method:
            case "RecordConsent":
                self._recorded(asked, said)
            case "IssueTokens" | "RecordObjection":
                for issued in map(messages.decode_tokens, said):
                    for token in issued.tokens:
                        self.issued(issued.consent_no, token.person, token.token)
            case "ChangeHousehold":
                for ended in map(messages.decode_ended, said):
                    for number in ended:
                        self.end(number)
            case _:
                for number in map(messages.decode_order, asked):
                    self._changed(method, number, one.caller)

    def _recorded(self, asked: list[bytes], said: list[bytes]) -> None:
        for form, answer in zip(map(messages.decode_form, asked), said, strict=True):
            number = messages.decode_receipt(answer).consent_no
            origin = self.consents[form.renews].origin if form.renews else number
            self.consents[number] = Consented(number=number, origin=origin, form=form)

    def _changed(self, method: str, number: str, by: str) -> None:
        match method:
            case "RevokeConsent":
                self.end(number)
            case "SuspendConsent":
                self.rest(number, by)
            case "ResumeConsent":
                self.go_on(number, by)

    def issued(self, number: str, person: int, token: bytes) -> None:
        """Note a token."""
        shown = consent.read(token, self.world.manifest.registrar.keys)
        of = self.consents[number]
        whose = of.form.persons[person].id or self._first(of).form.persons[person].id
        self.tokens[shown.claims.jti] = Held(
            consent=shown,
            of=of,
            person=next(one for one in PEOPLE if one.number == whose),
            compact=token,
        )

    def _first(self, of: Consented) -> Consented:
        return self.consents[of.origin]

    def _answered(self, one: Delivered) -> None:
        asked, said = codec.decode_batch(one.request), codec.decode_batch(one.reply)
        by_digest = {
            consent_digest(shown): jti_of(shown) for shown in asked.presentations if b"." in shown
        }
        questions = tuple(_question(item.item) for item in asked.items)
        released = Released(
            node=one.callee,
            caller=one.caller,
            at=self.world.clock.now(),
            request=one.request,
            reply=one.reply,
            header=signed.claimed_header(asked),
            questions=questions,
            answers=tuple(codec.decode_answer(item.item) for item in said.items),
            tokens=tuple(q.jti or by_digest.get(q.presentation, b"") for q in questions),
            lost=one.lost,
        )
        self._shown[one.callee] |= by_digest.values() & self.tokens.keys()
        self.released.append(released)
        if one.callee not in self.turned:
            self._judge(released)

    def _judge(self, one: Released) -> None:
        before = self._replies.setdefault((one.node, one.header.qid), (one.request, one.reply))
        if before != (one.request, one.reply):
            self._say(one, "two answers to one query")
        if before[1] is not one.reply:
            return  # the same bytes once more: they were judged when they left first
        if self.world.unsound(one.node):
            self._say(one, "left although the log is not sound")
        if not durable(self.world, one):
            self._say(one, "not in the log when it left")
        for question, answer, jti in zip(one.questions, one.answers, one.tokens, strict=True):
            if answer.outcome not in SAYS_NOTHING:
                self._judge_one(one, question, answer, jti)

    def _judge_one(self, one: Released, question: Question, answer: Answer, jti: bytes) -> None:
        held = self.tokens.get(jti)
        if held is None:
            self._say(one, "answered by a token that nobody issued")
            return
        self._check_consent(one, question, held)
        name = question.predicate, question.parameter
        counter = (one.node, held.consent.claims.chain, *name)
        self._uses[counter] += 1
        grant = held.consent.grants.get(name)
        if grant is None:
            self._say(one, f"{name} was not granted")
        elif answer.use_no != self._uses[counter] or answer.use_no > grant.max_uses:
            self._say(one, f"use {answer.use_no} of {grant.max_uses} is {self._uses[counter]}")
        self._check_household(one, held)
        self._check_policy(one, question)
        if grant:
            self._check_outcome(one, grant, answer, held)

    def _check_consent(self, one: Released, question: Question, held: Held) -> None:
        claims, origin = held.consent.claims, held.of.origin
        now = self.world.clocks[one.node].now()
        slack = self.world.clocks[REGISTRAR].off - self.world.clocks[one.node].off
        asker = self.world.manifest.party(one.caller).keys
        if claims.holder not in {key.raw for key in asker.values()}:
            self._say(one, "somebody else's token")
        if claims.audience != one.node or claims.purpose != one.header.purpose:
            self._say(one, "another audience or purpose")
        if not claims.not_before <= now < claims.expires:
            self._say(one, "token is not in force")
        if origin in self.excused or self.lost:
            return
        latest = one.at - limits.STATUS_AGE - slack
        if origin in self.ended and self.ended[origin] < latest:
            self._say(one, "consent had ended")
        for (of, _), spans in self.rests.items():
            for span in spans:
                if of == origin and span[0] < latest and (len(span) == 1 or one.at < span[1]):
                    self._say(one, "consent rested")

    def _check_household(self, one: Released, held: Held) -> None:
        """Nothing is told of a household of which a department has not seen everybody."""
        claims = held.consent.claims
        shown = [self.tokens[jti].consent.claims for jti in self._shown[one.node]]
        subs = {each.sub for each in shown if each.household_salt == claims.household_salt}
        whole = consent.household_commitment(claims.household_salt, subs)
        if whole != claims.household_commitment:
            self._say(one, "only a part of the household was shown")

    def _check_policy(self, one: Released, question: Question) -> None:
        try:
            rules = self.world.nodes[one.node]._node.party.policy
            rules.check(question.predicate, question.parameter, one.header.purpose)
        except Refused as refused:
            self._say(one, refused.code)
        if self.world.nodes[one.node]._node.paused_file.exists():
            self._say(one, "the department was paused")

    def _check_outcome(self, one: Released, grant: Grant, answer: Answer, held: Held) -> None:
        """What was told of a cell stays told, unless it was rechecked; new cells cost budget."""
        day = business_date(self.world.clocks[one.node].now())
        record = one.node, held.person.number, day.year
        cell = (*record, grant.predicate, grant.parameter, day.month)
        expected = self.outcome(one.node, grant.predicate, held.person)
        if answer.outcome in FROZEN:
            before = sum(known[:3] == record for known in self._frozen)
            if cell not in self._frozen and before >= BUDGET + grant.recheck:
                self._say(one, "more cells than the budget has")
            if grant.recheck:
                self._frozen[cell] = expected
            expected = self._frozen.setdefault(cell, expected)
        if answer.outcome is not expected:
            told = answer.outcome.name
            self._say(one, f"{grant.predicate} is {expected.name} and not {told}")

    def outcome(self, node: str, predicate: str, person: Person) -> Outcome:
        """Tell what a department has to answer about somebody."""
        listed = node in person.listed
        if predicate == "P06":
            return Outcome.YES if listed else Outcome.NO_RECORD
        fact = {
            "P05": person.moved is not None and person.moved > "2026-07",
            "P40": self.cars.get(person.number, person.car),
            "P46": person.company,
        }[predicate]
        return Outcome.YES if listed and fact else Outcome.NO

    def _say(self, one: Released, what: str) -> None:
        self.wrong.append(f"{one.node} at {one.at}: {what}")


def durable(world: World, one: Released) -> bool:
    """Tell whether an exchange stands in its department's file, as it left."""
    asked, said = codec.envelope_of(one.request), codec.envelope_of(one.reply)
    file = world.file(one.node).as_uri() + "?mode=ro"
    connection = sqlite3.connect(file, uri=True)
    try:
        rows = connection.execute("SELECT leaf, salt, record FROM log ORDER BY seq DESC").fetchall()
    finally:
        connection.close()
    for leaf, salt, record in rows:
        if record is None or record.startswith(b"{"):
            continue
        entry = codec.decode_entry(record)
        if (entry.request, entry.answer) == (asked.payload, said.payload):
            whole: bool = entry.request_signature == asked.signatures[0].sig
            return whole and item_leaf(salt, record) == leaf
    return False


def consent_digest(presentation: bytes) -> bytes:
    """Name a presentation as questions do."""
    return hashlib.sha256(presentation).digest()


def jti_of(presentation: bytes) -> bytes:
    """Read the id that a token claims to have; nothing where it is none."""
    try:
        payload = presentation.split(b".")[1]
        return unb64(loads(unb64(payload, "claims"), "claims")["jti"], "jti")
    except (PeerFault, LookupError, TypeError, ValueError):
        return b""


def _question(item: bytes) -> Question:
    try:
        return codec.decode_question(item)
    except PeerFault:
        return Question(predicate="")
