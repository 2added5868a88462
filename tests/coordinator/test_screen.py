"""What people see, in both languages: the whole page once, and every word of a result."""

from dataclasses import replace

import pytest
from rich.text import Text

from coordinator.asking.conductor import Event, State
from coordinator.board import Board
from coordinator.desk import Desk
from coordinator.findings import report as reports
from coordinator.findings import screen
from coordinator.findings.assess import Row, Status
from coordinator.words import reason, say
from federation.errors import Unavailable
from federation.exchange import Answer, Outcome, Refusal
from federation.ids import Notice
from tests.coordinator.town import APPLICANT, WIFE, WIFE_TEXT, Town, case_text, told

PAGE_ZH = """\
核对报告 HD-790301-2026-0001                      城市低保 · 新申请                 2026-11-18 19:06
家庭 王** 等 2 人                            受托 790301 第 790301-17 号                用时 0.00 秒
授权 2/2 授权齐备  1 王**(本人)  2 李**(配偶)

 部门      核对项目                          人员  结果      数据截至    说明
 公安      机动车                            全体  未发现    2026-11-17
 税务      经营所得申报                      全体  有 ▲      2026-11-17  规则:有经营所得申报,需核实
 市场监管  企业法人或股东                    全体  拒绝                  NODE_PAUSED
 甲银行    银行存款不超线(12个月低保标准)    全体  否 ▲      2026-11-17  规则:存款超过规定线,需核实
 乙银行    银行存款不超线(12个月低保标准)    全体  未反馈                PEER_UNREACHABLE
 多部门    人均收入不超线                          尚未查询              本地没有可求和的部门组

 需核实 4 项 · 未发现 2 项 · 尚未查询 1 项 · 未覆盖 2 类(民政、证券) · 拒绝 2 · 未反馈 2
 本报告仅供审核参考,不作为认定结论。当事人可在收到告知后提出异议。"""


def asked(town: Town) -> str:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    paused = told(Outcome.REFUSED, refusal=Refusal.NODE_PAUSED)
    town.departments["market_regulation"].answer = lambda _: replace(paused, as_of=0)
    town.departments["bank_b"].script = [Unavailable("PEER_UNREACHABLE")] * 3
    with town.desk() as desk:
        desk.run([case_id])
    return case_id


def page(desk: Desk, case_id: str, lang: str) -> str:
    report = replace(desk.show(case_id), millis=0)
    return screen.plain(screen.report(report, desk.around, lang))


def test_the_report_in_chinese(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        screen, "reason", lambda code, _: say("note", code, "zh") if code == "NO_GROUP" else code
    )
    case_id = asked(town)
    with town.desk() as desk:
        assert page(desk, case_id, "zh") == PAGE_ZH


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_fits_and_tells_no_identity(town: Town, lang: str) -> None:
    case_id = asked(town)
    with town.desk() as desk:
        shown = page(desk, case_id, lang)
        left = screen.plain(screen.leaving(desk.leaving([case_id]), desk.around, lang))
    for secret in (APPLICANT, WIFE, "王甲", "李乙"):
        assert secret not in shown + left
    from_rich = [Text(line).cell_len for line in (shown + "\n" + left).splitlines()]
    assert max(from_rich) <= screen.WIDTH
    assert "王**" in shown
    assert "\x1b" not in shown
    assert shown.count(screen.MARK) == 2


def test_the_report_in_english_says_the_same(town: Town) -> None:
    case_id = asked(town)
    with town.desk() as desk:
        shown = page(desk, case_id, "en")
    for words in ("Verification report", "Urban minimum living guarantee", "nothing found"):
        assert words in shown
    assert "to check 4 · nothing found 2 · not yet asked 1" in shown
    assert "This report is for review only and is no decision." in shown


def test_what_left_is_a_table_of_numbers(town: Town) -> None:
    case_id = asked(town)
    with town.desk() as desk:
        lines = screen.plain(
            screen.leaving(desk.leaving([case_id]), desk.around, "zh")
        ).splitlines()
    assert lines[0].split() == [
        "什么离开了各部门",
        "问题",
        "答案字节",
        "原始记录",
        "身份证号",
        "姓名",
    ]
    assert lines[1].split()[0] == "公安"
    assert lines[1].split()[1] == "2"
    assert lines[1].split()[3:] == ["0", "0", "0"]
    assert lines[-1].split() == ["乙银行", "2", "0", "0", "0", "0"]


def row(predicate: str, answer: Answer | None, status: Status, parameter: str = "") -> Row:
    return Row(
        department="tax",
        category=1,
        predicate=predicate,
        parameter=parameter,
        person=0,
        status=status,
        outcome="",
        answer=answer,
        code="",
        rule={},
    )


@pytest.mark.parametrize(
    ("predicate", "parameter", "answer", "zh", "en"),
    [
        ("P40", "", told(Outcome.YES), "有", "yes"),
        ("P40", "", told(Outcome.NO), "未发现", "nothing found"),
        ("P01", "", told(Outcome.YES), "是", "yes"),
        ("P01", "", told(Outcome.NO), "否", "no"),
        ("P50", "", told(Outcome.NO), "否", "no"),
        ("P09", "w12m", told(Outcome.YES), "有", "yes"),
        ("P33", "", told(Outcome.COUNT, 0), "未发现", "nothing found"),
        ("P33", "", told(Outcome.COUNT, 1), "1", "1"),
        ("P33", "", told(Outcome.COUNT, 2), "2 及以上", "2 or more"),
        ("P07", "", told(Outcome.ENUM, 0), "未婚", "single"),
        ("P60", "", told(Outcome.NO), "未发现", "nothing found"),
        ("P15", "si-base", told(Outcome.BAND, 0), "≤ 830 元", "≤ 830 yuan"),
        ("P15", "si-base", told(Outcome.BAND, 1), "830–1,245 元", "830–1,245 yuan"),
        ("P15", "si-base", told(Outcome.BAND, 2), "> 1,245 元", "> 1,245 yuan"),
        ("P17", "from-zero", told(Outcome.BAND, 0), "未发现", "nothing found"),
        ("P17", "from-zero", told(Outcome.BAND, 1), "0–1,000.50 元", "0–1,000.50 yuan"),
        ("P15", "gone", told(Outcome.BAND, 2), "第 2 档", "band 2"),
        ("P06", "", told(Outcome.UNKNOWN_IDENTITY), "查无此人", "person not known"),
        ("P01", "", told(Outcome.NO_RECORD), "无记录", "no record"),
    ],
)
def test_an_outcome_has_words(
    town: Town, predicate: str, parameter: str, answer: Answer, zh: str, en: str
) -> None:
    one = row(predicate, answer, Status.INFORMATION, parameter)
    assert screen.result(one, town.around, "zh") == zh
    assert screen.result(one, town.around, "en") == en


def test_a_question_is_named_with_its_window_but_not_with_its_bands(town: Town) -> None:
    window = row("P09", None, Status.UNAVAILABLE, "w12m")
    band = row("P15", None, Status.UNAVAILABLE, "si-base")
    assert screen.item(window, town.around, "zh") == "近期离婚(近12个月)"
    assert screen.item(window, town.around, "en").endswith(" (last 12 months)")
    assert screen.item(band, town.around, "zh") == "社保缴费基数档"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_closed_list_has_words(lang: str) -> None:
    for section, members in (
        ("status", Status),
        ("state", State),
        ("notice", Notice),
    ):
        for member in members:
            assert say(section, member.value, lang, person=1)


def test_a_code_without_words_stands_for_itself() -> None:
    assert reason("SOMETHING_NEW", "zh") == "SOMETHING_NEW"
    assert reason("NO_GROUP", "en") == "no group of departments adds this up here"


@pytest.mark.parametrize(
    ("number", "shown"), [(20261117, "2026-11-17"), (0, None), (20261399, None), (7, None)]
)
def test_a_date_that_is_none_is_not_shown(number: int, shown: str | None) -> None:
    found = reports.day(number)
    assert (found.isoformat() if found else None) == shown


def test_the_board_adds_events_up() -> None:
    board = Board("zh", {"tax": "税务", "bank": "银行"}.__getitem__)

    def event(department: str, state: State, questions: int, **more: object) -> Event:
        return Event(
            department=department,
            state=state,
            cases=frozenset(),
            questions=questions,
            **more,  # type: ignore[arg-type]
        )

    assert not board.add(event("tax", State.WAITING, 3))
    assert not board.add(event("tax", State.WAITING, 2))
    assert not board.add(event("bank", State.WAITING, 4))
    assert board.line("tax") == "税务  等待  0/5  拒绝 0  0.0 秒"
    assert not board.add(event("tax", State.ANSWERED, 3, refused=1, seconds=0.25))
    assert board.add(event("tax", State.ANSWERED, 2, seconds=1.5))
    assert board.line("tax") == "税务  已答  5/5  拒绝 1  1.5 秒"
    assert board.add(event("bank", State.SILENT, 4, code="SOMETHING_NEW"))
    assert board.line("bank") == "银行  未反馈  0/4  拒绝 0  0.0 秒  SOMETHING_NEW"
    assert screen.plain(board.__rich__()).splitlines()[0].split() == [
        "税务",
        "已答",
        "5/5",
        "1.5",
        "s",
    ]
