"""A party's next keys: no secret leaves, nobody else can ask, none is used before it is listed."""

import stat
from pathlib import Path

import pytest

from crypto import envelope
from crypto.keys import SealCost, SigningKey
from federation import certificates, changes, founding, keyentry, keyfile, party, renewal
from federation.ceremony import Home, authority
from federation.errors import BadInput, PeerFault
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.party import SIGNING, TLS, Party
from federation.strictjson import dumps, loads
from tests.federation.test_founding import PLAN
from tests.support.founder import amend

NOW = PLAN.now
CHEAP = SealCost.MINIMAL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    founding.found(tmp_path / "f", PLAN)
    return tmp_path / "f"


def _load(folder: Path) -> Party:
    return party.load(folder / "tax", PartyRole.NODE, NOW)


def _asked(folder: Path) -> list[bytes]:
    tax = folder / "tax"
    return [
        renewal.ask_for_key(tax, NOW, CHEAP),
        renewal.ask_for_certificate(tax, NOW, CHEAP),
    ]


def _grant(home: Home, *asked: bytes) -> Manifest:
    after = home.manifest
    for one in asked:
        found = renewal.read(one, home.manifest.party("tax"))
        issued = None
        if found.csr:
            pem = certificates.certify(authority(home), found.csr, "tax", NOW, 30)
            issued = certificates.der(pem)
        after = changes.renew(after, "tax", found.key, issued, home.edition())
    return after


def test_next_keys_are_listed_then_used_then_the_old_ones_go(folder: Path) -> None:
    before = _load(folder)
    asked = _asked(folder)
    with pytest.raises(BadInput, match="NEXT_KEY_NOT_LISTED"):
        renewal.switch(folder / "tax", before.entry)
    listed = amend(folder, NOW, lambda home: _grant(home, *asked))
    assert (listed.version, len(listed.party("tax").keys)) == (2, 2)
    overlapping = _load(folder)
    assert (overlapping.key.kid, overlapping.tls) == (before.key.kid, before.tls)

    assert renewal.switch(folder / "tax", overlapping.entry) == [renewal.NEXT_KEY, renewal.NEXT_TLS]
    switched = _load(folder)
    assert switched.key.kid == list(listed.party("tax").keys)[1]
    assert switched.tls.key != before.tls.key
    assert certificates.der(switched.tls.certificate) == listed.party("tax").certificates[1]

    retired = amend(folder, NOW, lambda home: changes.retire(home.manifest, "tax", home.edition()))
    assert list(retired.party("tax").keys) == [switched.key.kid]
    assert _load(folder).key.kid == switched.key.kid


def test_a_key_that_was_withdrawn_before_it_was_replaced_opens_nothing(folder: Path) -> None:
    asked = _asked(folder)
    amend(folder, NOW, lambda home: _grant(home, *asked))
    amend(folder, NOW, lambda home: changes.retire(home.manifest, "tax", home.edition()))
    with pytest.raises(BadInput, match="KEY_NOT_LISTED party=tax"):
        _load(folder)
    renewal.switch(folder / "tax", _listed(folder))
    assert _load(folder).key


def _listed(folder: Path) -> PartyEntry:
    documents = party.read_documents(folder / "tax", folder / "tax" / "data", NOW)
    return documents.manifest.party("tax")


def test_asking_again_asks_for_the_same(folder: Path) -> None:
    entry = _load(folder).entry
    first, second = (renewal.read(_asked(folder)[0], entry).key for _ in range(2))
    assert first == second
    drawn = (folder / "tax" / renewal.NEXT_TLS).read_bytes()
    assert renewal.read(_asked(folder)[1], entry).csr
    assert (folder / "tax" / renewal.NEXT_TLS).read_bytes() == drawn


def test_no_secret_is_in_a_request(folder: Path) -> None:
    asked = b"".join(_asked(folder))
    secret = party.passphrase(folder / "tax")
    for name, purpose in ((renewal.NEXT_KEY, SIGNING), (renewal.NEXT_TLS, TLS)):
        path = folder / "tax" / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert keyfile.load(path, secret, purpose=purpose) not in asked
    assert b"PRIVATE" not in asked


def test_only_what_the_manifest_lists_is_switched(folder: Path) -> None:
    key, _ = _asked(folder)
    amend(folder, NOW, lambda home: _grant(home, key))
    assert renewal.switch(folder / "tax", _listed(folder)) == [renewal.NEXT_KEY]
    assert (folder / "tax" / renewal.NEXT_TLS).exists()
    assert _load(folder).key


# ---- requests that are not what they say


def _signed(payload: object, *keys: SigningKey) -> bytes:
    signed = envelope.sign(dumps(payload), renewal.PAYLOAD_TYPE, *keys)
    return envelope.to_json(signed)


def _payload(document: bytes) -> dict[str, object]:
    read: dict[str, object] = loads(envelope.from_json(document, max_bytes=10_000).payload, "x")
    return read


def test_nobody_else_asks_in_a_party_s_name(folder: Path) -> None:
    entry, thief = _load(folder).entry, SigningKey.generate()
    document = _asked(folder)[0]
    stolen = _payload(document) | {"key": keyentry.write(thief.verify_key, keyentry.SIGN)}
    for forged in (
        _signed(_payload(document), thief),
        _signed(stolen, thief),
        document.replace(b'"payload":"e', b'"payload":"f', 1),
    ):
        with pytest.raises(BadInput, match="RENEWAL_INVALID"):
            renewal.read(forged, entry)


def test_a_key_that_did_not_sign_is_not_listed(folder: Path) -> None:
    own = _load(folder)
    asked = _payload(_asked(folder)[0])
    with pytest.raises(BadInput, match="RENEWAL_INVALID party=tax"):
        renewal.read(_signed(asked, own.key), own.entry)


def test_another_party_s_request_is_not_taken(folder: Path) -> None:
    registrar = party.load(folder / "registrar", PartyRole.REGISTRAR, NOW)
    document = renewal.ask_for_certificate(folder / "registrar", NOW, CHEAP)
    with pytest.raises(BadInput, match="RENEWAL_INVALID party=tax"):
        renewal.read(document, _load(folder).entry)
    asked = _payload(document) | {"party": "tax"}
    with pytest.raises(BadInput, match="RENEWAL_INVALID"):
        renewal.read(_signed(asked, registrar.key), registrar.entry)


@pytest.mark.parametrize(
    "change",
    [
        {"party": 5},
        {"issued": "now"},
        {"csr": None},
        {"csr": ""},
        {"key": {}},
        {"key": {"kid": "", "suite": "ed25519", "use": "sign", "public": "AA"}},
        {"key": 5},
        {"more": 1},
    ],
)
def test_a_request_is_exact(folder: Path, change: dict[str, object]) -> None:
    own = _load(folder)
    asked = _payload(_asked(folder)[1]) | change
    with pytest.raises(BadInput, match="RENEWAL_INVALID"):
        renewal.read(_signed(asked, own.key), own.entry)


@pytest.mark.parametrize("document", [b"", b"{}", b"\xff", b"x" * 100_000])
def test_garbage_is_no_request(folder: Path, document: bytes) -> None:
    with pytest.raises(BadInput, match="RENEWAL_INVALID"):
        renewal.read(document, _load(folder).entry)
    with pytest.raises(BadInput, match="RENEWAL_INVALID"):
        renewal.claimed_party(document)


def test_a_suite_that_nobody_provides_is_named(folder: Path) -> None:
    own = _load(folder)
    entry = {"kid": "", "suite": "sm2-sm3", "use": "sign", "public": "AA"}
    asked = _payload(_asked(folder)[1]) | {"key": entry, "csr": ""}
    with pytest.raises(PeerFault, match="SUITE_UNKNOWN suite=sm2-sm3"):
        renewal.read(_signed(asked, own.key), own.entry)
