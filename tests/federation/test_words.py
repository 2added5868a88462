"""Words for questions and answers: every outcome of every predicate, in both languages."""

import re

import pytest

from federation import words
from federation.catalogue import JOINT, Form, Predicate, Register, Unit, load
from federation.exchange import Answer, Outcome, Purpose, Refusal, Scope
from federation.policy import Parameter

CHINESE = re.compile(r"[\u4e00-\u9fff]")
SINGLE = [one for one in load() if one.form not in JOINT]
EDGES = Parameter(id="b", kind="band", zh="档", en="bands", edges=(83_000, 124_550))


def said(predicate: str, outcome: Outcome, value: int = 0, lang: str = "zh") -> str:
    answer = Answer(outcome=outcome, value=value)
    return words.outcome(answer, load().predicate(predicate), EDGES, lang)


def outcomes(predicate: Predicate) -> list[Answer]:
    bare = [Outcome.NO_RECORD, Outcome.STALE, Outcome.PRESENT_AGAIN, Outcome.UNKNOWN_IDENTITY]
    answers = [Answer(outcome=one) for one in (*bare, Outcome.YES, Outcome.NO)]
    answers.append(Answer(outcome=Outcome.REFUSED, refusal=Refusal.NODE_PAUSED))
    if predicate.form is Form.ENUM:
        answers += [Answer(outcome=Outcome.ENUM, value=i) for i in range(len(predicate.values))]
    if predicate.form is Form.COUNT:
        answers += [Answer(outcome=Outcome.COUNT, value=i) for i in range(predicate.cap + 1)]
    if predicate.form is Form.BAND:
        answers += [Answer(outcome=Outcome.BAND, value=i) for i in range(4)]
    return answers


@pytest.mark.parametrize("predicate", SINGLE, ids=lambda p: p.id)
def test_every_outcome_has_words(predicate: Predicate) -> None:
    for answer in outcomes(predicate):
        zh, en = (words.outcome(answer, predicate, EDGES, lang) for lang in ("zh", "en"))
        assert zh
        assert en
        assert not CHINESE.search(en)
        if answer.outcome is Outcome.ENUM:
            assert CHINESE.search(zh), f"{predicate.id}_{predicate.values[answer.value]}"


def test_every_unit_has_words() -> None:
    for lang in ("zh", "en"):
        assert {one: words.say("unit", one.value, lang) for one in Unit if one}


def test_yes_and_no_by_register() -> None:
    assert said("P40", Outcome.YES) == "有"
    assert said("P40", Outcome.NO) == "未发现"
    assert said("P01", Outcome.YES) == "是"
    assert said("P01", Outcome.NO) == "否"
    assert said("P21", Outcome.NO) == "否"
    event = next(p for p in SINGLE if p.form is Form.ENUM and p.register is Register.EVENT)
    assert said(event.id, Outcome.NO) == "未发现"


def test_bands_are_amounts() -> None:
    band = next(p for p in SINGLE if p.form is Form.BAND and p.unit == "fen")
    assert [said(band.id, Outcome.BAND, i) for i in range(4)] == [
        "≤ 830 元",
        "830–1,245.50 元",
        "> 1,245.50 元",
        "第 3 档",
    ]
    assert words.outcome(Answer(outcome=Outcome.BAND, value=1), band, None, "en") == "band 1"


def test_a_band_up_to_nothing_is_nothing() -> None:
    band = next(p for p in SINGLE if p.form is Form.BAND and p.unit == "fen")
    edges = Parameter(id="b", kind="band", zh="档", en="bands", edges=(0, 100_050))
    said = [Answer(outcome=Outcome.BAND, value=k) for k in range(2)]
    assert [words.outcome(one, band, edges, "zh") for one in said] == ["未发现", "0–1,000.50 元"]


def test_amounts_have_no_needless_decimals() -> None:
    amounts = [(123_400, Unit.FEN), (123_450, Unit.AREA), (1_234, Unit.ENERGY)]
    assert [words.amount(*one) for one in amounts] == ["1,234", "1,234.50", "1,234"]


def test_counts_are_capped() -> None:
    count = next(p for p in SINGLE if p.form is Form.COUNT)
    assert said(count.id, Outcome.COUNT, 0) == "未发现"
    assert said(count.id, Outcome.COUNT, count.cap) == f"{count.cap} 及以上"
    assert said(count.id, Outcome.COUNT, 1) == ("1" if count.cap > 1 else "1 及以上")


def test_a_value_beyond_the_list_stands_as_its_number() -> None:
    assert said("P07", Outcome.ENUM, 99) == "99"


def test_questions_name_their_window() -> None:
    window = Parameter(id="w", kind="window", zh="近12个月", en="last 12 months", months=12)
    predicate = load().predicate("P42")
    assert words.question(predicate, window, "zh").endswith("(近12个月)")
    assert words.question(predicate, window, "en").endswith(" (last 12 months)")
    assert words.question(predicate, None, "zh") == predicate.question("zh")


def test_purposes_scopes_and_days() -> None:
    assert [words.purpose(one, "zh") for one in Purpose] == [
        "新申请",
        "定期复核",
        "动态监测",
        "身份核验",
    ]
    assert words.purpose(99, "en") == "99"
    assert all(words.say("scope", one.name, lang) for one in Scope for lang in ("zh", "en"))
    days = [words.day(one) for one in (20261101, 0, 20261399, 7)]
    assert days == ["2026-11-01", "", "", ""]
