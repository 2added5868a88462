"""The kit against one's own node: the checklist, its exit code, and that nothing is touched."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from department_node import conform, gate, kit
from department_node.cli import app
from department_node.refit import Refit, Terms
from federation import consent
from federation.clock import SystemClock
from federation.consent import Grant
from federation.errors import PeerFault, Refused
from federation.exchange import Purpose, Question
from federation.wire import codec, signed
from tests.support import twin as twins
from tests.support.twin import CATALOGUE, NOW, Twin

NODE = "public_security"
KIT = kit.load()
OWN = Terms(
    department="tax",
    now=NOW + 1_000_000,
    purpose=Purpose.REVIEW,
    family="city",
    version=7,
    grant=Grant(predicate="P21", parameter="wage-12s", form="threshold", max_uses=2, members=1),
)
REFIT = Refit(kit=KIT, terms=conform.written_terms(KIT), own=OWN)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    return twins.make(tmp_path_factory.mktemp("conform") / "f")


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW)


def run(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["conform", "-C", str(folder), *options])


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def state(folder: Path) -> dict[str, str]:
    """Digest every file of an installation."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(one): hashlib.sha256(one.read_bytes()).hexdigest() for one in files}


def test_everything_comes_as_expected_and_nothing_is_touched(twin: Twin) -> None:
    folder = twin.folder / NODE
    before = state(folder)
    found = run(folder, "--json")
    assert found.exit_code == 0
    listed = rows(found)
    assert [row["file"] for row in listed] == [case.file for case in KIT.cases]
    assert all(row["ok"] and row["got"] == row["expected"] for row in listed)
    assert state(folder) == before


def test_beside_a_node_that_is_open(tmp_path: Path) -> None:
    twin = twins.make(tmp_path / "f")
    with twins.open_node(twin) as node:
        log = list(node.store.entries())
        assert run(twin.folder / NODE).exit_code == 0
        assert list(node.store.entries()) == log


def test_the_checklist_for_people(twin: Twin) -> None:
    english = run(twin.folder / NODE, "--lang", "en").stdout
    assert "nothing is written to the node's log or database" in english
    assert "✓  tokens/expired-second.sd-jwt  CONSENT_EXPIRED  expired a second ago" in english
    assert "✓  tokens/sound.sd-jwt  accepted  a sound token" in english
    assert english.endswith(f"{len(KIT.cases)} files: {len(KIT.cases)} as expected, 0 not\n")
    chinese = run(twin.folder / NODE, "--lang", "zh").stdout
    assert "不写入本节点的日志和数据库" in chinese
    assert "✓  tokens/expired-second.sd-jwt  CONSENT_EXPIRED  一秒前到期" in chinese


def test_a_node_that_believes_too_much_is_found_out(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consent, "check_consent", lambda *_, **__: None)
    found = run(twin.folder / NODE, "--json")
    assert found.exit_code == 1
    odd = {row["file"].partition("/")[2]: row["got"] for row in rows(found) if not row["ok"]}
    names = ("audience", "expired-second", "expired-year", "expires-now", "holder", "not-yet")
    assert odd == {f"{name}.sd-jwt": None for name in names}
    english = run(twin.folder / NODE, "--lang", "en").stdout
    assert "✗  tokens/holder.sd-jwt  CONSENT_WRONG_HOLDER  for another requester's key" in english
    assert "→ got: accepted" in english


def test_a_node_that_refuses_too_much_is_found_out(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paused(*_: object, **__: object) -> None:
        raise Refused("NODE_PAUSED")

    monkeypatch.setattr(gate, "admit_request", paused)
    found = run(twin.folder / NODE, "--lang", "en")
    assert found.exit_code == 1
    assert "→ got: NODE_PAUSED  " in found.stdout
    assert "✗  tokens/sound.sd-jwt" in found.stdout


HEAD, *ANSWERS = CATALOGUE.split("[[answer]]")
COUNT = 'sql = "SELECT count(*) FROM vehicle WHERE owner = :key"'
OTHERS = {
    "a name": ("public_security", ANSWERS[2]),
    "what the policy does not allow, and then what it does": (
        "public_security",
        f'predicate = "P41"\npurposes = ["ENTRY"]\nscope = "city"\n{COUNT}\n[[answer]]{ANSWERS[0]}',
    ),
    "a threshold": ("tax", f'predicate = "P21"\npurposes = ["ENTRY"]\nscope = "city"\n{COUNT}\n'),
}


@pytest.mark.parametrize(("kind", "text"), OTHERS.values(), ids=OTHERS)
def test_whatever_a_department_answers(tmp_path: Path, kind: str, text: str) -> None:
    twin = twins.make(tmp_path / "f", kind=kind, catalogue=f"{HEAD}[[answer]]\n{text}")
    assert run(twin.folder / NODE, "--json").exit_code == 0


def test_a_node_that_answers_nothing_cannot_be_tried(tmp_path: Path) -> None:
    twin = twins.make(tmp_path / "f", catalogue=HEAD)
    found = run(twin.folder / NODE, "--lang", "en")
    assert found.exit_code == 2
    assert "CONFORM_NO_QUESTION" in found.stderr


def test_a_catalogue_that_is_wrong_is_said_first(tmp_path: Path) -> None:
    twin = twins.make(tmp_path / "f", catalogue=CATALOGUE.replace("FROM vehicle", "FROM plane"))
    found = run(twin.folder / NODE)
    assert found.exit_code == 2
    assert "CATALOGUE_TABLE_MISSING" in found.stderr


# ---- a file in other terms


def test_a_token_in_a_departments_own_terms() -> None:
    said = consent.read(REFIT.token(KIT.read("tokens/sound.sd-jwt")), issuers())
    claims = said.claims
    assert (claims.audience, claims.purpose, claims.policy_family) == ("tax", OWN.purpose, "city")
    assert claims.policy_version == 7
    assert claims.not_before <= OWN.now < claims.expires
    assert said.grants["P21", "wage-12s"].form == "threshold"


@pytest.mark.parametrize(
    "case", [c for c in KIT.cases if c.verifier == "token"], ids=lambda c: c.file
)
def test_what_does_not_read_stays_as_it_is(case: kit.Case) -> None:
    data = KIT.read(case.file)
    try:
        consent.read(data, issuers())
    except PeerFault:
        assert REFIT.token(data) == data
        assert case.code == "CONSENT_INVALID"
    else:
        assert REFIT.token(data) != data


def issuers() -> dict[str, Any]:
    return {KIT.registrar.kid: KIT.registrar.verify_key}


def test_a_request_in_a_departments_own_terms() -> None:
    data = REFIT.request(KIT.read("requests/sound.pb"))
    batch = codec.decode_batch(data)
    header = signed.claimed_header(batch)
    keys = {KIT.coordinator.kid: KIT.coordinator.verify_key}
    (item,) = signed.verify(batch, header, keys).items
    assert (header.audience, header.purpose, header.policy_version) == ("tax", 2, 7)
    assert header.issued == OWN.now
    question: Question = codec.decode_question(item)
    assert (question.predicate, question.parameter) == ("P21", "wage-12s")
    (shown,) = batch.presentations
    assert question.presentation == hashlib.sha256(shown).digest()


def test_purposes_are_exchanged() -> None:
    """What the kit means as another purpose is another one here too."""
    for file, purpose in (("requests/purpose-2.pb", 1), ("requests/purpose-99.pb", 99)):
        batch = codec.decode_batch(REFIT.request(KIT.read(file)))
        assert signed.claimed_header(batch).purpose == purpose


def test_a_forged_request_stays_as_it_is() -> None:
    for file in ("requests/signature-bit.pb", "requests/items-less.pb", "requests/noise.pb"):
        assert REFIT.request(KIT.read(file)) == KIT.read(file)
