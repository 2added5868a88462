"""Domain separation: every constant that keeps one use of a hash or a key from another.

Knows the exact bytes that enter hashes. Does not know what a valid identity number or a
normalised name is: callers hand over text that is already canonical.
"""

from crypto.errors import BadElement

LEAF = b"\x00"
"""Prefix of a leaf hash (RFC 6962 §2.1)."""

NODE = b"\x01"
"""Prefix of an inner node's hash (RFC 6962 §2.1)."""

KID = b"hedui/kid/v1|"
"""Prefix of the hash that names a key; its suite and a bar follow."""

SEAL = b"hedui/seal/v1"
"""BLAKE2b personalisation of the key that seals other keys (at most 16 bytes)."""

CELL = b"hedui/cell/v1"
"""BLAKE2b personalisation of the key that seals one column of a table."""

COSIGNATURE = b"cosignature/v1\n"
"""First line of what a witness signs (C2SP tlog-cosignature)."""

MASK_KEY = b"hedui/mask-key/v1|"
"""Prefix of the hash that makes a key of masks from an X25519 secret."""

MASK = b"hedui/mask/v1|"
"""Prefix of the hash that makes masks."""

BIT_PROOF = b"hedui/bit-proof/v1|"
"""Prefix of the hash that gives the challenge of a proof that a ciphertext holds a bit."""

SUM_SEED = b"hedui/sum-seed/v1|"
"""Prefix of the hash that commits to the seed of one comparison."""

SUM_DRAW = b"hedui/sum-draw/v1|"
"""Prefix of what is drawn from such a seed; the draw's name and a bar follow."""

INPUT_MAX = 2**16 - 1
"""Longest VOPRF input in bytes (RFC 9497 §1.2)."""


def voprf_info(department: str, epoch: int) -> bytes:
    """Give the key derivation context of one department's pseudonyms in one epoch.

    Raises:
        BadElement: the department is empty or contains the separator, or the epoch is negative.
    """
    if epoch < 0:
        raise BadElement("an epoch is not negative")
    return b"hedui/voprf/v1|" + _field(department) + b"|" + str(epoch).encode()


def id_input(id18: str) -> bytes:
    """Give the VOPRF input of a canonical identity number.

    Raises:
        BadElement: empty, too long, or with the separator inside.
    """
    return _bounded(b"id/v1|" + _field(id18))


def name_input(id18: str, name: str) -> bytes:
    """Give the VOPRF input of an already normalised name, bound to its holder's number.

    Raises:
        BadElement: a part is empty, or has the separator inside, or both are too long.
    """
    return _bounded(b"name/v1|" + _field(id18) + b"|" + _field(name))


def _field(text: str) -> bytes:
    # A separator inside a field would let two different pairs of fields give the same bytes.
    if not text or "|" in text:
        raise BadElement("a labelled field is empty or contains '|'")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise BadElement("a labelled field is not Unicode text") from error


def _bounded(data: bytes) -> bytes:
    if len(data) > INPUT_MAX:
        raise BadElement(f"a VOPRF input has at most {INPUT_MAX} bytes")
    return data
