"""Signed papers as commands name them: by a scan, or by the scan's SHA-256.

Knows files. The scan stays where it is; only its digest goes on.
"""

import re
from hashlib import file_digest
from pathlib import Path
from typing import Final

from federation.errors import BadInput

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def digest(word: str | None) -> bytes:
    """Take a SHA-256, or make that of a file; nothing where nothing is named.

    Raises:
        BadInput: FILE_MISSING.
    """
    if not word:
        return b""
    if _DIGEST.fullmatch(word):
        return bytes.fromhex(word)
    file = Path(word)
    try:
        with file.open("rb") as handle:
            return file_digest(handle, "sha256").digest()
    except OSError as e:
        raise BadInput("FILE_MISSING", file=file.name, folder=file.parent.name) from e
