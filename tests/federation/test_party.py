"""A party's folder: what opens, what does not, and who may hold its data."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crypto import envelope, suites
from crypto.keys import SealCost, SigningKey
from federation import (
    ceremony,
    certificates,
    changes,
    founding,
    keyfile,
    manifest,
    party,
    pins,
    policy,
    root,
)
from federation.errors import BadInput, HeduiError, PeerFault
from federation.founding import FederationPlan, PartyPlan
from federation.manifest import Manifest, PartyRole
from federation.party import Party
from tests.federation.test_founding import PLAN, POLICY
from tests.support.ecdsa import ECDSA
from tests.support.founder import amend, documents, issue, put

NOW = PLAN.now
HOLD = """
import sys
from pathlib import Path
from federation import party
handle = party.lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def _found(folder: Path, *, demonstration: bool) -> Path:
    parties = [
        PartyPlan(id=name, role=role, kind=kind, zh="某", en=name, endpoint="127.0.0.1:0")
        for name, role, kind in (
            ("registrar", PartyRole.REGISTRAR, ""),
            ("tax", PartyRole.NODE, "tax"),
        )
    ]
    plan = FederationPlan(
        federation="test",
        parties=parties,
        policy=POLICY.encode(),
        now=NOW,
        days=30,
        demonstration=demonstration,
        cost=SealCost.MINIMAL,
    )
    founding.found(folder, plan)
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    base = tmp_path_factory.mktemp("made")
    return {d: _found(base / str(d), demonstration=d) for d in (False, True)}


@pytest.fixture
def folder(made: dict[bool, Path], tmp_path: Path) -> Path:
    """Give a copy of a party's folder to spoil."""
    return Path(shutil.copytree(made[False] / "tax", tmp_path / "tax"))


def _load(folder: Path, now: int = NOW, role: PartyRole = PartyRole.NODE) -> Party:
    return party.load(folder, role, now)


def test_an_installation_opens(folder: Path) -> None:
    found = _load(folder)
    assert (found.id, found.entry.kind, found.listen) == ("tax", "tax", "127.0.0.1:0")
    assert found.key.kid in found.entry.keys
    assert found.policy.family == "test"
    assert found.tap is None
    assert found.settings == {}
    assert stat.S_IMODE(found.data.stat().st_mode) == 0o700


def test_no_secret_shows_in_a_repr(folder: Path) -> None:
    found = _load(folder)
    shown = repr(found)
    assert "PRIVATE" not in shown
    assert "SigningKey" not in shown


def test_settings_of_the_role_reach_it(folder: Path) -> None:
    (folder / "party.toml").write_text(
        'party = "tax"\nlisten = "0.0.0.0:7001"\ndata = "elsewhere"\n[node]\nx = 1\n', "utf-8"
    )
    found = _load(folder)
    assert (found.listen, found.data, found.settings) == (
        "0.0.0.0:7001",
        folder / "elsewhere",
        {"x": 1},
    )


def test_another_sealed_file_opens_for_its_purpose(folder: Path) -> None:
    secret = party.passphrase(folder)
    keyfile.save(folder / "x.key", b"s", secret, purpose="p", cost=SealCost.MINIMAL)
    found = _load(folder)
    assert found.secret("x.key", "p") == b"s"
    with pytest.raises(BadInput, match="PASSPHRASE_WRONG"):
        found.secret("x.key", "q")


@pytest.mark.parametrize(
    "name", ["root.json", "manifest.json", "policy.json", "signing.key", "tls.key"]
)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BadInput, match=f"MISSING file={name}"):
        _load(folder)


@pytest.mark.parametrize("name", ["passphrase", "signing.key", "tls.key"])
def test_a_secret_that_others_may_read_is_refused(folder: Path, name: str) -> None:
    (folder / name).chmod(0o644)
    with pytest.raises(BadInput, match=f"KEY_FILE_OPEN file={name}"):
        _load(folder)


def test_the_passphrase_may_lie_apart_from_what_it_opens(folder: Path, tmp_path: Path) -> None:
    apart = (folder / "passphrase").rename(tmp_path / "tax.secret")
    with (folder / "party.toml").open("r+", encoding="utf-8") as settings:
        text = settings.read()
        settings.seek(0)
        settings.write(f'passphrase = "{apart}"\n{text}')
    assert _load(folder).id == "tax"
    apart.chmod(0o440)
    with pytest.raises(BadInput, match=r"KEY_FILE_OPEN file=tax\.secret"):
        _load(folder)


def test_a_wrong_passphrase_is_told(folder: Path) -> None:
    keyfile.write_private(folder / "passphrase", b"wrong\n")
    with pytest.raises(BadInput, match=r"PASSPHRASE_WRONG file=signing\.key"):
        _load(folder)


def test_keys_sealed_for_another_purpose_do_not_open(folder: Path) -> None:
    shutil.copy(folder / "tls.key", folder / "signing.key")
    with pytest.raises(BadInput, match=r"PASSPHRASE_WRONG file=signing\.key"):
        _load(folder)


def test_a_key_that_the_manifest_does_not_list_is_refused(folder: Path) -> None:
    keyfile.save(
        folder / "signing.key",
        SigningKey.generate().seed,
        party.passphrase(folder),
        purpose=party.SIGNING,
        cost=SealCost.MINIMAL,
    )
    with pytest.raises(BadInput, match="KEY_NOT_LISTED party=tax"):
        _load(folder)


def test_a_folder_opens_for_its_own_role_only(folder: Path) -> None:
    with pytest.raises(BadInput, match="PARTY_ROLE party=tax role=coordinator"):
        _load(folder, role=PartyRole.COORDINATOR)


def test_a_party_that_is_not_listed_does_not_open(folder: Path) -> None:
    (folder / "party.toml").write_text('party = "bank_a"\n', "utf-8")
    with pytest.raises(BadInput, match="PARTY_ROLE party=bank_a"):
        _load(folder)


def test_an_expired_manifest_is_refused(folder: Path) -> None:
    with pytest.raises(PeerFault, match="MANIFEST_EXPIRED"):
        _load(folder, now=NOW + 31 * 86_400)


def _resign(folder: Path, name: str) -> None:
    document = json.loads((folder / name).read_bytes())
    document["signatures"] = document["signatures"][:1]
    (folder / name).write_text(json.dumps(document), "utf-8")


@pytest.mark.parametrize("name", ["manifest.json", "policy.json"])
def test_documents_with_too_few_signatures_are_refused(folder: Path, name: str) -> None:
    _resign(folder, name)
    with pytest.raises(PeerFault, match="ROOT_SIGNATURE"):
        _load(folder)


def test_policy_and_manifest_do_not_stand_for_each_other(folder: Path) -> None:
    shutil.copy(folder / "manifest.json", folder / "policy.json")
    with pytest.raises(PeerFault, match="ROOT_SIGNATURE"):
        _load(folder)


def test_another_federation_s_root_opens_nothing(folder: Path, made: dict[bool, Path]) -> None:
    shutil.copy(made[True] / "tax" / "root.json", folder / "root.json")
    with pytest.raises(PeerFault, match="ROOT_SIGNATURE"):
        _load(folder)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "party"),
        ('party = ""', "party"),
        ("party = 5", "party"),
        ('party = "tax"\nlisten = 7001', "listen"),
        ('party = "tax"\ndata = true', "data"),
        ('party = "tax"\nnode = "x"', "node"),
        ('party = "tax"\nrecord_wire = 1', "record_wire"),
        ('party = "tax"\nsurprise = 1', "surprise"),
        ('party = "tax"\nparty = "tax"', ""),
        ("party", ""),
    ],
)
def test_settings_are_exact(folder: Path, text: str, why: str) -> None:
    (folder / "party.toml").write_text(text, "utf-8")
    with pytest.raises(BadInput, match="SETTINGS_INVALID") as caught:
        _load(folder)
    assert why in str(caught.value.details["why"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "party.toml").unlink(),
        lambda folder: (folder / "party.toml").write_bytes(b"\xff"),
        lambda folder: (folder / "data").write_text("a file", "utf-8"),
        lambda folder: (folder / "party.toml").write_text('party = "tax"\ndata = "a/b"', "utf-8"),
    ],
)
def test_settings_that_cannot_be_followed_are_told(
    folder: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(folder)
    with pytest.raises(BadInput, match="SETTINGS_INVALID"):
        _load(folder)


# ---- never back


@pytest.fixture
def home(made: dict[bool, Path], tmp_path: Path) -> Path:
    """Give a copy of a whole founder's folder whose node has started once."""
    home = Path(shutil.copytree(made[False], tmp_path / "home"))
    _load(home / "tax").pin()
    return home


def test_opening_alone_pins_nothing(folder: Path) -> None:
    found = _load(folder)
    assert not (found.data / pins.FILE).exists()
    found.pin()
    assert {name: one.version for name, one in pins.read(found.data).items()} == {
        "root": 1,
        "manifest": 1,
        "policy test": 1,
    }


def test_an_older_manifest_does_not_open_again(home: Path) -> None:
    old = documents(home / "tax")
    amend(home, NOW, lambda h: changes.extend(h.manifest, h.edition()))
    _load(home / "tax").pin()
    put(home / "tax", old)
    with pytest.raises(PeerFault, match="MANIFEST_ROLLED_BACK version=1 seen=2"):
        _load(home / "tax")


def test_an_older_root_does_not_open_again(home: Path) -> None:
    old = documents(home / "tax")
    opened = ceremony.open_home(home, NOW)
    after = changes.next_root(opened.chain.newest, opened.root.keys, 3, NOW)
    issue(opened, {"root.json": root.write(after)})
    _load(home / "tax").pin()
    put(home / "tax", old)
    with pytest.raises(PeerFault, match="ROOT_ROLLED_BACK version=1 seen=2"):
        _load(home / "tax")


def test_a_root_that_only_its_own_keys_signed_replaces_nothing(home: Path) -> None:
    """Neither behind the one in use nor in its place."""
    strangers = [SigningKey.generate() for _ in range(3)]
    opened = ceremony.open_home(home, NOW)
    mine = {key.kid: key.verify_key for key in strangers}
    after = changes.next_root(opened.chain.newest, mine, 2, NOW)
    forged = root.sign(root.write(after), root.PAYLOAD_TYPE, strangers)
    listed = root.sign(manifest.write(opened.manifest), manifest.PAYLOAD_TYPE, strangers)
    rules = root.sign(POLICY.encode(), policy.PAYLOAD_TYPE, strangers)
    first = (home / "tax" / "root.json").read_bytes()
    put(home / "tax", {"manifest.json": listed, "policy.json": rules})
    for chain in (forged, first + b"\n" + forged):
        put(home / "tax", {"root.json": chain})
        with pytest.raises(PeerFault, match="ROOT_SIGNATURE"):
            _load(home / "tax")


def test_a_root_that_ended_opens_nothing(home: Path) -> None:
    late = NOW + founding.ROOT_LIFE * 30 * founding.DAY
    with pytest.raises(PeerFault, match="ROOT_EXPIRED version=1"):
        _load(home / "tax", now=late)


def _sign_around(home: Path, change: Callable[[Manifest], Manifest]) -> None:
    """Sign a manifest that no founder's tool would sign."""
    opened = ceremony.open_home(home, NOW)
    payload = manifest.write(change(opened.manifest))
    keys = ceremony.keys_at_hand(opened)
    put(home / "tax", {"manifest.json": root.sign(payload, manifest.PAYLOAD_TYPE, keys)})


@pytest.mark.parametrize(
    "change",
    [
        lambda m: replace(m, version=2, expires=NOW + 10**9),
        lambda m: replace(m, version=2, federation="other"),
    ],
    ids=["outlives its root", "another federation's name"],
)
def test_a_manifest_stays_within_its_root(
    home: Path, change: Callable[[Manifest], Manifest]
) -> None:
    _sign_around(home, change)
    with pytest.raises(PeerFault, match="MANIFEST_INVALID why=root"):
        _load(home / "tax")


def test_two_manifests_of_one_version_do_not_both_open(home: Path) -> None:
    _sign_around(home, lambda m: replace(m, issued=m.issued + 1))
    with pytest.raises(PeerFault, match="VERSION_REUSED document=manifest version=1"):
        _load(home / "tax")


def test_a_certificate_that_the_manifest_does_not_list_is_refused(home: Path) -> None:
    secret = party.passphrase(home / "tax")
    path = home / "tax" / "tls.key"
    other = certificates.new_key()
    keyfile.save(path, other, secret, purpose=party.TLS, cost=SealCost.MINIMAL)
    with pytest.raises(BadInput, match="CERTIFICATE_NOT_LISTED party=tax"):
        _load(home / "tax")


@pytest.fixture
def provided() -> Iterator[None]:
    suites.register(ECDSA)
    yield
    del suites._REGISTERED[ECDSA.name]


@pytest.mark.usefixtures("provided")
def test_a_department_s_key_may_be_of_another_suite(home: Path) -> None:
    """Listed, unsealed, signed with and believed by what its entry says."""
    key = SigningKey.generate(ECDSA)
    secret = party.passphrase(home / "tax")
    path = home / "tax" / "signing.key"
    keyfile.save(path, key.seed, secret, purpose=party.SIGNING, cost=SealCost.MINIMAL)
    amend(home, NOW, lambda h: changes.renew(h.manifest, "tax", key.verify_key, None, h.edition()))
    found = _load(home / "tax")
    assert (found.key.kid, found.key.verify_key.suite) == (key.kid, ECDSA)
    signed = envelope.sign(b"answer", "text/plain", found.key)
    keys = found.manifest.party("tax").keys
    assert envelope.verify(signed, keys, payload_type="text/plain") == b"answer"


def test_a_suite_that_nobody_provides_stops_the_start(home: Path) -> None:
    suites.register(ECDSA)
    try:
        key = SigningKey.generate(ECDSA).verify_key
        amend(home, NOW, lambda h: changes.renew(h.manifest, "tax", key, None, h.edition()))
    finally:
        del suites._REGISTERED[ECDSA.name]
    with pytest.raises(PeerFault, match="SUITE_UNKNOWN suite=ecdsa-p256"):
        _load(home / "tax")


# ---- the recorder


def _recording(folder: Path, target: Path) -> None:
    text = (folder / "party.toml").read_text("utf-8")
    (folder / "party.toml").write_text(f'{text}\nrecord_wire = "{target}"\n', "utf-8")


def test_nothing_is_recorded_outside_a_demonstration(folder: Path, tmp_path: Path) -> None:
    _recording(folder, tmp_path / "wire")
    with pytest.raises(BadInput, match="RECORDER_FORBIDDEN"):
        _load(folder)
    assert not (tmp_path / "wire").exists()


def test_a_demonstration_may_record(made: dict[bool, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made[True] / "tax", tmp_path / "tax"))
    _recording(folder, tmp_path / "wire")
    found = _load(folder)
    assert found.tap is not None
    found.tap("out", "X/Y", b"message")
    (file,) = (tmp_path / "wire").iterdir()
    assert file.name == f"tax.{os.getpid()}.jsonl"


# ---- files of its own


def test_a_private_file_is_made_empty_and_the_owner_s(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    party.private_file(path)
    assert path.read_bytes() == b""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_closed_to_others_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"kept")
    path.chmod(0o666)
    party.private_file(path)
    assert path.read_bytes() == b"kept"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# ---- the lock


def test_one_process_holds_a_data_folder(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BadInput, match=f"DATA_FOLDER_IN_USE folder={tmp_path.name}"):
            party.lock(tmp_path)
        assert (tmp_path / "lock").read_text("utf-8") == str(other.pid)
        other.kill()
        other.wait()
    with party.lock(tmp_path):
        assert (tmp_path / "lock").read_text("utf-8") == str(os.getpid())
        with pytest.raises(HeduiError, match="DATA_FOLDER_IN_USE"):
            party.lock(tmp_path)
    party.lock(tmp_path).close()
