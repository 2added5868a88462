"""A programme in plain words: what is asked of whom, where, against which line, on what ground.

Knows words and how they are laid out. Does not know files, options or what is in force.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from coordinator.casework.practice import Unit
from coordinator.casework.programmes import CASE_AREA, OLDEST, Programme, Question, Role, Supporters
from coordinator.casework.sums import Subject, Sum
from coordinator.people.roles import TITLES
from coordinator.regional.rulesets import RuleSet
from coordinator.regional.sheets import Basis, Sheet
from coordinator.regional.standards import Line, Measure, Standard
from federation import catalogue, words
from federation.catalogue import Catalogue, ParameterKind, Predicate
from federation.catalogue import Unit as Measured
from federation.parameter import Parameter
from federation.terminal import Terminal

_ROLES: Final = {
    Role.APPLICANT: ("申请人", "applicant"),
    Role.MEMBER: ("共同生活的成员", "members of the household"),
    Role.SUPPORTER: ("赡养抚养扶养义务人", "those who owe support"),
}
_SUPPORTERS: Final = {
    Supporters.NEVER: ("", ""),
    Supporters.ON_DEMAND: ("(需要时)", " (on demand)"),
    Supporters.ALWAYS: ("(每次)", " (always)"),
}
_UNITS: Final = {
    Unit.WORKDAYS: ("个工作日", " working days"),
    Unit.DAYS: ("天", " days"),
    Unit.HOURS: ("小时", " hours"),
}
_MEASURES: Final = {
    Measure.DIBAO_URBAN: ("城市低保标准(元/月)", "urban dibao, yuan a month"),
    Measure.DIBAO_RURAL: ("农村低保标准(元/月)", "rural dibao, yuan a month"),
    Measure.MINIMUM_WAGE: ("最低工资(元/月)", "minimum wage, yuan a month"),
    Measure.DISPOSABLE_INCOME: ("人均可支配收入(元/年)", "disposable income, yuan a year"),
    Measure.LIVING_SPACE: ("人均住房面积(㎡)", "living space, m² a head"),
    Measure.MINIMUM_SPACE: ("最低住房面积(㎡)", "minimum living space, m² a head"),
}
_NOWHERE: Final = Standard(area="", since=date.min, values={}, zh="", en="", source="")
"""For lines that are multiples of nothing."""
UNSIGNED: Final = ("样本,未签名:仅供演示", "a template, unsigned: for demonstrations alone")
SIGNED: Final = ("根密钥已签署", "signed by root keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Everything that is said of a programme in one place on one day."""

    sheet: Sheet
    programme: Programme
    sets: tuple[RuleSet, ...]
    lines: Mapping[str, Line]
    standard: Standard | None
    signed: bool
    catalogue: Catalogue

    def value(self, parameter_id: str) -> Parameter | None:
        """Give a line's value under the local standard; None where either is not there."""
        line = self.lines.get(parameter_id)
        if line is None or (line.of and self.standard is None):
            return None
        return line.value(self.standard or _NOWHERE)


def row(sheet: Sheet, programme: Programme, *, signed: bool) -> dict[str, Any]:
    """Give a programme's line of a list, for programs."""
    return {
        "id": programme.id,
        "zh": programme.zh,
        "en": programme.en,
        "area": sheet.span.area,
        "valid_from": str(sheet.span.since),
        "valid_to": str(sheet.span.until) if sheet.span.until else None,
        "subjects": list(programme.subjects),
        "supporters": programme.supporters.value,
        "basis": sheet.basis.value,
        "cadence_months": sheet.cadence_months,
        "report_months": sheet.report_months,
        "decides": sheet.decides.value,
        "emergency": sheet.emergency,
        "source": sheet.source,
        "signed": signed,
    }


def detail(one: Explained) -> dict[str, Any]:
    """Give all of a programme, for programs."""
    asked = [
        {
            "predicate": q.predicate,
            "parameter": q.parameter,
            "roles": list(q.roles) if isinstance(q, Question) else [q.subject.value],
            "min_age": q.min_age if isinstance(q, Question) else None,
            "max_age": q.max_age if isinstance(q, Question) else None,
            "departments": list(one.catalogue.predicate(q.predicate).departments),
            "line": _line(q, one, "en"),
            "finding": list(q.finding),
            "also": list(q.also),
            "zh": q.zh,
            "en": q.en,
            "source": q.source,
        }
        for q in one.programme.asked
        if _reaches(q, one.programme)
    ]
    return row(one.sheet, one.programme, signed=one.signed) | {
        "asked": asked,
        "deadlines": [
            {"id": d.id, d.unit.value: d.length, "zh": d.zh, "en": d.en, "source": d.source}
            for d in one.sheet.deadlines
        ],
        "exemptions": [
            {
                "predicate": e.predicate,
                "outcomes": list(e.outcomes),
                "roles": list(e.roles),
                "zh": e.zh,
                "en": e.en,
                "source": e.source,
            }
            for e in one.programme.exemptions
        ],
        "property": [s.id for s in one.sets],
        "standard": {m.value: v for m, v in one.standard.values.items()} if one.standard else None,
    }


def explain(one: Explained, at: Terminal) -> None:
    """Say what a programme asks, of whom, where, against which line, and what does not bar."""
    for line in (*_head(one, at), *_asked(one, at), *_exempt(one, at)):
        at.say(line, line)


def _head(one: Explained, at: Terminal) -> Iterator[str]:
    sheet, programme = one.sheet, one.programme
    yield f"{programme.label(at.lang)}  {programme.id}"
    area = sheet.span.area or at.pick("全国", "everywhere")
    until = str(sheet.span.until or "")
    state = at.pick(*(SIGNED if one.signed else UNSIGNED))
    yield at.pick(
        f"  适用 {area},{sheet.span.since} 起{until and f'至 {until}'};{state}",
        f"  in force {area} from {sheet.span.since}{until and f' to {until}'}; {state}",
    )
    yield at.pick(f"  依据 {sheet.source}", f"  source: {sheet.source}")
    mandate = sheet.basis is Basis.MANDATE
    ground = at.pick(*(("批量授权", "batch mandate") if mandate else ("本人授权", "consents")))
    yield at.pick(
        f"  问谁 {_people(one, at)};凭 {ground}", f"  asked: {_people(one, at)}; by {ground}"
    )
    decides = TITLES[sheet.decides][0 if at.lang == "zh" else 1]
    every = sheet.cadence_months
    again = at.pick(f"每 {every} 个月复核", f"reviewed every {every} months")
    yield at.pick(
        f"  {again if every else '随申请核对'};报告 {sheet.report_months} 个月内有效;"
        f"由{decides}决定",
        f"  {again if every else 'on application'}; a report holds {sheet.report_months} months;"
        f" decided by: {decides}",
    )
    if sheet.emergency:
        yield at.pick(
            "  急难时先救助、后核对", "  in an emergency aid comes first, verification after"
        )
    for due in sheet.deadlines:
        name = at.pick(due.zh, due.en)
        length = f"{due.length}{at.pick(*_UNITS[due.unit])}"
        yield at.pick(
            f"  期限 {name} {length}({due.source})", f"  due: {name} {length} ({due.source})"
        )
    for used in one.sets:
        yield at.pick(
            f"  财产规定 {used.zh}({used.id})", f"  property rules: {used.en} ({used.id})"
        )
    if one.standard:
        shown = ", ".join(
            f"{at.pick(*_MEASURES[m])} {_yuan(v)}" for m, v in one.standard.values.items()
        )
        yield at.pick(
            f"  当地标准 {one.standard.zh}({one.standard.since} 起):{shown}",
            f"  local standard: {one.standard.en}, since {one.standard.since}: {shown}",
        )


def _people(one: Explained, at: Terminal) -> str:
    roles = [at.pick(*_ROLES[role]) for role in one.programme.roles]
    return at.pick("、", ", ").join(roles) + at.pick(*_SUPPORTERS[one.programme.supporters])


def _asked(one: Explained, at: Terminal) -> Iterator[str]:
    if one.programme.sums:
        yield at.pick(
            "几个部门合计(只知是否过线,不知数额)",
            "Several departments together (only on which side of a line)",
        )
        for added in one.programme.sums:
            yield from _question(added, one, at)
    reached = [q for q in one.programme.questions if _reaches(q, one.programme)]
    for kind in catalogue.kinds():
        own = [q for q in reached if kind.id in one.catalogue.predicate(q.predicate).departments]
        if own:
            yield at.pick(kind.zh, kind.en)
        for question in own:
            yield from _question(question, one, at)


def _question(asked: Question | Sum, one: Explained, at: Terminal) -> Iterator[str]:
    predicate = one.catalogue.predicate(asked.predicate)
    line = _line(asked, one, at.lang)
    line = at.pick(f"({line})", f" ({line})") if line else ""
    yield f"  {asked.predicate} {predicate.question(at.lang)}{line}"
    yield f"      {_whom(asked, at)}"
    if asked.finding:
        outcomes = _outcomes(asked.finding, predicate, one.value(asked.parameter), at)
        also = at.pick(",且", ", and ").join(_other(o, one, at) for o in asked.also)
        also = also and at.pick(f"(且 {also})", f" (and {also})")
        yield at.pick(
            f"      答“{outcomes}”{also}:{asked.zh}", f"      if “{outcomes}”{also}: {asked.en}"
        )
    else:
        yield at.pick(f"      仅供参考:{asked.zh}", f"      for information: {asked.en}")
    yield at.pick(f"      依据 {asked.source}", f"      source: {asked.source}")


def _other(text: str, one: Explained, at: Terminal) -> str:
    """Word another outcome, ``P34=NO``, that has to be there too."""
    name, _, outcome = text.partition("=")
    predicate = one.catalogue.predicate(name)
    return f"{name} {predicate.label(at.lang)}: {words.written(outcome, predicate, None, at.lang)}"


def _whom(asked: Question | Sum, at: Terminal) -> str:
    if isinstance(asked, Sum):
        alone = asked.subject is Subject.SUPPORTER
        return at.pick(*(("每名义务人", "each supporter") if alone else ("全家", "the household")))
    roles = at.pick("、", ", ").join(at.pick(*_ROLES[role]) for role in asked.roles)
    if (asked.min_age, asked.max_age) == (0, OLDEST):
        return roles
    if asked.max_age == OLDEST:
        return roles + at.pick(f",满 {asked.min_age} 岁", f", from {asked.min_age} years")
    return roles + at.pick(
        f",{asked.min_age} 至 {asked.max_age} 岁", f", {asked.min_age} to {asked.max_age} years"
    )


def _line(asked: Question | Sum, one: Explained, lang: str) -> str:
    """Word the line of a question, with its amount where the local standard is known."""
    if asked.parameter == CASE_AREA:
        return "受理地" if lang == "zh" else "where the case is"
    line = one.lines.get(asked.parameter)
    if line is None:
        return asked.parameter
    predicate, value = one.catalogue.predicate(asked.predicate), one.value(asked.parameter)
    if line.kind is not ParameterKind.RUNG or value is None or predicate.unit is not Measured.FEN:
        return line.label(lang)
    per = ("人均", "a head") if value.per == "head" else ("每人", "each")
    amount = _yuan(value.per_head)
    if lang == "zh":
        return f"{line.zh},{per[0]} {amount} 元"
    return f"{line.en}, {amount} yuan {per[1]}"


def _exempt(one: Explained, at: Terminal) -> Iterator[str]:
    if not one.programme.exemptions:
        return
    yield at.pick("不构成障碍", "What does not bar anybody")
    for each in one.programme.exemptions:
        predicate = one.catalogue.predicate(each.predicate)
        outcomes = _outcomes(each.outcomes, predicate, None, at)
        label = predicate.label(at.lang)
        yield at.pick(
            f"  {each.predicate} {label}:{outcomes} —— {each.zh}({each.source})",
            f"  {each.predicate} {label}: {outcomes}: {each.en} ({each.source})",
        )


def _outcomes(
    outcomes: Iterable[str], predicate: Predicate, value: Parameter | None, at: Terminal
) -> str:
    return at.pick("、", ", ").join(
        words.written(one, predicate, value, at.lang) for one in outcomes
    )


def _reaches(asked: Question | Sum, programme: Programme) -> bool:
    """Tell whether anybody is asked: a question taken over may be of roles that are not."""
    return isinstance(asked, Sum) or bool(set(asked.roles) & set(programme.roles))


def _yuan(fen: int) -> str:
    return words.amount(fen, Measured.FEN)
