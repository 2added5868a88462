"""All sheets, property rules and standards, and which of them is in force where and when.

Knows that the closest area counts, then the newest version. Does not know files or signatures:
``filing`` reads them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import combinations
from typing import Final

from coordinator.casework import programmes
from coordinator.casework.practice import Practice
from coordinator.casework.programmes import Exemption, Programme, Programmes
from coordinator.regional import standards
from coordinator.regional.deadlines import Sheeted
from coordinator.regional.rulesets import RuleSet, read_set
from coordinator.regional.sheets import Sheet, Span, read_sheet
from coordinator.regional.standards import Line, Standard, read_line, read_standard
from federation.catalogue import NAMED, Catalogue, ParameterKind
from federation.errors import BadInput, Refused
from federation.fields import read_toml

INVALID: Final = programmes.INVALID
_REMEMBERED: Final = 512
"""Programmes kept as they were found: every person of every case asks for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What is there; programmes in the order of their files."""

    sheets: tuple[Sheet, ...]
    sets: tuple[RuleSet, ...]
    standards: tuple[Standard, ...]
    lines: Mapping[str, Line]

    def sheet(self, programme_id: str, area: str, day: date) -> Sheet:
        """Find the version of a programme in force.

        Raises:
            BadInput: PROGRAMME_UNKNOWN.
        """
        versions = self.versions(programme_id, area, day)
        if not versions:
            raise BadInput("PROGRAMME_UNKNOWN", programme=programme_id[:64])
        return versions[-1]

    def versions(self, programme_id: str, area: str, day: date) -> list[Sheet]:
        """List the versions of a programme that cover an area on a day, the one in force last."""
        found = [s for s in self.sheets if s.id == programme_id and s.span.covers(area, day)]
        return sorted(found, key=lambda one: _order(one.span))

    def standard(self, area: str, day: date) -> Standard:
        """Find the local standard in force.

        Raises:
            BadInput: STANDARD_MISSING.
        """
        return standards.in_force(self.standards, area, day)

    def rulesets(self, area: str, day: date) -> tuple[RuleSet, ...]:
        """List the property rules in force, those of the wider area first."""
        found = [(s, one) for one in self.sets for s in one.spans if s.covers(area, day)]
        return tuple(one for _, one in sorted(found, key=lambda pair: _order(pair[0])))

    def programmes(self, area: str, day: date, members: int = 0) -> dict[str, Programme]:
        """Give every programme in force, as it is asked there of a household; 0: of any size."""
        ids = dict.fromkeys(one.id for one in self.sheets if one.span.covers(area, day))
        return {one: self.programme(one, area, day, members) for one in ids}

    def programme(self, programme_id: str, area: str, day: date, members: int = 0) -> Programme:
        """Find what a programme asks there of a household; 0: of any size.

        Raises:
            BadInput: PROGRAMME_UNKNOWN.
        """
        own, *models = [one.own for one in self.line_of(programme_id, area, day)]
        for model in models:
            own = programmes.inherit(model, own)
        return self.localised(own, area, day, members)

    def localised(self, programme: Programme, area: str, day: date, members: int) -> Programme:
        """Apply property rules, one name for lines of the same amount, and what a sheet says.

        Whoever asks it, what must not bar and how long a report is valid stand in the sheet alone.
        """
        for one in self.rulesets(area, day):
            programme = one.applied(programme, members)
        names = self._instead(area, day)
        sums = (replace(s, parameter=names.get(s.parameter, s.parameter)) for s in programme.sums)
        questions = (
            replace(q, parameter=names.get(q.parameter, q.parameter)) for q in programme.questions
        )
        local = replace(programme, sums=tuple(sums), questions=tuple(questions))
        filed = self.versions(programme.id, area, day)
        if not filed:
            return local
        exemptions = self.exemptions(programme.id, area, day)
        return replace(local, exemptions=exemptions, report_months=filed[-1].report_months)

    def exemptions(self, programme_id: str, area: str, day: date) -> tuple[Exemption, ...]:
        """List what must not bar anybody: a programme's own, those it starts from, the sets'.

        Raises:
            BadInput: PROGRAMME_UNKNOWN.
        """
        sheets = self.line_of(programme_id, area, day)
        chain = (one for sheet in sheets for one in sheet.exemptions)
        local = (
            one.exemption
            for found in self.rulesets(area, day)
            for one in found.exempting
            if programme_id in one.programmes
        )
        return tuple(dict.fromkeys((*chain, *local)))

    def check(self, predicates: Catalogue) -> None:
        """Refuse versions that overlap, names that lead nowhere and lines that are not there.

        Raises:
            BadInput: PROGRAMMES_INVALID with the first fault.
        """
        for one, two in combinations(self.sheets, 2):
            if one.id == two.id and one.span.meets(two.span):
                raise _fault(one.id, "two versions are in force in one area on one day")
        for first, second in combinations(self.sets, 2):
            same = any(a.meets(b) for a in first.spans for b in second.spans)
            if first.id == second.id and same:
                raise _fault(first.id, "two versions are in force in one area on one day")
        for day, area in self.turns():
            for programme in self.programmes(area, day).values():
                self._check_lines(programme, predicates)

    def turns(self) -> list[tuple[date, str]]:
        """List the days and areas on which something begins."""
        spans = [
            *(one.span for one in self.sheets),
            *(span for one in self.sets for span in one.spans),
            *(Span(area=one.area, since=one.since, until=None) for one in self.standards),
        ]
        return sorted({(one.since, one.area) for one in spans})

    def line_of(self, programme_id: str, area: str, day: date) -> tuple[Sheet, ...]:
        """Follow ``like`` from the version in force: to a wider area's, or another programme.

        Raises:
            BadInput: PROGRAMME_UNKNOWN; PROGRAMMES_INVALID when it leads nowhere.
        """
        found = [self.sheet(programme_id, area, day)]
        while found[-1].like:
            last = found[-1]
            wider = [one for one in self.versions(last.like, area, day) if one not in found]
            if last.like == last.id:
                wider = [one for one in wider if len(one.span.area) < len(last.span.area)]
            if not wider:
                raise _fault(last.id, f"like: no other {last.like} is in force")
            found.append(wider[-1])
        return tuple(found)

    def _instead(self, area: str, day: date) -> dict[str, str]:
        """Say which line is used instead of another, where both come to the same amount."""
        try:
            standard = self.standard(area, day)
        except BadInput:
            return {}
        pairs = [(one, self.lines[one.instead]) for one in self.lines.values() if one.instead]
        return {
            one.id: other.id
            for one, other in pairs
            if one.value(standard).meaning == other.value(standard).meaning
        }

    def _check_lines(self, programme: Programme, predicates: Catalogue) -> None:
        for one in programme.asked:
            kind = predicates.predicate(one.predicate).parameter
            if kind not in NAMED or kind is ParameterKind.AREA:
                continue
            line = self.lines.get(one.parameter)
            if one.parameter and (line is None or line.kind is not kind):
                raise _fault(programme.id, f"{one.predicate}: no {kind} {one.parameter}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved(Programmes):
    """Programmes by id for labels, and those in force for one household on a day.

    ``layer`` are an area's own programmes, which stand over those of the shelf.
    """

    shelf: Shelf
    layer: Programmes
    layer_area: str
    _found: dict[tuple[str, str, date, int], Programme] = field(
        default_factory=dict, repr=False, compare=False
    )

    def programme(self, programme_id: str) -> Programme:
        """Find a programme by its id.

        Raises:
            BadInput: PROGRAMME_UNKNOWN.
            Refused: PROGRAMMES_UNSIGNED when there is none at all.
        """
        if not self.programmes:
            raise Refused("PROGRAMMES_UNSIGNED")
        return Programmes.programme(self, programme_id)

    def in_force(self, programme_id: str, area: str, day: date, members: int) -> Programme:
        """Find what a programme asks of a household of an area on a day.

        Raises:
            BadInput: PROGRAMME_UNKNOWN.
            Refused: PROGRAMMES_UNSIGNED when there is none at all.
        """
        key = programme_id, area, day, members
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[key] = self._find(*key)
        return found

    def sheeted(self, local: Practice) -> Practice:
        """Let deadlines of programmes' own files go before local ones."""
        return Sheeted(
            rules=local.rules, clocks=local.clocks, reasons=local.reasons, line_of=self._line
        )

    def _line(self, programme_id: str, area: str, day: date) -> tuple[Sheet, ...]:
        filed = self.shelf.versions(programme_id, area, day)
        return self.shelf.line_of(programme_id, area, day) if filed else ()

    def _find(self, programme_id: str, area: str, day: date, members: int) -> Programme:
        named = self.programme(programme_id)
        if area.startswith(self.layer_area) and programme_id in self.layer.programmes:
            return self.shelf.localised(named, area, day, members)
        return self.shelf.programme(programme_id, area, day, members)


def read(files: Sequence[tuple[str, str]], predicates: Catalogue) -> Shelf:
    """Read files, named, and hold them to the catalogue and to one another.

    Raises:
        BadInput: PROGRAMMES_INVALID with ``where`` (the file) and ``why``.
    """
    sheets: list[Sheet] = []
    sets: list[RuleSet] = []
    held: list[Standard] = []
    lines: list[Line] = []
    for name, text in files:
        row = read_toml(text, code=INVALID, where=name)
        match row.text("kind"):
            case "programme":
                sheets.append(read_sheet(row, predicates, text))
            case "property":
                sets.append(read_set(row, predicates, text))
            case "standards":
                held += [read_standard(one) for one in row.tables("standard")]
                row.done()
            case "lines":
                lines += [read_line(one) for one in row.tables("line")]
                row.done()
            case _:
                raise row.fault("kind is none of programme, property, standards, lines")
    every = [*lines, *(one for found in sets for one in found.lines)]
    shelf = Shelf(
        sheets=tuple(sheets), sets=tuple(sets), standards=tuple(held), lines=_by_id(every)
    )
    shelf.check(predicates)
    return shelf


def _by_id(lines: Sequence[Line]) -> dict[str, Line]:
    found: dict[str, Line] = {}
    for one in lines:
        if found.setdefault(one.id, one) != one:
            raise _fault(one.id, "two lines bear this name")
    for one in lines:
        if one.instead and one.instead not in found:
            raise _fault(one.id, f"instead: no line {one.instead}")
    return found


def _order(span: Span) -> tuple[int, date]:
    return len(span.area), span.since


def _fault(where: str, why: str) -> BadInput:
    return BadInput(INVALID, where=where, why=why)
