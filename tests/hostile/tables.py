"""Hostile tables: text in no encoding, workbooks that swell, numbers that a spreadsheet has spoilt.

Workbooks are openpyxl's, packed anew by zipfile with one date and no compression; databases are
written by SQLite. What the ending of a file says is not looked at.
"""

import csv
import io
import re
import sqlite3
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, Final

from openpyxl import Workbook

from tests.hostile.made import Hostile, Shelf

SHELF: Final = Shelf("tables", "table", ".csv")
BOOKS: Final = Shelf("tables", "table", ".xlsx")
BASES: Final = Shelf("tables", "table", ".sqlite")
HEADER: Final = ("id", "name", "amount")
PEOPLE: Final = (
    ("79030119700312011X", "王甲", 1200),
    ("79030219680504013X", "李乙", 0),
)
RECORDS: Final = """
CREATE TABLE person (id TEXT, name TEXT);
CREATE TABLE vehicle (owner TEXT, bought TEXT);
"""
_DATE: Final = re.compile(rb"(<dcterms:\w+ [^>]*>)[^<]*")

Row = tuple[str, str, str, str, bytes]
Parts = dict[str, bytes]


def text(*rows: Sequence[object], header: Sequence[str] = HEADER) -> bytes:
    """Write rows as the csv module does."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue().encode()


def with_id(number: str) -> bytes:
    """Write a table with one odd number in it."""
    return text(PEOPLE[0], (number, "赵丙", 1))


def workbook(*rows: Sequence[object], header: Sequence[object] = HEADER) -> Parts:
    """Save a workbook, and take it apart."""
    book = Workbook()
    for row in (header, *rows):
        book.worksheets[0].append(list(row))
    out = io.BytesIO()
    book.save(out)
    with zipfile.ZipFile(out) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if "theme" not in name}
    return {name: _DATE.sub(rb"\g<1>2026-11-18T00:00:00Z", data) for name, data in parts.items()}


def zipped(parts: Parts, change: Callable[[zipfile.ZipInfo], object] = lambda _: None) -> bytes:
    """Put a workbook together; ``change`` edits what the directory says of each part."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in parts.items():
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            archive.writestr(info, data)
        for info in archive.infolist():
            change(info)
    return out.getvalue()


def database(script: str, *values: Any) -> bytes:
    """Write a database; ``values`` go into its table as a row."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.executescript(script)
        if values:
            connection.execute("INSERT INTO people VALUES (?, ?, ?)", values)
            connection.commit()
        return connection.serialize()


def files() -> Iterator[Hostile]:
    """Make all of them, the sound ones first."""
    yield SHELF.sound(text(*PEOPLE), "正当的表", "a sound table")
    yield BOOKS.sound(zipped(workbook(*PEOPLE)), "正当的工作簿", "a sound workbook")
    made = "CREATE TABLE people (id TEXT, name TEXT, amount INTEGER);"
    yield BASES.sound(database(made, *PEOPLE[0]), "正当的数据库", "a sound database")
    for shelf, group in ((SHELF, _texts), (SHELF, _headers), (SHELF, _rows), (BOOKS, _books)):
        for name, code, zh, en, data in group():
            yield shelf.hostile(name, code, (zh, en), data)
    for name, code, zh, en, data in _bases():
        yield BASES.hostile(name, code, (zh, en), data)


def _texts() -> Iterator[Row]:
    garbage, encoding = "IMPORT_GARBAGE", "IMPORT_ENCODING"
    sound = text(*PEOPLE)
    yield "empty", "IMPORT_EMPTY", "空文件", "nothing", b""
    yield "blank", "IMPORT_EMPTY", "只有空行", "blank lines", b"\n\n\n"
    yield "header-only", "IMPORT_EMPTY", "只有表头", "a header and no rows", text()
    yield "utf16", encoding, "另一种编码", "UTF-16", sound.decode().encode("utf-16")
    many = text(*((number, name * 12, amount) for number, name, amount in PEOPLE))
    yield "torn", encoding, "字符截断", "half a character", many + "王".encode()[:2]
    yield "high", encoding, "无法解码的字节", "bytes of no encoding", sound + b"\xff\xff,x,1\n"
    yield "nul", garbage, "夹有空字节", "a NUL byte", sound.replace(b"1200", b"12\x0000")
    yield "picture", garbage, "是图片", "a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40)
    yield "gzip", garbage, "是压缩包", "compressed", b"\x1f\x8b\x08\0\0\0\0\0" + bytes(40)
    yield "quote-open", garbage, "引号没有合上", "an open quote", sound + b'"7903'
    yield "quote-more", garbage, "引号后还有字", "text behind a quote", sound + b'"7903"x,a,1\n'
    yield (
        "old-workbook",
        "IMPORT_OLD_WORKBOOK",
        "旧版工作簿",
        "an old workbook",
        (b"\xd0\xcf\x11\xe0" + bytes(600)),
    )
    yield (
        *("oversize", "IMPORT_TOO_LARGE", "过大", "larger than allowed"),
        sound + b"\n" * 64 * 1024,
    )


def _headers() -> Iterator[Row]:
    def headed(*header: str) -> bytes:
        return text(*PEOPLE, header=header)

    yield (
        "header-empty",
        "IMPORT_HEADER_EMPTY",
        "列没有名称",
        "a column without a name",
        headed("id", "", "amount"),
    )
    yield (
        "header-twice",
        "IMPORT_HEADER_DUPLICATE",
        "同名两列",
        "two columns of a name",
        headed("id", "name", "NAME"),
    )
    yield (
        "header-long",
        "IMPORT_HEADER_LONG",
        "列名过长",
        "a long name",
        headed("id", "name", "长" * 65),
    )
    yield (
        "header-line",
        "IMPORT_HEADER_CHARACTERS",
        "列名有换行",
        "a line end in a name",
        headed("id", "na\nme", "amount"),
    )
    yield (
        "header-person",
        "IMPORT_HEADER_DATA",
        "没有表头",
        "a person for a header",
        headed("79030119700312011X", "王甲", "1200"),
    )
    yield (
        "column-none",
        "IMPORT_COLUMN_MISSING",
        "缺一列",
        "a column is missing",
        headed("id", "who", "amount"),
    )
    wide = text(header=[*HEADER, *(f"c{n}" for n in range(20))])
    yield "columns", "IMPORT_COLUMNS", "列太多", "too many columns", wide


def _rows() -> Iterator[Row]:
    for name, code, number, zh, en in (
        ("id-check", "ID_CHECK_DIGIT", "790301197003120110", "校验位不对", "a wrong check digit"),
        ("id-date", "ID_DATE", "790301197002300111", "没有这一天", "a day that does not exist"),
        ("id-short", "ID_LENGTH", "7903011970031201", "位数不对", "too few digits"),
        (
            "id-spreadsheet",
            "ID_SPREADSHEET",
            "7.90301E+17",
            "科学记数法",
            "spoilt by a spreadsheet",
        ),
        ("id-letters", "ID_CHARACTERS", "7903011970O312011X", "夹有字母", "a letter in it"),
        ("id-none", "ID_EMPTY", "", "没有证件号", "no number"),
    ):
        yield name, code, zh, en, with_id(number)
    again = PEOPLE[0]
    yield "row-twice", "DUPLICATE_ROW", "重复的行", "a row twice", text(*PEOPLE, again)
    yield "row-short", "ROW_WIDTH", "少一格", "a row too short", text(*PEOPLE, again[:2])
    yield "row-long", "ROW_WIDTH", "多一格", "a row too long", text(*PEOPLE, (*again, "x"))
    other = PEOPLE[1][0]
    yield (
        "cell-long",
        "CELL_TOO_LONG",
        "内容过长",
        "a long cell",
        text(again, (other, "长" * 65, 1)),
    )
    for name, amount in (("text", "many"), ("float", "1.5"), ("formula", "=1+1"), ("huge", 10**18)):
        yield (
            *(f"amount-{name}", "CELL_INTEGER", "不是整数", "no whole number"),
            text(again, (other, "李乙", amount)),
        )


def _books() -> Iterator[Row]:
    garbage = "IMPORT_GARBAGE"
    parts = workbook(*PEOPLE)
    sheet = "xl/worksheets/sheet1.xml"
    whole = zipped(parts)
    yield "book-cut", garbage, "截断的工作簿", "cut short", whole[:-100]
    yield "book-none", garbage, "不是工作簿", "no workbook", b"PK\x03\x04 but no zip"
    empty = zipped({"a.txt": b"x"})
    yield "book-other", garbage, "别的压缩包", "another zip", empty
    missing = {name: data for name, data in parts.items() if name != sheet}
    yield (
        "book-sheetless",
        "IMPORT_SHEET_MISSING",
        "缺工作表",
        "its sheet is missing",
        zipped(missing),
    )
    broken = parts | {sheet: parts[sheet][:-40]}
    yield "book-xml", garbage, "工作表截断", "a sheet cut short", zipped(broken)

    laughs = b"".join(
        b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10 if n else b"x" * 10) for n in range(9)
    )
    grown = parts[sheet].replace(b"<worksheet", b"<!DOCTYPE x [" + laughs + b"]><worksheet", 1)
    grown = grown.replace(b"1200", b"&e8;")
    assert grown.count(b"&e8;") == 1
    swollen = zipped(parts | {sheet: grown})
    yield "book-entities", garbage, "展开后过大", "entities that grow to a gigabyte", swollen

    def claims(size: int) -> bytes:
        def change(info: zipfile.ZipInfo) -> None:
            if info.filename == sheet:
                info.file_size = size

        return zipped(parts, change)

    bomb = claims(1 << 30)
    yield "book-bomb", "IMPORT_UNPACKED", "解开后过大", "unpacks to a gigabyte", bomb
    number = zipped(workbook((790301197003120110, "王甲", 1)))
    yield (
        *("book-rounded", "IMPORT_ALL_REJECTED", "证件号按数字存", "ids kept as numbers"),
        number,
    )


def _bases() -> Iterator[Row]:
    made = "CREATE TABLE people (id TEXT, name TEXT, amount INTEGER);"
    whole = database(made, *PEOPLE[0])
    yield "base-cut", "IMPORT_GARBAGE", "截断的数据库", "cut short", whole[:600]
    yield "base-none", "IMPORT_GARBAGE", "不是数据库", "no database", whole[:16] + bytes(600)
    two = made + "CREATE TABLE other (a TEXT);"
    yield "base-two", "IMPORT_TABLE_CHOICE", "两张表", "two tables", database(two, *PEOPLE[0])
    view = "CREATE VIEW people AS SELECT 1 AS id, 2 AS name, 3 AS amount;"
    yield "base-view", "IMPORT_TABLE_CHOICE", "只有视图", "only a view", database(view)
    blob = database(made, PEOPLE[0][0], b"\x00\x01", 1)
    yield "base-bytes", "IMPORT_ALL_REJECTED", "名字是字节", "bytes for a name", blob
