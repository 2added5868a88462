"""The database file: closed to others, and silent about what stands in a statement."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from coordinator.database import open_database, url_of
from coordinator.schema import person
from federation.errors import Unavailable
from tests.coordinator.town import APPLICANT


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.mark.usefixtures("open_umask")
def test_only_the_owner_reads_the_files(tmp_path: Path) -> None:
    database = open_database(url_of("", tmp_path))
    found = modes(tmp_path)
    database.close()
    assert found.keys() >= {"coordinator.sqlite", "coordinator.sqlite-wal"}
    assert set(found.values()) == {0o600}


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    open_database(url_of("", tmp_path)).close()
    (tmp_path / "coordinator.sqlite").chmod(0o644)
    open_database(url_of("", tmp_path)).close()
    assert modes(tmp_path)["coordinator.sqlite"] == 0o600


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="DATABASE_UNAVAILABLE"):
        open_database(url_of("", tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
    ],
)
def test_a_database_without_a_path_makes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    open_database(url).close()
    assert list(tmp_path.iterdir()) == []


def test_no_id_reaches_the_text_of_an_error(tmp_path: Path) -> None:
    database = open_database(url_of("", tmp_path))
    row = {
        "case_id": "HD-790301-2026-0001",
        "place": 0,
        "id_number": APPLICANT,
        "name": "王甲",
        "relation": "SELF",
        "role": "APPLICANT",
        "method": "SELF",
        "signer": "",
        "evidence": b"",
    }
    with pytest.raises(DBAPIError) as caught, database.writing() as connection:
        connection.execute(insert(person), row)
    database.close()
    text = f"{caught.value} {caught.value!r}"
    assert "FOREIGN KEY" in text
    assert APPLICANT not in text
    assert "王甲" not in text
