"""A case as it comes in: who applies for what, who lives with them, who signed.

Knows the case file's TOML form, how a household is composed and when a guardian must sign. Does not
know any programme's questions, any register or any consent token. No error names a person: people
are told apart by their place in the file.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final

from coordinator.casework.programmes import Role
from federation import ids, limits
from federation.errors import BadInput
from federation.exchange import Purpose
from federation.fields import Fields
from federation.ids import Notice, PersonId

INVALID: Final = "CASE_INVALID"
CASE_BYTES: Final = 64 * 1024
ADULT: Final = 18
_AREA: Final = re.compile(r"[0-9]{6}")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_RAW: Final = 256  # characters of an id or a name as it was typed


class Relation(StrEnum):
    """What a person is to the applicant."""

    SELF = "SELF"
    SPOUSE = "SPOUSE"
    CHILD = "CHILD"
    PARENT = "PARENT"
    GRANDPARENT = "GRANDPARENT"
    GRANDCHILD = "GRANDCHILD"
    SIBLING = "SIBLING"
    OTHER = "OTHER"


class Method(StrEnum):
    """Who signed a person's consent."""

    SELF = "SELF"
    GUARDIAN = "GUARDIAN"
    AGENT = "AGENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How a person consented; ``evidence``: the SHA-256 of the signed scan, empty while missing."""

    method: Method
    signer: str = field(repr=False, default="")
    evidence: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePerson:
    """One person of a case."""

    id: PersonId = field(repr=False)
    name: str = field(repr=False)
    relation: Relation
    role: Role
    signature: Signature

    @property
    def masked(self) -> str:
        """Show the first character of the name and nothing of its length."""
        return self.name[:1] + "**"

    def age(self, today: date) -> int:
        """Count whole years on a day."""
        born = ids.birth_date(self.id)
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A checked case. ``members`` is the household's size that its people sign.

    ``declared_income`` is what they declare for the last twelve months together, in fen.
    """

    programme: str
    purpose: Purpose
    area: str
    commission: str
    operator: str
    members: int
    persons: tuple[CasePerson, ...]
    declaration: Mapping[str, str] = field(default_factory=dict, repr=False)
    declared_income: int | None = field(default=None, repr=False)

    @property
    def applicant(self) -> CasePerson:
        """The person who applies."""
        return next(person for person in self.persons if person.role is Role.APPLICANT)


@dataclass(frozen=True, slots=True)
class Reading:
    """A case and what was put right in its ids: (person's place from 1, notice)."""

    case: Case
    notices: tuple[tuple[int, Notice], ...]


def read(data: bytes, today: date) -> Reading:
    """Read a case file and hold it to every rule of composition.

    Raises:
        BadInput: CASE_OVERSIZE, CASE_INVALID, CASE_APPLICANT, CASE_DUPLICATE, CASE_PERSONS,
            CASE_GUARDIAN, CASE_SIGNER, or an id's or name's own code with ``person``.
    """
    if len(data) > CASE_BYTES:
        raise BadInput("CASE_OVERSIZE", limit=CASE_BYTES)
    try:
        raw = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise BadInput(INVALID, where="file", why=_short(e)) from e
    return assemble(raw, today)


def assemble(raw: dict[str, Any], today: date) -> Reading:
    """Make a case of what a case file says, wherever that comes from, and hold it to every rule.

    Raises:
        BadInput: as ``read``, but for CASE_OVERSIZE.
    """
    raw = dict(raw)
    notices: list[tuple[int, Notice]] = []
    persons = tuple(
        read_person(number, row, notices) for number, row in enumerate(_rows(raw), start=1)
    )
    case = _case(raw, persons)
    check(case, today)
    return Reading(case, tuple(notices))


def check(case: Case, today: date) -> None:
    """Hold a case to the rules of composition and signature.

    Raises:
        BadInput: CASE_APPLICANT, CASE_DUPLICATE, CASE_PERSONS, CASE_GUARDIAN or CASE_SIGNER.
    """
    people = case.persons
    applicants = [person for person in people if person.role is Role.APPLICANT]
    if len(applicants) != 1 or applicants[0].relation is not Relation.SELF:
        raise BadInput("CASE_APPLICANT", found=len(applicants))
    if sum(person.relation is Relation.SELF for person in people) != 1:
        raise BadInput("CASE_APPLICANT", found=len(applicants))
    if len({person.id for person in people}) != len(people):
        raise BadInput("CASE_DUPLICATE")
    together = sum(person.role is not Role.SUPPORTER for person in people)
    if len(people) > limits.HOUSEHOLD_PERSONS or not together <= case.members <= (
        limits.HOUSEHOLD_PERSONS
    ):
        raise BadInput("CASE_PERSONS", limit=limits.HOUSEHOLD_PERSONS, members=case.members)
    for number, person in enumerate(people, start=1):
        _check_signature(number, person, today)


def _check_signature(number: int, person: CasePerson, today: date) -> None:
    signed = person.signature
    if ids.birth_date(person.id) > today:
        raise BadInput("ID_DATE", position=7, person=number)
    if person.age(today) < ADULT and signed.method is not Method.GUARDIAN:
        raise BadInput("CASE_GUARDIAN", person=number)
    if (signed.method is Method.SELF) == bool(signed.signer) or signed.signer == person.id:
        raise BadInput("CASE_SIGNER", person=number, method=signed.method.value)


def _rows(raw: dict[str, Any]) -> list[Any]:
    rows = raw.pop("person", [])
    if not isinstance(rows, list) or len(rows) > limits.HOUSEHOLD_PERSONS:
        raise BadInput("CASE_PERSONS", limit=limits.HOUSEHOLD_PERSONS, members=0)
    return rows


def _case(raw: dict[str, Any], persons: tuple[CasePerson, ...]) -> Case:
    table = Fields(raw, code=INVALID, where="case")
    together = sum(person.role is not Role.SUPPORTER for person in persons)
    most = limits.HOUSEHOLD_PERSONS
    members = table.integer("members", 1, most) if table.has("members") else together
    declared: int | None = None
    if table.has("declared_income"):
        declared = table.integer("declared_income", 0, limits.AMOUNT_END - 1)
    declaration = raw.get("declaration", {})
    if table.has("declaration"):
        table.table("declaration")
    case = Case(
        programme=table.text("programme"),
        purpose=_purpose(table),
        area=_matching(table, "area", _AREA),
        commission=_matching(table, "commission", _WORD),
        operator=_matching(table, "operator", _WORD),
        members=members,
        persons=persons,
        declaration={str(key): str(value) for key, value in declaration.items()},
        declared_income=declared,
    )
    table.done()
    return case


def _purpose(table: Fields) -> Purpose:
    word = table.text("trigger")
    if word not in Purpose.__members__:
        raise table.fault(f"trigger is none of {', '.join(Purpose.__members__)}")
    return Purpose[word]


def _matching(table: Fields, key: str, pattern: re.Pattern[str]) -> str:
    word = table.text(key)
    if not pattern.fullmatch(word):
        raise table.fault(f"{key} is malformed")
    return word


def read_person(number: int, raw: Any, notices: list[tuple[int, Notice]]) -> CasePerson:
    """Read one person of a case, adding what was put right.

    Raises:
        BadInput: CASE_INVALID, or an id's or name's own code with ``person``.
    """
    row = Fields(raw, code=INVALID, where=f"person {number}")
    raw = dict(raw)
    # Ids and names are put right by their own module, which also says what it put right.
    typed = {key: _typed(raw, key, row) for key in ("id", "name")}
    row = Fields(raw, code=INVALID, where=f"person {number}")
    try:
        person = ids.canonical_id(typed["id"])
        name = ids.normal_name(typed["name"])
        signature = _signature(row.table("consent"), number, notices)
    except BadInput as e:
        if e.code == INVALID:
            raise
        raise BadInput(e.code, **{**e.details, "person": number}) from e
    notices.extend((number, notice) for notice in person.notices)
    made = CasePerson(
        id=person.id,
        name=name,
        relation=row.member("relation", Relation),
        role=row.member("role", Role),
        signature=signature,
    )
    row.done()
    return made


def _signature(row: Fields, number: int, notices: list[tuple[int, Notice]]) -> Signature:
    method = row.member("method", Method)
    typed = row.text("signer", blank=True)
    evidence = row.text("evidence", blank=True)
    row.done()
    if evidence and not _DIGEST.fullmatch(evidence):
        raise row.fault("evidence is not a SHA-256 in 64 small hexadecimal digits")
    signer = ""
    if typed:
        canonical = ids.canonical_id(typed)
        signer = canonical.id
        notices.extend((number, notice) for notice in canonical.notices)
    return Signature(method=method, signer=signer, evidence=bytes.fromhex(evidence))


def _typed(raw: dict[str, Any], key: str, row: Fields) -> str:
    value = raw.pop(key, None)
    if not isinstance(value, str) or len(value) > _RAW:
        raise row.fault(f"{key} is missing or is not a text")
    return value


def _short(error: Exception) -> str:
    """Keep where a file is broken and drop what stands there."""
    match = re.search(r"at line \d+, column \d+|at end of document", str(error))
    return match.group() if match else type(error).__name__
