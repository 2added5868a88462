"""Backups: one state of the whole, from either kind of database into either, over nothing."""

import hashlib
import json
import re
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest
from alembic import command

from coordinator import backup, integrity
from coordinator.database import open_database, url_of
from coordinator.log_book import LogBook
from coordinator.log_memory import FILE, LogMemory
from federation.errors import BadInput, Unavailable
from tests.coordinator import logged
from tests.coordinator.test_storage import _SCRIPTS
from tests.coordinator.town import APPLICANT, NOW, WIFE_TEXT, Town, case_text
from tests.support import servers

KINDS = ("sqlite", "postgresql")


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def worked(town: Town) -> Town:
    """Give a town in which something was asked."""
    cases = town.ready(case_text(more=WIFE_TEXT), case_text(commission="c-2"))
    with town.desk() as desk:
        desk.run(cases)
    with town.database() as database:
        logged.keeper(town, database).cut()
    return town


def fresh(kind: str, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    return servers.create() if kind == "postgresql" else url_of("", folder)


def make(town: Town, folder: Path) -> backup.Backup:
    with town.database() as database:
        return backup.make(database, folder, "coordinator", NOW)


def restored(url: str, folder: Path) -> None:
    read = backup.read(folder)
    with closing(open_database(url, version=read.version)) as database:
        backup.restore(database, folder, read)


def rows(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in sorted(folder.glob("*.jsonl"))}


@pytest.mark.parametrize(("before", "after"), [*product(KINDS, KINDS)])
def test_a_backup_of_either_kind_is_the_same_in_either(
    worked: Town, tmp_path: Path, before: str, after: str
) -> None:
    """Also what is done afterwards: numbers go on behind those that were restored."""
    made = make(worked, tmp_path / "first")
    assert made.rows > 50
    worked.url = fresh(before, tmp_path / "a")
    restored(worked.url, tmp_path / "first")
    make(worked, tmp_path / "second")
    worked.url = fresh(after, tmp_path / "b")
    restored(worked.url, tmp_path / "second")
    make(worked, tmp_path / "third")
    assert rows(tmp_path / "first") == rows(tmp_path / "second") == rows(tmp_path / "third")
    with worked.desk() as desk:
        assert {one.answered for one in desk.standing(desk.case_ids())} != {0}
        (case,) = desk.new([desk.read(case_text().encode()).case])
        desk.consent([case])
        assert not desk.run([case]).not_ready
        assert case == "HD-790301-2026-0003"
    logged.settled(worked)


def test_nothing_in_it_is_for_others(worked: Town, tmp_path: Path) -> None:
    make(worked, tmp_path / "b")
    assert {one.stat().st_mode & 0o777 for one in (tmp_path / "b").iterdir()} == {0o600}
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o700


def test_a_backup_goes_into_a_new_folder(worked: Town, tmp_path: Path) -> None:
    make(worked, tmp_path / "b")
    before = rows(tmp_path / "b")
    with pytest.raises(BadInput) as caught:
        make(worked, tmp_path / "b")
    assert caught.value.code == "BACKUP_EXISTS"
    assert rows(tmp_path / "b") == before


def test_nothing_is_restored_over_anything(worked: Town, tmp_path: Path) -> None:
    make(worked, tmp_path / "b")
    with pytest.raises(BadInput) as caught:
        restored(url_of("", worked.data), tmp_path / "b")
    assert caught.value.code == "DATABASE_NOT_EMPTY"
    logged.settled(worked)


def damage(folder: Path, how: str) -> None:
    file, manifest = folder / "person.jsonl", folder / backup.MANIFEST
    value = json.loads(manifest.read_bytes())
    match how:
        case "no manifest":
            manifest.unlink()
        case "other format":
            value["format"] = 2
        case "a way out":
            value["tables"]["../person"] = value["tables"].pop("person")
        case "file gone":
            file.unlink()
        case "line gone":
            file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
        case "table gone":
            value["tables"].pop("person")
        case _:
            file.write_bytes(file.read_bytes().replace(APPLICANT.encode(), b"790301197003120000"))
    if manifest.exists():
        manifest.write_text(json.dumps(value), "utf-8")


@pytest.mark.parametrize(
    "how",
    [
        *("no manifest", "other format", "a way out", "file gone", "line gone", "table gone"),
        "cell changed",
    ],
)
def test_what_was_altered_is_not_restored(worked: Town, tmp_path: Path, how: str) -> None:
    make(worked, tmp_path / "b")
    damage(tmp_path / "b", how)
    url = fresh("sqlite", tmp_path / "a")
    with pytest.raises(BadInput) as caught:
        restored(url, tmp_path / "b")
    assert caught.value.code == "BACKUP_INVALID"
    worked.url = url
    with worked.desk() as desk:
        assert desk.case_ids() == []


def forge(folder: Path, table: str, lines: list[bytes]) -> None:
    """Put other lines into a table's file, and its digest and number of rows into the manifest."""
    (folder / f"{table}.jsonl").write_bytes(b"".join(lines))
    value = json.loads((folder / backup.MANIFEST).read_bytes())
    digest = hashlib.sha256(b"".join(lines)).hexdigest()
    value["tables"][table] = {"rows": len(lines) - 1, "sha256": digest}
    (folder / backup.MANIFEST).write_text(json.dumps(value), "utf-8")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (rb"(\n)([^\n]*)\n$", rb"\1\2\n\2\n"),
        (rb'\{"b":"[^"]*"\}', rb'{"c":""}'),
        (rb'\{"b":"[^"]*"\}', rb'{"b":7}'),
        (rb'\{"b":"[^"]*"\}', rb"[1]"),
        (rb'\{"b":"[^"]*"\}', rb"null"),
        (rb",1795000000", rb",99999999999999999999"),
        (rb"\n\[[^\n]*\n$", b"\n7\n"),
    ],
)
def test_a_row_that_cannot_be_is_told_as_what_it_is(
    worked: Town, tmp_path: Path, before: bytes, after: bytes, kind: str
) -> None:
    """Though the manifest has the digest of what lies there."""
    make(worked, tmp_path / "b")
    there = (tmp_path / "b" / "case_file.jsonl").read_bytes()
    changed = re.sub(before, after, there, count=1)
    assert changed != there
    forge(tmp_path / "b", "case_file", changed.splitlines(keepends=True))
    with pytest.raises(BadInput) as caught:
        restored(fresh(kind, tmp_path / "a"), tmp_path / "b")
    assert (caught.value.code, caught.value.details["file"]) == (
        "BACKUP_INVALID",
        "case_file.jsonl",
    )


def test_a_file_that_changes_after_it_was_checked_leaves_nothing(
    worked: Town, tmp_path: Path
) -> None:
    make(worked, tmp_path / "b")
    read = backup.read(tmp_path / "b")
    damage(tmp_path / "b", "cell changed")
    worked.url = fresh("sqlite", tmp_path / "a")
    with worked.database() as database:
        with pytest.raises(BadInput) as caught:
            backup.restore(database, tmp_path / "b", read)
        assert caught.value.details["file"] == "person.jsonl"
    with worked.desk() as desk:
        assert desk.case_ids() == []


def test_a_backup_of_an_earlier_version_is_migrated(worked: Town, tmp_path: Path) -> None:
    with worked.database() as database:
        with database.writing() as connection:
            _SCRIPTS.attributes["connection"] = connection
            command.downgrade(_SCRIPTS, "0009")
        made = backup.make(database, tmp_path / "b", "coordinator", NOW)
    assert made.version == "0009"
    worked.url = fresh("postgresql", tmp_path / "a")
    restored(worked.url, tmp_path / "b")
    logged.settled(worked)


# -- what the centre remembers, and integrity


def test_an_older_state_is_noticed(worked: Town, tmp_path: Path) -> None:
    memory = LogMemory(worked.data)
    make(worked, tmp_path / "b")
    with worked.database() as database:
        size = LogBook(database).size()
        worked.ready(case_text(commission="after"))
        logged.keeper(worked, database).cut()
        memory.remember(LogBook(database))
        more = LogBook(database).size() - size
    worked.url = fresh("sqlite", tmp_path / "a")
    restored(worked.url, tmp_path / "b")
    with worked.database() as database:
        book = LogBook(database)
        assert memory.behind(book) == more > 0
        for step in (memory.check, memory.remember):
            with pytest.raises(Unavailable) as caught:
                step(book)
            assert (caught.value.code, caught.value.details["row"]) == ("LOG_ALTERED", size)
        worked.ready(*[case_text(commission=f"again-{n}") for n in range(9)])
        logged.keeper(worked, database).cut()
        assert memory.behind(book) == 0
        with pytest.raises(Unavailable):  # it is longer now, but not the same
            memory.check(book)


def test_the_newest_state_in_another_place_is_taken(worked: Town, tmp_path: Path) -> None:
    memory = LogMemory(worked.data)
    with worked.database() as database:
        memory.remember(LogBook(database))
    make(worked, tmp_path / "b")
    worked.url = fresh("postgresql", tmp_path / "a")
    restored(worked.url, tmp_path / "b")
    with worked.database() as database:
        memory.check(LogBook(database))


def test_a_memory_that_cannot_be_read_is_told(worked: Town) -> None:
    (worked.data / FILE).write_text("{")
    with worked.database() as database, pytest.raises(Unavailable) as caught:
        LogMemory(worked.data).check(LogBook(database))
    assert caught.value.details["row"] == FILE


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_database_is_told_to_be_whole(worked: Town, tmp_path: Path, kind: str) -> None:
    make(worked, tmp_path / "b")
    worked.url = fresh(kind, tmp_path / "a")
    restored(worked.url, tmp_path / "b")
    with worked.database() as database:
        whole = integrity.check(database)
    assert (whole.cases, whole.logged > 10, whole.rows > 50) == (2, True, True)


@pytest.mark.parametrize(
    ("statement", "code", "told"),
    [
        ("DELETE FROM question_batch WHERE batch_id = 1", "STORE_DAMAGED", "question"),
        ("DELETE FROM case_file WHERE case_id LIKE '%1'", "STORE_DAMAGED", "ask"),
        ("UPDATE log SET record = x'00' WHERE seq = 3", "LOG_ALTERED", 2),
        ("UPDATE question_batch SET request = x'00' WHERE batch_id = 2", "LOG_ALTERED", None),
    ],
)
def test_damage_is_found(worked: Town, statement: str, code: str, told: object) -> None:
    with worked.database() as database:
        with database.reading() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(statement)
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("BEGIN")
        with pytest.raises(Unavailable) as caught:
            integrity.check(database)
    assert caught.value.code == code
    assert told in {None, caught.value.details.get("table", caught.value.details.get("row"))}


def test_a_broken_page_is_found(worked: Town) -> None:
    file = worked.data / "coordinator.sqlite"
    data = bytearray(file.read_bytes())
    data[4096 * 3 : 4096 * 4] = b"\xff" * 4096
    file.write_bytes(data)
    with pytest.raises(Unavailable) as caught, worked.database() as database:
        integrity.check(database)
    assert caught.value.code in {"STORE_DAMAGED", "DATABASE_UNAVAILABLE"}
