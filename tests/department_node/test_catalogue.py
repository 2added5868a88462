"""A department's catalogue: what is wrong in it, and at which line."""

from pathlib import Path

import pytest

from department_node import catalogue, checking, starter
from department_node.catalogue import FILE_BYTES, NodeCatalogue, line_of
from department_node.records import SqliteRecords
from federation import catalogue as predicates
from federation import party as parties
from federation.catalogue import JOINT
from federation.errors import BadInput
from federation.exchange import Purpose, Scope
from federation.manifest import PartyRole
from tests.support import twin as twins
from tests.support.twin import CATALOGUE, NOW, PEOPLE, write_records


def load(path: Path, text: str | bytes, kind: str = "public_security") -> NodeCatalogue:
    file = path / "catalogue.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return catalogue.load(file, department=kind, kind=kind, predicates=predicates.load())


def changed(old: str, new: str) -> str:
    assert CATALOGUE.count(old) >= 1
    return CATALOGUE.replace(old, new, 1)


def answer(predicate: str = "P43", **keys: str) -> str:
    values = {
        "predicate": f'"{predicate}"',
        "purposes": '["ENTRY"]',
        "scope": '"city"',
        "sql": '"SELECT count(*) FROM vehicle WHERE owner = :key"',
    } | keys
    rows = [f"{key} = {value}" for key, value in values.items() if value]
    return CATALOGUE + "\n".join(["[[answer]]", *rows, ""])


def test_a_good_catalogue(tmp_path: Path) -> None:
    listed = load(tmp_path, CATALOGUE)
    assert (listed.department, listed.version, listed.file) == (
        "public_security",
        1,
        "catalogue.toml",
    )
    assert listed.source == tmp_path / "records.sqlite"
    assert list(listed.answers) == ["P40", "P42", "P06"]
    assert listed.answers["P40"].purposes == {Purpose.ENTRY, Purpose.REVIEW}
    assert listed.answers["P40"].scope is Scope.CITY
    assert listed.compares_names
    assert [where for where, _ in listed.statements()] == ["roll", "as_of", "P40", "P42"]


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("department = ", "catalogue.toml", "at end of document"),
        (b"\xff\xfe", "catalogue.toml", "byte 1 is not UTF-8"),
        (changed("version = 1", "version = 0"), "catalogue.toml", "version"),
        (changed("version = 1", "version = true"), "catalogue.toml", "version"),
        (changed("version = 1", "versoin = 1"), "catalogue.toml", "version is missing"),
        (changed("version = 1", "version = 1\nextra = 1"), "catalogue.toml", "unknown: extra"),
        (
            changed('department = "public_security"', 'department = "tax"'),
            "catalogue.toml:2 department",
            "is tax",
        ),
        (changed('kind = "sqlite"', 'kind = "oracle"'), "catalogue.toml:4", "sqlite"),
        (changed('path = "records.sqlite"', ""), "catalogue.toml:4", "path is missing"),
        (changed("[source]", "[sauce]"), "catalogue.toml", "source is missing"),
        (changed("[roll]", "[rolls]"), "roll", "has no sql"),
        (changed("[as_of]\nsql", "[as_of]\nsqll"), "catalogue.toml:9 as_of", "has no sql"),
        (changed("[as_of]", "[as_of]\nzone = 1"), "catalogue.toml:9 as_of", "unknown: zone"),
        (answer("P99"), "catalogue.toml:27 P99", "no predicate"),
        (answer("P22"), "catalogue.toml:27 P22", "not answered by departments of kind"),
        (answer("P40"), "catalogue.toml:12 P40", "answered twice"),
        (answer(sql=""), "catalogue.toml:27 P43", "has no sql"),
        (answer(sql='"  "'), "catalogue.toml:27 P43", "has no sql"),
        (answer(sql="7"), "catalogue.toml:27 P43", "has no sql"),
        (answer(purposes='["WHIM"]'), "catalogue.toml:27 P43", "WHIM is none of ENTRY"),
        (answer(purposes="[]"), "catalogue.toml:27 P43", "purposes are empty"),
        (answer(purposes='["ENTRY", "ENTRY"]'), "catalogue.toml:27 P43", "twice"),
        (answer(purposes='"ENTRY"'), "catalogue.toml:27 P43", "purposes"),
        (answer(scope='"world"'), "catalogue.toml:27 P43", "WORLD is none of"),
        (answer(scope=""), "catalogue.toml:27 P43", "scope is missing"),
        (answer(note='"x"'), "catalogue.toml:27 P43", "unknown: note"),
        (changed('predicate = "P40"\n', ""), "answer[1]", "predicate is missing"),
        (answer(""), "answer[4]", "predicate is empty"),
        (changed('sql = ""', 'sql = "SELECT 1"'), "catalogue.toml:22 P06", "compares names"),
        ('answer = "P40"\n' + CATALOGUE.partition("[[answer]]")[0], "answer", "[[answer]]"),
    ],
)
def test_each_fault_has_its_place(tmp_path: Path, text: str | bytes, place: str, why: str) -> None:
    with pytest.raises(BadInput) as caught:
        load(tmp_path, text)
    assert caught.value.code == "NODE_CATALOGUE_INVALID"
    assert place in str(caught.value.details["where"])
    assert why in str(caught.value.details["why"])


def test_a_file_that_is_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="FILE_MISSING"):
        catalogue.load(
            tmp_path / "none.toml", department="tax", kind="tax", predicates=predicates.load()
        )
    with pytest.raises(BadInput, match="larger than"):
        load(tmp_path, CATALOGUE + "#" * FILE_BYTES)


def test_a_joint_form_is_refused_even_where_the_kind_contributes(tmp_path: Path) -> None:
    joint = next(p for p in predicates.load() if p.form in JOINT and "tax" in p.departments)
    text = answer(joint.id).replace('department = "public_security"', 'department = "tax"')
    text = text.replace('predicate = "P40"', f'predicate = "{joint.id}"', 1)
    with pytest.raises(BadInput, match="sum over departments"):
        load(tmp_path, text, kind="tax")


@pytest.mark.parametrize(
    ("where", "word", "line"),
    [
        ("P42", "", 17),
        ("P42", "bought", 20),
        ("P42", "nowhere", 17),
        ("roll", "", 7),
        ("roll", "name", 8),
        ("department", "", 2),
        ("P99", "", 0),
    ],
)
def test_lines(where: str, word: str, line: int) -> None:
    assert line_of(CATALOGUE, where, word) == line


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    write_records(folder / "records.sqlite", PEOPLE)
    return folder


P40_SQL = '"SELECT count(*) FROM vehicle WHERE owner = :key"'


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("FROM vehicle", "FROM vehicles", "CATALOGUE_TABLE_MISSING", "catalogue.toml:15 P40"),
        ("max(bought)", "max(bougth)", "CATALOGUE_COLUMN_MISSING", "catalogue.toml:20 P42"),
        (P40_SQL, '"DELETE FROM vehicle"', "CATALOGUE_WRITES", "P40"),
        (P40_SQL, '"UPDATE vehicle SET owner = :key"', "CATALOGUE_WRITES", "P40"),
        (P40_SQL, '"PRAGMA user_version = 3"', "CATALOGUE_WRITES", "P40"),
        (P40_SQL, "\"ATTACH 'x' AS y\"", "CATALOGUE_WRITES", "P40"),
        (P40_SQL, '"SELECT random() WHERE :key = 1"', "CATALOGUE_FUNCTION", "P40"),
        (P40_SQL, '"SELECT FROM"', "CATALOGUE_SQL", "P40"),
        (P40_SQL, '"SELECT 1, 2 WHERE :key = 1"', "CATALOGUE_SQL", "P40"),
        (P40_SQL, '"SELECT count(*) FROM vehicle"', "CATALOGUE_SQL", "P40"),
        (P40_SQL, '"SELECT 1 WHERE :key = :since"', "CATALOGUE_SQL", "P40"),
        (P40_SQL, '"SELECT 1 WHERE :key = :kye"', "CATALOGUE_SQL", "P40"),
        (P40_SQL, '"SELECT 1 WHERE :key = ?"', "CATALOGUE_SQL", "P40"),
        (P40_SQL, '"SELECT 1 WHERE :key = 1; SELECT 2"', "CATALOGUE_SQL", "P40"),
        ("SELECT id, name, id AS key", "SELECT id, name", "CATALOGUE_SQL", "catalogue.toml:7 roll"),
        ("FROM person", "FROM person WHERE id = :key", "CATALOGUE_SQL", "roll"),
        ("SELECT '2026-11-17'", "SELECT max(day) FROM no_log", "CATALOGUE_TABLE_MISSING", "as_of"),
    ],
)
def test_each_statement_is_held_to_the_records(
    tmp_path: Path, source: Path, old: str, new: str, code: str, place: str
) -> None:
    listed = load(tmp_path, changed(old, new))
    with SqliteRecords(source / "records.sqlite") as records:
        with pytest.raises(BadInput) as caught:
            checking.check(listed, records)
        assert caught.value.code == code
        assert place in str(caught.value.details["where"])


def test_all_faults_are_found_at_once(tmp_path: Path, source: Path) -> None:
    text = changed("FROM vehicle", "FROM vehicles").replace("max(bought)", "max(bougth)")
    with SqliteRecords(source / "records.sqlite") as records:
        found = list(checking.faults(load(tmp_path, text), records))
    assert [(f.where, f.error.code) for f in found] == [
        ("P40", "CATALOGUE_TABLE_MISSING"),
        ("P42", "CATALOGUE_COLUMN_MISSING"),
    ]


def test_a_good_catalogue_has_no_fault(tmp_path: Path, source: Path) -> None:
    with SqliteRecords(source / "records.sqlite") as records:
        checking.check(load(tmp_path, CATALOGUE), records)


def test_the_starter_is_a_catalogue_with_everything_off(tmp_path: Path) -> None:
    twin = twins.make(tmp_path / "f")
    folder = twin.folder / "public_security"
    party = parties.load(folder, PartyRole.NODE, NOW)
    assert not starter.write(folder, party, predicates.load())
    path = folder / "catalogue.toml"
    path.unlink()
    assert starter.write(folder, party, predicates.load())
    assert load(tmp_path, path.read_text("utf-8")).answers == {}
    keys = ("# [[answer]]", "# predicate", "# purposes", "# scope", "# sql")
    lines = path.read_text("utf-8").splitlines()
    on = "\n".join(line.removeprefix("# ") if line.startswith(keys) else line for line in lines)
    offered = {p.id for p in predicates.load().for_kind("public_security") if p.form not in JOINT}
    allowed = set(party.policy.rules) & offered
    with_purposes = on.replace("purposes = []", 'purposes = ["ENTRY"]')
    assert set(load(tmp_path, with_purposes).answers) == offered
    assert allowed
    assert all(len(line) <= 100 for line in lines)


def test_the_starter_does_not_hide_that_it_cannot_write(tmp_path: Path) -> None:
    twin = twins.make(tmp_path / "f")
    party = parties.load(twin.folder / "public_security", PartyRole.NODE, NOW)
    with pytest.raises(BadInput, match="FILE_UNWRITABLE"):
        starter.write(tmp_path / "nowhere", party, predicates.load())
