"""Lists become cases: each once, whatever stops the import, and nothing of a bad household."""

from pathlib import Path

import pytest

from coordinator.casework.programmes import Role
from coordinator.imports import importing, rejects
from coordinator.imports.book import ImportBook
from coordinator.imports.importing import check_new
from coordinator.store import Store
from federation.errors import BadInput
from tests.coordinator.imports import lists
from tests.coordinator.imports.lists import (
    BY,
    CHOSEN,
    cells_of,
    codes,
    csv,
    desk,
    examined,
    families,
    imported,
    number,
    row,
    xlsx,
)
from tests.coordinator.town import Killed, Town


def books(town: Town) -> list[tuple[str, ...]]:
    """Give the people of all cases."""
    with town.database() as database:
        store = Store(database)
        return sorted(
            tuple(person.id for person in filed.case.persons)
            for filed in store.cases(store.case_ids())
        )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_text_in_each_encoding(town: Town, tmp_path: Path, encoding: str) -> None:
    done = imported(town, csv(tmp_path / "l.csv", families(2), encoding))
    assert done.opened == ("HD-790301-2026-0001", "HD-790301-2026-0002")
    assert books(town) == [(number(0), number(1)), (number(2), number(3))]


def test_a_workbook(town: Town, tmp_path: Path) -> None:
    imported(town, xlsx(tmp_path / "l.xlsx", families(2)))
    assert books(town) == [(number(0), number(1)), (number(2), number(3))]


def test_examining_opens_nothing(town: Town, tmp_path: Path) -> None:
    assert len(examined(town, csv(tmp_path / "l.csv", families(3))).cases) == 3
    assert books(town) == []


def test_opened_cases_go_on_as_others(town: Town, tmp_path: Path) -> None:
    rows = [[*one[:4], f"{place:064x}", ""] for place, one in enumerate(families(1))]
    done = imported(town, csv(tmp_path / "l.csv", rows))
    with town.desk() as opened:
        opened.consent(done.opened)
        assert opened.run(done.opened).answered


def test_the_same_list_is_not_imported_again(town: Town, tmp_path: Path) -> None:
    file = csv(tmp_path / "l.csv", families(2))
    imported(town, file)
    with pytest.raises(BadInput) as caught:
        imported(town, file)
    assert caught.value.code == "IMPORT_REPEATED"
    assert imported(town, file, resume=True).opened == ()
    assert len(books(town)) == 2


@pytest.mark.parametrize("after", range(4))
def test_a_list_that_was_stopped_goes_on(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Killed behind each transaction in turn: no case is lost, none is opened twice."""
    monkeypatch.setattr(importing, "_AT_ONCE", 2)
    file = csv(tmp_path / "l.csv", families(7))
    left = after
    write = ImportBook.open

    def dying(self: ImportBook, *given: object) -> list[str]:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return write(self, *given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ImportBook, "open", dying)
        with pytest.raises(Killed):
            imported(town, file)
    assert len(books(town)) == 2 * after
    with pytest.raises(BadInput) as caught:
        imported(town, file)
    assert caught.value.code == "IMPORT_UNFINISHED"
    done = imported(town, file, resume=True)
    assert (len(done.before), len(done.opened)) == (2 * after, 7 - 2 * after)
    assert len(set(books(town))) == len(books(town)) == 7


@pytest.mark.parametrize("key", [b"", b"k" * 32], ids=["plain", "sealed"])
def test_who_has_a_case_under_way_is_refused_until_it_is_closed(
    town: Town, tmp_path: Path, key: bytes
) -> None:
    town.key = key
    imported(town, csv(tmp_path / "1.csv", families(1)))
    again = csv(tmp_path / "2.csv", [*families(1), row(9, 9)])
    assert codes(examined(town, again)) == [(2, "ROW_RUNNING"), (3, "ROW_HELD")]
    with town.database() as database, database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO case_closing (case_id, at) VALUES ('HD-790301-2026-0001', 1)"
        )
    assert codes(examined(town, again)) == []


def test_rejects_are_corrected_and_imported_again(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "out.xlsx"
    wrong = [*families(2), row(3, 8), row(3, 9, "妻", id=number(9)[:16] + "00", note="=1+1")]
    source = csv(tmp_path / "l.csv", wrong)
    with desk(town) as opened:
        found = opened.examine(source, CHOSEN, BY)
        rejects.write(file, found.header, found.rejects, "zh")
        opened.open(found, BY, lambda _done, _all: None)
    assert file.stat().st_mode & 0o777 == 0o600
    header, held, bad = cells_of(file)
    assert header == ["行号 row", "代码 code", "原因 reason", *lists.HEADER]
    assert (held[:2], bad[:2]) == (["6", "ROW_HELD"], ["7", "ID_CHECK_DIGIT"])
    assert "校验码" in bad[2]
    assert bad[3:] == wrong[5]  # a formula stays the text that it was
    bad[4] = number(9)
    corrected = tmp_path / "corrected.xlsx"
    lists.xlsx(corrected, [held[3:], bad[3:]])
    again = imported(town, corrected)
    assert again.opened == ("HD-790301-2026-0003",)
    assert examined(town, corrected).rejects == []
    assert len(books(town)) == 3


def test_a_list_of_rejects_is_read_as_it_was_written(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "out.xlsx"
    found = examined(town, csv(tmp_path / "l.csv", [row(1, 1, "妻")]))
    rejects.write(file, found.header, found.rejects, "en")
    again = examined(town, file)
    assert codes(again) == [(2, "CASE_APPLICANT")]
    rejects.write(file, again.header, again.rejects, "en")
    assert len(cells_of(file)[0]) == 3 + len(lists.HEADER)


def test_the_book_of_imports_names_nobody(town: Town, tmp_path: Path) -> None:
    imported(town, csv(tmp_path / "l.csv", families(1)))
    with town.database() as database, database.reading() as connection:
        kept = [
            *connection.exec_driver_sql("SELECT * FROM case_import"),
            *connection.exec_driver_sql("SELECT * FROM imported_case"),
        ]
    assert number(0) not in str(kept)
    assert "王甲" not in str(kept)
    assert len(kept) == 2


def test_the_role_is_read_from_the_relation(town: Town, tmp_path: Path) -> None:
    ((_, case, _),) = examined(town, csv(tmp_path / "l.csv", families(1))).cases
    assert [one.role for one in case.persons] == [Role.APPLICANT, Role.MEMBER]


def test_another_way_to_read_a_list_is_another_batch(town: Town, tmp_path: Path) -> None:
    file = csv(tmp_path / "l.csv", families(1))
    first = examined(town, file)
    check_new(first, resume=False)
    imported(town, file)
    other = importing.Chosen(wanted=CHOSEN.wanted, sheet="x")
    second = examined(town, file, other)
    assert second.batch.number != first.batch.number
    assert codes(second) == [(2, "ROW_RUNNING"), (3, "ROW_HELD")]
