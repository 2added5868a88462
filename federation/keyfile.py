"""Sealed key files: a secret lies on disk only encrypted, readable by its owner alone.

Knows files and modes. Does not know what a secret is for beyond the purpose it was sealed under.
"""

import os
from pathlib import Path

from crypto.errors import BadPassphrase, CryptoError
from crypto.keys import SealCost, seal, unseal
from federation import limits
from federation.errors import BadInput


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, replacing it whole and durably."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)  # a leftover would keep its own mode
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # else a power cut may bring the old file back
    finally:
        os.close(folder)


def save(path: Path, secret: bytes, passphrase: bytes, *, purpose: str, cost: SealCost) -> None:
    """Seal a secret into a file of mode 0600."""
    write_private(path, seal(secret, passphrase, purpose=purpose.encode(), cost=cost))


def load(path: Path, passphrase: bytes, *, purpose: str) -> bytes:
    """Open a sealed file.

    Raises:
        BadInput: KEY_FILE_MISSING, KEY_FILE_OPEN (others may read it), KEY_FILE_INVALID or
            PASSPHRASE_WRONG.
    """
    sealed = read_private(path)
    try:
        return unseal(sealed, passphrase, purpose=purpose.encode())
    except BadPassphrase as e:
        raise BadInput("PASSPHRASE_WRONG", file=path.name) from e
    except CryptoError as e:
        raise BadInput("KEY_FILE_INVALID", file=path.name) from e


def read_private(path: Path) -> bytes:
    """Read a small file that must be readable by its owner only.

    Raises:
        BadInput: KEY_FILE_MISSING, KEY_FILE_OPEN or KEY_FILE_INVALID (too large).
    """
    try:
        info = path.stat()
        if info.st_mode & 0o077:
            raise BadInput("KEY_FILE_OPEN", file=path.name)
        if info.st_size > limits.KEY_FILE_BYTES:
            raise BadInput("KEY_FILE_INVALID", file=path.name)
        return path.read_bytes()
    except OSError as e:
        raise BadInput("KEY_FILE_MISSING", file=path.name) from e
