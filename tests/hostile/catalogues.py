"""Hostile catalogues of a department: SQL that writes or wanders, answers that nobody may give.

A catalogue is TOML written by hand; what it reads are the kit's records, an SQLite file.
"""

from collections.abc import Iterator
from typing import Final

from department_node.catalogue import FILE_BYTES
from tests.hostile.made import DEPARTMENT, Hostile, Shelf

SHELF: Final = Shelf("catalogues", "catalogue", ".toml")
TEXT: Final = f"""\
department = "{DEPARTMENT}"
version = 1
[source]
kind = "sqlite"
path = "records.sqlite"
[roll]
sql = "SELECT id, name, id AS key FROM person"
[as_of]
sql = "SELECT '2026-11-17'"
[[answer]]
predicate = "P40"
purposes = ["ENTRY", "REVIEW"]
scope = "city"
sql = "SELECT count(*) FROM vehicle WHERE owner = :key"
[[answer]]
predicate = "P42"
purposes = ["ENTRY"]
scope = "city"
sql = "SELECT max(bought) FROM vehicle WHERE owner = :key AND bought >= :since"
"""
CAR: Final = "SELECT count(*) FROM vehicle WHERE owner = :key"

Row = tuple[str, str, str, str, bytes]


def written(old: str, new: str) -> bytes:
    """Write a catalogue in which one text stands for another."""
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new).encode()


def files() -> Iterator[Hostile]:
    """Make all of them, the sound one first."""
    yield SHELF.sound(TEXT.encode(), "正当的目录", "a sound catalogue")
    for group in (_forms, _statements):
        for name, code, zh, en, data in group():
            yield SHELF.hostile(name, code, (zh, en), data)


def _forms() -> Iterator[Row]:
    invalid = "NODE_CATALOGUE_INVALID"
    yield "not-toml", invalid, "不是 TOML", "not TOML", TEXT.encode() + b"[["
    yield "not-utf8", invalid, "不是 UTF-8", "not UTF-8", TEXT.encode() + b"# \xff\n"
    yield "empty", invalid, "什么也没有", "nothing", b""
    for name, old, new, zh, en in (
        ("key-more", "version = 1", "version = 1\nmore = 1", "多余的键", "a key that is not ours"),
        ("department", DEPARTMENT, "tax", "别的部门", "another department's"),
        ("source", '"sqlite"', '"oracle"', "别的来源", "another kind of source"),
        ("roll-none", "[roll]", "[role]", "没有名册", "no roll"),
        ("predicate", '"P40"', '"P98"', "没有这个项目", "a predicate that does not exist"),
        ("predicate-other", '"P40"', '"P21"', "别的部门的项目", "another department's predicate"),
        ("predicate-twice", '"P42"', '"P40"', "同一项目两次", "a predicate twice"),
        ("purpose", '"REVIEW"', '"FUN"', "没有这种用途", "no such purpose"),
        ("purpose-none", '["ENTRY", "REVIEW"]', "[]", "没有用途", "no purpose"),
        ("answer-more", CAR, f'{CAR}"\nlimit = "1', "多余的键", "a key that is not ours"),
        ("sql-none", CAR, " ", "没有语句", "no statement"),
    ):
        yield name, invalid, zh, en, written(old, new)
    yield (
        *("oversize", invalid, "过大", "larger than a catalogue may be"),
        TEXT.encode() + b"#" * FILE_BYTES,
    )


def _statements() -> Iterator[Row]:
    writes, strange, sql = "CATALOGUE_WRITES", "CATALOGUE_FUNCTION", "CATALOGUE_SQL"
    table, column = "CATALOGUE_TABLE_MISSING", "CATALOGUE_COLUMN_MISSING"
    for name, code, statement, zh, en in (
        ("delete", writes, "DELETE FROM vehicle WHERE owner = :key", "删除记录", "deletes records"),
        ("insert", writes, "INSERT INTO vehicle VALUES (:key, '')", "写入记录", "writes records"),
        ("attach", writes, "ATTACH :key AS other", "打开别的数据库", "opens another database"),
        ("pragma", writes, "PRAGMA user_version = 1", "改动设置", "changes a setting"),
        ("vacuum", writes, "VACUUM INTO :key", "抄出全库", "copies the database"),
        ("two", sql, f"{CAR}; DELETE FROM vehicle", "两条语句", "two statements"),
        ("extension", strange, "SELECT load_extension(:key)", "装载扩展", "loads an extension"),
        ("random", strange, "SELECT random() WHERE :key <> ''", "凭运气", "answers by chance"),
        (
            "table",
            table,
            "SELECT count(*) FROM plane WHERE owner = :key",
            "没有这张表",
            "no such table",
        ),
        (
            "column",
            column,
            "SELECT count(*) FROM vehicle WHERE who = :key",
            "没有这一列",
            "no such column",
        ),
        (
            "columns",
            sql,
            "SELECT owner, bought FROM vehicle WHERE owner = :key",
            "两列",
            "two columns",
        ),
        ("key-none", sql, "SELECT count(*) FROM vehicle", "与人无关", "about nobody"),
        ("bound", sql, f"{CAR} AND bought < :since", "没有这个绑定名", "a name without a value"),
        ("syntax", sql, "SELEKT :key", "不是 SQL", "no SQL"),
    ):
        yield f"sql-{name}", code, zh, en, written(CAR, statement)
