"""A running party takes over what lies in its folder: whole, verified, never backwards."""

import logging
import shutil
import threading
from pathlib import Path

import pytest

from crypto.keys import SealCost
from federation import ceremony, certificates, changes, founding, keyfile, party, pins, watching
from federation.ceremony import Home
from federation.clock import FixedClock
from federation.errors import BadInput, PeerFault
from federation.manifest import Manifest, PartyRole
from federation.party import Party
from federation.watching import Watch
from tests.federation.test_founding import PLAN, POLICY
from tests.support.founder import amend, documents, issue, put

NOW = PLAN.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    founding.found(tmp_path / "f", PLAN)
    return tmp_path / "f"


class Running:
    """A node's party, pinned and watched; ``told`` are the versions it was told of."""

    def __init__(self, folder: Path) -> None:
        self.party: Party = party.load(folder / "tax", PartyRole.NODE, NOW)
        self.party.pin()
        self.told: list[int] = []
        self.watch = Watch(self.party, FixedClock(NOW), self._renewed)

    def _renewed(self) -> None:
        self.told.append(self.party.manifest.version)

    def pinned(self) -> int:
        return pins.read(self.party.data)["manifest"].version


@pytest.fixture
def running(folder: Path) -> Running:
    return Running(folder)


def _extend(folder: Path, times: int = 1) -> None:
    for _ in range(times):
        amend(folder, NOW, lambda home: changes.extend(home.manifest, home.edition()))


def test_nothing_new_is_not_read(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(party, "renew", lambda *_: pytest.fail("read"))
    running.watch.look()
    assert running.told == []


def test_a_new_manifest_is_taken_over_and_pinned(folder: Path, running: Running) -> None:
    _extend(folder)
    running.watch.look()
    assert (running.told, running.party.manifest.version, running.pinned()) == ([2], 2, 2)
    running.watch.look()
    assert running.told == [2]


def test_what_changed_while_the_party_was_opened_is_not_missed(folder: Path) -> None:
    opened = party.load(folder / "tax", PartyRole.NODE, NOW)
    _extend(folder)
    Watch(opened, FixedClock(NOW), lambda: None).look()
    assert opened.manifest.version == 2


def test_an_older_manifest_is_not_taken_over(folder: Path, running: Running) -> None:
    _extend(folder)
    second = documents(folder / "tax")
    _extend(folder)
    running.watch.look()
    put(folder / "tax", second)
    with pytest.raises(PeerFault, match="MANIFEST_ROLLED_BACK version=2 seen=3"):
        running.watch.look()
    assert (running.told, running.party.manifest.version) == ([3], 3)


def test_another_manifest_of_the_same_version_is_not_taken_over(
    folder: Path, running: Running, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "other")
    _extend(folder)
    amend(
        tmp_path / "other",
        NOW,
        lambda home: changes.remove(home.manifest, "coordinator", home.edition()),
    )
    running.watch.look()
    put(folder / "tax", documents(tmp_path / "other" / "tax"))
    with pytest.raises(PeerFault, match="VERSION_REUSED document=manifest version=2"):
        running.watch.look()
    assert "coordinator" in running.party.manifest.parties


def test_half_a_file_is_read_again_when_it_is_whole(folder: Path, running: Running) -> None:
    _extend(folder)
    path = folder / "tax" / "manifest.json"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PeerFault, match="ROOT_SIGNATURE"):
        running.watch.look()
    running.watch.look()  # nothing has changed since: nothing is tried
    assert running.party.manifest.version == 1
    path.write_bytes(whole)
    running.watch.look()
    assert running.party.manifest.version == 2


def test_a_file_that_goes_away_changes_nothing(folder: Path, running: Running) -> None:
    (folder / "tax" / "root.json").unlink()
    with pytest.raises(BadInput, match=r"FILE_MISSING file=root\.json"):
        running.watch.look()
    assert running.party.manifest.version == 1


def test_an_unwritable_memory_keeps_the_old_documents(
    folder: Path, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError

    _extend(folder)
    monkeypatch.setattr(keyfile, "write_private", full)
    with pytest.raises(BadInput, match=r"FILE_UNWRITABLE file=pins\.json"):
        running.watch.look()
    assert (running.told, running.party.manifest.version) == ([], 1)


def test_another_key_and_certificate_are_taken_over(folder: Path, running: Running) -> None:
    before = running.party.papers

    def exchange(home: Home) -> Manifest:
        made = founding.make(PLAN.parties[2], ceremony.authority(home), NOW, 30)
        secret = party.passphrase(folder / "tax")
        for name, data, purpose in (
            ("signing.key", made.key.seed, party.SIGNING),
            ("tls.key", made.tls.key, party.TLS),
        ):
            path = folder / "tax" / name
            keyfile.save(path, data, secret, purpose=purpose, cost=SealCost.MINIMAL)
        listed = certificates.der(made.tls.certificate)
        return changes.renew(home.manifest, "tax", made.key.verify_key, listed, home.edition())

    amend(folder, NOW, exchange)
    running.watch.look()
    after = running.party.papers
    assert after.key.kid == list(after.entry.keys)[1] != before.key.kid
    assert after.tls != before.tls


def test_documents_count_although_the_party_s_own_key_does_not_fit(
    folder: Path, running: Running
) -> None:
    (folder / "tax" / "signing.key").write_bytes(
        (folder / "coordinator" / "signing.key").read_bytes()
    )
    amend(folder, NOW, lambda home: changes.remove(home.manifest, "coordinator", home.edition()))
    with pytest.raises(BadInput, match=r"PASSPHRASE_WRONG file=signing\.key"):
        running.watch.look()
    assert "coordinator" not in running.party.manifest.parties
    assert (running.told, running.pinned()) == ([2], 2)


def test_a_party_that_was_removed_hears_of_it(folder: Path, running: Running) -> None:
    before = documents(folder / "tax")
    amend(folder, NOW, lambda home: changes.remove(home.manifest, "tax", home.edition()))
    assert documents(folder / "tax") == before, "it is not handed what concerns it no more"
    put(folder / "tax", documents(folder / "coordinator"))
    with pytest.raises(BadInput, match="PARTY_ROLE party=tax"):
        running.watch.look()
    assert "tax" not in running.party.manifest.parties
    assert running.party.id == "tax"


def test_a_new_policy_is_taken_over(folder: Path, running: Running) -> None:
    first = documents(folder / "tax")["policy.json"]
    home = ceremony.open_home(folder, NOW)
    issue(home, {"policy.json": POLICY.replace("version = 1", "version = 2").encode()})
    running.watch.look()
    assert running.party.policy.version == 2
    put(folder / "tax", {"policy.json": first})
    with pytest.raises(PeerFault, match="POLICY_ROLLED_BACK version=1 seen=2"):
        running.watch.look()


def test_a_watch_that_never_began_is_stopped_as_well(running: Running) -> None:
    running.watch.stop()
    assert running.told == []


def test_the_watch_goes_on_whatever_it_finds(
    folder: Path,
    running: Running,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "EVERY", 0.01)
    path = folder / "tax" / "manifest.json"
    path.write_bytes(b"garbage")
    taken = threading.Event()
    watch = Watch(running.party, FixedClock(NOW), taken.set)
    with caplog.at_level(logging.WARNING):
        watch.start()
        try:
            while "ROOT_SIGNATURE" not in caplog.text:
                threading.Event().wait(0.01)
            _extend(folder)
            assert taken.wait(20)
        finally:
            watch.stop()
    assert running.party.manifest.version == 2
    # Once for the garbage, and once more at most, while one of the new papers lies there already.
    assert caplog.text.count("ROOT_SIGNATURE") <= 2, "said once a change, not at every look"
