"""One named value of the signed policy: a window, a rung, band edges, an area or a constant.

Knows the form of ``[[parameter]]`` and what each kind cannot do without. Nothing here comes from a
requester (protocol §5). Does not know which question names which value.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from federation import limits
from federation.catalogue import NAMED, ParameterKind
from federation.errors import Said
from federation.fields import Fields

MONTHS_MOST: Final = 600
"""Longest window, months."""

_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COMPARATORS: Final = ("le", "ge")
_PER: Final = ("head", "person")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One named value: months of a window, a threshold, band edges, an area or a constant.

    ``per_head`` and ``edges`` are integers in the predicate's unit; a rung per person is not
    multiplied by the household's size. ``source`` is the standard, document or row it comes from.
    """

    id: str
    kind: str
    zh: str
    en: str
    source: str = ""
    months: int = 0
    per_head: int = 0
    per: Literal["head", "person"] = "head"
    comparator: Literal["le", "ge"] = "le"
    edges: tuple[int, ...] = ()
    prefix: str = ""
    value: str = ""

    @property
    def meaning(self) -> tuple[object, ...]:
        """What the value is, whatever its name: two with one meaning are the same question."""
        rung = (self.per_head, self.per, self.comparator) if self.kind == "rung" else ()
        return (self.kind, self.months, rung, self.edges, self.prefix, self.value)

    def threshold(self, members: int) -> int:
        """Give T for a household of ``members``, in the predicate's unit."""
        return self.per_head * (members if self.per == "head" else 1)

    def text(self, lang: str) -> str:
        """Give the words in ``zh`` or ``en``."""
        return self.zh if lang == "zh" else self.en


def read(row: Fields) -> Parameter:
    """Read one ``[[parameter]]``.

    Raises:
        BadInput: POLICY_INVALID with the parameter and what is wrong.
    """
    name = row.text("id", longest=40)
    row.where = name
    if not _ID.fullmatch(name):
        raise row.fault("id is not words of small letters and digits, joined by hyphens")
    kind = row.member("kind", ParameterKind)
    if kind not in NAMED:
        raise row.fault(f"kind is none of {', '.join(sorted(NAMED))}")
    parameter = Parameter(
        id=name,
        kind=kind.value,
        zh=row.text("zh"),
        en=row.text("en"),
        source=row.text("source"),
        **_values(kind, row),
    )
    row.done()
    _check(parameter, row)
    return parameter


def _values(kind: ParameterKind, row: Fields) -> dict[str, Any]:
    """Take what a kind cannot do without: a default would quietly change answers."""
    match kind:
        case ParameterKind.WINDOW:
            return {"months": row.integer("months", 1, MONTHS_MOST)}
        case ParameterKind.RUNG:
            return {
                "per_head": row.integer("per_head", 0, limits.AMOUNT_END),
                "comparator": _word(row, "comparator", _COMPARATORS),
                "per": _word(row, "per", _PER) if row.has("per") else "head",
            }
        case ParameterKind.BAND:
            return {"edges": row.integers("edges", 0, limits.AMOUNT_END)}
        case ParameterKind.AREA:
            return {"prefix": row.text("prefix")}
        case _:
            return {"value": row.text("value")}


def _word(row: Fields, key: str, known: tuple[str, ...]) -> str:
    word = row.text(key)
    if word not in known:
        raise row.fault(f"{key} is none of {', '.join(known)}")
    return word


def _check(one: Parameter, row: Fields) -> None:
    if one.kind == ParameterKind.BAND and not one.edges:
        raise row.fault(Said("没有档位界线", "has no edges"))
    if list(one.edges) != sorted(set(one.edges)):
        raise row.fault(Said("档位界线没有逐个递增", "edges do not rise"))
    people = limits.HOUSEHOLD_PERSONS
    # Both T and T + 1 have to fit the bits of a comparison (protocol §7).
    if max(one.threshold(people) + 1, *one.edges, 0) > limits.AMOUNT_END:
        raise row.fault(
            Said(
                f"{people} 人家庭的规定线超过 2^39,无法比较",
                f"at {people} people the line passes 2^39 and cannot be compared",
            )
        )
