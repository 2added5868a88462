"""Objections: what may be looked at anew, and how often.

Knows the rule of protocol note §5: one recheck per person, predicate and year, on a signed
objection that is good for nothing else. Does not know storage or tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from federation.catalogue import Catalogue, Form
from federation.consenting import ConsentForm, Objection
from federation.errors import PeerFault, Refused
from registrar.consents import Consent


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An objection as it was recorded, with its number."""

    number: int
    objection: Objection


Before = Callable[[str, str], Recorded | None]
"""Finds the objection of a person, by id, about a predicate in this year, under any consent."""


def check(one: Objection, consent: Consent, before: Before) -> int | None:
    """Decide about an objection under a complete consent; give the number of the same one before.

    Raises:
        PeerFault: CONSENT_FORM_INVALID when it is about nobody on the consent.
        Refused: RECHECK_EXHAUSTED when there was another one this year.
    """
    if one.person >= len(consent.form.persons):
        raise PeerFault("CONSENT_FORM_INVALID", why="an objection's person")
    known = before(consent.form.persons[one.person].id, one.predicate)
    if known is None:
        return None
    if known.objection != one:
        raise Refused("RECHECK_EXHAUSTED", predicate=one.predicate)
    return known.number


def disputed(one: Objection, consent: Consent, catalogue: Catalogue) -> ConsentForm:
    """Leave of a consent what an objection is about.

    Raises:
        Refused: CONSENT_NOT_GRANTED when that is nothing, or a sum.
    """
    wanted = one.person, one.predicate, one.parameter
    left = tuple(
        grant
        for grant in consent.form.grants
        if (grant.person, grant.predicate, grant.parameter) == wanted
    )
    # A sum is not looked at anew: its runs are counted, and one more would tell more of it.
    if not left or any(catalogue.predicate(g.predicate).form is Form.SUM for g in left):
        raise Refused("CONSENT_NOT_GRANTED", predicate=one.predicate)
    return replace(consent.form, grants=left)
