"""A person's trail: complete only when it is, and nothing of a relative's gets through."""

from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor import trail, trail_page, trail_screen
from auditor.trail import Asked, Basis, CaseFile, Doubt, Trail
from auditor.trail_consents import Consents, Place, Token
from federation import catalogue
from federation.catalogue import JOINT
from federation.closing import ClosingCount, GrantUses
from federation.exchange import Answer, Outcome, Refusal
from federation.strictjson import b64
from federation.terminal import Language, Terminal
from tests.support import trails
from tests.support.exchanges import DEPARTMENT, NOW, YES, filler
from tests.support.trails import CONSENT, ME, P07, P40, P42, PERSONS, Ask, at, case_file

TAX: Final = "tax"
DEPARTMENTS: Final = (DEPARTMENT, TAX)
QUESTIONS: Final = tuple((one.id, "") for one in catalogue.load() if one.form not in JOINT)
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")


def consents(*more: Token, **changed: Any) -> Consents:
    """Give a consent of three people with a token of each at each department."""
    given_consent = trails.given()
    tokens = [token(person, place) for person in range(PERSONS) for place in DEPARTMENTS]
    found = Consents(
        given=[given_consent],
        tokens={one.jti: one for one in (*tokens, *more)},
        grants={(CONSENT, place, *asked): 9 for place in DEPARTMENTS for asked in (P40, P42)},
    )
    for name, value in changed.items():
        setattr(found, name, value)
    return found


def token(person: int, department: str, jti: bytes = b"", **more: object) -> Token:
    usual = Token(
        jti=jti or at(department, person),
        mine=person == ME,
        consent_no=CONSENT,
        department=department,
        chain=at(department, person),
        recheck=False,
    )
    return replace(usual, **more)  # type: ignore[arg-type]


def signs(department: str, *used: tuple[tuple[str, str], int], **more: object) -> ClosingCount:
    usual = ClosingCount(
        federation="test",
        department=department,
        at=NOW + 60,
        token=at(department, ME),
        chain=at(department, ME),
        uses=tuple(GrantUses(predicate=q[0], parameter=q[1], used=k) for q, k in used),
    )
    return replace(usual, **more)  # type: ignore[arg-type]


NEVER: Final = (signs(DEPARTMENT, chain=b""), signs(TAX, chain=b""))
"""What departments sign of tokens that were never shown to them."""


def built(*asks: Ask, counts: Sequence[ClosingCount] = NEVER, of: Consents | None = None) -> Trail:
    basis = Basis(
        places=(Place(consent_no=CONSENT, person=ME),),
        consents=of or consents(),
        counts=counts,
        faults=(),
        papers=trails.papers(),
        witnessed=NOW + 90,
        size=4,
    )
    return trail.build(basis, [case_file(asks)])


def use(n: int, question: tuple[str, str] = P40, person: int = ME, **more: Any) -> Ask:
    """Ask about somebody for the nth time."""
    ask = Ask(person=person, n=n, question=question, answer=replace(YES, use_no=n))
    return replace(ask, **more)


def other(use_no: int, n: int, question: tuple[str, str] = P40, **more: Any) -> Ask:
    """Ask about the person in the nth exchange, which was another use."""
    return use(n, question, answer=replace(YES, use_no=use_no), **more)


def doubts(found: Trail) -> list[tuple[str, str, Doubt | None, tuple[int, ...]]]:
    return [(one.department, one.predicate, one.doubt, one.missing) for one in found.lines]


def test_all_uses_and_the_departments_word_make_it_complete() -> None:
    found = built(
        use(1), use(2), other(1, 3, P42), counts=[signs(DEPARTMENT, (P40, 2), (P42, 1)), NEVER[1]]
    )
    assert found.complete
    assert [(one.predicate, one.use, one.most) for one in found.entries] == [
        ("P40", 1, 9),
        ("P40", 2, 9),
        ("P42", 1, 9),
    ]
    assert found.until == NOW + 60
    assert found.unasked == (("tax", P40), ("tax", P42))


def test_nobody_was_asked_and_all_departments_say_so() -> None:
    found = built(use(1, person=0))
    assert found.complete
    assert (found.entries, found.hidden, found.others) == ((), 1, 2)
    assert doubts(found) == [(DEPARTMENT, "", None, ()), (TAX, "", None, ())]


def test_who_stands_on_a_consent_without_any_question() -> None:
    found = built(of=consents(tokens={}), counts=())
    assert found.complete
    assert (found.lines, found.until) == ((), NOW + 90)


@given(used=st.integers(1, 6), lost=st.sets(st.integers(1, 6), min_size=1))
def test_every_missing_use_is_named(used: int, lost: set[int]) -> None:
    here = [use(n) for n in range(1, used + 1) if n not in lost]
    found = built(*here, counts=[signs(DEPARTMENT, (P40, used)), NEVER[1]])
    missing = tuple(sorted(lost & {*range(1, used + 1)}))
    doubt = Doubt.MISSING if missing else None
    assert found.complete is not bool(missing)
    told = [one for one in doubts(found) if one[0] == DEPARTMENT]
    if here or used:
        assert told == [(DEPARTMENT, "P40", doubt, missing)]


@given(used=st.integers(1, 5), twice=st.integers(1, 5))
def test_a_use_that_has_two_answers_is_found(used: int, twice: int) -> None:
    again = use(min(twice, used), place=1)
    here = [use(n) for n in range(1, used + 1)]
    found = built(*here, again, counts=[signs(DEPARTMENT, (P40, used)), NEVER[1]])
    assert [one[2] for one in doubts(found)] == [Doubt.TWICE, None]
    assert not found.complete


def test_an_answer_that_is_in_two_bundles_was_given_once() -> None:
    basis_of = built(use(1), use(1), counts=[signs(DEPARTMENT, (P40, 1)), NEVER[1]])
    assert basis_of.complete
    assert len(basis_of.entries) == 1


def test_two_answers_to_one_question_are_two() -> None:
    said = replace(YES, outcome=Outcome.NO, use_no=1)
    found = built(use(1), use(1, answer=said), counts=[signs(DEPARTMENT, (P40, 1)), NEVER[1]])
    assert doubts(found)[0][2] is Doubt.TWICE


def test_more_answers_than_a_department_signs() -> None:
    found = built(use(1), use(2), counts=[signs(DEPARTMENT, (P40, 1)), NEVER[1]])
    assert doubts(found)[0] == (DEPARTMENT, "P40", Doubt.BEYOND, ())
    silent = built(use(1))
    assert doubts(silent)[0] == (DEPARTMENT, "P40", Doubt.BEYOND, ())
    none = built(use(0), counts=[signs(DEPARTMENT), NEVER[1]])
    assert doubts(none)[0] == (DEPARTMENT, "P40", Doubt.BEYOND, ())


def test_a_question_that_only_the_department_tells_of() -> None:
    found = built(use(1), counts=[signs(DEPARTMENT, (P40, 1), (P42, 2)), NEVER[1]])
    assert doubts(found)[1] == (DEPARTMENT, "P42", Doubt.MISSING, (1, 2))


def test_without_a_count_nothing_is_complete_and_gaps_show_all_the_same() -> None:
    found = built(use(1), use(3), counts=[NEVER[1]])
    assert doubts(found)[0] == (DEPARTMENT, "P40", Doubt.NO_COUNT, (2,))
    assert found.until == NOW + 60
    assert found.unasked == (("tax", P40), ("tax", P42))


def test_a_count_of_another_token_or_chain_does_not_count() -> None:
    others = at(DEPARTMENT, 0)
    for odd in (
        signs(DEPARTMENT, (P40, 1), token=others, chain=others),
        signs(DEPARTMENT, (P40, 1), chain=filler("another")),
        signs(TAX, (P40, 1), token=at(DEPARTMENT, ME), chain=at(DEPARTMENT, ME)),
    ):
        found = built(use(1), counts=[odd, NEVER[1]])
        assert doubts(found)[0][2] is Doubt.NO_COUNT


def test_what_was_signed_once_is_never_unsaid() -> None:
    counts = [signs(DEPARTMENT, (P40, 2), at=NOW + 10), signs(DEPARTMENT, (P40, 1)), NEVER[1]]
    found = built(use(1), counts=counts)
    assert doubts(found)[0] == (DEPARTMENT, "P40", Doubt.MISSING, (2,))
    assert built(use(1), use(2), counts=counts).complete


RENEWED: Final = token(ME, DEPARTMENT, filler("renewed"))


def test_uses_count_along_renewals() -> None:
    later = use(2, token=RENEWED.jti)
    counts = [signs(DEPARTMENT, (P40, 2), token=RENEWED.jti), NEVER[1]]
    found = built(use(1), later, of=consents(RENEWED), counts=counts)
    assert found.complete
    assert doubts(found)[0] == (DEPARTMENT, "P40", None, ())


def test_one_token_that_was_never_shown_says_nothing_of_its_chain() -> None:
    found = built(of=consents(RENEWED))
    assert doubts(found)[0][2] is Doubt.NO_COUNT
    both = [*NEVER, signs(DEPARTMENT, token=RENEWED.jti, chain=b"", at=NOW + 5)]
    whole = built(of=consents(RENEWED), counts=both)
    assert whole.complete
    assert whole.until == NOW + 5


def test_a_department_that_forgot_by_order_can_sign_nothing() -> None:
    found = built(of=consents(erased=True))
    assert [one[2] for one in doubts(found)] == [Doubt.ERASED, Doubt.ERASED]
    known = [signs(DEPARTMENT, (P40, 1)), NEVER[1]]
    kept = built(use(1), of=consents(erased=True), counts=known)
    assert [one[2] for one in doubts(kept)] == [None, Doubt.ERASED]


def test_an_answer_by_a_token_that_the_registrars_log_does_not_have() -> None:
    counts = [signs(DEPARTMENT, (P40, 1)), NEVER[1]]
    stray = use(2, token=filler("unknown"))
    found = built(use(1), stray, counts=counts)
    assert (found.strays, found.complete) == (1, False)
    elsewhere = built(use(1), stray, counts=counts, of=consents(known={filler("unknown")}))
    assert (elsewhere.strays, elsewhere.complete) == (0, True)
    other = built(use(1, chain=filler("odd")), counts=counts)
    assert (other.strays, other.entries) == (1, ())


def test_another_households_bundle_is_left_alone() -> None:
    found = built(use(1, token=filler("unknown")))
    assert (found.strays, found.hidden, found.complete) == (0, 0, True)


NO: Final = Answer(outcome=Outcome.REFUSED, refusal=Refusal.USES_EXHAUSTED)


def test_refused_questions_are_listed_and_not_counted() -> None:
    counts = [signs(DEPARTMENT, (P40, 1)), NEVER[1]]
    refused = use(2, answer=NO)
    again = use(3, answer=Answer(outcome=Outcome.PRESENT_AGAIN))
    relative = use(4, person=0, answer=NO)
    unknown = use(5, token=filler("unknown"), answer=NO)
    found = built(use(1), refused, again, relative, unknown, counts=counts)
    assert found.complete
    assert [one.answer.outcome for one in found.refused] == [
        Outcome.REFUSED,
        Outcome.PRESENT_AGAIN,
    ]
    assert (found.hidden, found.unread, len(found.entries)) == (1, 1, 1)


def test_a_recheck_is_one_use_of_its_own_chain() -> None:
    once = filler("recheck")
    paper = token(ME, DEPARTMENT, once, chain=once, recheck=True)
    counts = [
        signs(DEPARTMENT, (P40, 1)),
        signs(DEPARTMENT, (P40, 1), token=once, chain=once),
        NEVER[1],
    ]
    asks = use(1), other(1, 7, token=once, chain=once)
    found = built(*asks, of=consents(paper), counts=counts)
    assert found.complete
    assert [(one.recheck, one.most) for one in found.entries] == [(False, 9), (True, 1)]


def test_a_bundle_of_another_policy_names_no_value() -> None:
    shown = use(1, P42).shown()
    odd = Asked(proven=replace(shown.proven, policy=("test", 9)), place=0, jti=shown.jti)
    case = CaseFile(contents=case_file([]).contents, asked=[odd], papers=trails.papers())
    known = trail.build(_basis(), [case_file([use(1, P42)])]).entries[0].value
    assert known
    assert known.zh == "近12个月"
    assert trail.build(_basis(), [case]).entries[0].value is None


def _basis() -> Basis:
    return Basis(
        places=(),
        consents=consents(),
        counts=(),
        faults=(),
        papers=trails.papers(),
        witnessed=NOW,
        size=1,
    )


# What relatives are asked, and what is answered, is drawn; it must not be seen.

ANSWERS: Final = st.builds(
    lambda outcome, value, use_no, refusal: Answer(
        outcome=outcome, value=value, use_no=use_no, refusal=refusal, as_of=20250101
    ),
    st.sampled_from([one for one in Outcome if one is not Outcome.UNAVAILABLE]),
    st.integers(0, 3),
    st.integers(0, 9),
    st.sampled_from(Refusal),
)
RELATIVE: Final = st.builds(
    Ask,
    person=st.sampled_from([person for person in range(PERSONS) if person != ME]),
    n=st.just(0),
    question=st.sampled_from(QUESTIONS),
    department=st.sampled_from(DEPARTMENTS),
    answer=ANSWERS,
)


def numbered(asks: Sequence[Ask]) -> list[Ask]:
    return [replace(one, n=1_000 + n) for n, one in enumerate(asks)]


def everything(found: Trail) -> str:
    """Say a trail in every way in which it can be said."""
    told = StringIO()
    with redirect_stdout(told):
        for lang in LANGUAGES:
            trail_screen.show(Terminal(lang=lang, json=False), found)
        trail_screen.show(Terminal(lang="zh", json=True), found)
    return told.getvalue() + trail_page.write(found, NOW)


@settings(max_examples=40, deadline=None)
@given(
    mine=st.lists(st.tuples(st.sampled_from(QUESTIONS), ANSWERS), max_size=3),
    households=st.lists(st.tuples(RELATIVE, RELATIVE), max_size=4),
    grants=st.sets(st.sampled_from(QUESTIONS), max_size=4),
)
def test_nothing_of_a_relative_gets_through(
    mine: list[tuple[tuple[str, str], Answer]],
    households: list[tuple[Ask, Ask]],
    grants: set[tuple[str, str]],
) -> None:
    """Two households that differ in relatives' matters only have the same trail, in every form."""
    asks = [Ask(person=ME, n=n, question=q, answer=a) for n, (q, a) in enumerate(mine)]
    one, other = (numbered([pair[side] for pair in households]) for side in (0, 1))
    relatives = [
        signs(
            department, *((q, 7) for q in grants), token=at(department, 0), chain=at(department, 0)
        )
        for department in DEPARTMENTS
    ]
    first = everything(built(*asks, *one, counts=NEVER))
    second = everything(built(*asks, *other, counts=[*NEVER, *relatives]))
    assert first == second
    for department in DEPARTMENTS:
        for person in range(PERSONS):
            for secret in (filler(f"{department} {person}", 32), at(department, person)):
                assert secret.hex() not in first
                assert b64(secret) not in first


def test_relatives_are_another_member_of_the_household() -> None:
    told = everything(built(use(1, P07, person=0), use(2, P42, person=2), of=consents(grants={})))
    assert "家庭其他成员(2 人):另有 2 个问题" in told
    assert "another member of the household (2): 2 questions" in told
    for word in ("P07", "P42", "婚姻", "marital", "新购机动车", "motor vehicle"):
        assert word not in told
