"""Answers from the departments' raw files: the second of two independent computations.

Imports the files with the node's own importer and runs the catalogues' SQL with the policy's values
bound to it. Knows nothing of the world but who is asked about.
"""

import json
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from department_node import catalogue as node_catalogue
from department_node.catalogue import NodeCatalogue
from department_node.evaluate import Period, period_of
from department_node.intake import plan as import_plan
from department_node.intake.load import import_table
from department_node.intake.spec import ImportResult
from department_node.records import SqliteRecords
from federation import catalogue, grouping, policy
from federation.catalogue import JOINT, Form, ParameterKind, Predicate, Register, Unit
from federation.clock import FixedClock, months_before
from federation.policy import Parameter, Policy
from hedui.demo.city import CityIndex, Department, tiny_flaws, write_city, write_district
from hedui.demo.district import build_district
from hedui.demo.flaws import Seen, see
from hedui.demo.population import build_world
from hedui.demo.world import Household, Person, World

TODAY = date(2026, 11, 21)
SEED = 7
CLOCK = FixedClock(1_700_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A department after its import, and who is on its roll by which name."""

    department: Department
    catalogue: NodeCatalogue
    records: SqliteRecords
    roll: dict[str, str | None]
    imports: tuple[ImportResult, ...]
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """Everything one test needs."""

    index: CityIndex
    world: World
    seen: dict[str, Seen]
    policy: Policy
    nodes: dict[str, Node]


def build(folder: Path, today: date) -> City:
    index = write_city(folder, seed=SEED, today=today)
    world = build_world(seed=SEED, today=today)
    return open_city(index, world, see(world, tiny_flaws(today)))


def district(folder: Path, today: date, seed: int, households: int) -> City:
    index = write_district(folder, seed=seed, today=today, households=households)
    names = [department.id for department in index.departments]
    built = build_district(seed=seed, today=today, departments=names, households=households)
    return open_city(index, built.world, see(built.world, built.flaws))


def open_city(index: CityIndex, world: World, seen: dict[str, Seen]) -> City:
    return City(
        index=index,
        world=world,
        seen=seen,
        policy=policy.parse(index.policy, catalogue.load()),
        nodes={department.id: open_node(department) for department in index.departments},
    )


def close(city: City) -> None:
    for node in city.nodes.values():
        node.records.close()


def open_node(department: Department) -> Node:
    imports = tuple(
        import_table(one.file, department.folder / "records.sqlite", one.spec, clock=CLOCK)
        for one in import_plan.read(department.folder / "import.toml")
    )
    found = node_catalogue.load(
        department.folder / "catalogue.toml",
        department=department.id,
        kind=department.kind,
        predicates=catalogue.load(),
    )
    records = SqliteRecords(found.source)
    for _, sql in found.statements():
        records.check(sql)
    roll = {str(key): name for _, name, key in records.rows(found.roll)}
    return Node(
        department=department,
        catalogue=found,
        records=records,
        roll={key: None if name is None else str(name) for key, name in roll.items()},
        imports=imports,
        as_of=date.fromisoformat(str(records.scalar(found.as_of, {}))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question as the node would get it."""

    predicate: Predicate
    parameter: Parameter | None
    person: Person
    household: Household
    period: Period

    @property
    def since(self) -> date:
        months = self.parameter.months if self.parameter else 0
        return months_before(self.period.today, months)


def answer(city: City, node: Node, asked: Asked) -> str:
    """Answer from the department's records alone, by the contract of the forms."""
    rule = city.policy.rules[asked.predicate.id]
    if asked.predicate.id not in node.catalogue.answers:
        return "REFUSED(POLICY_NOT_ANSWERED)"
    if (city.world.today - node.as_of).days > rule.max_age_days:
        return "STALE"
    if asked.person.id not in node.roll:
        if asked.predicate.register is Register.POPULATION:
            return "NO_RECORD"
        return minimized(asked, None)
    if asked.predicate.parameter is ParameterKind.NAME:
        known = unicodedata.normalize("NFKC", node.roll[asked.person.id] or "")
        return yes(known == unicodedata.normalize("NFKC", asked.person.name))
    value = node.records.scalar(node.catalogue.answers[asked.predicate.id].sql, bound(asked))
    if asked.predicate.parameter is ParameterKind.MEMBERS:
        return yes(value is None or value in asked.household.ids() & node.roll.keys())
    try:
        return minimized(asked, value)
    except ValueError:
        return "REFUSED(SOURCE_UNAVAILABLE)"


def bound(asked: Asked) -> dict[str, object]:
    parameter = asked.parameter
    return {
        "key": asked.person.id,
        "from": asked.period.start.isoformat(),
        "to": asked.period.end.isoformat(),
        "today": asked.period.today.isoformat(),
        "since": asked.since.isoformat(),
        "prefix": parameter.prefix if parameter else "",
        "value": parameter.value if parameter else "",
        "size": len(asked.household.members),
    }


def minimized(asked: Asked, value: object | None) -> str:
    form, parameter = asked.predicate.form, asked.parameter
    if form is Form.ENUM:
        assert value is None or value in asked.predicate.values
        return "NO" if value is None else f"ENUM({value})"
    if form is Form.WINDOW:
        return yes(value is not None and date.fromisoformat(str(value)) >= asked.since)
    assert value is None or isinstance(value, int), asked.predicate.id
    number = value or 0
    if form is Form.BOOLEAN:
        return yes(number != 0)
    if form is Form.COUNT:
        return f"COUNT({min(number, asked.predicate.cap)})"
    assert parameter is not None
    if form is Form.BAND:
        return f"BAND({sum(number > edge for edge in parameter.edges)})"
    threshold = parameter.threshold(len(asked.household.members))
    return yes(number <= threshold if parameter.comparator == "le" else number >= threshold)


def yes(truth: bool) -> str:
    return "YES" if truth else "NO"


def answers(city: City, household: Household, person: Person) -> dict[tuple[str, str, str], str]:
    """Ask every department everything its catalogue and the policy allow."""
    found = {}
    for node in city.nodes.values():
        for predicate in catalogue.load().for_kind(node.department.kind):
            rule = city.policy.rules.get(predicate.id)
            if rule is None or predicate.form in JOINT:
                continue
            for parameter in rule.parameters or ("",):
                asked = Asked(
                    predicate=predicate,
                    parameter=city.policy.parameters.get(parameter),
                    person=person,
                    household=household,
                    period=period_of(rule.period, city.world.today),
                )
                found[node.department.id, predicate.id, parameter] = answer(city, node, asked)
    return found


def total(city: City, predicate: Predicate, people: Iterable[str]) -> dict[str, int]:
    """Add up each component over all its registers, from the departments' records alone."""
    rule = city.policy.rules[predicate.id]
    period = period_of(rule.period, city.world.today)
    found = dict.fromkeys(predicate.components, 0)
    for component in predicate.components:
        kind = grouping.register(catalogue.load(), predicate, component)
        for node in city.nodes.values():
            if node.department.kind == kind:
                sql = node.catalogue.components[component].sql
                values = {"from": period.start, "to": period.end, "today": period.today}
                bound = {name: day.isoformat() for name, day in values.items()}
                for person in set(people) & node.roll.keys():
                    share = node.records.scalar(sql, bound | {"key": person}) or 0
                    assert isinstance(share, int), component
                    found[component] += share
    return found


def sums(city: City, household: Household, subject: str) -> dict[tuple[str, str], str]:
    """Answer every sum that the policy allows about a household, or about one supporter alone."""
    people = {subject} if subject else {member.person.id for member in household.members}
    found = {}
    for predicate in catalogue.load():
        if predicate.form is not Form.SUM or predicate.id not in city.policy.rules:
            continue
        if predicate.id == "H5" and (subject or household.declared_fen is None):
            continue
        parts = total(city, predicate, people)
        for rung in city.policy.values(city.policy.rules[predicate.id]):
            amount, line = sum(parts.values()), rung.threshold(len(people))
            if predicate.unit is Unit.PERCENT:
                expense = parts[predicate.components[0]]
                amount, line = 100 * expense - line * (amount - expense), 0
            elif predicate.id == "H5":
                line += household.declared_fen or 0
            within = amount <= line if rung.comparator == "le" else amount >= line
            stale = any(
                (city.world.today - node.as_of).days > city.policy.rules[predicate.id].max_age_days
                for node in sharing(city, predicate)
            )
            found[predicate.id, rung.id] = "STALE" if stale else yes(within)
    return found


def sharing(city: City, predicate: Predicate) -> list[Node]:
    """Name the departments that hold a share of a sum."""
    kinds = {
        grouping.register(catalogue.load(), predicate, component)
        for component in predicate.components
    }
    return [node for node in city.nodes.values() if node.department.kind in kinds]


def read_sums(index: CityIndex) -> dict[tuple[str, str], dict[tuple[str, str], str]]:
    """Give the oracle's outcomes of sums by case and supporter, then by predicate and rung."""
    found: dict[tuple[str, str], dict[tuple[str, str], str]] = defaultdict(dict)
    for row in json.loads(index.oracle.read_text("utf-8")):
        if not row["department"]:
            found[row["case"], row["person"]][row["predicate"], row["parameter"]] = row["outcome"]
    return found


def read_oracle(index: CityIndex) -> dict[tuple[str, str], dict[tuple[str, str, str], str]]:
    """Give the oracle's outcomes by case and person, then by department, predicate, parameter.

    Of one department, that is: sums are read by ``read_sums``.
    """
    found: dict[tuple[str, str], dict[tuple[str, str, str], str]] = defaultdict(dict)
    for row in json.loads(index.oracle.read_text("utf-8")):
        if not row["department"]:
            continue
        question = (row["department"], row["predicate"], row["parameter"])
        assert question not in found[row["case"], row["person"]]
        found[row["case"], row["person"]][question] = row["outcome"]
    return found


def read_cases(city: City) -> dict[str, dict[str, Any]]:
    return {path.stem: tomllib.loads(path.read_text("utf-8")) for path in city.index.cases}
