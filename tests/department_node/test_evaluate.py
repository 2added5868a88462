"""One record in, one small word out: every form at its boundaries."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from department_node.catalogue import Answering
from department_node.evaluate import Minimized, Period, Person, evaluate, period_of
from department_node.gate import Admitted
from department_node.looking import _no_consent
from federation import catalogue
from federation.catalogue import JOINT, Form, ParameterKind, Register
from federation.clock import months_before
from federation.consent import Grant
from federation.errors import HeduiError
from federation.exchange import Outcome, Purpose, Scope
from federation.policy import Parameter, Rule

KNOWN = Person(key="k1", name=b"n" * 32)
TODAY = date(2026, 11, 18)
MONTH = period_of("month", TODAY)


@dataclass
class Records:
    """A source that gives one value and remembers what it was asked."""

    value: object = None
    asked: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def scalar(self, sql: str, parameters: Mapping[str, object]) -> object | None:
        self.asked.append((sql, dict(parameters)))
        return self.value


@dataclass
class Roll:
    """Pseudonyms by record key."""

    by_key: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def person(self, psn: bytes) -> Person | None:
        raise NotImplementedError

    def pseudonyms(self, key: str) -> tuple[bytes, ...]:
        return self.by_key.get(key, ())


def asked(
    predicate: str,
    parameter: Parameter | None = None,
    *,
    members: int = 1,
    args: tuple[bytes, ...] = (),
) -> Admitted:
    known = catalogue.load().predicate(predicate)
    name = parameter.id if parameter else ""
    return Admitted(
        consent=_no_consent(),
        grant=Grant(
            predicate=predicate,
            parameter=name,
            form=known.form.value,
            max_uses=1,
            members=members,
            args=args,
        ),
        rule=Rule(
            predicate=predicate,
            purposes=frozenset(Purpose),
            parameters=(name,) if name else (),
            period="month",
            max_age_days=100,
        ),
        parameter=parameter,
        answering=Answering(
            predicate=known, purposes=frozenset(Purpose), scope=Scope.CITY, sql="SELECT 1"
        ),
    )


def parameter(kind: str, **values: object) -> Parameter:
    return Parameter(id=f"{kind}-x", kind=kind, zh="", en="", **values)  # type: ignore[arg-type]


def answer(
    admitted: Admitted,
    value: object,
    *,
    person: Person | None = KNOWN,
    period: Period = MONTH,
    roll: Roll | None = None,
) -> Minimized:
    return evaluate(admitted, person, period, Records(value), roll or Roll())


YES, NO = Minimized(Outcome.YES), Minimized(Outcome.NO)


@pytest.mark.parametrize(("value", "said"), [(None, NO), (0, NO), (1, YES), (7, YES), (-1, YES)])
def test_boolean(value: object, said: Minimized) -> None:
    assert answer(asked("P40"), value) == said


@pytest.mark.parametrize(
    ("value", "counted"), [(None, 0), (-3, 0), (0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (99, 3)]
)
def test_count_is_capped(value: object, counted: int) -> None:
    predicate = next(p for p in catalogue.load() if p.form is Form.COUNT and p.cap == 3)
    assert answer(asked(predicate.id), value) == Minimized(Outcome.COUNT, counted)


@pytest.mark.parametrize(
    ("value", "band"),
    [(None, 0), (0, 0), (100, 0), (101, 1), (200, 1), (201, 2), (300, 2), (301, 3), (10**12, 3)],
)
def test_band_is_the_number_of_edges_that_are_exceeded(value: object, band: int) -> None:
    predicate = next(p for p in catalogue.load() if p.form is Form.BAND)
    edges = parameter("band", edges=(100, 200, 300))
    assert answer(asked(predicate.id, edges), value) == Minimized(Outcome.BAND, band)


@pytest.mark.parametrize(
    ("comparator", "value", "said"),
    [
        ("le", 2999, YES),
        ("le", 3000, YES),
        ("le", 3001, NO),
        ("le", None, YES),
        ("ge", 2999, NO),
        ("ge", 3000, YES),
        ("ge", 3001, YES),
        ("ge", None, NO),
    ],
)
def test_threshold_is_per_head_times_members(
    comparator: str, value: object, said: Minimized
) -> None:
    rung = parameter("rung", per_head=1000, comparator=comparator)
    assert answer(asked("P21", rung, members=3), value) == said


def test_threshold_per_person_is_not_multiplied() -> None:
    rung = parameter("rung", per_head=1000, per="person")
    assert answer(asked("P21", rung, members=3), 1000) == YES
    assert answer(asked("P21", rung, members=3), 1001) == NO


@given(st.integers(0, 10**9), st.integers(1, 30), st.integers(-1, 1))
def test_threshold_at_any_rung(per_head: int, members: int, away: int) -> None:
    bound = per_head * members
    for comparator, holds in (("le", away <= 0), ("ge", away >= 0)):
        rung = parameter("rung", per_head=per_head, comparator=comparator)
        said = answer(asked("P21", rung, members=members), bound + away)
        assert said == (YES if holds else NO)


@pytest.mark.parametrize("predicate", ["P17", "P21", "P42"])
def test_a_question_without_its_line_is_not_answered_by_a_guess(predicate: str) -> None:
    with pytest.raises(HeduiError, match="NODE_CATALOGUE_INVALID"):
        answer(asked(predicate), 5)


def test_nobody_is_counted_as_none_where_everybody_ought_to_be() -> None:
    one = asked("P17", parameter("band", edges=(1,)))
    everybody = replace(one.answering.predicate, register=Register.POPULATION)
    odd = replace(one, answering=replace(one.answering, predicate=everybody))
    with pytest.raises(HeduiError, match="NODE_CATALOGUE_INVALID"):
        answer(odd, 5, person=None)


@pytest.mark.parametrize(
    ("today", "months", "first"),
    [
        (date(2026, 11, 18), 12, date(2025, 11, 18)),
        (date(2027, 3, 31), 1, date(2027, 2, 28)),
        (date(2028, 3, 31), 1, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2027, 2, 28)),
        (date(2026, 12, 31), 6, date(2026, 6, 30)),
        (date(2026, 1, 31), 2, date(2025, 11, 30)),
    ],
)
def test_window_begins_on_the_very_day(today: date, months: int, first: date) -> None:
    window = asked("P42", parameter("window", months=months))
    period = period_of("month", today)
    assert answer(window, first.isoformat(), period=period) == YES
    assert answer(window, (first - timedelta(days=1)).isoformat(), period=period) == NO
    assert answer(window, today.isoformat(), period=period) == YES


def test_window_reads_dates_with_a_time_and_nothing() -> None:
    window = asked("P42", parameter("window", months=12))
    assert answer(window, "2026-05-01 10:30:00") == YES
    assert answer(window, None) == NO


@pytest.mark.parametrize("value", ["2026/05/01", "yesterday", "", 1746057600])
def test_a_window_value_that_is_no_date_is_a_fault_of_the_source(value: object) -> None:
    with pytest.raises(HeduiError, match="SOURCE_VALUE"):
        answer(asked("P42", parameter("window", months=12)), value)


@pytest.mark.parametrize("value", [1.0, "1", b"1", 0.5])
def test_a_number_that_is_no_integer_is_a_fault_of_the_source(value: object) -> None:
    rung = parameter("rung", per_head=1000)
    for one in (asked("P40"), asked("P21", rung)):
        with pytest.raises(HeduiError, match="SOURCE_VALUE"):
            answer(one, value)


def test_enum_gives_the_place_in_the_closed_list() -> None:
    values = catalogue.load().predicate("P07").values
    for place, word in enumerate(values):
        assert answer(asked("P07"), word) == Minimized(Outcome.ENUM, place)
    with pytest.raises(HeduiError, match="SOURCE_VALUE"):
        answer(asked("P07"), "engaged")


def test_enum_of_a_known_person_without_a_value() -> None:
    for predicate in catalogue.load():
        if predicate.form is not Form.ENUM:
            continue
        said = answer(asked(predicate.id), None)
        if predicate.register is Register.POPULATION:
            assert said == Minimized(Outcome.NO_RECORD)
        elif "none" in predicate.values:
            assert said == Minimized(Outcome.ENUM, predicate.values.index("none"))
        else:
            assert said == NO


@pytest.mark.parametrize(
    ("values", "said"),
    [(("first", "second"), NO), (("first", "none"), Minimized(Outcome.ENUM, 1))],
)
def test_an_event_register_answers_no_unless_it_has_a_word_for_none(
    values: tuple[str, ...], said: Minimized
) -> None:
    one = asked("P57")
    worded = replace(one.answering.predicate, values=values)
    assert answer(replace(one, answering=replace(one.answering, predicate=worded)), None) == said


def needed(predicate: catalogue.Predicate) -> Parameter | None:
    match predicate.parameter:
        case ParameterKind.WINDOW:
            return parameter("window", months=3)
        case ParameterKind.RUNG:
            return parameter("rung", per_head=5)
        case ParameterKind.BAND:
            return parameter("band", edges=(1, 2))
        case ParameterKind.AREA:
            return parameter("area", prefix="79")
        case ParameterKind.VALUE:
            return parameter("value", value="DIBAO")
    return None


SINGLE = [one for one in catalogue.load() if one.form not in JOINT]


@pytest.mark.parametrize("predicate", SINGLE, ids=lambda p: p.id)
def test_absent_people_by_register(predicate: catalogue.Predicate) -> None:
    """Absent from a population is NO_RECORD; absent from events is as if nothing had happened."""
    one = asked(predicate.id, needed(predicate), args=(bytes(32),))
    absent = answer(one, "never asked", person=None)
    if predicate.register is Register.POPULATION:
        assert absent == Minimized(Outcome.NO_RECORD)
    else:
        assert absent == answer(one, None)


def test_the_absent_are_not_looked_for() -> None:
    records = Records()
    for predicate in ("P40", "P01"):
        one = asked(predicate, needed(catalogue.load().predicate(predicate)))
        evaluate(one, None, MONTH, records, Roll())
    assert records.asked == []


@pytest.mark.parametrize(
    ("value", "declared", "said"),
    [
        (None, (), YES),
        (None, (b"a" * 32,), YES),
        ("spouse", (b"a" * 32,), YES),
        ("spouse", (b"x" * 32, b"b" * 32), YES),
        ("spouse", (b"x" * 32,), NO),
        ("spouse", (), NO),
        ("stranger to the roll", (b"a" * 32,), NO),
        ("", (b"a" * 32,), NO),
    ],
)
@pytest.mark.parametrize("predicate", ["P02", "P08"])
def test_members(
    predicate: str, value: object, declared: tuple[bytes, ...], said: Minimized
) -> None:
    roll = Roll({"spouse": (b"a" * 32, b"b" * 32)})  # two epochs
    assert answer(asked(predicate, args=declared), value, roll=roll) == said


def test_name_is_compared_without_any_record() -> None:
    records = Records()
    for name, said in ((KNOWN.name, YES), (b"o" * 32, NO)):
        one = asked("P06", args=(name,))
        assert evaluate(one, KNOWN, MONTH, records, Roll()) == said
    assert records.asked == []


def test_a_register_without_a_name_contradicts_nobody() -> None:
    one = asked("P06", args=(b"n" * 32,))
    nameless = Person(key="k1", name=b"")
    assert answer(one, None, person=nameless) == Minimized(Outcome.NO_RECORD)
    assert answer(asked("P06", args=(b"",)), None, person=nameless) == Minimized(Outcome.NO_RECORD)


def test_what_a_statement_may_bind() -> None:
    records = Records(0)
    window = asked("P42", parameter("window", months=12), members=4)
    records.value = None
    evaluate(window, KNOWN, period_of("12m", TODAY), records, Roll())
    assert records.asked[0][1] == {
        "key": "k1",
        "from": "2025-11-01",
        "to": "2026-11-01",
        "today": "2026-11-18",
        "since": "2025-11-18",
        "prefix": "",
        "value": "",
        "size": 4,
    }


@given(st.dates(date(1950, 1, 1), date(2200, 1, 1)))
def test_periods_are_whole_months(today: date) -> None:
    month, year = period_of("month", today), period_of("12m", today)
    assert month.start <= today < month.end
    assert month.start.day == month.end.day == 1
    assert months_before(month.end, 1) == month.start
    assert year.end == month.start
    assert months_before(year.end, 12) == year.start
    assert year.start.year == year.end.year - 1
    assert year.start.month == year.end.month
