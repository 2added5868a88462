"""The page by itself: what each question of a request finds left, and what it spends."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from department_node.catalogue import Answering
from department_node.gate import Admitted
from department_node.ledger import Ledger, Look, Writes
from department_node.page import Entry, Page
from federation import catalogue, limits, policy
from federation.consent import Claims, Consent, Grant
from federation.errors import Refused
from federation.exchange import Answer, Outcome, Purpose, Scope
from federation.policy import Parameter
from federation.wire import codec
from tests.support.twin import NOW, POLICY

YEAR = 2026
MONTH = "202611"
PSN, OTHER = b"p" * 32, b"o" * 32
YES, NO = Answer(outcome=Outcome.YES), Answer(outcome=Outcome.NO)
STALE = Answer(outcome=Outcome.STALE)
RULES = policy.parse(POLICY.encode(), catalogue.load())
CLAIMS = Claims(
    issuer="registrar",
    audience="tax",
    sub=PSN,
    issued=NOW,
    not_before=NOW,
    expires=NOW + 9,
    jti=b"j" * 16,
    holder=bytes(32),
    status_index=1,
    status_uri="",
    purpose=Purpose.ENTRY,
    basis="CONSENT",
    policy_family="test",
    policy_version=1,
    uses_a_month=1_000,
    data_life_days=0,
    role="APPLICANT",
    household_salt=bytes(16),
    household_commitment=bytes(32),
    members=1,
    evidence=bytes(32),
    chain=b"c" * 16,
)


@dataclass(frozen=True)
class Asked:
    """One question: about whom, which cell, under which grant."""

    cell: bytes = b"a"
    psn: bytes = PSN
    chain: bytes = CLAIMS.chain
    predicate: str = "P40"
    line: int = 0
    members: int = 3
    uses: int = 99
    a_month: int = 1_000
    recheck: bool = False

    def admitted(self) -> Admitted:
        predicate = catalogue.load().predicate(self.predicate)
        parameter = Parameter(id="r", kind="rung", zh="", en="", source="", per_head=self.line)
        grant = Grant(
            predicate=self.predicate,
            parameter="r" if self.line else "",
            form=predicate.form.value,
            max_uses=1 if self.recheck else self.uses,
            members=self.members,
            recheck=self.recheck,
        )
        claims = replace(CLAIMS, sub=self.psn, chain=self.chain, uses_a_month=self.a_month)
        answering = Answering(
            predicate=predicate, purposes=frozenset(Purpose), scope=Scope.CITY, sql=""
        )
        return Admitted(
            consent=Consent(claims=claims, grants={}, slots=0, signature=b""),
            grant=grant,
            rule=RULES.rules["P40"],
            parameter=parameter if self.line else None,
            answering=answering,
        )

    def look(self) -> Look:
        name = f"{self.predicate} {self.line or ''}"
        return Look(self.chain, name, MONTH, self.psn, self.cell, YEAR)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with empty() as connection:
        yield Ledger(connection)


def empty() -> closing[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema = resources.files("department_node").joinpath("schema.sql").read_text("utf-8")
    connection.executescript(schema)
    return closing(connection)


def enrol(ledger: Ledger, key: str, *psns: bytes) -> None:
    rows = [(psn, YEAR, key) for psn in psns]
    ledger._c.executemany("INSERT INTO person VALUES (?, ?, ?, x'', x'', 1)", rows)


def page_of(ledger: Ledger, *asked: Asked) -> Page:
    return page_in(ledger, YEAR, [(one.admitted(), one.look()) for one in asked])


def page_in(ledger: Ledger, year: int, asked: list[tuple[Admitted, Look]]) -> Page:
    seen = ledger.look([look for _, look in asked])
    wanted = [(admitted, look, one) for (admitted, look), one in zip(asked, seen, strict=True)]
    return Page(wanted, ledger, Writes(year=year))


def checked(page: Page) -> list[str]:
    """Check every question in its order: the code of each refusal, or nothing."""
    codes = []
    for entry in page.entries:
        try:
            page.check(entry)
        except Refused as refused:
            codes.append(refused.code)
        else:
            codes.append("")
    return codes


def run(
    ledger: Ledger, *asked: Asked, says: Callable[[Entry], Answer | None] = lambda _: YES
) -> list[str]:
    """Take a request all the way; ``says`` is what a record answers, None where it cannot."""
    page = page_of(ledger, *asked)
    said = []
    for entry, code in zip(page.entries, checked(page), strict=True):
        if code:
            said.append(code)
        elif not entry.fresh:
            said.append(shown(page.repeat(entry)))
        else:
            answer = says(entry)
            said.append("-" if answer is None else shown(page.spend(entry, answer)))
    ledger.write(page.writes)
    return said


def shown(answer: bytes) -> str:
    found = codec.decode_answer(answer)
    return f"{found.outcome.name} {found.use_no}"


# ---- uses


def test_uses_are_counted_through_a_request_and_over_requests(ledger: Ledger) -> None:
    one = Asked(uses=3)
    assert run(ledger, one, one) == ["YES 1", "YES 2"]
    assert run(ledger, one, one) == ["YES 3", "USES_EXHAUSTED"]
    assert run(ledger, one) == ["USES_EXHAUSTED"]


def test_a_month_is_counted_over_all_grants_of_a_token(ledger: Ledger) -> None:
    asked = [Asked(cell=b"%d" % n, predicate=p, a_month=3) for n, p in enumerate(("P40", "P46"))]
    assert run(ledger, *asked, *asked) == ["YES 1", "YES 1", "YES 2", "USES_EXHAUSTED"]
    assert run(ledger, replace(asked[0], chain=b"d" * 16)) == ["YES 1"]


def test_what_cannot_be_read_costs_nothing(ledger: Ledger) -> None:
    one = Asked(uses=1)
    assert run(ledger, one, says=lambda _: None) == ["-"]
    assert (ledger.look([one.look()])[0].name_uses, ledger.alerts()) == (0, [])
    assert run(ledger, one) == ["YES 1"]


def test_a_refused_question_counts_for_nobody_after_it(ledger: Ledger) -> None:
    spent, other = Asked(uses=1), Asked(predicate="P46", a_month=2)
    assert run(ledger, spent) == ["YES 1"]
    assert run(ledger, spent, spent, other) == ["USES_EXHAUSTED", "USES_EXHAUSTED", "YES 1"]


# ---- cells


def test_the_same_cell_twice_in_a_request_is_one_cell_and_two_uses(ledger: Ledger) -> None:
    answers = iter([YES, NO])
    assert run(ledger, Asked(), Asked(), says=lambda _: next(answers)) == ["YES 1", "YES 2"]
    assert ledger.look([Asked().look()])[0].cells == 1


def test_a_frozen_cell_is_not_looked_up_again(ledger: Ledger) -> None:
    run(ledger, Asked())
    page = page_of(ledger, Asked(), Asked(cell=b"b"))
    assert checked(page) == ["", ""]
    assert [entry.fresh for entry in page.entries] == [False, True]


def test_pseudonyms_of_one_record_share_its_cells(ledger: Ledger) -> None:
    enrol(ledger, "k1", PSN, OTHER)
    assert run(ledger, Asked()) == ["YES 1"]
    assert run(ledger, Asked(psn=OTHER), says=lambda _: NO) == ["YES 2"]
    (entry,) = page_of(ledger, Asked()).entries
    assert entry.subject == b"k1"


@pytest.mark.parametrize(
    ("answer", "cells"),
    [
        (YES, 1),
        (NO, 1),
        (Answer(outcome=Outcome.BAND, value=2), 1),
        (Answer(outcome=Outcome.COUNT, value=2), 1),
        (Answer(outcome=Outcome.ENUM, value=2), 1),
        (STALE, 0),
        (Answer(outcome=Outcome.NO_RECORD), 0),
    ],
)
def test_only_what_the_records_say_is_frozen(ledger: Ledger, answer: Answer, cells: int) -> None:
    assert run(ledger, Asked(), says=lambda _: answer) == [f"{answer.outcome.name} 1"]
    (seen,) = ledger.look([Asked().look()])
    assert (seen.cells, seen.frozen is not None) == (cells, bool(cells))


def fill(ledger: Ledger, cells: int, subject: bytes = PSN) -> None:
    rows = [(subject, b"%016d" % n, codec.encode_answer(YES, 1)) for n in range(cells)]
    ledger.write(Writes(year=YEAR, cells=rows))


def cells(count: int, **more: object) -> list[Asked]:
    return [replace(Asked(cell=b"n%d" % n), **more) for n in range(count)]  # type: ignore[arg-type]


def test_new_cells_of_one_request_are_counted_together(ledger: Ledger) -> None:
    fill(ledger, limits.CELLS_PER_RECORD_YEAR - limits.CELLS_RESERVED - 2)
    old = Asked(cell=b"%016d" % 0)
    said = run(ledger, *cells(3), cells(1)[0], old, Asked(psn=OTHER))
    assert said == ["YES 1", "YES 2", "BUDGET_EXHAUSTED", "YES 3", "YES 4", "YES 5"]


def test_a_cell_that_may_stay_closed_is_counted_all_the_same(ledger: Ledger) -> None:
    """Whether a record can be read is not known when the questions after it are checked."""
    fill(ledger, limits.CELLS_PER_RECORD_YEAR - limits.CELLS_RESERVED - 1)
    assert run(ledger, *cells(2), says=lambda _: STALE) == ["STALE 1", "BUDGET_EXHAUSTED"]
    assert run(ledger, cells(2)[1]) == ["YES 2"]


def test_the_alert_comes_with_the_cell_that_makes_four_fifths_and_once(ledger: Ledger) -> None:
    fill(ledger, limits.CELLS_ALERT - 2)
    assert run(ledger, *cells(1), *cells(1)) == ["YES 1", "YES 2"]
    assert ledger.alerts() == []
    page = page_of(ledger, *cells(4))
    assert checked(page) == [""] * 4
    for entry in page.entries:
        page.spend(entry, YES)
    assert page.writes.alerts == [PSN]
    ledger.write(page.writes)
    assert ledger.alerts() == [(PSN, YEAR)]
    page = page_of(ledger, *cells(6))
    checked(page)
    for entry in page.entries[4:]:
        page.spend(entry, YES)
    assert page.writes.alerts == []


# ---- thresholds


def lines(*of: int, members: int = 3, **more: object) -> list[Asked]:
    asked = (Asked(cell=b"l%d-%d" % (n, members), predicate="P21", line=n) for n in of)
    return [replace(one, members=members, **more) for one in asked]  # type: ignore[arg-type]


def test_openings_of_one_request_are_counted_together(ledger: Ledger) -> None:
    said = run(ledger, *lines(1, 2, 3, 4, 5), lines(1)[0])
    assert said == ["YES 1"] * 4 + ["THRESHOLDS_EXHAUSTED", "YES 2"]
    assert run(ledger, *lines(5)) == ["THRESHOLDS_EXHAUSTED"]
    quantity = catalogue.load().predicate("P21").quantity
    assert set(ledger.opened([PSN], YEAR)) == {(PSN, quantity, n, 3) for n in (1, 2, 3, 4)}


def test_openings_are_a_records_and_a_years(ledger: Ledger) -> None:
    run(ledger, *lines(1, 2, 3, 4))
    assert run(ledger, *lines(5, psn=OTHER)) == ["YES 1"]
    wanted = [(one.admitted(), one.look()._replace(year=YEAR + 1)) for one in lines(5)]
    assert checked(page_in(ledger, YEAR + 1, wanted)) == [""]


def test_a_frozen_line_needs_no_room(ledger: Ledger) -> None:
    run(ledger, *lines(1, 2, 3, 4))
    assert run(ledger, *lines(4, 5, 1)) == ["YES 2", "THRESHOLDS_EXHAUSTED", "YES 2"]


def test_a_third_size_is_refused_and_a_question_without_line_opens_none(ledger: Ledger) -> None:
    sizes = [one for members in (3, 4, 5) for one in lines(1, members=members)]
    assert run(ledger, *sizes) == ["YES 1", "YES 2", "THRESHOLDS_EXHAUSTED"]
    quantities = {(line, size) for _, _, line, size in ledger.opened([PSN], YEAR)}
    assert quantities == {(1, 3), (1, 4)}
    assert run(ledger, Asked(members=9)) == ["YES 1"]


def test_only_a_comparison_of_amounts_opens_a_line(ledger: Ledger) -> None:
    found = [entry.opening for entry in page_of(ledger, Asked(), *lines(1)).entries]
    assert found == [None, (catalogue.load().predicate("P21").quantity, 1, 3)]


def test_a_line_that_stays_closed_was_not_opened(ledger: Ledger) -> None:
    assert run(ledger, *lines(1), says=lambda _: STALE) == ["STALE 1"]
    assert list(ledger.opened([PSN], YEAR)) == []


# ---- rechecks


def again(cell: bytes = b"a", chain: bytes = b"r" * 16, **more: object) -> Asked:
    """Ask anew about a cell, under a one-use token of its own."""
    return replace(Asked(cell=cell, chain=chain, recheck=True), **more)  # type: ignore[arg-type]


def test_a_recheck_replaces_what_was_frozen_once_a_year(ledger: Ledger) -> None:
    assert run(ledger, Asked()) == ["YES 1"]
    assert run(ledger, again(), says=lambda _: NO) == ["NO 1"]
    assert run(ledger, Asked()) == ["NO 2"]
    assert run(ledger, again(chain=b"s" * 16)) == ["RECHECK_EXHAUSTED"]
    assert run(ledger, again(b"b", b"t" * 16, predicate="P46")) == ["YES 1"]
    assert ledger.look([Asked().look()])[0].cells == 2


def test_a_recheck_before_or_after_its_question_in_one_request(ledger: Ledger) -> None:
    answers = {False: YES, True: NO}

    def says(entry: Entry) -> Answer:
        return answers[entry.admitted.grant.recheck]

    assert run(ledger, Asked(), again(), Asked(), says=says) == ["YES 1", "NO 1", "NO 2"]
    other = replace(Asked(), psn=OTHER)
    anew = again(chain=b"s" * 16, psn=OTHER)
    assert run(ledger, anew, other, says=says) == ["NO 1", "NO 3"]


def test_two_rechecks_of_a_predicate_in_one_request_are_one(ledger: Ledger) -> None:
    said = run(ledger, again(), again(b"b", b"s" * 16), again(chain=b"t" * 16, psn=OTHER))
    assert said == ["YES 1", "RECHECK_EXHAUSTED", "YES 1"]


@pytest.mark.parametrize("answer", [STALE, None])
def test_a_recheck_that_finds_nothing_new_leaves_all_as_it_was(
    ledger: Ledger, answer: Answer | None
) -> None:
    assert run(ledger, Asked()) == ["YES 1"]
    assert run(ledger, again(), says=lambda _: answer) == ["STALE 1" if answer else "-"]
    assert run(ledger, Asked()) == ["YES 2"]
    assert list(ledger.rechecked([PSN], YEAR)) == []
    assert run(ledger, again(chain=b"s" * 16), says=lambda _: NO) == ["NO 1"]


def test_a_recheck_opens_a_new_cell_out_of_the_reserve(ledger: Ledger) -> None:
    fill(ledger, limits.CELLS_PER_RECORD_YEAR - 1)
    assert run(ledger, Asked(), again()) == ["BUDGET_EXHAUSTED", "YES 1"]
    full = again(b"b", b"s" * 16, predicate="P46")
    assert run(ledger, full) == ["BUDGET_EXHAUSTED"]
    frozen = again(b"%016d" % 0, b"t" * 16, predicate="P22")
    assert run(ledger, frozen) == ["YES 1"]  # what is frozen takes no room


def test_a_recheck_of_a_threshold_opens_it_once(ledger: Ledger) -> None:
    (line,) = lines(1)
    run(ledger, line)
    anew = replace(line, chain=b"r" * 16, recheck=True)
    assert run(ledger, anew) == ["YES 1"]
    assert len(set(ledger.opened([PSN], YEAR))) == 1


# ---- all together


questions = st.builds(
    Asked,
    cell=st.sampled_from([b"a", b"b", b"c"]),
    psn=st.sampled_from([PSN, OTHER]),
    chain=st.sampled_from([b"c" * 16, b"d" * 16]),
    predicate=st.just("P21"),
    line=st.integers(1, 6),
    members=st.integers(1, 3),
    uses=st.integers(1, 4),
    a_month=st.integers(1, 6),
)


@given(st.lists(questions, max_size=25), st.lists(st.booleans(), min_size=25, max_size=25))
def test_a_request_spends_what_its_questions_spend_one_by_one(
    asked: list[Asked], outcomes: list[bool]
) -> None:
    """Cells are named by line and size too: a line that is refused in one is in the other."""
    asked = [replace(q, cell=q.cell + b"%d-%d" % (q.line, q.members)) for q in asked]
    pairs = zip(asked, outcomes, strict=False)
    by_cell = {one.cell + one.psn: YES if good else NO for one, good in pairs}

    def says(entry: Entry) -> Answer:
        return by_cell[entry.look.cell + entry.look.psn]

    with empty() as first, empty() as second:
        together = run(Ledger(first), *asked, says=says)
        apart = [said for one in asked for said in run(Ledger(second), one, says=says)]
        assert together == apart
        for table in ("uses", "cell", "opened", "alert", "recheck"):
            rows = [sorted(c.execute(f"SELECT * FROM {table}")) for c in (first, second)]
            assert rows[0] == rows[1]
