"""Public pseudonym keys leave the registrar; seeds never do."""

import pytest

from crypto import envelope
from crypto.keys import SealCost, SigningKey
from federation import epochs, founding, party
from federation.clock import epoch_of
from federation.errors import BadInput
from federation.manifest import PartyRole
from federation.party import Party
from federation.strictjson import dumps
from tests.federation.test_founding import PLAN

NOW = PLAN.now
YEAR = epoch_of(NOW)


@pytest.fixture(scope="module")
def registrar(tmp_path_factory: pytest.TempPathFactory) -> Party:
    folder = tmp_path_factory.mktemp("epochs") / "f"
    founding.found(folder, PLAN)
    return party.load(folder / "registrar", PartyRole.REGISTRAR, NOW)


def test_keys_are_those_of_the_manifest(registrar: Party) -> None:
    wanted = [("tax", YEAR), ("tax", YEAR + 1)]
    found = epochs.derive(registrar.folder, wanted)
    assert found == registrar.manifest.pseudonym_keys


def test_keys_go_over_signed_and_without_a_seed(registrar: Party) -> None:
    found = epochs.derive(registrar.folder, [("tax", YEAR), ("bank_a", YEAR)])
    document = epochs.write(registrar.folder, found)
    assert epochs.read(document, registrar.entry) == found
    assert founding.read_seed(registrar.folder, YEAR) not in document


def test_a_new_year_gets_one_seed_that_stays(registrar: Party) -> None:
    wanted = [("tax", YEAR + 2)]
    first = epochs.derive(registrar.folder, wanted, SealCost.MINIMAL)
    assert epochs.derive(registrar.folder, wanted) == first


def _signed(payload: object, key: SigningKey, kind: str = epochs.PAYLOAD_TYPE) -> bytes:
    return envelope.to_json(envelope.sign(dumps(payload), kind, key))


ROW = {"department": "tax", "epoch": 2026, "public": "AA"}


@pytest.mark.parametrize(
    "payload",
    [
        5,
        {"a": 1},
        [5],
        [ROW | {"more": 1}],
        [ROW | {"epoch": "2026"}],
        [ROW | {"department": 5}],
        [ROW | {"public": "%"}],
    ],
    ids=str,
)
def test_keys_are_exact(registrar: Party, payload: object) -> None:
    with pytest.raises(BadInput, match="PSEUDONYM_KEYS_INVALID party=registrar"):
        epochs.read(_signed(payload, registrar.key), registrar.entry)


def test_nobody_else_gives_keys(registrar: Party) -> None:
    for document in (
        _signed([ROW], SigningKey.generate()),
        _signed([ROW], registrar.key, "text/plain"),
        b"{}",
        b"",
    ):
        with pytest.raises(BadInput, match="PSEUDONYM_KEYS_INVALID"):
            epochs.read(document, registrar.entry)
