"""The database: migrations, durability settings, and what two processes may not do."""

from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from coordinator import config, migrations, schema
from coordinator.database import open_database, url_of
from federation import party
from federation.errors import BadInput, Unavailable
from tests.coordinator.town import Town, case_text


def test_the_migrations_end_at_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    database = open_database(url_of("", tmp_path))
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
    database.close()


def test_the_first_migration_can_be_undone(tmp_path: Path) -> None:
    database = open_database(url_of("", tmp_path))
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(migrations.__path__[0])))
    with database.writing() as connection:
        alembic.attributes["connection"] = connection
        command.downgrade(alembic, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    database.close()
    reopened = open_database(url_of("", tmp_path))
    with reopened.reading() as connection:
        assert set(schema.metadata.tables) < set(inspect(connection).get_table_names())
    reopened.close()


def test_opening_again_changes_nothing(town: Town) -> None:
    (case_id,) = town.ready()
    for _ in range(2):
        with town.desk() as desk:
            assert desk.case_ids() == [case_id]


def test_a_database_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    database = open_database(url_of("", tmp_path))
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(BadInput) as caught:
        open_database(url_of("", tmp_path))
    assert (caught.value.code, caught.value.details["version"]) == ("DATABASE_NEWER", "9999")


@pytest.mark.parametrize("url", ["nonsense", "oracle+nothing://x"])
def test_a_url_that_is_none_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        open_database(url)
    assert caught.value.code == "SETTINGS_INVALID"


def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        open_database(f"sqlite:///{tmp_path}/missing/coordinator.sqlite")
    assert caught.value.code == "DATABASE_UNAVAILABLE"


def test_a_file_that_is_no_database_is_unavailable_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "coordinator.sqlite"
    file.write_bytes(b"not a database, but somebody's file" * 100)
    with pytest.raises(Unavailable) as caught:
        open_database(url_of("", tmp_path))
    assert caught.value.code == "DATABASE_UNAVAILABLE"
    assert file.read_bytes().startswith(b"not a database")


def test_what_is_written_is_on_the_disk(tmp_path: Path) -> None:
    database = open_database(url_of("", tmp_path))
    with database.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    database.close()


def test_a_change_that_fails_half_way_leaves_nothing(town: Town) -> None:
    with town.database() as database:
        with pytest.raises(IntegrityError), database.writing() as connection:
            connection.execute(schema.serial.insert(), [{"series": "s", "last": 1}] * 2)
        with database.reading() as connection:
            assert connection.execute(schema.serial.select()).all() == []


def test_opening_cases_is_all_or_nothing(town: Town) -> None:
    with town.desk() as desk:
        case = desk.read(case_text().encode()).case
        nameless = replace(case.persons[0], name=None)  # type: ignore[arg-type]
        with pytest.raises(IntegrityError):
            desk.new([case, replace(case, persons=(nameless,))])
        assert desk.case_ids() == []
        assert desk.new([case]) == ["HD-790301-2026-0001"]


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    with party.lock(tmp_path), pytest.raises(BadInput) as caught:
        party.lock(tmp_path)
    assert caught.value.code == "DATA_FOLDER_IN_USE"


@pytest.mark.parametrize(
    "settings",
    [
        {"wokers": 3},
        {"workers": 0},
        {"workers": True},
        {"tries": "5"},
        {"database": 7},
        {"group": 1},
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object]) -> None:
    with pytest.raises(BadInput) as caught:
        config.parse(settings)
    assert caught.value.code == "SETTINGS_INVALID"
    assert f"coordinator.{next(iter(settings))}" in caught.value.details["why"]  # type: ignore[operator]


def test_settings_have_defaults_and_bounds() -> None:
    assert config.parse({}) == config.Settings()
    assert config.parse({"workers": 4, "database": "sqlite://"}).workers == 4
