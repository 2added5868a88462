"""Files of every format and every way in which a whole file is refused."""

import os
import sqlite3
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook

from department_node.intake.spec import NO_TEXT, ImportSpec
from department_node.intake.tables import open_table
from federation.errors import BadInput

HEADER = ["身份证号", "姓名", "金额"]
ROWS = [["790301", "王甲", "12"], ["790302", "李乙", ""]]
TEXT = "身份证号,姓名,金额\n790301,王甲,12\n790302,李乙,\n"


def spec(**given: Any) -> ImportSpec:
    return ImportSpec(table="t", **given)


def read(path: Path, **given: Any) -> tuple[list[str], list[list[str]], list[int]]:
    with open_table(path, spec(**given)) as table:
        rows = list(table.rows)
    return list(table.header), [cells for _, cells in rows], [row for row, _ in rows]


def refusal(path: Path, **given: Any) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(path, **given)
    return caught.value


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "extract.txt"  # the suffix does not count


def workbook(path: Path, *sheets: list[list[Any]]) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"表{number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def database(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("gbk"),
        TEXT.replace("\n", "\r\n").encode("gb18030"),
        TEXT.replace(",", "\t").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace("姓名", '"姓名"').replace("王甲", '"王甲"').encode(),
        TEXT.removesuffix("\n").encode(),
    ],
)
def test_text_files(csv: Path, content: bytes) -> None:
    assert read(written(csv, content)) == (HEADER, ROWS, [2, 3])


def test_rare_characters_in_gb18030(csv: Path) -> None:
    content = "姓名,金额\n㛃𬭊,1\n"
    assert read(written(csv, content.encode("gb18030")))[1] == [["㛃𬭊", "1"]]


def test_a_delimiter_within_quotes_and_lines_within_cells(csv: Path) -> None:
    header, rows, _ = read(written(csv, '"a;b;c;d",e\n"x\ny","say ""hi"""\n'))
    assert (header, rows) == (["a;b;c;d", "e"], [["x\ny", 'say "hi"']])


def test_blank_lines_count_but_are_left_out(csv: Path) -> None:
    assert read(written(csv, "\n\na,b\n\n1,2\n\n")) == (["a", "b"], [["1", "2"]], [5])


def test_an_encoding_can_be_stated(csv: Path) -> None:
    written(csv, "联通\n联通\n".encode("gbk"))  # also valid UTF-8, by accident
    assert read(csv, encoding="gbk")[0] == ["联通"]


@pytest.mark.parametrize("encoding", ["auto", "utf-8"])
def test_damaged_utf8_is_not_taken_for_gbk(csv: Path, encoding: str) -> None:
    good = "姓名,住址\n" + "王甲,某某市某某区\n" * 9
    found = refusal(written(csv, good.encode() + b"\xe7\x8e,x\n"), encoding=encoding)
    assert (found.code, found.details) == ("IMPORT_ENCODING", {"row": 11})


@pytest.mark.parametrize(
    ("content", "encoding", "row"),
    [
        (b"a,b\n1,2\n" + b"\xff\xff\n", "auto", 3),
        ("姓名\n王甲\n".encode("gbk"), "utf-8", 1),
        (TEXT.encode() + "王".encode()[:2], "auto", 4),
        (TEXT.encode("utf-16"), "auto", 1),
    ],
)
def test_undecodable_bytes(csv: Path, content: bytes, encoding: str, row: int) -> None:
    found = refusal(written(csv, content), encoding=encoding)
    assert (found.code, found.details) == ("IMPORT_ENCODING", {"row": row})


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_empty_files(csv: Path, content: bytes) -> None:
    assert refusal(written(csv, content)).code == "IMPORT_EMPTY"


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\x1f\x8b\x08\0\0\0\0\0",
        b"a,b\n\0\0,1\n",
        b'a,b\n1,"cut sho',
        b'a,b\n"1"x,2\n',
        b"a,b\n" + b"x" * (5 << 20),
        b'a,b\n"' + b"x\n" * 100_000,
        b"PK\x03\x04 but no zip",
        b"SQLite format 3\0 but no database",
        b"a,b\r1,2\r",
    ],
)
def test_garbage(csv: Path, content: bytes) -> None:
    assert refusal(written(csv, content)).code == "IMPORT_GARBAGE"


def test_old_and_locked_workbooks(csv: Path) -> None:
    assert refusal(written(csv, b"\xd0\xcf\x11\xe0" + bytes(600))).code == "IMPORT_OLD_WORKBOOK"


@pytest.mark.parametrize(
    ("header", "code", "details"),
    [
        ("a,,c", "IMPORT_HEADER_EMPTY", {"column": 2}),
        ("a, ,c", "IMPORT_HEADER_EMPTY", {"column": 2}),
        ("a,b,A", "IMPORT_HEADER_DUPLICATE", {"column": 3, "first": 1}),
        ("a," + "长" * 65, "IMPORT_HEADER_LONG", {"column": 2, "limit": 64}),
        ('"a\nb",c', "IMPORT_HEADER_CHARACTERS", {"column": 1}),
        ("王甲,79030119700312011X", "IMPORT_HEADER_DATA", {"column": 2}),
        ("王甲,7903 0119 7003 1201", "IMPORT_HEADER_DATA", {"column": 2}),
        ("王甲,7.90301E+17", "IMPORT_HEADER_DATA", {"column": 2}),
        (",".join(f"c{n}" for n in range(201)), "IMPORT_COLUMNS", {"limit": 200}),
    ],
)
def test_headers(csv: Path, header: str, code: str, details: dict[str, int]) -> None:
    found = refusal(written(csv, header + "\n1,2\n"))
    assert (found.code, found.details) == (code, details)


def test_size_is_refused_before_reading(csv: Path) -> None:
    found = refusal(written(csv, TEXT), max_bytes=20)
    assert (found.code, found.details) == (
        "IMPORT_TOO_LARGE",
        {"size": len(TEXT.encode()), "limit": 20},
    )


def test_no_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path / "nowhere.csv", tmp_path, pipe):
        assert refusal(path).code == "IMPORT_FILE_MISSING"


def test_a_file_that_may_not_be_read(csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object) -> None:
        raise PermissionError

    written(csv, TEXT)
    monkeypatch.setattr(Path, "open", deny)  # whoever is root may read everything
    assert refusal(csv).code == "IMPORT_FILE_MISSING"


def test_a_file_that_changes_meanwhile(csv: Path) -> None:
    written(csv, TEXT)
    with open_table(csv, spec()) as table:
        next(table.rows)
        written(csv, TEXT + "790303,赵丙,1\n")
        with pytest.raises(BadInput) as caught:
            list(table.rows)
    assert caught.value.code == "IMPORT_CHANGED"


def test_a_database_cut_within_its_last_page(csv: Path) -> None:
    """SQLite would read zeros there, and the rows would be lost without a word."""
    database(csv, "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('1')")
    whole = csv.read_bytes()
    assert read(csv)[1] == [["1"]]
    for size in (len(whole) - 1, len(whole) - 100, len(whole) // 2 + 1):
        assert refusal(written(csv, whole[:size])).code == "IMPORT_GARBAGE"


def test_a_workbook(csv: Path) -> None:
    workbook(csv, [HEADER, ["790301", "王甲", 12], ["790302", "李乙", None]])
    assert read(csv) == (HEADER, ROWS, [2, 3])


def test_cells_of_a_workbook_as_text(csv: Path) -> None:
    values: list[Any] = [
        7.0,
        0.25,
        True,
        datetime(2026, 1, 2),
        datetime(2026, 1, 2, 3, 4),
        date(2026, 1, 2),
        time(3, 4),
        timedelta(hours=30),
        790301197003120110,
        "790301197003120110",
        -5,
    ]
    workbook(csv, [[f"c{n}" for n in range(len(values))], values])
    assert read(csv)[1] == [
        [
            "7",
            "0.25",
            "1",
            "2026-01-02",
            "2026-01-02 03:04:00",
            "2026-01-02",
            "03:04:00",
            "1 day, 6:00:00",
            "7.90301197003120E+17",  # a number in a spreadsheet has fifteen digits
            "790301197003120110",
            "-5",
        ]
    ]


def test_sheets(csv: Path) -> None:
    workbook(csv, [["a"], ["1"]], [["b"], ["2"]])
    assert read(csv)[0] == ["a"]
    assert read(csv, sheet="表2")[:2] == (["b"], [["2"]])
    found = refusal(csv, sheet="表3")
    assert (found.code, found.details["exist"]) == ("IMPORT_SHEET_MISSING", "表1, 表2")


def test_ragged_rows_of_a_workbook(csv: Path) -> None:
    workbook(csv, [[], ["a", "b", None], ["1"], ["1", "2", "3"], [], ["1", "2", None, None]])
    header, rows, numbers = read(csv)
    assert header == ["a", "b"]
    assert rows == [["1", ""], ["1", "2", "3"], ["", ""], ["1", "2"]]
    assert numbers == [3, 4, 5, 6]


def test_an_empty_workbook(csv: Path) -> None:
    assert refusal(workbook(csv, [])).code == "IMPORT_EMPTY"


def test_a_workbook_that_is_too_wide(csv: Path) -> None:
    assert refusal(workbook(csv, [[f"c{n}" for n in range(300)]])).code == "IMPORT_COLUMNS"


def test_a_truncated_workbook(csv: Path) -> None:
    content = workbook(csv, [HEADER, *ROWS]).read_bytes()
    for cut in (30, len(content) // 2, len(content) - 1):
        assert refusal(written(csv, content[:cut])).code == "IMPORT_GARBAGE"


def test_damaged_workbooks_are_read_or_refused(csv: Path) -> None:
    content = workbook(csv, [HEADER, *ROWS]).read_bytes()
    for place in range(0, len(content), 37):
        damaged = content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]
        try:
            read(written(csv, damaged))
        except BadInput as found:
            codes = {"IMPORT_GARBAGE", "IMPORT_SHEET_MISSING", "IMPORT_UNPACKED", "IMPORT_EMPTY"}
            assert found.code in codes  # noqa: PT017 - both ends are good


def test_a_zip_bomb(csv: Path) -> None:
    workbook(csv, [HEADER, *ROWS])
    with ZipFile(csv, "a", ZIP_DEFLATED) as archive, archive.open("xl/bomb.xml", "w") as member:
        for _ in range(40):
            member.write(bytes(1 << 20))
    found = refusal(csv, max_unpacked_bytes=32 << 20)
    assert found.code == "IMPORT_UNPACKED"
    assert int(str(found.details["size"])) > 40 << 20


def rewritten(
    path: Path, member: str, old: bytes, new: bytes, more: dict[str, bytes] | None = None
) -> Path:
    """Replace bytes within one member of a workbook and add others."""
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | (more or {})
    assert old in members[member]
    members[member] = members[member].replace(old, new, 1)
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRINGS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"


def with_shared_texts(path: Path, part: str, texts: list[str]) -> Path:
    """Write a column as spreadsheet programs do: texts in one part, their numbers in the sheet."""
    items = "".join(f"<si><t>{text}</t></si>" for text in texts)
    rows = "".join(f'<row><c t="s"><v>{n}</v></c></row>' for n in range(len(texts)))
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    override = f'<Override PartName="/{part}" ContentType="{STRINGS}" /></Types>'
    return rewritten(
        workbook(path, []),
        "[Content_Types].xml",
        b"</Types>",
        override.encode(),
        {
            part: f'<sst xmlns="{MAIN}">{items}</sst>'.encode(),
            "xl/worksheets/sheet1.xml": sheet.encode(),
        },
    )


def test_shared_texts(csv: Path) -> None:
    with_shared_texts(csv, "xl/sharedStrings.xml", ["姓名", "王甲", "李乙"])
    assert read(csv) == (["姓名"], [["王甲"], ["李乙"]], [2, 3])


def test_too_many_shared_texts(csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("federation.sheets.table._HELD_BYTES", 100_000)
    with_shared_texts(csv, "xl/sharedStrings.xml", ["姓名", *map(str, range(9_000))])
    found = refusal(csv)
    assert (found.code, found.details["limit"]) == ("IMPORT_UNPACKED", 100_000)


def test_shared_texts_in_the_guise_of_a_sheet(csv: Path) -> None:
    with_shared_texts(csv, "xl/worksheets/texts.xml", ["姓名", "王甲"])
    assert refusal(csv).code == "IMPORT_GARBAGE"


def test_an_entity_bomb(csv: Path) -> None:
    workbook(csv, [HEADER, *ROWS])
    entities = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 12))
    bomb = b'<!DOCTYPE x [<!ENTITY e0 "ha">' + entities + b"]><worksheet>&e11;"
    rewritten(csv, "xl/worksheets/sheet1.xml", b"<worksheet", bomb + b"</worksheet><worksheet")
    assert refusal(csv).code == "IMPORT_GARBAGE"


def test_a_sheet_that_claims_endless_rows(csv: Path) -> None:
    workbook(csv, [["a"], ["1"]])
    rewritten(csv, "xl/worksheets/sheet1.xml", b'<row r="2"', b'<row r="99999999999"')
    with open_table(csv, spec()) as table:
        assert sum(1 for _ in table.rows) <= 1_048_576


def test_an_sqlite_table(csv: Path) -> None:
    database(
        csv,
        """
        CREATE TABLE "表" ("身份证号" TEXT, "姓名" TEXT, "金额" INTEGER, pic BLOB);
        INSERT INTO "表" VALUES ('790301', '王甲', 12, NULL), ('790302', '李乙', NULL, x'00ff');
        CREATE VIEW v AS SELECT 1;
        """,
    )
    with open_table(csv, spec()) as table:
        assert table.header == (*HEADER, "pic")
        assert table.integers == {"金额"}
        rows = list(table.rows)
    assert rows == [(1, [*ROWS[0], ""]), (2, [*ROWS[1], NO_TEXT])]


def test_which_sqlite_table(csv: Path) -> None:
    database(csv, "CREATE TABLE a (x); CREATE TABLE b (y); CREATE VIEW v AS SELECT 1;")
    assert read(csv, source_table="b")[0] == ["y"]
    for table in (None, "v", "c", "sqlite_master"):
        found = refusal(csv, source_table=table)
        assert (found.code, found.details["exist"]) == ("IMPORT_TABLE_CHOICE", "a, b")


def test_a_truncated_sqlite_file(csv: Path) -> None:
    numbers = ", ".join(f"({n})" for n in range(5_000))
    database(csv, f"CREATE TABLE a (x); INSERT INTO a VALUES {numbers};")
    content = csv.read_bytes()
    for cut in (100, 4_096, len(content) // 2, len(content) - 4_096):
        assert refusal(written(csv, content[:cut])).code == "IMPORT_GARBAGE"


def test_a_damaged_page_of_an_sqlite_file(csv: Path) -> None:
    numbers = ", ".join(f"({n})" for n in range(5_000))
    database(csv, f"CREATE TABLE a (x); INSERT INTO a VALUES {numbers};")
    content = csv.read_bytes()
    found = refusal(written(csv, content[: 5 * 4_096] + b"\xff" * 4_096 + content[6 * 4_096 :]))
    assert found.code == "IMPORT_GARBAGE"
    assert int(str(found.details["row"])) > 1


def test_a_bad_text_in_sqlite_is_not_quoted(csv: Path) -> None:
    database(csv, "CREATE TABLE a (x TEXT); INSERT INTO a VALUES (CAST(x'373930333031ff' AS TEXT))")
    found = refusal(csv)
    assert (found.code, found.details) == ("IMPORT_ENCODING", {"row": 1})
    assert "790301" not in f"{found} {found.__cause__}"
