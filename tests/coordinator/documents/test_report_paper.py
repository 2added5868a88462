"""The verification report: what stands on it, and what never does."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from coordinator.casework.happened import Act
from coordinator.casework.lifecycle import Event, Fact
from coordinator.documents import page
from coordinator.documents.report_paper import income_period, masked_id
from coordinator.life_book import LifeBook
from federation.errors import Unavailable
from federation.exchange import Answer, Outcome, Question
from tests.coordinator import summed
from tests.coordinator.documents.offices import asked, opened, rows, said
from tests.coordinator.town import (
    APPLICANT,
    CHILD,
    WIFE,
    WIFE_TEXT,
    Town,
    case_text,
    person_text,
    told,
)

HOUSEHOLD = case_text(more=WIFE_TEXT)
VEHICLE = """
[[programme.question]]
predicate = "P40"
parameter = ""
roles = ["APPLICANT", "MEMBER"]
min_age = 0
max_age = 200
finding = ["YES"]
zh = "有机动车"
en = "Owns a motor vehicle"
"""


def test_a_report_says_who_asked_for_whom_under_what(town: Town) -> None:
    case = asked(town, HOUSEHOLD)
    with opened(town) as office:
        paper = office.issue(case, "op-lin").paper("zh")
        consent = office.consent(case)
    text = said(paper)
    assert consent is not None
    facts = dict(paper.blocks[0]["pairs"])
    assert facts["委托书"] == "790301 第 790301-17 号"
    assert facts["授权编号"] == consent.consent_no
    assert facts["授权签字"] == "2/2　授权齐备"
    assert facts["救助项目"] == "城市低保"
    assert facts["核对事由"] == "新申请"
    assert facts["申请家庭"] == "王** 等 2 人"
    assert facts["收入核对期间"] == "2025-11 至 2026-10"
    assert facts["数据截至"] == "2026-11-17"
    assert facts["有效期至"] == "2027-02-16（自出具之日起 90 日）"
    assert facts["适用政策"] == "town 第 3 版"
    assert facts["依据"] == "5 份部门签名答复"
    assert paper.subtitle == f"编号 {case}　第 1 版"
    assert "本报告仅供审核参考，不作为认定结论。" in text
    assert "可在收到告知后书面提出" in text
    assert f"hedui case bundle {case}" in text
    assert ["经办人（签字）", "复核人（签字）", "核对机构（盖章）"] in [
        one.get("labels") for one in paper.blocks
    ]


def emergency(town: Town) -> str:
    """Grant emergency aid first, two days before anybody is asked."""
    with town.desk() as desk:
        papers = [desk.read(HOUSEHOLD.encode()).case]
        (case,) = desk.new(papers)
    act = Act(event=Event.EMERGENCY, operator="op-lin", reasons=("ACCIDENT",))
    with town.database() as database:
        LifeBook(database).act(case, act, town.clock.now(), frozenset({Fact.URGENT}))
    town.clock.seconds += 2 * 86_400
    with town.desk() as desk:
        desk.consent([case])
        desk.run([case])
    return case


@pytest.mark.parametrize(
    ("lang", "box", "mark"),
    [
        (
            "zh",
            "事后核对：紧急救助已于 2026-11-18 先行给予，本报告是给予救助之后的核对。",
            "第 1 版 / 事后核对",
        ),
        (
            "en",
            "Verified after aid was granted: emergency aid came first, on 2026-11-18.",
            "version 1 / verified after aid",
        ),
    ],
)
def test_aid_before_verification_is_marked_on_top_and_on_every_page(
    town: Town, lang: str, box: str, mark: str
) -> None:
    case = emergency(town)
    with opened(town) as office:
        paper = office.issue(case, "op-lin").paper(lang)
    assert paper.blocks[0] == {"kind": "boxed", "text": box}
    assert paper.mark == f"{case} / {mark}"
    assert box in page.write(paper)


def test_without_an_emergency_nothing_says_so(town: Town) -> None:
    case = asked(town)
    with opened(town) as office:
        issued = office.issue(case, "op-lin")
    assert "事后核对" not in said(issued.paper("zh"))
    assert "after aid" not in said(issued.paper("en"))


def changed(town: Town, *, months: int = 0, also: tuple[str, ...] = ()) -> None:
    """Let the town's programme fix how long a report holds, and what a vehicle needs besides."""
    known = town.around.programmes
    before = known.programme("DIBAO_URBAN")
    questions = tuple(
        replace(one, also=also, version="place-2026 2026-01-01") if one.predicate == "P40" else one
        for one in before.questions
    )
    own = replace(before, questions=questions, report_months=months)
    programmes = replace(known, programmes={before.id: own})
    town.around = replace(town.around, programmes=programmes)


@pytest.mark.parametrize(
    ("months", "zh", "en"),
    [
        (6, "2027-05-18（自出具之日起 6 个月）", "6 months from its issue"),
        (1, "2026-12-18（自出具之日起 1 个月）", "1 month from its issue"),
        (0, "2027-02-16（自出具之日起 90 日）", "90 days from its issue"),
    ],
)
def test_a_report_is_valid_as_its_programme_says(town: Town, months: int, zh: str, en: str) -> None:
    changed(town, months=months)
    case = asked(town)
    with opened(town) as office:
        issued = office.issue(case, "op-lin")
    assert dict(issued.paper("zh").blocks[0]["pairs"])["有效期至"] == zh
    assert f"valid for {en}" in said(issued.paper("en"))


def test_a_finding_names_its_file_and_what_stands_beside_it(town: Town) -> None:
    changed(town, also=("P46=YES",))
    town.departments["public_security"].answer = lambda _: told(Outcome.YES)
    case = asked(town)
    with opened(town) as office:
        paper = office.issue(case, "op-lin").paper("zh")
    (rule,) = (row[-1] for row in rows(paper, "需核实事项") if row[1] == "机动车")
    assert rule == (
        "有机动车，需核实（place-2026 自 2026-01-01 起；政策第 3 版）"
        "；同时成立：企业法人或股东 有（市场监管）"
    )


def test_an_answer_that_cannot_be_weighed_is_no_silence(town: Town) -> None:
    changed(town, also=("P46=YES",))
    town.departments["public_security"].answer = lambda _: told(Outcome.YES)
    town.departments["market_regulation"].answer = lambda _: told(Outcome.STALE)
    case = asked(town)
    with opened(town) as office:
        paper = office.issue(case, "op-lin").paper("zh")
    text = said(paper)
    assert "不能判断：公安已答机动车，但须同时成立而没有答案" in text
    assert "未反馈：公安" not in text
    (found,) = (row for row in rows(paper, "分部门核对结果") if row[0] == "机动车")
    assert found[2] == "有"
    assert "有的组成项没有答案" in found[4]


def test_people_are_masked_and_nobody_is_named(town: Town) -> None:
    case = asked(town, HOUSEHOLD)
    with opened(town) as office:
        issued = office.issue(case, "op-lin")
        paper = issued.paper("zh")
    assert rows(paper, "家庭成员") == [
        ["1", "王**", "790301**********1X", "本人", "申请人", "本人签字"],
        ["2", "李**", "790302**********89", "配偶", "共同生活成员", "本人签字"],
    ]
    for secret in (APPLICANT, WIFE, "王甲", "李乙", APPLICANT[6:14]):
        assert secret.encode() not in issued.document


def test_findings_name_the_rule_and_the_policy(town: Town) -> None:
    case = asked(town, HOUSEHOLD)
    with opened(town) as office:
        paper = office.issue(case, "op-lin").paper("zh")
    found = rows(paper, "需核实事项")
    assert len(found) == 8
    rule = "有经营所得申报，需核实（政策第 3 版）"
    assert ["1", "经营所得申报", "1", "有", "税务", rule] in found


def test_results_stand_by_department_and_alike_ones_together(town: Town) -> None:
    case = asked(town, HOUSEHOLD)
    with opened(town) as office:
        zh = rows(office.issue(case, "op-lin").paper("zh"), "分部门核对结果")
        en = rows(office.issue(case, "op-lin").paper("en"), "Results by department")
    assert zh[:2] == [["公安"], ["机动车", "全体", "未发现", "2026-11-17", ""]]
    assert ["经营所得申报", "全体", "有 ▲", "2026-11-17", "需核实"] in zh
    assert en[0] == ["Public security"]
    assert [row[0] for row in zh if len(row) == 1] == [
        "公安",
        "税务",
        "市场监管",
        "甲银行",
        "乙银行",
    ]


def test_what_was_not_found_is_said_positively(town: Town) -> None:
    for name in ("tax", "market_regulation"):
        town.departments[name].answer = lambda question: told(Outcome.NO)
    case = asked(town)
    with opened(town) as office:
        text = said(office.issue(case, "op-lin").paper("zh"))
    assert "在 3 个部门、3 类信息中未发现需核实的情况：公安、税务、市场监管。" in text


def test_with_nothing_to_check_it_says_so(town: Town) -> None:
    for name in ("tax", "market_regulation", "bank_a", "bank_b"):
        town.departments[name].answer = _clear
    case = asked(town)
    with opened(town) as office:
        text = said(office.issue(case, "op-lin").paper("zh"))
    assert "未发现需核实事项。" in text


def _clear(question: Question) -> Answer:
    return told(Outcome.YES if question.predicate == "P50" else Outcome.NO)


def test_blind_spots_are_told_apart(town: Town) -> None:
    town.departments["tax"].script = [Unavailable("PEER_UNREACHABLE")] * 3
    town.departments["public_security"].answer = lambda question: told(Outcome.STALE)
    case = asked(town)
    with opened(town) as office:
        paper = office.issue(case, "op-lin").paper("zh")
    text = said(paper)
    assert "未反馈：税务，涉及经营所得申报。" in text
    assert "数据过期：公安，涉及机动车。" in text
    assert "未覆盖：民政没有参加核对，涉及婚姻登记。" in text
    assert "尚未查询：人均收入不超线（本地没有可求和的部门组）。" in text
    assert "最旧的数据截至 2026-11-17" in text
    found = {row[0]: row[2] for row in rows(paper, "分部门核对结果") if len(row) > 1}
    assert found["经营所得申报"] == "未反馈"
    assert found["机动车"] == "数据过期"


def test_sums_name_who_added_up(tmp_path: Path) -> None:
    town = summed.build(tmp_path)
    town.amounts("H1", 900, 50, 51)
    case = asked(town)
    with opened(town) as office:
        paper = office.issue(case, "op-lin").paper("zh")
    ((item, whom, outcome, as_of, together),) = rows(paper, "多部门合计与综合项目")
    assert item.startswith("人均收入不超线")
    assert (whom, outcome, as_of) == ("1", "否 ▲", "2026-11-17")
    assert together == "税务、市场监管、公安"


def test_a_sum_that_failed_names_who_is_missing(tmp_path: Path) -> None:
    town = summed.build(tmp_path, questions=VEHICLE)
    town.amounts("H1", 900, 50, 51)
    town.departments["tax"].script = [Unavailable("PEER_UNREACHABLE")] * 3
    case = asked(town)
    with opened(town) as office:
        paper = office.issue(case, "op-lin").paper("zh")
    ((_, _, outcome, as_of, together),) = rows(paper, "多部门合计与综合项目")
    assert (outcome, as_of) == ("未反馈", "")
    assert together.startswith("缺：税务")
    assert "未反馈：多部门，涉及人均收入不超线" in said(paper)


def test_the_digest_on_paper_is_of_the_document(town: Town) -> None:
    case = asked(town)
    with opened(town) as office:
        issued = office.issue(case, "op-lin")
        (line,) = [one["text"] for one in issued.paper("zh").blocks if one["kind"] == "digest"]
    assert line == f"报告数据摘要（SHA-256） {issued.digest}"


def test_the_income_period_is_what_was_answered_or_the_year_before() -> None:
    assert income_period((), date(2026, 11, 18), "en") == "2025-11 to 2026-10"
    assert income_period((), date(2026, 1, 31), "en") == "2025-01 to 2025-12"


def test_dates_are_those_of_the_answers(town: Town) -> None:
    def year(question: Question) -> Answer:
        return replace(told(Outcome.NO), period_from=20250801, period_to=20260801, as_of=20260930)

    town.departments["tax"].answer = year
    case = asked(town)
    with opened(town) as office:
        facts = dict(office.issue(case, "op-lin").paper("zh").blocks[0]["pairs"])
    assert facts["收入核对期间"] == "2025-08 至 2026-07"
    assert facts["数据截至"] == "2026-09-30 至 2026-11-17"


def test_without_dates_none_are_told(town: Town) -> None:
    for name in town.departments.by_id:
        town.departments[name].answer = lambda question: replace(told(Outcome.NO), as_of=0)
    case = asked(town)
    with opened(town) as office:
        paper = office.issue(case, "op-lin").paper("zh")
    assert dict(paper.blocks[0]["pairs"])["数据截至"] == "—"
    assert "最旧的数据" not in said(paper)


@pytest.mark.parametrize("number", [APPLICANT, WIFE, CHILD])
def test_a_masked_id_hides_birthday_and_sequence(number: str) -> None:
    assert masked_id(number) == f"{number[:6]}{'*' * 10}{number[16:]}"
    assert number[6:16] not in masked_id(number)


def test_who_has_not_signed_since_nothing_is_asked_about_them_is_told(town: Town) -> None:
    supporter = person_text(WIFE, "李乙", "PARENT", "SUPPORTER", evidence="")
    case = asked(town, case_text(more=supporter))
    with opened(town) as office:
        paper = office.issue(case, "op-lin").paper("en")
    signatures = [row[-1] for row in rows(paper, "People")]
    assert signatures == ["signed in person", "not signed"]
