"""The letters: exactly what is asked, of whom and where, and places for every signature."""

import pytest

from coordinator.documents.consent_forms import Form
from federation import words
from federation.errors import BadInput, HeduiError
from tests.coordinator import summed
from tests.coordinator.documents.offices import TERMS, asked, opened, rows, said
from tests.coordinator.town import (
    APPLICANT,
    CHILD,
    WIFE,
    WIFE_TEXT,
    Town,
    case_text,
    person_text,
)

FAMILY = case_text(
    more=WIFE_TEXT
    + person_text(CHILD, "王丙", "CHILD", "MEMBER", method="GUARDIAN", signer=APPLICANT)
)


def test_a_letter_lists_every_question_and_no_other(town: Town) -> None:
    (case,) = town.ready(FAMILY)
    with opened(town) as office:
        covered = office.desk.plan(case).covered
        table = rows(office.letter(case, Form.LETTER), "问什么、问谁")
    around = town.around
    expected = {
        words.question(
            around.catalogue.predicate(one.predicate),
            around.policy.parameters.get(one.parameter),
            "zh",
        )
        for one in covered.asks
    }
    assert {
        row[0].replace("（", "(").replace("）", ")") for row in table if len(row) > 1
    } == expected
    departments = [row[0] for row in table if len(row) == 1]
    assert sorted(departments) == sorted(["税务", "公安", "市场监管", "甲银行", "乙银行"])
    assert ["名下有机动车吗", "全体"] in table
    assert ["近十二个月申报过经营所得吗", "王甲、李乙"] in table


def test_supporters_are_told_from_the_household(town: Town) -> None:
    supporter = person_text("790401196604080214", "赵丁", "PARENT", "SUPPORTER", evidence="")
    (case,) = town.ready(case_text(more=WIFE_TEXT + supporter))
    with opened(town) as office:
        paper = office.letter(case, Form.LETTER)
    assert ["名下有机动车吗", "全体家庭成员"] in rows(paper, "问什么、问谁")
    signing = [row[0] for row in rows(paper, "授权人（逐人签字或按指印）")]
    assert signing == ["王甲", "李乙"]


def test_everybody_has_a_place_to_sign_and_guardians_too(town: Town) -> None:
    (case,) = town.ready(FAMILY)
    with opened(town) as office:
        paper = office.letter(case, Form.LETTER)
    assert rows(paper, "授权人（逐人签字或按指印）") == [
        ["王甲", "居民身份证", APPLICANT, "本人", "", ""],
        ["李乙", "居民身份证", WIFE, "配偶", "", ""],
        ["王丙", "居民身份证", CHILD, "子女", "", ""],
    ]
    assert rows(paper, "监护人、代理人（代签的填写）") == [
        ["", APPLICANT, "王丙", "监护人", ""],
        [""] * 5,
    ]


def test_a_letter_says_how_long_and_how_it_ends(town: Town) -> None:
    (case,) = town.ready()
    with opened(town) as office:
        text = said(office.letter(case, Form.LETTER))
    assert f"编号 {case}-SQ" in text
    for sentence in (
        f"最长 {TERMS.consent_days} 日",
        "家庭成员变动或重新申请的（须另签）",
        "可随时书面撤回",
        "手写签名或按指印",
        "不因此推定其有支付能力",
        f"It ends after {TERMS.consent_days} days at the latest",
    ):
        assert sentence in text


def test_a_sum_is_asked_with_all_who_add_up(town: Town) -> None:
    joint = summed.build(town.data)
    (case,) = joint.ready()
    with opened(joint) as office:
        table = rows(office.letter(case, Form.LETTER), "问什么、问谁")
    assert ["合计：税务、市场监管、公安、计票"] in table


def test_a_further_question_is_marked_as_such(town: Town) -> None:
    (case,) = town.ready()
    with opened(town) as office:
        table = rows(office.letter(case, Form.LETTER, ("P33", "P09:w12m")), "问什么、问谁")
        plain = rows(office.letter(case, Form.LETTER), "问什么、问谁")
    at = table.index(["增补（现行查询方案以外）"])
    assert [row[1] for row in table[at + 1 :]] == ["王甲", "王甲"]
    assert ["增补（现行查询方案以外）"] not in plain


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("P99", "PREDICATE_UNKNOWN"),
        ("P41", "POLICY_NOT_ANSWERED"),
        ("P09", "POLICY_PARAMETER"),
        ("P09:none", "POLICY_PARAMETER"),
    ],
)
def test_what_no_department_would_answer_is_not_printed(town: Town, word: str, code: str) -> None:
    (case,) = town.ready()
    with opened(town) as office, pytest.raises(HeduiError) as caught:
        office.letter(case, Form.LETTER, (word,))
    assert caught.value.code == code


def test_a_commission_names_people_period_and_three_who_sign(town: Town) -> None:
    (case,) = town.ready(FAMILY)
    with opened(town) as office:
        paper = office.letter(case, Form.COMMISSION)
    assert paper.title == "居民家庭经济状况核对委托书"
    assert paper.subtitle == "编号 790301 第 790301-17 号"
    assert rows(paper, "核对对象（共 3 人，列名 3 人）")[0] == [
        "1",
        "王甲",
        APPLICANT,
        "本人",
        "申请人",
    ]
    text = said(paper)
    assert "2025-11 至 2026-10" in text
    assert "income of 2025-11 to 2026-10" in text
    (places,) = [one["labels"] for one in paper.blocks if one["kind"] == "places"]
    assert places == ["经办人（签字）", "科室负责人（签字）", "分管领导（签字、盖章）"]


def test_a_notice_to_sign_again_names_the_letter_that_ended(town: Town) -> None:
    case = asked(town)
    with opened(town) as office:
        paper = office.letter(case, Form.RENEWAL)
    assert paper.subtitle == f"原授权 {case}-SQ"
    assert "原授权自变动之日起终止" in said(paper)


def test_where_nobody_can_be_asked_there_is_nothing_to_sign(town: Town) -> None:
    infant = case_text(more="").replace('"ENTRY"', '"STATUS"')
    with town.desk() as desk:
        (case,) = desk.new([desk.read(infant.encode()).case])
    with opened(town) as office, pytest.raises(BadInput, match="PLAN_EMPTY"):
        office.letter(case, Form.LETTER)
