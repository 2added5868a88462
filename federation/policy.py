"""The signed policy: rungs, windows, band edges and which question is allowed for which purpose.

Knows the policy's TOML form. Nothing that can change an answer comes from a requester (protocol
note §5): a question names a parameter by id, and its value stands here. Does not know any register.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from federation.catalogue import Catalogue, ParameterKind
from federation.clock import business_date
from federation.errors import BadInput, Refused
from federation.exchange import Purpose

PAYLOAD_TYPE: Final = "application/vnd.hedui.policy.v1+toml"

_VALUE_KEYS: Final = {
    "window": {"months"},
    "rung": {"per_head", "comparator", "per"},
    "band": {"edges"},
    "area": {"prefix"},
    "value": {"value"},
}
_VALUE: Final = {
    "window": "months",
    "rung": "per_head",
    "band": "edges",
    "area": "prefix",
    "value": "value",
}
"""What a parameter of each kind cannot do without: a default would quietly change answers."""
_PARAMETERLESS: Final = {
    ParameterKind.NONE,
    ParameterKind.MEMBERS,
    ParameterKind.NAME,
    ParameterKind.SIZE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One named value: months of a window, a threshold, band edges, an area or a constant.

    ``per_head`` and ``edges`` are integers in the predicate's unit; a rung per person is not
    multiplied by the household's size.
    """

    id: str
    kind: str
    zh: str
    en: str
    months: int = 0
    per_head: int = 0
    per: Literal["head", "person"] = "head"
    comparator: Literal["le", "ge"] = "le"
    edges: tuple[int, ...] = ()
    prefix: str = ""
    value: str = ""

    def threshold(self, members: int) -> int:
        """Give T for a household of ``members``, in the predicate's unit."""
        return self.per_head * (members if self.per == "head" else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """For which purposes a predicate may be asked, with which parameters, over which period."""

    predicate: str
    purposes: frozenset[Purpose]
    parameters: tuple[str, ...]
    period: Literal["month", "12m"]
    max_age_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A parsed policy. ``digest`` is the SHA-256 of the signed text."""

    family: str
    version: int
    issued: date
    expires: date
    title: Mapping[str, str]
    parameters: Mapping[str, Parameter]
    rules: Mapping[str, Rule]
    digest: bytes

    def check(self, predicate: str, parameter: str, purpose: int) -> tuple[Rule, Parameter | None]:
        """Find the rule that allows a question.

        Raises:
            Refused: POLICY_NOT_ANSWERED, or POLICY_PARAMETER when the parameter is not allowed.
        """
        rule = self.rules.get(predicate)
        if rule is None or purpose not in rule.purposes:
            raise Refused("POLICY_NOT_ANSWERED", predicate=predicate)
        if parameter not in (rule.parameters or ("",)):
            raise Refused("POLICY_PARAMETER", predicate=predicate)
        return rule, self.parameters.get(parameter)

    def check_current(self, now: int) -> None:
        """Refuse a policy that is not in force.

        Raises:
            Refused: POLICY_VERSION.
        """
        if not self.issued <= business_date(now) <= self.expires:
            raise Refused("POLICY_VERSION", version=self.version)


def parse(text: bytes, catalogue: Catalogue) -> Policy:
    """Read a policy and hold it to the catalogue of predicates.

    Raises:
        BadInput: POLICY_INVALID with the place and what is wrong.
    """
    try:
        raw = tomllib.loads(text.decode("utf-8"))
        return _policy(raw, catalogue, hashlib.sha256(text).digest())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise BadInput("POLICY_INVALID", where="file", why=str(e)) from e
    except (AttributeError, KeyError, TypeError, ValueError) as e:
        raise BadInput("POLICY_INVALID", where="policy", why=f"{type(e).__name__} {e}") from e


def _policy(raw: dict[str, Any], catalogue: Catalogue, digest: bytes) -> Policy:
    _only(raw, {"family", "version", "issued", "expires", "title", "parameter", "rule"}, "policy")
    parameters: dict[str, Parameter] = {}
    for row in raw["parameter"]:
        parameter = _parameter(row)
        if parameter.id in parameters:
            raise _invalid(parameter.id, "named twice")
        parameters[parameter.id] = parameter
    rules: dict[str, Rule] = {}
    for row in raw["rule"]:
        rule = _rule(row)
        if rule.predicate in rules:
            raise _invalid(rule.predicate, "has two rules")
        _hold(rule, parameters, catalogue)
        rules[rule.predicate] = rule
    if type(raw["version"]) is not int or raw["version"] < 1:
        raise _invalid("version", "is no positive integer")
    return Policy(
        family=str(raw["family"]),
        version=raw["version"],
        issued=_date(raw["issued"]),
        expires=_date(raw["expires"]),
        title={lang: str(raw["title"][lang]) for lang in ("zh", "en")},
        parameters=parameters,
        rules=rules,
        digest=digest,
    )


def _parameter(row: dict[str, Any]) -> Parameter:
    kind = row["kind"]
    if kind not in _VALUE_KEYS:
        raise _invalid(str(row["id"]), f"unknown kind {kind}")
    _only(row, {"id", "kind", "zh", "en"} | _VALUE_KEYS[kind], str(row["id"]))
    if _VALUE[kind] not in row:
        raise _invalid(str(row["id"]), f"has no {_VALUE[kind]}")
    values = {**row, "edges": tuple(row.get("edges", ()))}
    parameter = Parameter(**values)
    texts = (parameter.id, parameter.zh, parameter.en, parameter.prefix, parameter.value)
    if any(type(text) is not str for text in texts):
        raise _invalid(str(row["id"]), "id, zh, en, prefix and value are texts")
    numbers = (parameter.months, parameter.per_head, *parameter.edges)
    if any(type(number) is not int or number < 0 for number in numbers):
        raise _invalid(parameter.id, "numbers are whole and not negative")
    if parameter.comparator not in {"le", "ge"} or parameter.per not in {"head", "person"}:
        raise _invalid(parameter.id, "unknown comparator")
    if list(parameter.edges) != sorted(set(parameter.edges)):
        raise _invalid(parameter.id, "edges do not rise")
    return parameter


def _rule(row: dict[str, Any]) -> Rule:
    _only(row, {"predicate", "purposes", "parameters", "period", "max_age_days"}, "rule")
    if row["period"] not in {"month", "12m"} or type(row["max_age_days"]) is not int:
        raise _invalid(str(row["predicate"]), "period or max_age_days")
    return Rule(
        predicate=str(row["predicate"]),
        purposes=frozenset(Purpose[name] for name in row["purposes"]),
        parameters=tuple(str(p) for p in row["parameters"]),
        period=row["period"],
        max_age_days=row["max_age_days"],
    )


def _hold(rule: Rule, parameters: Mapping[str, Parameter], catalogue: Catalogue) -> None:
    wanted = catalogue.predicate(rule.predicate).parameter
    kinds = {parameters[p].kind if p in parameters else "unknown" for p in rule.parameters}
    expected = set() if wanted in _PARAMETERLESS else {wanted.value}
    if kinds != expected:
        raise _invalid(rule.predicate, f"wants parameters of kind {wanted.value}")


def _only(row: dict[str, Any], keys: set[str], where: str) -> None:
    unknown = row.keys() - keys
    if unknown:
        raise _invalid(where, f"unknown key {min(unknown)}")


def _date(value: Any) -> date:
    if type(value) is not date:
        raise _invalid("dates", "are written 2026-01-31, without quotes")
    return value


def _invalid(where: str, why: str) -> BadInput:
    return BadInput("POLICY_INVALID", where=where, why=why)
