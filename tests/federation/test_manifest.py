"""The manifest: root-signed, strict, never older than one already seen."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from crypto import note, suites
from crypto.keys import SigningKey
from crypto.note import NoteKey
from federation import manifest, root
from federation.errors import PeerFault
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.root import Root
from federation.strictjson import b64, dumps
from tests.support.ecdsa import ECDSA
from tests.support.sums import group

NOW = 1_795_000_000
KEYS = [SigningKey.from_seed(bytes([n]) * 32) for n in range(3)]
ROOT = Root(keys={key.kid: key.verify_key for key in KEYS}, threshold=2)


def _entry(name: str, role: PartyRole, kind: str = "") -> PartyEntry:
    key = SigningKey.from_seed(name.encode().ljust(32)).verify_key
    return PartyEntry(
        id=name,
        role=role,
        kind=kind,
        zh="某单位",
        en=name.title(),
        endpoint="127.0.0.1:7000",
        keys={key.kid: key},
        certificates=(b"certificate",),
    )


ENTRIES = [
    _entry("registrar", PartyRole.REGISTRAR),
    _entry("coordinator", PartyRole.COORDINATOR),
    _entry("tax", PartyRole.NODE, "tax"),
    _entry("bank_a", PartyRole.NODE, "bank"),
    _entry("auditor", PartyRole.AUDITOR),
    _entry("witness_a", PartyRole.WITNESS),
]
MANIFEST = Manifest(
    federation="test",
    version=5,
    issued=NOW,
    expires=NOW + 100,
    demonstration=False,
    ca=b"-----BEGIN CERTIFICATE-----\n",
    parties={entry.id: entry for entry in ENTRIES},
    pseudonym_keys={("tax", 2026): b"k" * 32, ("tax", 2027): b"l" * 32},
)


def _signed(payload: bytes) -> bytes:
    return root.sign(payload, manifest.PAYLOAD_TYPE, KEYS[:2])


def _read(payload: bytes, *, now: int = NOW) -> Manifest:
    return manifest.read(_signed(payload), ROOT, now=now)


def _forge(change: Callable[[dict[str, Any]], object]) -> bytes:
    raw = json.loads(manifest.write(MANIFEST))
    change(raw)
    return dumps(raw)


def test_a_manifest_reads_back() -> None:
    assert _read(manifest.write(MANIFEST)) == MANIFEST


def test_too_few_root_keys_are_refused() -> None:
    document = root.sign(manifest.write(MANIFEST), manifest.PAYLOAD_TYPE, KEYS[:1])
    with pytest.raises(PeerFault, match="ROOT_SIGNATURE"):
        manifest.read(document, ROOT, now=NOW)


def test_a_document_of_another_type_is_refused() -> None:
    document = root.sign(manifest.write(MANIFEST), "application/vnd.hedui.policy.v1+toml", KEYS)
    with pytest.raises(PeerFault, match="ROOT_SIGNATURE"):
        manifest.read(document, ROOT, now=NOW)


def test_an_expired_manifest_is_refused() -> None:
    assert _read(manifest.write(MANIFEST), now=NOW + 99)
    with pytest.raises(PeerFault, match="MANIFEST_EXPIRED"):
        _read(manifest.write(MANIFEST), now=NOW + 100)


def _party(raw: dict[str, Any]) -> dict[str, Any]:
    return dict(raw["parties"][2])


def _change_party(**change: object) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw["parties"][2].update(change)


def _change_key(**change: object) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw["parties"][2]["keys"][0].update(change)


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.update(more=1),
        lambda raw: raw.pop("ca"),
        lambda raw: raw.update(version="5"),
        lambda raw: raw.update(version=True),
        lambda raw: raw.update(expires=None),
        lambda raw: raw.update(federation=5),
        lambda raw: raw.update(federation=""),
        lambda raw: raw.update(federation="x" * 41),
        lambda raw: raw.update(federation="a city"),
        lambda raw: raw.update(federation="a\u3000city"),
        lambda raw: raw.update(federation="a+b"),
        lambda raw: raw.update(federation="city\n"),
        lambda raw: raw.update(federation="a\x00b"),
        lambda raw: raw.update(demonstration=1),
        lambda raw: raw.update(demonstration="false"),
        lambda raw: raw.update(ca=[]),
        lambda raw: raw.update(parties={}),
        lambda raw: raw.update(parties=5),
        lambda raw: raw.update(parties=["tax"]),
        lambda raw: raw["parties"].append(_party(raw)),
        lambda raw: raw["parties"].pop(0),
        lambda raw: raw["parties"].append(raw["parties"][0] | {"id": "second"}),
        _change_party(role="king"),
        _change_party(role=5),
        _change_party(id=5),
        _change_party(id=""),
        _change_party(id="Tax"),
        _change_party(id="tax+1"),
        _change_party(id="a/tax"),
        _change_party(id="t" * 41),
        _change_party(kind=""),
        _change_party(kind=5),
        _change_party(kind=None),
        _change_party(role="witness"),
        _change_party(role="auditor"),
        lambda raw: raw["parties"][1].update(kind="tax"),
        lambda raw: raw["parties"][0].update(kind=[]),
        _change_party(note="x"),
        _change_party(endpoint=None),
        _change_party(certificates=[5]),
        _change_party(certificates=["%"]),
        _change_party(certificates=None),
        _change_party(keys=[5]),
        _change_key(suite=5),
        _change_key(use="seal"),
        _change_key(kid="0" * 32),
        _change_key(public=b64(bytes(31))),
        _change_key(public=5),
        _change_key(more=5),
        lambda raw: raw["pseudonym_keys"][0].update(epoch="2026"),
        lambda raw: raw["pseudonym_keys"][0].update(more=1),
        lambda raw: raw["pseudonym_keys"][0].update(public="%"),
        lambda raw: raw.update(pseudonym_keys=["x"]),
    ],
)
def test_a_manifest_that_is_not_exact_is_refused(
    change: Callable[[dict[str, Any]], object],
) -> None:
    with pytest.raises(PeerFault, match="MANIFEST_INVALID"):
        _read(_forge(change))


def test_a_suite_that_nobody_provides_is_named() -> None:
    with pytest.raises(PeerFault, match="SUITE_UNKNOWN suite=sm2-sm3"):
        _read(_forge(_change_key(suite="sm2-sm3")))


SUMMING = replace(
    MANIFEST,
    parties={
        **MANIFEST.parties,
        **{name: _entry(name, PartyRole.NODE, name) for name in ("human_resources", "finance")},
        "tally": _entry("tally", PartyRole.TALLY),
    },
    groups={"H1": group()},
)


def test_groups_read_back() -> None:
    assert _read(manifest.write(SUMMING)) == SUMMING
    assert [one.id for one in SUMMING.audiences()] == [
        *("tax", "bank_a", "human_resources", "finance", "tally"),
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"parties": {name: e for name, e in SUMMING.parties.items() if name != "finance"}},
        {"parties": {name: e for name, e in SUMMING.parties.items() if name != "tally"}},
        {"parties": {**SUMMING.parties, "tally": _entry("tally", PartyRole.WITNESS)}},
        {"parties": {**SUMMING.parties, "tax": _entry("tax", PartyRole.WITNESS)}},
        {"groups": {"H1": group(), "H2": group()}},
        {"groups": {"H1": group(percent=-1)}},
    ],
    ids=["department", "tally", "tally's role", "department's role", "twice", "malformed"],
)
def test_groups_of_strangers_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(PeerFault, match="MANIFEST_INVALID"):
        _read(manifest.write(replace(SUMMING, **changed)))


def _with_ecdsa(place: int) -> bytes:
    key = SigningKey.generate(ECDSA).verify_key
    listed = replace(ENTRIES[place], keys={key.kid: key})
    return manifest.write(replace(MANIFEST, parties={**MANIFEST.parties, listed.id: listed}))


@pytest.fixture
def provided() -> Iterator[None]:
    suites.register(ECDSA)
    yield
    del suites._REGISTERED[ECDSA.name]


@pytest.mark.usefixtures("provided")
def test_a_department_may_sign_by_another_suite() -> None:
    (key,) = _read(_with_ecdsa(2)).party("tax").keys.values()
    assert key.suite == ECDSA


@pytest.mark.usefixtures("provided")
@pytest.mark.parametrize("place", [0, 1, 4, 5])
def test_whom_tokens_name_by_jose_words_signs_by_ed25519(place: int) -> None:
    with pytest.raises(PeerFault, match="MANIFEST_INVALID"):
        _read(_with_ecdsa(place))


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"\xff", b'{"version":1,"version":2}'])
def test_what_is_no_manifest_is_refused(payload: bytes) -> None:
    with pytest.raises(PeerFault, match="MANIFEST_INVALID"):
        _read(payload)


def test_parties_are_found_by_id_and_role() -> None:
    assert MANIFEST.party("tax") is ENTRIES[2]
    assert MANIFEST.party("tax", PartyRole.NODE) is ENTRIES[2]
    assert MANIFEST.having(PartyRole.NODE) == ENTRIES[2:4]
    assert MANIFEST.registrar is ENTRIES[0]
    assert [ENTRIES[2].name(lang) for lang in ("zh", "en")] == ["某单位", "Tax"]


@pytest.mark.parametrize(("party", "role"), [("nobody", None), ("tax", PartyRole.COORDINATOR)])
def test_a_party_that_is_not_listed_so_is_unknown(party: str, role: PartyRole | None) -> None:
    with pytest.raises(PeerFault, match="PARTY_UNKNOWN"):
        MANIFEST.party(party, role)


def test_a_long_name_from_outside_is_cut_in_the_error() -> None:
    with pytest.raises(PeerFault) as caught:
        replace(MANIFEST).party("x" * 10_000)
    assert caught.value.details == {"party": "x" * 64}


@pytest.mark.parametrize(("witnesses", "needed"), [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_two_views_cannot_both_have_a_quorum(witnesses: int, needed: int) -> None:
    assert manifest.quorum(witnesses) == needed
    assert 2 * needed > witnesses
    listed = [_entry(f"witness_{n}", PartyRole.WITNESS) for n in range(witnesses)]
    every = {entry.id: entry for entry in [*ENTRIES[:5], *listed]}
    assert replace(MANIFEST, parties=every).quorum == needed


def test_a_log_is_named_after_federation_and_party() -> None:
    assert MANIFEST.note_name("tax") == "test/tax"


@pytest.mark.usefixtures("provided")
def test_notes_are_signed_with_ed25519_keys_only() -> None:
    key = SigningKey.generate(ECDSA).verify_key
    both = replace(ENTRIES[2], keys={**ENTRIES[2].keys, key.kid: key})
    listed = replace(MANIFEST, parties={**MANIFEST.parties, "tax": both})
    (own,) = ENTRIES[2].keys.values()
    for algorithm in (note.SIGNED, note.COSIGNED):
        (found,) = listed.note_keys("tax", algorithm)
        assert found == NoteKey(name="test/tax", key=own.raw, algorithm=algorithm)
    with pytest.raises(PeerFault, match="PARTY_UNKNOWN"):
        listed.note_keys("nobody", note.SIGNED)
