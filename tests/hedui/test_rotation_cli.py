"""``hedui federation add|remove|sign|check|rotate|renew|pseudonyms`` as their users run them."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from crypto import envelope, masks
from crypto.keys import SealCost, seal
from federation import ceremony, changes, founding, party, renewal
from federation.ceremony import Home
from federation.clock import SystemClock, epoch_of
from federation.founding import FederationPlan, PartyPlan
from federation.manifest import PartyRole
from federation.strictjson import b64, dumps
from hedui.cli import app
from tests.federation.test_founding import POLICY
from tests.support.founder import amend

NOW = SystemClock().now()


def _plan(name: str, role: PartyRole, port: int, kind: str = "") -> PartyPlan:
    endpoint = f"127.0.0.1:{port}"
    return PartyPlan(id=name, role=role, kind=kind, zh="某", en=name, endpoint=endpoint)


PARTIES = [
    _plan("registrar", PartyRole.REGISTRAR, 7001),
    _plan("coordinator", PartyRole.COORDINATOR, 7002),
    _plan("tax", PartyRole.NODE, 7003, "tax"),
]


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seal at the cost of tests, whatever a command asks for."""

    def cheap(plain: bytes, passphrase: bytes, *, purpose: bytes, cost: SealCost) -> bytes:
        assert cost in {SealCost.INTERACTIVE, SealCost.MINIMAL}
        return seal(plain, passphrase, purpose=purpose, cost=SealCost.MINIMAL)

    monkeypatch.setattr("federation.keyfile.seal", cheap)


def _founded(folder: Path, parties: Sequence[PartyPlan]) -> Path:
    plan = FederationPlan(
        federation="test",
        parties=parties,
        policy=POLICY.encode(),
        now=NOW,
        cost=SealCost.MINIMAL,
    )
    founding.found(folder, plan)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _founded(tmp_path_factory.mktemp("made") / "f", PARTIES)


@pytest.fixture(scope="module")
def adding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Found a federation in which sums are asked."""
    more = [_plan("auditor", PartyRole.AUDITOR, 7004), _plan("tally", PartyRole.TALLY, 7005)]
    return _founded(tmp_path_factory.mktemp("adding") / "f", [*PARTIES, *more])


@pytest.fixture
def summing(adding: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(adding, tmp_path / "f"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "f"))


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["federation", *map(str, words)])


def done(*words: object) -> dict[str, Any]:
    """Run a command that succeeds and give the last JSON it printed."""
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output + result.stderr
    told: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return told


def refused(code: str, *words: object) -> None:
    result = run(*words)
    assert (result.exit_code, code in result.stderr) == (2, True), result.output


def home(folder: Path) -> Home:
    return ceremony.open_home(folder, NOW)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def findings(folder: Path) -> dict[str, Any]:
    result = run("check", folder, "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code == 1) is any(row["ok"] is False for row in rows)
    return {row["check"]: row["ok"] for row in rows}


BANK = (
    "bank_a",
    "--kind",
    "bank",
    "--zh",
    "甲银行",
    "--en",
    "Bank",
    "--endpoint",
    "127.0.0.1:7009",
)


def test_a_party_is_added_with_keys_certificate_and_all_years(folder: Path) -> None:
    told = done("add", folder, *BANK)
    assert told["in_force"] is True
    assert any("bank_a (node" in change for change in told["changes"])
    opened = party.load(folder / "bank_a", PartyRole.NODE, NOW)
    assert (opened.entry.kind, opened.entry.name("zh")) == ("bank", "甲银行")
    years = {year for department, year in opened.manifest.pseudonym_keys if department == "bank_a"}
    assert years == {epoch_of(NOW), epoch_of(NOW) + 1}
    for other in ("registrar", "tax"):
        assert "bank_a" in party.load(folder / other, None, NOW).manifest.parties
    assert all(ok is not False for ok in findings(folder).values())


def test_witnesses_come_and_their_keys_are_exchanged_and_they_go(folder: Path) -> None:
    for n, name in enumerate(("witness_a", "witness_b", "witness_c")):
        words = ("--role", "witness", "--zh", "见证", "--endpoint", f"127.0.0.1:{7100 + n}")
        told = done("add", folder, name, *words)
        assert any(f"{name} (witness" in change for change in told["changes"])
    opened = party.load(folder / "witness_b", PartyRole.WITNESS, NOW)
    assert opened.manifest.quorum == 2
    assert not any(department == "witness_b" for department, _ in opened.manifest.pseudonym_keys)
    assert findings(folder)["witnesses"] is True
    done("rotate", "party", folder, "witness_b")
    done("renew", "switch", "-C", folder / "witness_b")
    done("rotate", "party", folder, "witness_b", "--retire")
    renewed = party.load(folder / "witness_b", PartyRole.WITNESS, NOW)
    assert renewed.key.kid != opened.key.kid
    done("remove", folder, "witness_c")
    assert party.load(folder / "tax", None, NOW).manifest.quorum == 2
    assert findings(folder)["witnesses"] is None


def test_a_registrar_elsewhere_gives_public_keys_only(folder: Path, tmp_path: Path) -> None:
    away = Path(shutil.move(folder / "registrar", tmp_path / "registrar"))
    refused("PSEUDONYM_KEYS_MISSING", "add", folder, *BANK)
    assert not (folder / "bank_a").exists()
    keys = tmp_path / "keys.json"
    done("pseudonyms", "-C", away, "--department", "bank_a", "--out", keys)
    secrets = [founding.read_seed(away, year) for year in (epoch_of(NOW), epoch_of(NOW) + 1)]
    told = keys.read_bytes()
    assert not any(b64(seed).encode() in told or seed.hex().encode() in told for seed in secrets)
    assert done("add", folder, *BANK, "--keys", keys)["in_force"]
    keys.write_bytes(told.replace(b'"payload":"W', b'"payload":"X', 1))
    words = ("bank_b", "--kind", "bank", "--endpoint", "127.0.0.1:7010", "--keys", keys)
    refused("PSEUDONYM_KEYS_INVALID", "add", folder, *words)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("tax", "--kind", "tax", "--endpoint", "127.0.0.1:1"), "FOLDER_NOT_EMPTY"),
        (("Bank", "--kind", "bank", "--endpoint", "127.0.0.1:1"), "PLAN_INVALID"),
        (("signed", "--kind", "bank", "--endpoint", "127.0.0.1:1"), "PLAN_INVALID"),
        (("bank_a", "--endpoint", "127.0.0.1:1"), "PLAN_INVALID"),
        (("bank_a", "--kind", "bank", "--endpoint", "127.0.0.1:7003"), "CHANGE_INVALID"),
        (("two", "--role", "registrar", "--endpoint", "127.0.0.1:1"), "CHANGE_INVALID"),
        (("w", "--role", "witness", "--kind", "tax", "--endpoint", "127.0.0.1:1"), "PLAN_INVALID"),
    ],
)
def test_who_is_not_added(folder: Path, words: tuple[str, ...], code: str) -> None:
    before = files(folder)
    refused(code, "add", folder, *words)
    assert files(folder) == before


def test_a_department_that_joins_where_sums_are_asked_has_a_key_for_them(summing: Path) -> None:
    done("add", summing, *BANK)
    for name in ("tax", "bank_a"):
        key = party.load(summing / name, PartyRole.NODE, NOW).secret(
            founding.SUM_FILE, founding.SUM
        )
        assert len(key) == masks.KEY_SIZE
    assert party.load(summing / "bank_a", PartyRole.NODE, NOW).manifest.groups == {}


@pytest.mark.parametrize("where", ["folder", "summing"])
def test_a_tally_comes_with_its_federation_or_not_at_all(
    where: str, request: pytest.FixtureRequest
) -> None:
    here: Path = request.getfixturevalue(where)
    before = files(here)
    words = ("--role", "tally", "--endpoint", "127.0.0.1:7010")
    refused("CHANGE_INVALID", "add", here, "tally2", *words)
    assert files(here) == before


@pytest.mark.parametrize(
    "words",
    [
        ("add", *BANK),
        ("remove", "tax"),
        ("rotate", "party", "tax"),
        ("rotate", "ca"),
        ("rotate", "root"),
        ("rotate", "manifest"),
    ],
    ids=" ".join,
)
def test_a_dry_run_writes_nothing(folder: Path, words: tuple[str, ...]) -> None:
    place = 2 if words[0] == "rotate" else 1
    before = files(folder)
    told = done(*words[:place], folder, *words[place:], "--dry-run")
    assert (told["dry_run"], told["in_force"]) == (True, False)
    assert told["changes"]
    assert files(folder) == before


def test_a_party_is_removed_and_nobody_else_loses_anything(folder: Path) -> None:
    done("remove", folder, "tax")
    left = home(folder).manifest
    assert list(left.parties) == ["registrar", "coordinator"]
    assert not left.pseudonym_keys
    assert (folder / "tax" / "signing.key").exists()
    refused("CHANGE_INVALID", "remove", folder, "tax")
    refused("CHANGE_INVALID", "remove", folder, "registrar")


# ---- several sittings


@pytest.fixture
def stick(folder: Path, tmp_path: Path) -> Path:
    """Take two root keys away."""
    stick = tmp_path / "stick"
    stick.mkdir()
    for number in (2, 3):
        shutil.move(folder / "root" / f"root-{number}.key", stick)
    shutil.copy(folder / "root" / "passphrase", stick)
    return stick


def test_a_change_waits_for_the_second_key(folder: Path, stick: Path) -> None:
    told = done("remove", folder, "tax")
    assert (told["in_force"], told["missing"]) == (False, {"manifest.json": 1})
    assert "tax" in home(folder).manifest.parties
    refused("CHANGE_PENDING", "remove", folder, "coordinator")
    shown = run("sign", folder, "--dry-run", "--lang", "zh").stdout
    assert "移除 tax" in shown
    assert done("sign", folder, "--key", stick / "root-3.key")["in_force"] is True
    assert "tax" not in home(folder).manifest.parties
    refused("NOTHING_PENDING", "sign", folder)


def test_a_copy_signed_elsewhere_is_merged(folder: Path, stick: Path, tmp_path: Path) -> None:
    done("remove", folder, "tax")
    elsewhere = tmp_path / "elsewhere"
    for name in ("pending", "signed"):
        shutil.copytree(folder / name, elsewhere / name)
    assert done("sign", elsewhere, "--key", stick / "root-2.key")["in_force"]
    text = run("sign", folder, "--merge", elsewhere / "signed" / "manifest.json", "--lang", "en")
    assert "in force" in text.stdout
    assert "tax" not in home(folder).manifest.parties


def test_a_wrong_key_is_told(folder: Path, stick: Path) -> None:
    done("remove", folder, "tax")
    refused("KEY_FILE_MISSING", "sign", folder, "--key", stick / "none.key")
    (stick / "passphrase").write_bytes(b"other")
    refused("PASSPHRASE_WRONG", "sign", folder, "--key", stick / "root-2.key")
    refused("FILE_MISSING", "sign", folder, "--merge", stick / "none.json")


# ---- keys and certificates


def test_a_party_s_key_and_certificate_are_exchanged_from_its_request(
    folder: Path, tmp_path: Path
) -> None:
    away = Path(shutil.move(folder / "tax", tmp_path / "tax"))
    refused("CHANGE_INVALID", "rotate", "party", folder, "tax")
    before = party.load(away, None, NOW)
    requests = []
    for what in ("key", "certificate"):
        requests += ["--request", done("renew", what, "-C", away)["request"]]
    refused("NEXT_KEY_NOT_LISTED", "renew", "switch", "-C", away)
    assert done("rotate", "party", folder, "tax", *requests)["in_force"]
    assert home(folder).manifest.version == 2
    for name, data in home(folder).signed.items():
        (away / name).write_bytes(data)
    assert findings(away)["old key tax"] is None
    told = done("renew", "switch", "-C", away)
    assert told["switched"] == ["signing.next.key", "tls.next.key"]
    assert done("rotate", "party", folder, "tax", "--retire")["in_force"]
    for name, data in home(folder).signed.items():
        (away / name).write_bytes(data)
    after = party.load(away, None, NOW)
    assert after.key.kid != before.key.kid
    assert len(after.entry.keys) == len(after.entry.certificates) == 1
    refused("CHANGE_INVALID", "rotate", "party", folder, "tax", "--retire")
    refused("CHANGE_INVALID", "rotate", "party", folder, "tax", *requests[:2])
    refused("RENEWAL_INVALID", "rotate", "party", folder, "tax", *requests[2:])


def test_a_request_that_is_no_certificate_request_is_refused(folder: Path, tmp_path: Path) -> None:
    own = party.load(folder / "tax", None, NOW)
    asked = {"party": "tax", "issued": NOW, "key": None, "csr": "nothing"}
    signed = envelope.sign(dumps(asked), renewal.PAYLOAD_TYPE, own.key)
    (tmp_path / "request.json").write_bytes(envelope.to_json(signed))
    words = ("rotate", "party", folder, "tax", "--request", tmp_path / "request.json")
    refused("RENEWAL_INVALID", *words)
    assert home(folder).manifest.version == 1


def test_a_request_that_cannot_be_written_is_told(folder: Path) -> None:
    out = folder / "none" / "x.json"
    refused("FILE_UNWRITABLE", "renew", "key", "-C", folder / "tax", "--out", out)


def test_without_any_root_key_nothing_is_signed(folder: Path, stick: Path) -> None:
    shutil.move(folder / "root" / "root-1.key", stick)
    told = done("remove", folder, "tax")
    assert told["missing"] == {"manifest.json": 2}
    refused("FILE_MISSING", "sign", folder)


def test_an_authority_is_exchanged_once_nobody_depends_on_it(folder: Path) -> None:
    assert done("rotate", "ca", folder)["in_force"]
    refused("CHANGE_INVALID", "rotate", "ca", folder, "--retire")
    for name in ("registrar", "coordinator", "tax"):
        done("rotate", "party", folder, name)
        done("renew", "switch", "-C", folder / name)
        done("rotate", "party", folder, name, "--retire")
    assert done("rotate", "ca", folder, "--retire")["in_force"]
    assert home(folder).manifest.ca.count(b"BEGIN CERTIFICATE") == 1
    assert all(ok is not False for ok in findings(folder).values())
    done("add", folder, *BANK)
    refused("CHANGE_INVALID", "rotate", "ca", folder, "--retire")


def test_root_keys_are_exchanged(folder: Path) -> None:
    old = home(folder).root.keys.keys()
    assert done("rotate", "root", folder)["in_force"]
    assert home(folder).root.keys.keys().isdisjoint(old)
    done("remove", folder, "tax")
    assert party.load(folder / "coordinator", None, NOW).papers.documents.root.version == 2


def test_one_root_key_is_replaced(folder: Path) -> None:
    old = home(folder).root.keys.keys()
    told = done("rotate", "root", folder, "--key", min(old), "--threshold", "3")
    assert told["in_force"]
    after = home(folder).root
    refused("CHANGE_INVALID", "rotate", "ca", folder, "--retire")
    assert (after.threshold, len(after.keys), len(after.keys & old)) == (3, 3, 2)
    refused("ROOT_KEY_UNKNOWN", "rotate", "root", folder, "--key", min(old))
    refused("CHANGE_INVALID", "rotate", "root", folder, "--threshold", "4")


def test_a_year_s_keys_are_listed(folder: Path) -> None:
    year = epoch_of(NOW)
    refused("CHANGE_INVALID", "rotate", "epoch", folder)
    late = {("tax", year): home(folder).manifest.pseudonym_keys["tax", year]}
    seed = (folder / "registrar" / founding.seed_file(year + 1)).read_bytes()
    amend(folder, NOW, lambda h: changes.extend(h.manifest, h.edition(), pseudonym_keys=late))
    assert findings(folder)[f"epoch {year + 1}"] is not True
    told = done("rotate", "epoch", folder)
    assert any(f"new pseudonym keys of {year + 1}" in change for change in told["changes"])
    assert home(folder).manifest.pseudonym_keys.keys() == {("tax", year), ("tax", year + 1)}
    assert (folder / "registrar" / founding.seed_file(year + 1)).read_bytes() == seed


def test_a_registrar_elsewhere_gives_the_keys_of_all_that_tokens_are_for(
    summing: Path, tmp_path: Path
) -> None:
    """Of the tally too, and not of departments alone."""
    year = epoch_of(NOW)
    listed = home(summing).manifest.pseudonym_keys
    this = {of: key for of, key in listed.items() if of[1] == year}
    amend(summing, NOW, lambda h: changes.extend(h.manifest, h.edition(), pseudonym_keys=this))
    away, keys = Path(shutil.move(summing / "registrar", tmp_path / "away")), tmp_path / "keys.json"
    assert done("pseudonyms", "-C", away, "--out", keys)["keys"] == len(listed)
    done("rotate", "epoch", summing, "--keys", keys)
    assert home(summing).manifest.pseudonym_keys == listed
    assert {of for of, _ in listed} == {"tax", "tally"}


def test_a_year_without_a_seed_gets_one(folder: Path) -> None:
    year = epoch_of(NOW) + 1
    (folder / "registrar" / founding.seed_file(year)).unlink()
    amend(folder, NOW, lambda h: changes.extend(h.manifest, h.edition(), pseudonym_keys={}))
    done("rotate", "epoch", folder)
    assert founding.read_seed(folder / "registrar", year)
    assert all(ok is not False for ok in findings(folder).values())


def test_a_party_moves_to_another_address(folder: Path) -> None:
    told = done("rotate", "party", folder, "tax", "--endpoint", "127.0.0.1:7999")
    assert any("tax changes" in change for change in told["changes"])
    entry = home(folder).manifest.party("tax")
    assert (entry.endpoint, len(entry.keys)) == ("127.0.0.1:7999", 1)
    refused("CHANGE_INVALID", "rotate", "party", folder, "tax", "--endpoint", "127.0.0.1:7001")


def test_a_manifest_is_extended(folder: Path) -> None:
    told = done("rotate", "manifest", folder)
    assert any("version 1 → 2" in change for change in told["changes"])
