"""Contributions over real sockets: a share is true, ways around it fail, kills make no second one.

And what may not be anywhere is nowhere: no amount, no mask and no key of masks in database, log,
messages or on the screen.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crypto import masks
from department_node.cli import app
from department_node.node import PAUSED, Node
from federation import changes, founding
from federation import party as parties
from federation.ceremony import Home
from federation.clock import SystemClock
from federation.errors import HeduiError
from federation.exchange import CONTRIBUTE, Purpose
from federation.manifest import Manifest, PartyRole
from federation.status import Status
from federation.wire import codec, signed
from federation.wire.channel import Peers
from federation.wire.registrar_client import RegistrarClient
from federation.wire.sum_messages import Contribution
from tests.department_node.dying_contributor import KEPT, LOST, OPEN
from tests.support import joint
from tests.support.founder import amend
from tests.support.joint import HIGH, LOW, POOR, RICH, TAX, WAGES, Said, Slot, Town
from tests.support.sums import MONTH, NOW

ROOT = Path(__file__).parents[2]
BOTH = sum(WAGES[POOR]) + sum(WAGES[RICH])


class Room:
    """A running department, and what a coordinator asks of it."""

    def __init__(self, town: Town, node: Node, peers: Peers) -> None:
        self.town, self.node, self.peers = town, node, peers

    def send(self, request: bytes) -> bytes:
        entry = self.town.coordinator.manifest.party(TAX)
        return self.peers.call(entry, CONTRIBUTE, request, timeout=20)

    def ask(self, request: bytes) -> Said:
        return self.town.read(request, self.send(request))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with joint.running(tmp_path_factory.mktemp("contribute") / "f") as (town, node, peers):
        yield Room(town, node, peers)


def test_a_household_s_share_is_true_and_one_for_all_rungs(room: Room) -> None:
    slots = room.town.household(POOR, RICH)
    low, high = room.ask(room.town.asked(slots)), room.ask(room.town.asked(slots, HIGH, known=True))
    assert (low.code, high.code) == ("CONTRIBUTED", "CONTRIBUTED")
    assert low.share == high.share
    assert low.share is not None
    assert room.town.opened(low.share) == BOTH


def test_the_pool_is_filled_while_the_department_serves(room: Room) -> None:
    for _ in range(4):  # more than wait in it
        assert room.ask(room.town.asked(room.town.household(RICH))).code == "CONTRIBUTED"


def test_the_same_request_gets_the_same_bytes_and_its_id_nothing_else(room: Room) -> None:
    slots, qid = room.town.household(POOR, RICH), os.urandom(16)
    request = room.town.asked(slots, header={"qid": qid})
    reply = room.send(request)
    logged = joint.rows(room.town, "SELECT count(*) FROM log WHERE record LIKE '%Contribute%'")
    assert room.send(request) == reply
    assert logged == joint.rows(
        room.town, "SELECT count(*) FROM log WHERE record LIKE '%Contribute%'"
    )
    with pytest.raises(HeduiError, match="REPLAYED"):
        room.send(room.town.asked(slots, HIGH, header={"qid": qid}))


def whole(town: Town, **more: Any) -> list[Slot]:
    return town.household(POOR, RICH, **more)


def part(town: Town) -> bytes:
    return town.asked(whole(town)[:1])


def repeated(town: Town) -> bytes:
    first, _ = whole(town)
    return town.asked([first, first])


def turned(town: Town) -> bytes:
    return town.asked(whole(town)[::-1])


def mixed(town: Town) -> bytes:
    return town.asked([whole(town)[0], whole(town)[1]])


def other_rung(town: Town) -> bytes:
    return town.asked(whole(town, rungs=[LOW]), HIGH)


def no_rung(town: Town) -> bytes:
    return town.asked(whole(town, rungs=["income-99s"]), "income-99s")


def before_its_time(town: Town) -> bytes:
    return town.asked(whole(town), period=MONTH + 1)


def after_its_time(town: Town) -> bytes:
    return town.asked(whole(town, first=MONTH - 3, last=MONTH - 1))


def of_the_past(town: Town) -> bytes:
    return town.asked(whole(town), period=MONTH - 1)


def other_group(town: Town) -> bytes:
    return town.asked(whole(town, group=b"g" * 32))


def other_ladder(town: Town) -> bytes:
    return town.asked(whole(town, ladder=b"l" * 32))


def no_sum(town: Town) -> bytes:
    return town.asked(whole(town, grant={"joint": None}))


def no_size(town: Town) -> bytes:
    return town.asked(whole(town, grant={"members": 0}))


def on_objection(town: Town) -> bytes:
    return town.asked(whole(town, grant={"recheck": True, "max_uses": 1}))


def other_purpose(town: Town) -> bytes:
    return town.asked(whole(town), header={"purpose": Purpose.REVIEW})


def idle_purpose(town: Town) -> bytes:
    slots = whole(town, claims={"purpose": Purpose.MONITORING})
    return town.asked(slots, header={"purpose": Purpose.MONITORING})


def other_holder(town: Town) -> bytes:
    return town.asked(whole(town, claims={"holder": bytes(32)}))


def expired(town: Town) -> bytes:
    return town.asked(whole(town, claims={"issued": 1, "not_before": 2, "expires": NOW - 1}))


def broken_household(town: Town) -> bytes:
    return town.asked(whole(town, claims={"household_commitment": b"x" * 32}))


def third_attempt(town: Town) -> bytes:
    return town.asked(whole(town), attempt=2, abort=b"a")


def second_attempt(town: Town) -> bytes:
    return town.asked(whole(town), attempt=1)


def unproven_attempt(town: Town) -> bytes:
    return town.asked(whole(town), attempt=1, abort=b"abort", verdict=b"verdict")


def unasked_abort(town: Town) -> bytes:
    return town.asked(whole(town), verdict=b"verdict")


def no_question(town: Town) -> bytes:
    return town.asked(whole(town), items=[b"\x01", town.order()])


def no_order(town: Town) -> bytes:
    request = codec.decode_batch(town.asked(whole(town)))
    return town.asked(whole(town), items=[request.items[0].item, b"\x01"])


WRONG = {
    part: "SUM_SLOTS",
    repeated: "SUM_SLOTS",
    turned: "SUM_SLOTS",
    mixed: "SUM_SLOTS",
    other_rung: "CONSENT_NOT_GRANTED",
    no_rung: "POLICY_PARAMETER",
    before_its_time: "SUM_PERIOD",
    after_its_time: "SUM_PERIOD",
    of_the_past: "SUM_PERIOD",
    other_group: "SUM_GROUP",
    other_ladder: "POLICY_VERSION",
    no_sum: "CONSENT_NOT_GRANTED",
    no_size: "CONSENT_NOT_GRANTED",
    on_objection: "CONSENT_NOT_GRANTED",
    other_purpose: "CONSENT_WRONG_PURPOSE",
    idle_purpose: "POLICY_NOT_ANSWERED",
    other_holder: "CONSENT_WRONG_HOLDER",
    expired: "CONSENT_EXPIRED",
    broken_household: "HOUSEHOLD_MISMATCH",
    third_attempt: "SUM_ATTEMPT",
    second_attempt: "SUM_ATTEMPT",
    unproven_attempt: "SUM_ATTEMPT",
    unasked_abort: "SUM_ATTEMPT",
    no_question: "QUESTION_MALFORMED",
    no_order: "SUM_MALFORMED",
}


@pytest.mark.parametrize(("wrong", "code"), WRONG.items(), ids=[one.__name__ for one in WRONG])
def test_a_way_around_is_refused_with_its_code(room: Room, wrong: Any, code: str) -> None:
    begun = joint.rows(room.town, "SELECT count(*) FROM contribution")
    assert room.ask(wrong(room.town)).code == code
    assert joint.rows(room.town, "SELECT count(*) FROM contribution") == begun


def test_slots_of_two_rungs_are_not_one_question(room: Room) -> None:
    low, high = (
        codec.decode_batch(room.town.asked(whole(room.town), rung)) for rung in (LOW, HIGH)
    )
    items = [low.items[0].item, high.items[1].item, low.items[2].item]
    batch = signed.sign(
        signed.prepare(replace(room.town.header(TAX), method=CONTRIBUTE), items),
        room.town.coordinator.key,
        (*low.presentations[:1], *high.presentations[1:]),
    )
    assert room.ask(codec.encode_batch(batch)).code == "SUM_SLOTS"


@contextmanager
def paused(room: Room) -> Iterator[None]:
    marker = room.node.party.data / PAUSED
    marker.touch()
    yield
    marker.unlink()


@contextmanager
def old_data(room: Room) -> Iterator[None]:
    joint.records(room.town, "UPDATE as_of SET day = '2010-01-01'")
    room.node._facts = None
    yield
    joint.records(room.town, "UPDATE as_of SET day = '2026-11-17'")
    room.node._facts = None


@contextmanager
def no_lists(room: Room) -> Iterator[None]:
    current, room.node.status.current = room.node.status.current, None
    fetch, room.node.status._fetch = room.node.status._fetch, lambda _: {}
    yield
    room.node.status._fetch, room.node.status.current = fetch, current


@pytest.mark.parametrize(
    ("state", "code"),
    [(paused, "NODE_PAUSED"), (old_data, "STALE"), (no_lists, "STATUS_LIST_STALE")],
)
def test_what_stops_a_department_closes_no_run(room: Room, state: Any, code: str) -> None:
    slots = whole(room.town)
    with state(room):
        assert room.ask(room.town.asked(slots)).code == code
    assert room.ask(room.town.asked(slots)).code == "CONTRIBUTED"


@pytest.mark.parametrize(
    ("state", "code"),
    [(Status.INVALID, "CONSENT_REVOKED"), (Status.SUSPENDED, "CONSENT_SUSPENDED")],
)
def test_one_member_s_withdrawal_ends_the_household_s_sum(
    room: Room, state: Status, code: str
) -> None:
    slots = whole(room.town)
    assert room.ask(room.town.asked(slots)).code == "CONTRIBUTED"
    room.town.states[slots[1].claims.status_index] = state
    room.node.status.refresh()
    assert room.ask(room.town.asked(slots, HIGH)).code == code


def test_a_stranger_gets_nothing(room: Room) -> None:
    stranger = parties.load(room.town.folder / "stranger", PartyRole.COORDINATOR, NOW)
    peers = Peers(stranger.tls)
    try:
        entry = room.town.coordinator.manifest.party(TAX)
        with pytest.raises(HeduiError, match="WRONG_PARTY"):
            peers.call(entry, CONTRIBUTE, room.town.asked(whole(room.town)), timeout=20)
    finally:
        peers.close()


@pytest.mark.parametrize("point", [*OPEN, *LOST, *KEPT])
def test_a_node_killed_in_mid_contribution_never_makes_two_shares(
    tmp_path: Path, point: str
) -> None:
    town = joint.found(tmp_path / "f")
    with joint.open_node(town):
        pass  # enrolled
    slots = whole(town)
    request, later = town.asked(slots), town.asked(slots, HIGH)
    path = tmp_path / "request"
    path.write_bytes(request)
    words = [str(town.folder), str(path), point]
    died = subprocess.run(
        [sys.executable, "-m", "tests.department_node.dying_contributor", *words],
        cwd=ROOT,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    stored = [one for (one,) in joint.rows(town, "SELECT ciphertext FROM contribution")]
    assert [bool(one) for one in stored] == ([] if point in OPEN else [point in KEPT])
    with joint.open_node(town) as node:
        own = joint.contributor(node)
        reply = own.contribute("coordinator", request)
        said = [town.read(request, reply), town.read(later, own.contribute("coordinator", later))]
        assert own.contribute("coordinator", request) == reply
    if point in LOST:
        assert [one.code for one in said] == ["SUM_CLOSED"] * 2
        return
    assert [one.code for one in said] == ["CONTRIBUTED"] * 2
    assert said[0].share == said[1].share
    assert said[0].share is not None
    assert town.opened(said[0].share) == BOTH
    assert not stored or stored == [said[0].share.ciphertext]


def test_a_group_that_changes_while_the_department_serves_ends_its_sums(tmp_path: Path) -> None:
    with joint.running(tmp_path / "f") as (town, node, peers):
        room, slots = Room(town, node, peers), whole(town)
        assert room.ask(town.asked(slots)).code == "CONTRIBUTED"

        def change(home: Home) -> Manifest:
            groups = dict(home.manifest.groups)
            groups["H1"] = replace(groups["H1"], auditor=b"a" * 32)
            return changes.extend(home.manifest, home.edition(), groups=groups)

        after = amend(town.folder, NOW, change)
        end = time.monotonic() + 30
        while node.party.manifest.version != after.version:
            assert time.monotonic() < end, "the node did not notice"
            time.sleep(0.05)
        assert room.ask(town.asked(slots, HIGH)).code == "SUM_GROUP"
        renewed = whole(town, group=after.groups["H1"].digest)
        said = room.ask(town.asked(renewed))
        assert said.share is not None
        assert town.opened(said.share, after.groups["H1"]) == BOTH


CANARIES = (98_765_432_123, 31_415_926_535)
"""Amounts whose digits and bytes nothing else has."""


def dressed(amounts: list[int]) -> set[bytes]:
    """Write amounts in every way in which they might lie about."""
    found = set()
    for one in amounts:
        texts = (f"{one}", f"{one:,}", f"{one / 100:.2f}", f"{one // 100}", f"{one // 100:,}")
        found |= {text.encode() for text in texts} | {f"{one:x}".encode()}
        found |= {one.to_bytes(5, "big"), one.to_bytes(5, "little"), _varint(one)}
    return found


def _varint(number: int) -> bytes:
    parts = []
    while number:
        number, low = number >> 7, number & 0x7F
        parts.append(low | (0x80 if number else 0))
    return bytes(parts)


def secrets(town: Town, one: Contribution) -> set[bytes]:
    """Give what hides a share: keys, masks, what was encrypted."""
    group = town.group
    secret = town.secret(TAX, founding.SUM_FILE, founding.SUM)
    modulus = int.from_bytes(group.tally.paillier, "big")
    publics = [group.tally.mask, *(m.mask for m in group.departments if m.id != TAX)]
    keys = [masks.shared_key(secret, public) for public in publics]
    drawn = [masks.prf(key, one.run, modulus) for key in keys]
    mine = [member.id for member in group.departments].index(TAX)
    signs = [1 if mine < n else -1 for n in range(len(group.departments)) if n != mine]
    mask = masks.mask(list(zip(signs, keys[1:], strict=True)), keys[0], one.run, modulus)
    hidden = (mask + town.opened(one)) % modulus
    numbers = {n.to_bytes(384, "big")[:32] for n in (*drawn, mask, hidden)}
    return {secret, *keys, *numbers}


def test_no_amount_and_no_mask_lies_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW)
    town = joint.found(tmp_path / "f")
    monkeypatch.setattr(RegistrarClient, "status_lists", lambda _, d: town.status_lists(d))
    for person, amount in zip((POOR, RICH), CANARIES, strict=True):
        joint.records(
            town,
            f"UPDATE pay SET fen = 0 WHERE id = '{person}'",
            f"UPDATE pay SET fen = {amount} WHERE id = '{person}' AND month = '202511'",
        )
    folder = town.folder / TAX
    with joint.open_node(town) as node:
        own, slots = joint.contributor(node), whole(town)
        requests = [town.asked(slots), town.asked(slots, HIGH)]
        replies = [own.contribute("coordinator", one) for one in requests]
        said = town.read(requests[0], replies[0])
        assert said.share is not None
        assert town.opened(said.share) == sum(CANARIES)
        case = tmp_path / "case.toml"
        case.write_text(
            "".join(f'[[person]]\nid = "{one}"\nname = "王甲"\n' for one in (POOR, RICH)), "utf-8"
        )
        shown = "".join(
            CliRunner().invoke(app, [words[0], "-C", str(folder), *words[1:], *more]).output
            for words in (
                ["try", "--predicate", "H1", "--id", POOR, "--parameter", LOW],
                ["preview", "--case", str(case)],
                *(["explain", one] for one in ("last", "H1")),
                *([one] for one in ("doctor", "status", "catalogue")),
            )
            for more in ([], ["--json"])
        )
        files = [(folder / "data" / f"node.sqlite{end}").read_bytes() for end in ("", "-wal")]
    assert "CONTRIBUTED" in shown
    everything = b"".join([*requests, *replies, *files, shown.encode(), caplog.text.encode()])
    bad = dressed([*CANARIES, sum(CANARIES)]) | secrets(town, said.share)
    assert [one for one in bad if one in everything] == []
    # What is there is found: the share where it may be, the amounts where they belong.
    assert said.share.ciphertext in everything
    assert any(one in (folder / "records.sqlite").read_bytes() for one in dressed([*CANARIES]))
