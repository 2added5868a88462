"""Lists that no honest program writes: refused as a whole, each with its code, in flat memory."""

from pathlib import Path

import pytest

from coordinator.imports import importing
from federation.errors import BadInput
from federation.sheets import table
from tests.coordinator.imports import hostile, lists
from tests.coordinator.imports.lists import csv, examined, families, number, xlsx
from tests.coordinator.town import Town


def refusal(town: Town, file: Path) -> str:
    with pytest.raises(BadInput) as caught:
        examined(town, file)
    return caught.value.code


def test_files_that_are_broken(town: Town, tmp_path: Path) -> None:
    whole = xlsx(tmp_path / "l.xlsx", families(2)).read_bytes()
    for name, data, code in (
        ("cut.xlsx", whole[: len(whole) // 2], "IMPORT_GARBAGE"),
        ("empty.csv", b"", "IMPORT_EMPTY"),
        ("header.csv", ",".join(lists.HEADER).encode(), "IMPORT_EMPTY"),
        ("old.xls", b"\xd0\xcf\x11\xe0" + bytes(512), "IMPORT_OLD_WORKBOOK"),
        ("utf16.csv", "户编号".encode("utf-16"), "IMPORT_ENCODING"),
        ("bytes.csv", bytes(range(256)), "IMPORT_GARBAGE"),
        ("books.sqlite", b"SQLite format 3\0" + bytes(512), "IMPORT_GARBAGE"),
        ("quote.csv", ",".join(lists.HEADER).encode() + b'\n"1', "IMPORT_GARBAGE"),
        ("bad.csv", ",".join(lists.HEADER).encode() + b"\n\xe7\x8e\xff", "IMPORT_ENCODING"),
        ("person.csv", f"1,{number(1)},x".encode(), "IMPORT_HEADER_DATA"),
    ):
        file = tmp_path / name
        file.write_bytes(data)
        assert refusal(town, file) == code, name
    assert refusal(town, tmp_path) == "IMPORT_FILE_MISSING"
    assert refusal(town, tmp_path / "nowhere.csv") == "IMPORT_FILE_MISSING"


def test_files_that_are_too_large(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(town, hostile.wide(tmp_path / "wide.xlsx")) == "IMPORT_COLUMNS"
    assert refusal(town, hostile.bomb(tmp_path / "bomb.xlsx")) == "IMPORT_UNPACKED"
    columns = tmp_path / "columns.csv"
    columns.write_text("," * 1_000_000, "utf-8")
    assert refusal(town, columns) == "IMPORT_COLUMNS"
    columns.write_text(",列" * 2_000_000, "utf-8")
    assert refusal(town, columns) == "IMPORT_GARBAGE"  # no line is so long
    monkeypatch.setattr(importing, "MOST_ROWS", 3)
    assert refusal(town, csv(tmp_path / "rows.csv", families(2))) == "IMPORT_ROWS"
    monkeypatch.setattr(importing, "_MOST_BYTES", 100)
    assert refusal(town, csv(tmp_path / "bytes.csv", families(2))) == "IMPORT_TOO_LARGE"


def test_a_hostile_row_is_refused_before_it_is_held(tmp_path: Path) -> None:
    """The limit of a row is met while the sheet passes by, whatever its elements are."""
    for row_ in (b"<c/>" * 140_000, b"<c><v/></c>" * 70_000, b"<x:c/>" * 140_000):
        namespace = b'<row xmlns:x="x">'
        file = hostile.with_sheet(tmp_path / "w.xlsx", namespace + row_ + b"</row>")
        how = table.Sheet(max_bytes=1 << 24, max_unpacked_bytes=1 << 27, max_columns=60)
        with pytest.raises(BadInput) as caught, table.open_table(file, how):
            pass
        assert caught.value.code == "IMPORT_COLUMNS"
