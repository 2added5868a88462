"""Bytes to values and back for what is last in a sum's messages (protocol note §7).

Knows protobuf and sizes. Does not check a ciphertext, a proof or a signature.
"""

from dataclasses import dataclass, field
from typing import Final

from crypto.paillier import CIPHERTEXT_SIZE
from federation import limits
from federation.errors import PeerFault
from federation.summing import DIGEST, SumOrder
from federation.v1 import sum_pb2
from federation.wire.codec import strict

SALT: Final = 32
"""Bytes of the salt that opens a declared total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """A department's share of a run: an encrypted, masked amount."""

    run: bytes
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the coordinator hands the tally: the blinded sum and the commitment to its seed.

    ``declared_salt`` and ``declared`` open the total that the household declared.
    """

    order: SumOrder
    z: bytes = field(repr=False)
    seed_commitment: bytes
    declared_salt: bytes = field(default=b"", repr=False)
    declared: int = field(default=0, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The tally's encrypted bits with their proofs; none when the run was aborted at this rung."""

    run: bytes
    rung: str
    bits: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotTest:
    """The coordinator's slots, one of which may hide a zero."""

    order: SumOrder
    slots: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """The tally's share of the outcome, 0 or 1."""

    run: bytes
    share: int = field(repr=False)


def encode_order(order: SumOrder) -> bytes:
    """Write which run is meant: last in a request to contribute."""
    return _order(order).SerializeToString(deterministic=True)


def decode_order(data: bytes) -> SumOrder:
    """Read which run is meant.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    return _read_order(strict(sum_pb2.SumOrder, data, limits.SUM_ITEM_BYTES))


def encode_contribution(one: Contribution) -> bytes:
    """Write a department's share."""
    return sum_pb2.Contribution(run=one.run, ciphertext=one.ciphertext).SerializeToString(
        deterministic=True
    )


def decode_contribution(data: bytes) -> Contribution:
    """Read a department's share.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(sum_pb2.Contribution, data, limits.SUM_ITEM_BYTES)
    _sized("Contribution", (m.run, DIGEST), (m.ciphertext, CIPHERTEXT_SIZE))
    return Contribution(run=m.run, ciphertext=m.ciphertext)


def encode_comparison(one: Comparison) -> bytes:
    """Write what the tally is to compare."""
    return sum_pb2.Comparison(
        order=_order(one.order),
        z=one.z,
        seed_commitment=one.seed_commitment,
        declared_salt=one.declared_salt,
        declared=one.declared,
    ).SerializeToString(deterministic=True)


def decode_comparison(data: bytes) -> Comparison:
    """Read what is to be compared.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(sum_pb2.Comparison, data, limits.SUM_ITEM_BYTES)
    _sized("Comparison", (m.z, CIPHERTEXT_SIZE), (m.seed_commitment, DIGEST))
    if len(m.declared_salt) not in {0, SALT} or m.declared >= limits.AMOUNT_END:
        raise PeerFault("MALFORMED", message="Comparison")
    return Comparison(
        order=_read_order(m.order),
        z=m.z,
        seed_commitment=m.seed_commitment,
        declared_salt=m.declared_salt,
        declared=m.declared,
    )


def encode_compared(one: Compared) -> bytes:
    """Write the tally's encrypted bits."""
    return sum_pb2.Compared(run=one.run, bits=one.bits, rung=one.rung).SerializeToString(
        deterministic=True
    )


def decode_compared(data: bytes) -> Compared:
    """Read the tally's encrypted bits.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(sum_pb2.Compared, data, limits.SUM_ITEM_BYTES)
    _sized("Compared", (m.run, DIGEST))
    return Compared(run=m.run, rung=m.rung, bits=m.bits)


def encode_test(one: SlotTest) -> bytes:
    """Write the coordinator's slots."""
    return sum_pb2.SlotTest(order=_order(one.order), slots=one.slots).SerializeToString(
        deterministic=True
    )


def decode_test(data: bytes) -> SlotTest:
    """Read the coordinator's slots.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(sum_pb2.SlotTest, data, limits.SUM_ITEM_BYTES)
    return SlotTest(order=_read_order(m.order), slots=m.slots)


def encode_tested(one: Tested) -> bytes:
    """Write the tally's share of the outcome."""
    return sum_pb2.Tested(run=one.run, share=one.share).SerializeToString(deterministic=True)


def decode_tested(data: bytes) -> Tested:
    """Read the tally's share of the outcome.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(sum_pb2.Tested, data, limits.SUM_ITEM_BYTES)
    _sized("Tested", (m.run, DIGEST))
    if m.share not in {0, 1}:
        raise PeerFault("MALFORMED", message="Tested")
    return Tested(run=m.run, share=m.share)


def _order(order: SumOrder) -> sum_pb2.SumOrder:
    return sum_pb2.SumOrder(
        period=order.period, attempt=order.attempt, abort=order.abort, verdict=order.verdict
    )


def _read_order(m: sum_pb2.SumOrder) -> SumOrder:
    return SumOrder(period=m.period, attempt=m.attempt, abort=m.abort, verdict=m.verdict)


def _sized(name: str, *fields: tuple[bytes, int]) -> None:
    if any(len(data) != size for data, size in fields):
        raise PeerFault("MALFORMED", message=name)
