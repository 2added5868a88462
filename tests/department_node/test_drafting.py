"""A request as a whole: households, budgets, thresholds, rechecks, renewals and sets."""

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from department_node.answer import Answerer
from department_node.ledger import Ledger, Look, Writes
from department_node.node import Node
from department_node.records import ReadLimits, SqliteRecords
from federation import consent, limits
from federation.consent import Claims, Grant
from federation.exchange import Answer, Outcome, Question, Refusal
from federation.wire import codec, signed
from tests.support import twin as twins
from tests.support.twin import WITH_CAR, WITHOUT_CAR, Twin, grant

LINES = (100, 200, 300, 400, 500)
POLICY = twins.POLICY + "".join(
    f"""
[[parameter]]
id = "line-{line}"
kind = "rung"
per_head = {line}
comparator = "le"
zh = "{line}"
en = "{line}"
source = "测试"
"""
    for line in LINES
)
POLICY = POLICY.replace(
    'parameters = ["wage-12s"]',
    f"parameters = {[f'line-{line}' for line in LINES]}",
)
CATALOGUE = (
    twins.CATALOGUE.partition("[[answer]]")[0]
    + """
[[answer]]
predicate = "P21"
purposes = ["ENTRY"]
scope = "city"
sql = "SELECT sum(fen) FROM wage WHERE person = :key AND month >= :from AND month < :to"
"""
)
YES, NO = (Outcome.YES, Refusal.NONE), (Outcome.NO, Refusal.NONE)
AGAIN = (Outcome.PRESENT_AGAIN, Refusal.NONE)


def refused(code: Refusal) -> tuple[Outcome, Refusal]:
    return Outcome.REFUSED, code


def shown(token: bytes, predicate: str = "P40", parameter: str = "") -> Question:
    digest = hashlib.sha256(token).digest()
    return Question(
        predicate=predicate, parameter=parameter, presentation=digest, case_ref=bytes(32)
    )


def named(jti: bytes, predicate: str = "P40", parameter: str = "") -> Question:
    return Question(predicate=predicate, parameter=parameter, jti=jti, case_ref=bytes(32))


def ask(
    answerer: Answerer, twin: Twin, questions: list[Question], *tokens: bytes
) -> list[tuple[Outcome, Refusal]]:
    return [(a.outcome, a.refusal) for a in answers(answerer, twin, questions, *tokens)]


def answers(
    answerer: Answerer, twin: Twin, questions: list[Question], *tokens: bytes
) -> list[Answer]:
    reply = answerer.ask("coordinator", twin.request(twin.header(), questions, *tokens))
    return [codec.decode_answer(item.item) for item in codec.decode_batch(reply).items]


@pytest.fixture(scope="module")
def cars(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Twin, Node]]:
    twin = twins.make(tmp_path_factory.mktemp("cars") / "f")
    with twins.open_node(twin) as node:
        yield twin, node


@pytest.fixture
def wages(tmp_path: Path) -> Iterator[tuple[Twin, Node]]:
    twin = twins.make(tmp_path / "f", kind="tax", policy=POLICY, catalogue=CATALOGUE)
    with sqlite3.connect(tmp_path / "f" / "public_security" / "records.sqlite") as c:
        c.execute("CREATE TABLE wage (person TEXT, month TEXT, fen INTEGER)")
        c.execute("INSERT INTO wage VALUES (?, '2026-05-01', 750)", (WITH_CAR,))
    c.close()
    with twins.open_node(twin) as node:
        yield twin, node


def household(twin: Twin, *people: str, role: str = "MEMBER") -> list[Claims]:
    """Make the claims of one household: its first person applies, a supporter is outside."""
    made = [twin.claims("public_security", person) for person in people]
    salt = made[0].jti
    commitment = consent.household_commitment(salt, [claims.sub for claims in made])
    return [
        replace(
            claims,
            household_salt=salt,
            household_commitment=commitment,
            role=role if place else "APPLICANT",
        )
        for place, claims in enumerate(made)
    ]


def test_a_household_is_answered_when_all_of_it_is_shown(cars: tuple[Twin, Node]) -> None:
    twin, node = cars
    answerer = node.answerer()
    first, second = household(twin, WITH_CAR, WITHOUT_CAR)
    one, two = (twin.token(claims, grant("P40", max_uses=9)) for claims in (first, second))
    broken = refused(Refusal.HOUSEHOLD_MISMATCH)
    assert ask(answerer, twin, [shown(one)], one) == [broken]
    assert ask(answerer, twin, [named(first.jti)]) == [AGAIN]  # a refused token is not kept
    assert ask(answerer, twin, [shown(one)], one, two) == [YES]  # asked of one, shown whole
    for later in (answerer, node.answerer()):  # remembered, and after a restart
        assert ask(later, twin, [named(first.jti), named(second.jti)]) == [YES, NO]


def test_a_part_of_a_household_or_a_stranger_is_not_the_whole(cars: tuple[Twin, Node]) -> None:
    twin, node = cars
    answerer = node.answerer()
    third = "790302199302200158"
    first, second, absent = household(twin, WITH_CAR, WITHOUT_CAR, third)
    stranger = replace(absent, sub=b"\x07" * 32)
    of = [twin.token(claims, grant("P40")) for claims in (first, second, stranger)]
    broken = refused(Refusal.HOUSEHOLD_MISMATCH)
    assert ask(answerer, twin, [shown(of[0]), shown(of[1])], *of[:2]) == [broken] * 2
    assert ask(answerer, twin, [shown(token) for token in of], *of) == [broken] * 3


def test_a_forged_token_completes_no_household(cars: tuple[Twin, Node]) -> None:
    twin, node = cars
    first, second = household(twin, WITH_CAR, WITHOUT_CAR)
    one, two = (twin.token(claims, grant("P40")) for claims in (first, second))
    forged = two[:-60] + b"A" * 59 + b"~"
    broken = refused(Refusal.HOUSEHOLD_MISMATCH)
    assert ask(node.answerer(), twin, [shown(one)], one, forged) == [broken]


def test_a_supporter_needs_no_household_and_completes_none(cars: tuple[Twin, Node]) -> None:
    twin, node = cars
    first, second = household(twin, WITH_CAR, WITHOUT_CAR, role="SUPPORTER")
    one, two = (twin.token(claims, grant("P40")) for claims in (first, second))
    assert ask(node.answerer(), twin, [shown(two)], two) == [NO]
    broken = refused(Refusal.HOUSEHOLD_MISMATCH)
    assert ask(node.answerer(), twin, [shown(one), shown(two)], one, two) == [broken, NO]


def test_uses_count_along_a_chain_of_renewals(cars: tuple[Twin, Node]) -> None:
    twin, node = cars
    claims = twin.claims("public_security", WITH_CAR)
    renewed = replace(twin.claims("public_security", WITH_CAR), chain=claims.chain)
    one, two = (twin.token(c, grant("P40", max_uses=3)) for c in (claims, renewed))
    answerer = node.answerer()
    said = answers(answerer, twin, [shown(one), shown(one)], one)
    said += answers(answerer, twin, [shown(two), shown(two)], two)
    assert [a.use_no for a in said] == [1, 2, 3, 0]
    assert said[3].refusal is Refusal.USES_EXHAUSTED


def wage(line: int, members: int = 1, **more: object) -> Grant:
    return grant("P21", f"line-{line}", "threshold", members=members, max_uses=9, **more)


def one_wage(twin: Twin, grant: Grant, person: str = WITH_CAR) -> tuple[Question, bytes]:
    token = twin.token(twin.claims("public_security", person), replace(grant))
    return shown(token, "P21", grant.parameter), token


def test_the_fifth_line_of_a_year_is_refused_whoever_asks(wages: tuple[Twin, Node]) -> None:
    twin, node = wages
    answerer = node.answerer()
    said = []
    for line in LINES:  # each under a consent of its own
        question, token = one_wage(twin, wage(line))
        said += ask(answerer, twin, [question], token)
    assert said == [NO, NO, NO, NO, refused(Refusal.THRESHOLDS_EXHAUSTED)]
    question, token = one_wage(twin, wage(300))
    assert ask(node.answerer(), twin, [question], token) == [NO]  # a repeat is no new line
    question, token = one_wage(twin, wage(500), WITHOUT_CAR)
    assert ask(answerer, twin, [question], token) == [YES]  # another record


def test_the_third_household_size_of_a_year_is_refused(wages: tuple[Twin, Node]) -> None:
    twin, node = wages
    said = []
    for members in (7, 8, 9, 7):
        question, token = one_wage(twin, wage(100, members))
        said += ask(node.answerer(), twin, [question], token)
    assert said == [NO, YES, refused(Refusal.THRESHOLDS_EXHAUSTED), NO]


def test_lines_of_one_request_are_counted_together(wages: tuple[Twin, Node]) -> None:
    twin, node = wages
    token = twin.token(twin.claims("public_security", WITH_CAR), *(wage(line) for line in LINES))
    asked = [shown(token, "P21", f"line-{line}") for line in (*LINES, 100)]
    exhausted = refused(Refusal.THRESHOLDS_EXHAUSTED)
    assert ask(node.answerer(), twin, asked, token) == [NO, NO, NO, NO, exhausted, NO]


def set_wage(node: Node, fen: int) -> None:
    with sqlite3.connect(node.catalogue.source) as c:
        c.execute("UPDATE wage SET fen = ?", (fen,))
    c.close()


def test_a_recheck_looks_again_once_a_year(wages: tuple[Twin, Node]) -> None:
    twin, node = wages
    answerer = node.answerer()
    question, token = one_wage(twin, wage(100))
    assert ask(answerer, twin, [question], token) == [NO]
    set_wage(node, 90)
    assert ask(answerer, twin, [question], token) == [NO]  # frozen

    def recheck() -> tuple[Outcome, Refusal]:
        again = replace(wage(100), recheck=True, max_uses=1)
        asked, presented = one_wage(twin, again)
        (said,) = ask(answerer, twin, [asked], presented)
        return said

    assert recheck() == YES
    assert ask(answerer, twin, [question], token) == [YES]  # what was found anew is frozen
    assert recheck() == refused(Refusal.RECHECK_EXHAUSTED)


def open_cells(node: Node, count: int) -> None:
    rows = [(WITH_CAR.encode(), b"%016d" % n, b"") for n in range(count)]
    node.store.writer.write(lambda c: Ledger(c).write(Writes(year=2026, cells=rows)))


def test_a_tenth_of_the_budget_is_kept_for_rechecks(wages: tuple[Twin, Node]) -> None:
    twin, node = wages
    open_cells(node, limits.CELLS_PER_RECORD_YEAR - limits.CELLS_RESERVED)
    question, token = one_wage(twin, wage(100))
    spent = refused(Refusal.BUDGET_EXHAUSTED)
    assert ask(node.answerer(), twin, [question], token) == [spent]
    question, token = one_wage(twin, replace(wage(100), recheck=True, max_uses=1))
    assert ask(node.answerer(), twin, [question], token) == [NO]
    open_cells(node, limits.CELLS_PER_RECORD_YEAR)
    question, token = one_wage(twin, replace(wage(200), recheck=True, max_uses=1))
    twin.clock.seconds += 1
    assert ask(node.answerer(), twin, [question], token)[0][0] is Outcome.REFUSED


def test_four_fifths_of_the_budget_raise_an_alert(wages: tuple[Twin, Node]) -> None:
    twin, node = wages
    open_cells(node, limits.CELLS_ALERT - 2)

    def alerts() -> list[tuple[bytes, int]]:
        return node.store.ledger().alerts()

    token = twin.token(twin.claims("public_security", WITH_CAR), wage(100), wage(200))
    answerer = node.answerer()
    assert ask(answerer, twin, [shown(token, "P21", "line-100")], token) == [NO]
    assert alerts() == []
    assert ask(answerer, twin, [shown(token, "P21", "line-200")], token) == [NO]
    assert alerts() == [(WITH_CAR.encode(), 2026)]


def test_records_that_need_long_are_read_while_nobody_waits(wages: tuple[Twin, Node]) -> None:
    twin, node = wages
    with sqlite3.connect(node.catalogue.source) as c:  # a table that has to be read through
        c.executemany(
            "INSERT INTO wage VALUES ('x', '2026-05-01', ?)", ((n,) for n in range(2_000))
        )
    c.close()
    node.records = SqliteRecords(node.catalogue.source, ReadLimits(prompt_steps=0))
    question, token = one_wage(twin, wage(100))
    assert ask(node.answerer(), twin, [question] * 3, token) == [NO] * 3
    node.records = SqliteRecords(node.catalogue.source, ReadLimits(prompt_steps=0, steps=0))
    question, token = one_wage(twin, wage(200))
    unavailable = refused(Refusal.SOURCE_UNAVAILABLE)
    assert ask(node.answerer(), twin, [question], token) == [unavailable]


def test_an_import_that_holds_the_records_holds_up_only_who_needs_them(
    wages: tuple[Twin, Node],
) -> None:
    twin, node = wages
    node.records = SqliteRecords(node.catalogue.source, ReadLimits(busy_seconds=20))
    answerer = node.answerer()
    frozen, fresh = one_wage(twin, wage(100)), one_wage(twin, wage(200))
    assert ask(answerer, twin, [frozen[0]], frozen[1]) == [NO]
    with closing(sqlite3.connect(node.catalogue.source)) as c, ThreadPoolExecutor(3) as pool:
        c.execute("BEGIN EXCLUSIVE")
        waiting = [pool.submit(ask, answerer, twin, [fresh[0]], fresh[1]) for _ in range(3)]
        time.sleep(0.3)
        for _ in range(3):
            began = time.monotonic()
            assert ask(answerer, twin, [frozen[0]], frozen[1]) == [NO]
            assert time.monotonic() - began < 5
        assert not any(one.done() for one in waiting)
        c.rollback()
        assert [one.result() for one in waiting] == [[NO]] * 3


def test_records_that_stay_busy_are_unavailable(wages: tuple[Twin, Node]) -> None:
    twin, node = wages
    answerer = node.answerer()
    node.records = SqliteRecords(node.catalogue.source, ReadLimits(busy_seconds=0.1))
    late = node.answerer()
    question, token = one_wage(twin, wage(100))
    node.facts()
    with closing(sqlite3.connect(node.catalogue.source)) as c:
        c.execute("BEGIN EXCLUSIVE")
        unavailable = refused(Refusal.SOURCE_UNAVAILABLE)
        assert ask(late, twin, [question], token) == [unavailable]
        c.rollback()
    assert ask(answerer, twin, [question], token) == [NO]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(1, 2)), max_size=60))
def test_a_set_is_answered_as_one_by_one(
    cars: tuple[Twin, Node], wanted: list[tuple[int, int, int]]
) -> None:
    """Persons, predicates and uses as drawn; once in one request and once in many."""
    twin, node = cars
    people = (WITH_CAR, WITHOUT_CAR, "790302199302200158")
    pairs = (("P40", ""), ("P42", "w12m"))

    def tokens() -> dict[tuple[int, int], bytes]:
        return {
            (who, uses): twin.token(
                twin.claims("public_security", people[who]),
                grant("P40", max_uses=uses),
                grant("P42", "w12m", "window", max_uses=uses),
            )
            for who, _, uses in wanted
        }

    def said(
        held: dict[tuple[int, int], bytes], *parts: list[tuple[int, int, int]]
    ) -> list[Answer]:
        answerer = node.answerer()
        return [
            answer
            for part in parts
            if part
            for answer in answers(
                answerer,
                twin,
                [shown(held[who, uses], *pairs[pair]) for who, pair, uses in part],
                *held.values(),
            )
        ]

    together, apart = said(tokens(), wanted), said(tokens(), *([one] for one in wanted))
    assert together == apart


def test_a_question_that_cannot_be_read_is_refused_alone(cars: tuple[Twin, Node]) -> None:
    twin, node = cars
    token = twin.token(twin.claims("public_security", WITH_CAR), grant("P40"))
    items = [b"\xff", codec.encode_question(shown(token)), b""]
    batch = signed.sign(signed.prepare(twin.header(), items), twin.coordinator.key, (token,))
    reply = codec.decode_batch(node.answerer().ask("coordinator", codec.encode_batch(batch)))
    said = [codec.decode_answer(item.item) for item in reply.items]
    malformed = refused(Refusal.QUESTION_MALFORMED)
    assert [(a.outcome, a.refusal) for a in said] == [malformed, YES, malformed]


STALE = (Outcome.STALE, Refusal.NONE)


@pytest.mark.parametrize(
    ("change", "known", "absent"),
    [
        ({}, NO, YES),
        ({"as_of": None}, STALE, STALE),
        ({"as_of": date(2016, 1, 1)}, STALE, STALE),
        ({"epochs": frozenset()}, NO, refused(Refusal.SOURCE_UNAVAILABLE)),
        ({"as_of": None, "epochs": frozenset()}, STALE, refused(Refusal.SOURCE_UNAVAILABLE)),
    ],
    ids=["as it is", "no date", "too old", "roll not enrolled", "both"],
)
def test_what_the_source_says_of_itself_goes_before_its_records(
    wages: tuple[Twin, Node],
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, object],
    known: tuple[Outcome, Refusal],
    absent: tuple[Outcome, Refusal],
) -> None:
    """Asked of somebody on the roll and of somebody who is not."""
    twin, node = wages
    facts = replace(node.facts(), **change)  # type: ignore[arg-type]
    monkeypatch.setattr(node, "facts", lambda: facts)
    asked = [one_wage(twin, wage(100), one) for one in (WITH_CAR, "790302199302200158")]
    said = ask(node.answerer(), twin, [question for question, _ in asked], *(t for _, t in asked))
    assert said == [known, absent]


BIG = "9223372036854775807"  # twice that is no integer of SQLite's


@pytest.mark.parametrize("bad", [[BIG, BIG], ["'abc'"]])
@pytest.mark.parametrize("place", [0, 1])
def test_one_bad_record_is_not_held_against_the_others(
    wages: tuple[Twin, Node], bad: list[str], place: int
) -> None:
    twin, node = wages
    with sqlite3.connect(node.catalogue.source) as c:
        for fen in bad:
            c.execute(f"INSERT INTO wage VALUES (?, '2026-06-01', {fen})", (WITHOUT_CAR,))
    c.close()
    people = [WITH_CAR, WITH_CAR, WITH_CAR]
    people[place] = WITHOUT_CAR
    asked = [one_wage(twin, wage(100), person) for person in people]
    said = ask(node.answerer(), twin, [question for question, _ in asked], *(t for _, t in asked))
    assert said.pop(place) == refused(Refusal.SOURCE_UNAVAILABLE)
    assert said == [NO, NO]


def test_a_text_that_is_none_is_not_held_against_the_others(tmp_path: Path) -> None:
    twin = twins.make(tmp_path / "f")
    with twins.open_node(twin) as node:
        with sqlite3.connect(node.catalogue.source) as c:
            c.execute("INSERT INTO vehicle VALUES (?, CAST(x'ff' AS TEXT))", (WITHOUT_CAR,))
        c.close()
        window = grant("P42", "w12m", "window")
        tokens = [
            twin.token(twin.claims("public_security", one), window)
            for one in (WITHOUT_CAR, WITH_CAR)
        ]
        asked = [shown(one, "P42", "w12m") for one in tokens]
        assert ask(node.answerer(), twin, asked, *tokens) == [
            refused(Refusal.SOURCE_UNAVAILABLE),
            YES,
        ]


def test_no_repr_shows_whom_a_request_is_about(wages: tuple[Twin, Node]) -> None:
    """Record keys may be resident numbers, and a pseudonym stands for one person."""
    twin, node = wages
    psn = twin.psn("public_security", WITH_CAR)
    look = Look(b"c" * 16, "P21 line-100", "202611", psn, b"x" * 16, 2026)
    key = WITH_CAR.encode()
    writes = Writes(
        year=2026,
        cells=[(key, b"x", b"answer")],
        opened=[(key, "wages", 100, 1)],
        rechecked=[(key, "P21")],
        alerts=[key],
    )
    shown = node.answerer().consents.open((twin.token(twin.claims("tax", WITH_CAR), wage(100)),))
    for one in (look, writes, shown):
        text = repr(one)
        assert WITH_CAR not in text
        assert repr(psn) not in text
        assert "eyJ" not in text
