"""The recorder's files read back: every message of a demonstration, as both of its ends saw it.

Knows which end of a call a party is by the method. Does not look into a message.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from federation.exchange import (
    ASK,
    ASK_STREAM,
    COMPARE,
    CONTRIBUTE,
    RECORD_CONSENT,
    TEST,
)
from federation.wire.description import DESCRIBE
from federation.wire.log_messages import ADD_CHECKPOINT, READ
from federation.wire.receipt_messages import PROVE, PROVE_SUM
from federation.wire.registrar_messages import STATUS_LIST
from hedui.demo.stage import AUDITOR, WITNESSES
from tests.scenarios.played import CENTRE, REGISTRAR

CARRIES_IDENTITY: Final = RECORD_CONSENT
"""The one method whose request names people: at the registrar, which has to know them."""

POLLED: Final = frozenset({STATUS_LIST, ADD_CHECKPOINT})
"""Methods called on a schedule, so that the end of the demonstration may cut a call off."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message before encryption, at one end; ``request`` or the reply to one."""

    party: str
    method: str
    request: bool
    received: bool
    data: bytes

    @property
    def exempt(self) -> bool:
        """Whether this message may name people."""
        return self.method == CARRIES_IDENTITY and self.request


def read(folder: Path) -> list[Message]:
    """Read all files of a recording."""
    found = []
    for file in sorted(folder.iterdir()):
        for line in file.read_text("utf-8").splitlines():
            row = json.loads(line)
            party, method, received = row["party"], row["method"], row["direction"] == "in"
            method = ASK if method == ASK_STREAM else method  # the same messages, many a call
            assert row["direction"] in {"in", "out"}
            message = Message(
                party=party,
                method=method,
                request=received is _serves(party, method),
                received=received,
                data=base64.b64decode(row["message"], validate=True),
            )
            found.append(message)
    return found


def count(messages: Iterable[Message], *, request: bool, received: bool) -> Counter[Message]:
    """Count messages of one kind by content; by whom they were seen is left out."""
    return Counter(
        Message("", one.method, request, received=False, data=one.data)
        for one in messages
        if (one.request, one.received) == (request, received)
    )


def _serves(party: str, method: str) -> bool:
    """Tell whether a party is the one that answers a method."""
    if method in {ASK, DESCRIBE, PROVE, PROVE_SUM, CONTRIBUTE, COMPARE, TEST}:
        return not party.startswith(CENTRE)
    if method == READ:
        return party != AUDITOR
    if method == ADD_CHECKPOINT:
        return party in WITNESSES
    return party == REGISTRAR
