"""What stands in the registrar's file, and what happens when it cannot be written."""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from federation.consenting import ConsentState
from federation.errors import BadInput, Refused, Unavailable
from federation.status import Status
from registrar import consents
from registrar.journal import Asked
from registrar.store import Store
from registrar.tokens import Issued
from registrar.transaction import Transaction
from tests.registrar.town import FAR, FATHER, NOW, Town, a_form


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "r.sqlite")
    yield store
    store.close()


def put(store: Store, number: str = "20261118-000001") -> consents.Consent:
    consent = consents.first(number, "coordinator", consents.canonical(a_form()), NOW)
    with store.write() as tx:
        tx.add(consent, NOW)
    return consent


def test_a_consent_comes_back_as_it_was_stored(store: Store) -> None:
    consent = put(store)
    with store.read() as view:
        assert view.by_number(consent.consent_no) == consent
        assert view.own("coordinator", consent.consent_no) == consent
        assert view.by_reference("coordinator", consent.form.reference) == consent
        assert view.by_reference("stranger", consent.form.reference) is None
        assert view.by_number("20261118-000002") is None


def test_numbers_count_up_within_a_day(store: Store) -> None:
    put(store, "20261118-000041")
    put(store, "20261119-000007")
    with store.write() as tx:
        assert tx.next_number("20261118") == "20261118-000042"
        assert tx.next_number("20261120") == "20261120-000001"
    put(store, "20261118-999999")
    with store.write() as tx, pytest.raises(Unavailable, match="CONSENT_NUMBERS_FULL"):
        tx.next_number("20261118")


def test_a_failed_block_leaves_nothing(store: Store) -> None:
    consent = consents.first("n", "coordinator", a_form(), NOW)

    def fail() -> None:
        with store.write() as tx:
            tx.add(consent, NOW)
            raise Refused("CONSENT_CHANGED")

    with pytest.raises(Refused):
        fail()
    with store.read() as view:
        assert view.numbers() == []
    put(store)


def test_a_full_disk_is_named_and_leaves_nothing(store: Store) -> None:
    (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
    store._writer.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for i in range(100):
            put(store, f"20261118-{i:06}")

    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        fill()
    with store.read() as view:
        stored = view.numbers()
    store._writer.execute("PRAGMA max_page_count = 100000")
    assert len(stored) < 100
    put(store, f"20261118-{len(stored):06}")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        Store(tmp_path / "r.sqlite")


def test_a_file_of_another_release_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """Before sums a request had no declared total, nor had anybody a reference."""
    path = tmp_path / "r.sqlite"
    Store(path).close()
    with closing(sqlite3.connect(path)) as older:
        older.execute("ALTER TABLE grant_request DROP COLUMN declared")
        older.execute("DROP TABLE sum_ref")
        before = list(older.execute("SELECT sql FROM sqlite_schema"))
    with pytest.raises(BadInput, match="REGISTRAR_DATABASE_VERSION"):
        Store(path)
    with closing(sqlite3.connect(path)) as older:
        assert list(older.execute("SELECT sql FROM sqlite_schema")) == before


BY_REGISTRAR = Asked(by="registrar", at=NOW)


def states(store: Store, department: str, series: int = 0) -> dict[int, Status]:
    with store.read() as view:
        return view.entries.states(department, series)


def put_token(tx: Transaction, consent: consents.Consent) -> tuple[int, int]:
    series, index = tx.entries.draw("tax", FAR, os.urandom)
    token = Issued(
        person=0,
        department="tax",
        jti=os.urandom(16),
        chain=bytes(16),
        series=series,
        status_index=index,
        evidence_salt=bytes(16),
        holder=bytes(32),
        expires=FAR,
        token=b"t",
    )
    tx.issued.add(consent.consent_no, [token], NOW, number=1)
    return series, index


def test_revoking_ends_the_tokens_of_that_consent_only(store: Store) -> None:
    first, second = put(store, "a"), put(store, "b")
    with store.write() as tx:
        index = dict([put_token(tx, consent)[::-1] for consent in (first, second)][:1])
        tx.revoke(first, BY_REGISTRAR)
        revoked = tx.by_number("a")
    assert revoked is not None
    assert revoked.state is ConsentState.REVOKED
    assert states(store, "tax") == dict.fromkeys(index, Status.INVALID)
    assert states(store, "housing") == {}


def test_a_revoked_entry_never_changes_again(store: Store) -> None:
    consent = put(store)
    with store.write() as tx:
        series, index = put_token(tx, consent)
        tx.revoke(consent, BY_REGISTRAR)
        for after in (Status.VALID, Status.SUSPENDED):
            with pytest.raises(sqlite3.IntegrityError, match="revoked is final"):
                tx.entries.move(consent.origin, after)
        tx.suspend(consent, BY_REGISTRAR)
        tx.resume(consent, BY_REGISTRAR)
    assert states(store, "tax", series) == {index: Status.INVALID}


def test_a_consent_rests_until_nobody_suspends_it(store: Store) -> None:
    consent = put(store)
    with store.write() as tx:
        series, index = put_token(tx, consent)
        for party in ("registrar", "coordinator", "coordinator"):
            tx.suspend(consent, Asked(by=party, at=NOW))
        suspended = tx.by_number(consent.consent_no)
        assert suspended is not None
        assert suspended.state is ConsentState.SUSPENDED
        tx.resume(consent, Asked(by="coordinator", at=NOW))
        assert tx.entries.states("tax", series) == {index: Status.SUSPENDED}
        tx.resume(consent, BY_REGISTRAR)
        assert tx.entries.states("tax", series) == {}
        assert tx.by_number(consent.consent_no) == consent


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_only_the_owner_reads_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    connect = sqlite3.connect

    def looking(path: Path | str, **how: object) -> sqlite3.Connection:
        if isinstance(path, Path):  # and not in memory
            seen.append(stat.S_IMODE(path.stat().st_mode))
        return connect(path, **how)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3, "connect", looking)
    store = Store(tmp_path / "r.sqlite")
    put(store)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    store.close()
    assert modes == {"r.sqlite": 0o600, "r.sqlite-wal": 0o600, "r.sqlite-shm": 0o600}
    assert set(seen) == {0o600}


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    Store(tmp_path / "r.sqlite").close()
    (tmp_path / "r.sqlite").chmod(0o644)
    Store(tmp_path / "r.sqlite").close()
    assert stat.S_IMODE((tmp_path / "r.sqlite").stat().st_mode) == 0o600


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        Store(tmp_path / "nowhere" / "r.sqlite")


def test_a_paper_is_found_on_other_consents_only(store: Store) -> None:
    first, second = put(store, "a"), put(store, "b")
    with store.write() as tx:
        assert tx.elsewhere(first.form.persons[0].evidence, "a") == []
        assert tx.elsewhere(first.form.persons[0].evidence, "b") == [False]
        tx.revoke(first, BY_REGISTRAR)
        assert tx.elsewhere(first.form.persons[0].evidence, "b") == [True]
        assert tx.elsewhere(second.form.persons[0].evidence, "a") == [False]
        assert tx.elsewhere(bytes(32), "a") == []


def test_a_paper_is_found_without_reading_every_person(store: Store) -> None:
    plan = plan_of(store, lambda view: view.elsewhere(bytes(32), "a"))
    assert not any("SCAN person" in step or "SCAN objection" in step for step in plan)


def plan_of(store: Store, ask: Callable[[Transaction], object]) -> list[str]:
    statements: list[str] = []
    with store.read() as view:
        view._sql.set_trace_callback(statements.append)
        ask(view)
        view._sql.set_trace_callback(None)
        return [row[-1] for row in view._sql.execute(f"EXPLAIN QUERY PLAN {statements[0]}")]


def test_nothing_is_found_by_reading_everything(store: Store) -> None:
    consent = put(store)
    for ask in (
        lambda view: view.of_household(consent),
        lambda view: view.issued.newest(consent.consent_no),
        lambda view: view.issued.chains(consent.origin),
        lambda view: view.issued.objection(FATHER, "P40", 2026),
        lambda view: view.issued.of_objection(1),
        lambda view: view.entries.listing("tax", 0, NOW),
    ):
        plan = plan_of(store, ask)
        assert not any("SCAN" in step or step == "SEARCH token" for step in plan), plan


def test_growths_of_rolls_are_kept_in_their_order(store: Store) -> None:
    with store.write() as tx:
        assert tx.rolls.largest("tax", 2026) == 0
        tx.rolls.grow("tax", 2026, 20, NOW)
        tx.rolls.grow("tax", 2026, 100, NOW + 1)
        tx.rolls.grow("housing", 2027, 5, NOW + 2)
        assert (tx.rolls.largest("tax", 2026), tx.rolls.largest("tax", 2027)) == (100, 0)
        rows = [(one.department, one.epoch, one.roll, one.declared) for one in tx.rolls.growths()]
    assert rows == [
        ("housing", 2027, 5, NOW + 2),
        ("tax", 2026, 20, NOW),
        ("tax", 2026, 100, NOW + 1),
    ]


def test_answers_wait_for_the_disk(store: Store) -> None:
    assert store._writer.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_identities_stand_in_one_table_only(town: Town) -> None:
    issued = town.issued(a_form())
    assert issued.tokens
    with sqlite3.connect(town.registrar.data / "registrar.sqlite") as c:
        tables = [
            name for (name,) in c.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        told = {
            table
            for table in tables
            for row in c.execute(f"SELECT * FROM {table}")
            for value in row
            if "790301" in (value if isinstance(value, str) else "")
            or b"790301" in (value if isinstance(value, bytes) else b"")
        }
    c.close()
    assert told == {"person"}
