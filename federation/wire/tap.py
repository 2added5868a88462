"""A recorder of every message before encryption, for demonstrations and tests only.

Knows bytes and method names. A party opens one only where the root-signed manifest says that the
whole federation is a demonstration.
"""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock

Tap = Callable[[str, str, bytes], None]
"""Called with direction (``in`` or ``out``), method and message."""


def to_folder(folder: Path, party: str) -> Tap:
    """Append each message as one JSON line to a file of this process."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{party}.{os.getpid()}.jsonl"
    lock = Lock()

    def record(direction: str, method: str, message: bytes) -> None:
        row = {
            "party": party,
            "direction": direction,
            "method": method,
            "message": base64.b64encode(message).decode(),
        }
        with lock, path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    return record
