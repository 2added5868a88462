"""A centre, or whoever has its keys and tokens, that asks what it must not, or leaves no trace.

Knows how each request is forged. Does not know what becomes of it.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from crypto.keys import SigningKey
from federation import consent, limits
from federation.errors import HeduiError
from federation.exchange import ASK, Header, Purpose, Question
from federation.strictjson import b64, dumps, loads, unb64
from federation.wire import codec, signed
from tests.simulation.truth import Held, Released
from tests.simulation.world import CENTRE, NODES, STRANGER, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Forged:
    """A request as somebody dishonest sends it."""

    sender: str
    node: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Forger:
    """Asks past the centre's own books, with whatever tokens it can lay hands on."""

    world: World

    def send(self, forged: Forged) -> tuple[bytes, str]:
        """Send a request; give the reply, or the code with which it was refused."""
        tls = self.world.party(forged.sender).tls
        try:
            return self.world.network.send(tls, forged.node, ASK, forged.data), ""
        except HeduiError as error:
            return b"", error.code

    def plain(self, held: Held, **more: Any) -> Forged:
        """Ask all that a token grants, as its holder may: but in no book of the centre's."""
        return self._ask(held.consent.claims.audience, [held.compact], _pairs(held), **more)

    def stolen(self, held: Held) -> Forged:
        """Use another centre's token."""
        return self.plain(held, sender=STRANGER)

    def own_signature(self, held: Held) -> Forged:
        """Sign a token oneself."""
        key = self.world.party(CENTRE).key
        grants = {os.urandom(16): grant for grant in held.consent.grants.values()}
        made = replace(held.consent.claims, jti=os.urandom(16), chain=os.urandom(16))
        return self._ask(made.audience, [consent.issue(made, grants, key)], _pairs(held))

    def edited(self, held: Held) -> Forged:
        """Let a token end later, under the signature that it has."""
        head, *disclosures = held.compact.split(b"~")
        first, payload, signature = head.split(b".")
        claims = loads(unb64(payload, "claims"), "claims")
        claims["exp"] += 86_400
        body = b".".join([first, b64(dumps(claims)).encode(), signature])
        return self._ask(
            held.consent.claims.audience, [b"~".join([body, *disclosures])], _pairs(held)
        )

    def foreign_disclosure(self, held: Held) -> Forged:
        """Put a grant of somebody else's token, or one made up, beside a token."""
        made = b64(dumps([b64(os.urandom(16)), _GRANT])).encode()
        head, *disclosures = held.compact.split(b"~")
        more = b"~".join([head, made, *disclosures])
        return self._ask(held.consent.claims.audience, [more], _pairs(held))

    def not_granted(self, held: Held) -> Forged:
        """Ask what the token does not say."""
        shown = consent.disclose(held.compact, [])
        return self._ask(held.consent.claims.audience, [shown], _pairs(held))

    def other_purpose(self, held: Held) -> Forged:
        """Ask for another purpose than was consented to."""
        purpose = Purpose.REVIEW if held.consent.claims.purpose is Purpose.ENTRY else Purpose.ENTRY
        return self.plain(held, purpose=purpose)

    def other_audience(self, held: Held) -> Forged:
        """Show a department the token for another."""
        node = next(one for one in NODES if one != held.consent.claims.audience)
        return self._ask(node, [held.compact], _pairs(held))

    def too_late(self, held: Held) -> Forged:
        """Send a request whose time is over."""
        now = self.world.clocks[held.consent.claims.audience].now()
        issued = now - limits.REQUEST_LIFE - limits.SKEW
        return self.plain(held, issued=issued, expires=issued + limits.REQUEST_LIFE)

    def too_early(self, held: Held) -> Forged:
        """Send a request from the future."""
        issued = self.world.clocks[held.consent.claims.audience].now() + limits.SKEW + 1
        return self.plain(held, issued=issued, expires=issued + limits.REQUEST_LIFE)

    def other_key(self, held: Held) -> Forged:
        """Sign with a key that is not the sender's."""
        return self.plain(held, key=self.world.party(STRANGER).key)

    def same_query(self, held: Held, before: Released) -> Forged:
        """Put another request under a query id that was answered."""
        return self.plain(held, qid=before.header.qid)

    def replayed(self, before: Released) -> Forged:
        """Send an old request again."""
        return Forged(sender=before.caller, node=before.node, data=before.request)

    def replayed_elsewhere(self, before: Released) -> Forged:
        """Send an old request to another department."""
        node = next(one for one in NODES if one != before.header.audience)
        return Forged(sender=before.caller, node=node, data=before.request)

    def _ask(
        self,
        node: str,
        presentations: Sequence[bytes],
        pairs: Sequence[tuple[str, str]],
        *,
        sender: str = CENTRE,
        key: SigningKey | None = None,
        **changes: Any,
    ) -> Forged:
        digest = sha256(presentations[0]).digest()
        questions = [
            Question(
                predicate=predicate, parameter=parameter, presentation=digest, case_ref=bytes(32)
            )
            for predicate, parameter in pairs
        ]
        now = self.world.clocks[CENTRE].now()
        header = Header(
            method=ASK,
            sender=sender,
            audience=node,
            qid=os.urandom(16),
            issued=now,
            expires=now + limits.REQUEST_LIFE,
            n=0,
            root=signed.UNSET_ROOT,
            purpose=Purpose.ENTRY,
            policy_version=1,
        )
        header = replace(header, **changes)
        items = [codec.encode_question(one) for one in questions]
        signer = key or self.world.party(sender).key
        batch = signed.sign(signed.prepare(header, items), signer, tuple(presentations))
        return Forged(sender=sender, node=node, data=codec.encode_batch(batch))


_GRANT: Final = {"predicate": "P40", "parameter": "", "form": "boolean", "max_uses": 1_000}
FORGERIES: Final[Mapping[str, str]] = {
    "stolen": "CONSENT_WRONG_HOLDER",
    "own_signature": "CONSENT_INVALID",
    "edited": "CONSENT_INVALID",
    "foreign_disclosure": "CONSENT_INVALID",
    "not_granted": "CONSENT_NOT_GRANTED",
    "other_purpose": "CONSENT_WRONG_PURPOSE",
    "other_audience": "CONSENT_WRONG_AUDIENCE",
    "too_late": "REQUEST_NOT_FRESH",
    "too_early": "REQUEST_NOT_FRESH",
    "other_key": "BAD_SIGNATURE",
}
"""Ways to ask with a token that are refused whatever state its consent is in, and as what."""


def _pairs(held: Held) -> list[tuple[str, str]]:
    return list(held.consent.grants)
