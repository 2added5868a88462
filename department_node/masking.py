"""What hides a department's share of a sum: the masks of its group, and Paillier obfuscators.

Knows the department's own mask key, the keys that follow from it, and pools of obfuscators, all in
memory only. Does not know whose share it is, nor what was contributed before: callers store a share
before they release it.
"""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from crypto import comparison, masks
from crypto.errors import BadKey
from crypto.group import Random
from crypto.paillier import PublicKey
from crypto.pool import Pool
from federation import founding
from federation.errors import BadInput, HeduiError
from federation.group import Group
from federation.party import Party

log = logging.getLogger(__name__)

POOL: Final = 8
"""Obfuscators that wait, unless the settings say otherwise: a household asks for one a sum."""
POOL_MOST: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What masks a share of one group: each other department's key with a sign, the tally's key."""

    paillier: PublicKey
    pairwise: tuple[tuple[int, bytes], ...] = field(repr=False)
    tally: bytes = field(repr=False)
    pool: Pool[int]


class Masking:
    """Masks and encrypts shares. Keys are opened where a group first names this department."""

    def __init__(self, party: Party, size: int, random: Random = os.urandom) -> None:
        self._party = party
        self._size = size
        self._random = random
        self._lock = Lock()
        self._secret = b""
        self._keys: dict[bytes, Keys] = {}
        self._pools: dict[bytes, Pool[int]] = {}

    def open(self) -> None:
        """Make the keys of all groups that name this department; drop those of past ones.

        Raises:
            BadInput: as ``Party.secret``, or SUM_KEYS_UNFIT when a group names another key.
        """
        mine = {one.digest: one for one in self._groups()}
        for one in mine.values():
            self.keys(one)
        with self._lock:
            self._keys = {digest: keys for digest, keys in self._keys.items() if digest in mine}
            live = {one.tally.paillier for one in mine.values()}
            self._pools = {name: pool for name, pool in self._pools.items() if name in live}

    def keys(self, group: Group) -> Keys:
        """Give the keys of a group that names this department.

        Raises:
            BadInput: as ``open``.
        """
        digest = group.digest
        with self._lock:
            found = self._keys.get(digest)
            if found is None:
                found = self._keys[digest] = self._made(group)
        return found

    def share(self, keys: Keys, run: bytes, amount: int) -> bytes:
        """Mask an amount for a run and encrypt it; never for the same run again."""
        mask = masks.mask(keys.pairwise, keys.tally, run, keys.paillier.n)
        return comparison.contribute(keys.paillier, amount, mask, keys.pool.take())

    def renewed(self) -> None:
        """Take over a new manifest's groups; one whose key is not here is refused when asked."""
        try:
            self.open()
        except HeduiError as error:
            log.warning("no share of some sums: %s", error.code)

    def fill(self) -> bool:
        """Add one obfuscator where one lacks and tell so; a department of no group has no pool."""
        with self._lock:
            pools = list(self._pools.values())
        return any(pool.fill_one() for pool in pools)

    def _groups(self) -> Iterable[Group]:
        own = self._party.id
        groups = self._party.manifest.groups.values()
        return [one for one in groups if own in {member.id for member in one.departments}]

    def _made(self, group: Group) -> Keys:
        own = self._party.id
        if not self._secret:
            self._secret = self._party.secret(founding.SUM_FILE, founding.SUM)
        ids = [member.id for member in group.departments]
        place = ids.index(own)
        try:
            listed = masks.public_key(self._secret) == group.departments[place].mask
            pairwise = tuple(
                (1 if place < other else -1, masks.shared_key(self._secret, member.mask))
                for other, member in enumerate(group.departments)
                if other != place
            )
            tally = masks.shared_key(self._secret, group.tally.mask)
            paillier = PublicKey.from_bytes(group.tally.paillier)
        except BadKey as e:
            raise self._unlisted(group) from e
        if not listed:
            raise self._unlisted(group)
        return Keys(paillier=paillier, pairwise=pairwise, tally=tally, pool=self._pool(paillier))

    def _pool(self, paillier: PublicKey) -> Pool[int]:
        name = paillier.to_bytes()
        if name not in self._pools:
            self._pools[name] = Pool(lambda: paillier.obfuscator(self._random), self._size)
        return self._pools[name]

    def _unlisted(self, group: Group) -> BadInput:
        return BadInput("SUM_KEYS_UNFIT", party=self._party.id, predicate=group.predicate)
