"""Status lists that lie, and clocks that are an hour off: no revoked token comes back to life.

The registrar is played behind real sockets with its real keys: it hands out what a script says. The
node fetches over mutual TLS, and answers over real sockets all the while.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from crypto.keys import SigningKey
from department_node.node import Node
from federation import limits, status
from federation.clock import FixedClock
from federation.consent import Claims
from federation.errors import HeduiError, PeerFault, Refused, Unavailable
from federation.exchange import Header
from federation.status import SignedList, Status
from federation.strictjson import b64, dumps, unb64
from federation.wire import codec, server, signed
from federation.wire import registrar_messages as messages
from federation.wire.registrar_client import RegistrarClient
from hedui.demo.stage import free_ports
from tests.registrar import town as towns
from tests.registrar.test_rpc import blinded
from tests.scenarios import hostile
from tests.scenarios.hostile import NODE, House, named, shown
from tests.support import twin as twins
from tests.support.twin import NOW, WITH_CAR, Twin, grant

HOUR: Final = 3_600
URI: Final = status.uri_of("registrar", NODE)
Lists = Callable[[int], SignedList]
"""Gives the first list of at least a number."""


@dataclass
class Office:
    """A running node, and the registrar's place on the wire with a script."""

    house: House
    says: Lists | None = None
    calls: int = 0

    @property
    def twin(self) -> Twin:
        return self.house.twin

    def handle(self, _: str, request: bytes) -> bytes:
        self.calls += 1
        _, least = messages.decode_status_request(request)
        if self.says is None:
            raise Unavailable("LOG_UNAVAILABLE")
        return messages.encode_status_list(self.says(least))

    def honest(self, least: int = 0) -> SignedList:
        return SignedList(jwt=self.twin.status_list(NODE), series=0, more=False)

    def heard(self) -> str:
        """Have the node fetch its lists once; give the code, or nothing where it took them."""
        try:
            self.house.node.status.refresh()
        except HeduiError as error:
            return error.code
        return ""

    def claims(self) -> tuple[Claims, bytes]:
        claims = self.twin.claims(NODE, WITH_CAR)
        return claims, self.twin.token(claims, grant("P40", max_uses=999))

    def answered(self) -> tuple[str, Header]:
        """Ask under a fresh token; give what is said, and the answer's header."""
        _, token = self.claims()
        request = self.house.ask(shown(token), tokens=[token])
        reply = self.house.send(request)
        (said,) = hostile.words(request, reply, self.house.entry.keys)
        return said, signed.claimed_header(codec.decode_batch(reply))


@contextmanager
def opened(folder: Path) -> Iterator[Office]:
    """Run the node, whose status lists come over the wire from now on."""
    twin = hostile.make(folder, refresh=300, registrar=free_ports(1)[0])  # tests do it
    with twins.open_node(twin) as node, hostile.serving(twin, node) as house:
        office = Office(house)
        office.says = office.honest
        registrar = twin.registrar
        running = server.build(
            registrar.manifest,
            registrar.tls,
            registrar.listen,
            server.Service(name=messages.SERVICE, methods={"GetStatusList": office.handle}),
        )
        running.start()
        client = RegistrarClient(node.party, node.peers, twin.clock)
        node.status._fetch = client.status_lists
        try:
            yield office
        finally:
            running.stop(0)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("lists") / "f") as office:
        yield office


@pytest.fixture
def office(running: Office) -> Iterator[Office]:
    running.says = running.honest
    assert running.heard() == ""
    yield running
    running.says = running.honest


def listing(**changes: Any) -> Callable[[Office], Lists]:
    """Sign an odd list: its name, time, key or bits."""

    def make(office: Office) -> Lists:
        jwt = status.issue(
            changes.get("uri", URI),
            changes.get("packed", status.pack(office.twin.states)),
            office.twin.clock.now() + changes.get("later", 0),
            changes.get("key", office.twin.registrar.key),
        )
        return lambda _: SignedList(jwt=jwt, series=changes.get("series", 0), more=False)

    return make


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Office], Lists]:
    """Have the registrar sign claims that were edited as JSON."""

    def make(office: Office) -> Lists:
        head, payload, _ = office.honest().jwt.split(b".")
        value = json.loads(unb64(payload, "claims"))
        change(value)
        body = head + b"." + b64(dumps(value)).encode()
        jwt = body + b"." + b64(office.twin.registrar.key.sign(body)).encode()
        return lambda _: SignedList(jwt=jwt, series=0, more=False)

    return make


def packed(data: bytes) -> Callable[[Office], Lists]:
    return edited(lambda claims: claims["status_list"].update(lst=b64(zlib.compress(data, 9))))


def written(jwt: bytes) -> Callable[[Office], Lists]:
    return lambda _: lambda _: SignedList(jwt=jwt, series=0, more=False)


def without_end(office: Office) -> Lists:
    return lambda least: SignedList(jwt=office.honest().jwt, series=least, more=True)


def always_the_same(office: Office) -> Lists:
    return lambda _: SignedList(jwt=office.honest().jwt, series=0, more=True)


SIZE: Final = limits.STATUS_ENTRIES // 4
LIES: Final[dict[str, tuple[str, Callable[[Office], Lists]]]] = {
    "an older one": ("STATUS_LIST_INVALID", listing(later=-60)),
    "one from the future": ("STATUS_LIST_INVALID", listing(later=limits.SKEW + 1)),
    "another department's": (
        "STATUS_LIST_INVALID",
        listing(uri=status.uri_of("registrar", "tax")),
    ),
    "another registrar's": (
        "STATUS_LIST_INVALID",
        listing(uri=status.uri_of("registrar_b", NODE)),
    ),
    "another of the series": ("STATUS_LIST_INVALID", listing(uri=f"{URI[:-1]}1")),
    "under another number": ("STATUS_LIST_INVALID", listing(series=1)),
    "signed by nobody": ("STATUS_LIST_INVALID", listing(key=SigningKey.generate())),
    "one bit an entry": (
        "STATUS_LIST_INVALID",
        edited(lambda claims: claims["status_list"].update(bits=1)),
    ),
    "valid for a day": ("STATUS_LIST_INVALID", edited(lambda claims: claims.update(exp=2**40))),
    "signed at no time": ("STATUS_LIST_INVALID", edited(lambda claims: claims.update(iat=True))),
    "with a claim of no use": ("STATUS_LIST_INVALID", edited(lambda claims: claims.update(a=1))),
    "shorter": ("STATUS_LIST_INVALID", packed(bytes(SIZE - 1))),
    "longer": ("STATUS_LIST_INVALID", packed(bytes(SIZE + 1))),
    "a bomb": ("STATUS_LIST_INVALID", packed(bytes(100 * SIZE))),
    "garbage": ("STATUS_LIST_INVALID", written(b"x.y.z")),
    "nothing": ("STATUS_LIST_INVALID", written(b"")),
    "oversize": ("OVERSIZE", written(bytes(limits.STATUS_BYTES + 99))),
    "a series without end": ("WRONG_ANSWER", without_end),
    "a number that does not rise": ("WRONG_ANSWER", always_the_same),
    "silence": ("LOG_UNAVAILABLE", lambda _: None),  # type: ignore[dict-item, return-value]
}


@pytest.mark.parametrize(("code", "lie"), LIES.values(), ids=LIES)
def test_a_list_that_lies_is_not_taken_and_the_last_good_one_stays(
    office: Office, code: str, lie: Callable[[Office], Lists]
) -> None:
    current = office.house.node.status.current
    assert current is not None
    office.says = lie(office)
    assert office.heard() == code
    said, header = office.answered()
    assert (said, header.status_list_digest) == ("YES", current.digest)


@pytest.mark.parametrize("state", [Status.VALID, Status.SUSPENDED])
def test_revoked_is_final(office: Office, state: Status) -> None:
    claims, token = office.claims()
    assert office.house.heard(office.house.ask(shown(token), tokens=[token])) == ["YES"]
    office.twin.states[claims.status_index] = Status.INVALID
    assert office.heard() == ""
    office.twin.states[claims.status_index] = state
    assert office.heard() == "STATUS_LIST_INVALID"
    assert office.house.heard(office.house.ask(named(claims.jti))) == ["CONSENT_REVOKED"]
    office.twin.states[claims.status_index] = Status.INVALID


def test_revoked_is_final_though_its_list_was_away(office: Office) -> None:
    """A list that is withheld for a while comes back with what it had ended, or not at all."""
    claims, token = office.claims()
    assert office.house.heard(office.house.ask(shown(token), tokens=[token])) == ["YES"]
    office.twin.states[claims.status_index] = Status.INVALID
    assert office.heard() == ""
    office.says = listing(uri=f"{URI[:-1]}1", series=1)(office)
    assert office.heard() == ""
    assert office.house.heard(office.house.ask(named(claims.jti))) == ["CONSENT_INVALID"]
    del office.twin.states[claims.status_index]
    office.says = office.honest
    assert office.heard() == "STATUS_LIST_INVALID"
    office.twin.states[claims.status_index] = Status.INVALID
    assert office.heard() == ""
    assert office.house.heard(office.house.ask(named(claims.jti))) == ["CONSENT_REVOKED"]


def test_the_same_list_again_and_again_grows_stale(tmp_path: Path) -> None:
    """Captured once and handed out for ever: fifteen minutes, and nobody is answered."""
    with opened(tmp_path / "f") as office:
        captured = office.honest()
        office.says = lambda _: captured
        assert office.heard() == ""
        feed: list[str] = []
        for minutes in (0, 15, 15):
            office.twin.clock.seconds = NOW + 60 * minutes + len(feed) // 2
            assert office.heard() == ""
            feed.append(office.answered()[0])
        assert feed == ["YES", "YES", "STATUS_LIST_STALE"]
        office.says = office.honest
        assert office.heard() == ""
        assert office.answered()[0] == "YES"


# ---- clocks


def test_a_node_an_hour_behind_refuses_until_its_clock_is_right(tmp_path: Path) -> None:
    twin = hostile.make(tmp_path / "f")
    for restarted in range(2):
        with twins.open_node(twin) as node, hostile.serving(twin, node) as house:
            token = twin.token(twin.claims(NODE, WITH_CAR), grant("P40"))
            sound = house.draft([shown(token)], token)
            if not restarted:
                assert house.heard(sound.signed()) == ["YES"]
            twin.clock.seconds = NOW - HOUR
            before = house.spent()
            assert house.heard(sound.signed(qid=bytes(16))) == ["CLOCK_BEHIND"]
            assert house.heard(sound.signed(qid=bytes(16))) == ["CLOCK_BEHIND"]
            assert house.spent() == before
            twin.clock.seconds = NOW
            again = sound.signed(qid=bytes([restarted]) * 16)
            assert house.heard(again) == ["YES"]


def test_a_node_that_begins_an_hour_behind_believes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was seen before: requests and lists come from its future."""
    twin = hostile.make(tmp_path / "f")
    with twins.open_node(twin):
        pass  # enrolled
    (twin.folder / NODE / "data" / "status.json").unlink()
    twin.clock.seconds = NOW - HOUR
    ahead = {0: status.issue(URI, status.pack({}), NOW, twin.registrar.key)}
    with Node(twin.folder / NODE, twin.clock) as node:
        node.status._fetch = lambda _: ahead
        with pytest.raises(PeerFault, match="STATUS_LIST_INVALID"):
            node.status.refresh()
        monkeypatch.setattr(node.status, "wait_first", lambda _: None)
        with hostile.serving(twin, node) as house:
            token = twin.token(twin.claims(NODE, WITH_CAR), grant("P40"))
            draft = house.draft([shown(token)], token)
            true = draft.signed(issued=NOW, expires=NOW + limits.REQUEST_LIFE)
            assert house.heard(true) == ["REQUEST_NOT_FRESH"]
            assert house.heard(draft.signed(qid=bytes(16))) == ["STATUS_LIST_STALE"]


def test_a_node_an_hour_ahead_is_of_no_use_and_comes_to_no_harm(tmp_path: Path) -> None:
    twin = hostile.make(tmp_path / "f")
    with twins.open_node(twin) as node, hostile.serving(twin, node) as house:
        token = twin.token(twin.claims(NODE, WITH_CAR), grant("P40"))
        sound = house.draft([shown(token)], token)
        twin.clock.seconds = NOW + HOUR
        assert house.heard(sound.signed()) == ["REQUEST_NOT_FRESH"]
        twin.clock.seconds = NOW
        assert house.heard(sound.signed(qid=bytes(16))) == ["CLOCK_BEHIND"]
    with twins.open_node(twin) as node, hostile.serving(twin, node) as house:
        assert house.heard(sound.signed(qid=bytes(16))) == ["YES"], "it was not written down"


@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_the_registrar_s_clock_an_hour_off(tmp_path: Path, off: int) -> None:
    """Its lists are of another hour; a node that has none answers nobody."""
    twin = hostile.make(tmp_path / "f")
    with twins.open_node(twin) as node, hostile.serving(twin, node) as house:
        node.status.current = None
        odd = {0: status.issue(URI, status.pack({}), NOW + off, twin.registrar.key)}
        node.status._fetch = lambda _: odd
        if off > 0:
            with pytest.raises(PeerFault, match="STATUS_LIST_INVALID"):
                node.status.refresh()
        else:
            node.status.refresh()
        token = twin.token(twin.claims(NODE, WITH_CAR), grant("P40"))
        assert house.heard(house.ask(shown(token), tokens=[token])) == ["STATUS_LIST_STALE"]


@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_a_registrar_and_its_callers_an_hour_apart(tmp_path: Path, off: int) -> None:
    with towns.running(tmp_path / "f") as town:
        town.clock.seconds += off
        true = FixedClock(NOW)
        centre, bank = (
            RegistrarClient(town.parties[name], town.peers[name], true)
            for name in ("coordinator", "bank_a")
        )
        with pytest.raises(Refused, match="REQUEST_NOT_FRESH"):
            centre.record([towns.a_form()])
        with pytest.raises(Refused, match="REQUEST_NOT_FRESH"):
            bank.evaluate(blinded(town, [towns.FATHER])[0])
