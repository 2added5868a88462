"""Founding: everything a party needs, owner-only, or nothing at all."""

import stat
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crypto import group, labels, masks, oprf, paillier
from crypto.keys import SealCost, SigningKey
from federation import certificates, founding, keyfile, manifest, policy, root
from federation.clock import epoch_of
from federation.errors import BadInput, PeerFault
from federation.founding import FederationPlan, PartyPlan
from federation.manifest import PartyRole
from federation.party import SIGNING, TLS
from tests.support import sums

NOW = 1_795_000_000
POLICY = """
family = "test"
version = 1
issued = 2026-01-01
expires = 2027-12-31
title = { zh = "测试", en = "Test" }
parameter = []
[[rule]]
predicate = "P40"
purposes = ["ENTRY"]
parameters = []
period = "month"
max_age_days = 30
source = "测试"
zh = "测试"
en = "test"
"""


def _party(name: str, role: PartyRole, **more: Any) -> PartyPlan:
    plain = PartyPlan(id=name, role=role, kind="", zh="某", en="x", endpoint="127.0.0.1:0")
    return replace(plain, **more)


PARTIES = [
    _party("registrar", PartyRole.REGISTRAR),
    _party("coordinator", PartyRole.COORDINATOR),
    _party("tax", PartyRole.NODE, kind="tax", settings="[node]\nstatus_refresh = 1\n"),
]
PLAN = FederationPlan(
    federation="test",
    parties=PARTIES,
    policy=POLICY.encode(),
    now=NOW,
    cost=SealCost.MINIMAL,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("federation") / "f"
    founding.found(made, PLAN)
    return made


def _secret(folder: Path) -> bytes:
    return keyfile.read_private(folder / "passphrase").strip()


def test_secrets_are_the_owner_s_alone(folder: Path) -> None:
    secret = {"passphrase", "signing.key", "tls.key", "ca.key"}
    files = [p for p in folder.rglob("*") if p.name in secret or p.suffix == ".key"]
    assert len(files) == 3 * 3 + 2 + 5
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}
    folders = [p for p in folder.iterdir() if p.is_dir()]
    assert {stat.S_IMODE(p.stat().st_mode) for p in folders} == {0o700}


def test_each_folder_has_a_passphrase_of_its_own(folder: Path) -> None:
    secrets = {p.read_bytes() for p in folder.glob("*/passphrase")}
    assert len(secrets) == 4
    assert all(len(secret) > 32 for secret in secrets)


def test_root_keys_and_the_authority_stay_in_the_root_folder(folder: Path) -> None:
    names = {p.name for p in folder.rglob("*.key") if p.parent.name != "root"}
    assert names == {"signing.key", "tls.key", "pseudonym-2026.key", "pseudonym-2027.key"}
    assert {p.name for p in (folder / "root").iterdir()} == {
        *("passphrase", "ca.key", "ca.pem"),
        *(f"root-{n}.key" for n in (1, 2, 3)),
    }


def test_only_the_registrar_holds_pseudonym_seeds_and_they_fit_the_manifest(folder: Path) -> None:
    assert {p.parent.name for p in folder.rglob("pseudonym-*")} == {"registrar"}
    pinned = root.read((folder / "tax" / "root.json").read_bytes())
    found = manifest.read((folder / "tax" / "manifest.json").read_bytes(), pinned, now=NOW)
    for epoch in (epoch_of(NOW), epoch_of(NOW) + 1):
        seed = keyfile.load(
            folder / "registrar" / f"pseudonym-{epoch}.key",
            _secret(folder / "registrar"),
            purpose=f"{founding.PSEUDONYM_SEED}/{epoch}",
        )
        evaluator = oprf.Evaluator.from_seed(seed, labels.voprf_info("tax", epoch))
        assert found.pseudonym_keys["tax", epoch] == evaluator.public_key
    assert {department for department, _ in found.pseudonym_keys} == {"tax"}


def test_everybody_gets_the_same_signed_documents(folder: Path) -> None:
    for name in ("root.json", "manifest.json", "policy.json"):
        places = [*(p.id for p in PARTIES), founding.SIGNED]
        assert len({(folder / place / name).read_bytes() for place in places}) == 1
    pinned = root.read((folder / "tax" / "root.json").read_bytes())
    assert (len(pinned.keys), pinned.threshold) == (3, 2)
    signed = (folder / "tax" / "policy.json").read_bytes()
    assert pinned.open(signed, policy.PAYLOAD_TYPE) == POLICY.encode()


def test_the_manifest_lists_the_keys_and_certificates_that_were_made(folder: Path) -> None:
    pinned = root.read((folder / "tax" / "root.json").read_bytes())
    found = manifest.read((folder / "tax" / "manifest.json").read_bytes(), pinned, now=NOW)
    for plan in PARTIES:
        own = folder / plan.id
        seed = keyfile.load(own / "signing.key", _secret(own), purpose=SIGNING)
        entry = found.party(plan.id, plan.role)
        assert set(entry.keys) == {SigningKey.from_seed(seed).kid}
        key = keyfile.load(own / "tls.key", _secret(own), purpose=TLS)
        (listed,) = entry.certificates
        assert certificates.fitting(entry.certificates, key) == certificates.pem(listed)


def test_settings_are_written(folder: Path) -> None:
    settings = tomllib.loads((folder / "tax" / "party.toml").read_text("utf-8"))
    assert settings["party"] == "tax"
    assert settings["node"] == {"status_refresh": 1}


def test_a_tally_brings_keys_and_groups(tmp_path: Path) -> None:
    plan = replace(PLAN, parties=sums.parties(), policy=sums.POLICY.encode())
    made = founding.found(tmp_path / "f", plan)
    assert list(made.groups) == ["H1", "H4", "H5"]
    folder = tmp_path / "f" / "tally"
    tally = made.groups["H1"].tally
    found = {
        name: keyfile.load(folder / name, _secret(folder), purpose=purpose)
        for name, purpose in (
            (founding.SUM_FILE, founding.SUM),
            (founding.PAILLIER_FILE, founding.PAILLIER),
            (founding.ELGAMAL_FILE, founding.ELGAMAL),
        )
    }
    opened = paillier.PrivateKey.from_bytes(found[founding.PAILLIER_FILE])
    assert opened.public.to_bytes() == tally.paillier
    assert masks.public_key(found[founding.SUM_FILE]) == tally.mask
    assert group.multiply_base(found[founding.ELGAMAL_FILE]) == tally.elgamal
    for member in made.groups["H1"].departments:
        own = tmp_path / "f" / member.id
        key = keyfile.load(own / founding.SUM_FILE, _secret(own), purpose=founding.SUM)
        assert masks.public_key(key) == member.mask
        assert not (own / founding.PAILLIER_FILE).exists()
    own = tmp_path / "f" / "auditor"
    key = keyfile.load(own / founding.SUM_FILE, _secret(own), purpose=founding.SUM)
    assert masks.public_key(key) == made.groups["H1"].auditor
    assert not (tmp_path / "f" / "coordinator" / founding.SUM_FILE).exists()
    assert ("tally", epoch_of(NOW)) in made.pseudonym_keys


@pytest.mark.parametrize("more", [{"second": PartyRole.TALLY}, {"auditor": PartyRole.WITNESS}])
def test_a_tally_is_alone_and_audited(tmp_path: Path, more: dict[str, PartyRole]) -> None:
    with pytest.raises(BadInput, match="PLAN_INVALID"):
        founding.found(tmp_path / "f", replace(PLAN, parties=sums.parties(**more)))
    assert not (tmp_path / "f").exists()


def test_progress_names_each_party(tmp_path: Path) -> None:
    told: list[str] = []
    plan = replace(PLAN, root_keys=1, threshold=1)
    made = founding.found(tmp_path / "deep" / "f", plan, told.append)
    assert told == [p.id for p in PARTIES] == list(made.parties)


@pytest.mark.parametrize("there", ["file", "folder with a file"])
def test_what_is_there_is_never_overwritten(tmp_path: Path, there: str) -> None:
    target = tmp_path / "f"
    inside = target / "x" if "folder" in there else target
    inside.parent.mkdir(exist_ok=True)
    inside.write_text("mine", "utf-8")
    with pytest.raises(BadInput, match="FOLDER_NOT_EMPTY folder=f"):
        founding.found(target, PLAN)
    assert inside.read_text("utf-8") == "mine"


def _parties(*plans: PartyPlan) -> FederationPlan:
    return replace(PLAN, parties=plans)


REGISTRAR, COORDINATOR, TAX = PARTIES


@pytest.mark.parametrize(
    "plan",
    [
        _parties(COORDINATOR, TAX),
        _parties(REGISTRAR, replace(REGISTRAR, id="second")),
        _parties(REGISTRAR, TAX, TAX),
        *(
            _parties(REGISTRAR, replace(TAX, id=name))
            for name in ("root", "signed", "pending", "", "a/b", "../up")
        ),
        *(_parties(REGISTRAR, replace(TAX, id=name)) for name in ("Tax", "税务", "a" * 41)),
        _parties(REGISTRAR, replace(TAX, settings="[node")),
        _parties(REGISTRAR, replace(TAX, settings='party = "other"')),
        _parties(REGISTRAR, replace(TAX, endpoint='x"\nlisten = "y')),
        replace(PLAN, threshold=0),
        replace(PLAN, threshold=4),
        replace(PLAN, root_keys=9, threshold=2),
        _parties(REGISTRAR, replace(TAX, kind="")),
        _parties(replace(REGISTRAR, kind="tax"), TAX),
        _parties(REGISTRAR, replace(TAX, role=PartyRole.WITNESS)),
        replace(PLAN, federation=""),
        replace(PLAN, federation="x" * 41),
        replace(PLAN, federation="a city"),
        replace(PLAN, federation="a+b"),
        replace(PLAN, days=0),
        replace(PLAN, days=3_661),
    ],
)
def test_a_wrong_plan_leaves_nothing_behind(tmp_path: Path, plan: FederationPlan) -> None:
    with pytest.raises(BadInput, match="PLAN_INVALID"):
        founding.found(tmp_path / "f", plan)
    assert not (tmp_path / "f").exists()


def test_a_wrong_policy_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="POLICY_INVALID"):
        founding.found(tmp_path / "f", replace(PLAN, policy=b"x"))
    assert not (tmp_path / "f").exists()


# ---- changed documents


@pytest.fixture
def own(tmp_path: Path) -> Path:
    founding.found(tmp_path / "f", PLAN)
    return tmp_path / "f"


def test_a_changed_document_no_longer_opens(own: Path) -> None:
    path = own / "tax" / "manifest.json"
    signed = path.read_bytes()
    pinned = root.read((own / "tax" / "root.json").read_bytes())
    with pytest.raises(PeerFault, match="ROOT_SIGNATURE"):
        manifest.read(signed.replace(b'"payload":"e', b'"payload":"f', 1), pinned, now=NOW)
