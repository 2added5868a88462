"""Cases as a clerk would hand them in.

Knows the case file's form, the consent form each person signs and who signs for whom. Knows
nothing about the people beyond what was declared.
"""

import hashlib
import json
from datetime import date

from hedui.demo.rights import OPERATOR
from hedui.demo.world import Household, Member

_FIRST_COMMISSION = 17


def case_file(household: Household, today: date, place: int) -> str:
    """Write one case as TOML; ``place`` counts the city's cases from 0."""
    parts = [
        f"programme = {_quoted(household.programme)}",
        f"trigger = {_quoted(household.trigger)}",
        f"area = {_quoted(household.area)}",
        f"commission = {_quoted(f'{household.area}-{today.year}-{_FIRST_COMMISSION + place:04d}')}",
        f"operator = {_quoted(OPERATOR)}",
    ]
    if household.declared_fen is not None:
        parts.append(f"declared_income = {household.declared_fen}")
    for member in household.members:
        role = "APPLICANT" if member.relation == "SELF" else "MEMBER"
        parts += ["", *_person(household.case, member, role)]
    for member in household.supporters:
        parts += ["", *_person(household.case, member, "SUPPORTER")]
    if household.declared_marriage:
        parts += ["", "[declaration]", f"marital_status = {_quoted(household.declared_marriage)}"]
    return "\n".join(parts) + "\n"


def _person(case: str, member: Member, role: str) -> list[str]:
    person = member.person
    method = "GUARDIAN" if member.guardian else "AGENT" if member.agent else "SELF"
    scan = hashlib.sha256(f"demonstration scan {case} {person.id}".encode()).hexdigest()
    return [
        "[[person]]",
        f"id = {_quoted(person.id)}",
        f"name = {_quoted(person.name)}",
        f"relation = {_quoted(member.relation)}",
        f"role = {_quoted(role)}",
        "",
        "[person.consent]",
        f"method = {_quoted(method)}",
        f"signer = {_quoted(member.guardian or member.agent)}",
        f"evidence = {_quoted(scan)}",
    ]


def _quoted(text: str) -> str:
    """Quote a TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(text, ensure_ascii=False)
