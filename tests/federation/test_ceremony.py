"""Documents collect signatures in one sitting or several; nothing else brings them into force."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from crypto import envelope
from crypto.keys import SealCost, SigningKey
from federation import ceremony, certificates, changes, founding, keyfile, manifest, party, root
from federation.ceremony import Home
from federation.errors import BadInput, HeduiError, PeerFault
from federation.founding import CA_KEY, PENDING, ROOT_KEY, SIGNED
from federation.manifest import PartyRole
from federation.root import RootDocument
from tests.federation.test_founding import PLAN, POLICY
from tests.support.founder import amend, documents, issue, put

NOW = PLAN.now


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "f"
    founding.found(folder, PLAN)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "f"))


def _home(folder: Path) -> Home:
    return ceremony.open_home(folder, NOW)


def _next_manifest(home: Home) -> dict[str, bytes]:
    return {"manifest.json": manifest.write(changes.extend(home.manifest, home.edition()))}


def _keys(home: Home) -> list[SigningKey]:
    return ceremony.keys_at_hand(home)


def _refused(code: str, act: Callable[[], object], error: type[HeduiError] = BadInput) -> None:
    with pytest.raises(error, match=code):
        act()


# ---- one document, several sittings


def test_one_sitting_with_enough_keys_brings_a_document_into_force(folder: Path) -> None:
    home = _home(folder)
    issue(home, _next_manifest(home))
    assert not (folder / PENDING).exists()
    for place in (SIGNED, "registrar", "coordinator", "tax"):
        signed = (folder / place / "manifest.json").read_bytes()
        assert manifest.read(signed, home.root, now=NOW).version == 2
    assert party.load(folder / "tax", PartyRole.NODE, NOW).manifest.version == 2


def test_signatures_are_collected_one_holder_after_the_other(folder: Path) -> None:
    home = _home(folder)
    first, second, _ = _keys(home)
    ceremony.propose(home, _next_manifest(home))
    (left,) = ceremony.sign(home, [first])
    assert left.missing() == 1
    assert _home(folder).manifest.version == 1
    (still,) = ceremony.sign(_home(folder), [first])
    assert still.missing() == 1, "one key counts once"
    assert len(still.envelope.signatures) == 1
    assert ceremony.sign(_home(folder), [second]) == []
    assert _home(folder).manifest.version == 2


def test_copies_signed_apart_are_put_together(folder: Path, tmp_path: Path) -> None:
    home = _home(folder)
    first, second, _ = _keys(home)
    ceremony.propose(home, _next_manifest(home))
    elsewhere = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    ceremony.sign(_home(elsewhere), [second])
    signed = (elsewhere / PENDING / "manifest.json").read_bytes()
    ceremony.sign(home, [first])
    assert ceremony.sign(home, [], [signed]) == []
    assert _home(folder).manifest.version == 2


def test_a_copy_of_something_else_adds_nothing(folder: Path, tmp_path: Path) -> None:
    home = _home(folder)
    first, second, _ = _keys(home)
    other = changes.remove(home.manifest, "tax", home.edition())
    signed = root.sign(manifest.write(other), manifest.PAYLOAD_TYPE, [second])
    ceremony.propose(home, _next_manifest(home))
    (left,) = ceremony.sign(home, [first], [signed])
    assert left.missing() == 1
    _refused("PENDING_INVALID", lambda: ceremony.sign(home, [], [b"garbage"]))


def test_a_forged_signature_in_a_copy_is_refused(folder: Path) -> None:
    home = _home(folder)
    first, second, _ = _keys(home)
    ceremony.propose(home, _next_manifest(home))
    waiting = (folder / PENDING / "manifest.json").read_bytes()
    draft = envelope.from_json(waiting, max_bytes=1 << 20)
    forged = envelope.Signature(kid=second.kid, sig=bytes(64))
    copy = envelope.to_json(replace(draft, signatures=(forged,)))
    _refused("ROOT_SIGNATURE", lambda: ceremony.sign(home, [first], [copy]), PeerFault)
    assert (folder / PENDING / "manifest.json").read_bytes() == waiting


def test_a_stranger_s_key_signs_nothing(folder: Path) -> None:
    home = _home(folder)
    ceremony.propose(home, _next_manifest(home))
    _refused("ROOT_KEY_UNKNOWN", lambda: ceremony.sign(home, [SigningKey.generate()]))


def test_one_change_at_a_time(folder: Path) -> None:
    home = _home(folder)
    _refused("NOTHING_PENDING", lambda: ceremony.sign(home, _keys(home)))
    ceremony.propose(home, _next_manifest(home))
    _refused("CHANGE_PENDING", lambda: ceremony.propose(home, _next_manifest(home)))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: replace(m, version=1, issued=NOW + 1),
        lambda m: replace(m, version=3),
        lambda m: replace(m, version=2, federation="other"),
        lambda m: replace(m, version=2, expires=NOW + 10**9),
    ],
    ids=["same version, other content", "leap", "another federation", "outlives its root"],
)
def test_what_no_party_would_take_is_not_signed(
    folder: Path, change: Callable[[manifest.Manifest], manifest.Manifest]
) -> None:
    home = _home(folder)
    ceremony.propose(home, {"manifest.json": manifest.write(change(home.manifest))})
    _refused("PENDING_INVALID file=manifest.json", lambda: ceremony.pending(home))
    _refused("PENDING_INVALID", lambda: ceremony.sign(home, [SigningKey.generate()]))


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff"])
def test_garbage_is_not_signed(folder: Path, data: bytes) -> None:
    (folder / PENDING).mkdir()
    (folder / PENDING / "policy.json").write_bytes(data)
    _refused("PENDING_INVALID file=policy.json", lambda: ceremony.pending(_home(folder)))


def test_a_manifest_does_not_wait_as_a_policy(folder: Path) -> None:
    home = _home(folder)
    draft = envelope.Envelope(
        payload=POLICY.encode(), payload_type=manifest.PAYLOAD_TYPE, signatures=()
    )
    (folder / PENDING).mkdir()
    (folder / PENDING / "policy.json").write_bytes(envelope.to_json(draft))
    _refused("PENDING_INVALID file=policy.json", lambda: ceremony.pending(home))


# ---- the root itself


def _exchange(home: Home, gone: int = 3, threshold: int = 2) -> list[SigningKey]:
    """Propose a root without the first ``gone`` keys, with as many new ones; give the new ones."""
    old = home.chain.newest
    fresh = [SigningKey.generate() for _ in range(gone)]
    kept = [key.verify_key for key in _keys(home)[gone:]]
    keys = {key.kid: key for key in [*kept, *(one.verify_key for one in fresh)]}
    after = changes.next_root(old, keys, threshold, NOW)
    ceremony.propose(home, {"root.json": root.write(after)})
    secret = party.passphrase(home.folder / "root")
    for number, key in enumerate(fresh, 4):
        path = home.folder / "root" / f"root-{number}.key"
        keyfile.save(path, key.seed, secret, purpose=ROOT_KEY, cost=SealCost.MINIMAL)
    return fresh


def test_root_keys_are_exchanged_with_both_sides_signing(folder: Path) -> None:
    home = _home(folder)
    old = _keys(home)
    fresh = _exchange(home)
    left = ceremony.sign(home, fresh)
    assert {one.name: one.missing() for one in left} == {"root.json": 2}
    left = ceremony.sign(home, old[:1])
    assert {one.name: one.missing() for one in left} == {"root.json": 1}
    assert ceremony.sign(home, old[1:]) == []
    after = _home(folder)
    assert [one.version for one in after.chain.documents] == [1, 2]
    assert after.root.keys.keys() == {key.kid for key in fresh}
    assert after.manifest == home.manifest
    assert party.load(folder / "tax", PartyRole.NODE, NOW).manifest.version == 1


def test_old_root_keys_alone_exchange_nothing(folder: Path) -> None:
    home = _home(folder)
    old = _keys(home)
    _exchange(home)
    left = ceremony.sign(home, old)
    assert {one.name: one.missing() for one in left} == {
        "policy.json": 2,
        "manifest.json": 2,
        "root.json": 2,
    }
    assert _home(folder).chain.newest.version == 1


@pytest.mark.parametrize("arrived", [[], ["policy.json"], ["policy.json", "manifest.json"]])
def test_documents_hold_under_the_old_root_until_the_new_one_arrives(
    folder: Path, arrived: list[str]
) -> None:
    before = documents(folder / "tax")
    home = _home(folder)
    old = _keys(home)
    ceremony.sign(home, [*old, *_exchange(home)])
    put(folder / "tax", {name: data for name, data in before.items() if name not in arrived})
    assert party.load(folder / "tax", PartyRole.NODE, NOW).papers.documents.root.version == 1


def test_a_root_that_arrives_first_waits_for_the_documents(folder: Path) -> None:
    before = documents(folder / "tax")
    home = _home(folder)
    old = _keys(home)
    ceremony.sign(home, [*old, *_exchange(home)])
    put(folder / "tax", before | {"root.json": documents(folder / "tax")["root.json"]})
    _refused("ROOT_SIGNATURE", lambda: party.load(folder / "tax", PartyRole.NODE, NOW), PeerFault)


def test_a_single_key_is_replaced_without_signing_everything_anew(folder: Path) -> None:
    home = _home(folder)
    old = _keys(home)
    # The documents in force are signed by the first two: the third goes.
    fresh = SigningKey.generate()
    keys = {key.kid: key.verify_key for key in [*old[:2], fresh]}
    after = changes.next_root(home.chain.newest, keys, 2, NOW)
    ceremony.propose(home, {"root.json": root.write(after)})
    assert [one.name for one in ceremony.pending(home)] == ["root.json"]
    assert ceremony.sign(home, old[:2]) == []
    assert fresh.kid in _home(folder).root.keys


def test_a_withdrawn_root_key_signs_no_more(folder: Path) -> None:
    home = _home(folder)
    old = _keys(home)
    fresh = _exchange(home)
    ceremony.sign(home, [*old, *fresh])
    after = _home(folder)
    assert {key.kid for key in _keys(after)} == {key.kid for key in fresh}
    ceremony.propose(after, _next_manifest(after))
    _refused("ROOT_KEY_UNKNOWN", lambda: ceremony.sign(after, old))
    forged = root.sign(
        manifest.write(changes.remove(after.manifest, "tax", after.edition())),
        manifest.PAYLOAD_TYPE,
        old,
    )
    (folder / SIGNED / "manifest.json").write_bytes(forged)
    _refused("ROOT_SIGNATURE", lambda: _home(folder), PeerFault)


@pytest.mark.parametrize(
    "change",
    [{"version": 3}, {"version": 1}, {"federation": "other"}],
    ids=["leap", "same", "other"],
)
def test_a_root_that_does_not_follow_is_not_signed(folder: Path, change: dict[str, object]) -> None:
    home = _home(folder)
    after = changes.next_root(home.chain.newest, home.root.keys, 2, NOW)
    wrong: RootDocument = replace(after, **change)  # type: ignore[arg-type]
    ceremony.propose(home, {"root.json": root.write(wrong)})
    _refused("PENDING_INVALID file=root.json", lambda: ceremony.pending(home))


# ---- the authority


def test_an_authority_counts_once_the_manifest_names_it(folder: Path) -> None:
    home = _home(folder)
    first = ceremony.authority(home)
    made = certificates.make_authority("test", NOW, 100)
    secret = party.passphrase(folder / "root")
    path = folder / "root" / "ca.next.key"
    keyfile.save(path, made.key, secret, purpose=CA_KEY, cost=SealCost.MINIMAL)
    (folder / "root" / "ca.next.pem").write_bytes(made.certificate)
    assert ceremony.authority(home) == first
    ceremony.promote_authority(home)
    assert path.exists()
    bundle = made.certificate + first.certificate
    amend(folder, NOW, lambda h: changes.with_authorities(h.manifest, bundle, h.edition()))
    home = _home(folder)
    assert ceremony.authority(home) == made
    ceremony.promote_authority(home)
    assert not path.exists()
    assert ceremony.authority(home) == made


def test_a_founder_s_folder_without_the_authority_issues_nothing(folder: Path) -> None:
    (folder / "root" / "ca.pem").unlink()
    _refused("CHANGE_INVALID", lambda: ceremony.authority(_home(folder)))


def test_what_is_in_force_is_verified(folder: Path) -> None:
    path = folder / SIGNED / "manifest.json"
    document = json.loads(path.read_bytes())
    document["signatures"] = document["signatures"][:1]
    path.write_text(json.dumps(document), "utf-8")
    _refused("ROOT_SIGNATURE", lambda: _home(folder), PeerFault)
    path.unlink()
    _refused(r"FILE_MISSING file=manifest\.json", lambda: _home(folder))


def test_what_has_ended_can_still_be_renewed(folder: Path) -> None:
    late = NOW + 2 * 366 * 86_400
    home = ceremony.open_home(folder, late)
    issue(home, _next_manifest(home))
    assert ceremony.open_home(folder, late).manifest.expires > late


def test_a_party_whose_folder_is_elsewhere_is_left_to_its_keeper(folder: Path) -> None:
    shutil.rmtree(folder / "tax")
    home = _home(folder)
    issue(home, _next_manifest(home))
    assert not (folder / "tax").exists()
    assert _home(folder).manifest.version == 2


def test_what_is_proposed_is_described(folder: Path) -> None:
    home = _home(folder)
    without = changes.remove(home.manifest, "tax", home.edition())
    ceremony.propose(home, {"manifest.json": manifest.write(without)})
    assert [one.en for one in ceremony.described(home, ceremony.pending(home))] == [
        one.en for one in changes.describe(home.manifest, without)
    ]
    shutil.rmtree(folder / PENDING)
    text = POLICY.replace("version = 1", "version = 2").encode()
    ceremony.propose(home, {"policy.json": text})
    (said,) = ceremony.described(home, ceremony.pending(home))
    assert said.en == "policy: test 2"
    shutil.rmtree(folder / PENDING)
    _exchange(home)
    said_all = [one.en for one in ceremony.described(home, ceremony.pending(home))]
    assert "manifest: as it is, signed anew" in said_all
    assert "root version 1 → 2, 2 of 3 keys sign" in said_all
