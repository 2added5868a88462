"""The commands of feedback: what they print, write and refuse."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coordinator import feedback_cli
from coordinator.feedback.desk import FeedbackDesk
from coordinator.feedback.tasks import Reply
from coordinator.feedback.tasks import Result as Found
from federation import ticket as tickets
from federation.clock import FixedClock
from tests.coordinator.feedback.conftest import open_desk
from tests.coordinator.town import APPLICANT, NOW, WIFE, Town

Run = Callable[..., Result]
TASK = "FB-790301-2026-0001"
SEAL = "5a" * 32


@pytest.fixture
def run(town: Town, case: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    @contextmanager
    def opened(_: Path) -> Iterator[FeedbackDesk]:
        with open_desk(town) as desk:
            yield desk

    monkeypatch.setattr(feedback_cli, "open_feedback", opened)

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(feedback_cli.app, list(words), env={"LANG": "zh_CN.UTF-8"})

    return invoke


def test_from_the_task_to_the_closed_loop(run: Run, tmp_path: Path) -> None:
    scan = tmp_path / "sealed.pdf"
    scan.write_bytes(b"signed and sealed")
    shown = [
        run("issue", "--all"),
        run("issue", "--all"),
        run("list"),
        *(
            run("answer", TASK, *more, "--document", str(scan))
            for more in (
                ("--finding", "1", "--result", "confirmed"),
                ("--finding", "3", "--result", "explained", "--exemption", "COMPANY_CEASED"),
                ("--result", "wrong-data", "--note", "账户已销"),
            )
        ),
        run("overdue"),
        run("tickets"),
    ]
    assert [one.exit_code for one in shown] == [0] * 8, [one.output for one in shown]
    issued, again, listed, first, _, last, overdue, found = (one.output for one in shown)
    assert issued.splitlines() == [
        f"{TASK}  HD-790301-2026-0001  790301  8 项  限 2026-12-09 23:59",
        "交办 1 项任务",
    ]
    assert again == "交办 0 项任务\n"
    assert listed.splitlines()[:3] == [
        "乡镇(街道) 790301",
        "  HD-790301-2026-0001",
        f"    {TASK}  限 2026-12-09 23:59",
    ]
    assert len(listed.splitlines()) == 11
    assert sha256(b"signed and sealed").hexdigest()[:12] in first
    assert first.endswith("尚有 7 项未反馈\n")
    assert last.endswith("该任务已办结\n")
    assert overdue.startswith("没有超期任务\n")
    assert "100.0%" in overdue
    # person 2's business and company, and two accounts each
    assert [line.split()[0] for line in found.splitlines()] == [
        *("甲银行", "甲银行", "乙银行", "乙银行", "市场监管", "税务")
    ]
    everything = "".join(one.output for one in shown)
    assert not any(secret in everything for secret in (APPLICANT, WIFE, "王甲", "李乙"))


def test_the_same_for_programs(run: Run, town: Town) -> None:
    (issued,) = run("issue", "HD-790301-2026-0001", "--json").stdout.splitlines()
    assert [one["number"] for one in json.loads(issued)["findings"]] == list(range(1, 9))
    (listed,) = run("list", "--task", TASK, "--json").stdout.splitlines()
    assert json.loads(listed)["level"] == 0
    assert run("list", "--remind", "--json").stdout == ""
    town.clock = FixedClock(NOW + 40 * 86_400)
    overdue = json.loads(run("overdue", "--json").stdout)
    assert [one["task"] for one in overdue["overdue"]] == [TASK]
    assert overdue["townships"][0]["closed_rate"] == 0.0
    told = json.loads(
        run("answer", TASK, "--result", "confirmed", "--document", SEAL, "--json").stdout
    )
    assert {one["document"] for one in told["findings"]} == {SEAL}
    assert told["closed"] == NOW + 40 * 86_400


def test_forms_for_townships_and_tickets_for_departments(
    run: Run, town: Town, tmp_path: Path
) -> None:
    run("issue", "--all")
    run("answer", TASK, "--finding", "3", "--result", "wrong-data", "--document", SEAL)
    out = tmp_path / "out"
    written = run("export", str(out))
    assert written.exit_code == 0, written.output
    names = sorted(file.name for file in out.iterdir())
    assert names == ["QT-market_regulation-2026-0001.json", "feedback-790301.html"]
    form = (out / "feedback-790301.html").read_text("utf-8")
    assert form.count(f"{TASK}#") == 8
    assert "王** (2)" in form
    assert "数据有误" in form
    assert "COMPANY_CEASED" in form
    assert "<script" not in form
    assert not any(secret in form for secret in (APPLICANT, WIFE, "王甲", "李乙"))
    document = (out / names[0]).read_bytes()
    ticket = tickets.read(document, town.around.manifest)
    assert (ticket.department, ticket.ticket) == ("market_regulation", names[0][:-5])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--result", "explained"), "EXEMPTION_MISSING"),
        (("--result", "explained", "--exemption", "OLD_HOUSE"), "EXEMPTION_UNKNOWN"),
        (("--result", "confirmed", "--finding", "9"), "FEEDBACK_UNKNOWN"),
        (("--result", "confirmed", "--document", "no-such-scan.pdf"), "FILE_MISSING"),
        (("--result", "confirmed", "--document", ""), "DOCUMENT_MISSING"),
    ],
)
def test_what_is_refused_says_why(run: Run, words: tuple[str, ...], code: str) -> None:
    run("issue", "--all")
    refused = run("answer", TASK, "--document", SEAL, *words)
    assert refused.exit_code == 2
    assert code in refused.stderr


def test_a_result_is_one_of_four(run: Run) -> None:
    refused = run("answer", TASK, "--document", SEAL, "--result", "maybe")
    assert refused.exit_code == 2
    assert "wrong-person" in refused.stderr
    assert run("issue").exit_code == 2


def test_a_finding_that_is_named_twice_is_answered_once(run: Run, town: Town) -> None:
    run("issue", "--all")
    twice = ("--finding", "3", "--finding", "3", "--result", "wrong-data", "--document", SEAL)
    assert run("answer", TASK, *twice).exit_code == 0
    with open_desk(town) as desk:
        assert [one.ticket for one, _ in desk.tickets()] == ["QT-market_regulation-2026-0001"]
        reply = Reply(result=Found.WRONG_DATA, document=b"x" * 32, at=NOW, operator="op-x")
        desk.answer(TASK, [3, 3], reply)
        assert len(desk.tickets()) == 2
