"""Shipped, signed and unsigned files: which of them a centre uses, and which it refuses."""

from pathlib import Path

import pytest

from coordinator.regional import filing
from crypto import envelope
from crypto.keys import SigningKey
from federation.errors import BadInput, PeerFault, Refused
from federation.root import Root
from tests.coordinator.regional.sheeted import DAY, SHEET, changed

KEYS = [SigningKey.from_seed(bytes([n]) * 32) for n in (1, 2, 3)]
ROOT = Root(keys={one.kid: one.verify_key for one in KEYS[:2]}, threshold=2)
OTHER = changed(SHEET, id='"OTHER"')
CITY = changed(SHEET, id='"TEKUN"', zh='"改过的特困"')


def put(
    folder: Path, name: str, text: str, *keys: SigningKey, kind: str = filing.PAYLOAD_TYPE
) -> Path:
    """Write a file into a centre's folder, signed if keys are given."""
    own = folder / filing.FOLDER
    own.mkdir(exist_ok=True)
    data = text.encode()
    path = own / name
    path.write_bytes(envelope.to_json(envelope.sign(data, kind, *keys)) if keys else data)
    return path


LINE = 'parameter = "assets-12s"'
GOOD = SHEET.replace('parameter = "assets-r"', LINE)


def test_a_demonstration_uses_what_is_shipped_and_what_it_has(tmp_path: Path) -> None:
    put(tmp_path, "aid.toml", GOOD)
    put(tmp_path, "tekun.toml", CITY.replace('parameter = "assets-r"', LINE))
    found = filing.installed(tmp_path, ROOT, demonstration=True)
    assert found.in_force("AID", "330201", DAY, 1).zh == "救助"
    assert found.in_force("TEKUN", "330201", DAY, 1).zh == "改过的特困"
    assert found.in_force("UNION_RELIEF", "330201", DAY, 1).id == "UNION_RELIEF"
    assert found.in_force("FAMILIES", "790301", DAY, 1).id == "FAMILIES"


def test_without_a_folder_the_shipped_ones_are_used(tmp_path: Path) -> None:
    found = filing.installed(tmp_path, ROOT, demonstration=True)
    assert found.in_force("OLD_AGE", "330201", DAY, 1).id == "OLD_AGE"
    assert found.plan("demonstration").id == "demonstration"


def test_a_federation_at_work_uses_only_what_the_root_has_signed(tmp_path: Path) -> None:
    put(tmp_path, "aid.json", GOOD, *KEYS[:2])
    put(tmp_path, "other.toml", OTHER.replace('parameter = "assets-r"', LINE))
    found = filing.installed(tmp_path, ROOT, demonstration=False)
    assert found.in_force("AID", "790301", DAY, 1).id == "AID"
    for unsigned in ("OTHER", "TEKUN", "FAMILIES"):
        with pytest.raises(BadInput) as caught:
            found.in_force(unsigned, "790301", DAY, 1)
        assert caught.value.code == "PROGRAMME_UNKNOWN"


def test_a_federation_at_work_without_signed_programmes_says_so(tmp_path: Path) -> None:
    found = filing.installed(tmp_path, ROOT, demonstration=False)
    with pytest.raises(Refused) as caught:
        found.in_force("TEKUN", "790301", DAY, 1)
    assert caught.value.code == "PROGRAMMES_UNSIGNED"


@pytest.mark.parametrize("demonstration", [True, False])
@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        (KEYS[:1], filing.PAYLOAD_TYPE),
        ((KEYS[0], KEYS[2]), filing.PAYLOAD_TYPE),
        (KEYS[:2], "application/vnd.hedui.policy.v1+toml"),
    ],
)
def test_what_the_root_has_not_signed_is_refused(
    tmp_path: Path, keys: list[SigningKey], kind: str, *, demonstration: bool
) -> None:
    put(tmp_path, "aid.json", GOOD, *keys, kind=kind)
    with pytest.raises(PeerFault) as caught:
        filing.installed(tmp_path, ROOT, demonstration=demonstration)
    assert caught.value.code == "ROOT_SIGNATURE"


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    signed = envelope.sign(GOOD.encode(), filing.PAYLOAD_TYPE, *KEYS[:2])
    changed_later = envelope.Envelope(
        payload=signed.payload.replace(b'["NO"]', b'["YES"]'),
        payload_type=signed.payload_type,
        signatures=signed.signatures,
    )
    put(tmp_path, "aid.json", "").write_bytes(envelope.to_json(changed_later))
    with pytest.raises(PeerFault) as caught:
        filing.installed(tmp_path, ROOT, demonstration=False)
    assert caught.value.code == "ROOT_SIGNATURE"


def test_a_signed_name_alone_makes_nothing_signed(tmp_path: Path) -> None:
    """A plain text named .json is no envelope, so no signature is believed."""
    put(tmp_path, "aid.json", GOOD)
    with pytest.raises(PeerFault) as caught:
        filing.installed(tmp_path, ROOT, demonstration=False)
    assert caught.value.code == "ROOT_SIGNATURE"


@pytest.mark.parametrize("data", [b"\xff\xfe", b"kind = ", b'kind = "moon"'])
def test_what_cannot_be_read_is_refused(tmp_path: Path, data: bytes) -> None:
    put(tmp_path, "aid.toml", "").write_bytes(data)
    with pytest.raises(BadInput) as caught:
        filing.installed(tmp_path, ROOT, demonstration=True)
    assert caught.value.code == "PROGRAMMES_INVALID"
    assert caught.value.details["where"] == "aid.toml"


def test_signatures_are_added_one_by_one() -> None:
    draft = filing.look(GOOD.encode())
    once = filing.countersign(draft, KEYS[:1])
    twice = filing.countersign(once, KEYS[:2])
    assert filing.countersign(twice, KEYS[:1]) == twice
    assert [len(ROOT.signers(one)) for one in (once, twice)] == [1, 2]
    assert ROOT.believe(twice, filing.PAYLOAD_TYPE) == GOOD.encode()
    with pytest.raises(PeerFault):
        filing.look(b"{}")


def test_an_unsigned_standard_does_not_count_at_work(tmp_path: Path) -> None:
    put(tmp_path, "aid.json", GOOD, *KEYS[:2])
    shelf = filing.stand(
        filing.chosen(
            (*filing.shipped(), *filing.local(tmp_path / filing.FOLDER, ROOT)), demonstration=False
        )
    )
    assert shelf.standards == ()
    assert [one.id for one in shelf.sheets] == ["AID"]


@pytest.mark.parametrize("text", [GOOD, 'kind = "standards"\n', "id = 1\n", "kind = "])
def test_lines_go_unsigned_by_their_kind_and_not_by_their_name(tmp_path: Path, text: str) -> None:
    put(tmp_path, "aid.json", CITY.replace('parameter = "assets-r"', LINE), *KEYS[:2])
    put(tmp_path, "lines.toml", text)
    put(tmp_path, "own.toml", 'kind = "lines"\nline = []\n')
    own = filing.chosen(filing.local(tmp_path / filing.FOLDER, ROOT), demonstration=False)
    assert [one.name for one in own] == ["aid.json", "own.toml"]
    found = filing.installed(tmp_path, ROOT, demonstration=False)
    with pytest.raises(BadInput) as caught:
        found.in_force("AID", "790301", DAY, 1)
    assert caught.value.code == "PROGRAMME_UNKNOWN"
