"""What hides a share of a sum is written down nowhere: no mask, and no share in the clear.

All masks of the demonstration's sums are made anew from the departments' keys, and looked for in
every file that it left and in every message, as bytes, hexadecimal and decimal digits and base64.
A share in the clear is a mask plus an amount, so that all but its last bytes are the mask's.
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import pytest

from crypto import masks
from crypto.paillier import PrivateKey
from department_node.masking import Masking
from federation import founding
from federation import party as parties
from federation.clock import SystemClock
from federation.manifest import PartyRole
from federation.transcript import Round
from federation.wire import codec, sum_messages
from hedui.demo.stage import TALLY
from tests.scenarios import recording
from tests.scenarios.played import Played

WINDOW = 16
STRIDE = 64
AMOUNT = 8
"""Bytes at the end of a number that an amount may change."""


class Needles:
    """Long byte strings, found wherever their first 82 bytes stand, or all but two of these."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        self._windows = {needle[at : at + WINDOW] for needle in needles for at in range(STRIDE + 2)}

    def found(self, data: bytes) -> bool:
        """Tell whether any stands in some data."""
        places = range(0, len(data) - WINDOW + 1, STRIDE)
        return any(data[at : at + WINDOW] in self._windows for at in places)


def forms(number: int) -> Iterator[bytes]:
    """Write a number in every way somebody might, without the bytes that amounts change."""
    size = -(-number.bit_length() // 8)
    raw = number.to_bytes(size, "big")[:-AMOUNT]
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield str(number)[: -3 * AMOUNT].encode()
    for shift in range(3):
        cut = raw[shift:]
        yield base64.b64encode(cut[: len(cut) // 3 * 3])
        yield base64.urlsafe_b64encode(cut[: len(cut) // 3 * 3])


@dataclass(frozen=True)
class Masked:
    """What hides one department's share of one run: its whole mask, and what that is made of."""

    modulus: int
    whole: int
    parts: tuple[int, ...]


@pytest.fixture(scope="module")
def masked(demo: Played) -> dict[tuple[str, bytes], Masked]:
    """Make the masks of all runs anew, by department and run."""
    now = SystemClock().now()
    sql = "SELECT DISTINCT a.predicate, r.run FROM sum_run r JOIN sum_ask a USING (sum_id)"
    runs = [(predicate, bytes(run)) for predicate, run in demo.books(sql)]
    made = {}
    for node in demo.nodes:
        party = parties.load(demo.home / "federation" / node, PartyRole.NODE, now)
        masking = Masking(party, 0)
        groups = {
            name: masking.keys(group)
            for name, group in party.manifest.groups.items()
            if node in {one.id for one in group.departments}
        }
        for predicate, run in runs:
            if keys := groups.get(predicate):
                modulus = keys.paillier.n
                pairwise = [masks.prf(key, run, modulus) for _, key in keys.pairwise]
                made[node, run] = Masked(
                    modulus=modulus,
                    whole=masks.mask(keys.pairwise, keys.tally, run, modulus),
                    parts=(*pairwise, masks.prf(keys.tally, run, modulus)),
                )
    return made


@pytest.fixture(scope="module")
def numbers(masked: dict[tuple[str, bytes], Masked]) -> list[int]:
    return [number for one in masked.values() for number in (one.whole, *one.parts)]


@pytest.fixture(scope="module")
def needles(numbers: list[int]) -> Needles:
    return Needles(chain.from_iterable(map(forms, numbers)))


def test_these_are_the_masks_that_were_used(
    demo: Played, masked: dict[tuple[str, bytes], Masked]
) -> None:
    """Under its mask, and the tally's encryption, each share is an amount."""
    tally = parties.load(demo.home / "federation" / TALLY, PartyRole.TALLY, SystemClock().now())
    opens = PrivateKey.from_bytes(tally.secret(founding.PAILLIER_FILE, founding.PAILLIER))
    given = [one for one in demo.messages if one.round == Round.CONTRIBUTE and one.receipt]
    assert len(given) > 100
    for one in given:
        last = codec.decode_batch(one.receipt).items[-1].item
        share = opens.decrypt(
            int.from_bytes(sum_messages.decode_contribution(last).ciphertext, "big")
        )
        hides = masked[one.party, one.run]
        amount = (share - hides.whole) % hides.modulus
        assert min(amount, hides.modulus - amount) < 256**AMOUNT


def test_no_file_holds_a_mask(demo: Played, needles: Needles) -> None:
    files = [one for one in demo.home.rglob("*") if one.is_file()]
    assert {one.name for one in files} >= {"node.sqlite", "coordinator.sqlite", "tally.sqlite"}
    assert [one.name for one in files if needles.found(one.read_bytes())] == []


def test_no_message_holds_a_mask(demo: Played, needles: Needles) -> None:
    assert demo.record
    messages = recording.read(demo.record)
    assert [one.method for one in messages if needles.found(one.data)] == []


@pytest.mark.parametrize("amount", [0, 1, 10**15])
def test_a_mask_and_a_share_are_found_wherever_they_stand(
    numbers: list[int], needles: Needles, amount: int
) -> None:
    assert len(set(numbers)) > 100
    for place, number in enumerate(numbers[:: len(numbers) // 20]):
        share = number + amount
        texts = [share.to_bytes(384, "big"), f"{share:x}".encode(), str(share).encode()]
        texts += [base64.b64encode(b"." * n + texts[0]) for n in range(3)]
        for text in texts:
            assert needles.found(b"\x00" * place + text + b"rest")
        assert not needles.found(base64.b85encode(texts[0])), "a form that nobody looks for"
