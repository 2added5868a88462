"""Reading a department's records: nothing but SELECT, within a budget, from many threads."""

import sqlite3
import threading
import time
import timeit
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from department_node.records import ReadLimits, RecordSource, SqliteRecords
from federation.errors import BadInput, HeduiError, Unavailable

OWNS = 'SELECT "车数" FROM "机动车" WHERE "身份证" = :key'
PEOPLE = 2_000


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A record database with a table, a view, an import's log and people numbered from 0."""
    path = tmp_path / "记录?#.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE "机动车" ("身份证" TEXT, "车数" INTEGER, note BLOB);
            CREATE INDEX by_id ON "机动车" ("身份证");
            CREATE TABLE extract (as_of TEXT);
            CREATE TABLE import_log (import_id INTEGER PRIMARY KEY, as_of TEXT);
            CREATE VIEW owners AS SELECT "身份证" AS id FROM "机动车";
            """
        )
        rows = ((str(person), person % 3) for person in range(PEOPLE))
        connection.executemany('INSERT INTO "机动车" VALUES (?, ?, NULL)', rows)
        connection.commit()
    return path


@pytest.fixture
def records(database: Path) -> Iterator[SqliteRecords]:
    with SqliteRecords(database, ReadLimits(steps=200_000)) as source:
        yield source


def refusal(records: RecordSource, sql: str) -> HeduiError:
    with pytest.raises(HeduiError) as caught:
        records.check(sql)
    return caught.value


def test_a_value_a_null_and_nothing(records: SqliteRecords) -> None:
    assert records.scalar(OWNS, {"key": "2"}) == 2
    assert records.scalar(OWNS, {"key": "nobody"}) is None
    assert records.scalar('SELECT note FROM "机动车" WHERE "身份证" = :key', {"key": "2"}) is None
    assert records.scalar("SELECT max(as_of) FROM extract", {}) is None


def test_parameters_that_are_not_asked_for_are_ignored(records: SqliteRecords) -> None:
    assert records.scalar(OWNS, {"key": "1", "today": "2026-01-01", "size": 3}) == 1


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "车数", "身份证" FROM "机动车" LIMIT 1',
        'SELECT "车数" FROM "机动车"',
        "SELECT :other",
    ],
)
def test_more_than_one_value_or_an_unknown_name(records: SqliteRecords, sql: str) -> None:
    with pytest.raises(BadInput) as caught:
        records.scalar(sql, {"key": "1"})
    assert caught.value.code == "CATALOGUE_SQL"


def test_rows_stream(records: SqliteRecords) -> None:
    rows = records.rows('SELECT "身份证" AS id, NULL AS name FROM "机动车" ORDER BY rowid')
    assert next(rows) == ("0", None)
    assert sum(1 for _ in rows) == PEOPLE - 1


def test_rows_report_a_bad_statement(records: SqliteRecords) -> None:
    with pytest.raises(BadInput) as caught:
        next(records.rows("DELETE FROM extract"))
    assert caught.value.code == "CATALOGUE_WRITES"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO extract VALUES ('2026-01-01')",
        "UPDATE extract SET as_of = ''",
        'DELETE FROM "机动车"',
        "DROP TABLE extract",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t AS SELECT 1",
        "ALTER TABLE extract RENAME TO e",
        "PRAGMA query_only = 0",
        "SELECT * FROM pragma_table_info('extract')",
        "ATTACH 'x.sqlite' AS x",
        "VACUUM",
        "VACUUM INTO 'copy.sqlite'",
        "BEGIN",
        "ANALYZE",
        "WITH gone AS (SELECT 1) DELETE FROM extract",
    ],
)
def test_nothing_but_select(records: SqliteRecords, database: Path, sql: str) -> None:
    before = database.read_bytes()
    assert refusal(records, sql).code == "CATALOGUE_WRITES"
    with pytest.raises(HeduiError):
        list(records.rows(sql))
    with pytest.raises(HeduiError):
        records.scalar(sql, {})
    assert database.read_bytes() == before
    assert sorted(path.name for path in database.parent.iterdir()) == [database.name]


@pytest.mark.parametrize(
    ("sql", "code", "details"),
    [
        ("SELECT a FROM fehlt", "CATALOGUE_TABLE_MISSING", {"table": "fehlt"}),
        ("SELECT name FROM sqlite_master", "CATALOGUE_TABLE_MISSING", {"table": "sqlite_master"}),
        ('SELECT fehlt FROM "机动车"', "CATALOGUE_COLUMN_MISSING", {"column": "fehlt"}),
        # SQLite itself would take this one for the text '身份正'.
        ('SELECT 1 FROM "机动车" WHERE "身份正" = :key', "CATALOGUE_COLUMN_MISSING", {}),
        ("SELECT random()", "CATALOGUE_FUNCTION", {"function": "random"}),
        ("SELECT load_extension('x')", "CATALOGUE_FUNCTION", {"function": "load_extension"}),
        ("SELECT current_date", "CATALOGUE_FUNCTION", {"function": "current_date"}),
        ("SELECT nowhere(1)", "CATALOGUE_SQL", {}),
        ("SELEC 1", "CATALOGUE_SQL", {}),
        ("", "CATALOGUE_SQL", {}),
        (" ; ", "CATALOGUE_SQL", {}),
        ("SELECT 1; SELECT 2", "CATALOGUE_SQL", {}),
        ("EXPLAIN SELECT 1", "CATALOGUE_SQL", {}),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
            "CATALOGUE_SQL",
            {"reason": "recursive query"},
        ),
    ],
)
def test_what_is_wrong_is_named(
    records: SqliteRecords, sql: str, code: str, details: dict[str, str]
) -> None:
    found = refusal(records, sql)
    assert isinstance(found, BadInput)
    assert found.code == code
    assert details.items() <= found.details.items()


def test_what_exists_is_named(records: SqliteRecords) -> None:
    missing_table = refusal(records, "SELECT a FROM fehlt")
    assert missing_table.details["exist"] == "extract, 机动车"
    missing_column = refusal(records, 'SELECT fehlt FROM "机动车"')
    assert missing_column.details["exist"] == "机动车.身份证, 机动车.车数, 机动车.note"


def test_a_column_that_goes_away_is_not_taken_for_a_text(
    records: SqliteRecords, database: Path
) -> None:
    assert records.scalar(OWNS, {"key": "1"}) == 1
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            'DROP VIEW owners; DROP TABLE "机动车"; CREATE TABLE "机动车" ("车数" INTEGER);'
        )
    with pytest.raises(BadInput) as caught:
        records.scalar(OWNS, {"key": "1"})
    assert caught.value.code == "CATALOGUE_COLUMN_MISSING"


def test_columns(records: SqliteRecords) -> None:
    assert records.all_columns() == [
        ("extract", "as_of"),
        ("机动车", "身份证"),
        ("机动车", "车数"),
        ("机动车", "note"),
    ]
    assert records.columns_read(OWNS) == [("机动车", "身份证"), ("机动车", "车数")]
    assert records.columns_read("SELECT id FROM owners") == [("机动车", "身份证")]
    assert records.columns_read('SELECT count(*) FROM "机动车"') == [("机动车", "")]
    assert records.columns_read("SELECT max(as_of) FROM import_log") == [("import_log", "as_of")]


def test_inspection_names_bindings_and_columns(records: SqliteRecords) -> None:
    found = records.inspect('SELECT "身份证" AS id, NULL AS name FROM "机动车" WHERE :size > 1')
    assert found.bindings == {"size"}
    assert found.columns == ("id", "name")


def test_a_query_that_never_ends_is_stopped(records: SqliteRecords) -> None:
    endless = 'SELECT count(*) FROM "机动车" a, "机动车" b WHERE a."车数" + b."车数" < 9'
    with pytest.raises(Unavailable) as caught:
        records.scalar(endless, {})
    assert caught.value.code == "SOURCE_TIMEOUT"
    assert records.scalar(OWNS, {"key": "1"}) == 1


def test_the_budget_is_a_querys_not_a_connections(records: SqliteRecords) -> None:
    counting = 'SELECT count(*) FROM "机动车" WHERE "车数" = :size'
    for _ in range(100):
        assert records.scalar(counting, {"size": 0}) == 667


def test_a_stream_is_stopped_only_between_its_rows(database: Path) -> None:
    limits = ReadLimits(steps=1_000, scan_steps=20_000)
    with SqliteRecords(database, limits) as records:
        rows = records.rows('SELECT a.rowid FROM "机动车" a, "机动车" b')
        assert sum(1 for _, _ in zip(rows, range(100_000), strict=False)) == 100_000
        with pytest.raises(Unavailable) as caught:
            list(records.rows('SELECT max(a.rowid + b.rowid) FROM "机动车" a, "机动车" b'))
    assert caught.value.code == "SOURCE_TIMEOUT"


def test_values_cannot_grow_without_bound(records: SqliteRecords) -> None:
    with pytest.raises(BadInput) as caught:
        records.scalar("SELECT replace(hex(:key), '3', hex(:key)) || :key", {"key": "3" * 100_000})
    assert caught.value.code == "CATALOGUE_SQL"


def test_many_threads(records: SqliteRecords) -> None:
    barrier = threading.Barrier(4)

    def ask(person: int) -> object:
        if person < 4:
            barrier.wait(10)  # so that four threads do take part
        return records.scalar(OWNS, {"key": str(person)})

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(PEOPLE))) == [person % 3 for person in range(PEOPLE)]


def test_asking_costs_next_to_nothing(records: SqliteRecords, database: Path) -> None:
    with closing(sqlite3.connect(database)) as raw:
        bare = min(timeit.repeat(lambda: raw.execute(OWNS, {"key": "7"}).fetchone(), number=1_000))
    asked = min(timeit.repeat(lambda: records.scalar(OWNS, {"key": "7"}), number=1_000))
    assert (asked - bare) * 1_000 < 15  # microseconds a question


def test_a_database_in_memory() -> None:
    uri = "file:records-in-memory?mode=memory&cache=shared"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (5);")
        with SqliteRecords(uri) as records:
            assert records.scalar("SELECT a FROM t", {}) == 5
            assert refusal(records, "DELETE FROM t").code == "CATALOGUE_WRITES"


def test_a_closed_source_opens_again(records: SqliteRecords) -> None:
    records.close()
    assert records.scalar(OWNS, {"key": "1"}) == 1


@pytest.mark.parametrize(
    "content", [None, b"no database at all", b"SQLite format 3\0" + b"\1" * 99]
)
def test_an_unreadable_database(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Unavailable) as caught:
        SqliteRecords(path)
    assert caught.value.code == "SOURCE_UNREADABLE"
    assert path.exists() == (content is not None)


def test_a_broken_text_is_not_quoted(records: SqliteRecords, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO extract VALUES (CAST(x'373930333031ff' AS TEXT))")
        connection.commit()
    with pytest.raises(Unavailable) as caught:
        records.scalar("SELECT as_of FROM extract", {})
    assert caught.value.code == "SOURCE_UNREADABLE"
    assert "790301" not in f"{caught.value} {caught.value.__cause__}"


def test_a_writer_that_holds_the_database(database: Path) -> None:
    limits = ReadLimits(busy_seconds=0.05)
    with SqliteRecords(database, limits) as records, closing(sqlite3.connect(database)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable) as caught:
            records.scalar(OWNS, {"key": "1"})
        writer.rollback()
        assert caught.value.code == "SOURCE_BUSY"
        assert records.scalar(OWNS, {"key": "1"}) == 1


def test_a_prompt_set_waits_for_no_import(database: Path) -> None:
    limits = ReadLimits(busy_seconds=20)
    with SqliteRecords(database, limits) as records, closing(sqlite3.connect(database)) as writer:
        for known in (False, True):
            writer.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            with pytest.raises(Unavailable) as caught:
                records.scalars(OWNS, ["1"], {}, prompt=True)
            assert caught.value.code == "SOURCE_BUSY"
            assert time.monotonic() - began < 5, known
            writer.rollback()
            assert records.scalars(OWNS, ["1"], {}, prompt=True) == [1]


# ---- a set of keys


def each(
    records: SqliteRecords, sql: str, keys: Sequence[str], **bound: object
) -> list[object | None]:
    """Ask about many people at once, and hold every answer to the one that is asked for alone."""
    found = records.scalars(sql, keys, bound)
    assert found == [records.scalar(sql, {**bound, "key": key}) for key in keys]
    return found


def test_a_set_keeps_its_order_and_answers_a_key_twice(records: SqliteRecords) -> None:
    assert each(records, OWNS, ["5", "1", "nobody", "5", "0", ""]) == [2, 1, None, 2, 0, None]
    note = 'SELECT note FROM "机动车" WHERE "身份证" = :key'
    assert each(records, note, ["1", "nobody"]) == [None, None]


@pytest.mark.parametrize("count", [0, 1, 1_000])
def test_a_set_may_be_of_any_size(records: SqliteRecords, count: int) -> None:
    keys = [str(n * 7 % PEOPLE) for n in range(count)]
    assert each(records, OWNS, keys) == [n * 7 % PEOPLE % 3 for n in range(count)]


@given(keys=st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), max_size=30))
def test_any_text_may_be_a_key(quoted: SqliteRecords, keys: list[str]) -> None:
    assert quoted.scalars("SELECT :key || '!'", keys, {}) == [f"{key}!" for key in keys]


@pytest.fixture(scope="module")
def quoted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteRecords]:
    path = tmp_path_factory.mktemp("quoted") / "r.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE t (id TEXT COLLATE NOCASE, ":key" TEXT, n INTEGER);
            INSERT INTO t VALUES ('a', 'first', 1), ('b', 'second', 2), ('c', 'x', 3);
            INSERT INTO t VALUES ('c', 'y', 4);
            CREATE TABLE hedui (id INTEGER, hedui TEXT);
            INSERT INTO hedui VALUES (1, 'one'), (2, 'two');
            CREATE TABLE found (v TEXT, id TEXT);
            INSERT INTO found VALUES ('here', 'a');
            """
        )
    with SqliteRecords(path) as source:
        yield source


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("SELECT ':key' FROM t WHERE id = :key", [":key", ":key"]),
        ('SELECT ":key" FROM t WHERE id = :key', ["first", "second"]),
        ("SELECT `:key` FROM t WHERE id = :key", ["first", "second"]),
        ("SELECT [:key] FROM t WHERE id = :key", ["first", "second"]),
        ("SELECT n /* :key */ FROM t -- :key\nWHERE id = :key -- :key", [1, 2]),
        ("SELECT n FROM t WHERE id = :key;", [1, 2]),
        ("SELECT n FROM t WHERE id = @key OR id = $key", [1, 2]),
        ("SELECT n FROM t WHERE id=:key AND :key<>:keyed", [1, 2]),
        ("SELECT n FROM t WHERE :key = id", [1, 2]),
        ("SELECT n FROM t WHERE :key = id COLLATE BINARY", [1, 2]),
        ("SELECT n FROM t WHERE upper(:key) = id", [1, 2]),  # by the column's collation
        ("SELECT v FROM found WHERE id = :key", ["here", None]),
        ("SELECT hedui FROM hedui WHERE id = unicode(:key) - 96", ["one", "two"]),
        ("SELECT typeof(:key)", ["text", "text"]),
        ("VALUES (:key)", ["a", "b"]),
        ("WITH own AS (SELECT n FROM t WHERE id = :key) SELECT max(n) FROM own", [1, 2]),
        ("SELECT sum(n) FROM (SELECT n FROM t WHERE id = :key UNION ALL SELECT 5)", [6, 7]),
        ("SELECT n FROM t WHERE id >= :key ORDER BY n DESC LIMIT 1", [4, 4]),
        ("SELECT count(*) FROM t WHERE EXISTS (SELECT 1 FROM hedui WHERE :key = 'a')", [4, 0]),
        ("SELECT sum(n) OVER (PARTITION BY :key) FROM t WHERE id = :key", [1, 2]),
    ],
)
def test_only_the_key_itself_is_replaced(
    quoted: SqliteRecords, sql: str, values: list[object]
) -> None:
    quoted.check(sql)
    assert each(quoted, sql, ["a", "b"], keyed="z") == values


def test_other_names_are_bound_once_for_all(quoted: SqliteRecords) -> None:
    sql = "SELECT n + :size FROM t WHERE id = :key AND :today >= '2026-01-01'"
    assert each(quoted, sql, ["a", "b"], size=10, today="2026-11-18", value="") == [11, 12]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT n FROM t WHERE id = :key",
        "SELECT n, id FROM t WHERE id = :key LIMIT 1",
        "SELECT n FROM t WHERE id = :key AND :unknown = 1",
    ],
)
def test_what_is_no_single_value_of_one_key_is_told_of_a_set(
    quoted: SqliteRecords, sql: str
) -> None:
    for keys in (["c"], ["a", "c"]):
        with pytest.raises(BadInput) as caught:
            quoted.scalars(sql, keys, {})
        assert caught.value.code == "CATALOGUE_SQL"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT max(:key)",
        "SELECT count(:key) FROM t",
        "SELECT n FROM t WHERE id = :key LIMIT length(:key)",
        "SELECT n FROM t WHERE id = :key GROUP BY :key",
    ],
)
def test_what_cannot_be_said_of_a_set_is_refused_before_anybody_asks(
    quoted: SqliteRecords, sql: str
) -> None:
    found = refusal(quoted, sql)
    assert found.code == "CATALOGUE_SQL"
    assert "many people" in str(found.details["reason"])


@pytest.mark.parametrize("name", ["value", "key", "id", "type", "atom", "parent"])
def test_a_column_that_goes_away_is_not_taken_for_one_of_the_list(
    quoted: SqliteRecords, name: str
) -> None:
    with pytest.raises(BadInput) as caught:
        quoted.scalars(f"SELECT {name} FROM (SELECT n FROM t WHERE id = :key)", ["a"], {})
    assert caught.value.code == "CATALOGUE_COLUMN_MISSING"


def test_a_set_that_has_to_be_prompt_is_given_up_early(database: Path) -> None:
    scan = 'SELECT count(*) FROM "机动车" WHERE "身份证" || \'\' = :key'
    with SqliteRecords(database, ReadLimits(prompt_steps=5_000)) as records:
        for keys in (["1"], ["1"] * 20):
            with pytest.raises(Unavailable) as caught:
                records.scalars(scan, keys, {}, prompt=True)
            assert caught.value.code == "SOURCE_TIMEOUT"
            assert records.scalars(scan, keys, {}) == [1] * len(keys)
        assert records.scalars(OWNS, ["1"] * 1_000, {}, prompt=True) == [1] * 1_000


def test_a_set_has_the_steps_of_its_keys_up_to_a_bound(database: Path) -> None:
    scan = 'SELECT count(*) FROM "机动车" WHERE "身份证" || \'\' = :key'
    with SqliteRecords(database, ReadLimits(steps=30_000, scan_steps=300_000)) as records:
        assert records.scalars(scan, ["1"] * 8, {}) == [1] * 8
        with pytest.raises(Unavailable) as caught:
            records.scalars(scan, ["1"] * 100, {})
    assert caught.value.code == "SOURCE_TIMEOUT"
