"""What a consent is to the registrar: which form may be recorded, which signatures it still needs.

Knows the rules of protocol note §3 for forms, signatures and grants. Does not know storage, tokens,
pseudonyms or sockets; no error names a person.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from federation import limits
from federation.catalogue import JOINT, Catalogue, Form
from federation.clock import business_date
from federation.consenting import (
    CONSENT,
    IN_FORCE_AID,
    ConsentForm,
    ConsentPerson,
    ConsentReceipt,
    ConsentState,
    GrantRequest,
    Role,
    SignatureMethod,
)
from federation.errors import BadInput, PeerFault, Refused
from federation.exchange import Purpose
from federation.ids import PersonId, birth_date, canonical_id, normal_name
from federation.manifest import Manifest, PartyRole
from federation.policy import Policy
from registrar import joint

ADULT_AGE: Final = 18
Elsewhere = Callable[[bytes], Collection[bool]]
"""Tells, of each other consent on which a signed paper stands, whether it is revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A recorded consent: its canonical form, and which persons' signatures were accepted.

    ``origin`` is the number of the signed consent that it renews, perhaps through others; its own
    if it renews none. What ends or suspends one of them does so to all.
    """

    consent_no: str
    origin: str
    coordinator: str
    form: ConsentForm
    signed: tuple[bool, ...]
    revoked: bool = False
    suspended: bool = False

    @property
    def missing(self) -> tuple[int, ...]:
        """List the persons, by index, without whose signature no token is issued."""
        needed = needing_signature(self.form)
        return tuple(i for i, done in enumerate(self.signed) if i in needed and not done)

    @property
    def state(self) -> ConsentState:
        """Tell whether tokens can be had."""
        if self.revoked:
            return ConsentState.REVOKED
        if self.suspended:
            return ConsentState.SUSPENDED
        return ConsentState.SIGNATURE_MISSING if self.missing else ConsentState.COMPLETE

    def receipt(self) -> ConsentReceipt:
        """Say what is recorded and what is missing."""
        return ConsentReceipt(
            reference=self.form.reference,
            consent_no=self.consent_no,
            state=self.state,
            missing=() if self.revoked else self.missing,
        )

    def check_complete(self) -> None:
        """Refuse unless tokens can be had.

        Raises:
            Refused: CONSENT_REVOKED, CONSENT_SUSPENDED or SIGNATURE_MISSING.
        """
        match self.state:
            case ConsentState.REVOKED:
                raise Refused("CONSENT_REVOKED", consent=self.consent_no)
            case ConsentState.SUSPENDED:
                raise Refused("CONSENT_SUSPENDED", consent=self.consent_no)
            case ConsentState.SIGNATURE_MISSING:
                raise Refused("SIGNATURE_MISSING", consent=self.consent_no)


def canonical(form: ConsentForm) -> ConsentForm:
    """Bring ids and names into canonical form and hold the form to its own shape.

    Raises:
        PeerFault: CONSENT_FORM_INVALID, or the code of a malformed id or name.
    """
    try:
        persons = tuple(_canonical_person(person) for person in form.persons)
    except BadInput as e:
        raise PeerFault(e.code, **e.details) from e
    form = replace(form, persons=persons)
    _check_people(form)
    _check_shape(form)
    return form


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the federation allows to be asked: its departments, its signed policy, the catalogue."""

    manifest: Manifest
    policy: Policy
    catalogue: Catalogue

    def check(self, form: ConsentForm) -> None:
        """Refuse a form that asks what the policy does not allow or a department cannot answer.

        Raises:
            Refused: POLICY_NOT_ANSWERED or POLICY_PARAMETER.
            PeerFault: PARTY_UNKNOWN for a department that is not in the manifest.
        """
        for grant in {replace(grant, person=0) for grant in form.grants}:
            self._check(grant, form.purpose)
        for grant in joint.broken(form, self.manifest.groups):
            raise Refused("POLICY_NOT_ANSWERED", predicate=grant.predicate)

    def narrowed(self, form: ConsentForm) -> ConsentForm:
        """Leave out what is not allowed any more since the form was recorded; never add to it.

        Raises:
            Refused: POLICY_NOT_ANSWERED when nothing is left.
        """
        left = tuple(grant for grant in form.grants if self._allows(grant, form.purpose))
        parts = joint.broken(replace(form, grants=left), self.manifest.groups)
        left = tuple(grant for grant in left if grant not in parts)
        if not left:
            raise Refused("POLICY_NOT_ANSWERED", predicate=form.grants[0].predicate)
        return replace(form, grants=left)

    def _allows(self, grant: GrantRequest, purpose: Purpose) -> bool:
        try:
            self._check(grant, purpose)
        except (Refused, PeerFault):
            return False
        return True

    def _check(self, grant: GrantRequest, purpose: Purpose) -> None:
        self.policy.check(grant.predicate, grant.parameter, purpose)
        predicate = self.catalogue.predicate(grant.predicate)
        if predicate.form is Form.SUM:
            joint.check_party(grant, predicate, self.manifest.groups)
            return
        department = self.manifest.party(grant.department, PartyRole.NODE)
        if grant.declared:
            raise Refused("POLICY_NOT_ANSWERED", predicate=grant.predicate)
        if department.kind not in predicate.departments or predicate.form in JOINT:
            raise Refused("POLICY_NOT_ANSWERED", predicate=grant.predicate)


def needing_signature(form: ConsentForm) -> frozenset[int]:
    """List who must sign: applicant and members always, supporters if they are asked about."""
    asked = {grant.person for grant in form.grants}
    return frozenset(
        i
        for i, person in enumerate(form.persons)
        if person.role is not Role.SUPPORTER or i in asked
    )


def signatures(form: ConsentForm, today: date) -> tuple[bool, ...]:
    """Tell of each person whether a signature that counts is there on this day."""
    return tuple(_signed(person, today) for person in form.persons)


def first(consent_no: str, coordinator: str, form: ConsentForm, now: int) -> Consent:
    """Make the record of a canonical form that was not seen before."""
    return Consent(
        consent_no=consent_no,
        origin=consent_no,
        coordinator=coordinator,
        form=form,
        signed=signatures(form, business_date(now)),
    )


def renewal(consent_no: str, form: ConsentForm, before: Consent) -> Consent:
    """Make the record of a canonical form that goes by another consent's signatures (IN_FORCE_AID).

    Raises:
        Refused: CONSENT_CHANGED when it is about others or for longer, CONSENT_NOT_GRANTED when it
            asks more, or why the consent before gives no tokens.
    """
    before.check_complete()
    old = before.form
    same = [(p.id, p.name, p.role) for p in old.persons]
    if [(p.id, p.name, p.role) for p in form.persons] != same or form.members != old.members:
        raise Refused("CONSENT_CHANGED", consent=before.consent_no)
    if form.not_after > old.not_after:
        raise Refused("CONSENT_CHANGED", consent=before.consent_no)
    granted = {replace(grant, max_uses=0): grant.max_uses for grant in old.grants}
    for grant in form.grants:
        if grant.max_uses > granted.get(replace(grant, max_uses=0), 0):
            raise Refused("CONSENT_NOT_GRANTED", predicate=grant.predicate)
    return replace(before, consent_no=consent_no, form=replace(form, persons=old.persons))


def again(consent: Consent, form: ConsentForm, now: int) -> Consent:
    """Add the signatures that a repeated form brings; what was signed before stays.

    A renewal's form brings none.

    Raises:
        Refused: CONSENT_CHANGED when anything but missing signatures differs.
    """
    if _unsigned(form) != _unsigned(consent.form):
        raise Refused("CONSENT_CHANGED", consent=consent.consent_no)
    if consent.revoked:
        return consent
    fresh = signatures(form, business_date(now))
    persons = []
    for old, new, done in zip(consent.form.persons, form.persons, consent.signed, strict=True):
        if done and new.evidence and new != old:
            raise Refused("CONSENT_CHANGED", consent=consent.consent_no)
        persons.append(old if done or not new.evidence else new)
    signed = tuple(old or new for old, new in zip(consent.signed, fresh, strict=True))
    return replace(consent, form=replace(consent.form, persons=tuple(persons)), signed=signed)


def check_papers(consent: Consent, before: Consent | None, elsewhere: Elsewhere) -> None:
    """Refuse a signed paper that is new to a consent and stands on another, whoever recorded that.

    A whole household may sign one paper; what stood on this consent before is not looked at again.

    Raises:
        Refused: CONSENT_REVOKED when it was signed for a consent that is revoked, else
            EVIDENCE_REUSED.
    """
    for paper in _papers(consent) - (_papers(before) if before else frozenset()):
        others = elsewhere(paper)
        if any(others):
            raise Refused("CONSENT_REVOKED")
        if others:
            raise Refused("EVIDENCE_REUSED")


def _papers(consent: Consent) -> frozenset[bytes]:
    return frozenset(person.evidence for person in consent.form.persons if person.evidence)


def _signed(person: ConsentPerson, today: date) -> bool:
    if not person.evidence:
        return False
    if person.method is SignatureMethod.SELF:
        return _adult(person.id, today)
    signer = person.signer_id
    valid = bool(signer) and signer != person.id and _adult(signer, today)
    # A minor's agent would be a way around the guardian.
    return valid and (person.method is SignatureMethod.GUARDIAN or _adult(person.id, today))


def _adult(person: str, today: date) -> bool:
    born = birth_date(PersonId(person))
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return age >= ADULT_AGE


def _canonical_person(person: ConsentPerson) -> ConsentPerson:
    return replace(
        person,
        id=str(canonical_id(person.id).id),
        name=normal_name(person.name),
        signer_id=str(canonical_id(person.signer_id).id) if person.signer_id else "",
    )


def _unsigned(form: ConsentForm) -> ConsentForm:
    blank = tuple(
        ConsentPerson(id=person.id, name=person.name, role=person.role) for person in form.persons
    )
    return replace(form, persons=blank)


def _check_people(form: ConsentForm) -> None:
    persons = form.persons
    if not 1 <= len(persons) <= limits.HOUSEHOLD_PERSONS:
        raise _invalid("number of persons")
    if len({person.id for person in persons}) != len(persons):
        raise _invalid("a person stands twice")
    if sum(person.role is Role.APPLICANT for person in persons) != 1:
        raise _invalid("number of applicants")
    together = sum(person.role is not Role.SUPPORTER for person in persons)
    if not together <= form.members <= limits.HOUSEHOLD_PERSONS:
        raise _invalid("household size")


def _check_shape(form: ConsentForm) -> None:
    if form.basis not in {CONSENT, IN_FORCE_AID} or (form.basis == CONSENT) == bool(form.renews):
        raise _invalid("legal basis")
    if form.basis == IN_FORCE_AID:
        _check_unsigned(form)
    questions = {(g.person, g.department, g.predicate, g.parameter) for g in form.grants}
    if not form.grants or len(questions) != len(form.grants):
        raise _invalid("no grant, or one that stands twice")
    if any(not _grant_fits(grant, form) for grant in form.grants):
        raise _invalid("a grant's person or number of uses")
    tokens = Counter((grant.person, grant.department) for grant in form.grants)
    if max(tokens.values()) > limits.TOKEN_GRANTS:
        raise _invalid("too many grants at one department")


def _check_unsigned(form: ConsentForm) -> None:
    """Hold a renewal to what no application is: without signatures, and not for an entry."""
    if form.purpose is Purpose.ENTRY or any(person.evidence for person in form.persons):
        raise _invalid("a renewal is unsigned and for aid that is in force")


def _grant_fits(grant: GrantRequest, form: ConsentForm) -> bool:
    return grant.person < len(form.persons) and 1 <= grant.max_uses <= limits.GRANT_USES


def _invalid(why: str) -> PeerFault:
    return PeerFault("CONSENT_FORM_INVALID", why=why)
