"""A department's own catalogue: which predicates it answers, by which read-only SQL, for whom.

Knows the TOML form and holds it to the federation's predicates and policy. Does not run any SQL and
does not know who asks.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from federation.catalogue import JOINT, Catalogue, ParameterKind, Predicate
from federation.errors import BadInput
from federation.exchange import Purpose, Scope

FILE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """How this department answers one predicate. ``sql`` is empty for a name comparison."""

    predicate: Predicate
    purposes: frozenset[Purpose]
    scope: Scope
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCatalogue:
    """A parsed catalogue; ``source`` is the record database, ``roll`` and ``as_of`` are SQL."""

    department: str
    version: int
    source: Path
    roll: str
    as_of: str
    answers: Mapping[str, Answering]

    @property
    def compares_names(self) -> bool:
        """Whether names have to be enrolled beside ids."""
        return any(a.predicate.parameter is ParameterKind.NAME for a in self.answers.values())

    def statements(self) -> list[tuple[str, str]]:
        """List every SQL statement with where it stands, for checks."""
        answers = [(f"answer {p}", a.sql) for p, a in self.answers.items() if a.sql]
        return [("roll", self.roll), ("as_of", self.as_of), *answers]


def load(path: Path, *, department: str, kind: str, predicates: Catalogue) -> NodeCatalogue:
    """Read a catalogue file of a department.

    Raises:
        BadInput: NODE_CATALOGUE_INVALID with the place and what is wrong.
    """
    try:
        if path.stat().st_size > FILE_BYTES:
            raise _invalid("file", f"larger than {FILE_BYTES} bytes")
        raw = tomllib.loads(path.read_text("utf-8"))
        parsed = _parse(raw, path.parent, kind, predicates)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise _invalid("file", str(e)) from e
    except (KeyError, TypeError, ValueError) as e:
        raise _invalid("catalogue", f"{type(e).__name__} {e}") from e
    if parsed.department != department:
        raise _invalid("department", f"is {parsed.department}, this node is {department}")
    return parsed


def _parse(raw: dict[str, Any], base: Path, kind: str, predicates: Catalogue) -> NodeCatalogue:
    _only(raw, {"department", "version", "source", "roll", "as_of", "answer"}, "catalogue")
    source = raw["source"]
    _only(source, {"kind", "path"}, "source")
    if source["kind"] != "sqlite":
        raise _invalid("source", "kind is sqlite in this version")
    answers: dict[str, Answering] = {}
    for row in raw.get("answer", ()):
        answering = _answering(row, kind, predicates)
        if answering.predicate.id in answers:
            raise _invalid(answering.predicate.id, "is answered twice")
        answers[answering.predicate.id] = answering
    return NodeCatalogue(
        department=str(raw["department"]),
        version=int(raw["version"]),
        source=base / str(source["path"]),
        roll=_sql(raw["roll"]["sql"], "roll"),
        as_of=_sql(raw["as_of"]["sql"], "as_of"),
        answers=answers,
    )


def _answering(row: dict[str, Any], kind: str, predicates: Catalogue) -> Answering:
    _only(row, {"predicate", "purposes", "scope", "sql"}, "answer")
    predicate = predicates.predicate(str(row["predicate"]))
    if kind not in predicate.departments:
        raise _invalid(predicate.id, f"is not answered by departments of kind {kind}")
    if predicate.form in JOINT:
        raise _invalid(predicate.id, "is a sum over departments")
    sql = str(row["sql"])
    if not sql.strip() and predicate.parameter is not ParameterKind.NAME:
        raise _invalid(predicate.id, "has no sql")
    return Answering(
        predicate=predicate,
        purposes=frozenset(Purpose[name] for name in row["purposes"]),
        scope=Scope[str(row["scope"]).upper()],
        sql=sql,
    )


def _sql(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _invalid(where, "has no sql")
    return value


def _only(row: dict[str, Any], keys: set[str], where: str) -> None:
    unknown = row.keys() - keys
    if unknown:
        raise _invalid(where, f"unknown key {min(unknown)}")


def _invalid(where: str, why: str) -> BadInput:
    return BadInput("NODE_CATALOGUE_INVALID", where=where, why=why)
