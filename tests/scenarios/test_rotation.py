"""Keys, certificates, authority and root are exchanged while a node answers over real sockets.

The node is never restarted: what lies in its folder is taken over by itself.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from crypto import labels, oprf
from crypto.keys import SealCost, SigningKey
from department_node.node import Node, RunningNode
from federation import (
    ceremony,
    certificates,
    changes,
    epochs,
    founding,
    keyfile,
    manifest,
    pins,
    renewal,
    root,
    watching,
)
from federation import party as parties
from federation.ceremony import Home
from federation.clock import epoch_of
from federation.enrolment import BlindBatch
from federation.errors import HeduiError
from federation.exchange import ASK, Outcome, Question
from federation.founding import ROOT_KEY, PartyPlan
from federation.manifest import Manifest, PartyRole
from federation.party import Party
from federation.strictjson import loads, unb64
from federation.wire import codec
from federation.wire.channel import Peers, TlsIdentity
from federation.wire.registrar_client import RegistrarClient
from hedui.demo.stage import free_ports
from registrar import server as registrar
from tests.support import twin as twins
from tests.support.founder import amend, documents, issue, put
from tests.support.twin import NOW, WITH_CAR, Twin, grant

NODE = "public_security"
CENTRE = "coordinator"
PATIENCE = 15.0
CHEAP = SealCost.MINIMAL


@dataclass
class House:
    """A running node and the centre that asks it."""

    twin: Twin
    node: Node
    running: RunningNode

    @property
    def folder(self) -> Path:
        return self.twin.folder

    def centre(self) -> Party:
        return parties.load(self.folder / CENTRE, PartyRole.COORDINATOR, NOW)

    def ask(self, key: SigningKey, tls: TlsIdentity, peers: Peers | None = None) -> str:
        """Put one question under a fresh token of this key; give the outcome, or the refusal."""
        claims = self.twin.claims(NODE, WITH_CAR)
        token = self.twin.token(replace(claims, holder=key.verify_key.raw), grant("P40"))
        asked = Question(
            predicate="P40", presentation=hashlib.sha256(token).digest(), case_ref=bytes(32)
        )
        request = self.twin.request(self.twin.header(), [asked], token, key=key)
        mine = peers or Peers(tls)
        try:
            reply = mine.call(self.node.party.manifest.party(NODE), ASK, request, timeout=10)
        except HeduiError as error:
            return error.code
        finally:
            if peers is None:
                mine.close()
        return codec.decode_answer(codec.decode_batch(reply).items[0].item).outcome.name

    def amend(self, change: Callable[[Home], Manifest]) -> None:
        """Bring a manifest into force, and wait until the running node goes by it."""
        after = amend(self.folder, NOW, change)
        self.wait(lambda: self.node.party.manifest.version == after.version)

    def wait(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, "the node did not notice"
            time.sleep(0.05)

    def next_key(self, party: str) -> SigningKey:
        """Have a party's next signing key listed beside the old one."""
        asked = renewal.ask_for_key(self.folder / party, NOW, CHEAP)
        self.amend(lambda home: _granted(home, asked, party))
        secret = parties.passphrase(self.folder / party)
        path = self.folder / party / renewal.NEXT_KEY
        return SigningKey.from_seed(keyfile.load(path, secret, purpose=parties.SIGNING))

    def next_certificate(self, party: str) -> TlsIdentity:
        """Have a party's next certificate listed beside the old one."""
        asked = renewal.ask_for_certificate(self.folder / party, NOW, CHEAP)
        self.amend(lambda home: _granted(home, asked, party))
        secret = parties.passphrase(self.folder / party)
        key = keyfile.load(self.folder / party / renewal.NEXT_TLS, secret, purpose=parties.TLS)
        listed = certificates.fitting(self.node.party.manifest.party(party).certificates, key)
        assert listed
        return TlsIdentity(certificate=listed, key=key)

    def retire(self, party: str) -> None:
        self.amend(lambda home: changes.retire(home.manifest, party, home.edition()))

    def switch(self, party: str) -> None:
        renewal.switch(self.folder / party, self.node.party.manifest.party(party))


def _granted(home: Home, asked: bytes, party: str) -> Manifest:
    found = renewal.read(asked, home.manifest.party(party))
    issued = None
    if found.csr:
        pem = certificates.certify(ceremony.authority(home), found.csr, party, NOW, 30)
        issued = certificates.der(pem)
    return changes.renew(home.manifest, party, found.key, issued, home.edition())


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(watching, "EVERY", 0.2)
    twin = twins.make(tmp_path / "f", ports={NODE: free_ports(1)[0]})
    settings = twin.folder / NODE / "party.toml"
    settings.write_text(settings.read_text("utf-8") + "one_core = false\n", "utf-8")
    with twins.open_node(twin) as node:
        running = RunningNode(node)
        running.start()
        try:
            yield House(twin, node, running)
        finally:
            running.stop()


YES = Outcome.YES.name


def test_the_centre_s_key_is_exchanged_while_the_node_answers(house: House) -> None:
    centre = house.centre()
    thief = SigningKey.generate()
    assert house.ask(centre.key, centre.tls) == YES
    following = house.next_key(CENTRE)
    assert house.ask(centre.key, centre.tls) == YES
    assert house.ask(following, centre.tls) == YES
    assert house.ask(thief, centre.tls) == "BAD_SIGNATURE"
    house.switch(CENTRE)
    assert house.centre().key.kid == following.kid
    house.retire(CENTRE)
    assert house.ask(following, centre.tls) == YES
    assert house.ask(centre.key, centre.tls) == "BAD_SIGNATURE"


def test_a_key_counts_for_nothing_before_it_is_listed(house: House) -> None:
    centre = house.centre()
    renewal.ask_for_key(house.folder / CENTRE, NOW, CHEAP)
    secret = parties.passphrase(house.folder / CENTRE)
    path = house.folder / CENTRE / renewal.NEXT_KEY
    following = SigningKey.from_seed(keyfile.load(path, secret, purpose=parties.SIGNING))
    assert house.ask(following, centre.tls) == "BAD_SIGNATURE"


def test_the_centre_s_certificate_is_exchanged_on_open_connections_too(house: House) -> None:
    centre = house.centre()
    unlisted = certificates.issue(ceremony.authority(_home(house)), CENTRE, NOW, 30)
    assert house.ask(centre.key, unlisted) == "WRONG_PARTY"
    open_before = Peers(centre.tls)
    try:
        assert house.ask(centre.key, centre.tls, open_before) == YES
        following = house.next_certificate(CENTRE)
        assert house.ask(centre.key, centre.tls, open_before) == YES
        assert house.ask(centre.key, following) == YES
        house.retire(CENTRE)
        assert house.ask(centre.key, following) == YES
        assert house.ask(centre.key, centre.tls, open_before) == "WRONG_PARTY"
        assert house.ask(centre.key, centre.tls) == "WRONG_PARTY"
    finally:
        open_before.close()


def _home(house: House) -> Home:
    return ceremony.open_home(house.folder, NOW)


def test_the_node_s_own_key_and_certificate_are_exchanged(house: House) -> None:
    centre = house.centre()
    old = house.node.party.papers
    following, shown = house.next_key(NODE), house.next_certificate(NODE)
    assert house.node.party.key.kid == old.key.kid, "it waits until it is told to switch"
    house.switch(NODE)
    house.wait(lambda: house.node.party.key.kid == following.kid)
    assert house.node.party.tls == shown
    house.retire(NODE)
    assert house.ask(centre.key, centre.tls) == YES
    reply = _reply(house)
    assert [s.kid for s in codec.decode_batch(reply).envelope.signatures] == [following.kid]


def _reply(house: House) -> bytes:
    centre = house.centre()
    token = house.twin.token(house.twin.claims(NODE, WITH_CAR), grant("P40"))
    asked = Question(
        predicate="P40", presentation=hashlib.sha256(token).digest(), case_ref=bytes(32)
    )
    request = house.twin.request(house.twin.header(), [asked], token)
    peers = Peers(centre.tls)
    try:
        return peers.call(centre.manifest.party(NODE), ASK, request, timeout=10)
    finally:
        peers.close()


def test_the_authority_is_exchanged(house: House) -> None:
    centre = house.centre()
    made = certificates.make_authority("test", NOW, 100)
    mine = certificates.issue(made, CENTRE, NOW, 30)
    listed = certificates.der(mine.certificate)
    house.amend(lambda h: changes.renew(h.manifest, CENTRE, None, listed, h.edition()))
    assert house.ask(centre.key, mine) == "PEER_UNREACHABLE", "listed, but of no known authority"
    house.amend(
        lambda h: changes.with_authorities(
            h.manifest, made.certificate + h.manifest.ca, h.edition()
        )
    )
    assert house.ask(centre.key, mine) == YES
    assert house.ask(centre.key, centre.tls) == YES
    house.amend(lambda h: changes.with_authorities(h.manifest, made.certificate, h.edition()))
    assert house.ask(centre.key, mine) == YES
    assert house.ask(centre.key, centre.tls) == "PEER_UNREACHABLE"


def test_a_party_that_is_removed_gets_no_more_answers(house: House) -> None:
    centre = house.centre()
    node = centre.manifest.party(NODE)
    house.amend(lambda h: changes.remove(h.manifest, CENTRE, h.edition()))
    peers = Peers(centre.tls)
    try:
        with pytest.raises(HeduiError, match="WRONG_PARTY"):
            peers.call(node, ASK, b"", timeout=10)
    finally:
        peers.close()


def test_root_keys_are_exchanged_and_old_ones_count_no_more(house: House) -> None:
    home = _home(house)
    old = ceremony.keys_at_hand(home)
    fresh = [SigningKey.generate() for _ in range(3)]
    listed = {key.kid: key.verify_key for key in fresh}
    after = changes.next_root(home.chain.newest, listed, 2, NOW)
    secret = keyfile.read_private(house.folder / "root" / "passphrase").strip()
    for number, key in enumerate(fresh, 4):
        path = house.folder / "root" / f"root-{number}.key"
        keyfile.save(path, key.seed, secret, purpose=ROOT_KEY, cost=CHEAP)
    ceremony.propose(home, {"root.json": root.write(after)})
    assert ceremony.sign(home, [*old, *fresh]) == []
    house.wait(lambda: house.node.party.papers.documents.root.version == 2)
    centre = house.centre()
    assert house.ask(centre.key, centre.tls) == YES

    removed = changes.remove(home.manifest, CENTRE, home.edition())
    forged = root.sign(manifest.write(removed), manifest.PAYLOAD_TYPE, old)
    put(house.folder / NODE, {"manifest.json": forged})
    _unmoved(house)
    assert house.ask(centre.key, centre.tls) == YES


def test_no_older_document_is_taken_over_while_the_node_runs(house: House) -> None:
    before = documents(house.folder / NODE)
    house.next_key(CENTRE)
    house.retire(CENTRE)
    (listed,) = house.node.party.manifest.party(CENTRE).keys
    put(house.folder / NODE, before)
    _unmoved(house)
    assert list(house.node.party.manifest.party(CENTRE).keys) == [listed]
    assert pins.read(house.node.party.data)["manifest"].version == 3


def _unmoved(house: House) -> None:
    """Give the watch time to look several times; it must have taken nothing over."""
    papers = house.node.party.papers
    time.sleep(1)
    assert house.node.party.papers is papers


def test_no_answer_is_lost_while_documents_are_exchanged(house: House) -> None:
    centre = house.centre()
    stop = False

    def keep_asking() -> list[str]:
        peers = Peers(centre.tls)
        said = []
        while not stop:
            said.append(house.ask(centre.key, centre.tls, peers))
        peers.close()
        return said

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(keep_asking) for _ in range(3)]
        try:
            house.next_certificate(NODE)
            house.switch(NODE)
            house.wait(lambda: not (house.folder / NODE / renewal.NEXT_TLS).exists())
            house.amend(lambda h: changes.extend(h.manifest, h.edition()))
        finally:
            stop = True
        said = [word for one in asking for word in one.result()]
    assert len(said) > 20
    assert set(said) == {YES}


def test_a_policy_comes_into_force_without_a_restart(house: House) -> None:
    centre = house.centre()
    text = twins.POLICY.replace("version = 1", "version = 2", 1).encode()
    issue(_home(house), {"policy.json": text})
    house.wait(lambda: house.node.party.policy.version == 2)
    assert house.ask(centre.key, centre.tls) == "REFUSED", "the centre asks under the old one"


# ---- the registrar


@dataclass
class Office:
    """A running registrar."""

    twin: Twin
    party: Party
    peers: Peers

    def wait(self, change: Callable[[Home], Manifest]) -> Manifest:
        """Bring a manifest into force, and wait until the running registrar goes by it."""
        after = amend(self.twin.folder, NOW, change)
        end = time.monotonic() + PATIENCE
        while self.party.manifest.version != after.version:
            assert time.monotonic() < end, "the registrar did not notice"
            time.sleep(0.05)
        return after

    def client(self, party: str = NODE) -> RegistrarClient:
        """Call as a department that has the newest documents."""
        opened = parties.load(self.twin.folder / party, PartyRole.NODE, NOW)
        self.peers.renew(opened.tls)
        return RegistrarClient(opened, self.peers, self.twin.clock)

    def signed_by(self) -> str:
        """Name the key that signs status lists now."""
        (signed,) = self.client().status_lists(NODE).values()
        head: dict[str, str] = loads(unb64(signed.partition(b".")[0], "header"), "header")
        return head["kid"]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(watching, "EVERY", 0.2)
    twin = twins.make(tmp_path / "f", ports={"registrar": free_ports(1)[0]})
    running = registrar.build(twin.registrar, twin.clock)
    running.start()
    with closing(Peers(twin.coordinator.tls)) as peers:
        yield Office(twin, twin.registrar, peers)
    running.stop(0)


def test_the_registrar_s_key_is_exchanged_while_it_answers(office: Office) -> None:
    folder, old = office.twin.folder / "registrar", office.party.key.kid
    assert office.signed_by() == old
    asked = renewal.ask_for_key(folder, NOW, CHEAP)
    listed = office.wait(lambda home: _granted(home, asked, "registrar"))
    assert office.signed_by() == old, "it waits until it is told to switch"
    renewal.switch(folder, listed.registrar)
    end = time.monotonic() + PATIENCE
    while office.signed_by() == old:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert office.signed_by() == list(listed.registrar.keys)[1]


def test_a_department_that_joins_enrols_without_a_restart(office: Office) -> None:
    folder = office.twin.folder
    year = epoch_of(NOW)
    plan = PartyPlan(
        id="bank_a", role=PartyRole.NODE, kind="bank", zh="某", en="x", endpoint="127.0.0.1:1"
    )

    def join(home: Home) -> Manifest:
        made = founding.make(plan, ceremony.authority(home), NOW, 30)
        founding.write(folder / "bank_a", made, CHEAP)
        keys = epochs.derive(folder / "registrar", [("bank_a", year)], CHEAP)
        return changes.add(home.manifest, made.entry, keys, home.edition())

    listed = office.wait(join)
    inputs = [labels.id_input(WITH_CAR)]
    blinds = oprf.derive_blinds(bytes(32), 0, 1)
    batch = BlindBatch(
        tag="id",
        epoch=year,
        batch_no=1,
        roll=10,
        commitment=bytes(32),
        elements=tuple(oprf.blind(inputs, blinds)),
    )
    answer = office.client("bank_a").evaluate(batch)
    evaluation = oprf.Evaluation(elements=answer.elements, proof=answer.proof)
    public = listed.pseudonym_keys["bank_a", year]
    oprf.verify_evaluation(batch.elements, evaluation, public)


def test_a_registrar_whose_manifest_ends_answers_no_more(office: Office) -> None:
    client = office.client()
    office.twin.clock.seconds = office.party.manifest.expires
    batch = BlindBatch(
        tag="id", epoch=2027, batch_no=1, roll=1, commitment=bytes(32), elements=(bytes(32),)
    )
    with pytest.raises(HeduiError, match="MANIFEST_EXPIRED"):
        client.evaluate(batch)
