"""Which sums a programme asks: of the household or of each supporter, against which line, and when.

Knows the form of ``[[programme.sum]]`` in ``data/programmes.toml``. Does not know which departments
add up (the manifest does), nor any case or answer.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from federation.catalogue import JOINT, Catalogue, Form
from federation.errors import BadInput
from federation.fields import Fields

_CONDITION: Final = re.compile(r"(H[1-9])=(YES|NO)")
_PARAMETER: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_BAND: Final = re.compile(r"BAND\((0|[1-9][0-9]?)\)")


class Subject(StrEnum):
    """Whose amounts are added up: all of a household together, or a supporter's own."""

    HOUSEHOLD = "household"
    SUPPORTER = "supporter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """A sum that a programme asks, or what is composed or derived without asking anybody.

    ``after`` is empty or names a sum of the household and its answer, ``H1=YES``: without that
    answer this one is not asked. ``finding`` lists the outcomes that a person should look at, and
    ``also`` others, ``P34=NO``, without which they are nothing to look at. ``version`` is the dated
    file that the rule stands in: its id and first day.
    """

    predicate: str
    parameter: str
    subject: Subject
    after: str
    finding: tuple[str, ...]
    zh: str
    en: str
    source: str = ""
    also: tuple[str, ...] = ()
    version: str = ""

    def rule(self, lang: str) -> str:
        """Give the rule in plain words, in ``zh`` or ``en``."""
        return self.zh if lang == "zh" else self.en


def read(row: Fields, predicates: Catalogue) -> Sum:
    """Read one ``[[programme.sum]]`` and hold it to the catalogue.

    Raises:
        BadInput: with what is wrong.
    """
    one = Sum(
        predicate=row.text("predicate"),
        parameter=row.text("parameter", blank=True),
        subject=row.member("subject", Subject),
        after=row.text("after", blank=True) if row.has("after") else "",
        finding=row.texts("finding"),
        zh=row.text("zh"),
        en=row.text("en"),
        source=row.text("source") if row.has("source") else "",
    )
    row.done()
    _check(one, row, predicates)
    return one


def check_order(sums: Iterable[Sum], row: Fields) -> None:
    """Refuse a sum that is there twice, or that waits for one not asked before it.

    Raises:
        BadInput: with what is wrong.
    """
    seen: set[tuple[str, str, Subject]] = set()
    asked: set[str] = set()
    for one in sums:
        key = one.predicate, one.parameter, one.subject
        if key in seen:
            raise row.fault(f"{one.predicate} is there twice")
        if one.after and one.after.partition("=")[0] not in asked:
            raise row.fault(f"{one.predicate} waits for a sum that is not asked before it")
        seen.add(key)
        asked |= {one.predicate} if one.subject is Subject.HOUSEHOLD else set()


def _check(one: Sum, row: Fields, predicates: Catalogue) -> None:
    try:
        predicate = predicates.predicate(one.predicate)
    except BadInput as unknown:
        raise row.fault(f"no predicate {one.predicate}") from unknown
    if predicate.form not in JOINT:
        raise row.fault(f"{one.predicate} is not a sum")
    if (predicate.form is Form.COMPOSITE) is bool(one.parameter):
        raise row.fault(f"{one.predicate}: a composite names no parameter, all others do")
    if one.parameter and not _PARAMETER.fullmatch(one.parameter):
        raise row.fault(f"{one.predicate}: parameter {one.parameter} is malformed")
    if one.after and not (_CONDITION.fullmatch(one.after) and predicate.form is Form.SUM):
        raise row.fault(f"{one.predicate}: after is not a sum's, like H1=YES")
    for outcome in one.finding:
        known = (
            outcome in {"YES", "NO"}
            if predicate.form is not Form.DERIVED
            else (_BAND.fullmatch(outcome) is not None)
        )
        if not known:
            raise row.fault(f"{one.predicate} cannot answer {outcome}")
