"""Cells of a table sealed one by one, so that whoever copies the table alone reads none of them.

Knows bytes, a key, and the name of the place where a cell stands: what is sealed for one place
opens in no other (XSalsa20-Poly1305 under a key per place). Does not know tables.

A findable cell is the same bytes each time, for a search needs that: it shows which cells of its
place are equal, and nothing else (its nonce is a keyed hash of what it holds).
"""

from hashlib import blake2b

from nacl.exceptions import CryptoError as NaclError
from nacl.secret import SecretBox

from crypto.errors import BadElement, BadKey
from crypto.labels import CELL

KEY_SIZE = SecretBox.KEY_SIZE
OVERHEAD = SecretBox.NONCE_SIZE + SecretBox.MACBYTES
"""Bytes by which a sealed cell is longer."""


class Cells:
    """Seals and opens the cells of one place."""

    __slots__ = ("_box", "_nonces")

    def __init__(self, key: bytes, place: str) -> None:
        """Take the key of all places, and the name of this one.

        Raises:
            BadKey: the key does not have 32 bytes.
        """
        if len(key) != KEY_SIZE:
            raise BadKey("a key of cells has 32 bytes")
        both = blake2b(place.encode(), digest_size=64, key=key, person=CELL).digest()
        self._box = SecretBox(both[:KEY_SIZE])
        self._nonces = both[KEY_SIZE:]

    def seal(self, plain: bytes, *, findable: bool = False) -> bytes:
        """Seal what a cell holds."""
        if not findable:
            return self._box.encrypt(plain)
        nonce = blake2b(plain, digest_size=SecretBox.NONCE_SIZE, key=self._nonces).digest()
        return self._box.encrypt(plain, nonce)

    def open(self, sealed: bytes) -> bytes:
        """Open a cell.

        Raises:
            BadElement: sealed for another place or by another key, or altered.
        """
        try:
            return self._box.decrypt(sealed)
        except (NaclError, ValueError) as error:
            raise BadElement("sealed for another place or by another key, or altered") from error
