"""The check of a whole folder: nothing wrong goes unnoticed, and each finding says what to do."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.keys import SealCost, SigningKey
from federation import (
    ceremony,
    certificates,
    changes,
    checkup,
    founding,
    keyfile,
    manifest,
    party,
    root,
)
from federation.ceremony import Home
from federation.clock import epoch_of
from federation.founding import DAY, PENDING, PartyPlan
from federation.manifest import Manifest, PartyRole
from federation.party import SIGNING
from federation.pins import FILE
from tests.federation.test_founding import PARTIES, PLAN
from tests.support.founder import amend, put

NOW = PLAN.now
YEAR = epoch_of(NOW)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "f"
    apart = [replace(one, endpoint=f"127.0.0.1:{7000 + n}") for n, one in enumerate(PARTIES)]
    founding.found(folder, replace(PLAN, parties=apart))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "f"))


def check(folder: Path, now: int = NOW) -> dict[str, bool | None]:
    """Run the check; every fault has help in both languages."""
    found = list(checkup.examine(folder, now))
    for one in found:
        assert one.said.zh
        assert one.said.en
        if one.ok is False:
            assert one.help, one.name
            assert one.help.zh
        assert one.to_json()["check"] == one.name
    return {one.name: one.ok for one in found}


def wrong(found: dict[str, bool | None]) -> set[str]:
    return {name for name, ok in found.items() if ok is False}


def _forge(folder: Path, change: Callable[[Manifest], Manifest]) -> None:
    """Sign a manifest around the founder's tool, for everybody."""
    home = ceremony.open_home(folder, NOW)
    payload = manifest.write(change(home.manifest))
    keys = ceremony.keys_at_hand(home)[:2]
    signed = root.sign(payload, manifest.PAYLOAD_TYPE, keys)
    for place in ("signed", *(one.id for one in PARTIES)):
        put(folder / place, {"manifest.json": signed})


def test_a_fresh_federation_is_in_order(folder: Path) -> None:
    found = check(folder)
    assert not wrong(found)
    assert {"root", "manifest", "policy", "authority", "party tax", f"epoch {YEAR}"} <= found.keys()
    assert found["root keys"] is None, "they should not all lie in one place"


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (checkup.SOON_DAYS, set()),
        (checkup.SOON_DAYS - 1, {"manifest", "certificates", "certificate tax"}),
    ],
)
def test_what_ends_soon_is_told(folder: Path, left: int, expected: set[str]) -> None:
    found = check(folder, NOW + (PLAN.days - left) * DAY)
    assert expected <= wrong(found)
    assert expected or "manifest" not in wrong(found)


def test_next_year_s_keys_are_asked_for_in_time(folder: Path) -> None:
    only = {of: key for of, key in _home(folder).manifest.pseudonym_keys.items() if of[1] == YEAR}
    amend(folder, NOW, lambda h: changes.extend(h.manifest, h.edition(), pseudonym_keys=only))
    assert check(folder)[f"epoch {YEAR + 1}"] is False  # it is November
    earlier = NOW - 90 * DAY
    assert check(folder, earlier)[f"epoch {YEAR + 1}"] is None
    amend(folder, NOW, lambda h: changes.extend(h.manifest, h.edition(), pseudonym_keys={}))
    assert check(folder)[f"epoch {YEAR}"] is False


def _home(folder: Path) -> Home:
    return ceremony.open_home(folder, NOW)


def _with_witnesses(home: Home, count: int) -> Manifest:
    after = home.manifest
    for n in range(count):
        plan = PartyPlan(
            id=f"witness_{n}",
            role=PartyRole.WITNESS,
            kind="",
            zh="某",
            en="x",
            endpoint=f"127.0.0.1:{7100 + n}",
        )
        made = founding.make(plan, ceremony.authority(home), NOW, PLAN.days)
        after = changes.add(after, made.entry, {}, home.edition())
    return after


@pytest.mark.parametrize(("count", "ok"), [(0, None), (2, None), (3, True), (5, True)])
def test_too_few_witnesses_are_told(folder: Path, count: int, ok: bool | None) -> None:
    if count:
        amend(folder, NOW, lambda home: _with_witnesses(home, count))
    (found,) = (one for one in checkup.examine(folder, NOW) if one.name == "witnesses")
    assert found.ok is ok
    assert str(count) in found.said.en
    if ok is None:
        assert found.help
        assert "--role witness" in found.help.en


def test_what_is_listed_twice_is_told(folder: Path) -> None:
    def double(old: Manifest) -> Manifest:
        tax, centre = old.party("tax"), old.party("coordinator")
        twin = replace(
            tax, endpoint=centre.endpoint, keys=centre.keys, certificates=centre.certificates
        )
        return replace(old, version=2, parties={**old.parties, "tax": twin})

    _forge(folder, double)
    assert {"endpoint", "signing key", "certificate"} <= wrong(check(folder))


def test_a_certificate_of_somebody_else_is_told(folder: Path) -> None:
    stranger = certificates.make_authority("test", NOW, 400)

    def foreign(old: Manifest) -> Manifest:
        entry = old.party("tax")
        other = certificates.der(certificates.issue(stranger, "tax", NOW, 300).certificate)
        listed = replace(entry, certificates=(*entry.certificates, other))
        return replace(old, version=2, parties={**old.parties, "tax": listed})

    _forge(folder, foreign)
    assert "certificate tax" in wrong(check(folder))


def test_a_certificate_of_another_name_is_told(folder: Path) -> None:
    home = _home(folder)
    other = certificates.issue(ceremony.authority(home), "registrar", NOW, 300)

    def renamed(old: Manifest) -> Manifest:
        listed = (certificates.der(other.certificate),)
        entry = replace(old.party("coordinator"), certificates=listed)
        return replace(old, version=2, parties={**old.parties, entry.id: entry})

    _forge(folder, renamed)
    found = wrong(check(folder))
    assert {"certificate coordinator", "party coordinator"} <= found


def test_an_outdated_folder_is_told(folder: Path) -> None:
    old = (folder / "tax" / "manifest.json").read_bytes()
    amend(folder, NOW, lambda h: changes.extend(h.manifest, h.edition()))
    put(folder / "tax", {"manifest.json": old})
    assert wrong(check(folder)) == {"folder tax"}
    (folder / "tax" / "manifest.json").unlink()
    assert wrong(check(folder)) == {"folder tax"}


def test_what_waits_and_what_overlaps_is_no_fault(folder: Path) -> None:
    key = SigningKey.generate().verify_key
    amend(folder, NOW, lambda h: changes.renew(h.manifest, "tax", key, None, h.edition()))
    home = _home(folder)
    ceremony.propose(
        home, {"manifest.json": manifest.write(changes.extend(home.manifest, home.edition()))}
    )
    found = check(folder)
    assert (found["overlap tax"], found["old key tax"], found["pending"]) == (None, None, None)
    assert not wrong(found)
    (folder / PENDING / "manifest.json").write_bytes(b"x")
    assert "pending" in wrong(check(folder))


@pytest.mark.parametrize(("keys", "threshold"), [(1, 1), (3, 1), (3, 3)])
def test_a_threshold_that_serves_nobody_is_told(tmp_path: Path, keys: int, threshold: int) -> None:
    plan = replace(PLAN, root_keys=keys, threshold=threshold)
    founding.found(tmp_path / "f", plan)
    assert "threshold" in wrong(check(tmp_path / "f"))
    founding.found(tmp_path / "g", replace(plan, demonstration=True))
    assert "threshold" not in wrong(check(tmp_path / "g"))


def test_what_was_handed_over_is_not_missed(folder: Path) -> None:
    shutil.rmtree(folder / "tax")
    for key in (folder / "root").glob("root-*.key"):
        key.unlink()
    found = check(folder)
    assert not wrong(found)
    assert not {"party tax", "root keys"} & found.keys()


def test_a_party_without_a_certificate_is_told(folder: Path) -> None:
    def bare(old: Manifest) -> Manifest:
        parties = {name: replace(one, certificates=()) for name, one in old.parties.items()}
        return replace(old, version=2, parties=parties)

    _forge(folder, bare)
    found = check(folder)
    assert {"certificate tax", "certificate registrar"} <= wrong(found)
    assert "certificates" not in found


def test_without_verified_documents_nothing_else_is_said(folder: Path) -> None:
    (folder / "signed" / "manifest.json").write_bytes(b"{}")
    assert check(folder) == {"documents": False}


# ---- one party's folder


def test_a_party_s_own_folder_is_checked(folder: Path) -> None:
    opened = party.load(folder / "tax", PartyRole.NODE, NOW)
    opened.pin()
    assert check(folder / "tax") == {"party tax": True, "pins tax": True}


def test_a_party_s_wrong_key_is_told(folder: Path) -> None:
    secret = party.passphrase(folder / "tax")
    path = folder / "tax" / "signing.key"
    seed = SigningKey.generate().seed
    keyfile.save(path, seed, secret, purpose=SIGNING, cost=SealCost.MINIMAL)
    assert check(folder / "tax") == {"party tax": False}
    assert wrong(check(folder)) == {"party tax"}


def test_a_party_s_damaged_memory_is_told(folder: Path) -> None:
    (folder / "tax" / "data").mkdir(exist_ok=True)
    (folder / "tax" / "data" / FILE).write_bytes(b"x")
    assert check(folder / "tax") == {"party tax": False}


def test_a_party_s_certificate_that_ends_is_told(folder: Path) -> None:
    late = NOW + (PLAN.days - 5) * DAY
    assert check(folder / "tax", late)["own certificate tax"] is False


def test_a_registrar_s_wrong_seed_is_told(folder: Path) -> None:
    registrar = folder / "registrar"
    (registrar / founding.seed_file(YEAR)).unlink()
    assert "seeds registrar" in wrong(check(registrar))
    founding.write_seeds(registrar, {YEAR: bytes(32)}, SealCost.MINIMAL)
    assert f"seed {YEAR}" in wrong(check(registrar))
