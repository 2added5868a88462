"""``hedui programme`` as its users run it: list, show, explain, check and policy, zh and en."""

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from coordinator.programme_cli import app
from coordinator.regional import filing
from federation import catalogue, policy
from tests.coordinator.regional.sheeted import SHEET, changed, standard, standards

DAY = ("--date", "2026-11-22")
GOOD = SHEET.replace('parameter = "assets-r"', 'parameter = "assets-12s"')


def run(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [*words])
    assert result.exit_code == code, result.output
    return result


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def drafts(tmp_path: Path) -> Path:
    """A folder with a programme and a standard of one's own, not signed."""
    (tmp_path / "aid.toml").write_text(GOOD, "utf-8")
    (tmp_path / "standards.toml").write_text(standards(standard("3302", urban=100000)), "utf-8")
    return tmp_path


def test_all_programmes_are_listed() -> None:
    listed = rows(run("list", *DAY, "--json"))
    assert len(listed) == 22
    assert {one["signed"] for one in listed} == {False}
    text = run("list", *DAY, "--lang", "en").output
    assert "RIGID_EXPENSE" in text
    assert "Household in hardship by rigid expense" in text
    assert "for demonstrations alone" in text
    assert "只用于演示" in run("list", *DAY, "--lang", "zh").output


def test_what_was_not_in_force_yet_is_not_listed() -> None:
    listed = {one["id"] for one in rows(run("list", "--date", "2024-10-23", "--json"))}
    assert "RIGID_EXPENSE" not in listed
    assert "TEKUN" in listed


def test_a_file_is_shown_as_it_stands(drafts: Path) -> None:
    assert run("show", "AID", "--local", str(drafts), *DAY).stdout == GOOD.rstrip() + "\n"
    (one,) = rows(run("show", "OLD_AGE", *DAY, "--json"))
    assert one["text"] == next(f.text for f in filing.shipped() if f.name == "old-age.toml")
    assert tomllib.loads(run("show", "OLD_AGE", *DAY).stdout)["id"] == "OLD_AGE"


def test_a_programme_is_explained_in_plain_words() -> None:
    zh = run("explain", "DIBAO_URBAN", "--area", "790301", *DAY, "--lang", "zh").output
    for said in (
        "城市低保  DIBAO_URBAN",
        "样本,未签名:仅供演示",
        "问谁 申请人、共同生活的成员、赡养抚养扶养义务人(需要时)",
        "每 12 个月复核;报告 6 个月内有效;由县级审核决定",
        "期限 审核确认 30个工作日(最低生活保障审核确认办法(民发〔2020〕121号))",
        "12个月城市低保标准,人均 9,960 元",
        "答“有”:有机动车,需核实",
        "不构成障碍",
        "干部或经办人近亲属只须单独登记备案、入户核查,不影响资格(GC-08)",
        "依据 NB-07",
    ):
        assert said in zh
    en = run("explain", "DIBAO_URBAN", "--area", "790301", *DAY, "--lang", "en").output
    assert "12 months of the urban dibao standard, 9,960 yuan a head" in en
    assert "this alone never bars anybody (GC-08)" in en


def test_the_standard_of_the_day_is_used() -> None:
    later = run("explain", "DIBAO_URBAN", "--area", "790301", "--date", "2027-02-01").output
    assert "人均 10,440 元" in later
    nowhere = run("explain", "DIBAO_URBAN", *DAY).output
    assert "12个月城市低保标准)" in nowhere
    assert "9,960" not in nowhere


def test_property_rules_of_the_place_are_explained() -> None:
    text = run("explain", "TEKUN", "--area", "360702", *DAY, "--lang", "en").output
    assert "property rules: Ganzhou rules on supporters (ganzhou-supporter)" in text
    assert "(, and" not in text
    (one,) = rows(run("explain", "TEKUN", "--area", "360702", *DAY, "--json"))
    assert one["property"] == ["ganzhou-supporter"]
    also = {q["predicate"]: q["also"] for q in one["asked"] if q["also"]}
    assert also == {"P33": ["P34=NO"], "P34": ["P33=COUNT(2)"], "P41": ["P43=NO"]}
    assert one["standard"] is None


def test_emergencies_lists_and_grounds_are_said() -> None:
    assert "急难时先救助、后核对" in run("explain", "TEMP_AID", *DAY, "--lang", "zh").output
    assert "by batch mandate" in run("explain", "DEATH_MATCH", *DAY, "--lang", "en").output
    assert "随申请核对" in run("explain", "STATUS_CHECK", *DAY, "--lang", "zh").output


@pytest.mark.parametrize("programme", [one["id"] for one in rows(run("list", *DAY, "--json"))])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_programme_can_be_explained(programme: str, lang: str) -> None:
    text = run("explain", programme, "--area", "793101", *DAY, "--lang", lang).output
    assert programme in text
    (one,) = rows(run("explain", programme, "--area", "793101", *DAY, "--json"))
    assert all(q["source"] and q["zh"] and q["en"] for q in one["asked"])


def test_what_is_not_there(tmp_path: Path) -> None:
    assert "PROGRAMME_UNKNOWN" in run("explain", "MOON", *DAY, code=2).output
    assert (
        "PROGRAMME_UNKNOWN" in run("show", "RIGID_EXPENSE", "--date", "2020-01-01", code=2).output
    )
    run("list", "--area", "791", code=2)
    run("list", "--date", "tomorrow", code=2)
    assert "FILE_MISSING" in run("list", "--folder", str(tmp_path), code=2).output
    assert "FILE_MISSING" in run("check", str(tmp_path / "moon.toml"), code=2).output
    assert "STANDARD_MISSING" in run("policy", "--area", "330201", *DAY, code=2).output


def test_files_are_checked_with_the_policy_they_give(drafts: Path) -> None:
    shipped = run("check", "--lang", "en").output
    assert "22 programmes, 4 property rule sets, 4 local standards" in shipped
    assert "✓ policy of 7931 from 2026-01-01" in shipped
    own = run("check", str(drafts / "aid.toml"), str(drafts / "standards.toml"), "--json")
    assert {"area": "3302", "since": "2026-01-01", "rules": 41} in rows(own)
    assert rows(own)[0]["programmes"] == 23
    (drafts / "bad.toml").write_text(changed(GOOD, predicate='"P99"'), "utf-8")
    assert "no predicate P99" in run("check", str(drafts / "bad.toml"), code=2).output


def test_a_policy_is_written_from_the_local_standard(drafts: Path) -> None:
    words = ("policy", "--area", "330201", *DAY, "--local", str(drafts))
    text = run(*words, "--family", "city", "--version", "7").stdout
    found = policy.parse(text.encode(), catalogue.load())
    assert (found.family, found.version, found.issued) == ("city", 7, date(2026, 11, 22))
    assert found.parameters["income-12s"].per_head == 1200000
    assert found.parameters["area-330201"].prefix == "330201"
    run("policy", "--area", "3302", *DAY, code=2)
