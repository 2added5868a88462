"""A trail in words: at a terminal in both languages, and for programs."""

import json
from dataclasses import replace
from typing import Any

import pytest
from rich.text import Text

from auditor import trail_screen, trail_words
from auditor.trail import Entry, Line, Trail
from auditor.trail_consents import Change, Place
from federation.exchange import Answer, Outcome, Refusal
from federation.parameter import Parameter
from federation.terminal import WIDTH, Language, Terminal
from tests.support import trails
from tests.support.exchanges import DEPARTMENT, NOW, YES, filler
from tests.support.trails import CONSENT, ME


def entry(**more: Any) -> Entry:
    usual = Entry(
        asked=NOW,
        answered=NOW + 1,
        coordinator="coordinator",
        operator="op-lin",
        commission="790301-17",
        case="HD-790301-2026-0001",
        department=DEPARTMENT,
        predicate="P40",
        parameter="",
        value=None,
        answer=replace(YES, use_no=1),
        purpose=1,
        consent_no=CONSENT,
        basis="CONSENT",
        most=3,
        use=1,
        recheck=False,
        qid=filler("qid"),
    )
    return replace(usual, **more)


def line(**more: Any) -> Line:
    usual = Line(
        department=DEPARTMENT, predicate="P40", parameter="", signed=1, at=NOW + 60, here=(1,)
    )
    return replace(usual, **more)


def made(**more: Any) -> Trail:
    usual = Trail(
        places=(Place(consent_no=CONSENT, person=ME),),
        given=(trails.given(),),
        changes=(),
        entries=(entry(),),
        refused=(),
        lines=(line(),),
        unasked=(),
        others=0,
        hidden=0,
        unread=0,
        strays=0,
        faults=(),
        parties=trails.papers().newest.parties,
        values={"w12m": Parameter(id="w12m", kind="window", zh="近12个月", en="12 months")},
        federation="test",
        witnessed=NOW + 90,
        size=4,
    )
    return replace(usual, **more)


def shown(
    capsys: pytest.CaptureFixture[str],
    trail: Trail,
    lang: Language = "zh",
    *,
    as_json: bool = False,
) -> list[str]:
    trail_screen.show(Terminal(lang=lang, json=as_json), trail)
    return capsys.readouterr().out.splitlines()


PAGE_ZH = """\
谁问了我什么  test
授权书 790301-0042 第 2 人
授权书 790301-0042:2026-11-18 登记,用途 新申请,至 2027-03-14

✓ 完整:截至 2026-11-18 19:07,各部门就您作出的回答共 1 个,全部在此

2026-11-18  coordinator  用途 新申请
  经办 op-lin · 受托 790301-17 · 案件 HD-790301-2026-0001 · 依据 签字的授权 790301-0042
 时间   部门             问题                                              回答  数据截至    第几次
 19:06  public_security  名下有机动车吗                                    有    2026-11-17  1/3

次数核对:部门签字承认的与这里的
 部门                                                        签字承认  这里  截至              齐全
 public_security                                             1         1     2026-11-18 19:07  ✓

· 被拒绝的提问不计次数:只列出证据中有的,可能不全
· 依法批量核对名单(死亡、救助登记等)不凭您的授权,不在本清单内"""


def test_a_complete_trail_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\n".join(shown(capsys, made())) == PAGE_ZH


RICH = made(
    places=(Place(consent_no=CONSENT, person=ME), Place(consent_no="790301-0077", person=0)),
    changes=(
        Change(at=NOW, kind="consent.revoked", consent_no=CONSENT),
        Change(at=NOW, kind="objection.recorded", consent_no=CONSENT),
    ),
    entries=(
        entry(),
        entry(use=1, recheck=True),
        entry(asked=NOW + 86_400, basis="IN_FORCE_AID", purpose=2),
    ),
    refused=(
        entry(answer=Answer(outcome=Outcome.REFUSED, refusal=Refusal.USES_EXHAUSTED), use=0),
        entry(answer=Answer(outcome=Outcome.PRESENT_AGAIN), use=0, purpose=77, basis="ODD"),
    ),
    lines=(
        line(signed=3, here=(1, 3)),
        line(predicate="P42", parameter="w12m", signed=1, here=(1, 2)),
        line(predicate="P07", here=(1, 1)),
        line(department="tax", predicate="", signed=None, at=None, here=()),
        line(department="bank", signed=None, at=None, here=(2,)),
        line(department="land", predicate="", signed=None, at=None, here=(), erased=True),
    ),
    unasked=((DEPARTMENT, ("P42", "w12m")), ("bank", ("P99", ""))),
    others=2,
    hidden=5,
    unread=1,
    strays=1,
    faults=(("case.hedui", "BUNDLE_REPORT"),),
)


def test_everything_that_can_be_said_in_english(capsys: pytest.CaptureFixture[str]) -> None:
    whole = "\n".join(shown(capsys, RICH, "en"))
    said = "INCOMPLETE: public_security signs"
    for expected in (
        "consent 790301-0042, person 2, consent 790301-0077, person 1",
        "consent 790301-0042: 2026-11-18 19:06 withdrawn",
        "consent 790301-0042: 2026-11-18 19:06 your objection was recorded",
        "✗ INCOMPLETE: 3 answers are here, which is not what the departments sign",
        f"  ✗ {said} 3, 2 are here; missing: 2: Does the person own a motor vehicle?",
        f"  ✗ {said} 1, 2 are here; have it sign anew: Was a motor vehicle acquired",
        f"  ✗ {said} 1, and one use has two answers: What marital status is registered?",
        "  ✗ NOT PROVEN: there is no count signed by tax",
        "  ✗ NOT PROVEN: there is no count signed by bank, and missing: 1: Does the person own",
        "  ✗ NOT PROVEN: land has erased this consent by order and signs no count",
        "  ✗ 1 answers rest on consents that are not in the registrar's log",
        "2026-11-19  coordinator  for periodic review",
        ", case HD-790301-2026-0001, by a signed consent, renewed 790301-0042",
        "2026-11-18  coordinator  for 77",
        "Refused questions: nothing was told",
        "Consented and never asked",
        "  bank  P99",
        "· another member of the household (2): 5 questions, hidden",
        "· 1 questions showed no genuine consent and were refused",
        "· 1 faults in the evidence, not used; the verdict takes them in",
        "  ✗ case.hedui  BUNDLE_REPORT",
    ):
        assert expected in whole
    assert "recheck" in whole
    assert "present the" in whole


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("trail", [made(), RICH])
def test_tables_fit_the_screen(
    capsys: pytest.CaptureFixture[str], trail: Trail, lang: Language
) -> None:
    told = shown(capsys, trail, lang)
    assert max(Text(one).cell_len for one in told if one.startswith(" ") and one[1] != " ") <= WIDTH
    assert "\x1b" not in "\n".join(told)


def test_what_is_not_proven_is_not_called_incomplete() -> None:
    found = made(lines=(line(signed=None, at=None),))
    assert trail_words.verdict(found) == (
        "未能证明完整:这里有 1 个回答,是不是全部,证据不足",
        "NOT PROVEN COMPLETE: 1 answers are here; nothing shows whether they are all",
    )


def test_a_question_and_its_answer_that_nobody_knows() -> None:
    odd = entry(predicate="P99", answer=Answer(outcome=Outcome.YES))
    assert trail_words.question("P99", None) == ("P99", "P99")
    assert trail_words.outcome(odd) == ("YES", "YES")
    assert trail_words.values(odd) == ()
    strange = made(given=(replace(trails.given(), purpose="ODD"),))
    assert next(trail_words.changes(strange))[1].endswith("purpose ODD, until 2027-03-14")


def test_a_refusal_says_why() -> None:
    said = entry(answer=Answer(outcome=Outcome.REFUSED, refusal=Refusal.CONSENT_REVOKED))
    assert trail_words.outcome(said) == ("拒绝:授权已撤销", "refused: The consent is revoked")


def test_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    (told,) = shown(capsys, RICH, as_json=True)
    value = json.loads(told)
    assert value["who"] == [
        {"consent": CONSENT, "person": 1},
        {"consent": "790301-0077", "person": 0},
    ]
    assert (value["complete"], value["until"]) == (False, None)
    assert value["others"] == {"persons": 2, "questions": 5}
    assert value["counts"][0] == {
        "department": DEPARTMENT,
        "predicate": "P40",
        "parameter": "",
        "signed": 3,
        "at": NOW + 60,
        "here": [1, 3],
        "missing": [2],
        "doubt": "MISSING",
        "counted": True,
    }
    assert value["faults"] == [{"file": "case.hedui", "code": "BUNDLE_REPORT"}]
    assert [one["outcome"] for one in value["refused"]] == [
        "REFUSED(USES_EXHAUSTED)",
        "PRESENT_AGAIN",
    ]
    assert value["answers"][0]["question"]["en"] == "Does the person own a motor vehicle?"
    assert value["not_asked"][1]["department"] == "bank"
    (whole,) = shown(capsys, made(), as_json=True)
    assert json.loads(whole)["until"] == NOW + 60
