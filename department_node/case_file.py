"""What a department needs of a case file to see what it would answer.

Knows the TOML form as far as a preview goes. Does not judge how a household is composed: the
verification centre does. No error names a person: people are told apart by their place in the file.
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from federation import ids, limits
from federation.errors import BadInput
from federation.exchange import Purpose

FILE_BYTES: Final = 64 * 1024
SUPPORTER: Final = "SUPPORTER"
_ROLES: Final = ("APPLICANT", "MEMBER", SUPPORTER)
_METHODS: Final = ("SELF", "GUARDIAN", "AGENT")


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePerson:
    """One person of a case; ``signature`` is how consent was given, ``missing`` where not."""

    id: str = field(repr=False)
    name: str = field(repr=False)
    role: str
    signature: str

    @property
    def masked(self) -> str:
        """Show the first character of the name and nothing of its length."""
        return self.name[:1] + "**"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as a department may preview it; ``members`` is the signed size of the household."""

    purpose: Purpose
    area: str
    commission: str
    members: int
    persons: tuple[CasePerson, ...]

    def declared_with(self, person: CasePerson) -> list[CasePerson]:
        """List the other members of the household, as the consent declares them."""
        return [one for one in self.persons if one is not person and one.role != SUPPORTER]


def read(path: Path) -> Case:
    """Read a case file.

    Raises:
        BadInput: FILE_MISSING, CASE_FILE_INVALID, or an id's or name's code with ``person``.
    """
    raw = _toml(path)
    rows = raw.get("person")
    if not isinstance(rows, list) or not 1 <= len(rows) <= limits.HOUSEHOLD_PERSONS:
        raise _invalid(path, f"1 to {limits.HOUSEHOLD_PERSONS} [[person]]")
    persons = tuple(_person(path, number, row) for number, row in enumerate(rows, start=1))
    trigger = raw.get("trigger", "ENTRY")
    if trigger not in Purpose.__members__:
        raise _invalid(path, f"trigger: {', '.join(Purpose.__members__)}")
    together = sum(one.role != SUPPORTER for one in persons)
    members = raw.get("members", together)
    if type(members) is not int or not together <= members <= limits.HOUSEHOLD_PERSONS:
        raise _invalid(path, "members")
    return Case(
        purpose=Purpose[trigger],
        area=str(raw.get("area", "")),
        commission=str(raw.get("commission", "")),
        members=members,
        persons=persons,
    )


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except FileNotFoundError as e:
        raise BadInput("FILE_MISSING", file=path.name, folder=path.parent.name) from e
    except OSError as e:
        raise _invalid(path, e.strerror or type(e).__name__) from e
    if len(data) > FILE_BYTES:
        raise _invalid(path, f"> {FILE_BYTES >> 10} KiB")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as e:
        raise _invalid(path, "UTF-8") from e
    except tomllib.TOMLDecodeError as e:
        raise _invalid(path, f"TOML: {e}") from e


def _person(path: Path, number: int, row: object) -> CasePerson:
    texts = {key: row.get(key) for key in ("id", "name", "role")} if isinstance(row, dict) else {}
    if not isinstance(texts.get("id"), str) or not isinstance(texts.get("name"), str):
        raise _invalid(path, f"[[person]] {number}: id, name")
    if texts["role"] not in {*_ROLES, None}:
        raise _invalid(path, f"[[person]] {number}: role: {', '.join(_ROLES)}")
    try:
        person = ids.canonical_id(str(texts["id"])).id
        name = ids.normal_name(str(texts["name"]))
    except BadInput as error:
        raise BadInput(error.code, **{**error.details, "person": number}) from error
    role = str(texts["role"] or "MEMBER")
    return CasePerson(id=person, name=name, role=role, signature=_signature(row))


def _signature(row: object) -> str:
    consent = row.get("consent") if isinstance(row, dict) else None
    if not isinstance(consent, dict) or not consent.get("evidence"):
        return "missing"
    method = consent.get("method")
    return str(method) if method in _METHODS else "missing"


def _invalid(path: Path, why: str) -> BadInput:
    return BadInput("CASE_FILE_INVALID", file=path.name, why=why)
