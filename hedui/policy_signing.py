"""Signing a policy in the founder's folder, in one sitting or in several.

Knows what has to be true before a root key may sign. How signatures are collected and come into
force stands in ``federation.ceremony``; nothing is written here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crypto.keys import SigningKey
from federation import catalogue, ceremony, policy, policy_check
from federation.ceremony import Home, Waiting
from federation.clock import business_date
from federation.errors import BadInput, Said
from federation.founding import PENDING
from federation.policy import Policy

FILE: Final = "policy.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A policy about to be signed: its text, and the envelope that waits, if one does."""

    home: Home
    text: bytes
    policy: Policy
    waiting: Waiting | None

    @property
    def signed_by(self) -> int:
        """How many root keys have signed already."""
        if self.waiting is None:
            return 0
        return len(self.home.root.signers(self.waiting.envelope))


def prepare(home: Home, text: bytes | None) -> Proposal:
    """Find what is to be signed and refuse what must not be.

    Without a text it is the policy that waits.

    Raises:
        BadInput: POLICY_INVALID, CHANGE_PENDING when something else waits, NOTHING_PENDING.
        PeerFault: ROOT_SIGNATURE when a signature that is there does not hold.
    """
    waiting = ceremony.pending(home)
    mine = next((one for one in waiting if one.name == FILE), None)
    payload = text or (mine.envelope.payload if mine else None)
    if payload is None:
        raise BadInput("NOTHING_PENDING", folder=home.folder.name)
    if any(one is not mine or one.envelope.payload != payload for one in waiting):
        raise BadInput("CHANGE_PENDING", folder=PENDING)
    found = policy.parse(payload, catalogue.load())
    policy_check.check_successor(home.policy, found, catalogue.load())
    if found.expires < business_date(home.now):
        raise BadInput(
            policy.INVALID, where="expires", why=Said("已经过期", "is over before it begins")
        )
    return Proposal(home=home, text=payload, policy=found, waiting=mine)


def open_keys(home: Home, files: Sequence[Path], passphrase: Path | None) -> list[SigningKey]:
    """Unseal root keys: those named, else those that lie in the founder's folder.

    The passphrase lies beside each key, unless it is named.

    Raises:
        BadInput: as ``ceremony.open_key``; ROOT_KEY_UNKNOWN when a key counts for nothing.
    """
    keys = (
        [ceremony.open_key(file, passphrase or file.with_name("passphrase")) for file in files]
        if files
        else ceremony.keys_at_hand(home)
    )
    for key in keys:
        if key.kid not in home.root.keys:
            raise BadInput("ROOT_KEY_UNKNOWN", kid=key.kid)
    return keys


def sign(proposal: Proposal, keys: Sequence[SigningKey], others: Sequence[bytes]) -> int:
    """Add signatures by keys and from other copies, and tell how many are still needed.

    Raises:
        BadInput: KEY_FILE_MISSING when there is nothing to add; as ``ceremony.propose`` and
            ``ceremony.sign``.
        PeerFault: as ``ceremony.sign``.
    """
    if not keys and not others:
        raise BadInput("KEY_FILE_MISSING", file="root-1.key")
    if proposal.waiting is None:
        ceremony.propose(proposal.home, {FILE: proposal.text})
    left = ceremony.sign(proposal.home, keys, others)
    return max((one.missing() for one in left), default=0)
