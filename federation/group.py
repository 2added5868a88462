"""The groups of departments that add up: who contributes what, by which weight, under which keys.

Knows the ``groups`` of the root-signed manifest (protocol note §7). A group is fixed: another
department, weight or key is another group, with another digest. Does not know policy or people.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from federation.errors import PeerFault, Refused
from federation.parameter import Parameter
from federation.shapes import sized, text, whole
from federation.strictjson import Json, b64, dumps, exactly

BITS: Final = 40
"""Bits of a comparison, l in the protocol note §7."""
KAPPA: Final = 128
"""Bits by which a blinding exceeds what it hides."""
LEAST: Final = 3
"""Fewest departments of a group: of two, each would learn the other's share from the outcome."""
MOST: Final = 64
KEY: Final = 32
MODULUS: Final = 384
"""Bytes of the tally's Paillier modulus."""
WEIGHT: Final = 1_000
"""Largest weight of a component, either way."""

_KEYS: Final = frozenset(
    {"predicate", "quantity", "bits", "kappa", "percent", "departments", "tally", "auditor"}
)
_TALLY: Final = frozenset({"id", "paillier", "elgamal", "mask"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A department of a group: weight of each component it holds, and its X25519 key for masks."""

    id: str
    weights: Mapping[str, int]
    mask: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyKeys:
    """The tally's keys: Paillier modulus (384 bytes), ElGamal key and X25519 key (32 each)."""

    id: str
    paillier: bytes = field(repr=False)
    elgamal: bytes
    mask: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Departments whose shares of one quantity are added up; at least three.

    ``percent`` is the ratio of a quantity that compares expense with income: its sum is held to
    zero, and its rung names the same number; 0 for all others. ``auditor`` is the X25519 key to
    which the coordinator seals the seed of a run.
    """

    predicate: str
    quantity: str
    departments: tuple[Member, ...]
    tally: TallyKeys
    auditor: bytes
    percent: int = 0
    bits: int = BITS
    kappa: int = KAPPA

    @property
    def digest(self) -> bytes:
        """Name the group: the SHA-256 of its JSON in the manifest."""
        return sha256(dumps(write(self))).digest()

    @property
    def signed(self) -> bool:
        """Tell whether a share may be negative: then none is clipped."""
        return any(w < 0 for one in self.departments for w in one.weights.values())

    @property
    def parties(self) -> frozenset[str]:
        """The departments and the tally: whoever needs a token of each person."""
        return frozenset({*(one.id for one in self.departments), self.tally.id})

    def member(self, department: str) -> Member:
        """Find a department of the group.

        Raises:
            PeerFault: PARTY_UNKNOWN.
        """
        for one in self.departments:
            if one.id == department:
                return one
        raise PeerFault("PARTY_UNKNOWN", party=department[:64])


def write(group: Group) -> Json:
    """Write a group as it stands in the manifest."""
    return {
        "predicate": group.predicate,
        "quantity": group.quantity,
        "bits": group.bits,
        "kappa": group.kappa,
        "percent": group.percent,
        "departments": [
            {"id": one.id, "weights": dict(one.weights), "mask": b64(one.mask)}
            for one in group.departments
        ],
        "tally": {
            "id": group.tally.id,
            "paillier": b64(group.tally.paillier),
            "elgamal": b64(group.tally.elgamal),
            "mask": b64(group.tally.mask),
        },
        "auditor": b64(group.auditor),
    }


def read(value: Any) -> Group:
    """Read one group of a manifest.

    Raises:
        PeerFault: MALFORMED.
        KeyError, TypeError, ValueError: it has another shape.
    """
    raw = exactly(value, _KEYS, "group")
    tally = exactly(raw["tally"], _TALLY, "tally")
    members = tuple(_member(row) for row in raw["departments"])
    ids = [one.id for one in members]
    if not LEAST <= len(members) <= MOST or len(set(ids)) != len(ids):
        raise ValueError("departments")
    if (raw["bits"], raw["kappa"]) != (BITS, KAPPA):
        raise ValueError("bits")
    return Group(
        predicate=text(raw["predicate"]),
        quantity=text(raw["quantity"]),
        departments=members,
        tally=TallyKeys(
            id=text(tally["id"]),
            paillier=sized(tally["paillier"], MODULUS),
            elgamal=sized(tally["elgamal"], KEY),
            mask=sized(tally["mask"], KEY),
        ),
        auditor=sized(raw["auditor"], KEY),
        percent=whole(raw["percent"], 0, 1_000),
    )


def threshold(group: Group, rung: Parameter, members: int, declared: int = 0) -> int:
    """Give the T of "S is at least T" for a household: one more than the line of an "at most".

    ``declared`` is the total that the sum is to exceed by the rung. A ratio is held to zero.

    Raises:
        Refused: POLICY_PARAMETER when the rung is not of this group, or T does not fit its bits.
    """
    if group.percent:
        line, fits = 0, rung.per_head == group.percent and rung.comparator == "ge"
    else:
        line = rung.threshold(members) + declared
        fits = line + 1 < clip(group)
    if not fits:
        raise Refused("POLICY_PARAMETER", predicate=group.predicate)
    return line + (rung.comparator == "le")


def clip(group: Group) -> int:
    """Give the bound below which every share stays: 2^(l - 1 - ceil(log2 n)) (protocol §7)."""
    return 1 << (group.bits - 1 - (len(group.departments) - 1).bit_length())


def _member(value: Any) -> Member:
    row = exactly(value, {"id", "weights", "mask"}, "department")
    weights = {text(name): whole(w, -WEIGHT, WEIGHT) for name, w in row["weights"].items()}
    if not weights or 0 in weights.values():
        raise ValueError("weights")
    return Member(id=text(row["id"]), weights=weights, mask=sized(row["mask"], KEY))
