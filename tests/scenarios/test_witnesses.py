"""Three witnesses, each a process of its own, and a log that is honest until it is not."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from crypto import note
from federation import exchange
from federation.clock import SystemClock
from federation.errors import HeduiError, PeerFault, Unavailable
from federation.log.keeper import Keeper
from federation.log.keys import cosigners, witness_keys
from federation.party import Party
from federation.wire import log_messages as messages
from federation.wire.channel import Peers
from federation.wire.log_messages import AddCheckpoint, Cosigned
from federation.wire.log_service import witness_sender
from hedui.cli import app
from hedui.demo.processes import Troupe
from tests.auditor import witnessing
from tests.auditor.witnessing import LOG, OTHER, WITNESSES, TwinLog, leaves
from tests.support.books import MemoryBook

QUORUM: Final = 2
_PATIENCE: Final = 30.0


@dataclass
class Town:
    """Running witnesses, and what parties need to call them."""

    folder: Path
    troupe: Troupe
    peers: dict[str, Peers]
    unused: list[str]

    def party(self, name: str) -> Party:
        return witnessing.load(self.folder, name, SystemClock().now())

    def log(self, count: int) -> TwinLog:
        """Give the log of a party that no witness has heard of."""
        return TwinLog(self.party(self.unused.pop()), leaves(count))

    def keeper(self, book: MemoryBook, party: str) -> Keeper:
        own = self.party(party)
        return Keeper(book, own, SystemClock(), witness_sender(own, self.peers[party]))

    def say(self, witness: str, request: AddCheckpoint, caller: str) -> Cosigned:
        send = witness_sender(self.party(caller), self.peers[caller])
        return messages.decode_cosigned(send(witness, messages.encode_checkpoint(request)))

    def told(self, witness: str, request: AddCheckpoint, caller: str) -> str:
        """Give the code of a refusal, or nothing."""
        try:
            self.say(witness, request, caller)
        except HeduiError as error:
            return error.code
        return ""

    def command(self, *words: str | Path) -> tuple[int, list[dict[str, Any]]]:
        done = CliRunner().invoke(app, ["audit", "witness", *map(str, words), "--json"])
        return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]

    def seen(self, witness: str, party: str) -> dict[str, Any]:
        _, rows = self.command("status", "-C", self.folder / witness)
        return next(row for row in rows if "root" in row and row["log"] == f"test/{party}")

    def alarms(self, party: str) -> list[list[str]]:
        """Give the alarms about a log, witness by witness."""
        every = [self.command("status", "-C", self.folder / one)[1] for one in WITNESSES]
        return [
            [row["code"] for row in rows if "alarm" in row and row["log"] == f"test/{party}"]
            for rows in every
        ]

    def errors(self, witness: str, party: str) -> list[str]:
        text = (self.folder.parent / "logs" / f"{witness}.log").read_text("utf-8")
        return [line for line in text.splitlines() if f" log=test/{party} " in line]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Found a federation with many logs and start its witnesses."""
    home = tmp_path_factory.mktemp("witnesses")
    now = SystemClock().now()
    logs = [f"log_{n}" for n in range(9)]
    folder = witnessing.found(home / "f", now, logs, reachable=True)
    with Troupe(home / "logs") as troupe, ExitStack() as stack:
        for one in WITNESSES:
            words = ["audit", "witness", "serve", "--folder", str(folder / one), "--json"]
            troupe.start(one, words)
        list(troupe.ready())
        peers = {name: Peers(witnessing.load(folder, name, now).tls) for name in (*logs, OTHER)}
        for channels in peers.values():
            stack.enter_context(closing(channels))
        yield Town(folder, troupe, peers, logs)


def filled(count: int) -> MemoryBook:
    book = MemoryBook()
    for n in range(count):
        book.append(b'{"n":%d}' % n)
    return book


def who_cosigned(town: Town, book: MemoryBook) -> frozenset[str]:
    kept = book.newest()
    assert kept
    return cosigners(note.parse(kept.note), witness_keys(town.party(OTHER).manifest))


def until(keeper: Keeper, count: int) -> None:
    """Have a checkpoint cosigned until so many have done it."""
    end = time.monotonic() + _PATIENCE
    while keeper.witness() < count:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_all_three_cosign_a_log_as_it_grows(town: Town) -> None:
    book, own = filled(5), town.unused.pop()
    keeper = town.keeper(book, own)
    for more in (0, 1, 300):
        for n in range(more):
            book.append(b'{"more":%d}' % n)
        assert keeper.cut()
        until(keeper, 3)
        assert who_cosigned(town, book) == frozenset(WITNESSES)
    kept = book.newest()
    assert kept
    for one in WITNESSES:
        row = town.seen(one, own)
        assert (row["size"], row["root"], row["cosigned"]) == (306, kept.root.hex(), 3)


def test_one_witness_may_be_away_and_remembers_when_it_is_back(town: Town) -> None:
    book, own = filled(5), town.unused.pop()
    keeper = town.keeper(book, own)
    keeper.cut()
    until(keeper, 3)
    town.troupe.hold("witness_c")
    book.append(b"{}")
    keeper.cut()
    until(keeper, QUORUM)
    assert who_cosigned(town, book) == {"witness_a", "witness_b"}
    town.troupe.release("witness_c")
    list(town.troupe.ready())
    until(keeper, 3)
    assert town.alarms(own) == [[], [], []]


def test_killed_at_any_moment_a_witness_cosigns_one_view_only(town: Town) -> None:
    log = town.log(40)
    own, other = log.party.id, log.fork(0, 40)
    for size in range(1, 41):
        if size % 10 == 0:
            town.troupe.kill("witness_a")
        ask_until_cosigned(town, log, size)
        refusal = "LOG_INCONSISTENT" if size < 40 else "LOG_SPLIT"
        assert town.told("witness_a", other.request(size, 40), own) == refusal
    row = town.seen("witness_a", own)
    assert (row["size"], row["root"]) == (40, log.tree().root.hex())


def ask_until_cosigned(town: Town, log: TwinLog, size: int) -> None:
    """Ask the first witness as a log does that is not answered, or told to start elsewhere."""
    old = 0
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            said = town.say("witness_a", log.request(old, size), log.party.id)
        except Unavailable:
            time.sleep(0.1)
            continue
        if said.lines:
            return
        old = said.known_size
    raise AssertionError("never cosigned")


def test_two_views_never_both_have_a_quorum(town: Town) -> None:
    """The log shows each witness whichever view it likes, and proves each as well as it can."""
    log = town.log(9)
    own, other = log.party.id, log.fork(4, 5)
    for one in WITNESSES:
        assert town.say(one, log.request(0, 4), own).lines
    for one, view in zip(WITNESSES, (log, other, log), strict=True):
        assert town.say(one, view.request(4), own).lines
    assert {one: town.told(one, other.request(4), own) for one in WITNESSES} == {
        "witness_a": "LOG_SPLIT",
        "witness_b": "",
        "witness_c": "LOG_SPLIT",
    }
    assert town.told("witness_b", log.request(4), own) == "LOG_SPLIT"
    assert town.alarms(own) == [["LOG_SPLIT"]] * 3
    for one in WITNESSES:
        (said,) = town.errors(one, own)
        assert said.startswith("ERROR ")
        assert f"alarm LOG_SPLIT log=test/{own} cosigned=9 presented=9 kept=new" in said


def test_a_log_that_was_put_back_is_caught_and_stops_to_answer(town: Town) -> None:
    book, own = filled(5), town.unused.pop()
    keeper = town.keeper(book, own)
    keeper.cut()
    backup = deepcopy(book)
    until(keeper, 3)
    for _ in range(7):
        book.append(b"{}")
    keeper.cut()
    until(keeper, 3)
    check_caught(town.keeper(backup, own))
    assert town.alarms(own) == [["LOG_ROLLED_BACK"]] * 3
    while backup.size() < 20:
        backup.append(b'{"another":"past"}')
    grown = town.keeper(backup, own)
    grown.cut()
    check_caught(grown)
    assert town.alarms(own) == [["LOG_ROLLED_BACK", "LOG_INCONSISTENT"]] * 3
    code, _ = town.command("status", "-C", town.folder / "witness_b")
    assert code == 1


def check_caught(keeper: Keeper) -> None:
    """Hold a log to what most witnesses say of it."""
    with pytest.raises(Unavailable, match="LOG_ALTERED"):
        keeper.witness()
    with pytest.raises(Unavailable, match="LOG_ALTERED"):
        keeper.check_sound()


def test_what_a_witness_kept_convinces_an_auditor_who_saw_nothing(
    town: Town, tmp_path: Path
) -> None:
    log = town.log(9)
    own = log.party.id
    town.say("witness_a", log.request(0), own)
    town.told("witness_a", log.fork(3, 6).request(0), own)
    code, rows = town.command("evidence", tmp_path / "out", "-C", town.folder / "witness_a")
    assert code == 0, "beside the running witness"
    files = [row["file"] for row in rows]
    code, read = town.command("verify", *files, "-C", town.folder / "auditor")
    assert code == 0
    found = [(row["code"], row["proven"]) for row in read if row["log"] == f"test/{own}"]
    assert found == [("LOG_SPLIT", True)]


def test_nobody_speaks_for_another_log(town: Town) -> None:
    log = town.log(9)
    assert town.told("witness_a", log.request(0), OTHER) == "WRONG_PARTY"
    assert town.seen("witness_a", log.party.id)["cosigned"] == 0
    assert town.told("witness_a", log.request(0), log.party.id) == ""


def test_who_is_not_in_the_manifest_reaches_no_witness(town: Town, tmp_path: Path) -> None:
    now = SystemClock().now()
    own = witnessing.load(witnessing.found(tmp_path / "other", now), LOG, now)
    log = TwinLog(own, leaves(9))
    with closing(Peers(own.tls)) as peers, pytest.raises(HeduiError) as caught:
        witness_sender(town.party(OTHER), peers)(
            "witness_a", messages.encode_checkpoint(log.request(0))
        )
    assert caught.value.code in {"WRONG_PARTY", "PEER_UNREACHABLE"}


def test_a_witness_answers_nothing_else(town: Town) -> None:
    entry = town.party("witness_a").entry
    for method in (messages.READ, exchange.ASK):
        with pytest.raises(PeerFault, match=r"PEER_FAILED .*UNIMPLEMENTED"):
            town.peers[OTHER].call(entry, method, b"", timeout=5)
