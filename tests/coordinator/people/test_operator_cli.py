"""``hedui operator`` and what it does to all other commands, over a real folder."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coordinator.people.roles import OWNER
from federation.clock import SystemClock
from hedui.cli import app
from tests.auditor import witnessing
from tests.coordinator.people.staffed import AREA, FIRST, OWN
from tests.coordinator.town import APPLICANT, WIFE, case_text

CENTRE = "coordinator"


@dataclass
class Office:
    """A centre's folder, and people with a session file each."""

    home: Path

    def run(self, who: str, *words: object, typed: str = "") -> Result:
        env = {"HEDUI_SESSION": str(self.home / f"session-{who}"), "LANG": "en_GB.UTF-8"}
        line = [*map(str, words), "--folder", str(self.home / CENTRE)]
        return CliRunner().invoke(app, line, input=typed, env=env)

    def done(self, who: str, *words: object, typed: str = "") -> str:
        ended = self.run(who, *words, typed=typed)
        assert ended.exit_code == 0, ended.output
        return ended.output

    def code(self, who: str, *words: object, typed: str = "") -> str:
        ended = self.run(who, *words, "--json", typed=typed)
        assert ended.exit_code in {1, 2}, ended.output
        return str(json.loads(ended.stderr.splitlines()[-1])["error"])

    def hire(self, name: str, role: str, *areas: str, by: str = "op-dir") -> None:
        where = [word for area in areas for word in ("--area", area)]
        self.done(by, "operator", "add", name, "--role", role, *where, typed=f"{FIRST}\n")
        self.done(name, "operator", "login", name, typed=f"{FIRST}\n")
        self.done(name, "operator", "password", typed=f"{FIRST}\n{OWN}\n")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(witnessing.found(tmp_path / "f", SystemClock().now(), reachable=False))


def test_from_the_owner_to_a_clerk_with_an_area(office: Office) -> None:
    file = office.home / "case.toml"
    file.write_text(case_text(), "utf-8")
    assert OWNER in office.done("", "operator", "whoami")
    case_id = json.loads(office.done("", "case", "new", file, "--json").splitlines()[0])["case"]

    first = office.code(
        *("", "operator", "add", "op-lin", "--role", "CLERK", "--area", AREA), typed=f"{FIRST}\n"
    )
    assert first == "DIRECTOR_NEEDED"
    office.hire("op-dir", "DIRECTOR", "*", by="")
    for words in (
        ("case", "list"),
        ("case", "show", case_id),
        ("case", "new", file),
        ("case", "run", "--all"),
        ("case", "close", case_id),
        ("case", "bundle", case_id, file),
        ("case", "alerts"),
        ("case", "log", "show"),
        ("mandate", "list"),
        ("operator", "list"),
        ("operator", "whoami"),
        ("operator", "logout"),
    ):
        assert office.code("", *words) == "SESSION_MISSING", words

    office.hire("op-lin", "CLERK", AREA)
    office.hire("op-mei", "CLERK", "790302")
    assert case_id in office.done("op-lin", "case", "list")
    assert case_id not in office.done("op-mei", "case", "list")
    assert office.code("op-mei", "case", "show", case_id) == "OPERATOR_FORBIDDEN"
    assert office.code("op-lin", "case", "alerts") == "OPERATOR_FORBIDDEN"
    assert office.code("op-mei", "case", "new", file) == "OPERATOR_FORBIDDEN"
    assert "op-lin  township clerk  areas 790301" in office.done("op-lin", "operator", "whoami")

    listed = office.done("op-dir", "operator", "list", "--json")
    names = [json.loads(line)["operator"] for line in listed.splitlines()]
    assert names == ["op-dir", "op-lin", "op-mei"]
    said = office.done("op-dir", "case", "log", "show", "--last", "50", "--lang", "en")
    assert "operator.acted" in said


def test_relatives_come_from_a_file_and_refuse_the_case(office: Office) -> None:
    file, people = office.home / "case.toml", office.home / "people.txt"
    file.write_text(case_text(), "utf-8")
    people.write_text(f"{WIFE}\n{APPLICANT.lower()}\n", "utf-8")
    office.hire("op-dir", "DIRECTOR", "*", by="")
    office.hire("op-lin", "CLERK", AREA)
    told = office.done("op-dir", "operator", "relatives", "op-lin", people)
    assert told == "op-lin: 2 people noted, as keyed digests only. Delete the list.\n"
    assert office.code("op-lin", "case", "new", file) == "OWN_RELATIVE"
    assert office.code("op-lin", "operator", "relatives", "op-lin", people) == "OPERATOR_FORBIDDEN"
    wrong = office.run("op-dir", "operator", "relatives", "op-lin", "-", "--json", typed=f"{WIFE}0")
    assert json.loads(wrong.stderr)["error"] == "ID_LENGTH"
    assert WIFE not in wrong.output
    office.done("op-dir", "operator", "relatives", "op-lin", "-", typed="")
    office.done("op-lin", "case", "new", file)


def acts(office: Office, at: str = CENTRE) -> list[tuple[str, str]]:
    """List who restored, or was refused to."""
    words = ["case", "log", "show", "--last", "1000", "--json", "--folder", str(office.home / at)]
    env = {"HEDUI_SESSION": str(office.home / "session-op-dir")}
    shown = CliRunner().invoke(app, words, env=env)
    assert shown.exit_code == 0, shown.output
    said = map(json.loads, shown.stdout.splitlines())
    return [(one["operator"], one["refused"]) for one in said if one.get("action") == "RESTORE"]


def test_nobody_restores_over_operators_and_the_owner_restores_to_an_empty_place(
    office: Office,
) -> None:
    office.hire("op-dir", "DIRECTOR", "*", by="")
    office.hire("op-lin", "CLERK", AREA)
    place = office.home / "backup"
    office.done("op-dir", "store", "backup", place)
    restore = ("store", "restore", place)
    assert office.code("", *restore) == "SESSION_MISSING"
    assert office.code("op-lin", *restore) == "OPERATOR_FORBIDDEN"
    assert office.code("op-dir", *restore) == "DATABASE_NOT_EMPTY"
    assert acts(office) == [("op-lin", "OPERATOR_FORBIDDEN"), ("op-dir", "")]

    fresh = office.home / "elsewhere"
    shutil.copytree(office.home / CENTRE, fresh, ignore=shutil.ignore_patterns("data"))
    done = CliRunner().invoke(app, [*map(str, restore), "--folder", str(fresh), "--lang", "en"])
    assert done.exit_code == 0, done.output
    assert acts(office, "elsewhere") == [(OWNER, "")]
    shown = CliRunner().invoke(app, ["case", "list", "--folder", str(fresh), "--json"])
    assert json.loads(shown.stderr.splitlines()[-1])["error"] == "SESSION_MISSING"


def test_changes_by_a_director_and_by_nobody_else(office: Office) -> None:
    office.hire("op-dir", "DIRECTOR", "*", by="")
    office.hire("op-lin", "CLERK", AREA)
    for words in (
        ("role", "op-lin", "DIRECTOR"),
        ("areas", "op-lin", "*"),
        ("disable", "op-dir"),
        ("list",),
    ):
        assert office.code("op-lin", "operator", *words) == "OPERATOR_FORBIDDEN"
    weak = office.code("op-dir", "operator", "password", "op-lin", typed="short\n")
    assert weak == "PASSWORD_WEAK"
    office.done("op-dir", "operator", "role", "op-lin", "REVIEWER")
    office.done("op-dir", "operator", "areas", "op-lin", "7903", "7904")
    assert "county reviewer  7903 7904" in office.done("op-dir", "operator", "list")
    office.done("op-dir", "operator", "password", "op-lin", typed=f"{FIRST}\n")
    assert "operator password" in office.done("op-lin", "operator", "login", "op-lin", typed=FIRST)
    assert office.code("op-lin", "case", "list") == "PASSWORD_INITIAL"
    office.done("op-dir", "operator", "disable", "op-lin")
    assert office.code("op-lin", "operator", "login", "op-lin", typed=FIRST) == "OPERATOR_UNKNOWN"
    office.done("op-dir", "operator", "logout")
    assert office.code("op-dir", "operator", "list") == "SESSION_MISSING"


def test_five_wrong_passwords_and_the_right_one_is_not_looked_at(office: Office) -> None:
    office.hire("op-dir", "DIRECTOR", "*", by="")
    for _ in range(5):
        wrong = office.code("op-dir", "operator", "login", "op-dir", typed="no\n")
        assert wrong == "OPERATOR_UNKNOWN"
    ended = office.run("op-dir", "operator", "login", "op-dir", typed=f"{OWN}\n")
    assert ended.exit_code == 1
    assert "Locked after too many wrong passwords  OPERATOR_LOCKED" in ended.stderr
    assert "Try again in about 1 min." in ended.stderr


def test_the_table_is_shown_to_anybody() -> None:
    shown = CliRunner().invoke(app, ["operator", "roles", "--json"])
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    (confirm,) = [row for row in rows if row["action"] == "CASE_CONFIRM"]
    assert confirm == {"action": "CASE_CONFIRM", "roles": ["REVIEWER"], "second": "CASE_DECIDE"}
    for lang, word in (("zh", "县级审核"), ("en", "county reviewer")):
        assert word in CliRunner().invoke(app, ["operator", "roles", "--lang", lang]).stdout
