"""The signed policy: what is allowed, and what its parser refuses."""

import hashlib
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import catalogue, policy
from federation.errors import BadInput, Refused
from federation.exchange import Purpose
from federation.policy import Parameter, Policy

TEXT = """
family = "test"
version = 3
issued = 2026-01-01
expires = 2027-12-31
title = { zh = "测试", en = "Test" }

[[parameter]]
id = "w12m"
kind = "window"
months = 12
zh = "近12个月"
en = "last 12 months"

[[parameter]]
id = "deposit-12s"
kind = "rung"
per_head = 996000
comparator = "le"
zh = "线"
en = "line"

[[parameter]]
id = "si-base"
kind = "band"
edges = [83000, 124500]
zh = "档"
en = "bands"

[[rule]]
predicate = "P40"
purposes = ["ENTRY", "REVIEW"]
parameters = []
period = "month"
max_age_days = 120

[[rule]]
predicate = "P42"
purposes = ["ENTRY"]
parameters = ["w12m"]
period = "month"
max_age_days = 120

[[rule]]
predicate = "P50"
purposes = ["ENTRY"]
parameters = ["deposit-12s"]
period = "month"
max_age_days = 0
"""
POLICY = policy.parse(TEXT.encode(), catalogue.load())


def _refuse(text: str, why: str) -> BadInput:
    with pytest.raises(BadInput, match=why) as caught:
        policy.parse(text.encode(), catalogue.load())
    return caught.value


def _changed(old: str, new: str) -> str:
    assert TEXT.count(old) >= 1, old
    return TEXT.replace(old, new, 1)


def test_a_policy_is_read() -> None:
    assert (POLICY.family, POLICY.version) == ("test", 3)
    assert POLICY.title == {"zh": "测试", "en": "Test"}
    assert POLICY.digest == hashlib.sha256(TEXT.encode()).digest()
    assert POLICY.parameters["w12m"] == Parameter(
        id="w12m", kind="window", zh="近12个月", en="last 12 months", months=12
    )
    assert POLICY.parameters["si-base"].edges == (83_000, 124_500)
    assert POLICY.rules["P40"].purposes == {Purpose.ENTRY, Purpose.REVIEW}


@given(st.integers(0, 10**9), st.integers(1, 30))
def test_a_rung_is_per_head_unless_per_person(per_head: int, members: int) -> None:
    plain = Parameter(id="x", kind="rung", zh="", en="", per_head=per_head)
    person = Parameter(id="x", kind="rung", zh="", en="", per_head=per_head, per="person")
    assert plain.threshold(members) == per_head * members
    assert person.threshold(members) == per_head


# ---- what is allowed


def test_an_allowed_question_gives_rule_and_parameter() -> None:
    rule, parameter = POLICY.check("P42", "w12m", Purpose.ENTRY)
    assert (rule.predicate, parameter) == ("P42", POLICY.parameters["w12m"])
    assert POLICY.check("P40", "", Purpose.REVIEW) == (POLICY.rules["P40"], None)


@pytest.mark.parametrize(
    ("predicate", "parameter", "purpose", "code"),
    [
        ("P41", "", Purpose.ENTRY, "POLICY_NOT_ANSWERED"),
        ("P42", "w12m", Purpose.REVIEW, "POLICY_NOT_ANSWERED"),
        ("P40", "", 0, "POLICY_NOT_ANSWERED"),
        ("P40", "w12m", Purpose.ENTRY, "POLICY_PARAMETER"),
        ("P42", "", Purpose.ENTRY, "POLICY_PARAMETER"),
        ("P42", "si-base", Purpose.ENTRY, "POLICY_PARAMETER"),
        ("P42", "w13m", Purpose.ENTRY, "POLICY_PARAMETER"),
    ],
)
def test_everything_else_is_refused(
    predicate: str, parameter: str, purpose: int, code: str
) -> None:
    with pytest.raises(Refused, match=code):
        POLICY.check(predicate, parameter, purpose)


def _noon(day: date) -> int:
    """Give 04:00 UTC: noon in China."""
    return int(datetime(day.year, day.month, day.day, 4, tzinfo=UTC).timestamp())


@pytest.mark.parametrize("day", [date(2026, 1, 1), date(2026, 11, 18), date(2027, 12, 31)])
def test_a_policy_in_force_is_followed(day: date) -> None:
    POLICY.check_current(_noon(day))


@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2028, 1, 1)])
def test_a_policy_out_of_force_is_refused(day: date) -> None:
    with pytest.raises(Refused, match="POLICY_VERSION"):
        POLICY.check_current(_noon(day))


def test_a_policy_ends_by_the_day_in_china() -> None:
    end = int(datetime(2027, 12, 31, 16, tzinfo=UTC).timestamp())
    POLICY.check_current(end - 1)
    with pytest.raises(Refused, match="POLICY_VERSION"):
        POLICY.check_current(end)


# ---- what the parser refuses


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('family = "test"', 'family = "test"\nfamily = "twice"'),
        ('family = "test"', 'family = "test"\nsurprise = 1'),
        ('family = "test"\n', ""),
        ("version = 3", "version = 0"),
        ("version = 3", 'version = "3"'),
        ("version = 3", "version = true"),
        ("issued = 2026-01-01", 'issued = "2026-01-01"'),
        ("issued = 2026-01-01", "issued = 2026-01-01T00:00:00"),
        ('title = { zh = "测试", en = "Test" }', 'title = "测试"'),
        ('title = { zh = "测试", en = "Test" }', 'title = { zh = "测试" }'),
        ('id = "deposit-12s"', 'id = "w12m"'),
        ('id = "w12m"', "id = 12"),
        ('id = "w12m"', ""),
        ('kind = "window"', 'kind = "tide"'),
        ('kind = "window"', 'kind = ["window"]'),
        ("months = 12\n", ""),
        ("months = 12", "months = -12"),
        ("months = 12", "months = 12.0"),
        ("months = 12", "months = true"),
        ("months = 12", "months = 12\nper_head = 5"),
        ("per_head = 996000\n", ""),
        ("per_head = 996000", 'per_head = "996000"'),
        ('comparator = "le"', 'comparator = "lt"'),
        ('comparator = "le"', 'comparator = "le"\nper = "household"'),
        ("edges = [83000, 124500]\n", ""),
        ("edges = [83000, 124500]", "edges = [124500, 83000]"),
        ("edges = [83000, 124500]", "edges = [83000, 83000]"),
        ("edges = [83000, 124500]", "edges = [83000, 124500.5]"),
        ("edges = [83000, 124500]", "edges = 83000"),
        ('zh = "近12个月"', "zh = 12"),
        ('zh = "近12个月"\n', ""),
        ('predicate = "P42"', 'predicate = "P40"'),
        ('purposes = ["ENTRY", "REVIEW"]', 'purposes = ["CURIOSITY"]'),
        ('purposes = ["ENTRY", "REVIEW"]', 'purposes = "ENTRY"'),
        ("parameters = []", 'parameters = ["w12m"]'),
        ('parameters = ["w12m"]', "parameters = []"),
        ('parameters = ["w12m"]', 'parameters = ["deposit-12s"]'),
        ('parameters = ["w12m"]', 'parameters = ["w12m", "si-base"]'),
        ('parameters = ["w12m"]', 'parameters = ["w99m"]'),
        ('period = "month"', 'period = "year"'),
        ("max_age_days = 120", 'max_age_days = "120"'),
        ("max_age_days = 120", "max_age_days = 120\nnote = 1"),
        ("max_age_days = 120\n", ""),
        ("[[rule]]", "[[rule"),
    ],
)
def test_a_policy_that_is_not_exact_is_refused(old: str, new: str) -> None:
    _refuse(_changed(old, new), "POLICY_INVALID")


@pytest.mark.parametrize(
    "tail", ['rule = ["P40"]', "rule = 5", 'rule = [{ predicate = "P40" }]', "rule = [5]"]
)
def test_rules_are_tables(tail: str) -> None:
    head = TEXT.partition("[[parameter]]")[0]
    _refuse(f"{head}parameter = []\n{tail}", "POLICY_INVALID")


@pytest.mark.parametrize("head", ['parameter = ["w12m"]', "parameter = 5"])
def test_parameters_are_tables(head: str) -> None:
    _refuse(f"{TEXT.partition('[[parameter]]')[0]}{head}\nrule = []", "POLICY_INVALID")


def test_a_predicate_that_is_not_in_the_catalogue_is_refused() -> None:
    _refuse(_changed('"P40"', '"P99"'), "PREDICATE_UNKNOWN")


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(BadInput, match="POLICY_INVALID"):
        policy.parse(b"family = '\xff'", catalogue.load())


def test_what_is_wrong_is_named() -> None:
    error = _refuse(_changed("edges = [83000, 124500]", "edges = [2, 1]"), "POLICY_INVALID")
    assert error.details == {"where": "si-base", "why": "edges do not rise"}
    assert "si-base" in error.title("zh")


def test_parameters_of_constants_need_a_text() -> None:
    def parse(value: str) -> Policy:
        row = f'[[parameter]]\nid = "a"\nkind = "area"\nprefix = {value}\nzh = "区"\nen = "a"\n'
        return policy.parse((TEXT + row).encode(), catalogue.load())

    assert parse('"790301"').parameters["a"].prefix == "790301"
    with pytest.raises(BadInput, match="POLICY_INVALID"):
        parse("790301")
