"""What travelled between here and each department, counted in the bytes that were kept.

The zeros of this table are found by looking: every request and receipt is searched, tokens decoded,
for the ids and names of the cases' people. Pure; reads no database.
"""

import base64
import binascii
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from coordinator.asking.record import Exchange
from federation.errors import PeerFault
from federation.wire import codec
from federation.wire import sum_messages as sums

_ID: Final = re.compile(rb"(?=([0-9]{17}[0-9Xx]))")
_PARTS: Final = re.compile(rb"[.~]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What one department was asked and gave: counts only."""

    department: str
    questions: int
    answer_bytes: int
    raw_records: int
    ids: int
    names: int


def leaving(
    exchanges: Iterable[Exchange], ids: Collection[str], names: Collection[str]
) -> list[Leaving]:
    """Count, department by department; a receipt shared with other cases counts by its share."""
    wanted = {one.encode() for one in ids}
    spoken = {name.encode() for name in names}
    rows: dict[str, Leaving] = {}
    for one in exchanges:
        before = rows.get(one.department, _nothing(one.department))
        found = [_found(text, wanted, spoken) for text in _texts(one)]
        rows[one.department] = Leaving(
            department=one.department,
            questions=before.questions + one.mine,
            answer_bytes=before.answer_bytes + len(one.receipt) * one.mine // one.items,
            raw_records=before.raw_records + _raw_records(one.receipt),
            ids=before.ids + sum(ids_there for ids_there, _ in found),
            names=before.names + sum(names_there for _, names_there in found),
        )
    return list(rows.values())


def _nothing(department: str) -> Leaving:
    return Leaving(
        department=department, questions=0, answer_bytes=0, raw_records=0, ids=0, names=0
    )


def _texts(one: Exchange) -> Iterator[bytes]:
    """Give what travelled, and every part of every token opened."""
    yield one.request
    yield one.receipt
    for token in codec.decode_batch(one.request).presentations:
        yield b"\n".join(_opened(part) for part in _PARTS.split(token))


def _opened(part: bytes) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except binascii.Error:
        return b""


def _found(text: bytes, ids: set[bytes], names: set[bytes]) -> tuple[int, int]:
    numbers = sum(number.upper() in ids for number in _ID.findall(text))
    return numbers, sum(text.count(name) for name in names)


def _raw_records(receipt: bytes) -> int:
    """Count what is in a receipt and is not a minimized answer of the one size."""
    if not receipt:
        return 0
    try:
        items = codec.decode_batch(receipt).items
    except PeerFault:
        return 1  # kept of a request that failed; nobody can say that it holds nothing
    return sum(not _minimized(one.item) for one in items)


def _minimized(item: bytes) -> bool:
    """Tell an answer of the one size, and a part of a sum, from anything else."""
    readers = (codec.decode_answer, sums.decode_contribution, sums.decode_compared)
    for read in (*readers, sums.decode_tested):
        with suppress(PeerFault):
            read(item)
            return True
    return False
