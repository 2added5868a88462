"""The planted refusals: each attack a real message over a real connection, with its expected code.

Knows how to forge, replay and stray. What is not refused for exactly its reason counts as wrong.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from federation import clock, consent, limits
from federation import party as parties
from federation.certificates import issue as issue_certificate
from federation.certificates import make_authority
from federation.clock import SystemClock
from federation.consent import Claims, Grant
from federation.consenting import (
    ConsentForm,
    ConsentPerson,
    GrantRequest,
    Role,
    SignatureMethod,
)
from federation.errors import HeduiError
from federation.exchange import ASK, Header, Outcome, Purpose, Question, outcome_text
from federation.manifest import PartyEntry, PartyRole
from federation.party import Party
from federation.wire import codec, signed
from federation.wire.channel import Peers
from federation.wire.registrar_client import RegistrarClient
from hedui.demo.people import resident_number
from hedui.demo.stage import COORDINATOR, FOREIGN, REGISTRAR, Stage

_NODE: Final = "public_security"
_TIMEOUT: Final = 20.0
_REVOKED_WITHIN: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attempt: its name in zh and en, what must come back and what came back."""

    zh: str
    en: str
    expected: str
    got: str

    @property
    def refused(self) -> bool:
        """Whether it was refused for its reason."""
        return self.expected == self.got


@dataclass(frozen=True, slots=True)
class Victim:
    """The person whose consent is abused (canonical id and normal name)."""

    id: str
    name: str


class Attacker:
    """Plays every dishonest part; the demonstration lends it the keys of each."""

    def __init__(self, stage: Stage, victim: Victim) -> None:
        now = SystemClock().now()
        self._centre = _load(stage, COORDINATOR, PartyRole.COORDINATOR, now)
        self._foreign = _load(stage, FOREIGN, PartyRole.COORDINATOR, now)
        self._registrar = _load(stage, REGISTRAR, PartyRole.REGISTRAR, now)
        self._node = self._centre.manifest.party(_NODE)
        self._peers = Peers(self._centre.tls, self._centre.tap)
        self._foreign_peers = Peers(self._foreign.tls, self._foreign.tap)
        self._client = RegistrarClient(self._centre, self._peers, SystemClock())
        self._victim = victim
        self.answered: set[str] = set()
        """Query ids that a signed answer came for: these exchanges stand in the node's log."""

    def close(self) -> None:
        """Close all connections."""
        self._peers.close()
        self._foreign_peers.close()

    def run(self) -> Iterator[Attack]:
        """Try everything, one after the other."""
        number, token = self._token(max_uses=1000)
        yield self._expired(token)
        yield self._out_of_grant(token)
        yield self._foreign_coordinator(token)
        yield from self._replayed(token)
        yield self._tampered(token)
        yield self._wrong_purpose(token)
        yield self._used_up()
        yield self._stranger(token)
        yield self._revoked(number, token)
        yield self._minor_alone()
        yield self._agent_without_proof()

    def _token(self, max_uses: int) -> tuple[str, bytes]:
        person = ConsentPerson(
            id=self._victim.id,
            name=self._victim.name,
            role=Role.APPLICANT,
            evidence=os.urandom(32),
        )
        return self._tokens(person, max_uses)

    def _tokens(self, person: ConsentPerson, max_uses: int = 1) -> tuple[str, bytes]:
        form = ConsentForm(
            reference=os.urandom(16),
            purpose=Purpose.ENTRY,
            persons=(person,),
            grants=(
                GrantRequest(
                    person=0,
                    department=_NODE,
                    predicate="P40",
                    parameter="",
                    max_uses=max_uses,
                ),
            ),
            members=1,
            not_after=SystemClock().now() + 90 * 86_400,
        )
        number = self._client.record([form])[0].consent_no
        return number, self._client.tokens([number])[0].tokens[0].token

    def _expired(self, token: bytes) -> Attack:
        claims, grants = _reissue(token, self._registrar)
        start = clock.day_start(SystemClock().now()) - 40 * 86_400
        old = replace(
            claims,
            jti=os.urandom(16),
            issued=start,
            not_before=start,
            expires=start + 86_400,
        )
        forged = consent.issue(
            old, {os.urandom(16): grant for grant in grants}, self._registrar.key
        )
        return self._ask("过期授权", "expired consent", "CONSENT_EXPIRED", forged)

    def _out_of_grant(self, token: bytes) -> Attack:
        return self._ask(
            "超出授权", "outside the grant", "CONSENT_NOT_GRANTED", token, predicate="P43"
        )

    def _foreign_coordinator(self, token: bytes) -> Attack:
        request = _request(self._foreign, self._node, token)
        got = self._send(self._foreign_peers, request)
        return _attack("他市中心冒用", "foreign coordinator", "CONSENT_WRONG_HOLDER", got)

    def _replayed(self, token: bytes) -> Iterator[Attack]:
        header = _header(self._centre, self._node)
        captured = _request(self._centre, self._node, token, header=header)
        self._send(self._peers, captured)
        got = self._send(self._foreign_peers, captured)
        yield _attack("截获后他方重放", "replay from another party", "WRONG_PARTY", got)
        other = _request(self._centre, self._node, token, header=header)
        got = self._send(self._peers, other)
        yield _attack("旧编号新请求", "known query id, new request", "REPLAYED", got)

    def _tampered(self, token: bytes) -> Attack:
        head, _, rest = token.partition(b"~")
        body, _, signature = head.rpartition(b".")
        flipped = (b"B" if signature[:1] == b"A" else b"A") + signature[1:]
        forged = body + b"." + flipped + b"~" + rest
        return self._ask("伪造授权", "forged consent", "CONSENT_INVALID", forged)

    def _wrong_purpose(self, token: bytes) -> Attack:
        header = replace(_header(self._centre, self._node), purpose=Purpose.REVIEW)
        request = _request(self._centre, self._node, token, header=header)
        got = self._send(self._peers, request)
        return _attack("改变用途", "another purpose", "CONSENT_WRONG_PURPOSE", got)

    def _used_up(self) -> Attack:
        _, token = self._token(max_uses=1)
        self._ask("", "", "", token)
        return self._ask("次数用尽", "uses exhausted", "USES_EXHAUSTED", token)

    def _stranger(self, token: bytes) -> Attack:
        now = SystemClock().now()
        own_authority = make_authority("stranger", now, 10)
        tls = issue_certificate(own_authority, COORDINATOR, now, 10)
        peers = Peers(tls)
        try:
            request = _request(self._centre, self._node, token)
            got = self._send(peers, request)
        finally:
            peers.close()
        return _attack("外来证书", "stranger's certificate", "PEER_UNREACHABLE", got)

    def _revoked(self, number: str, token: bytes) -> Attack:
        self._client.revoke([number])
        end = time.monotonic() + _REVOKED_WITHIN
        attack = self._ask("已撤回授权", "revoked consent", "CONSENT_REVOKED", token)
        while not attack.refused and time.monotonic() < end:
            time.sleep(0.5)  # the node fetches its list on a schedule
            attack = self._ask("已撤回授权", "revoked consent", "CONSENT_REVOKED", token)
        return attack

    def _minor_alone(self) -> Attack:
        """Sign for oneself at the age of nine (case O without the grandmother)."""
        born = SystemClock().now() - 10 * 365 * 86_400
        child = resident_number("790602", clock.business_date(born), 3)
        person = ConsentPerson(id=child, name="例星", role=Role.APPLICANT, evidence=os.urandom(32))
        return self._unsigned("未成年人自己签字", "minor signs alone", person)

    def _agent_without_proof(self) -> Attack:
        """Sign for somebody without a paper that says so (case P without the entrustment)."""
        person = ConsentPerson(
            id=self._victim.id,
            name=self._victim.name,
            role=Role.APPLICANT,
            method=SignatureMethod.AGENT,
            signer_id=resident_number("790402", date(1978, 3, 27), 45),
        )
        return self._unsigned("无委托证明代签", "agent without proof", person)

    def _unsigned(self, zh: str, en: str, person: ConsentPerson) -> Attack:
        try:
            self._tokens(person)
        except HeduiError as error:
            return _attack(zh, en, "SIGNATURE_MISSING", error.code)
        return _attack(zh, en, "SIGNATURE_MISSING", "")

    def _ask(self, zh: str, en: str, expected: str, token: bytes, predicate: str = "P40") -> Attack:
        request = _request(self._centre, self._node, token, predicate=predicate)
        return _attack(zh, en, expected, self._send(self._peers, request))

    def _send(self, peers: Peers, request: bytes) -> str:
        """Send a request and give the refusal code, or the outcome if it was answered."""
        try:
            reply = peers.call(self._node, ASK, request, timeout=_TIMEOUT)
            sent = signed.claimed_header(codec.decode_batch(request))
            opened = signed.open_answer(codec.decode_batch(reply), sent, self._node.keys)
        except HeduiError as error:
            return error.code
        self.answered.add(sent.qid.hex())
        answer = codec.decode_answer(opened.items[0])
        if answer.outcome is Outcome.REFUSED:
            return answer.refusal.name
        return outcome_text(answer)


def _attack(zh: str, en: str, expected: str, got: str) -> Attack:
    return Attack(zh=zh, en=en, expected=expected, got=got)


def _load(stage: Stage, party: str, role: PartyRole, now: int) -> Party:
    return parties.load(stage.party(party), role, now)


def _header(sender: Party, node: PartyEntry) -> Header:
    now = SystemClock().now()
    return Header(
        method=ASK,
        sender=sender.id,
        audience=node.id,
        qid=os.urandom(limits.QID_BYTES),
        issued=now,
        expires=now + limits.REQUEST_LIFE,
        n=0,
        root=signed.UNSET_ROOT,
        purpose=Purpose.ENTRY,
        policy_version=sender.policy.version,
    )


def _request(
    sender: Party,
    node: PartyEntry,
    token: bytes,
    *,
    predicate: str = "P40",
    header: Header | None = None,
) -> bytes:
    question = Question(
        predicate=predicate, presentation=hashlib.sha256(token).digest(), case_ref=os.urandom(32)
    )
    prepared = signed.prepare(header or _header(sender, node), [codec.encode_question(question)])
    return codec.encode_batch(signed.sign(prepared, sender.key, (token,)))


def _reissue(token: bytes, registrar: Party) -> tuple[Claims, list[Grant]]:
    read = consent.read(token, registrar.entry.keys)
    return read.claims, list(read.grants.values())
