"""How an order comes to a node: here and now, through the tray, and after a kill."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from department_node import orders
from department_node.node import Node
from department_node.node_log import book
from department_node.orders import TRAY, Followed
from department_node.store import Store
from federation import party as parties
from federation.clock import FixedClock
from federation.errors import BadInput, Refused, Unavailable
from federation.manifest import PartyRole
from federation.party import Party
from tests.department_node import erasures
from tests.department_node.dying_eraser import POINTS
from tests.department_node.erasures import HERE, Office
from tests.support import twin as twins
from tests.support.twin import NOW, WITH_CAR, WITHOUT_CAR, Twin

ROOT = Path(__file__).parents[2]


@pytest.fixture
def twin(tmp_path: Path) -> Twin:
    return erasures.make(tmp_path / "f")


@contextmanager
def open_office(twin: Twin) -> Iterator[Office]:
    with twins.open_node(twin) as node:
        yield erasures.open_office(twin, node)


def asked(office: Office) -> bytes:
    """Ask about both, once each, and once together; end the one's consent and order its erasure."""
    for who in ((WITH_CAR,), (WITHOUT_CAR,), (WITH_CAR, WITHOUT_CAR)):
        office.answers(office.ask(*who))
    office.check()
    office.end(WITH_CAR)
    return office.order(WITH_CAR)


def party(twin: Twin) -> Party:
    return parties.load(twin.folder / HERE, PartyRole.NODE, NOW)


def follow(twin: Twin, order: bytes, patience: float = 10.0) -> Followed:
    return orders.follow(party(twin), order, FixedClock(NOW), patience)


@contextmanager
def attended(office: Office) -> Iterator[None]:
    """Empty the tray all the time, as a serving node does."""
    over = Event()

    def attend() -> None:
        while not over.wait(0.01):
            office.eraser.empty_tray()

    thread = Thread(target=attend)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_where_nobody_serves_the_command_follows_it_itself(twin: Twin) -> None:
    with open_office(twin) as office:
        order = asked(office)
    done = follow(twin, order)
    assert (done.tokens, done.emptied, done.shared) == (1, 1, 1)
    assert done.order.reason == "WITHDRAWN"
    with open_office(twin) as office:
        assert len(office.erased()) == 1
        office.check()


def test_a_serving_node_takes_it_from_the_tray(twin: Twin) -> None:
    with open_office(twin) as office:
        order = asked(office)
        with attended(office):
            done = follow(twin, order)
        assert (done.tokens, done.emptied, done.shared) == (1, 1, 1)
        assert list((office.node.party.data / TRAY).iterdir()) == []
        office.check()


def test_what_the_serving_node_says_of_it_is_told(twin: Twin) -> None:
    with open_office(twin) as office:
        office.answers(office.ask(WITH_CAR))
        with attended(office), pytest.raises(Refused, match="ERASURE_TOO_EARLY") as refused:
            follow(twin, office.order(WITH_CAR))
        assert refused.value.details == {"tokens": 1}
        assert list((office.node.party.data / TRAY).iterdir()) == []


def test_an_order_that_is_none_gets_nowhere(twin: Twin) -> None:
    with open_office(twin) as office:
        for wrong in (b"", b"{}", office.order(WITH_CAR, department="tax")):
            with pytest.raises(BadInput, match="ERASURE_INVALID"):
                follow(twin, wrong)
        assert not (office.node.party.data / TRAY).exists()
        tray = office.node.party.data / TRAY
        tray.mkdir()
        (tray / "x.json").write_bytes(b"{}")
        office.eraser.empty_tray()
        assert [one.name for one in tray.iterdir()] == ["x.refused"]


def test_what_nobody_takes_is_left_and_followed_later(twin: Twin) -> None:
    with open_office(twin) as office:
        order = asked(office)
        with pytest.raises(Unavailable, match="ERASURE_LEFT"):
            follow(twin, order, patience=0.0)
        assert office.erased() == set()
        office.eraser.empty_tray()
        assert len(office.erased()) == 1
        with pytest.raises(Unavailable, match="ERASURE_LEFT"):
            follow(twin, order, patience=0.0)
    assert follow(twin, order).emptied == 1
    assert list((twin.folder / HERE / "data" / TRAY).iterdir()) == []


def test_what_cannot_be_done_now_waits(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_office(twin) as office:
        order = asked(office)
        with pytest.raises(Unavailable):
            follow(twin, order, patience=0.0)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "scrub", lambda _: False)
            office.eraser.empty_tray()
        assert len(list((office.node.party.data / TRAY).glob("*.json"))) == 1
        office.eraser.empty_tray()
        assert list((office.node.party.data / TRAY).iterdir()) == []


def test_a_tray_that_cannot_be_written_is_said(twin: Twin) -> None:
    with open_office(twin) as office:
        (office.node.party.data / TRAY).write_text("no folder", "utf-8")
        with pytest.raises(BadInput, match="FILE_UNWRITABLE"):
            follow(twin, office.order(WITH_CAR))


def test_lists_that_cannot_be_believed_are_as_good_as_none(twin: Twin) -> None:
    with open_office(twin) as office:
        order = asked(office)
        (office.node.party.data / "status.json").write_bytes(b"{}")
    with pytest.raises(Refused, match="ERASURE_TOO_EARLY"):
        follow(twin, order)


@pytest.mark.parametrize("point", POINTS)
def test_killed_on_the_way_it_is_whole_or_not_there_and_goes_on(
    twin: Twin, tmp_path: Path, point: str
) -> None:
    with open_office(twin) as office:
        order = asked(office)
        token = office.people[WITH_CAR].token.split(b".")[1]
    path = tmp_path / "order.json"
    path.write_bytes(order)
    words = [str(twin.folder / HERE), str(path), point]
    died = subprocess.run(
        [sys.executable, "-m", "tests.department_node.dying_eraser", *words], cwd=ROOT, check=False
    )
    assert died.returncode == -signal.SIGKILL
    with open_office(twin) as office:
        office.check()
        tokens = len(office.rows("SELECT 1 FROM consent"))
        done = len(office.erased())
        assert (done, tokens) in {(0, 2), (1, 1)}
        assert (done == 1) == (point in {"after COMMIT", "before the journal is emptied"})
    assert follow(twin, order).emptied == 1
    files = (twin.folder / HERE / "data").glob("node.sqlite*")
    assert not any(token in file.read_bytes() for file in files)
    with open_office(twin) as office:
        office.check()
        assert len(office.erased()) == 1


def test_a_running_node_forgets_the_token_in_memory_too(twin: Twin) -> None:
    with open_office(twin) as office:
        office.answers(office.ask(WITH_CAR))
        jti = office.people[WITH_CAR].claims.jti
        known: Callable[[bytes], object] = office.answerer.consents._known.get
        assert known(jti)
        office.end(WITH_CAR)
        office.eraser.follow(office.order(WITH_CAR))
        assert known(jti) is None


def test_the_log_after_an_erasure_goes_on(twin: Twin) -> None:
    with open_office(twin) as office:
        office.eraser.follow(asked(office))
        size = book(office.node.store).size()
        office.answers(office.ask(WITHOUT_CAR))
        assert book(office.node.store).size() == size + 1
        office.check()


def test_a_node_that_is_started_follows_what_lies_in_its_tray(twin: Twin) -> None:
    with open_office(twin) as office:
        order = asked(office)
        with pytest.raises(Unavailable):
            follow(twin, order, patience=0.0)
    with twins.open_node(twin) as node:
        node.steward(node.answerer(), node.keeper()).round()
        assert _erased(node) == 1


def _erased(node: Node) -> int:
    sql = "SELECT count(*) FROM log WHERE record IS NULL"
    return int(node.store.reader.execute(sql).fetchone()[0])
