"""The memory of documents in use: never back, never two of one version."""

import json
import stat
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import pins
from federation.errors import BadInput, PeerFault
from federation.pins import Seen
from federation.root import Chain, Root, RootDocument


def _seen(version: int, content: bytes = b"") -> Seen:
    return Seen(version=version, digest=sha256(content).digest())


def test_nothing_is_pinned_before_the_first_start(tmp_path: Path) -> None:
    assert pins.read(tmp_path) == {}


def test_what_is_kept_is_read_again_and_the_owner_s_alone(tmp_path: Path) -> None:
    pins.keep(tmp_path, {"manifest": _seen(1), "policy a": _seen(4)})
    pins.keep(tmp_path, {"manifest": _seen(2), "policy b": _seen(1)})
    assert pins.read(tmp_path) == {
        "manifest": _seen(2),
        "policy a": _seen(4),
        "policy b": _seen(1),
    }
    assert stat.S_IMODE((tmp_path / pins.FILE).stat().st_mode) == 0o600


def test_nothing_new_is_not_written(tmp_path: Path) -> None:
    pins.keep(tmp_path, {"manifest": _seen(1)})
    before = (tmp_path / pins.FILE).stat().st_ino
    pins.keep(tmp_path, {"manifest": _seen(1)})
    assert (tmp_path / pins.FILE).stat().st_ino == before


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("root", "ROOT_ROLLED_BACK"),
        ("manifest", "MANIFEST_ROLLED_BACK"),
        ("policy test", "POLICY_ROLLED_BACK"),
    ],
)
def test_an_older_version_is_refused(tmp_path: Path, name: str, code: str) -> None:
    pins.keep(tmp_path, {name: _seen(5)})
    with pytest.raises(PeerFault, match=code) as caught:
        pins.check(pins.read(tmp_path), name, _seen(4))
    assert caught.value.details == {"version": 4, "seen": 5}
    with pytest.raises(PeerFault, match=code):
        pins.keep(tmp_path, {name: _seen(4)})


def test_another_document_of_the_same_version_is_refused(tmp_path: Path) -> None:
    pins.keep(tmp_path, {"manifest": _seen(5)})
    with pytest.raises(PeerFault, match="VERSION_REUSED document=manifest version=5"):
        pins.check(pins.read(tmp_path), "manifest", _seen(5, b"other"))


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from([b"a", b"b"])), max_size=12))
def test_whatever_is_offered_a_pin_only_rises(
    tmp_path_factory: pytest.TempPathFactory, offered: list[tuple[int, bytes]]
) -> None:
    data = tmp_path_factory.mktemp("pins")
    highest = _seen(0)
    for version, content in offered:
        one = _seen(version, content)
        allowed = version > highest.version or one == highest
        try:
            pins.keep(data, {"manifest": one})
        except PeerFault:
            assert not allowed
        else:
            assert allowed
            highest = one
        assert pins.read(data).get("manifest", _seen(0)) == highest


GOOD = {"manifest": {"version": 1, "digest": "00" * 32}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        json.dumps({"manifest": 1}).encode(),
        json.dumps({"manifest": GOOD["manifest"] | {"more": 1}}).encode(),
        json.dumps({"manifest": {"version": 1}}).encode(),
        json.dumps({"manifest": GOOD["manifest"] | {"version": "1"}}).encode(),
        json.dumps({"manifest": GOOD["manifest"] | {"digest": "00"}}).encode(),
        json.dumps({"manifest": GOOD["manifest"] | {"digest": 5}}).encode(),
    ],
)
def test_a_damaged_memory_is_no_empty_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / pins.FILE).write_bytes(content)
    with pytest.raises(BadInput, match="PINS_INVALID"):
        pins.read(tmp_path)
    with pytest.raises(BadInput, match="PINS_INVALID"):
        pins.keep(tmp_path, {"manifest": _seen(1)})
    assert (tmp_path / pins.FILE).read_bytes() == content


def test_a_memory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"FILE_UNWRITABLE file=pins\.json"):
        pins.keep(tmp_path / "gone", {"manifest": _seen(1)})


# ---- the root


def _chain(first: int, *contents: bytes) -> Chain:
    return Chain(
        tuple(
            RootDocument(
                federation="test",
                version=first + n,
                issued=0,
                expires=1,
                root=Root(keys={}, threshold=1),
                digest=sha256(content).digest(),
            )
            for n, content in enumerate(contents)
        )
    )


def test_a_root_that_leads_on_from_the_pinned_one_is_taken() -> None:
    pinned = {pins.ROOT: _seen(2, b"two")}
    assert pins.check_root(pinned, _chain(1, b"one", b"two", b"three")) == _seen(3, b"three")
    assert pins.check_root(pinned, _chain(2, b"two")) == _seen(2, b"two")
    assert pins.check_root({}, _chain(7, b"seven")) == _seen(7, b"seven")


def test_a_root_that_nobody_vouched_for_is_refused() -> None:
    with pytest.raises(PeerFault, match="ROOT_SIGNATURE"):
        pins.check_root({pins.ROOT: _seen(2, b"two")}, _chain(3, b"three"))


def test_a_root_that_leads_on_from_another_is_refused() -> None:
    pinned = {pins.ROOT: _seen(2, b"two")}
    with pytest.raises(PeerFault, match="VERSION_REUSED document=root version=2"):
        pins.check_root(pinned, _chain(1, b"one", b"forged", b"three"))
    with pytest.raises(PeerFault, match="VERSION_REUSED"):
        pins.check_root(pinned, _chain(2, b"forged"))


def test_a_root_that_was_cut_back_is_refused() -> None:
    with pytest.raises(PeerFault, match="ROOT_ROLLED_BACK version=1 seen=2"):
        pins.check_root({pins.ROOT: _seen(2, b"two")}, _chain(1, b"one"))
