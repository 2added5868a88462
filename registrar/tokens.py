"""Consent tokens of one consent: for each department, tokens that tell it nothing about the others.

Knows the claims of protocol note §3, which of them must differ between departments, and which stay
when a token is renewed. Does not know storage, sockets or pseudonym keys: they come in as
functions, like randomness.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

from crypto import labels
from crypto.keys import SigningKey
from federation import consent as sd_jwt
from federation import limits, status
from federation.catalogue import Catalogue, Form, ParameterKind, Predicate
from federation.clock import day_start, epoch_end, epoch_of, month_end, month_start
from federation.consent import Claims, Grant
from federation.consenting import ConsentForm, GrantRequest, Objection, Role
from federation.errors import Refused
from federation.group import Group
from federation.policy import Policy
from federation.summing import month_of
from registrar.joint import Reference, Sums

USES_A_MONTH: Final = 1_000
"""Uses of a token in one month where nothing else is agreed."""
DATA_LIFE_DAYS: Final = 0
"""Days a department may keep a question beyond its log; nodes do not erase anything yet."""

Random = Callable[[int], bytes]
Pseudonym = Callable[[str, int, bytes], bytes]
"""Takes department, epoch and VOPRF input; gives the 32-byte pseudonym."""
DrawEntry = Callable[[str, int], tuple[int, int]]
"""Takes a department and a token's end; gives series and index of an unused status entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What all tokens of one call have in common."""

    issuer: str
    holder: bytes
    policy: Policy
    groups: Mapping[str, Group]
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What issuing needs from outside: catalogue, key, pseudonyms, status entries, randomness."""

    catalogue: Catalogue
    key: SigningKey = field(repr=False)
    pseudonym: Pseudonym
    draw_entry: DrawEntry
    random: Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What stays from one round to the next: chains by department and person, and references."""

    chains: Mapping[tuple[str, int], bytes]
    reference: Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token as the registrar keeps it; the salt opens ``evidence`` to an auditor."""

    person: int
    department: str
    jti: bytes
    chain: bytes
    series: int
    status_index: int
    evidence_salt: bytes = field(repr=False)
    holder: bytes
    expires: int
    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Household:
    """One household as one department sees it: who is who there, salt and commitment."""

    department: str
    epoch: int
    sub: Callable[[int], bytes]
    salt: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """One token to be made; ``chain`` of the token that it renews, ``recheck`` for a single use.

    Without ``sums`` it grants none.
    """

    person: int
    requests: tuple[GrantRequest, ...]
    evidence: bytes = field(repr=False)
    chain: bytes | None = None
    sums: Sums | None = None
    recheck: bool = False


def issue(form: ConsentForm, terms: Terms, ports: Ports, before: Before) -> Iterator[Issued]:
    """Issue all tokens of a consent, one per person and department that is to answer.

    Uses count on along the chains that began before.

    Raises:
        Refused: CONSENT_EXPIRED.
    """
    sums = Sums(
        groups=terms.groups,
        policy=terms.policy,
        reference=before.reference,
        first=month_of(terms.now),
        last=month_of(expiry(form.not_after, terms.now)),
    )
    for department, by_person in _sorted(form.grants).items():
        household = _household(form, department, by_person, terms, ports)
        for person, requests in by_person.items():
            order = _Order(
                person=person,
                requests=tuple(requests),
                evidence=form.persons[person].evidence,
                chain=before.chains.get((department, person)),
                sums=sums,
            )
            yield _token(form, household, order, terms, ports)


def recheck(
    form: ConsentForm, objection: Objection, terms: Terms, ports: Ports
) -> Iterator[Issued]:
    """Issue the one-use tokens of an objection, one for each grant of a form: each a department's.

    Each commits to its one person as a household and begins a chain of its own: it stands alone.

    Raises:
        Refused: CONSENT_EXPIRED.
    """
    for request in form.grants:
        alone = _household(form, request.department, [objection.person], terms, ports)
        order = _Order(
            person=objection.person,
            requests=(replace(request, max_uses=1),),
            evidence=objection.evidence,
            recheck=True,
        )
        yield _token(form, alone, order, terms, ports)


def expiry(not_after: int, now: int) -> int:
    """Give the end of a token: the consent's last whole month, within the epoch and its grace.

    Rounded down, because rounding up would outlive the consent; the same for everybody at the
    end of an epoch.

    Raises:
        Refused: CONSENT_EXPIRED when no whole month's end is left.
    """
    whole = month_end(not_after) == not_after
    end = not_after if whole else month_start(not_after) - 1
    if end <= now:
        raise Refused("CONSENT_EXPIRED")
    return min(end, epoch_end(epoch_of(now)) + limits.EPOCH_GRACE - 1)


def _sorted(grants: Iterable[GrantRequest]) -> dict[str, dict[int, list[GrantRequest]]]:
    """Sort grants by department and person."""
    wanted: dict[str, dict[int, list[GrantRequest]]] = {}
    for grant in grants:
        wanted.setdefault(grant.department, {}).setdefault(grant.person, []).append(grant)
    return wanted


def _household(
    form: ConsentForm, department: str, shown: Iterable[int], terms: Terms, ports: Ports
) -> _Household:
    """Commit to those of the household of whom a department sees a token; supporters are none."""
    epoch = epoch_of(terms.now)

    @cache
    def sub(person: int) -> bytes:
        return ports.pseudonym(department, epoch, labels.id_input(form.persons[person].id))

    salt = ports.random(16)
    members = [sub(one) for one in shown if form.persons[one].role is not Role.SUPPORTER]
    return _Household(
        department=department,
        epoch=epoch,
        sub=sub,
        salt=salt,
        commitment=sd_jwt.household_commitment(salt, members),
    )


def _token(
    form: ConsentForm, household: _Household, order: _Order, terms: Terms, ports: Ports
) -> Issued:
    end = expiry(form.not_after, terms.now)
    series, index = ports.draw_entry(household.department, end)
    jti, evidence_salt = ports.random(16), ports.random(16)
    claims = Claims(
        issuer=terms.issuer,
        audience=household.department,
        sub=household.sub(order.person),
        issued=day_start(terms.now),
        not_before=day_start(terms.now),
        expires=end,
        jti=jti,
        holder=terms.holder,
        status_index=index,
        status_uri=status.uri_of(terms.issuer, household.department, series),
        purpose=form.purpose,
        basis=form.basis,
        policy_family=terms.policy.family,
        policy_version=terms.policy.version,
        uses_a_month=USES_A_MONTH,
        data_life_days=DATA_LIFE_DAYS,
        role=form.persons[order.person].role.name,
        household_salt=household.salt,
        household_commitment=household.commitment,
        members=form.members,
        evidence=hashlib.sha256(evidence_salt + order.evidence).digest(),
        chain=order.chain or jti,
    )
    grants = {
        ports.random(16): _grant(request, form, household, order, ports)
        for request in order.requests
    }
    return Issued(
        person=order.person,
        department=household.department,
        jti=jti,
        chain=claims.chain,
        series=series,
        status_index=index,
        evidence_salt=evidence_salt,
        holder=terms.holder,
        expires=end,
        token=sd_jwt.issue(claims, grants, ports.key),
    )


def _grant(
    request: GrantRequest,
    form: ConsentForm,
    household: _Household,
    order: _Order,
    ports: Ports,
) -> Grant:
    predicate = ports.catalogue.predicate(request.predicate)
    sums = order.sums if predicate.form is Form.SUM else None
    counted = predicate.parameter in {ParameterKind.RUNG, ParameterKind.SIZE}
    return Grant(
        predicate=request.predicate,
        parameter=request.parameter,
        form=predicate.form.value,
        max_uses=request.max_uses,
        members=form.members if counted else 0,
        args=_arguments(predicate, request.person, form, household, ports),
        recheck=order.recheck,
        joint=sums.grant(request, form) if sums else None,
    )


def _arguments(
    predicate: Predicate, subject: int, form: ConsentForm, household: _Household, ports: Ports
) -> tuple[bytes, ...]:
    """Give what a question compares with, as pseudonyms at this department."""
    persons = form.persons
    match predicate.parameter:
        case ParameterKind.MEMBERS:
            others = (
                household.sub(i)
                for i, person in enumerate(persons)
                if i != subject and person.role is not Role.SUPPORTER
            )
            return tuple(sorted(others))
        case ParameterKind.NAME:
            name = labels.name_input(persons[subject].id, persons[subject].name)
            return (ports.pseudonym(household.department, household.epoch, name),)
        case _:
            return ()
