"""What can go wrong with bytes, keys and group elements.

Knows only that something was refused. Whose fault it is, and what a person reads about it, is
decided by the party that called: the same bad signature is a peer's fault on the wire and a
broken file on a disk.
"""


class CryptoError(Exception):
    """Any refusal by this package."""


class BadSignature(CryptoError):
    """A signature does not verify, or too few distinct keys signed."""


class BadProof(CryptoError):
    """A Merkle path, or a proof of equal discrete logarithms or of a bit, does not verify."""


class BadKey(CryptoError):
    """Key material is malformed."""


class UnknownSuite(BadKey):
    """A key belongs to a suite that no provider has registered here."""


class BadElement(CryptoError):
    """An input, a scalar or a group element is not one this group can work with."""


class BadCiphertext(CryptoError):
    """A ciphertext has another size or no plaintext under this key."""


class BadAmount(CryptoError):
    """An amount or a threshold is larger than a comparison can hold."""


class OutOfRange(CryptoError):
    """Contributions do not add up to a masked sum: one is missing, doubled, scaled or foreign."""


class Spent(CryptoError):
    """What may be used once was to be used again, for something else."""


class BadEnvelope(CryptoError):
    """An envelope is malformed, oversize or of another type."""


class BadNote(CryptoError):
    """A signed note or checkpoint is malformed, or the key it was checked with did not sign it."""


class BadPassphrase(CryptoError):
    """A sealed key does not open: wrong passphrase, wrong purpose or altered bytes."""
