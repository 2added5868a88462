"""Look at what this node would answer, has answered and holds, without answering anything.

Knows how to run the real evaluation on the department's own records with a made-up consent, beside
a running node. Writes nothing, sends nothing.
"""

import sqlite3
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from department_node import checking
from department_node import node as nodes
from department_node.catalogue import Answering, NodeCatalogue
from department_node.evaluate import Person, evaluate, period_of
from department_node.gate import Admitted
from department_node.records import SqliteRecords
from department_node.store import FILE
from federation import catalogue as predicates
from federation import ids
from federation import party as parties
from federation.catalogue import ParameterKind, Predicate
from federation.clock import SystemClock, business_date
from federation.consent import Claims, Consent, Grant
from federation.errors import BadInput, HeduiError
from federation.exchange import Answer, Header, Outcome, Purpose, outcome_text
from federation.manifest import PartyRole
from federation.party import Party
from federation.wire import codec

_STRIDE: Final = 112
_CASE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePerson:
    """A person of a case file: canonical id and normal name."""

    id: str = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One question, the answer that would leave, and the columns read to find it."""

    predicate: Predicate
    parameter: str
    answer: str
    columns: tuple[str, ...]

    def question(self, lang: str) -> str:
        """Give the question in plain words."""
        return self.predicate.question(lang)


class _Declared:
    """The roll's part in a look: a record key stands for its own pseudonym."""

    def person(self, psn: bytes) -> Person | None:
        """Never asked: a look knows the person already."""
        raise NotImplementedError

    def pseudonyms(self, key: str) -> tuple[bytes, ...]:
        """Give the key itself."""
        return (key.encode(),)


class Looking:
    """A node's records and catalogue, opened read-only beside whatever runs."""

    def __init__(self, party: Party, catalogue: NodeCatalogue, records: SqliteRecords) -> None:
        self.party = party
        self._catalogue = catalogue
        self._records = records
        self._stack = ExitStack()
        self._stack.enter_context(records)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def look(self, predicate: str, parameter: str, person: str, members: int) -> Look:
        """Evaluate one question about one person of this register.

        Raises:
            BadInput: an unknown predicate or a malformed id.
            Refused: the policy does not allow the question.
        """
        answering = self._catalogue.answers.get(predicates.load().predicate(predicate).id)
        if answering is None:
            raise BadInput("PREDICATE_NOT_HERE", predicate=predicate)
        one = CasePerson(id=ids.canonical_id(person).id, name="")
        return self._look(answering, parameter, one, _household([one], members))

    def every(self, person: CasePerson, members: int) -> Iterator[Look]:
        """Evaluate everything the policy lets this node answer about a person."""
        for answering in self._catalogue.answers.values():
            rule = self.party.policy.rules.get(answering.predicate.id)
            for parameter in (rule.parameters or ("",)) if rule else ():
                yield self._look(answering, parameter, person, _household([person], members))

    def all_columns(self) -> list[str]:
        """List every column of the department's own tables."""
        return [f"{table}.{column}" for table, column in self._records.all_columns()]

    def _look(
        self, answering: Answering, parameter: str, person: CasePerson, grant: Mapping[str, Any]
    ) -> Look:
        predicate = answering.predicate
        purpose = min(answering.purposes)
        rule, value = self.party.policy.check(predicate.id, parameter, purpose)
        args = (person.name.encode(),) if predicate.parameter is ParameterKind.NAME else ()
        given = Grant(
            predicate=predicate.id,
            parameter=parameter,
            form=predicate.form.value,
            max_uses=1,
            members=grant["members"],
            args=args or tuple(grant["declared"]),
        )
        admitted = Admitted(
            consent=_no_consent(), grant=given, rule=rule, parameter=value, answering=answering
        )
        period = period_of(rule.period, business_date(SystemClock().now()))
        result = evaluate(admitted, self._person(person), period, self._records, _Declared())
        answer = Answer(outcome=result.outcome, value=result.value)
        columns = self._records.columns_read(answering.sql) if answering.sql else []
        return Look(
            predicate=predicate,
            parameter=parameter,
            answer=outcome_text(answer, predicate.values),
            columns=tuple(f"{table}.{column}" for table, column in columns),
        )

    def _person(self, person: CasePerson) -> Person | None:
        for row in self._records.rows(self._catalogue.roll):
            if _is(row[0], person.id):
                name = ids.normal_name(str(row[1])) if row[1] else ""
                return Person(key=str(row[2]), name=name.encode())
        return None


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


def persons_of(case: Path) -> list[CasePerson]:
    """Read the persons of a case file.

    Raises:
        BadInput: CASE_FILE_INVALID or an id's fault.
    """
    try:
        if case.stat().st_size > _CASE_BYTES:
            raise BadInput("CASE_FILE_INVALID", file=case.name, why="size")
        rows = tomllib.loads(case.read_text("utf-8"))["person"]
        pairs = [(str(row["id"]), str(row["name"])) for row in rows]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as e:
        raise BadInput("CASE_FILE_INVALID", file=case.name, why=type(e).__name__) from e
    return [CasePerson(id=ids.canonical_id(i).id, name=ids.normal_name(n)) for i, n in pairs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One answered request: who asked, when, and each decision."""

    header: Header
    answers: tuple[Answer, ...]

    def heading(self) -> tuple[str, str]:
        """Say who asked and what for, in zh and en."""
        h = self.header
        purpose = Purpose(h.purpose).name if h.purpose in set(Purpose) else str(h.purpose)
        return (
            f"查询 {h.qid.hex()},对方 {h.audience},用途 {purpose},政策第 {h.policy_version} 版",
            f"query {h.qid.hex()} by {h.audience} for {purpose}, policy version {h.policy_version}",
        )

    def lines(self, lang: str) -> Iterator[str]:
        """Say what was decided on each question, and why where it was refused."""
        for number, answer in enumerate(self.answers, 1):
            text = f"{number:>4}  {outcome_text(answer)}"
            if answer.outcome is Outcome.REFUSED:
                error = HeduiError(answer.refusal.name)
                text += f"  {error.title(lang)} {error.help(lang)}"
            yield text

    def as_json(self) -> dict[str, object]:
        """Give the same for programs."""
        return {
            "qid": self.header.qid.hex(),
            "caller": self.header.audience,
            "answers": [outcome_text(answer) for answer in self.answers],
        }


def explain(folder: Path, query: str) -> Explained:
    """Read one stored answer; ``query`` is a hex query id or ``last``.

    Raises:
        BadInput: QUERY_UNKNOWN.
    """
    with _state(folder) as state:
        if query == "last":
            row = state.execute(
                "SELECT payload, items FROM answered ORDER BY at DESC LIMIT 1"
            ).fetchone()
        else:
            wanted = bytes.fromhex(query) if _is_hex(query) else b""
            row = state.execute(
                "SELECT payload, items FROM answered WHERE qid = ?", (wanted,)
            ).fetchone()
    if row is None:
        raise BadInput("QUERY_UNKNOWN", query=query)
    items = [row[1][i + 16 : i + _STRIDE] for i in range(0, len(row[1]), _STRIDE)]
    answers = tuple(codec.decode_answer(item) for item in items)
    return Explained(header=codec.decode_header(row[0]), answers=answers)


def status(folder: Path) -> dict[str, object]:
    """Count what a node has enrolled, answered and refused."""
    settings = parties.read_settings(folder)
    data = folder / str(settings.get("data", "data"))
    with _state(folder) as state:

        def count(sql: str) -> int:
            return int(state.execute(sql).fetchone()[0])

        refused = dict(state.execute("SELECT code, sum(n) FROM refused GROUP BY code"))
        return {
            "party": settings["party"],
            "paused": (data / nodes.PAUSED).exists(),
            "enrolled": count("SELECT count(*) FROM person"),
            "requests answered": count("SELECT count(*) FROM answered"),
            "log entries": count("SELECT count(*) FROM log"),
            "known tokens": count("SELECT count(*) FROM consent"),
            "frozen cells": count("SELECT count(*) FROM cell"),
            "transport refusals": refused,
        }


class _state:
    """The node's database, read-only."""

    def __init__(self, folder: Path) -> None:
        settings = parties.read_settings(folder)
        self._path = folder / str(settings.get("data", "data")) / FILE

    def __enter__(self) -> sqlite3.Connection:
        if not self._path.exists():
            raise BadInput("NODE_NEVER_RAN")
        self._connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _household(persons: list[CasePerson], members: int) -> Mapping[str, Any]:
    return {"members": members, "declared": [p.id.encode() for p in persons]}


def _is(value: object, person: str) -> bool:
    try:
        return ids.canonical_id(str(value)).id == person
    except BadInput:
        return False


def _is_hex(text: str) -> bool:
    return bool(text) and len(text) % 2 == 0 and all(c in "0123456789abcdef" for c in text)


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
    )
    return Consent(claims=claims, grants={}, slots=0, signed=b"")
