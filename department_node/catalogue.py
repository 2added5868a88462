"""A department's own catalogue: which predicates it answers, by which read-only SQL, for whom.

Of a sum over departments it has the components whose register this department is.

Knows the TOML form, where in the file a thing stands, and holds it to the federation's predicates.
Does not run any SQL and does not know who asks.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from federation.catalogue import JOINT, Catalogue, Form, ParameterKind, Predicate
from federation.errors import BadInput
from federation.exchange import Purpose, Scope
from federation.fields import Fields
from federation.grouping import register

FILE_BYTES: Final = 1024 * 1024
_INVALID: Final = "NODE_CATALOGUE_INVALID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """How this department answers one predicate. ``sql`` is empty for a name comparison."""

    predicate: Predicate
    purposes: frozenset[Purpose]
    scope: Scope
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """What this department knows of a quantity that is added up: one whole number a person.

    ``purposes`` are those it is for; ``None``: all of the policy.
    """

    id: str
    sql: str
    purposes: frozenset[Purpose] | None = None


_BOUND: Final = {
    ParameterKind.WINDOW: "since",
    ParameterKind.AREA: "prefix",
    ParameterKind.VALUE: "value",
    ParameterKind.SIZE: "size",
    ParameterKind.RUNG: "size",
}
_ALWAYS_BOUND: Final = frozenset({"key", "from", "to", "today"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One SQL statement of a catalogue: where it stands, what it returns and what it may bind."""

    where: str
    sql: str
    columns: int = 1
    may_bind: frozenset[str] = frozenset()
    must_bind: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCatalogue:
    """A parsed catalogue; ``source`` is the record database, ``roll`` and ``as_of`` are SQL."""

    department: str
    version: int
    source: Path
    roll: str
    as_of: str
    answers: Mapping[str, Answering]
    components: Mapping[str, Component] = field(default_factory=dict)
    file: str = ""
    text: str = field(default="", repr=False)

    @property
    def compares_names(self) -> bool:
        """Whether names have to be enrolled beside ids."""
        return any(a.predicate.parameter is ParameterKind.NAME for a in self.answers.values())

    def statements(self) -> list[tuple[str, str]]:
        """List every SQL statement with where it stands."""
        return [(one.where, one.sql) for one in self.listed()]

    def listed(self) -> list[Listed]:
        """List every SQL statement with what it has to keep to."""
        answers = [_listed(a) for a in self.answers.values() if a.sql]
        must = frozenset({"key"})
        components = [
            Listed(where=one.id, sql=one.sql, may_bind=_ALWAYS_BOUND, must_bind=must)
            for one in self.components.values()
        ]
        return [
            Listed(where="roll", sql=self.roll, columns=3),
            Listed(where="as_of", sql=self.as_of),
            *answers,
            *components,
        ]

    def place(self, where: str, word: str = "") -> str:
        """Say where a section or predicate stands, or a word in it: ``catalogue.toml:31 P42``."""
        line = line_of(self.text, where, word)
        return f"{self.file}:{line} {where}" if line else f"{self.file} {where}".strip()


def line_of(text: str, where: str, word: str = "") -> int:
    """Find the line at which ``where`` (a predicate, component or section) stands in a catalogue.

    With a ``word`` (a column or a table), the first line of that block that has it.
    """
    lines = text.splitlines()
    heads = [0, *(i for i, line in enumerate(lines) if re.match(r"\s*\[", line)), len(lines)]
    name = re.escape(where)
    named = re.compile(rf"\s*(\[+\s*{name}\s*\]|((predicate|id)\s*=\s*[\"'])?{name}[\"'\s=])")
    for start, end in pairwise(heads):
        found = next((i for i in range(start, end) if named.match(lines[i])), None)
        if found is not None:
            body = (i for i in range(start, end) if word and _has(lines[i], word))
            return next(body, found) + 1
    return 0


def _has(line: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", line.partition("#")[0]) is not None


def _listed(one: Answering) -> Listed:
    own = _BOUND.get(one.predicate.parameter)
    return Listed(
        where=one.predicate.id,
        sql=one.sql,
        may_bind=_ALWAYS_BOUND | ({own} if own else set()),
        must_bind=frozenset({"key"}),
    )


def load(path: Path, *, department: str, kind: str, predicates: Catalogue) -> NodeCatalogue:
    """Read a catalogue file of a department.

    Raises:
        BadInput: FILE_MISSING, or NODE_CATALOGUE_INVALID with the place and what is wrong.
    """
    text = _text(path)
    try:
        parsed = _parse(tomllib.loads(text), path.parent, kind, predicates)
        if parsed.department != department:
            raise _invalid("department", f"is {parsed.department}, this node is {department}")
    except tomllib.TOMLDecodeError as e:
        raise _invalid(path.name, str(e)) from e
    except BadInput as error:
        raise _placed(error, path.name, text) from error
    return replace(parsed, text=text, file=path.name)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except FileNotFoundError as e:
        raise BadInput("FILE_MISSING", file=path.name, folder=path.parent.name) from e
    except OSError as e:
        raise _invalid(path.name, e.strerror or type(e).__name__) from e
    if len(data) > FILE_BYTES:
        raise _invalid(path.name, f"is larger than {FILE_BYTES} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise _invalid(path.name, f"byte {e.start + 1} is not UTF-8") from e


def _placed(error: BadInput, file: str, text: str) -> BadInput:
    """Add the file and the line to a fault, where they can be found."""
    where = str(error.details["where"])
    line = line_of(text, where.removeprefix("catalogue."))
    place = f"{file}:{line} {where}" if line else f"{file} {where}"
    return BadInput(error.code, **{**error.details, "where": place})


def _parse(raw: dict[str, Any], base: Path, kind: str, predicates: Catalogue) -> NodeCatalogue:
    rows, parts = raw.pop("answer", []), raw.pop("component", [])
    sql = {where: _pop_sql(raw.pop(where, None), where) for where in ("roll", "as_of")}
    document = Fields(raw, code=_INVALID, where="catalogue")
    source = document.table("source")
    if source.text("kind") != "sqlite":
        raise source.fault("kind is sqlite in this version")
    catalogue = NodeCatalogue(
        department=document.text("department"),
        version=document.integer("version", 1, 1 << 31),
        source=base / source.text("path", longest=1_000),
        roll=sql["roll"],
        as_of=sql["as_of"],
        answers=_answers(rows, kind, predicates),
        components=_components(parts, kind, predicates),
    )
    source.done()
    document.done()
    return catalogue


def _answers(rows: object, kind: str, predicates: Catalogue) -> dict[str, Answering]:
    if not isinstance(rows, list):
        raise _invalid("answer", "is written [[answer]]")
    answers: dict[str, Answering] = {}
    for number, row in enumerate(rows, start=1):
        answering = _answering(row, f"answer[{number}]", kind, predicates)
        if answering.predicate.id in answers:
            raise _invalid(answering.predicate.id, "is answered twice")
        answers[answering.predicate.id] = answering
    return answers


def _answering(row: object, where: str, kind: str, predicates: Catalogue) -> Answering:
    named = str(row.get("predicate") or where) if isinstance(row, dict) else where
    sql = row.pop("sql", None) if isinstance(row, dict) else None
    fields = Fields(row, code=_INVALID, where=named)
    predicate = _predicate(fields, kind, predicates)
    compares = predicate.parameter is ParameterKind.NAME
    if not isinstance(sql, str) or (not sql.strip() and not compares):
        raise fields.fault("has no sql")
    if compares and sql.strip():
        raise fields.fault("compares names and has no sql")
    answering = Answering(
        predicate=predicate,
        purposes=_purposes(fields),
        scope=Scope[_one_of(fields, fields.text("scope").upper(), Scope)],
        sql=sql,
    )
    fields.done()
    return answering


def _predicate(fields: Fields, kind: str, predicates: Catalogue) -> Predicate:
    try:
        predicate = predicates.predicate(fields.text("predicate"))
    except BadInput as error:
        if error.code != "PREDICATE_UNKNOWN":
            raise
        raise fields.fault("is no predicate: see hedui predicates") from error
    if kind not in predicate.departments:
        raise fields.fault(f"is not answered by departments of kind {kind}")
    if predicate.form in JOINT:
        raise fields.fault("is a sum over departments")
    return predicate


def components_of(kind: str, predicates: Catalogue) -> dict[str, list[Predicate]]:
    """Give the components whose register is a kind of department, with the sums they are of."""
    found: dict[str, list[Predicate]] = {}
    for predicate in predicates.for_kind(kind):
        for component in predicate.components if predicate.form is Form.SUM else ():
            if register(predicates, predicate, component) == kind:
                found.setdefault(component, []).append(predicate)
    return found


def _components(rows: object, kind: str, predicates: Catalogue) -> dict[str, Component]:
    if not isinstance(rows, list):
        raise _invalid("component", "is written [[component]]")
    known = components_of(kind, predicates) if rows else {}
    components: dict[str, Component] = {}
    for number, row in enumerate(rows, start=1):
        one = _component(row, f"component[{number}]")
        if one.id not in known:
            raise _invalid(one.id, f"is no component that departments of kind {kind} register")
        if one.id in components:
            raise _invalid(one.id, "is there twice")
        components[one.id] = one
    return components


def _component(row: object, where: str) -> Component:
    named = str(row.get("id") or where) if isinstance(row, dict) else where
    sql = row.pop("sql", None) if isinstance(row, dict) else None
    fields = Fields(row, code=_INVALID, where=named)
    if not isinstance(sql, str) or not sql.strip():
        raise fields.fault("has no sql")
    purposes = _purposes(fields) if fields.has("purposes") else None
    one = Component(id=fields.text("id"), sql=sql, purposes=purposes)
    fields.done()
    return one


def _purposes(fields: Fields) -> frozenset[Purpose]:
    named = fields.texts("purposes")
    if not named:
        raise fields.fault("purposes are empty")
    return frozenset(Purpose[_one_of(fields, word, Purpose)] for word in named)


def _one_of(fields: Fields, word: str, kind: type[IntEnum]) -> str:
    if word not in kind.__members__:
        raise fields.fault(f"{word} is none of {', '.join(kind.__members__)}")
    return word


def _pop_sql(table: object, where: str) -> str:
    sql = table.pop("sql", None) if isinstance(table, dict) else None
    if not isinstance(sql, str) or not sql.strip():
        raise _invalid(where, "has no sql")
    Fields(table, code=_INVALID, where=where).done()
    return sql


def _invalid(where: str, why: str) -> BadInput:
    return BadInput(_INVALID, where=where, why=why)
