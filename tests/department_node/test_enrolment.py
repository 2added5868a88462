"""Enrolment: nobody is forgotten, nothing is asked twice, no lie is believed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Lock
from time import sleep

import pytest

from crypto import oprf
from department_node.enrolment import JUMP, Enrolment, Tally, Terms
from department_node.records import SqliteRecords
from department_node.store import Store
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.errors import BadInput, PeerFault, Refused, Unavailable
from tests.department_node.rolls import (
    EPOCH,
    FakeRegistrar,
    Row,
    listed,
    people,
    person_id,
    stranger,
    write_roll,
)


class Killed(BaseException):
    """The process is gone."""


class Town:
    """A register, a node's store and a registrar, and what an enrolment makes of them."""

    def __init__(self, folder: Path, rows: list[Row], *, names: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "records.sqlite"
        self.store = Store(folder)
        self.registrar = FakeRegistrar()
        self.names = names
        write_roll(self.path, rows)

    def enrol(
        self,
        rows: list[Row] | None = None,
        *,
        epoch: int = EPOCH,
        see: list[int] | None = None,
        workers: int = 1,
    ) -> Tally:
        if rows is not None:
            write_roll(self.path, rows)
        catalogue = listed(self.path, names=self.names)
        with SqliteRecords(self.path) as records:
            run = Enrolment(
                catalogue=catalogue,
                records=records,
                store=self.store,
                registrar=self.registrar,
                terms=Terms(
                    epoch=epoch,
                    public_key=FakeRegistrar().evaluator.public_key,
                    workers=workers,
                ),
            )
            done = see if see is not None else []
            return run.run(lambda t: done.append(t.known + t.enrolled + sum(t.rejected.values())))

    def key_of(self, person: str) -> str | None:
        found = self.store.person(self.registrar.psn(person))
        return found.key if found else None

    def holds(self, rows: list[Row]) -> None:
        """Hold the store to exactly these people."""
        assert {self.key_of(str(i)) for i, _, _ in rows} == {key for _, _, key in rows}
        assert self.store.enrolled(EPOCH) == len(rows)
        if self.names:
            for person, name, _ in rows:
                found = self.store.person(self.registrar.psn(str(person)))
                assert found is not None
                wanted = self.registrar.name_psn(str(person), name) if name else b""
                assert found.name == wanted


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Callable[..., Town]]:
    opened: list[Town] = []

    def make(rows: list[Row], *, names: bool = False) -> Town:
        opened.append(Town(tmp_path / str(len(opened)), rows, names=names))
        return opened[-1]

    yield make
    for one in opened:
        one.store.close()


Make = Callable[..., Town]


def test_a_roll_of_2500_in_batches(town: Make) -> None:
    rows = people(2_500)
    one = town(rows)
    seen: list[int] = []
    tally = one.enrol(see=seen)
    assert (tally.total, tally.enrolled, tally.known, tally.left) == (2_500, 2_500, 0, 0)
    assert sorted(len(b.elements) for b in one.registrar.asked) == [452, 1_024, 1_024]
    assert sorted(b.batch_no for b in one.registrar.asked) == [1, 2, 3]
    assert {(b.tag, b.epoch, b.roll) for b in one.registrar.asked} == {("id", EPOCH, 2_500)}
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 2_500)
    one.holds(rows)


def test_the_registrar_sees_nothing_but_blinded_elements(town: Make) -> None:
    rows = people(20)
    one, other = town(rows), town(rows)
    one.enrol()
    other.enrol()
    (first,), (second,) = one.registrar.asked, other.registrar.asked
    assert not set(first.elements) & set(second.elements)
    assert first.commitment != second.commitment
    psns = {one.registrar.psn(str(i)) for i, _, _ in rows}
    assert not set(first.elements) & psns


def test_a_second_run_asks_for_nobody(town: Make) -> None:
    one = town(people(5), names=True)
    one.enrol()
    asked = len(one.registrar.asked)
    tally = one.enrol()
    assert (tally.known, tally.enrolled) == (5, 0)
    assert len(one.registrar.asked) == asked


def test_an_incremental_run_asks_only_for_new_people(town: Make) -> None:
    one = town(people(1_500))
    one.enrol()
    rows = people(1_503)
    tally = one.enrol(rows)
    assert (tally.known, tally.enrolled) == (1_500, 3)
    assert len(one.registrar.asked[-1].elements) == 3
    one.holds(rows)


def test_names_are_a_second_tag(town: Make) -> None:
    rows: list[Row] = [*people(3), (person_id(9), None, "k9")]
    one = town(rows, names=True)
    one.enrol()
    assert [(b.tag, len(b.elements)) for b in one.registrar.asked] == [("id", 4), ("name", 3)]
    one.holds(rows)


def test_a_changed_name_costs_no_id(town: Make) -> None:
    one = town(people(3), names=True)
    one.enrol()
    rows = people(3)
    rows[1] = (person_id(1), "李改", "k1")
    tally = one.enrol(rows)
    assert (tally.known, tally.enrolled) == (2, 1)
    assert [(b.tag, len(b.elements)) for b in one.registrar.asked[2:]] == [("name", 1)]
    one.holds(rows)


def test_a_catalogue_that_begins_to_compare_names_costs_no_id(town: Make) -> None:
    rows = people(3)
    one = town(rows)
    one.enrol()
    one.names = True
    one.enrol()
    assert [(b.tag, len(b.elements)) for b in one.registrar.asked] == [("id", 3), ("name", 3)]
    one.holds(rows)


def test_a_changed_id_is_enrolled_anew_and_the_old_one_is_unknown(town: Make) -> None:
    one = town(people(3), names=True)
    one.enrol()
    rows = people(3)
    rows[1] = (person_id(40), "王1", "k1")
    tally = one.enrol(rows)
    assert (tally.known, tally.enrolled) == (2, 1)
    assert one.key_of(person_id(1)) is None
    one.holds(rows)


def test_a_changed_id_is_forgotten_in_the_year_before_too(town: Make) -> None:
    one = town(people(2))
    one.enrol(epoch=EPOCH - 1)
    old = one.registrar.psn(person_id(1))
    one.registrar.seen.clear()
    assert one.store.person(old) is not None
    one.enrol([people(1)[0], (person_id(40), "王1", "k1")])
    assert one.store.person(old) is None


def test_swapped_keys_stay_with_their_people(town: Make) -> None:
    one = town(people(2))
    one.enrol()
    rows: list[Row] = [(person_id(0), "王0", "k1"), (person_id(1), "王1", "k0")]
    one.enrol(rows)
    one.holds(rows)


def test_who_leaves_the_roll_is_absent_and_comes_back_for_nothing(town: Make) -> None:
    one = town(people(5))
    one.enrol()
    tally = one.enrol(people(3))
    assert (tally.left, tally.known) == (2, 3)
    one.holds(people(3))
    assert one.key_of(person_id(4)) is None
    asked = one.registrar.elements
    tally = one.enrol(people(5))
    assert (tally.left, tally.known, tally.enrolled) == (0, 5, 0)
    assert one.registrar.elements == asked
    one.holds(people(5))


def test_an_empty_roll_is_a_fault_and_forgets_nobody(town: Make) -> None:
    one = town(people(5))
    one.enrol()
    with pytest.raises(BadInput, match="ROLL_EMPTY"):
        one.enrol([])
    one.holds(people(5))
    assert one.registrar.elements == 5


def test_who_has_left_is_still_known_as_a_relative(town: Make) -> None:
    one = town(people(2))
    one.enrol()
    one.enrol(people(1))
    assert one.store.pseudonyms("k1") == (one.registrar.psn(person_id(1)),)


def test_rejects_are_counted_and_do_not_stop_the_rest(town: Make) -> None:
    rows: list[Row] = [*people(3), ("12345", "王", "k8"), (person_id(0), "王", "k9")]
    one = town(rows)
    tally = one.enrol()
    assert tally.enrolled == 3
    assert dict(tally.rejected) == {"ID_LENGTH": 1, "ROLL_DUPLICATE": 1}
    one.holds(people(3))
    assert one.enrol().enrolled == 0


@pytest.mark.parametrize(
    "lie",
    [
        lambda r: replace(r, proof=bytes(64)),
        lambda r: replace(r, proof=r.proof[:32]),
        lambda r: replace(r, elements=r.elements[::-1]),
        lambda r: replace(r, elements=r.elements[:-1]),
        lambda r: replace(r, elements=(*r.elements, r.elements[0])),
        lambda r: replace(r, elements=(bytes(32), *r.elements[1:])),
        lambda r: replace(r, elements=(b"\xff" * 32, *r.elements[1:])),
    ],
)
def test_a_lying_registrar_enrols_nobody(
    town: Make, lie: Callable[[BlindEvaluation], BlindEvaluation]
) -> None:
    one = town(people(4))
    one.registrar.lie = lie
    with pytest.raises(PeerFault, match="ENROLMENT_PROOF"):
        one.enrol()
    assert one.store.enrolled(EPOCH) == 0
    one.registrar.lie = None
    assert one.enrol().resumed == 4
    one.holds(people(4))


def test_another_key_than_the_published_one_is_a_lie(town: Make) -> None:
    one = town(people(4))
    one.registrar.evaluator = stranger()
    with pytest.raises(PeerFault, match="ENROLMENT_PROOF"):
        one.enrol()


@contextmanager
def killing(one: Town, at: int) -> Iterator[list[str]]:
    """End the process at the ``at``-th boundary between writing, asking and writing."""
    passed: list[str] = []

    def boundary(name: str) -> None:
        passed.append(name)
        if len(passed) > at:
            raise Killed

    def around(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def do(*args: object, **more: object) -> object:
            boundary(f"before {name}")
            result = call(*args, **more)
            boundary(f"after {name}")
            return result

        return do

    patches = [
        (one.store, "begin_batch"),
        (one.registrar, "evaluate"),
        (one.store, "finish_batch"),
        (one.store, "mark_present"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in patches:
            patch.setattr(owner, name, around(name, getattr(owner, name)))
        yield passed


def boundaries() -> int:
    """Count the boundaries of the enrolment below: two batches of two tags, then the leaving."""
    return 2 * (2 + 4 + 2) + 4


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("at", range(boundaries()))
def test_a_kill_at_any_step_loses_nobody(
    tmp_path: Path, at: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("department_node.enrolment.BATCH", 3)
    rows = people(5)
    one = Town(tmp_path / "t", rows, names=True)
    with killing(one, at) as passed, pytest.raises(Killed):
        one.enrol(workers=workers)
    assert len(passed) > at  # every batch that is under way stops at its next step
    one.store.close()
    one.store = Store(tmp_path / "t")
    one.enrol()
    one.holds(rows)
    assert one.registrar.elements == 10  # FakeRegistrar refuses a number with other elements
    one.store.close()


def test_an_undisturbed_run_has_no_more_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("department_node.enrolment.BATCH", 3)
    one = Town(tmp_path / "t", people(5), names=True)
    with killing(one, 1_000) as passed:
        one.enrol()
    assert len(passed) == boundaries()
    one.store.close()


class Crowd:
    """Counts who is inside at the same time; ``wanted`` of them wait for each other."""

    def __init__(self, wanted: int = 1) -> None:
        self.most = 0
        self._inside = 0
        self._lock = Lock()
        self._meeting = Barrier(wanted, timeout=10)

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        self._meeting.wait()
        sleep(0.002)
        with self._lock:
            self._inside -= 1


def test_a_batch_is_worked_on_while_another_is_with_the_registrar(
    town: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("department_node.enrolment.BATCH", 3)
    crowd = Crowd(wanted=2)

    class Slow(FakeRegistrar):
        def evaluate(self, batch: BlindBatch) -> BlindEvaluation:
            crowd.enter()
            return super().evaluate(batch)

    one = town(people(12))
    one.registrar = Slow()
    one.enrol(workers=1)
    assert crowd.most in {2, 3}
    one.holds(people(12))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_as_many_batches_are_worked_on_as_there_are_workers(
    town: Make, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr("department_node.enrolment.BATCH", 2)
    crowd = Crowd(wanted=workers)
    blind = oprf.blind

    def blind_in_company(inputs: Sequence[bytes], blinds: Sequence[bytes]) -> list[bytes]:
        crowd.enter()
        return blind(inputs, blinds)

    monkeypatch.setattr(oprf, "blind", blind_in_company)
    one = town(people(24))
    one.enrol(workers=workers)
    assert crowd.most == workers
    one.holds(people(24))


def test_a_lie_about_one_batch_costs_the_others_nothing(
    town: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("department_node.enrolment.BATCH", 3)
    one = town(people(9))
    one.registrar.lie = lambda r: replace(r, proof=bytes(64)) if len(r.elements) == 2 else r
    with pytest.raises(PeerFault, match="ENROLMENT_PROOF"):
        one.enrol(people(8), workers=2)
    assert one.store.enrolled(EPOCH) == 6
    one.registrar.lie = None
    tally = one.enrol(people(8))
    assert (tally.resumed, tally.known, tally.enrolled) == (2, 8, 2)
    assert one.registrar.elements == 8
    one.holds(people(8))


class Unreachable(FakeRegistrar):
    """A registrar that evaluates and then cannot be heard."""

    def evaluate(self, batch: BlindBatch) -> BlindEvaluation:
        super().evaluate(batch)
        raise Unavailable("PEER_UNREACHABLE")


def broken_off(one: Town) -> None:
    """Begin a batch that the registrar evaluates and the node does not hear of."""
    one.registrar = Unreachable()
    with pytest.raises(Unavailable):
        one.enrol()
    one.registrar = FakeRegistrar(asked=one.registrar.asked, seen=one.registrar.seen)


def test_the_same_batch_is_sent_again_with_the_same_elements(town: Make) -> None:
    one = town(people(4))
    broken_off(one)
    tally = one.enrol()
    first, second = one.registrar.asked
    assert first == second
    assert (tally.resumed, tally.enrolled, tally.known) == (4, 4, 4)
    one.holds(people(4))


def test_a_batch_is_sent_again_even_if_the_roll_has_changed(town: Make) -> None:
    """Its people change meanwhile: one renamed, one renumbered, one gone, one new."""
    one = town(people(4), names=True)
    broken_off(one)
    rows: list[Row] = [
        people(1)[0],
        (person_id(1), "李改", "k1"),
        (person_id(40), "王2", "k2"),
        (person_id(5), "王5", "k5"),
    ]
    tally = one.enrol(rows)
    assert one.registrar.asked[1].elements == one.registrar.asked[0].elements
    assert tally.resumed == 1
    one.holds(rows)
    # The people of the batch that are as they were cost nothing again: ids 4 + 3, names 4 + 3.
    assert one.registrar.elements == 14


def test_a_restored_backup_does_not_block_enrolment(town: Make) -> None:
    """The registrar knows batches that this store has forgotten; a new number goes beyond them."""
    one, before = town(people(3)), town(people(3))
    before.registrar = one.registrar
    before.enrol()
    tally = one.enrol()
    assert tally.enrolled == 3
    assert [b.batch_no for b in one.registrar.asked] == [1, 1, 1 + JUMP]
    one.holds(people(3))
    one.enrol(people(4))
    assert one.registrar.asked[-1].batch_no == 2 + JUMP


def test_a_batch_given_up_after_a_restore_is_enrolled_anew(town: Make) -> None:
    one = town(people(3))
    broken_off(one)
    one.registrar.seen = {("id", 1): (bytes(32),)}
    assert one.enrol().enrolled == 3
    assert one.store.pending_batches(EPOCH) == []
    one.holds(people(3))


def test_a_registrar_that_never_takes_a_batch_is_believed_the_second_time(town: Make) -> None:
    class Stubborn(FakeRegistrar):
        def evaluate(self, batch: BlindBatch) -> BlindEvaluation:
            raise Refused("BATCH_CHANGED")

    one = town(people(3))
    one.registrar = Stubborn()
    with pytest.raises(Refused, match="BATCH_CHANGED"):
        one.enrol()


def test_what_the_registrar_refuses_is_passed_on(town: Make) -> None:
    class Full(FakeRegistrar):
        def evaluate(self, batch: BlindBatch) -> BlindEvaluation:
            raise Refused("QUOTA_EXCEEDED")

    one = town(people(3))
    one.registrar = Full()
    for _ in range(2):
        with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
            one.enrol()
    one.registrar = FakeRegistrar()
    one.enrol()
    one.holds(people(3))


def test_finished_batches_keep_what_an_audit_needs_and_no_more(town: Make) -> None:
    one = town(people(3), names=True)
    one.enrol()
    rows = one.store.writer.write(
        lambda c: c.execute("SELECT people, ids, names, done FROM enrolment").fetchall()
    )
    (stored,) = rows
    assert "k2" in stored[0]
    assert person_id(1) not in stored[0]
    assert stored[1:] == (b"", b"", 1)
