"""The signed policy: what is allowed, and what its parser refuses."""

import hashlib
from datetime import UTC, date, datetime

import pytest

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
source = "测试"

[[parameter]]
id = "deposit-12s"
kind = "rung"
per_head = 996000
comparator = "le"
zh = "线"
en = "line"
source = "测试"

[[parameter]]
id = "si-base"
kind = "band"
edges = [83000, 124500]
zh = "档"
en = "bands"
source = "测试"

[[rule]]
predicate = "P40"
purposes = ["ENTRY", "REVIEW"]
parameters = []
period = "month"
max_age_days = 120
source = "测试"
zh = "测试"
en = "test"

[[rule]]
predicate = "P42"
purposes = ["ENTRY"]
parameters = ["w12m"]
period = "month"
max_age_days = 120
source = "测试"
zh = "测试"
en = "test"

[[rule]]
predicate = "P50"
purposes = ["ENTRY"]
parameters = ["deposit-12s"]
period = "month"
max_age_days = 0
source = "测试"
zh = "测试"
en = "test"
"""
POLICY = policy.parse(TEXT.encode(), catalogue.load())


def _rule_of(predicate: str, parameters: str) -> str:
    return (
        f'[[rule]]\npredicate = "{predicate}"\npurposes = ["ENTRY"]\nparameters = {parameters}\n'
        'period = "month"\nmax_age_days = 120\nsource = "测试"\nzh = "测试"\nen = "test"\n'
    )


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
        id="w12m", kind="window", zh="近12个月", en="last 12 months", months=12, source="测试"
    )
    assert POLICY.parameters["si-base"].edges == (83_000, 124_500)
    assert POLICY.rules["P40"].purposes == {Purpose.ENTRY, Purpose.REVIEW}


def test_a_rule_says_why_it_asks_and_on_what_ground() -> None:
    rule = POLICY.rules["P50"]
    assert (rule.source, rule.text("zh"), rule.text("en")) == ("测试", "测试", "test")


def test_thresholds_and_sizes_name_their_quantity_and_nothing_else_does() -> None:
    sized = _rule_of("P04", "[]")
    known = policy.parse((TEXT + sized).encode(), catalogue.load())
    found = {rule.predicate: rule.quantity for rule in known.rules.values()}
    assert found == {"P40": "", "P42": "", "P50": "deposit", "P04": "household_size"}


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
        ("version = 3", "version = 4294967296"),
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
        ("months = 12", "months = 0"),
        ("months = 12", "months = 601"),
        ("months = 12", "months = 12.0"),
        ("months = 12", "months = true"),
        ("months = 12", "months = 12\nper_head = 5"),
        ("per_head = 996000\n", ""),
        ("per_head = 996000", 'per_head = "996000"'),
        ('comparator = "le"', 'comparator = "lt"'),
        ('comparator = "le"\n', ""),
        ('comparator = "le"', 'comparator = "le"\nper = "household"'),
        ("edges = [83000, 124500]\n", ""),
        ("edges = [83000, 124500]", "edges = [124500, 83000]"),
        ("edges = [83000, 124500]", "edges = [83000, 83000]"),
        ("edges = [83000, 124500]", "edges = [83000, 124500.5]"),
        ("edges = [83000, 124500]", "edges = 83000"),
        ("edges = [83000, 124500]", "edges = []"),
        ("edges = [83000, 124500]", "edges = [83000, 549755813889]"),
        ('source = "测试"\n', ""),
        ('source = "测试"', 'source = ""'),
        ('zh = "测试"\n', ""),
        ('en = "test"\n', ""),
        ('id = "w12m"', 'id = "W12m"'),
        ('id = "w12m"', 'id = "w12m-"'),
        ('kind = "window"', 'kind = "members"'),
        ('zh = "近12个月"', "zh = 12"),
        ('zh = "近12个月"\n', ""),
        ('predicate = "P42"', 'predicate = "P40"'),
        ('purposes = ["ENTRY", "REVIEW"]', 'purposes = ["CURIOSITY"]'),
        ('purposes = ["ENTRY", "REVIEW"]', 'purposes = "ENTRY"'),
        ('purposes = ["ENTRY", "REVIEW"]', "purposes = []"),
        ('purposes = ["ENTRY", "REVIEW"]', 'purposes = ["ENTRY", "ENTRY"]'),
        ('parameters = ["w12m"]', 'parameters = ["w12m", "w12m"]'),
        ("max_age_days = 120", "max_age_days = 3661"),
        ("max_age_days = 120", "max_age_days = -1"),
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
    _refuse(_changed('"P40"', '"P99"'), "POLICY_INVALID")


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(BadInput, match="POLICY_INVALID") as caught:
        policy.parse(b"family = '\xff'", catalogue.load())
    assert caught.value.details["where"] == "byte 11"


@pytest.mark.parametrize(
    ("old", "new", "where", "why"),
    [
        ("[83000, 124500]", "[2, 1]", "line 26, si-base", "edges do not rise"),
        ("months = 12", "months = true", "line 9, w12m", "months is not of type int"),
        ('predicate = "P42"', 'predicate = "P40"', "line 44, P40", "parameters of kind none"),
        ('predicate = "P42"', 'predicate = "P99"', "line 44, P99", "no predicate"),
        ('predicate = "P42"\n', "", "line 43, policy.rule[2]", "predicate is missing"),
        ("expires = 2027-12-31", "expires = 2025-12-31", "line 5, expires", "before the day"),
        ('"Test" }', '"" }', "line 6, policy.title", "en is empty"),
        ("version = 3", "version = 0", "policy", "version is not between"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, where: str, why: str) -> None:
    error = _refuse(_changed(old, new), "POLICY_INVALID")
    assert str(error.details["where"]) == where
    assert why in str(error.details["why"])
    assert where in error.title("en")
    assert where.rpartition(" ")[2] in error.title("zh")


def test_what_stands_there_twice_is_refused() -> None:
    error = _refuse(TEXT + _rule_of("P40", "[]"), "POLICY_INVALID")
    assert (str(error.details["where"]), error.title("zh")[-5:]) == ("line 63, P40", "有两条规则")
    error = _refuse(_changed('id = "deposit-12s"', 'id = "w12m"'), "POLICY_INVALID")
    assert (str(error.details["where"]), error.title("zh")[-5:]) == ("line 17, w12m", "出现了两次")


def test_what_the_law_refuses_is_said_in_both_languages() -> None:
    error = _refuse(_changed("expires = 2027-12-31", "expires = 2028-01-02"), "POLICY_INVALID")
    assert error.title("zh") == "政策文件有误（第 5 行 expires）：距生效日超过两年"
    assert error.title("en") == (
        "The policy is wrong at line 5, expires: is more than two years after the issue"
    )


@pytest.mark.parametrize(
    ("issued", "expires"),
    [("2026-01-01", "2026-01-01"), ("2026-01-01", "2028-01-01"), ("2024-02-29", "2026-02-28")],
)
def test_a_policy_lasts_two_years_at_most(issued: str, expires: str) -> None:
    text = _changed("issued = 2026-01-01", f"issued = {issued}")
    text = text.replace("expires = 2027-12-31", f"expires = {expires}")
    assert policy.parse(text.encode(), catalogue.load()).expires.isoformat() == expires
    later = text.replace(f"expires = {expires}", "expires = 2028-03-01")
    _refuse(later, "POLICY_INVALID")


def test_a_value_that_no_comparison_could_hold_is_refused() -> None:
    most = (1 << 39) // 30
    _refuse(_changed("per_head = 996000", f"per_head = {most + 1}"), "POLICY_INVALID")
    assert most * 30 + 1 <= 1 << 39
    policy.parse(_changed("per_head = 996000", f"per_head = {most}").encode(), catalogue.load())
    person = f'per_head = {(1 << 39) - 1}\nper = "person"'
    policy.parse(_changed("per_head = 996000", person).encode(), catalogue.load())


def test_the_policy_is_held_to_the_rules_of_ladders() -> None:
    repeated = TEXT.replace('["w12m"]', '["w12m", "year"]') + (
        '[[parameter]]\nid = "year"\nkind = "window"\nmonths = 12\nzh = "一年"\nen = "a year"\n'
        'source = "测试"\n'
    )
    error = _refuse(repeated, "POLICY_INVALID")
    assert "line 63, year" in str(error.details["where"])


def test_parameters_of_constants_need_a_text() -> None:
    def parse(value: str) -> Policy:
        row = f'[[parameter]]\nid = "a"\nkind = "area"\nprefix = {value}\nzh = "区"\nen = "a"\n'
        return policy.parse(f'{TEXT}{row}source = "测试"\n'.encode(), catalogue.load())

    assert parse('"790301"').parameters["a"].prefix == "790301"
    with pytest.raises(BadInput, match="POLICY_INVALID"):
        parse("790301")
