"""Older or forged documents put before every role, and what its callers see: nothing changes.

Whoever can write into a party's folder is the attacker here. Registrar and node run and answer over
real sockets meanwhile; the centre opens its installation anew.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest

from coordinator.opening import installation
from crypto import envelope
from crypto.keys import SigningKey
from department_node.node import Node
from federation import ceremony, changes, party, root, watching
from federation.errors import HeduiError
from federation.exchange import ISSUE_TOKENS
from federation.manifest import PartyRole
from federation.party import Party
from federation.watching import Watch
from federation.wire import registrar_messages as messages
from federation.wire.channel import Peers
from hedui.demo.stage import free_ports
from registrar import server as registrar_server
from tests.scenarios import hostile
from tests.scenarios.hostile import CENTRE, NODE, PATIENCE, POLICY, Draft, House, shown
from tests.support import twin as twins
from tests.support.founder import amend, documents, issue, put
from tests.support.twin import NOW, WITH_CAR, grant

REGISTRAR: Final = "registrar"
NEWER: Final = POLICY.replace("version = 1", "version = 2").replace(", 'line-600'", "")
"""The second policy, in which a line is no more."""


@dataclass
class Office:
    """A node and a registrar that run, with all documents that were ever in force.

    ``others`` are those of another federation, whose parties have the same names.
    """

    house: House
    registrar: Party
    watches: dict[str, Watch]
    first: Mapping[str, bytes]
    second: Mapping[str, bytes]
    others: Mapping[str, bytes]
    roots: list[SigningKey] = field(repr=False)

    def folder(self, role: str) -> Path:
        return self.house.twin.folder / role

    def offer(self, role: str, files: Mapping[str, bytes]) -> str:
        """Put documents before a party; give the code with which it does not take them over."""
        put(self.folder(role), files)
        try:
            if role == CENTRE:
                with installation(self.folder(role), self.house.twin.clock):
                    return "TAKEN"
            self.watches[role].look()
        except HeduiError as error:
            return error.code
        finally:
            put(self.folder(role), self.second)
        return "TAKEN"

    def start(self, role: str, files: Mapping[str, bytes]) -> str:
        """Start a party anew on documents, beside the one that runs."""
        put(self.folder(role), files)
        try:
            if role == NODE:
                Node(self.folder(role), self.house.twin.clock)
            else:
                kind = PartyRole.REGISTRAR if role == REGISTRAR else PartyRole.COORDINATOR
                party.load(self.folder(role), kind, NOW)
        except HeduiError as error:
            return error.code
        finally:
            put(self.folder(role), self.second)
        return "STARTED"

    def asked(self, line: int, version: int) -> list[str]:
        """Ask the node about a line of the policy."""
        name = f"line-{line}"
        made = self.house.twin.claims(NODE, WITH_CAR)
        token = self.house.twin.token(made, grant("P41", name, "threshold", members=1))
        draft = self.house.draft([shown(token, "P41", name)], token)
        return self.house.heard(draft.signed(policy_version=version))

    def told(self, key: SigningKey) -> str:
        """Ask the registrar for a consent that nobody has recorded."""
        header = replace(self.house.twin.header(REGISTRAR), method=ISSUE_TOKENS)
        items = (messages.encode_order("20261118-999999"),)
        request = Draft(header=header, items=items, key=key).signed()
        with closing(Peers(self.house.twin.coordinator.tls)) as peers:
            try:
                peers.call(self.registrar.entry, ISSUE_TOKENS, request, timeout=PATIENCE)
            except HeduiError as error:
                return error.code
        return "ANSWERED"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "EVERY", 3_600.0)  # tests look by themselves
        with _office(tmp_path_factory.mktemp("documents") / "f") as office:
            yield office


@contextmanager
def _office(folder: Path) -> Iterator[Office]:
    twin = hostile.make(folder, registrar=free_ports(1)[0])
    first = documents(folder / NODE)
    with twins.open_node(twin) as node, hostile.serving(twin, node) as house:
        opened = party.load(folder / REGISTRAR, PartyRole.REGISTRAR, NOW)
        registrar = registrar_server.build(opened, twin.clock)
        registrar.start()
        try:
            amend(folder, NOW, lambda home: changes.extend(home.manifest, home.edition()))
            issue(ceremony.open_home(folder, NOW), {"policy.json": NEWER.encode()})
            watches = {NODE: house.running._watch, REGISTRAR: registrar._watch}
            for watch in watches.values():
                watch.look()
            with installation(folder / CENTRE, twin.clock):
                pass  # and goes by them from now on
            roots = ceremony.keys_at_hand(ceremony.open_home(folder, NOW))
            others = documents(hostile.make(folder.parent / "other").folder / NODE)
            second = documents(folder / NODE)
            yield Office(house, opened, watches, first, second, others, roots)
        finally:
            registrar.stop(0)


Attack = Callable[[Office], Mapping[str, bytes]]
"""Makes the documents that are put before a party."""


def older(*names: str) -> Attack:
    """Put back documents that were in force once."""
    return lambda office: {name: office.first[name] for name in names}


def signed(name: str, keys: int, change: Callable[[bytes], bytes] = bytes) -> Attack:
    """Have so many root keys sign what is in force, or something else."""

    def attack(office: Office) -> Mapping[str, bytes]:
        old = envelope.from_json(office.second[name], max_bytes=1 << 20)
        made = root.sign(change(old.payload), old.payload_type, office.roots[:keys])
        return {name: made}

    return attack


def forged(name: str) -> Attack:
    """Sign with keys of one's own."""

    def attack(office: Office) -> Mapping[str, bytes]:
        mine = [SigningKey.generate() for _ in range(3)]
        old = envelope.from_json(office.second[name], max_bytes=1 << 20)
        return {name: root.sign(old.payload, old.payload_type, mine)}

    return attack


def foreign(*names: str) -> Attack:
    """Bring documents of another federation."""
    return lambda office: {name: office.others[name] for name in names}


def extended(payload: bytes) -> bytes:
    """Say something else under the same version."""
    value = json.loads(payload)
    value["expires"] -= 1
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def commented(payload: bytes) -> bytes:
    return payload + b"\n# the same and yet another\n"


ATTACKS: Final[dict[str, tuple[str, Attack]]] = {
    "an older manifest": ("MANIFEST_ROLLED_BACK", older("manifest.json")),
    "an older policy": ("POLICY_ROLLED_BACK", older("policy.json")),
    "both": ("MANIFEST_ROLLED_BACK", older("manifest.json", "policy.json", "root.json")),
    "another manifest of this version": ("VERSION_REUSED", signed("manifest.json", 2, extended)),
    "another policy of this version": ("VERSION_REUSED", signed("policy.json", 2, commented)),
    "a manifest that one root key signed": ("ROOT_SIGNATURE", signed("manifest.json", 1)),
    "a policy that one root key signed": ("ROOT_SIGNATURE", signed("policy.json", 1)),
    "a manifest that others signed": ("ROOT_SIGNATURE", forged("manifest.json")),
    "a policy that others signed": ("ROOT_SIGNATURE", forged("policy.json")),
    "another federation's manifest": ("ROOT_SIGNATURE", foreign("manifest.json")),
    "another federation's policy": ("ROOT_SIGNATURE", foreign("policy.json")),
    "another federation": ("VERSION_REUSED", foreign(*ceremony.TYPES)),
    "a policy for a manifest": (
        "ROOT_SIGNATURE",
        lambda office: {"manifest.json": office.second["policy.json"]},
    ),
    "garbage": ("ROOT_SIGNATURE", lambda _: {"manifest.json": b"{}"}),
}


@pytest.mark.parametrize("role", [REGISTRAR, CENTRE, NODE])
@pytest.mark.parametrize(("code", "attack"), ATTACKS.values(), ids=ATTACKS)
def test_no_role_goes_by_documents_that_are_older_or_not_the_root_s(
    office: Office, role: str, code: str, attack: Attack
) -> None:
    files = attack(office)
    assert office.offer(role, files) == code
    assert office.start(role, files) == code


@pytest.mark.parametrize("role", [REGISTRAR, CENTRE, NODE])
def test_what_is_in_force_is_taken(office: Office, role: str) -> None:
    assert office.offer(role, office.second) == "TAKEN"


def test_callers_see_the_policy_that_was_newest(office: Office) -> None:
    """Whatever lies in the folder of the node: a line that was withdrawn stays withdrawn."""
    assert office.asked(100, 2) == ["NO"]
    for _ in range(2):
        assert office.asked(600, 2) == ["POLICY_PARAMETER"]
        assert office.asked(600, 1) == ["POLICY_VERSION"]
        assert office.offer(NODE, older("policy.json")(office)) == "POLICY_ROLLED_BACK"


def test_a_key_that_was_withdrawn_stays_withdrawn_at_every_door(office: Office) -> None:
    """It was lost; whoever has it puts the old manifest back, and asks."""
    house, before = office.house, office.second
    lost = house.twin.coordinator.key
    fresh = SigningKey.generate()
    amend(
        house.twin.folder,
        NOW,
        lambda home: changes.retire(
            changes.renew(home.manifest, CENTRE, fresh.verify_key, None, home.edition()),
            CENTRE,
            home.edition(),
        ),
    )
    for watch in office.watches.values():
        watch.look()
    office.second = documents(office.folder(NODE))
    for role in (NODE, REGISTRAR):
        assert office.offer(role, before) == "MANIFEST_ROLLED_BACK"
    token = house.twin.token(house.twin.claims(NODE, WITH_CAR), grant("P40"))
    assert house.heard(house.ask(shown(token), tokens=[token])) == ["BAD_SIGNATURE"]
    assert office.told(lost) == "BAD_SIGNATURE"
    assert office.told(fresh) == "CONSENT_UNKNOWN"
