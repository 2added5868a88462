"""Which programmes share a line of the statistics: ``data/statistics.toml``.

Knows families of programmes and their names. Does not know figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from federation.fields import Fields, read_toml
from federation.labelled import Labelled

INVALID: Final = "STATISTICS_LAYOUT_INVALID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family(Labelled):
    """Programmes that a county counts as one."""

    id: str
    programmes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All families, in the order of the file."""

    families: Mapping[str, Family]

    @property
    def of(self) -> dict[str, str]:
        """Give each programme's family."""
        return {one: family.id for family in self.families.values() for one in family.programmes}


@cache
def load() -> Layout:
    """Load the shipped file.

    Raises:
        BadInput: STATISTICS_LAYOUT_INVALID.
    """
    file = resources.files("coordinator").joinpath("data", "statistics.toml")
    return parse(file.read_text("utf-8"))


def parse(text: str) -> Layout:
    """Read the file.

    Raises:
        BadInput: STATISTICS_LAYOUT_INVALID with ``where`` and ``why``.
    """
    document = read_toml(text, code=INVALID, where="statistics")
    families: dict[str, Family] = {}
    taken: set[str] = set()
    for row in document.tables("family"):
        one = _family(row)
        if one.id in families or taken & set(one.programmes):
            raise row.fault(f"{one.id} or a programme of it is there twice")
        families[one.id] = one
        taken |= set(one.programmes)
    document.done()
    return Layout(families=families)


def _family(row: Fields) -> Family:
    made = Family(
        id=row.text("id"),
        programmes=row.texts("programmes"),
        zh=row.text("zh"),
        en=row.text("en"),
    )
    row.done()
    return made
