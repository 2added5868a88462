"""Consent tokens of one consent: for each department, tokens that tell it nothing about the others.

Knows the claims of protocol note §3 and which of them must differ between departments. Does not
know storage, sockets or pseudonym keys: they come in as functions, like randomness.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from crypto import labels
from crypto.keys import SigningKey
from federation import consent as sd_jwt
from federation import limits, status
from federation.catalogue import Catalogue, ParameterKind, Predicate
from federation.clock import BUSINESS_ZONE, day_start, epoch_of, month_end
from federation.consent import Claims, Grant
from federation.consenting import GrantRequest, Role
from federation.errors import Refused
from registrar.consents import Consent

USES_A_MONTH: Final = 1_000
"""Uses of a token in one month where nothing else is agreed."""
DATA_LIFE_DAYS: Final = 0
"""Days a department may keep a question beyond its log; nodes do not erase anything yet."""

Random = Callable[[int], bytes]
Pseudonym = Callable[[str, int, bytes], bytes]
"""Takes department, epoch and VOPRF input; gives the 32-byte pseudonym."""
DrawIndex = Callable[[str], int]
"""Gives an unused index of a department's status list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What all tokens of one call have in common."""

    issuer: str
    holder: bytes
    policy_family: str
    policy_version: int
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What issuing needs from outside: catalogue, key, pseudonyms, indices, randomness."""

    catalogue: Catalogue
    key: SigningKey = field(repr=False)
    pseudonym: Pseudonym
    draw_index: DrawIndex
    random: Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token as the registrar keeps it; the salt opens ``evidence`` to an auditor."""

    person: int
    department: str
    jti: bytes
    status_index: int
    evidence_salt: bytes = field(repr=False)
    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Household:
    """One household as one department sees it: pseudonyms by index, salt and commitment."""

    department: str
    epoch: int
    subs: tuple[bytes, ...]
    salt: bytes
    commitment: bytes


def issue(consent: Consent, terms: Terms, ports: Ports) -> Iterator[Issued]:
    """Issue all tokens of a consent, one per person and department that is to answer.

    Raises:
        Refused: CONSENT_EXPIRED, or STATUS_LIST_FULL from the drawing of an index.
    """
    wanted: dict[str, dict[int, list[GrantRequest]]] = {}
    for grant in consent.form.grants:
        wanted.setdefault(grant.department, {}).setdefault(grant.person, []).append(grant)
    for department, by_person in wanted.items():
        household = _household(consent, department, terms, ports)
        for person, grants in by_person.items():
            yield _token(consent, household, person, grants, terms, ports)


def expiry(not_after: int, now: int) -> int:
    """Give the end of a token: the consent's last whole month, within the epoch and its grace.

    Rounded down, because rounding up would outlive the consent; the same for everybody at the
    end of an epoch.

    Raises:
        Refused: CONSENT_EXPIRED when no whole month's end is left.
    """
    end = month_end(not_after)
    if end > not_after:
        last = datetime.fromtimestamp(not_after, UTC)
        end = int(datetime(last.year, last.month, 1, tzinfo=UTC).timestamp()) - 1
    if end <= now:
        raise Refused("CONSENT_EXPIRED")
    return min(end, _epoch_end(now) + limits.EPOCH_GRACE)


def _epoch_end(now: int) -> int:
    following = datetime(epoch_of(now) + 1, 1, 1, tzinfo=BUSINESS_ZONE)
    return int(following.timestamp()) - 1


def _household(consent: Consent, department: str, terms: Terms, ports: Ports) -> _Household:
    epoch = epoch_of(terms.now)
    persons = consent.form.persons
    subs = tuple(
        ports.pseudonym(department, epoch, labels.id_input(person.id)) for person in persons
    )
    salt = ports.random(16)
    members = [sub for sub, p in zip(subs, persons, strict=True) if p.role is not Role.SUPPORTER]
    return _Household(
        department=department,
        epoch=epoch,
        subs=subs,
        salt=salt,
        commitment=sd_jwt.household_commitment(salt, members),
    )


def _token(
    consent: Consent,
    household: _Household,
    person: int,
    requests: list[GrantRequest],
    terms: Terms,
    ports: Ports,
) -> Issued:
    index = ports.draw_index(household.department)
    jti, evidence_salt = ports.random(16), ports.random(16)
    form = consent.form
    claims = Claims(
        issuer=terms.issuer,
        audience=household.department,
        sub=household.subs[person],
        issued=day_start(terms.now),
        not_before=day_start(terms.now),
        expires=expiry(form.not_after, terms.now),
        jti=jti,
        holder=terms.holder,
        status_index=index,
        status_uri=status.uri_of(terms.issuer, household.department),
        purpose=form.purpose,
        basis=form.basis,
        policy_family=terms.policy_family,
        policy_version=terms.policy_version,
        uses_a_month=USES_A_MONTH,
        data_life_days=DATA_LIFE_DAYS,
        role=form.persons[person].role.name,
        household_salt=household.salt,
        household_commitment=household.commitment,
        members=form.members,
        evidence=hashlib.sha256(evidence_salt + form.persons[person].evidence).digest(),
        chain=jti,
    )
    grants = {ports.random(16): _grant(request, consent, household, ports) for request in requests}
    return Issued(
        person=person,
        department=household.department,
        jti=jti,
        status_index=index,
        evidence_salt=evidence_salt,
        token=sd_jwt.issue(claims, grants, ports.key),
    )


def _grant(request: GrantRequest, consent: Consent, household: _Household, ports: Ports) -> Grant:
    predicate = ports.catalogue.predicate(request.predicate)
    counted = predicate.parameter in {ParameterKind.RUNG, ParameterKind.SIZE}
    return Grant(
        predicate=request.predicate,
        parameter=request.parameter,
        form=predicate.form.value,
        max_uses=request.max_uses,
        members=consent.form.members if counted else 0,
        args=_arguments(predicate, request.person, consent, household, ports),
    )


def _arguments(
    predicate: Predicate, subject: int, consent: Consent, household: _Household, ports: Ports
) -> tuple[bytes, ...]:
    """Give what a question compares with, as pseudonyms at this department."""
    persons = consent.form.persons
    match predicate.parameter:
        case ParameterKind.MEMBERS:
            others = (
                sub
                for i, sub in enumerate(household.subs)
                if i != subject and persons[i].role is not Role.SUPPORTER
            )
            return tuple(sorted(others))
        case ParameterKind.NAME:
            name = labels.name_input(persons[subject].id, persons[subject].name)
            return (ports.pseudonym(household.department, household.epoch, name),)
        case _:
            return ()
