"""The tally's file: failures have a code, lists are kept for a week, and nothing stays behind."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from federation.errors import BadInput, Unavailable
from tally.store import FILE, Store, beside, typed_errors

WEEK = 7 * 86_400


def test_a_folder_that_is_not_there_has_no_log(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        Store(tmp_path / "none" / FILE)
    (tmp_path / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        Store(tmp_path / FILE)


def test_a_failing_file_has_a_code() -> None:
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"), typed_errors():
        raise sqlite3.OperationalError("disk I/O error")


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    Store(tmp_path / FILE).close()
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_status_lists_are_kept_for_a_week(tmp_path: Path) -> None:
    with closing(Store(tmp_path / FILE)) as store:
        store.keep_lists(b"a" * 32, [b"one", b"two"], 0)
        store.keep_lists(b"b" * 32, [b"three"], WEEK)
        assert store.lists(b"a" * 32) == (b"one", b"two")
        store.keep_lists(b"b" * 32, [b"three"], WEEK + 1)
        assert store.lists(b"a" * 32) == ()
        assert store.exchange(bytes(16)) is None


def test_a_look_needs_a_tally_that_ran_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="FILE_MISSING"), beside(tmp_path):
        pass
    Store(tmp_path / FILE).close()
    with beside(tmp_path) as c, pytest.raises(sqlite3.OperationalError):
        c.execute("INSERT INTO meta VALUES ('time', 1)")


def test_what_is_cleared_leaves_nothing_in_the_file(tmp_path: Path) -> None:
    with closing(Store(tmp_path / FILE)) as store:
        setting = "PRAGMA secure_delete"
        assert store.write(lambda books: books._c.execute(setting).fetchone()[0]) == 1
