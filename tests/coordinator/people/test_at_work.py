"""People at commands beside a case's life: lists, signatures, feedback, erasing; each held back."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from coordinator import cli, consent_cli, erasing_cli, feedback_cli, import_cli
from coordinator.desk import Desk
from coordinator.documents.office import Office
from coordinator.erasing import Erasing
from coordinator.feedback.desk import FeedbackDesk
from coordinator.feedback.tasks import Reply
from coordinator.feedback.tasks import Result as Found
from coordinator.imports.importing import ImportDesk
from federation.commands import Commands
from federation.erasure import Reason
from tests.coordinator.documents import offices
from tests.coordinator.feedback.conftest import open_desk as open_feedback
from tests.coordinator.imports import lists
from tests.coordinator.people.staffed import Staffed
from tests.coordinator.people.test_gate import ELSEWHERE, relatives
from tests.coordinator.town import (
    APPLICANT,
    CHILD,
    WIFE,
    WIFE_TEXT,
    case_text,
    person_text,
)

Run = Callable[..., Result]
FIXED = [word for pair in lists.FIXED.items() for word in ("--set", "=".join(pair))]
SEAL = "5a" * 32


@pytest.fixture
def run(staffed: Staffed, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give the commands, as somebody runs them."""
    town = staffed.town

    @contextmanager
    def office(_: Path) -> Iterator[Office]:
        with offices.opened(town) as found:
            yield found

    @contextmanager
    def feedback(_: Path) -> Iterator[FeedbackDesk]:
        with open_feedback(town) as found:
            yield found

    @contextmanager
    def imports(_: Path) -> Iterator[ImportDesk]:
        with lists.desk(town) as found:
            yield found

    @contextmanager
    def erasing(_: Path) -> Iterator[tuple[Desk, Erasing]]:
        with town.desk() as desk, town.database() as database:
            yield desk, Erasing(database, town.clock, 100)

    monkeypatch.setattr(consent_cli, "open_office", office)
    monkeypatch.setattr(feedback_cli, "open_feedback", feedback)
    monkeypatch.setattr(import_cli, "open_imports", imports)
    monkeypatch.setattr(erasing_cli, "open_erasing", erasing)

    def invoke(who: str, app: Commands, *words: str | Path, **how: Any) -> Result:
        shutil.copy(town.data / f"session-{who}", town.data / "session")
        said = [*map(str, words), "--lang", "en"]
        return CliRunner().invoke(app, said, **how)

    return invoke


# -- lists


@pytest.mark.parametrize("real", [False, True], ids=["a preview", "an import"])
def test_a_list_tells_nothing_of_ones_own_relative(
    staffed: Staffed, run: Run, tmp_path: Path, real: bool
) -> None:
    (running,) = staffed.open()
    staffed.hire("op-lin")
    relatives(staffed, "op-lin", [APPLICANT])
    file = lists.csv(tmp_path / "l.csv", [lists.row(1, 0, id=APPLICANT)])
    done = run("op-lin", cli.app, "import", file, *FIXED, *([] if real else ["--preview"]))
    assert (done.exit_code, "OWN_RELATIVE" in done.stderr) == (1, True), done.output
    assert running not in done.output
    assert "ROW_RUNNING" not in done.output
    assert not list(tmp_path.glob("*.xlsx"))


def test_a_list_names_no_case_of_another_area(staffed: Staffed, run: Run, tmp_path: Path) -> None:
    (elsewhere,) = staffed.open(ELSEWHERE)
    staffed.hire("op-lin", "op-rev")
    file = lists.csv(tmp_path / "l.csv", [lists.row(1, 0, id=APPLICANT)])
    for who, said in (("op-lin", False), ("op-rev", True)):
        done = run(who, cli.app, "import", file, *FIXED, "--preview", "--json")
        assert "ROW_RUNNING" in done.stdout, done.output
        rejects = tmp_path / f"{who}.xlsx"
        assert run(who, cli.app, "import", file, *FIXED, "--rejects", rejects).exit_code == 1
        assert (elsewhere in lists.cells_of(rejects)[1][2]) is said


def test_who_may_not_import_sees_no_preview(staffed: Staffed, run: Run, tmp_path: Path) -> None:
    staffed.open()
    staffed.hire("op-aud")
    file = lists.csv(tmp_path / "l.csv", [lists.row(1, 0, id=APPLICANT)])
    done = run("op-aud", cli.app, "import", file, *FIXED, "--preview")
    assert (done.exit_code, "OPERATOR_FORBIDDEN" in done.stderr) == (1, True)
    assert done.stdout == ""
    assert [one.refused for one in staffed.acts()[-1:]] == ["OPERATOR_FORBIDDEN"]


# -- signatures


def test_ones_own_relative_signs_for_nobody(staffed: Staffed, run: Run) -> None:
    signed = {"method": "GUARDIAN", "signer": APPLICANT, "evidence": ""}
    child = person_text(CHILD, "王丙", "CHILD", "MEMBER", **signed)
    (case,) = staffed.open(case_text(more=child))
    staffed.hire("op-lin")
    relatives(staffed, "op-lin", [WIFE])
    words = ("sign", case, "2", "--digest", "cd" * 32, "--signer")
    refused = run("op-lin", consent_cli.app, *words, input=f"{WIFE}\n")
    assert (refused.exit_code, "OWN_RELATIVE" in refused.stderr) == (1, True), refused.output
    with offices.opened(staffed.town) as office:
        assert office.people(case)[1].signature.signer == APPLICANT
    assert run("op-lin", consent_cli.app, *words, input=f"{APPLICANT}\n").exit_code == 0


# -- feedback


def tasks(staffed: Staffed) -> list[str]:
    """Have two townships' findings sent out, each with wrong data; give the tasks."""
    town = staffed.town
    cases = town.ready(case_text(more=WIFE_TEXT), ELSEWHERE)
    with town.desk() as desk:
        desk.run(cases)
        for case in cases:
            desk.show(case)
    with open_feedback(town) as desk:
        issued = [one.id for one in desk.issue(cases, "op-x")]
        for one in issued:
            reply = Reply(result=Found.WRONG_DATA, document=b"x" * 32, at=desk.now, operator="op-x")
            desk.answer(one, [1], reply)
    return issued


def test_feedback_is_read_by_name_and_in_ones_own_area(staffed: Staffed, run: Run) -> None:
    here, there = tasks(staffed)
    staffed.hire("op-lin", "op-rev")
    for words in (("list",), ("list", "--task", here), ("list", "--remind"), ("overdue",)):
        before = len(staffed.acts())
        assert run("op-lin", feedback_cli.app, *words).exit_code == 0
        said = [(one.operator, one.action) for one in staffed.acts()[before:]]
        assert said == [("op-lin", "CASE_READ")], words
    shown = run("op-lin", feedback_cli.app, "list").stdout
    assert (here in shown, there in shown) == (True, False)
    rates = run("op-lin", feedback_cli.app, "overdue").stdout
    assert ("790301" in rates, "790302" in rates) == (True, False)
    assert "790302" in run("op-rev", feedback_cli.app, "overdue").stdout


def test_tickets_are_of_ones_own_area(staffed: Staffed, run: Run, tmp_path: Path) -> None:
    tasks(staffed)
    staffed.hire("op-rev", "op-tao")
    with staffed.gate("op-dir") as gate:
        gate.operators.set_areas("op-dir", "op-tao", ["790302"])
    staffed.login("op-tao")
    for who, tickets in (("op-rev", 2), ("op-tao", 1)):
        listed = run(who, feedback_cli.app, "tickets").stdout
        assert len(listed.splitlines()) == tickets
        out = tmp_path / who
        assert run(who, feedback_cli.app, "export", out).exit_code == 0
        files = sorted(file.name for file in out.glob("QT-*"))
        assert len(files) == tickets
        assert all(file.removesuffix(".json") in listed for file in files)


def test_an_erased_case_stops_no_list_of_feedback(staffed: Staffed, run: Run) -> None:
    """Its tasks and tickets stay, and name nobody."""
    _, there = tasks(staffed)
    staffed.hire("op-rev")
    with staffed.town.desk() as desk, staffed.town.database() as database:
        case = desk.case_ids()[0]
        desk.revoke(case)
        Erasing(database, staffed.town.clock, 100).erase(case, Reason.REQUESTED, "op-x")
    shown = run("op-rev", feedback_cli.app, "list")
    assert shown.exit_code == 0, shown.output
    assert there in shown.stdout
    assert run("op-rev", feedback_cli.app, "overdue").exit_code == 0
    assert len(run("op-rev", feedback_cli.app, "tickets").stdout.splitlines()) == 2


# -- erasing


def test_an_erasure_that_was_refused_is_nobodys_first_step(staffed: Staffed, run: Run) -> None:
    (case,) = staffed.town.ready()
    staffed.hire("op-cen")
    app = erasing_cli.app
    assert "CASE_ALIVE" in run("op-cen", app, "erase", case).stderr
    with staffed.town.desk() as desk:
        desk.revoke(case)
    asked = ("erase", case, "--reason", "REQUESTED")
    assert "SECOND_PERSON_NEEDED" in run("op-dir", app, *asked, "--approve").stderr
    assert run("op-cen", app, "erase", case, "--reason", "WITHDRAWN").exit_code == 0
    assert "SECOND_PERSON_NEEDED" in run("op-dir", app, *asked, "--approve").stderr
    assert run("op-cen", app, *asked).exit_code == 0
    assert run("op-dir", app, *asked, "--approve").exit_code == 0
