"""What is counted when, what does not add up and is said, and who was covered."""

import tracemalloc
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.database import Database, open_database
from coordinator.statistics import columns, layout, periods
from coordinator.statistics.counting import By, Counting
from coordinator.statistics.figures import Coverage, Covered, Difference, Figures, both
from coordinator.statistics.register import Register
from tests.coordinator.statistics.registers import AREAS, Wanted, lines, naming, one


def counting(database: Database) -> Counting:
    return Counting(database, layout.load())


def test_a_hundred_and_six_people_and_a_hundred_and_fifteen_entitlements(
    database: Database,
) -> None:
    # 5 urban, 21 rural, 89 in extreme poverty; nine of these hold a second entitlement
    held = [("DIBAO_URBAN", 5), ("DIBAO_RURAL", 21), ("TEKUN", 89)]
    programmes = [programme for programme, times in held for _ in range(times)]
    people = [*range(26), *range(17, 26), *range(100, 180)]
    Register(database).keep(
        (one(place, programme=programme)[0], frozenset({person}))
        for place, (programme, person) in enumerate(zip(programmes, people, strict=True))
    )
    found = counting(database).statistics(periods.parse("2026"))
    assert {part.key: part.figures.people for part in found.parts} == dict(held)
    assert found.total.people == 106
    assert found.total.persons == 115
    assert found.differences == (Difference(figure="people", total=106, parts=115),)
    (line,) = (columns.difference(each, naming()) for each in found.differences)
    assert line.startswith("人数:合计 106,分项相加 115,相差 9")


@pytest.mark.parametrize("by", list(By))
def test_every_breakdown_adds_up(database: Database, by: By) -> None:
    period = periods.parse("2026H2")
    wanted = {
        name: Wanted(households=20, persons=50, hits=5, findings=9) for name in ("TEKUN", "A")
    }
    Register(database).keep(lines(wanted, period.months))
    found = counting(database).statistics(period, by=by)
    assert found.differences == ()
    assert found.total.households == 40
    assert sum(part.figures.findings for part in found.parts) == 18


def test_an_area_is_a_prefix_and_no_pattern(database: Database) -> None:
    Register(database).keep(one(place, area=area) for place, area in enumerate(AREAS))
    count = counting(database)
    year = periods.parse("2026")
    for area, expected in (("7903", 3), ("790302", 1), ("79030_", 0), ("%", 0)):
        found = count.statistics(year, area)
        assert found.total.households == expected
        assert sum(part.figures.households for part in found.parts) == expected


def test_decisions_count_in_their_own_month(database: Database) -> None:
    Register(database).keep(
        [
            one(1, granted=202602),
            one(2, ended=202602, outcome="refuse"),
            one(3, granted=202601, ended=202602, outcome="withdraw"),
            one(4, entry=False, ended=202602, outcome="refuse"),
            one(5, entry=False, granted=202602),
        ]
    )
    found = counting(database).statistics(periods.parse("2026-02")).total
    assert (found.households, found.granted, found.refused, found.left) == (0, 1, 1, 2)
    before = counting(database).statistics(periods.parse("2026-01")).total
    assert (before.households, before.granted, before.left) == (5, 1, 0)


def test_the_two_hundreds(database: Database) -> None:
    Register(database).keep(
        [
            one(1),  # new and reported
            one(2, reported=0),  # new, and nobody has looked yet
            one(3, month=202512, reported=202512, granted=202512),  # in aid, not looked at again
            one(4, month=202512, reported=202512, granted=202512, household=44),
            one(5, entry=False, granted=202601, household=44),  # its review
            one(6, month=202511, reported=202511, granted=202511, ended=202512),  # left before
            one(7, month=202511, reported=202511, granted=202511, household=77),
            one(8, entry=False, reported=202512, ended=202512, household=77),  # refused at review
            one(9, month=202511, reported=202511, granted=202512, ended=202602),  # left after
        ]
    )
    (found,) = counting(database).coverage(periods.parse("2026-01"))
    assert found.new == Covered(wanted=2, checked=1)
    assert found.existing == Covered(wanted=3, checked=1)
    assert counting(database).coverage(periods.parse("2026-01"), "7904") == []
    assert both([found, found]).new.rate == 0.5
    assert both([]) == Coverage(
        key="", new=Covered(wanted=0, checked=0), existing=Covered(wanted=0, checked=0)
    )
    assert both([]).new.rate is None


def test_a_line_is_replaced_with_its_people(database: Database) -> None:
    register = Register(database)
    line, _ = one(1, seen="1:0:0")
    register.keep([(line, frozenset({1, 2}))])
    register.keep([(one(1, persons=3, seen="2:0:0")[0], frozenset({2, 3, 4}))])
    total = counting(database).statistics(periods.parse("2026")).total
    assert (total.households, total.persons, total.people) == (1, 3, 3)
    assert register.seen(["HD-1", "HD-9"]) == {"HD-1": "2:0:0"}


def test_memory_is_that_of_the_groups(database: Database) -> None:
    year, peaks = periods.parse("2026"), []
    for first, last in ((0, 100), (100, 1_500)):
        Register(database).keep(
            one(place, reported=202601 + place % 12, area=AREAS[place % 3])
            for place in range(first, last)
        )
        counting(database).statistics(year)
        tracemalloc.start()
        assert counting(database).statistics(year).total.people == last
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.25 * peaks[0]


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 2), st.integers(1, 6)), max_size=30))
def test_totals_are_those_of_a_plain_loop(rows: list[tuple[int, int, int]]) -> None:
    database = open_database("sqlite://")
    Register(database).keep(
        one(
            place,
            reported=202601 + month,
            programme=("TEKUN", "TEMP_AID", "DIBAO_URBAN")[programme],
            persons=persons,
            findings=persons - 1,
        )
        for place, (month, programme, persons) in enumerate(rows)
    )
    for name, months in (("2026", range(12)), ("2026H2", range(6, 12)), ("2026-03", [2])):
        inside = [row for row in rows if row[0] in months]
        found = counting(database).statistics(periods.parse(name))
        assert found.total.households == len(inside)
        assert found.total.persons == sum(persons for _, _, persons in inside)
        assert found.total.hits == sum(persons > 1 for _, _, persons in inside)
        assert found.differences == ()
    database.close()


def test_rates_of_nothing_are_none() -> None:
    rates = (
        *(Figures().hit_rate, Figures().precision, Figures().in_time),
        *(Figures().hours, Figures().feedback, Figures().upheld),
    )
    assert set(rates) == {None}


def test_rates() -> None:
    found = Figures(
        households=8,
        hits=2,
        flagged=10,
        answered=6,
        confirmed=4,
        timed=4,
        late=1,
        seconds=4 * 7_200,
        tasks_due=5,
        tasks_on_time=4,
        objected=3,
        sustained=1,
    )
    assert (found.hit_rate, found.precision, found.in_time, found.hours) == (0.25, 0.4, 0.75, 2.0)
    assert found.feedback == 0.8
    assert found.upheld == pytest.approx(1 / 3)


def test_every_column_has_a_name_of_its_own() -> None:
    for lang, column in product(("zh", "en"), columns.COLUMNS):
        same = [one for one in columns.COLUMNS if one.title(lang) == column.title(lang)]
        assert same == [column]
