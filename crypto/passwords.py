"""Passwords as they are kept: Argon2id (RFC 9106) of their Unicode form, with salt and cost inside.

Knows one way to make such a text and to hold a password to it. Does not know whose password it is,
how long it must be, or how often somebody may try.
"""

import unicodedata

from nacl.exceptions import CryptoError as NaclError
from nacl.pwhash import argon2id

from crypto.errors import BadPassphrase
from crypto.keys import SealCost


def protect(password: str, cost: SealCost = SealCost.INTERACTIVE) -> str:
    """Give what is kept instead of a password.

    Raises:
        BadPassphrase: it is empty or no Unicode text.
    """
    passes, memory = cost.value
    return argon2id.str(_bytes(password), opslimit=passes, memlimit=memory).decode("ascii")


def fits(password: str, kept: str) -> bool:
    """Tell whether this is the password; what is no such text is nobody's."""
    try:
        return argon2id.verify(kept.encode(), _bytes(password))
    except (BadPassphrase, NaclError):
        return False


def _bytes(password: str) -> bytes:
    # The same password typed on another keyboard may arrive in another Unicode form.
    try:
        data = unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError as error:
        raise BadPassphrase("a password is Unicode text") from error
    if not data:
        raise BadPassphrase("a password is not empty")
    return data
