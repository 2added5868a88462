"""The commands: what they print, in text and JSON, and how they end."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coordinator import cli
from coordinator.desk import Desk
from federation.errors import PeerFault, Unavailable
from federation.exchange import Outcome
from tests.coordinator import summed
from tests.coordinator.test_sums import aborted, signed_verdict
from tests.coordinator.town import APPLICANT, WIFE, WIFE_TEXT, Town, case_text, told

Run = Callable[..., Result]


@pytest.fixture
def run(town: Town, monkeypatch: pytest.MonkeyPatch) -> Run:
    @contextmanager
    def opened(_: Path) -> Iterator[Desk]:
        with town.desk() as desk:
            yield desk

    monkeypatch.setattr(cli, "open_desk", opened)

    def invoke(*words: str, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(cli.app, list(words), env=env or {"LANG": "zh_CN.UTF-8"})

    return invoke


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "case.toml"
    path.write_text(case_text(more=WIFE_TEXT), "utf-8")
    return path


CASE = "HD-790301-2026-0001"


def test_a_case_from_file_to_report(run: Run, file: Path) -> None:
    shown = [
        run("new", str(file)),
        run("list"),
        run("plan", CASE),
        run("consent", "--all"),
        run("run", "--all"),
        run("show", CASE),
    ]
    assert [one.exit_code for one in shown] == [0] * 6, [one.output for one in shown]
    opened, listed, planned, consented, ran, report = (one.output for one in shown)
    assert opened == f"已立案 {CASE}  家庭 王** 等 2 人  城市低保\n"
    assert listed.split() == [CASE, "城市低保", "王**", "未报授权", "0/0"]
    assert planned.startswith(f"查询方案 {CASE}:10 个问题,5 个部门\n")
    assert "尚不查询:人均收入不超线(本地没有可求和的部门组)" in planned
    assert consented == f"{CASE}  授权齐备\n"
    assert ran.splitlines()[-1].startswith("已答 10,拒绝 0,未反馈 0;用时 ")
    assert len(ran.splitlines()) == 6
    assert f"核对报告 {CASE}" in report
    assert "什么离开了各部门" in report
    everything = "".join(one.output for one in shown)
    assert not any(secret in everything for secret in (APPLICANT, WIFE, "王甲", "李乙"))


def test_the_same_for_programs(run: Run, file: Path) -> None:
    opened = json.loads(run("new", str(file), "--json").stdout)
    assert (opened["case"], opened["members"], opened["notices"]) == (CASE, 2, [])
    (consented,) = run("consent", CASE, "--json").stdout.splitlines()
    assert json.loads(consented)["consent"] == "READY"
    planned = json.loads(run("plan", CASE, "--json").stdout)
    assert len(planned["asks"]) == 10
    assert {ask["person"] for ask in planned["asks"]} == {1, 2}
    ran = json.loads(run("run", CASE, "--json").stdout)
    assert (ran["answered"], ran["refused"], ran["silent"]) == (10, 0, 0)
    report = json.loads(run("show", CASE, "--json").stdout)
    assert report["counts"]["FOUND"] == 8
    assert [row["department"] for row in report["left"]][:2] == ["public_security", "tax"]
    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["questions"], listed["answered"]) == (10, 10)


def test_english_by_option_and_by_lang(run: Run, file: Path) -> None:
    by_option = run("new", str(file), "--lang", "en").output
    by_lang = run("list", env={"LANG": "en_GB.UTF-8"}).output
    assert by_option.startswith(f"opened {CASE}  Household of 王**, 2 in all")
    assert "consent not filed" in by_lang


def test_notices_are_shown(run: Run, file: Path) -> None:
    file.write_text(case_text().replace(APPLICANT, APPLICANT.lower()), "utf-8")
    assert "第 1 人:小写 x 已改为大写" in run("new", str(file)).output


def test_a_bad_file_among_good_ones_opens_none(run: Run, file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(case_text().replace('"SELF"', '"OTHER"', 1), "utf-8")
    ended = run("new", str(file), str(bad))
    assert ended.exit_code == 2
    assert "CASE_APPLICANT" in ended.stderr
    assert ended.stdout == ""
    assert run("list", "--json").stdout == "[]\n"


def test_errors_for_programs_are_json_on_stderr(run: Run, tmp_path: Path) -> None:
    ended = run("new", str(tmp_path / "none.toml"), "--json")
    error = json.loads(ended.stderr)
    assert (ended.exit_code, error["error"]) == (2, "FILE_MISSING")
    assert error["details"]["file"] == "none.toml"


@pytest.mark.parametrize(
    "words", [("consent",), ("run",), ("run", CASE, "--all"), ("consent", "--all", "--file")]
)
def test_cases_are_named_or_all_are_meant(run: Run, file: Path, words: tuple[str, ...]) -> None:
    run("new", str(file))
    run("new", str(file))
    more = [str(file)] if words[-1] == "--file" else []
    ended = run(*words, *more)
    assert ended.exit_code == 2
    assert "CASES_MISSING" in ended.stderr


def test_a_missing_signature_is_named_by_place_and_supplied_later(run: Run, file: Path) -> None:
    signed = file.read_text("utf-8")
    file.write_text(signed.replace("cd" * 32, ""), "utf-8")
    run("new", str(file))
    blocked = run("consent", CASE)
    assert blocked.exit_code == 1
    assert blocked.output == (f"{CASE}  缺少签字:2 李**。签字补齐之前不向任何部门提问。\n")
    unasked = run("run", CASE)
    assert unasked.exit_code == 1
    assert f"{CASE}  缺少签字,未提问" in unasked.output
    file.write_text(signed, "utf-8")
    assert run("consent", CASE, "--file", str(file)).output == f"{CASE}  授权齐备\n"


def test_a_silent_department_is_told_and_the_run_ends_with_one(
    run: Run, file: Path, town: Town
) -> None:
    town.departments["tax"].script = [Unavailable("PEER_UNREACHABLE")] * 3
    run("new", str(file))
    run("consent", CASE)
    ended = run("run", CASE)
    assert ended.exit_code == 1
    (line,) = (line for line in ended.output.splitlines() if line.startswith("税务"))
    assert line.startswith("税务  未反馈  0/2  拒绝 0")
    assert run("run", CASE).exit_code == 0


def test_a_garbage_answer_is_counted_and_never_stops_the_report(
    run: Run, file: Path, town: Town
) -> None:
    run("new", str(file))
    run("consent", CASE)
    tax = town.departments["tax"]
    tax.replay = b"garbage"
    assert run("run", CASE).exit_code == 1
    tax.replay = b""
    for answered in (False, True):
        shown = run("show", CASE, "--json")
        assert shown.exit_code == 0
        report = json.loads(shown.stdout)
        (left,) = (row for row in report["left"] if row["department"] == "tax")
        assert (left["raw_records"], left["ids"], left["names"]) == (1, 0, 0)
        assert (report["counts"]["UNAVAILABLE"] == 0) is answered
        run("run", CASE)


def test_a_request_refused_as_a_whole_ends_the_run_with_one(
    run: Run, file: Path, town: Town
) -> None:
    run("new", str(file))
    run("consent", CASE)
    town.departments["tax"].script = [PeerFault("BAD_SIGNATURE", peer="tax")]
    ended = run("run", CASE, "--json")
    assert ended.exit_code == 1
    told = json.loads(ended.stdout)
    assert (told["silent"], told["refused"] > 0) == (0, True)


def test_a_revoked_case_is_asked_no_more(run: Run, file: Path, town: Town) -> None:
    run("new", str(file))
    run("consent", CASE)
    assert run("revoke", CASE).output == f"{CASE}  授权已撤销\n"
    assert run("run", CASE).exit_code == 1
    assert not town.departments["tax"].requests


def test_a_case_is_suspended_resumed_and_ended_with_its_household(run: Run, file: Path) -> None:
    run("new", str(file))
    assert run("suspend", CASE).exit_code == 2
    run("consent", CASE)
    assert run("suspend", CASE).output == f"{CASE}  授权已暂停\n"
    assert run("run", CASE).exit_code == 1
    assert run("resume", CASE).output == f"{CASE}  授权齐备\n"
    assert run("household", CASE).output == f"{CASE}  授权已撤销\n"
    assert run("run", CASE).exit_code == 1


def test_a_case_is_reviewed_by_its_old_signatures(run: Run, file: Path) -> None:
    run("new", str(file))
    run("consent", CASE)
    renewed = json.loads(run("renew", CASE, "--trigger", "REVIEW", "--json").stdout)
    assert (renewed["consent"], renewed["case"] != CASE) == ("FILED", True)
    assert run("consent", renewed["case"]).exit_code == 0
    for word in ("ENTRY", "x"):
        assert run("renew", CASE, "--trigger", word).exit_code == 2


def test_a_question_is_rechecked_on_an_objection(run: Run, file: Path, town: Town) -> None:
    run("new", str(file))
    run("consent", CASE)
    run("run", CASE)
    town.departments["market_regulation"].answer = lambda _: told(Outcome.NO)
    words = ("recheck", CASE, "--person", "1", "--predicate", "P46", "--evidence")
    done = run(*words, "0b" * 32)
    assert done.exit_code == 0
    assert done.output.startswith("市场监管  ")
    assert "原答 有  复核 未发现" in done.output
    again = json.loads(run(*words, "0b" * 32, "--json", "--parameter", "").stdout)
    assert [(row["before"], row["after"]) for row in again["rechecked"]] == [("NO", "NO")]
    for paper in ("0b" * 31, "xy" * 32):
        assert run(*words, paper).exit_code == 2
    nothing = run("recheck", CASE, "--person", "9", "--predicate", "P46", "--evidence", "0b" * 32)
    assert (nothing.exit_code, "NOTHING_TO_RECHECK" in nothing.stderr) == (2, True)


def test_a_file_that_is_too_large_is_not_read_whole(run: Run, file: Path) -> None:
    file.write_bytes(b"#" * 10_000_000)
    ended = run("new", str(file))
    assert ended.exit_code == 2
    assert "CASE_OVERSIZE" in ended.stderr


def test_a_second_attempt_is_opened_by_a_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = summed.build(tmp_path, summed.INCOME)
    case, first = aborted(town)

    @contextmanager
    def opened(_: Path) -> Iterator[Desk]:
        with town.desk() as desk:
            yield desk

    monkeypatch.setattr(cli, "open_desk", opened)
    file = tmp_path / "verdict.json"
    words = ["retry", case, "--verdict", str(file)]
    missing = CliRunner().invoke(cli.app, [*words, "--lang", "en"])
    assert (missing.exit_code, "FILE_MISSING" in missing.stderr) == (2, True)
    file.write_bytes(signed_verdict(first))
    done = CliRunner().invoke(cli.app, [*words, "--lang", "en"])
    assert (done.exit_code, done.stdout) == (
        0,
        f"{case}  a second attempt is open: run hedui case run {case}\n",
    )
    assert json.loads(CliRunner().invoke(cli.app, [*words, "--json"]).stdout) == {
        "case": case,
        "retry": True,
    }
    assert CliRunner().invoke(cli.app, ["run", case]).exit_code == 0
    assert town.told_of(case) == ("YES", "")


def test_a_plan_names_who_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    town = summed.build(tmp_path, summed.INCOME)
    (case,) = town.ready(case_text(more=WIFE_TEXT))

    @contextmanager
    def opened(_: Path) -> Iterator[Desk]:
        with town.desk() as desk:
            yield desk

    monkeypatch.setattr(cli, "open_desk", opened)
    shown = CliRunner().invoke(cli.app, ["plan", case, "--lang", "en"]).stdout
    assert "Income per head within line: Tax, Market regulation, Public security" in shown
    told = json.loads(CliRunner().invoke(cli.app, ["plan", case, "--json"]).stdout)
    assert told["sums"] == [
        {
            "predicate": "H1",
            "parameter": "income-12s",
            "persons": [1, 2],
            "departments": ["tax", "market_regulation", "public_security"],
            "tally": "tally",
            "after": "",
        }
    ]
