"""The signed policy: rungs, windows, band edges and which question is allowed for which purpose.

Knows the policy's TOML form. Nothing that can change an answer comes from a requester (protocol
note §5): a question names a parameter by id, and its value stands here. Does not know any register.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from federation import ladder, limits, parameter
from federation.catalogue import NAMED, Catalogue, ParameterKind, Predicate
from federation.clock import business_date, months_before
from federation.errors import BadInput, Refused, Said
from federation.exchange import Purpose
from federation.fields import Fields, read_toml
from federation.ladder import Asked
from federation.parameter import Parameter

__all__ = ["PAYLOAD_TYPE", "Parameter", "Policy", "Rule", "parse"]

PAYLOAD_TYPE: Final = "application/vnd.hedui.policy.v1+toml"
INVALID: Final = "POLICY_INVALID"
AGE_MOST: Final = 3_660
"""Oldest data a policy may accept, days."""

_COUNTED: Final = {ParameterKind.RUNG, ParameterKind.SIZE}
_LISTED: Final = re.compile(r"policy\.(\w+)\[(\d+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """For which purposes a predicate may be asked, with which parameters, over which period.

    ``quantity`` names the figure behind a threshold or a declared size: a node counts distinct
    per-head thresholds and household sizes by it (protocol §5). Empty for every other question.
    ``zh`` and ``en`` say why it is asked, ``source`` on what ground.
    """

    predicate: str
    purposes: frozenset[Purpose]
    parameters: tuple[str, ...]
    period: Literal["month", "12m"]
    max_age_days: int
    quantity: str = ""
    source: str = ""
    zh: str = ""
    en: str = ""

    def text(self, lang: str) -> str:
        """Say in ``zh`` or ``en`` why it is asked."""
        return self.zh if lang == "zh" else self.en


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

    def values(self, rule: Rule) -> tuple[Parameter, ...]:
        """Give the values that a rule allows, in its order."""
        return tuple(self.parameters[one] for one in rule.parameters)

    def asked(self, catalogue: Catalogue) -> list[Asked]:
        """List the questions of all rules with the values they may be asked with."""
        return [(catalogue.predicate(r.predicate), self.values(r)) for r in self.rules.values()]


def parse(text: bytes, catalogue: Catalogue) -> Policy:
    """Read a policy and hold it to the catalogue of predicates.

    Raises:
        BadInput: POLICY_INVALID with the place and what is wrong.
    """
    try:
        written = text.decode("utf-8")
    except UnicodeDecodeError as e:
        raise BadInput(INVALID, where=f"byte {e.start + 1}", why="is not UTF-8") from e
    try:
        found = _policy(read_toml(written, code=INVALID, where="policy"), catalogue, text)
        ladder.check(found.asked(catalogue))
    except BadInput as error:
        raise _placed(error, written) from error
    return found


def _policy(raw: Fields, catalogue: Catalogue, text: bytes) -> Policy:
    parameters: dict[str, Parameter] = {}
    for row in raw.tables("parameter"):
        value = parameter.read(row)
        if value.id in parameters:
            raise row.fault(Said("出现了两次", "is there twice"))
        parameters[value.id] = value
    rules: dict[str, Rule] = {}
    for row in raw.tables("rule"):
        rule = _rule(row, catalogue, parameters)
        if rule.predicate in rules:
            raise row.fault(Said("有两条规则", "has two rules"))
        rules[rule.predicate] = rule
    title = raw.table("title")
    found = Policy(
        family=raw.text("family", longest=40),
        version=raw.integer("version", 1, 1 << 31),
        issued=raw.day("issued"),
        expires=raw.day("expires"),
        title={lang: title.text(lang) for lang in ("zh", "en")},
        parameters=parameters,
        rules=rules,
        digest=hashlib.sha256(text).digest(),
    )
    title.done()
    raw.done()
    _check_dates(found)
    return found


def _check_dates(one: Policy) -> None:
    if one.expires < one.issued:
        raise _invalid("expires", "早于生效日", "is before the day of issue")
    if months_before(one.expires, limits.POLICY_MONTHS) > one.issued:
        raise _invalid("expires", "距生效日超过两年", "is more than two years after the issue")


def _rule(row: Fields, catalogue: Catalogue, parameters: Mapping[str, Parameter]) -> Rule:
    predicate = _predicate(row, catalogue)
    period = row.text("period")
    if period not in {"month", "12m"}:
        raise row.fault("period is none of month, 12m")
    purposes = row.texts("purposes")
    if not purposes or set(purposes) - Purpose.__members__.keys():
        raise row.fault(f"purposes are one or more of {', '.join(Purpose.__members__)}")
    rule = Rule(
        predicate=predicate.id,
        purposes=frozenset(Purpose[name] for name in purposes),
        parameters=row.texts("parameters"),
        period="12m" if period == "12m" else "month",
        max_age_days=row.integer("max_age_days", 0, AGE_MOST),
        quantity=predicate.quantity if predicate.parameter in _COUNTED else "",
        source=row.text("source"),
        zh=row.text("zh"),
        en=row.text("en"),
    )
    row.done()
    _check_kinds(rule, predicate, parameters)
    return rule


def _predicate(row: Fields, catalogue: Catalogue) -> Predicate:
    name = row.text("predicate")
    row.where = name
    try:
        return catalogue.predicate(name)
    except BadInput as e:
        raise row.fault(
            Said("没有这个项目,见 hedui predicates", "is no predicate: see hedui predicates")
        ) from e


def _check_kinds(rule: Rule, predicate: Predicate, parameters: Mapping[str, Parameter]) -> None:
    wanted = predicate.parameter
    kinds = {parameters[p].kind if p in parameters else "unknown" for p in rule.parameters}
    if kinds != ({wanted.value} if wanted in NAMED else set()):
        shown = wanted.value if wanted in NAMED else "none"
        raise _invalid(rule.predicate, f"需要 {shown} 类参数", f"wants parameters of kind {shown}")


def _placed(error: BadInput, text: str) -> BadInput:
    """Add the line to a fault, where it can be found."""
    where = str(error.details["where"])
    line = _line_of(text, where)
    if not line:
        return error
    place = Said(f"第 {line} 行 {where}", f"line {line}, {where}")
    return BadInput(error.code, **{**error.details, "where": place})


def _line_of(text: str, where: str) -> int:
    """Find the line that opens the nth table, or the last one that names a thing."""
    listed = _LISTED.fullmatch(where)
    name = re.escape(where.removeprefix("policy."))
    wanted = (
        rf"\s*\[\[\s*{listed[1]}\s*\]\]"
        if listed
        else rf"\s*((id|predicate)\s*=\s*[\"']{name}[\"']|{name}\s*=|\[{name}\])"
    )
    lines = [n for n, row in enumerate(text.splitlines(), 1) if re.match(wanted, row)]
    place = int(listed[2]) - 1 if listed else len(lines) - 1
    return lines[place] if 0 <= place < len(lines) else 0


def _invalid(where: str, zh: str, en: str) -> BadInput:
    return BadInput(INVALID, where=where, why=Said(zh, en))
