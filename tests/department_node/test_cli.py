"""``hedui node`` as an administrator meets it: words, JSON, faults and exit codes."""

import json
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from department_node import cli as node_cli
from department_node import doctor
from department_node.beside import beside
from department_node.cli import app
from department_node.node import Node
from federation.clock import SystemClock
from federation.errors import Unavailable
from federation.status_keeper import FILE as STATUS_FILE
from federation.wire import description
from federation.wire.registrar_client import RegistrarClient
from tests.department_node.test_node import question
from tests.support import twin as twins
from tests.support.twin import NOW, WITH_CAR, WITHOUT_CAR, Twin

COMMANDS = [
    "init",
    "import",
    "catalogue",
    "enrol",
    "serve",
    "pause",
    "try",
    "preview",
    "explain",
    "status",
    "doctor",
]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
CASE = f"""
programme = "DIBAO_URBAN"
trigger = "ENTRY"
area = "790301"
commission = "790301-2026-0001"
operator = "op-lin"
[[person]]
id = "{WITH_CAR}"
name = "王甲"
relation = "SELF"
role = "APPLICANT"
[person.consent]
method = "SELF"
evidence = "{"0" * 64}"
[[person]]
id = "{WITHOUT_CAR}"
name = "李错"
relation = "SPOUSE"
role = "MEMBER"
[[person]]
id = "790302199302200158"
name = "李丙"
relation = "CHILD"
role = "SUPPORTER"
[person.consent]
method = "AGENT"
evidence = "{"0" * 64}"
"""


@dataclass
class Office:
    """A department's administrator at the keyboard of a twin."""

    twin: Twin

    @property
    def folder(self) -> Path:
        return self.twin.folder / "public_security"

    def run(
        self, *words: str, folder: Path | None = None, env: dict[str, str] | None = None
    ) -> Result:
        where = ["-C", str(folder or self.folder)]
        return CliRunner().invoke(app, [words[0], *where, *words[1:]], env=env)

    def text(self, *words: str, code: int = 0) -> str:
        result = self.run(*words)
        assert result.exit_code == code, result.output
        for line in result.stdout.splitlines():
            assert cell_len(line) <= 100 or str(self.folder) in line
            assert line == line.rstrip()
        return str(result.stdout)

    def json(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        result = self.run(*words, "--json")
        assert result.exit_code == code, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    def fault(self, *words: str, code: int = 2, folder: Path | None = None) -> dict[str, Any]:
        result = self.run(*words, "--json", folder=folder)
        assert result.exit_code == code, result.output
        assert result.stdout == ""
        shown: dict[str, Any] = json.loads(result.stderr)
        spoken = self.run(*words, "--lang", "en", folder=folder)
        assert shown["error"] in spoken.stderr
        assert not CHINESE.search(spoken.stderr.replace(str(folder or self.folder), ""))
        return shown


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    twin = twins.make(tmp_path / "f")
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW)
    monkeypatch.setattr(RegistrarClient, "evaluate", lambda _, batch: twin.evaluate(batch))
    monkeypatch.setattr(RegistrarClient, "status_lists", lambda _, d: twin.status_lists(d))
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("HEDUI_LANG", raising=False)
    return Office(twin)


@pytest.fixture
def serving(office: Office) -> Iterator[Node]:
    with twins.open_node(office.twin) as node:
        yield node


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_short_and_in_both_languages(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "100"})
    assert result.exit_code == 0
    assert "None" not in result.stdout
    assert "``" not in result.stdout
    first = next(line for line in result.stdout.splitlines()[2:] if line.strip())
    assert CHINESE.search(first)
    assert re.search(r"[a-z]{3}", first)
    for line in result.stdout.splitlines():
        assert "--no-" not in line
        assert "PERSON" not in line


def test_commands_come_in_the_order_of_work() -> None:
    listed = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100"}).stdout
    found = [name for name in re.findall(r"│ (\w+) ", listed) if name in COMMANDS]
    assert found == COMMANDS


def test_init_says_what_is_next(office: Office) -> None:
    (kept,) = office.json("init")
    assert (kept["party"], kept["catalogue_written"]) == ("public_security", False)
    assert [words.split()[2] for words in kept["next"]] == [
        "import",
        "catalogue",
        "enrol",
        "preview",
        "serve",
    ]
    (office.folder / "catalogue.toml").unlink()
    text = office.text("init")
    assert "下一步" in text
    assert f"export HEDUI_FOLDER={office.folder}" in text
    assert (office.folder / "catalogue.toml").exists()
    assert "already" not in office.text("init", "--lang", "en")


def test_a_catalogue_is_listed_with_what_it_reads(office: Office) -> None:
    *rows, beside_policy = office.json("catalogue")
    assert [(r["where"], r["ok"]) for r in rows] == [
        ("roll", True),
        ("as_of", True),
        ("P40", True),
        ("P42", True),
        ("P06", True),
    ]
    assert rows[2]["columns"] == ["vehicle.owner"]
    assert rows[2]["purposes"] == ["ENTRY", "REVIEW"]
    assert beside_policy == {"allowed_not_answered": [], "answered_not_allowed": []}
    text = office.text("catalogue")
    assert "✓  P40" in text
    assert "vehicle.bought" in text
    assert "只比较假名" in text


def test_every_fault_of_a_catalogue_is_listed_with_its_line(office: Office) -> None:
    path = office.folder / "catalogue.toml"
    path.write_text(path.read_text("utf-8").replace("max(bought)", "max(bougth)"), "utf-8")
    rows = {r["where"]: r for r in office.json("catalogue", code=2) if "where" in r}
    assert rows["P42"]["fault"]["code"] == "CATALOGUE_COLUMN_MISSING"
    assert rows["P42"]["fault"]["where"] == "catalogue.toml:20 P42"
    assert rows["P40"]["ok"]
    text = office.text("catalogue", code=2)
    assert "✗  P42" in text
    assert "catalogue.toml:20" in text
    assert "vehicle.bought" in text  # what there is instead
    assert office.fault("try", "--predicate", "P40", "--id", WITH_CAR)["details"]["where"] == (
        "catalogue.toml:20 P42"
    )


def test_import_replaces_a_table_and_lists_rejects(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "vehicle.csv"
    file.write_text(f"owner,bought\n{WITHOUT_CAR},2026-01-01\n12345,2026-01-02\n", "utf-8")
    (row,) = office.json("import", str(file), "--id-column", "owner", "--as-of", "2026-11-01")
    assert (row["table"], row["rows"], row["rejected"]) == ("vehicle", 1, 1)
    assert row["rejects"] == [{"row": 3, "code": "ID_LENGTH", "column": "owner"}]
    text = office.text("import", str(file), "--id-column", "owner")
    assert "导入 1 行,拒收 1 行" in text
    assert "12345" not in text
    assert office.json("try", "--predicate", "P40", "--id", WITHOUT_CAR)[0]["answer"] == "YES"


def test_import_faults(office: Office, tmp_path: Path) -> None:
    assert office.fault("import")["error"] == "IMPORT_NOTHING"
    assert office.fault("import", str(tmp_path / "none.csv"))["error"] == "IMPORT_FILE_MISSING"
    wrong = office.fault("import", "x.csv", "--encoding", "latin")
    assert wrong["error"] == "IMPORT_PLAN_INVALID"
    other = office.twin.folder / "registrar"
    assert office.fault("import", "x.csv", folder=other)["error"] == "PARTY_ROLE"
    assert not (other / "records.sqlite").exists()
    missing = office.run("import", "x.csv", "--max-mib", "0")
    assert missing.exit_code == 2


def test_enrol_tells_the_roll(office: Office) -> None:
    (tally,) = office.json("enrol")
    assert tally == {
        "party": "public_security",
        "roll": 2,
        "known": 0,
        "enrolled": 2,
        "resumed": 0,
        "left": 0,
        "rejected": {},
    }
    with sqlite3.connect(office.folder / "records.sqlite") as c:
        c.execute("INSERT INTO person VALUES ('12345', '王')")
        c.execute("DELETE FROM person WHERE id = ?", (WITH_CAR,))
    c.close()
    text = office.text("enrol")
    assert "早已登记 1 人" in text
    assert "不再在册 1 人" in text
    assert "ID_LENGTH" in text
    assert "12345" not in text


def test_enrol_says_what_the_registrar_says(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> object:
        raise Unavailable("PEER_UNREACHABLE", peer="registrar")

    monkeypatch.setattr(RegistrarClient, "evaluate", unreachable)
    assert office.fault("enrol", code=1)["error"] == "PEER_UNREACHABLE"


def test_enrol_beside_a_serving_node_is_refused(office: Office, serving: Node) -> None:
    assert office.fault("enrol")["error"] == "DATA_FOLDER_IN_USE"


def test_try_answers_in_words_and_codes(office: Office) -> None:
    (look,) = office.json("try", "--predicate", "P40", "--id", WITH_CAR)
    assert look == {
        "predicate": "P40",
        "parameter": "",
        "question": "名下有机动车吗",
        "answer": "YES",
        "words": "有",
        "columns": ["vehicle.owner"],
        "fault": None,
        "on_roll": True,
        "enrolled": True,
    }
    assert "名下有机动车吗 → 有" in office.text("try", "--predicate", "P40", "--id", WITH_CAR)
    english = office.text("try", "--predicate", "P40", "--id", WITHOUT_CAR, "--lang", "en")
    assert "→ nothing found" in english
    assert not CHINESE.search(english)


def test_try_fills_in_the_only_parameter_and_asks_for_one_of_many(office: Office) -> None:
    (look,) = office.json("try", "--predicate", "P42", "--id", WITH_CAR)
    assert (look["parameter"], look["answer"]) == ("w12m", "YES")
    asked = office.fault("try", "--predicate", "P42", "--id", WITH_CAR, "--parameter", "w1m")
    assert asked["error"] == "PARAMETER_CHOICE"
    assert asked["details"]["choices"] == "w12m"


def test_try_compares_the_registers_own_name(office: Office) -> None:
    (look,) = office.json("try", "--predicate", "P06", "--id", WITH_CAR)
    assert (look["answer"], look["columns"]) == ("YES", [])


def test_try_about_somebody_absent_or_not_enrolled(office: Office) -> None:
    office.json("enrol")
    absent = "790302199302200158"
    (look,) = office.json("try", "--predicate", "P06", "--id", absent)
    assert (look["answer"], look["on_roll"]) == ("NO_RECORD", False)
    assert "名册上没有此人" in office.text("try", "--predicate", "P40", "--id", absent)
    with sqlite3.connect(office.folder / "records.sqlite") as c:
        c.execute("INSERT INTO person VALUES (?, '新')", (absent,))
        c.execute("INSERT INTO vehicle VALUES (?, '2026-01-01')", (absent,))
    c.close()
    (look,) = office.json("try", "--predicate", "P40", "--id", absent)
    assert (look["answer"], look["on_roll"], look["enrolled"]) == ("NO", True, False)
    assert "尚未登记" in office.text("try", "--predicate", "P40", "--id", absent)


def test_try_shows_a_source_that_fails_as_it_would_be_refused(office: Office) -> None:
    path = office.folder / "catalogue.toml"
    text = path.read_text("utf-8").replace(
        "SELECT count(*) FROM vehicle", "SELECT '?' FROM vehicle"
    )
    path.write_text(text, "utf-8")
    (look,) = office.json("try", "--predicate", "P40", "--id", WITH_CAR)
    assert (look["answer"], look["fault"]) == ("REFUSED(SOURCE_UNAVAILABLE)", "SOURCE_VALUE")
    assert "SOURCE_VALUE" in office.text("try", "--predicate", "P40", "--id", WITH_CAR)


@pytest.mark.parametrize("number", [WITH_CAR[:17] + "0", "3.30203E+17", "", WITH_CAR * 2])
def test_no_fault_repeats_a_number(office: Office, number: str) -> None:
    shown = office.run("try", "--predicate", "P40", "--id", number)
    assert shown.exit_code == 2
    assert not number or number not in shown.output
    asked = office.run("explain", "--", WITH_CAR)
    assert WITH_CAR not in asked.output


def test_faults_of_a_predicate(office: Office) -> None:
    assert (
        office.fault("try", "--predicate", "P99", "--id", WITH_CAR)["error"] == "PREDICATE_UNKNOWN"
    )
    assert (
        office.fault("try", "--predicate", "P22", "--id", WITH_CAR)["error"] == "PREDICATE_NOT_HERE"
    )
    assert office.fault("explain", "P99")["error"] == "PREDICATE_UNKNOWN"


@pytest.fixture
def case(tmp_path: Path) -> Path:
    path = tmp_path / "case.toml"
    path.write_text(CASE, "utf-8")
    return path


def test_preview_shows_what_leaves_and_what_does_not(office: Office, case: Path) -> None:
    office.json("enrol")
    head, *looks, columns = office.json("preview", "--case", str(case))
    assert head["may_ask"] == ["coordinator", "stranger"]
    assert head["policy"] == {"family": "test", "version": 1}
    assert (head["purpose"], head["members"], head["paused"]) == ("ENTRY", 2, False)
    answers = {(one["person"], one["predicate"]): one["answer"] for one in looks}
    assert answers == {
        (1, "P40"): "YES",
        (1, "P42"): "YES",
        (1, "P06"): "YES",
        (2, "P40"): "NO",
        (2, "P42"): "NO",
        (2, "P06"): "NO",
        (3, "P40"): "NO",
        (3, "P42"): "NO",
        (3, "P06"): "NO_RECORD",
    }
    assert columns == {
        "columns_read": ["vehicle.bought", "vehicle.owner"],
        "columns_read_to_enrol": ["person.id", "person.name"],
        "columns_never_read": [],
    }


def test_preview_speaks_plainly(office: Office, case: Path) -> None:
    office.json("enrol")
    text = office.text("preview", "--case", str(case))
    for words in (
        "谁会问",
        "第 1 人 王**  申请人,本人签字",
        "第 2 人 李**  共同生活成员,尚未签字",
        "第 3 人 李**  赡养抚养义务人,代理人代签",
        "从不读取的列",
    ):
        assert words in text
    assert re.search(r"P40  有 +名下有机动车吗", text)
    assert re.search(r"P06  否 +姓名与身份证号码一致吗", text)
    assert re.search(r"P06  无记录 +姓名与身份证号码一致吗", text)
    for secret in (WITH_CAR, WITHOUT_CAR, "王甲", "李错"):
        assert secret not in text
    english = office.text("preview", "--case", str(case), "--lang", "en")
    assert "who may ask" in english
    assert "never read" in english
    office.text("pause")
    assert "已暂停" in office.text("preview", "--case", str(case))


def test_preview_of_another_purpose_shows_refusals(office: Office, case: Path) -> None:
    case.write_text(CASE.replace('trigger = "ENTRY"', 'trigger = "MONITORING"'), "utf-8")
    _, *looks, _ = office.json("preview", "--case", str(case))
    assert {one["answer"] for one in looks} == {"REFUSED(POLICY_NOT_ANSWERED)"}
    assert "拒绝 POLICY_NOT_ANSWERED" in office.text("preview", "--case", str(case))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "FILE_MISSING"),
        ("", "CASE_FILE_INVALID"),
        ("person = 3", "CASE_FILE_INVALID"),
        ("[[person]]\nid = 3\nname = 'x'", "CASE_FILE_INVALID"),
        ("[[person", "CASE_FILE_INVALID"),
        (CASE.replace("ENTRY", "WHIM"), "CASE_FILE_INVALID"),
        (CASE.replace("SUPPORTER", "NEIGHBOUR"), "CASE_FILE_INVALID"),
        ("members = 1\n" + CASE, "CASE_FILE_INVALID"),
        (CASE.replace(WITH_CAR, WITH_CAR[:17] + "0"), "ID_CHECK_DIGIT"),
        (CASE.replace("王甲", " "), "NAME_EMPTY"),
        ("#" * 70_000, "CASE_FILE_INVALID"),
    ],
)
def test_faults_of_a_case_file(
    office: Office, tmp_path: Path, content: str | None, error: str
) -> None:
    path = tmp_path / "bad.toml"
    if content is not None:
        path.write_text(content, "utf-8")
    shown = office.fault("preview", "--case", str(path))
    assert shown["error"] == error
    assert WITH_CAR[:17] not in json.dumps(shown)


def test_explain_the_last_answer(office: Office, serving: Node) -> None:
    serving.answerer().ask("coordinator", question(office.twin))
    head, item = office.json("explain")
    assert (head["caller"], head["items"]) == ("coordinator", 1)
    assert (item["predicate"], item["words"], item["use"], item["help"]) == ("P40", "有", 1, None)
    text = office.text("explain", head["qid"])
    assert "coordinator 为“新申请”提问" in text
    assert "P40  有  第 1 次  名下有机动车吗" in text
    assert "数据截至 2026-11-17" in text


def test_explain_a_refusal(office: Office, serving: Node) -> None:
    serving.answerer().ask("coordinator", question(office.twin, policy_version=2))
    _, item = office.json("explain")
    assert item["answer"] == "REFUSED(POLICY_VERSION)"
    assert item["help"]
    assert "拒绝 POLICY_VERSION" in office.text("explain")
    assert "refused POLICY_VERSION" in office.text("explain", "last", "--lang", "en")


def test_explain_what_is_not_there(office: Office) -> None:
    assert office.fault("explain")["error"] == "NODE_NEVER_RAN"
    office.json("enrol")
    for query in ("last", "00" * 16, "nonsense", "00"):
        assert office.fault("explain", query)["error"] == "QUERY_UNKNOWN"


def verdict(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return rows[-1]


def test_explain_a_predicate(office: Office, serving: Node) -> None:
    last = verdict(office.json("explain", "P42"))
    assert last == {"predicate": "P42", "would_answer": True, "code": None}
    assert "→ 授权齐备时会回答" in office.text("explain", "P42")
    refused = verdict(office.json("explain", "P42", "--parameter", "w1m"))
    assert refused["code"] == "POLICY_PARAMETER"
    assert verdict(office.json("explain", "P21"))["code"] == "POLICY_NOT_ANSWERED"
    assert verdict(office.json("explain", "P10"))["code"] == "POLICY_NOT_ANSWERED"
    assert "✗" in office.text("explain", "P21")
    office.text("pause")
    assert verdict(office.json("explain", "P42"))["code"] == "NODE_PAUSED"


def test_explain_a_predicate_of_a_node_that_never_ran(office: Office) -> None:
    assert verdict(office.json("explain", "P42"))["code"] == "STATUS_LIST_STALE"
    path = office.folder / "catalogue.toml"
    text = path.read_text("utf-8")
    signed = office.twin.status_list("public_security").decode()
    (office.folder / "data" / STATUS_FILE).write_text(f'{{"0":"{signed}"}}', "utf-8")
    path.write_text(text.replace("2026-11-17", "2001-01-01"), "utf-8")
    assert verdict(office.json("explain", "P42"))["code"] == "STALE"
    assert "STALE" in office.text("explain", "P42", "--lang", "en")
    path.write_text(text.replace("max(bought)", "max(bougth)"), "utf-8")
    broken = office.json("explain", "P42")
    assert verdict(broken)["code"] == "SOURCE_UNAVAILABLE"
    assert any("catalogue.toml:20" in str(row.get("condition")) for row in broken)


def test_pause_and_status(office: Office, serving: Node) -> None:
    with pytest.raises(Exception, match="MALFORMED"):
        serving.answerer().ask("coordinator", b"garbage")
    (before,) = office.json("status")
    assert before["paused"] is False
    assert (before["party"], before["enrolled"]) == ("public_security", 2)
    assert before["enrolled_to"] == "2026-11-18"
    assert office.json("pause") == [{"paused": True}]
    assert office.json("status")[0]["paused"] is True
    text = office.text("status")
    assert "已暂停" in text
    assert "已登记" in text
    assert re.search(r"日志条数 +0", text)
    english = office.text("status", "--lang", "en")
    assert "paused" in english
    assert not CHINESE.search(english)
    assert office.json("pause", "--off") == [{"paused": False}]
    assert "answering again" in office.text("pause", "--off", "--lang", "en")


def test_status_counts_transport_refusals(office: Office, serving: Node) -> None:
    def job(c: sqlite3.Connection) -> None:
        c.execute("INSERT INTO refused VALUES ('2026-11-18', 'REPLAYED', 1234)")

    serving.store.writer.write(job)
    assert office.json("status")[0]["transport_refusals"] == {"REPLAYED": 1234}
    assert re.search(r"未受理的请求 +1,234 .*REPLAYED", office.text("status"))


def test_status_and_doctor_tell_of_records_whose_budget_is_nearly_spent(
    office: Office, serving: Node
) -> None:
    def alert(*rows: tuple[bytes, int]) -> None:
        write = serving.store.writer.write
        write(lambda c: c.executemany("INSERT INTO alert VALUES (?, ?)", rows))

    alert((b"k1", 2025))
    assert office.json("status")[0]["records_nearly_spent"] == 0
    assert "budgets" not in findings(office)
    alert((b"k1", 2026), (b"k2", 2026))
    assert office.json("status")[0]["records_nearly_spent"] == 2
    assert re.search(r"限额将尽的记录 +2", office.text("status"))
    assert re.search(r"records nearly spent +2", office.text("status", "--lang", "en"))
    found = findings(office)["budgets"]
    assert found["ok"] is None
    assert "hedui node explain" in found["help"]
    text = office.text("doctor", "--lang", "en")
    assert "·  budgets: of 2 records" in text
    assert "k1" not in text


def test_status_and_pause_of_another_roles_folder(office: Office) -> None:
    for command in ("status", "pause"):
        for role in ("registrar", "coordinator"):
            other = office.twin.folder / role
            assert office.fault(command, folder=other)["error"] == "PARTY_ROLE"
            assert not (other / "data" / "paused").exists()


@pytest.mark.parametrize("command", ["init", "catalogue", "enrol", "status", "pause"])
def test_no_folder_or_no_nodes_folder(office: Office, tmp_path: Path, command: str) -> None:
    assert office.fault(command, folder=tmp_path / "none")["error"] in {
        "FILE_MISSING",
        "SETTINGS_INVALID",
    }


def test_a_folder_that_cannot_be_written(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    assert office.fault("pause")["error"] == "FILE_UNWRITABLE"


def test_keys_that_others_can_read(office: Office) -> None:
    (office.folder / "signing.key").chmod(0o644)
    assert office.fault("init")["error"] == "KEY_FILE_OPEN"
    (one,) = office.json("doctor", code=1)
    assert (one["check"], one["ok"]) == ("installation", False)
    assert "KEY_FILE_OPEN" in one["found"]


def findings(office: Office, *, code: int = 0) -> dict[str, dict[str, Any]]:
    return {row["check"]: row for row in office.json("doctor", code=code)}


def test_doctor_of_a_healthy_node(
    office: Office, serving: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = description.Description(
        party="public_security", version="1.2.3", predicates=(), paused=False
    )
    monkeypatch.setattr(
        "federation.wire.channel.Peers.call", lambda *_, **__: description.encode(said)
    )
    found = findings(office)
    assert {name for name, one in found.items() if one["ok"] is not True} == set()
    assert list(found) == [
        "keys",
        "documents",
        "certificate",
        "registrar",
        "clock",
        "records",
        "catalogue",
        "freshness",
        "enrolment",
        "status_list",
        "log",
        "disk",
        "serving",
    ]
    text = office.text("doctor")
    assert "✗" not in text
    assert "目录:3 项中 3 项能回答" in text
    assert "登记:名册 2 行,已登记 2 人" in text
    assert "1.2.3" in text
    assert "✓  catalogue: answers 3 of 3" in office.text("doctor", "--lang", "en")


def test_doctor_of_a_node_that_never_ran(office: Office) -> None:
    found = findings(office, code=1)
    assert found["enrolment"]["ok"] is False
    assert "hedui node enrol" in found["enrolment"]["help"]
    for name in ("log", "status_list", "serving"):
        assert found[name]["ok"] is None


def test_doctor_names_the_line_of_a_fault(office: Office, serving: Node) -> None:
    path = office.folder / "catalogue.toml"
    path.write_text(path.read_text("utf-8").replace("max(bought)", "max(bougth)"), "utf-8")
    found = findings(office, code=1)["catalogue"]
    assert found["ok"] is False
    assert [(m["where"], m["code"]) for m in found["more"]] == [
        ("catalogue.toml:20 P42", "CATALOGUE_COLUMN_MISSING")
    ]
    text = office.text("doctor", code=1)
    assert "✗  目录:3 项中 2 项能回答" in text
    assert "catalogue.toml:20 P42" in text


def test_doctor_goes_on_after_a_fault(
    office: Office, serving: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> object:
        raise Unavailable("PEER_UNREACHABLE", peer="registrar")

    monkeypatch.setattr(RegistrarClient, "status_lists", unreachable)
    (office.folder / "records.sqlite").write_bytes(b"garbage" * 100)
    found = findings(office, code=1)
    assert found["registrar"]["ok"] is False
    assert found["records"]["ok"] is False
    assert found["log"]["ok"] is True
    assert found["disk"]["ok"] is not None


def test_doctor_of_clock_data_documents_and_log(
    office: Office, serving: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving.answerer().ask("coordinator", question(office.twin))
    serving.store.writer.write(lambda c: c.execute("UPDATE log SET record = x'00'"))
    assert "第 1 条被改动" in findings(office, code=1)["log"]["found"]
    office.twin.clock.seconds = NOW + 30
    assert findings(office, code=1)["clock"]["ok"] is False
    office.twin.clock.seconds = NOW - 63
    assert findings(office, code=1)["clock"]["ok"] is False
    serving.store.set_meta(time=NOW + 500)
    assert findings(office, code=1)["time"]["ok"] is False
    path = office.folder / "catalogue.toml"
    path.write_text(path.read_text("utf-8").replace("2026-11-17", "2001-01-01"), "utf-8")
    assert findings(office, code=1)["freshness"]["ok"] is False
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW + 355 * 86_400)
    late = findings(office, code=1)
    assert late["documents"]["ok"] is False
    assert late["certificate"]["ok"] is False


def test_doctor_of_a_broken_off_enrolment(office: Office, serving: Node) -> None:
    serving.store.writer.write(lambda c: c.execute("UPDATE enrolment SET done = 0"))
    assert findings(office, code=1)["enrolment"]["ok"] is False


def test_doctor_of_a_full_disk(
    office: Office, serving: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "DISK_FREE", 1 << 60)
    found = findings(office, code=1)["disk"]
    assert found["ok"] is False
    assert found["help"]


def test_doctor_of_a_paused_node(office: Office, serving: Node) -> None:
    office.text("pause")
    assert findings(office)["paused"]["ok"] is None


class Stopping:
    """A running node that is told to stop as soon as it runs."""

    port = 12345

    def __init__(self, node: Node) -> None:
        self.node = node

    def start(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    def stop(self) -> None:
        (self.node.party.data / "stopped").touch()


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(node_cli, "RunningNode", Stopping)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("stopping")
def test_serve_imports_enrols_serves_and_stops(office: Office, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(f"owner,bought\n{WITHOUT_CAR},2026-01-01\n", "utf-8")
    plan = tmp_path / "import.toml"
    plan.write_text(
        '[[table]]\nfile = "v.csv"\ntable = "vehicle"\nid_column = "owner"\nas_of = 2026-11-01\n',
        "utf-8",
    )
    imported, enrolled, serving = office.json("serve", "--plan", str(plan), "--enrol")
    assert (imported["rows"], enrolled["enrolled"]) == (1, 2)
    assert serving == {"party": "public_security", "port": 12345}
    assert (office.folder / "data" / "stopped").exists()


@pytest.mark.usefixtures("stopping")
def test_a_stop_breaks_the_preparation_off(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        return None

    monkeypatch.setattr(RegistrarClient, "evaluate", stop)
    result = office.run("serve", "--enrol")
    assert result.exit_code == 130
    assert "已中止" in result.stdout
    with beside(office.folder / "data") as state:
        assert state.pending(2026) == 1


def test_language_comes_from_the_environment(office: Office) -> None:
    words = ("try", "--predicate", "P40", "--id", WITH_CAR)
    assert "→ 有" in office.run(*words).stdout
    assert "→ yes" in office.run(*words, env={"LANG": "en_GB.UTF-8"}).stdout
    assert office.run(*words, "--lang", "fr").exit_code == 2
