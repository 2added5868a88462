"""Where the state lies: server and password, one process at a time, migrations, sealed cells."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select
from sqlalchemy.engine import make_url

from coordinator import config, migrations, schema, sealing_up, storage
from coordinator.asking.mandate_books import Filed, MandateBooks
from coordinator.casework.filed import ConsentStage
from coordinator.database import Database, open_database, url_of
from coordinator.desk import Disputed
from crypto.keys import SealCost
from federation import keyfile
from federation import party as parties
from federation.errors import BadInput, Unavailable
from federation.party import Party
from tests.coordinator import logged
from tests.coordinator.town import APPLICANT, WIFE, WIFE_TEXT, Town, case_text
from tests.support import servers
from tests.support import twin as twins

KEY = b"k" * 32
OTHER = b"o" * 32
_SCRIPTS = Config()
_SCRIPTS.set_main_option("script_location", str(Path(migrations.__path__[0])))
VERSIONS = [one.revision for one in ScriptDirectory.from_config(_SCRIPTS).walk_revisions()]


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fresh(backend: str, tmp_path: Path, server: None) -> str:
    """Give the URL of a database without a table."""
    return servers.create() if backend == "postgresql" else url_of("", tmp_path)


# -- the server


@pytest.fixture
def centre(tmp_path: Path) -> Party:
    return twins.make(tmp_path / "f").coordinator


def settings(**more: object) -> config.Settings:
    return config.parse(more)


def test_a_password_in_the_url_is_refused_and_told_to_nobody() -> None:
    url = "postgresql+psycopg://hedui:Geheim-17@db/hedui"
    with pytest.raises(BadInput) as caught:
        open_database(url)
    assert (caught.value.code, caught.value.details["why"]) == (
        "SETTINGS_INVALID",
        "coordinator.database",
    )
    assert "Geheim" not in f"{caught.value!r} {caught.value} {caught.value.__context__!r}"


@pytest.mark.parametrize("by", ["file", "variable"])
def test_the_password_comes_from_a_file_or_the_environment(
    centre: Party, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    given: dict[str, str] = {}

    def opening(_: str, **told: str) -> None:
        given.update(told)

    monkeypatch.setattr(storage, "open_database", opening)
    monkeypatch.setenv(storage.VARIABLE, "of the environment")
    chosen = settings(database="postgresql+psycopg://hedui@db/hedui")
    if by == "file":
        keyfile.write_private(centre.folder / "db.password", b"of the file\n")
        chosen = settings(database_password="db.password")
    storage.opened(centre, chosen)
    assert given["password"] == ("of the file" if by == "file" else "of the environment")
    assert given["password"] not in repr(chosen)


def test_a_password_file_that_others_can_read_is_refused(centre: Party) -> None:
    file = centre.folder / "db.password"
    file.write_text("x")
    file.chmod(0o644)
    with pytest.raises(BadInput) as caught:
        storage.opened(centre, settings(database_password="db.password"))
    assert caught.value.code == "KEY_FILE_OPEN"


def test_a_server_that_is_away_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        open_database(f"postgresql+psycopg://hedui@/hedui?host={tmp_path}")
    assert caught.value.code == "DATABASE_UNAVAILABLE"


def test_a_server_is_not_asked_to_be_quick_where_it_could_lose_something(server: None) -> None:
    url = servers.migrated()
    with servers.psql(url) as c:
        c.execute(f"ALTER DATABASE {make_url(url).database} SET synchronous_commit = off")
    with closing(open_database(url)) as database, database.reading() as connection:
        shown = connection.exec_driver_sql("SHOW synchronous_commit").scalar()
        level = connection.exec_driver_sql("SHOW transaction_isolation").scalar()
    assert (shown, level) == ("on", "repeatable read")


def test_a_servers_database_is_one_process_s_alone(server: None) -> None:
    url = servers.migrated()
    first = open_database(url, alone=True)
    with pytest.raises(BadInput) as caught:
        open_database(url, alone=True)
    assert caught.value.code == "DATABASE_IN_USE"
    first.close()
    open_database(url, alone=True).close()


# -- migrations


def assert_newest(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_from_every_version_the_migrations_end_at_the_newest_tables(
    fresh: str, version: str
) -> None:
    open_database(fresh, version=version).close()
    with closing(open_database(fresh)) as database:
        assert_newest(database)


def test_every_migration_can_be_undone(fresh: str) -> None:
    with closing(open_database(fresh)) as database, database.writing() as connection:
        _SCRIPTS.attributes["connection"] = connection
        command.downgrade(_SCRIPTS, "base")
    with closing(open_database(fresh)) as database:
        assert_newest(database)


def test_a_version_that_nobody_knows_is_refused(fresh: str) -> None:
    with pytest.raises(BadInput) as caught:
        open_database(fresh, version="9999")
    assert caught.value.code == "DATABASE_NEWER"


def declared(town: Town) -> str:
    """Open a case whose household declares what it has."""
    text = case_text(more=WIFE_TEXT).replace(
        'operator = "op-lin"', 'operator = "op-lin"\ndeclared_income = 1234567'
    )
    (case,) = town.ready(text)
    return case


def test_what_is_there_survives_the_exchange_of_its_columns(town: Town) -> None:
    case = declared(town)
    with town.desk() as desk:
        (before,) = desk.standing([case])
    with town.database() as database, database.writing() as connection:
        _SCRIPTS.attributes["connection"] = connection
        command.downgrade(_SCRIPTS, "0010")
    with town.desk() as desk:
        (after,) = desk.standing([case])
    assert after.filed == before.filed
    assert after.filed.case.declared_income == 1234567


# -- sealed cells


def raw(town: Town) -> str:
    """Read everything that stands in the tables about a person, as it stands there."""
    queries = (
        "SELECT id_number, name, signer FROM person",
        "SELECT declaration, declared_income FROM case_file",
        "SELECT token FROM token",
        "SELECT token FROM recheck",
        "SELECT ids FROM mandate_part",
    )
    if not town.url:
        with closing(sqlite3.connect(town.data / "coordinator.sqlite")) as c:
            return repr([c.execute(one).fetchall() for one in queries])
    with servers.psql(town.url) as c:
        return repr([c.execute(one).fetchall() for one in queries])


@pytest.fixture
def sealed(town: Town) -> Iterator[Town]:
    town.key = KEY
    yield town
    logged.settled(town)


def test_nothing_about_people_stands_plainly(sealed: Town) -> None:
    case = declared(sealed)
    held = raw(sealed)
    assert not [one for one in (APPLICANT, WIFE, "王甲", "李乙", "1234567", "eyJ") if one in held]
    with sealed.desk() as desk:
        assert not desk.run([case]).not_ready
        filed = desk.standing([case])[0].filed.case
    assert [one.id for one in filed.persons] == [APPLICANT, WIFE]
    assert (filed.persons[0].name, filed.declared_income) == ("王甲", 1234567)


def disputed(town: Town) -> str:
    """Have an objection recorded whose question nobody has answered yet, and a mandate filed."""
    (case,) = town.ready()
    with town.desk() as desk:
        desk.run([case])
    town.departments["tax"].script = [Unavailable("PEER_SLOW")] * 3
    with town.desk() as desk:
        desk.recheck(case, Disputed(place=0, predicate="P22"), bytes(32))
    one = Filed(
        id=b"m" * 16,
        document=b"",
        signed=False,
        salt=b"",
        size=2,
        round=1,
        created=town.clock.now(),
    )
    with town.database() as database:
        MandateBooks(database).add(one, [WIFE, APPLICANT])
    return case


def test_what_lies_in_mandates_and_objections_is_sealed_too(sealed: Town) -> None:
    case = disputed(sealed)
    held = raw(sealed)
    assert not [one for one in (APPLICANT, WIFE, "eyJ") if one in held]
    with sealed.database() as database:
        assert list(MandateBooks(database).parts(b"m" * 16)) == [(0, (WIFE, APPLICANT))]
    with sealed.desk() as desk:
        assert desk.run([case]).answered == 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # a server's files are its own
def test_what_an_earlier_release_left_plain_is_sealed_by_sealing_again(
    town: Town, tmp_path: Path
) -> None:
    case = disputed(town)
    town.key = KEY
    with town.database() as database:
        storage.set_state(database, storage.SEALED)  # as it said, of fewer columns
        assert sealing_up.plain(database) > 0
        assert sealing_up.seal_up(database, lambda *_: None) > 0
        assert (storage.state(database), sealing_up.plain(database)) == (storage.SEALED, 0)
        files = b"".join(one.read_bytes() for one in tmp_path.glob("coordinator.sqlite*"))
    assert APPLICANT.encode() not in files
    with town.desk() as desk:
        assert desk.run([case]).answered == 1


def test_equal_numbers_are_found_and_equal_names_are_not_seen(sealed: Town) -> None:
    sealed.ready(case_text(), case_text(commission="other"))
    with sealed.database() as database, database.reading() as connection:
        found = select(schema.person.c.case_id).where(schema.person.c.id_number == APPLICANT)
        assert len(connection.execute(found).all()) == 2
        names = connection.exec_driver_sql("SELECT name FROM person").all()
    assert len(set(names)) == 2


@pytest.mark.parametrize(("key", "code"), [(b"", "CASE_KEY_MISSING"), (OTHER, "CASE_KEY_WRONG")])
def test_without_the_key_nothing_is_read(town: Town, key: bytes, code: str) -> None:
    town.key = KEY
    case = declared(town)
    town.key = key
    with town.desk() as desk, pytest.raises(BadInput) as caught:
        desk.standing([case])
    assert caught.value.code == code


def test_a_cell_that_was_moved_does_not_open(town: Town) -> None:
    town.key = KEY
    declared(town)
    with town.database() as database:
        with database.writing() as connection:
            connection.exec_driver_sql("UPDATE person SET name = signer WHERE place = 1")
            connection.exec_driver_sql("UPDATE person SET name = id_number WHERE place = 0")
        with pytest.raises(BadInput) as caught, database.reading() as connection:
            connection.execute(select(schema.person)).all()
    assert (caught.value.code, caught.value.details["column"]) == ("CASE_KEY_WRONG", "person.name")


class Killed(BaseException):
    """The process is gone."""


def test_sealing_goes_on_where_it_was_killed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = town.ready(*[case_text(more=WIFE_TEXT, commission=f"c-{n}") for n in range(3)])
    monkeypatch.setattr(sealing_up, "AT_ONCE", 2)
    town.key, done = KEY, 0

    def kill(_: str, cells: int) -> None:
        nonlocal done
        done += cells
        raise Killed

    with town.database() as database:
        total = sealing_up.plain(database)
    for _ in range(4):
        with town.database() as database, pytest.raises(Killed):
            sealing_up.seal_up(database, kill)
        with town.database() as database:
            assert storage.state(database) == storage.UNDER_WAY
            assert sealing_up.plain(database) == total - done
    with town.database() as database:
        assert sealing_up.seal_up(database, lambda *_: None) == total - done
        assert sealing_up.seal_up(database, lambda *_: None) == 0
        assert (storage.state(database), sealing_up.plain(database)) == (storage.SEALED, 0)
    assert APPLICANT not in raw(town)
    with town.desk() as desk:
        assert not desk.run(cases).not_ready
        assert {one.stage for one in desk.standing(cases)} == {ConsentStage.READY}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # a server's files are its own
def test_what_was_plain_is_in_no_page_of_the_file_any_more(tmp_path: Path, town: Town) -> None:
    town.ready()
    town.key = KEY
    with town.database() as database:
        sealing_up.seal_up(database, lambda *_: None)
        files = [one.read_bytes() for one in tmp_path.glob("coordinator.sqlite*")]
    assert len(files) >= 2
    assert not [one for one in files if APPLICANT.encode() in one or "王甲".encode() in one]


def test_a_key_without_sealing_and_sealing_without_a_key_are_refused(centre: Party) -> None:
    database = storage.ready(centre, settings())
    storage.set_state(database, storage.SEALED)
    database.close()
    with pytest.raises(BadInput) as caught:
        storage.ready(centre, settings())
    assert caught.value.code == "CASE_KEY_MISSING"
    secret = parties.passphrase(centre.folder)
    cost = SealCost.MINIMAL
    keyfile.save(centre.folder / storage.KEY, KEY, secret, purpose=storage.PURPOSE, cost=cost)
    storage.ready(centre, settings()).close()
    database = storage.opened(centre, settings())
    storage.set_state(database, storage.UNDER_WAY)
    database.close()
    with pytest.raises(BadInput) as caught:
        storage.ready(centre, settings())
    assert caught.value.code == "SEALING_UNFINISHED"
