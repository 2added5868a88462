"""Imports are whole or did not happen: after errors, full disks, kills the table is as it was."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from department_node.intake.load import import_table
from department_node.intake.spec import ImportResult, ImportSpec, Reject
from department_node.records import SqliteRecords
from federation.clock import FixedClock
from federation.errors import BadInput, HeduiError, Unavailable
from federation.ids import Notice, check_digit

NOW = 1_790_000_000
HEADER = "身份证号,姓名,金额"
ROOT = Path(__file__).parents[3]


def person(number: int) -> str:
    first17 = f"79030119{number // 1000 % 100:02}0101{number % 1000:03}"
    return first17 + check_digit(first17)


def lines(count: int, first: int = 0) -> str:
    return "".join(f"{person(n)},人{n},{n}\n" for n in range(first, first + count))


class Department:
    """A folder with a record database and the file to be imported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "records.sqlite"
        self.source = folder / "收入.csv"

    def load(self, content: str | bytes, **given: Any) -> ImportResult:
        data = content.encode() if isinstance(content, str) else content
        self.source.write_bytes(data)
        given = {"table": "income", "id_column": "身份证号", "integers": ("金额",)} | given
        progress: Callable[[int], None] = given.pop("progress", lambda rows: None)
        return import_table(
            self.source,
            self.database,
            ImportSpec(**given),
            progress=progress,
            clock=FixedClock(NOW),
        )

    def refusal(self, content: str | bytes, **given: Any) -> HeduiError:
        with pytest.raises(HeduiError) as caught:
            self.load(content, **given)
        return caught.value

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def people(self) -> int:
        return int(self.query("SELECT count(*) FROM income")[0][0])


@pytest.fixture
def department(tmp_path: Path) -> Department:
    return Department(tmp_path)


def test_a_first_import(department: Department) -> None:
    result = department.load(f"{HEADER}\n{lines(3)}", as_of=date(2026, 8, 31))
    assert (result.rows, result.rejected, result.rejects, result.notices) == (3, 0, (), {})
    assert result.columns == ("身份证号", "姓名", "金额")
    assert department.query("SELECT * FROM income")[2] == (person(2), "人2", 2)
    [log] = department.query("SELECT * FROM import_log")
    assert log == (1, "income", "收入.csv", result.sha256, 3, 0, "2026-08-31", NOW)


def test_what_was_imported_can_be_asked(department: Department) -> None:
    department.load(f"{HEADER}\n{lines(30)}", as_of=date(2026, 8, 31))
    with SqliteRecords(department.database) as records:
        sql = 'SELECT sum("金额") FROM income WHERE "身份证号" = :key AND "金额" > 9'
        assert records.scalar(sql, {"key": person(20)}) == 20
        assert records.scalar(sql, {"key": person(5)}) is None
        assert records.scalar("SELECT max(as_of) FROM import_log", {}) == "2026-08-31"
        assert records.all_columns() == [
            ("income", "身份证号"),
            ("income", "姓名"),
            ("income", "金额"),
        ]


def test_look_ups_have_an_index(department: Department) -> None:
    department.load(f"{HEADER}\n{lines(3)}", indexes=("姓名",))
    for column in ("身份证号", "姓名"):
        plan = department.query(f"EXPLAIN QUERY PLAN SELECT 1 FROM income WHERE {column} = 'x'")
        assert f"income_by_{column}" in plan[0][3]


def test_a_second_import_replaces_and_keeps_the_log(department: Department) -> None:
    department.load(f"{HEADER}\n{lines(3)}")
    result = department.load("身份证号,住址\n" + person(9) + ",某街\n", integers=())
    assert result.import_id == 2
    assert department.query("SELECT * FROM income") == [(person(9), "某街")]
    assert [row[0] for row in department.query("SELECT import_id FROM import_log")] == [1, 2]


def test_bad_rows_are_left_out_and_named(department: Department) -> None:
    bad = [
        f"{person(1)[:17]}?,李乙,1",
        "7.90301E+17,赵丙,1",
        f"{person(1)},短",
        f"{person(2)},钱丁,一百",
    ]
    content = f"{HEADER}\n{lines(2)}" + "\n".join(bad) + "\n" + lines(1)
    result = department.load(content)
    expected = (
        Reject(row=4, code="ID_CHARACTERS", column="身份证号"),
        Reject(row=5, code="ID_SPREADSHEET", column="身份证号"),
        Reject(row=6, code="ROW_WIDTH", column=None),
        Reject(row=7, code="CELL_INTEGER", column="金额"),
        Reject(row=8, code="DUPLICATE_ROW", column=None),
    )
    assert (result.rows, result.rejected, result.rejects) == (2, 5, expected)
    stored = department.query("SELECT * FROM import_reject")
    assert stored == [(1, reject.row, reject.code, reject.column) for reject in expected]


def test_only_the_first_rejects_are_returned(department: Department) -> None:
    result = department.load(f"{HEADER}\n{lines(1)}" + "1,坏,1\n2,坏,1\n" * 6_000)
    assert (result.rejected, len(result.rejects)) == (12_000, 20)
    assert result.rejects[-1].row == 22
    assert department.query("SELECT count(*) FROM import_reject") == [(12_000,)]


def test_dirty_numbers_become_one_person(department: Department) -> None:
    clean = "79030119700312011X"
    content = (
        f"{HEADER}\n'{clean},甲,1\n{clean.lower()},甲,2\n790301700312011,甲,3\n{clean} ,甲,1\n"
    )
    result = department.load(content)
    assert department.query("SELECT DISTINCT 身份证号 FROM income") == [(clean,)]
    assert result.rejects == (Reject(row=5, code="DUPLICATE_ROW", column=None),)
    assert result.notices == {
        Notice.APOSTROPHE: 1,
        Notice.LOWER_X: 1,
        Notice.FIFTEEN_DIGITS: 1,
        Notice.SPACES: 1,
    }


def test_no_number_stands_in_what_is_reported(department: Department) -> None:
    spoilt = person(7)[:16] + "0?"
    result = department.load(f"{HEADER}\n{lines(1)}{spoilt},甲,1\n")
    assert "790301" not in repr(result)
    assert "790301" not in repr(department.query("SELECT * FROM import_reject"))
    found = department.refusal(f"{HEADER}\n{spoilt},甲,1\n")
    assert "790301" not in f"{found} {found.__cause__}"


def test_rows_are_the_same_whatever_the_format(department: Department, tmp_path: Path) -> None:
    department.load(f"{HEADER}\n{lines(3)}")
    from_csv = department.query("SELECT * FROM income")
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as other:
        other.execute("CREATE TABLE x (身份证号 TEXT, 姓名 TEXT, 金额 INTEGER)")
        other.executemany("INSERT INTO x VALUES (?, ?, ?)", from_csv)
        other.commit()
    department.load((tmp_path / "other.sqlite").read_bytes(), integers=())
    assert department.query("SELECT * FROM income") == from_csv


def test_appending(department: Department) -> None:
    department.load(f"{HEADER}\n{lines(3)}")
    result = department.load(
        f"姓名,身份证号,金额\n人9,{person(9)},9\n人2,{person(2)},2\n", append=True
    )
    assert (result.rows, result.rejects) == (
        1,
        (Reject(row=3, code="DUPLICATE_ROW", column=None),),
    )
    assert department.query("SELECT * FROM income")[3] == (person(9), "人9", 9)
    again = department.load(f"{HEADER}\n{lines(3)}", append=True)
    assert (again.rows, again.rejected, department.people()) == (0, 3, 4)


def test_appending_to_nothing_creates(department: Department) -> None:
    assert department.load(f"{HEADER}\n{lines(3)}", append=True).rows == 3


def test_appending_other_columns_is_refused(department: Department) -> None:
    department.load(f"{HEADER}\n{lines(3)}")
    found = department.refusal(f"身份证号,姓名,数额\n{person(5)},甲,1\n", append=True, integers=())
    assert found.code == "IMPORT_COLUMNS_DIFFER"
    assert found.details == {"table": "income", "columns": "数额, 金额"}
    found = department.refusal(f"{HEADER}\n{lines(1)}", append=True, table="INCOME")
    assert found.code == "IMPORT_COLUMNS_DIFFER"
    assert department.people() == 3


def test_appending_while_another_import_runs(department: Department) -> None:
    department.load(f"{HEADER}\n{lines(3)}")

    def meanwhile(_rows: int) -> None:
        with closing(sqlite3.connect(department.database)) as connection:
            connection.execute("DELETE FROM income")
            connection.commit()

    found = department.refusal(f"{HEADER}\n{lines(5)}", append=True, progress=meanwhile)
    assert (type(found), found.code) == (Unavailable, "SOURCE_BUSY")


BAD_FILES: dict[str, str | bytes] = {
    "IMPORT_EMPTY": f"{HEADER}\n",
    "IMPORT_ALL_REJECTED": f"{HEADER}\n1,甲,1\n1,乙,1\n{person(1)},丙,x\n",
    "IMPORT_COLUMN_MISSING": f"证号,姓名,金额\n{person(1)},甲,1\n",
    "IMPORT_ENCODING": f"{HEADER}\n{lines(9_000)}".encode() + b"\xff\n",
    "IMPORT_GARBAGE": f'{HEADER}\n{lines(9_000)}"cut',
    "IMPORT_HEADER_DATA": lines(5),
}


@pytest.mark.parametrize(("code", "content"), BAD_FILES.items(), ids=BAD_FILES)
def test_a_bad_file_leaves_the_table_as_it_was(
    department: Department, code: str, content: str | bytes
) -> None:
    department.load(f"{HEADER}\n{lines(3)}")
    before = department.database.read_bytes()
    found = department.refusal(content)
    assert (type(found), found.code) == (BadInput, code)
    assert department.database.read_bytes() == before


def test_details_of_what_is_missing(department: Department) -> None:
    found = department.refusal("a,b\n1,2\n", required=("b", "c"), indexes=("d",))
    assert found.details == {"column": "身份证号, c, 金额, d", "exist": "a, b"}
    found = department.refusal(BAD_FILES["IMPORT_ALL_REJECTED"])
    assert found.details == {"rejected": 3, "reason": "ID_LENGTH"}


def test_a_file_may_empty_a_table_only_on_request(department: Department) -> None:
    department.load(f"{HEADER}\n{lines(3)}")
    result = department.load(f"{HEADER}\n,,\n", allow_empty=True)
    assert (result.rows, result.rejected, department.people()) == (0, 0, 0)


@pytest.mark.parametrize("name", ["", "1a", "a b", 'a"b', "sqlite_x", "import_log", "甲" * 65])
def test_table_names(department: Department, name: str) -> None:
    assert department.refusal(f"{HEADER}\n{lines(1)}", table=name).code == "IMPORT_TABLE_NAME"


def test_a_view_is_not_replaced(department: Department) -> None:
    with closing(sqlite3.connect(department.database)) as connection:
        connection.execute("CREATE VIEW income AS SELECT 1")
    assert department.refusal(f"{HEADER}\n{lines(1)}").code == "IMPORT_TABLE_NAME"


def test_too_large_is_refused_before_anything_is_made(department: Department) -> None:
    assert department.refusal(f"{HEADER}\n{lines(9)}", max_bytes=50).code == "IMPORT_TOO_LARGE"
    assert not department.database.exists()


def test_a_full_disk_leaves_the_table_as_it_was(department: Department) -> None:
    department.load(f"{HEADER}\n{lines(1_000)}")
    before = department.database.read_bytes()
    found = department.refusal(
        f"{HEADER}\n{lines(20_000)}", max_database_bytes=len(before) + 50_000
    )
    assert (type(found), found.code) == (Unavailable, "DISK_FULL")
    assert department.database.read_bytes() == before
    assert department.load(f"{HEADER}\n{lines(20_000)}").rows == 20_000


def test_a_database_that_is_none(department: Department) -> None:
    department.database.write_bytes(b"not a database at all" * 99)
    found = department.refusal(f"{HEADER}\n{lines(1)}")
    assert (type(found), found.code) == (Unavailable, "STORE_UNWRITABLE")


def test_a_database_that_is_held(department: Department, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("department_node.intake.load._BUSY_SECONDS", 0.05)
    department.load(f"{HEADER}\n{lines(3)}")
    with closing(sqlite3.connect(department.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert department.refusal(f"{HEADER}\n{lines(5)}").code == "SOURCE_BUSY"
    assert department.people() == 3


def test_progress_tells_rows_and_may_stop_the_import(department: Department) -> None:
    heard: list[int] = []
    department.load(f"{HEADER}\n{lines(12_000)}", progress=heard.append)
    assert heard == [5_000, 10_000, 12_000]

    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        department.load(f"{HEADER}\n{lines(5)}", progress=stop)
    assert department.people() == 12_000


@settings(max_examples=40)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20),
        min_size=1,
        max_size=6,
        unique_by=str.casefold,
    )
)
def test_any_header_makes_a_table(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    department = Department(tmp_path_factory.mktemp("any"))
    quoted = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    try:
        department.load(f"{quoted}\n{','.join('x' for _ in names)}\n", id_column=None, integers=())
    except BadInput as found:
        assert found.code == "IMPORT_HEADER_DATA"  # noqa: PT017 - fourteen digits in a row
        return
    with SqliteRecords(department.database) as records:
        assert records.all_columns() == [("income", name) for name in names]
        assert list(records.rows(f"SELECT {quoted} FROM income")) == [("x",) * len(names)]


SCRIPT = """
import os, signal, sys
from pathlib import Path
from department_node.intake import load
from department_node.intake.spec import ImportSpec

def kill(*_given):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[3] == "swap":
    load._Import._log = kill
    load._CACHE_KIB = 64  # so that the new table is in the file when the kill comes
spec = ImportSpec(table="income", id_column="身份证号", integers=("金额",))
progress = kill if sys.argv[3] == "gather" else lambda rows: None
load.import_table(Path(sys.argv[1]), Path(sys.argv[2]), spec, progress=progress)
"""


def run(department: Department, script: str, *given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, str(department.source), str(department.database), *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("moment", ["gather", "swap"])
def test_a_kill_leaves_the_table_as_it_was(department: Department, moment: str) -> None:
    department.load(f"{HEADER}\n{lines(2_000)}")
    with SqliteRecords(department.database) as records:
        counting = "SELECT count(*) FROM income"
        assert records.scalar(counting, {}) == 2_000
        department.source.write_text(f"{HEADER}\n{lines(50_000)}")
        assert run(department, SCRIPT, moment).returncode == -signal.SIGKILL
        left = {path.name for path in department.folder.iterdir()}
        journal = {"records.sqlite-journal"} if moment == "swap" else set()
        assert left == {"records.sqlite", "收入.csv"} | journal
        assert records.scalar(counting, {}) == 2_000
    assert department.query("PRAGMA integrity_check") == [("ok",)]
    assert department.query("SELECT count(*) FROM import_log") == [(1,)]
    assert department.load(f"{HEADER}\n{lines(5)}").rows == 5


def test_a_reader_may_start_after_a_kill(department: Department) -> None:
    department.load(f"{HEADER}\n{lines(2_000)}")
    department.source.write_text(f"{HEADER}\n{lines(50_000)}")
    assert run(department, SCRIPT, "swap").returncode == -signal.SIGKILL
    with SqliteRecords(department.database) as records:
        assert sum(1 for _ in records.rows("SELECT 1 FROM income")) == 2_000


MEMORY = """
import re, resource, sys
from pathlib import Path
from department_node.intake.load import import_table
from department_node.intake.spec import ImportSpec

def peak():
    # getrusage counts in what the parent had at the start, so Linux is asked for this program only
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\\s*(\\d+)", status.read_text())[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

source, database, rows = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
address = "某某市某某区某某街道某某路" * 12
with source.open("w", encoding="utf-8") as file:
    file.write("number,address,amount\\n")
    file.writelines(f"{n},{address}{n},{n}\\n" for n in range(rows))
before = peak()
spec = ImportSpec(table="income", integers=("amount",))
result = import_table(source, database, spec)
print(source.stat().st_size >> 20, result.rows, peak() - before)
"""


def test_a_hundred_megabytes_import_in_flat_memory(department: Department) -> None:
    done = run(department, MEMORY, "220000")
    assert done.returncode == 0, done.stderr
    megabytes, rows, growth = map(int, done.stdout.split())
    assert megabytes >= 100
    assert rows == 220_000
    assert growth < 64, f"{growth} MiB more for {megabytes} MiB"
