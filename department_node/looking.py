"""Look at what this node would answer, without answering anything.

Knows how to run the real evaluation on the department's own records with a made-up consent, beside
a running node. Writes nothing, sends nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Self

from department_node import beside, checking, contribution, parts
from department_node import node as nodes
from department_node.case_file import Case, CasePerson
from department_node.catalogue import Answering, NodeCatalogue
from department_node.evaluate import Minimized, Period, Person, bindings, evaluate, period_of
from department_node.gate import Admitted
from department_node.records import SqliteRecords
from federation import catalogue as predicates
from federation import ids
from federation import party as parties
from federation.catalogue import Form, ParameterKind, Predicate
from federation.clock import SystemClock, business_date, epoch_of
from federation.consent import Claims, Consent, Grant
from federation.errors import BadInput, HeduiError, Refused, Unavailable
from federation.exchange import Answer, Outcome, Purpose, Refusal
from federation.manifest import PartyRole
from federation.party import Party
from federation.policy import Parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom a look is about: the record, and what the consent would say of the household."""

    person: Person | None = field(repr=False)
    name: bytes = field(repr=False, default=b"")
    declared: tuple[bytes, ...] = field(repr=False, default=())
    members: int = 1
    enrolled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One question, the answer that would leave, and the columns read to find it."""

    predicate: Predicate
    parameter: Parameter | None
    answer: Answer
    columns: tuple[str, ...] = ()
    fault: HeduiError | None = None


class _Declared:
    """The roll's part in a look: a record key stands for its own pseudonym."""

    def pseudonyms(self, key: str) -> tuple[bytes, ...]:
        """Give the key itself."""
        return (key.encode(),)


class Looking:
    """A node's records and catalogue, opened read-only beside whatever runs."""

    def __init__(self, party: Party, catalogue: NodeCatalogue, records: SqliteRecords) -> None:
        self.party = party
        self.now = SystemClock().now()
        self.today = business_date(self.now)
        self._catalogue = catalogue
        sums = parts.answerings(catalogue, party.id, party.manifest.groups)
        self._answers = {**catalogue.answers, **sums}
        self._records = records
        self._stack = ExitStack()
        self._stack.enter_context(records)
        self.as_of = as_of_date(records.scalar(catalogue.as_of, {}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def subject(self, person: str, members: int) -> Subject:
        """Find one person of this register, declaring nobody else.

        Raises:
            BadInput: a malformed id; it is not repeated.
        """
        wanted = ids.canonical_id(person).id
        found = self._find([wanted]).get(wanted)
        return Subject(
            person=found,
            name=found.name if found else b"",
            members=members,
            enrolled=found is None or self._is_enrolled()(found.key),
        )

    def subjects(self, case: Case) -> Iterator[tuple[CasePerson, Subject]]:
        """Find all people of a case, each with the household that the consent would declare."""
        found = self._find(one.id for one in case.persons)
        enrolled = self._is_enrolled()
        for one in case.persons:
            others = (found.get(other.id) for other in case.declared_with(one))
            person = found.get(one.id)
            yield (
                one,
                Subject(
                    person=person,
                    name=one.name.encode(),
                    declared=tuple(other.key.encode() for other in others if other),
                    members=case.members,
                    enrolled=person is None or enrolled(person.key),
                ),
            )

    def parameter(self, predicate: str, parameter: str) -> str:
        """Complete a question: where the policy has one parameter only, that one.

        Raises:
            BadInput: PREDICATE_UNKNOWN, PREDICATE_NOT_HERE or PARAMETER_CHOICE.
        """
        known = predicates.load().predicate(predicate)
        if known.id not in self._answers:
            raise BadInput("PREDICATE_NOT_HERE", predicate=known.id)
        rule = self.party.policy.rules.get(known.id)
        choices = rule.parameters if rule else ()
        if len(choices) == 1 and not parameter:
            return choices[0]
        if choices and parameter not in choices:
            raise BadInput("PARAMETER_CHOICE", predicate=known.id, choices=", ".join(choices))
        return parameter

    def look(
        self, predicate: str, parameter: str, subject: Subject, purpose: Purpose | None = None
    ) -> Look:
        """Evaluate one question about one person, for a purpose or any that is allowed."""
        answering = self._answers[predicate]
        purpose = min(answering.purposes) if purpose is None else purpose
        known = self.party.policy.parameters.get(parameter)
        try:
            return self._look(answering, parameter, subject, purpose)
        except Refused as refusal:
            answer = Answer(outcome=Outcome.REFUSED, refusal=Refusal[refusal.code])
            return Look(predicate=answering.predicate, parameter=known, answer=answer)
        except (BadInput, Unavailable) as error:
            answer = Answer(outcome=Outcome.REFUSED, refusal=Refusal.SOURCE_UNAVAILABLE)
            return Look(predicate=answering.predicate, parameter=known, answer=answer, fault=error)

    def every(self, subject: Subject, case: Case) -> Iterator[Look]:
        """Evaluate everything that may be asked of this node about a person of a case."""
        for answering in self._answers.values():
            rule = self.party.policy.rules.get(answering.predicate.id)
            for parameter in self._parameters(rule.parameters if rule else (), case):
                yield self.look(answering.predicate.id, parameter, subject, case.purpose)

    def answer_columns(self) -> set[str]:
        """List the columns that any answer reads."""
        read = (self._statements(one) for one in self._answers.values())
        return {column for texts in read for sql in texts for column in self._columns(sql)}

    def roll_columns(self) -> set[str]:
        """List the columns that enrolment reads, blindly, once a person."""
        return set(self._columns(self._catalogue.roll))

    def all_columns(self) -> set[str]:
        """List every column of the department's own tables."""
        return {f"{table}.{column}" for table, column in self._records.all_columns()}

    def _parameters(self, allowed: tuple[str, ...], case: Case) -> tuple[str, ...]:
        """Leave out the areas that are not the case's, if one of them is."""
        known = self.party.policy.parameters
        own = tuple(p for p in allowed if _covers(known[p], case.area))
        return own or allowed or ("",)

    def _look(
        self, answering: Answering, parameter: str, subject: Subject, purpose: Purpose
    ) -> Look:
        predicate = answering.predicate
        rule, value = self.party.policy.check(predicate.id, parameter, purpose)
        if purpose not in answering.purposes:
            raise Refused("POLICY_NOT_ANSWERED", predicate=predicate.id)
        names = predicate.parameter is ParameterKind.NAME
        grant = Grant(
            predicate=predicate.id,
            parameter=parameter,
            form=predicate.form.value,
            max_uses=1,
            members=subject.members,
            args=(subject.name,) if names else subject.declared,
        )
        admitted = Admitted(
            consent=_no_consent(), grant=grant, rule=rule, parameter=value, answering=answering
        )
        if self.as_of is None or (self.today - self.as_of).days > rule.max_age_days:
            result = Minimized(Outcome.STALE)
        else:
            period = period_of(rule.period, self.today)
            person = subject.person if subject.enrolled else None
            if predicate.form is Form.SUM:
                result = self._share(admitted, person, period)
            else:
                result = evaluate(admitted, person, period, self._records, _Declared())
        read = [column for sql in self._statements(answering) for column in self._columns(sql)]
        return Look(
            predicate=predicate,
            parameter=value,
            answer=Answer(outcome=result.outcome, value=result.value),
            columns=tuple(dict.fromkeys(read)),
        )

    def _share(self, admitted: Admitted, person: Person | None, period: Period) -> Minimized:
        """Make sure of a person's part of a share; the amount itself is not even shown here."""
        group = self.party.manifest.groups[admitted.answering.predicate.id]
        bound = bindings(admitted, period)
        statements = parts.statements(self._catalogue, group, self.party.id)
        values = {
            name: [self._records.scalar(sql, {**bound, "key": person.key})] if person else []
            for name, sql in statements.items()
        }
        contribution.amount(group, self.party.id, values)
        return Minimized(Outcome.CONTRIBUTED)

    def _statements(self, answering: Answering) -> list[str]:
        """List the statements behind an answer; a comparison of names has none."""
        if answering.predicate.form is not Form.SUM:
            return [answering.sql] if answering.sql else []
        group = self.party.manifest.groups[answering.predicate.id]
        return list(parts.statements(self._catalogue, group, self.party.id).values())

    def _columns(self, sql: str) -> list[str]:
        return [f"{table}.{column}" for table, column in self._records.columns_read(sql) if column]

    def _find(self, wanted: Iterable[str]) -> Mapping[str, Person]:
        """Read the roll once for all who are looked for; the first row of a person counts."""
        left = set(wanted)
        found: dict[str, Person] = {}
        for row in self._records.rows(self._catalogue.roll):
            person = _usable(row)
            if person in left:
                left.discard(person)
                found[person] = Person(key=str(row[2]), name=_name(row[1]))
            if not left:
                break
        return found

    def _is_enrolled(self) -> Callable[[str], bool]:
        """Give a test for record keys; a node that has never run is looked at as if enrolled."""
        try:
            state = self._stack.enter_context(beside.beside(self.party.data))
        except BadInput:
            return lambda _: True
        return lambda key: state.is_enrolled(epoch_of(self.now), key)


def open_looking(folder: Path) -> Looking:
    """Open a node's folder for looking.

    Raises:
        BadInput: as for serving: documents, settings or catalogue are wrong.
    """
    party = parties.load(folder, PartyRole.NODE, SystemClock().now())
    catalogue = nodes.open_catalogue(party)
    records = SqliteRecords(catalogue.source)
    checking.check(catalogue, records)
    return Looking(party, catalogue, records)


def _covers(parameter: Parameter, area: str) -> bool:
    return bool(parameter.prefix) and area.startswith(parameter.prefix)


def as_of_date(value: object) -> date | None:
    """Read the day that the data describe.

    Raises:
        BadInput: NODE_CATALOGUE_INVALID.
    """
    try:
        return date.fromisoformat(str(value)[:10]) if value is not None else None
    except ValueError as e:
        raise BadInput("NODE_CATALOGUE_INVALID", where="as_of", why="gives no date") from e


def _usable(row: tuple[object, ...]) -> str:
    try:
        return ids.canonical_id(str(row[0])).id if row[2] is not None else ""
    except BadInput:
        return ""


def _name(value: object) -> bytes:
    try:
        return ids.normal_name(str(value)).encode() if value else b""
    except BadInput:
        return b""


def _no_consent() -> Consent:
    claims = Claims(
        issuer="",
        audience="",
        sub=b"",
        issued=0,
        not_before=0,
        expires=0,
        jti=b"",
        holder=b"",
        status_index=0,
        status_uri="",
        purpose=Purpose.ENTRY,
        basis="",
        policy_family="",
        policy_version=0,
        uses_a_month=0,
        data_life_days=0,
        role="",
        household_salt=b"",
        household_commitment=b"",
        members=0,
        evidence=b"",
        chain=b"",
    )
    return Consent(claims=claims, grants={}, slots=0, signature=b"")
