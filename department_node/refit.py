"""Say a file of the kit again in a department's own terms: its name, hour, policy and question.

Knows which words of a token or a request mean the kit's department, and signs with the kit's keys
again. A file that does not read is left as it is, byte for byte: it is refused before anything in
it is compared. Whatever else is wrong with a file stays wrong.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from department_node.kit import COORDINATOR, REGISTRAR, Kit
from federation import consent, limits, status
from federation.consent import Claims, Grant
from federation.errors import PeerFault
from federation.exchange import ASK, Header, Purpose, Question
from federation.wire import codec, signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Who is asked, when, for what, under which policy, by which grant. ``now`` in UTC seconds."""

    department: str
    now: int
    purpose: Purpose
    family: str
    version: int
    grant: Grant = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """The kit in terms that its files are not written in; ``terms`` are those of the files."""

    kit: Kit
    terms: Terms
    own: Terms

    def token(self, data: bytes) -> bytes:
        """Give a token of the kit as it would be issued for this department."""
        registrar = self.kit.registrar
        try:
            read = consent.read(data, {registrar.kid: registrar.verify_key})
        except PeerFault:
            return data
        grants = map(self._grant, read.grants.values())
        salted = {n.to_bytes(16, "big"): grant for n, grant in enumerate(grants)}
        return consent.issue(self._claims(read.claims), salted, registrar)

    def request(self, data: bytes) -> bytes:
        """Give a request of the kit as it would be sent to this department."""
        coordinator = self.kit.coordinator
        try:
            batch = codec.decode_batch(data)
            header = signed.claimed_header(batch)
            opened = signed.verify(batch, header, {coordinator.kid: coordinator.verify_key})
        except PeerFault:
            return data
        shown = {hashlib.sha256(one).digest(): self.token(one) for one in batch.presentations}
        items = [self._item(item, shown) for item in opened.items]
        made = signed.prepare(self._header(header), items)
        return codec.encode_batch(signed.sign(made, coordinator, tuple(shown.values())))

    def asking(self, presentation: bytes) -> bytes:
        """Ask this department's question under a presentation, whatever that is."""
        digest = hashlib.sha256(presentation).digest()
        own = self.own
        question = Question(
            predicate=own.grant.predicate,
            parameter=own.grant.parameter,
            presentation=digest,
            case_ref=digest,
        )
        header = Header(
            method=ASK,
            sender=COORDINATOR,
            audience=own.department,
            qid=digest[: limits.QID_BYTES],
            issued=own.now,
            expires=own.now + limits.REQUEST_LIFE,
            n=0,
            root=signed.UNSET_ROOT,
            purpose=own.purpose,
            policy_version=own.version,
        )
        made = signed.prepare(header, [codec.encode_question(question)])
        return codec.encode_batch(signed.sign(made, self.kit.coordinator, (presentation,)))

    def _claims(self, said: Claims) -> Claims:
        own, later = self.own, self.own.now - self.terms.now
        uri = status.uri_of(REGISTRAR, self.terms.department)
        mine = status.uri_of(REGISTRAR, own.department)
        return replace(
            said,
            audience=self._department(said.audience),
            issued=said.issued + later,
            not_before=said.not_before + later,
            expires=said.expires + later,
            status_uri=mine if said.status_uri == uri else said.status_uri,
            purpose=Purpose(self._purpose(said.purpose)),
            policy_family=self._family(said.policy_family),
            policy_version=self._version(said.policy_version),
        )

    def _grant(self, said: Grant) -> Grant:
        """Give a grant of the question that is asked; what is odd about the kit's stays odd."""
        usual, own = self.terms.grant, self.own.grant
        if said.predicate != usual.predicate:
            return said
        return replace(
            said,
            predicate=own.predicate,
            parameter=self._parameter(said.parameter),
            form=own.form if said.form == usual.form else said.form,
            members=own.members,
            args=own.args,
        )

    def _item(self, item: bytes, shown: Mapping[bytes, bytes]) -> bytes:
        try:
            said = codec.decode_question(item)
        except PeerFault:
            return item
        token = shown.get(said.presentation)
        asked = replace(
            said, presentation=hashlib.sha256(token).digest() if token else said.presentation
        )
        if said.predicate == self.terms.grant.predicate:
            parameter = self._parameter(said.parameter)
            asked = replace(asked, predicate=self.own.grant.predicate, parameter=parameter)
        return codec.encode_question(asked)

    def _header(self, said: Header) -> Header:
        later = self.own.now - self.terms.now
        return replace(
            said,
            audience=self._department(said.audience),
            issued=said.issued + later,
            expires=said.expires + later,
            purpose=self._purpose(said.purpose),
            policy_version=self._version(said.policy_version),
        )

    def _department(self, said: str) -> str:
        own = self.own.department
        return own if said == self.terms.department else f"not_{own}"

    def _family(self, said: str) -> str:
        own = self.own.family
        return own if said == self.terms.family else f"not_{own}"

    def _parameter(self, said: str) -> str:
        return self.own.grant.parameter if said == self.terms.grant.parameter else said

    def _purpose(self, said: int) -> int:
        """Exchange the purpose of the kit and that of this department; others stay others."""
        mine, its = int(self.own.purpose), int(self.terms.purpose)
        return {its: mine, mine: its}.get(said, said)

    def _version(self, said: int) -> int:
        return said - self.terms.version + self.own.version
