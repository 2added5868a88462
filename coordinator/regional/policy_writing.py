"""Write the policy that an area's programmes need: their lines under the standard of a day.

Knows ``data/permissions.toml``: for which purposes and over which period a predicate may be asked.
A value that no programme of the area names is not written, so nothing else could be asked. What is
written is a draft: root keys sign it, as any policy.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Final

from coordinator.casework.programmes import CASE_AREA, INVALID, Programme
from coordinator.regional.shelf import Shelf
from federation.catalogue import NAMED, Catalogue, Form, ParameterKind
from federation.errors import BadInput
from federation.exchange import Purpose
from federation.fields import Fields, read_toml
from federation.policy import AGE_MOST

Row = Mapping[str, object]
_HEAD: Final = (
    "Written by hedui programme policy from programmes, property rules and standards in force.",
    "A draft until root keys have signed it: hedui policy explain, check, sign.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """What a policy is called, and which version it is."""

    family: str
    version: int
    zh: str
    en: str


def policy_for(shelf: Shelf, area: str, day: date, title: Title, predicates: Catalogue) -> str:
    """Write the policy for an area, in force from a day to the end of the next year.

    Raises:
        BadInput: STANDARD_MISSING; PROGRAMMES_INVALID when nothing says how a predicate is asked.
    """
    standard = shelf.standard(area, day)
    allowed = _permissions(predicates)
    named = _named(shelf.programmes(area, day).values(), predicates)
    parameters: list[Row] = []
    rules: list[Row] = []
    used: dict[str, None] = {}
    for predicate, ids in named.items():
        if predicate not in allowed:
            raise BadInput(INVALID, where="permissions", why=f"no rule for {predicate}")
        own = [f"area-{area}" if one == CASE_AREA else one for one in ids]
        used |= dict.fromkeys(own)
        head, *rest = allowed[predicate].items()
        rules.append(dict([head, ("parameters", own), *rest]))
    parameters += [line.row(standard) for line in shelf.lines.values() if line.id in used]
    if f"area-{area}" in used:
        parameters.append(_area(area))
    return _written(day, title, parameters, rules)


def _named(programmes: Iterable[Programme], predicates: Catalogue) -> dict[str, dict[str, None]]:
    """Gather the values that programmes name, by predicate; composites are never asked."""
    found: dict[str, dict[str, None]] = {}
    for programme in programmes:
        for one in programme.asked:
            predicate = predicates.predicate(one.predicate)
            if predicate.form is not Form.COMPOSITE:
                ids = found.setdefault(one.predicate, {})
                ids |= {one.parameter: None} if predicate.parameter in NAMED else {}
    order = [one.id for one in predicates]
    return dict(sorted(found.items(), key=lambda pair: order.index(pair[0])))


def _permissions(predicates: Catalogue) -> dict[str, dict[str, object]]:
    text = resources.files("coordinator").joinpath("data", "permissions.toml").read_text("utf-8")
    document = read_toml(text, code=INVALID, where="permissions")
    rules = [_permission(row, predicates) for row in document.tables("rule")]
    document.done()
    return {str(one["predicate"]): one for one in rules}


def _permission(row: Fields, predicates: Catalogue) -> dict[str, object]:
    found: dict[str, object] = {
        "predicate": predicates.predicate(row.text("predicate")).id,
        "purposes": [Purpose[one].name for one in row.texts("purposes")],
        "period": row.text("period"),
        "max_age_days": row.integer("max_age_days", 0, AGE_MOST),
        "source": row.text("source"),
        "zh": row.text("zh"),
        "en": row.text("en"),
    }
    row.done()
    return found


def _area(area: str) -> Row:
    return {
        "id": f"area-{area}",
        "kind": ParameterKind.AREA.value,
        "prefix": area,
        "zh": f"区划 {area}",
        "en": f"area {area}",
        "source": "GB/T 2260",
    }


def _written(day: date, title: Title, parameters: Iterable[Row], rules: Iterable[Row]) -> str:
    head = [
        *(f"# {one}" for one in _HEAD),
        f"family = {_value(title.family)}",
        f"version = {title.version}",
        f"issued = {day}",
        f"expires = {day.year + 1}-12-31",
        "\n[title]",
        f"zh = {_value(title.zh)}",
        f"en = {_value(title.en)}",
    ]
    tables = [_table("parameter", one) for one in parameters] + [_table("rule", r) for r in rules]
    return "\n".join(head) + "\n\n" + "\n\n".join(tables) + "\n"


def _table(name: str, row: Row) -> str:
    return "\n".join([f"[[{name}]]", *(f"{key} = {_value(value)}" for key, value in row.items())])


def _value(value: object) -> str:
    """Write a string, a number or a list: JSON's form of them is TOML's."""
    return json.dumps(value, ensure_ascii=False)
