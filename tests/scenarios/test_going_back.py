"""What somebody with access to a party's files cannot make it believe, whatever its role.

Each party is started once, so that it has used its documents; then it is given others and started
again. What it says is the exact code.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from coordinator.opening import open_desk
from crypto.keys import SealCost, SigningKey
from department_node.node import Node
from federation import ceremony, changes, keyfile, manifest, pins, policy, root
from federation import party as parties
from federation.ceremony import Home
from federation.clock import FixedClock
from federation.errors import HeduiError
from federation.founding import ROOT_KEY
from federation.manifest import PartyRole
from registrar import server as registrar
from tests.support import twin as twins
from tests.support.founder import amend, documents, issue, put
from tests.support.twin import NOW, POLICY


def _start_node(folder: Path, now: int) -> None:
    Node(folder, FixedClock(now)).__exit__()


def _start_registrar(folder: Path, now: int) -> None:
    opened = parties.load(folder, PartyRole.REGISTRAR, now)
    registrar.build(opened, FixedClock(now)).stop(0)


def _start_centre(folder: Path, now: int) -> None:
    with open_desk(folder, FixedClock(now)):
        pass


STARTS: dict[str, Callable[[Path, int], None]] = {
    "public_security": _start_node,
    "registrar": _start_registrar,
    "coordinator": _start_centre,
}


@dataclass(frozen=True)
class Victim:
    """A party that has run before."""

    home: Path
    party: str

    @property
    def folder(self) -> Path:
        return self.home / self.party

    def start(self, now: int = NOW) -> None:
        STARTS[self.party](self.folder, now)

    def opened(self) -> Home:
        return ceremony.open_home(self.home, NOW)

    def put(self, name: str, payload: bytes, payload_type: str, *keys: SigningKey) -> None:
        """Put a document into the party's folder, signed by these keys."""
        put(self.folder, {name: root.sign(payload, payload_type, keys)})


@pytest.fixture(params=STARTS)
def victim(request: pytest.FixtureRequest, tmp_path: Path) -> Victim:
    twins.make(tmp_path / "f")
    victim = Victim(tmp_path / "f", request.param)
    victim.start()
    return victim


@contextmanager
def refused(code: str, victim: Victim) -> Iterator[None]:
    """The party does not start, says why, and starts again once the documents are put right."""
    good = documents(victim.folder)
    yield
    for _ in range(2):
        with pytest.raises(HeduiError, match=code):
            victim.start()
    put(victim.folder, good)
    victim.start()


def _manifest(victim: Victim) -> bytes:
    """Write a next manifest that would remove the neighbour."""
    home = victim.opened()
    return manifest.write(changes.remove(home.manifest, "stranger", home.edition()))


def _keys(victim: Victim) -> list[SigningKey]:
    return ceremony.keys_at_hand(victim.opened())


def test_one_root_key_of_three_is_not_enough(victim: Victim) -> None:
    with refused("ROOT_SIGNATURE", victim):
        key = _keys(victim)[0]
        victim.put("manifest.json", _manifest(victim), manifest.PAYLOAD_TYPE, key)


@pytest.mark.parametrize("renamed", [False, True], ids=["twice", "under another key's name"])
def test_one_signature_does_not_count_twice(victim: Victim, renamed: bool) -> None:
    with refused("ROOT_SIGNATURE", victim):
        first, second, _ = _keys(victim)
        document = json.loads(root.sign(_manifest(victim), manifest.PAYLOAD_TYPE, [first]))
        (signature,) = document["signatures"]
        again = signature | {"keyid": second.kid} if renamed else signature
        document["signatures"].append(again)
        put(victim.folder, {"manifest.json": json.dumps(document).encode()})


def test_strangers_keys_count_for_nothing(victim: Victim) -> None:
    with refused("ROOT_SIGNATURE", victim):
        keys = [_keys(victim)[0], SigningKey.generate(), SigningKey.generate()]
        victim.put("manifest.json", _manifest(victim), manifest.PAYLOAD_TYPE, *keys)


def test_an_older_manifest_is_refused(victim: Victim) -> None:
    old = documents(victim.folder)
    amend(victim.home, NOW, lambda home: changes.extend(home.manifest, home.edition()))
    victim.start()
    with refused("MANIFEST_ROLLED_BACK version=1 seen=2", victim):
        put(victim.folder, old)


def test_an_older_policy_is_refused(victim: Victim) -> None:
    old = documents(victim.folder)
    newer = POLICY.replace("version = 1", "version = 2", 1).encode()
    issue(victim.opened(), {"policy.json": newer})
    victim.start()
    with refused("POLICY_ROLLED_BACK version=1 seen=2", victim):
        put(victim.folder, {"policy.json": old["policy.json"]})


def test_another_manifest_of_the_same_version_is_refused(victim: Victim) -> None:
    with refused("VERSION_REUSED document=manifest version=1", victim):
        changed = replace(victim.opened().manifest, issued=NOW + 1)
        payload = manifest.write(changed)
        victim.put("manifest.json", payload, manifest.PAYLOAD_TYPE, *_keys(victim))


def test_another_policy_of_the_same_version_is_refused(victim: Victim) -> None:
    with refused("VERSION_REUSED document=policy test version=1", victim):
        text = POLICY.replace("per_head = 1000", "per_head = 1", 1).encode()
        victim.put("policy.json", text, policy.PAYLOAD_TYPE, *_keys(victim))


def test_an_expired_manifest_is_refused(victim: Victim) -> None:
    late = victim.opened().manifest.expires
    for _ in range(2):
        with pytest.raises(HeduiError, match="MANIFEST_EXPIRED version=1"):
            victim.start(late)
    victim.start(late - 1)


@pytest.mark.parametrize("payload_type", [manifest.PAYLOAD_TYPE, "text/plain", root.PAYLOAD_TYPE])
def test_a_policy_signed_as_something_else_is_refused(victim: Victim, payload_type: str) -> None:
    with refused("ROOT_SIGNATURE", victim):
        newer = POLICY.replace("version = 1", "version = 2", 1).encode()
        victim.put("policy.json", newer, payload_type, *_keys(victim))


def _exchanged(victim: Victim) -> list[SigningKey]:
    """Exchange all root keys honestly and give the old ones."""
    home = victim.opened()
    old, fresh = ceremony.keys_at_hand(home), [SigningKey.generate() for _ in range(3)]
    listed = {key.kid: key.verify_key for key in fresh}
    after = changes.next_root(home.chain.newest, listed, 2, NOW)
    secret = keyfile.read_private(victim.home / "root" / "passphrase").strip()
    for number, key in enumerate(fresh, 4):
        path = victim.home / "root" / f"root-{number}.key"
        keyfile.save(path, key.seed, secret, purpose=ROOT_KEY, cost=SealCost.MINIMAL)
    ceremony.propose(home, {"root.json": root.write(after)})
    assert ceremony.sign(home, [*old, *fresh]) == []
    return old


def test_a_manifest_by_withdrawn_root_keys_is_refused(victim: Victim) -> None:
    old = _exchanged(victim)
    victim.start()
    with refused("ROOT_SIGNATURE", victim):
        victim.put("manifest.json", _manifest(victim), manifest.PAYLOAD_TYPE, *old)


def test_withdrawn_root_keys_do_not_come_back(victim: Victim) -> None:
    before = documents(victim.folder)
    old = _exchanged(victim)
    victim.start()
    with refused("ROOT_ROLLED_BACK version=1 seen=2", victim):
        put(victim.folder, before)
        victim.put("manifest.json", _manifest(victim), manifest.PAYLOAD_TYPE, *old)


@pytest.mark.parametrize("instead", [False, True], ids=["behind the old root", "in its place"])
def test_new_root_keys_do_not_vouch_for_themselves(victim: Victim, instead: bool) -> None:
    with refused("ROOT_SIGNATURE", victim):
        home, mine = victim.opened(), [SigningKey.generate() for _ in range(3)]
        listed = {key.kid: key.verify_key for key in mine}
        after = changes.next_root(home.chain.newest, listed, 2, NOW)
        forged = root.sign(root.write(after), root.PAYLOAD_TYPE, mine)
        chain = forged if instead else home.signed["root.json"] + b"\n" + forged
        put(victim.folder, {"root.json": chain})
        victim.put("manifest.json", _manifest(victim), manifest.PAYLOAD_TYPE, *mine)
        victim.put("policy.json", POLICY.encode(), policy.PAYLOAD_TYPE, *mine)


def test_a_root_made_anew_under_the_old_number_is_refused(victim: Victim) -> None:
    with refused("VERSION_REUSED document=root version=1", victim):
        home, mine = victim.opened(), [SigningKey.generate() for _ in range(3)]
        listed = root.Root(keys={key.kid: key.verify_key for key in mine}, threshold=2)
        forged = replace(home.chain.newest, root=listed)
        put(
            victim.folder,
            {"root.json": root.sign(root.write(forged), root.PAYLOAD_TYPE, mine)},
        )
        victim.put("manifest.json", _manifest(victim), manifest.PAYLOAD_TYPE, *mine)
        victim.put("policy.json", POLICY.encode(), policy.PAYLOAD_TYPE, *mine)


def test_a_party_that_lost_its_memory_says_so(victim: Victim) -> None:
    path = victim.folder / "data" / pins.FILE
    kept = path.read_bytes()
    path.write_bytes(kept[:-1])
    with pytest.raises(HeduiError, match=r"PINS_INVALID file=pins\.json"):
        victim.start()
    path.write_bytes(kept)
    victim.start()
