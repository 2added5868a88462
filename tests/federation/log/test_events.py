"""Events: one way to write them; tombstones name an order and rising rows."""

from pathlib import Path

import pytest

from federation.errors import PeerFault
from federation.log import events
from federation.log.events import Tombstone
from federation.strictjson import b64, dumps

ORDER = bytes(range(32))
STONE = Tombstone(at=5, order=ORDER, rows=(0, 7, 8))
RAW = {"at": 5, "kind": "tombstone", "order": b64(ORDER), "rows": [0, 7, 8]}


def test_the_bytes_of_an_event() -> None:
    record = events.write(7, "started", {"version": "1"})
    assert record == b'{"at":7,"kind":"started","version":"1"}'
    assert events.is_event(record)
    assert events.read(record) == {"at": 7, "kind": "started", "version": "1"}


def test_facts_do_not_displace_time_and_kind() -> None:
    assert events.write(7, "started", {"at": 1, "kind": "x"}) == b'{"at":7,"kind":"started"}'


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b"\x08\x01",
        b'{"at":7}',
        b'{"kind":"x"}',
        b'{"at":"7","kind":"x"}',
        b'{"at":true,"kind":"x"}',
        b'{"at":7,"kind":1}',
        b'{"kind":"x","at":7}',
        b'{"at":7, "kind":"x"}',
    ],
)
def test_what_is_no_event_is_refused(record: bytes) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        events.read(record)


def test_the_bytes_of_a_tombstone() -> None:
    record = events.write_tombstone(STONE)
    assert record == dumps(RAW)
    assert events.read_tombstone(record) == STONE


def test_the_page_shows_a_tombstone() -> None:
    page = (Path(__file__).parents[3] / "docs" / "protocol" / "log.md").read_text("utf-8")
    shown = events.write_tombstone(Tombstone(at=1_800_000_200, order=ORDER, rows=(0,)))
    assert f"\n{shown.decode()}\n" in page


def test_others_are_no_tombstones() -> None:
    assert events.read_tombstone(b"\x08\x01") is None
    assert events.read_tombstone(events.write(7, "started", {})) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": []},
        {"rows": [1, 1]},
        {"rows": [2, 1]},
        {"rows": [-1]},
        {"rows": ["1"]},
        {"rows": [True]},
        {"rows": "1"},
        {"order": b64(ORDER[1:])},
        {"order": "!"},
        {"more": 1},
    ],
)
def test_a_tombstone_of_another_shape_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        events.read_tombstone(dumps({**RAW, **changes}))
