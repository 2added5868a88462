"""Sums on the form and in the books of consents: whole or not at all, and what was declared."""

from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.asking.questions import HOUSEHOLD, Ask, Covered, SumAsk
from coordinator.findings.assess import Status
from coordinator.store import Store
from federation import summing
from federation.consenting import ConsentForm
from federation.errors import PeerFault
from federation.exchange import Purpose
from tests.coordinator import summed
from tests.coordinator.summed import ADDERS, GAP, INCOME, Summing
from tests.coordinator.town import WIFE_TEXT, case_text

DECLARED = case_text(more=WIFE_TEXT).replace("operator", "declared_income = 5000\noperator")
PARTIES = {*ADDERS, "tally"}


@pytest.fixture
def town(tmp_path: Path) -> Summing:
    return summed.build(tmp_path, INCOME + GAP)


def form_of(town: Summing, place: int = 0) -> ConsentForm:
    return list(town.registrar.forms.values())[place]


def test_a_form_asks_for_everybody_everywhere(town: Summing) -> None:
    town.ready(DECLARED)
    form = form_of(town)
    for predicate in ("H1", "H5"):
        asked = {(g.person, g.department) for g in form.grants if g.predicate == predicate}
        assert asked == {(person, party) for person in (0, 1) for party in PARTIES}


def test_what_was_declared_is_committed_to_at_the_tally_alone(town: Summing) -> None:
    (case,) = town.ready(DECLARED)
    form = form_of(town)
    marked = {(g.predicate, g.department): g.declared for g in form.grants if g.declared}
    assert set(marked) == {("H5", "tally")}
    with town.database() as database:
        (filed,) = Store(database).cases([case])
    assert marked["H5", "tally"] == summing.commit(filed.declared_salt, 5_000)
    assert len({filed.declared_salt, filed.salt}) == 2
    assert b"5000" not in repr(form).encode()


def test_a_renewed_case_commits_to_the_same(town: Summing) -> None:
    (case,) = town.ready(DECLARED)
    with town.desk() as desk:
        later = desk.renew(case, Purpose.REVIEW).filed.id
        desk.consent([later])
    first, second = form_of(town), form_of(town, 1)
    assert {g.declared for g in first.grants} == {g.declared for g in second.grants}
    assert set(second.grants) == set(first.grants)


def test_a_sum_that_a_renewal_grants_in_part_is_lost_whole(town: Summing) -> None:
    (case,) = town.ready(DECLARED)
    town.amounts("H1", 1, 1, 1)
    form = form_of(town)
    kept = tuple(g for g in form.grants if (g.predicate, g.department) != ("H5", "tax"))
    town.registrar.forms[form.reference] = replace(form, grants=kept)
    town.clock.seconds += 6 * 86_400
    town.registrar.expires = town.clock.now() + 300 * 86_400
    with town.desk() as desk:
        ran = desk.run([case])
        rows = {row.predicate: row for row in desk.show(case).rows if row.joint}
    assert ran.answered == 1
    assert rows["H1"].outcome == "YES"
    lost = rows["H5"]
    assert (lost.status, lost.code) == (Status.UNAVAILABLE, "POLICY_NOT_ANSWERED")


def test_a_first_issue_short_of_a_sum_is_not_kept(town: Summing) -> None:
    with town.desk() as desk:
        (case,) = desk.new([desk.read(DECLARED.encode()).case])
        issue = town.registrar._issued

        def short(number: str, form: ConsentForm) -> object:
            kept = tuple(g for g in form.grants if g.department != "tally")
            return issue(number, replace(form, grants=kept))

        town.registrar._issued = short  # type: ignore[method-assign, assignment]
        with pytest.raises(PeerFault) as caught:
            desk.consent([case])
    assert caught.value.code == "TOKENS_INCOMPLETE"


def test_what_two_consents_cover_both() -> None:
    ask = Ask(person=0, department="tax", predicate="P22", parameter="")
    income = SumAsk(
        predicate="H1",
        parameter="income-12s",
        subject=HOUSEHOLD,
        persons=(0,),
        departments=ADDERS,
        tally="tally",
    )
    whole, part = Covered((ask,), (income,)), Covered((), (income,))
    assert whole.both(part) == part.both(whole) == part
    assert not whole.both(Covered())
    assert len(whole.parts) == 1 + 4
