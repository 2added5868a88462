"""What the registrar's log says of a person's consents, and no more of the others than needed."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from auditor import trail_consents
from auditor.trail_consents import Consents, Place
from federation.errors import BadInput, PeerFault
from federation.log.kinds import Event, Happened
from federation.log.registrar_events import (
    ConsentEnded,
    ConsentResumed,
    ConsentRevoked,
    ConsentSuspended,
    ObjectionRecorded,
    PersonErased,
    RollDeclared,
)
from tests.support.exchanges import DEPARTMENT, filler
from tests.support.trails import (
    CONSENT,
    GRANTS,
    ME,
    P07,
    P40,
    P42,
    USUAL,
    Logged,
    grants,
    issued,
    jti,
    recorded,
)

AGAIN = "790301-0077"
RENEWAL = "790301-0078"
PLACE = Place(consent_no=CONSENT, person=ME)


def gather(*places: Place, log: Iterable[Logged] = USUAL, wanted: Iterable[bytes] = ()) -> Consents:
    entries = list(log)

    def give() -> Iterator[tuple[Happened, bytes]]:
        for at, (event, beside) in enumerate(entries):
            yield Happened(at, event), beside

    return trail_consents.gather(give, places or (PLACE,), {*wanted})


def bare(*events: Event) -> list[Logged]:
    return [(event, b"") for event in events]


def renewed(**more: object) -> Logged:
    usual = recorded(RENEWAL, GRANTS, origin=CONSENT, renews=CONSENT, basis="IN_FORCE_AID")
    return replace(usual, **more), GRANTS  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "x", "x/", "/1", "x/-1", "x/a", "x/²", "x/1/2", "x/1000"])
def test_a_place_is_a_number_and_an_index(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        trail_consents.place(text)
    assert (caught.value.code, caught.value.details) == ("TRAIL_WHO", {"who": text})


def test_a_place_is_read() -> None:
    assert trail_consents.place("790301-0042/12") == Place(consent_no=CONSENT, person=12)


def test_tokens_are_sorted_into_mine_and_others() -> None:
    found = gather()
    assert {one.jti: one.mine for one in found.tokens.values()} == {
        jti(0): False,
        jti(ME): True,
        jti(2): False,
    }
    assert found.others == 2
    assert not found.erased
    (given,) = found.given
    assert (given.number, given.recorded, given.purpose, given.persons) == (CONSENT, 0, "ENTRY", 3)


def test_only_the_persons_own_grants_are_kept() -> None:
    beside = grants(P40, persons=[ME]) + b""
    theirs = grants(P07, P42, persons=[0, 2])
    assert gather(log=[(recorded(beside=theirs), theirs)]).grants == {}
    found = gather(log=[(recorded(beside=beside), beside)])
    assert found.grants == {(CONSENT, DEPARTMENT, *P40): 3}


def test_another_consent_is_none_of_the_persons() -> None:
    foreign: list[Logged] = [
        (recorded(AGAIN, GRANTS), GRANTS),
        (issued(ME, consent_no=AGAIN, jti=filler("foreign")), b""),
        *bare(
            ConsentRevoked(consent_no=AGAIN, origin=AGAIN, by="registrar", request=b""),
            _objection(AGAIN, ME),
            PersonErased(consents=(AGAIN,), reason="REQUESTED"),
            RollDeclared(department="tax", epoch=2026, roll=1),
        ),
    ]
    assert gather(log=[*USUAL, *foreign]) == gather()


def test_a_renewal_counts_with_what_it_renews_whichever_is_named() -> None:
    log = [*USUAL, renewed(), (issued(ME, 1, consent_no=RENEWAL), b"")]
    named = gather(log=log)
    assert gather(Place(consent_no=RENEWAL, person=ME), log=log) == named
    both = gather(PLACE, Place(consent_no=RENEWAL, person=ME), log=log)
    assert both == named
    assert [one.number for one in named.given] == [CONSENT, RENEWAL]
    assert {one.jti for one in named.tokens.values() if one.mine} == {jti(ME), jti(ME, 1)}
    assert named.grants.keys() >= {(RENEWAL, DEPARTMENT, *P40)}


def test_two_signed_consents_of_one_person() -> None:
    log = [
        *USUAL,
        (recorded(AGAIN, GRANTS), GRANTS),
        (issued(0, consent_no=AGAIN, jti=filler("again")), b""),
    ]
    found = gather(PLACE, Place(consent_no=AGAIN, person=0), log=log)
    assert {one.jti for one in found.tokens.values() if one.mine} == {jti(ME), filler("again")}
    assert [one.number for one in found.given] == [CONSENT, AGAIN]


def test_what_has_become_of_a_consent() -> None:
    changed = [
        kind(consent_no=CONSENT, origin=CONSENT, by="registrar", request=b"")
        for kind in (ConsentSuspended, ConsentResumed, ConsentRevoked, ConsentEnded)
    ]
    objections = [_objection(CONSENT, ME), _objection(CONSENT, 0)]
    found = gather(log=[*USUAL, *bare(*changed, *objections)])
    assert [(one.at, one.kind) for one in found.changes] == [
        (4, "consent.suspended"),
        (5, "consent.resumed"),
        (6, "consent.revoked"),
        (7, "consent.ended"),
        (8, "objection.recorded"),
    ]


def test_that_somebody_is_erased() -> None:
    erased = PersonErased(consents=(AGAIN, CONSENT), reason="REQUESTED")
    assert gather(log=[*USUAL, *bare(erased)]).erased


def test_which_tokens_the_log_has_on_whatever_consent() -> None:
    log = [*USUAL, (issued(0, consent_no=AGAIN, jti=filler("again")), b"")]
    found = gather(log=log, wanted=[filler("again"), filler("unknown"), jti(0)])
    assert found.known == {filler("again"), jti(0)}


@pytest.mark.parametrize(
    ("places", "who"),
    [
        ([("790301-9999", 0)], "790301-9999"),
        ([(CONSENT, 3)], f"{CONSENT}/3"),
        ([(CONSENT, 0), (CONSENT, 1)], CONSENT),
        ([(CONSENT, 0), (RENEWAL, 1)], f"{RENEWAL}/1"),
    ],
)
def test_nobody_or_two_people_are_refused(places: list[tuple[str, int]], who: str) -> None:
    named = [Place(consent_no=number, person=person) for number, person in places]
    with pytest.raises(BadInput) as caught:
        gather(*named, log=[*USUAL, renewed()])
    assert (caught.value.code, caught.value.details["who"]) == ("TRAIL_WHO", who)


def test_grants_that_do_not_read_are_refused() -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        gather(log=[(recorded(), b"x")])


def _objection(number: str, person: int) -> ObjectionRecorded:
    return ObjectionRecorded(
        consent_no=number,
        person=person,
        predicate="P40",
        parameter="",
        year=2026,
        evidence=bytes(32),
    )
