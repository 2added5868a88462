"""The status list of a node: only newer, never from the future, and nothing ends the schedule."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from federation import keyfile, limits, status, status_keeper
from federation import party as parties
from federation.errors import HeduiError, PeerFault, Refused, Unavailable
from federation.manifest import PartyRole
from federation.party import Party
from federation.status import Status
from federation.status_keeper import FILE, Fetch, StatusKeeper, read_file
from tests.support import twin as twins
from tests.support.twin import NOW, Twin

URI = status.uri_of("registrar", "public_security")


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    return twins.make(tmp_path_factory.mktemp("federation") / "f")


@pytest.fixture
def party(twin: Twin) -> Party:
    twin.clock.seconds = NOW
    twin.states.clear()
    found = parties.load(twin.folder / "public_security", PartyRole.NODE, NOW)
    (found.data / FILE).unlink(missing_ok=True)
    return found


def keeper(twin: Twin, party: Party, fetch: Fetch | None = None) -> StatusKeeper:
    return StatusKeeper(party, fetch or twin.status_lists, twin.clock.now)


def test_a_list_is_kept_over_a_restart(twin: Twin, party: Party) -> None:
    twin.states[3] = Status.INVALID
    first = keeper(twin, party)
    assert first.current is None
    first.refresh()
    second = keeper(twin, party)
    assert second.current == first.current
    assert second.current is not None
    assert second.current.at(URI).at(3) is Status.INVALID
    assert (party.data / FILE).stat().st_mode & 0o077 == 0


def test_an_older_list_is_refused(twin: Twin, party: Party) -> None:
    old = twin.status_lists("public_security")
    twin.clock.seconds += 60
    twin.states[3] = Status.INVALID
    one = keeper(twin, party)
    one.refresh()
    newest = one.current
    one._fetch = lambda _: old
    with pytest.raises(PeerFault, match="STATUS_LIST_INVALID"):
        one.refresh()
    assert one.current is newest
    again = keeper(twin, party, lambda _: old)
    with pytest.raises(PeerFault, match="STATUS_LIST_INVALID"):
        again.refresh()
    assert again.current == newest
    assert old[0].decode() not in (party.data / FILE).read_text("utf-8")


@pytest.mark.parametrize("then", [Status.VALID, Status.SUSPENDED])
def test_a_newer_list_that_brings_a_revoked_token_back_is_refused(
    twin: Twin, party: Party, then: Status
) -> None:
    twin.states[3] = Status.INVALID
    one = keeper(twin, party)
    one.refresh()
    twin.clock.seconds += 60
    twin.states[3] = then
    with pytest.raises(PeerFault, match="STATUS_LIST_INVALID"):
        one.refresh()
    assert one.current is not None
    assert one.current.at(URI).at(3) is Status.INVALID


def test_a_suspension_may_be_lifted_and_may_become_final(twin: Twin, party: Party) -> None:
    one = keeper(twin, party)
    for state in (Status.SUSPENDED, Status.VALID, Status.SUSPENDED, Status.INVALID):
        twin.states[3] = state
        one.refresh()
        assert one.current is not None
        assert one.current.at(URI).at(3) is state


def in_series(twin: Twin, series: int) -> bytes:
    uri = status.uri_of("registrar", "public_security", series)
    return status.issue(uri, status.pack({}), twin.clock.now(), twin.registrar.key)


def test_all_lists_of_a_series_are_taken_over_or_none(twin: Twin, party: Party) -> None:
    one = keeper(twin, party, lambda _: {2: in_series(twin, 2), 3: in_series(twin, 3)})
    one.refresh()
    known = one.current
    assert known is not None
    names = [status.uri_of("registrar", "public_security", series) for series in (2, 3)]
    assert list(known.by_uri) == names
    assert keeper(twin, party).current == known
    for wrong in ({2: in_series(twin, 2), 3: in_series(twin, 2)}, {}):
        one._fetch = lambda _, wrong=wrong: wrong  # type: ignore[misc]
        with pytest.raises(PeerFault, match="STATUS_LIST_INVALID"):
            one.refresh()
        assert one.current is known
    one._fetch = lambda _: {3: in_series(twin, 3), 4: in_series(twin, 4)}
    one.refresh()
    assert one.current is not None
    with pytest.raises(Refused, match="CONSENT_INVALID"):
        one.current.at(names[0])


def test_a_list_of_the_same_second_may_say_more(twin: Twin, party: Party) -> None:
    one = keeper(twin, party)
    one.refresh()
    twin.states[3] = Status.INVALID
    one.refresh()
    assert one.current is not None
    assert one.current.at(URI).at(3) is Status.INVALID


def test_a_list_from_the_future_would_keep_out_all_later_ones(twin: Twin, party: Party) -> None:
    one = keeper(twin, party)
    one.refresh()
    twin.clock.seconds += limits.SKEW + 1
    ahead = twin.status_lists("public_security")
    twin.clock.seconds = NOW
    one._fetch = lambda _: ahead
    with pytest.raises(HeduiError, match="STATUS_LIST_INVALID"):
        one.refresh()
    twin.clock.seconds += 1
    one._fetch = twin.status_lists
    one.refresh()
    assert one.current is not None
    assert one.current.issued == NOW + 1


@pytest.mark.parametrize(
    "content", [b"", b"torn", b"a.b.c", b"\xff" * 100, b"[]", b"{}", b'{"0":"a.b.c"}', b'{"x":"a"}']
)
def test_a_torn_file_is_as_good_as_none(twin: Twin, party: Party, content: bytes) -> None:
    (party.data / FILE).write_bytes(content)
    one = keeper(twin, party)
    assert one.current is None
    one.refresh()
    assert one.current is not None


def test_another_departments_list_is_not_believed(twin: Twin, party: Party) -> None:
    one = keeper(twin, party, lambda _: twin.status_lists("tax"))
    with pytest.raises(HeduiError, match="STATUS_LIST_INVALID"):
        one.refresh()
    (party.data / FILE).write_text(f'{{"0":"{twin.status_list("tax").decode()}"}}', "utf-8")
    with pytest.raises(HeduiError, match="STATUS_LIST_INVALID"):
        read_file(party)
    assert keeper(twin, party).current is None


def test_another_key_is_not_believed(twin: Twin, party: Party) -> None:
    uri = status.uri_of("registrar", "public_security")
    forged = status.issue(uri, status.pack({}), NOW, twin.coordinator.key)
    with pytest.raises(HeduiError, match="STATUS_LIST_INVALID"):
        keeper(twin, party, lambda _: {0: forged}).refresh()


def test_a_full_disk_does_not_stop_revocation(
    twin: Twin, party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    one = keeper(twin, party)
    monkeypatch.setattr(keyfile, "write_private", full)
    twin.states[3] = Status.INVALID
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        one.refresh()
    assert one.current is not None
    assert one.current.at(URI).at(3) is Status.INVALID


class Script:
    """Fetches, or ticks, that fail as told and count."""

    def __init__(self, failures: int, then: Callable[[], dict[int, bytes]]) -> None:
        self.calls = 0
        self.enough = threading.Event()
        self._failures = failures
        self._then = then

    def __call__(self, *_: object) -> dict[int, bytes]:
        self.calls += 1
        if self.calls > self._failures + 1:
            self.enough.set()
        if self.calls <= self._failures:
            raise Unavailable("PEER_UNREACHABLE")
        return self._then()


def test_failing_fetches_and_ticks_do_not_end_the_schedule(
    twin: Twin, party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_keeper, "RETRY", 0.005)
    fetch = Script(3, lambda: twin.status_lists("public_security"))
    tick = Script(2, dict)
    one = keeper(twin, party, fetch)

    def ticking() -> None:
        tick()

    one.start(0.005, ticking)
    assert fetch.enough.wait(10)
    assert tick.enough.wait(10)
    one.stop()
    assert one.current is not None


def test_a_first_list_is_waited_for(
    twin: Twin, party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_keeper, "FIRST_RETRY", 0.001)
    fetch = Script(3, lambda: twin.status_lists("public_security"))
    one = keeper(twin, party, fetch)
    one.wait_first(10)
    assert one.current is not None
    assert fetch.calls == 4


def test_a_node_without_a_first_list_does_not_wait_for_ever(twin: Twin, party: Party) -> None:
    one = keeper(twin, party, Script(1_000_000, dict))
    one.wait_first(0.01)
    assert one.current is None
