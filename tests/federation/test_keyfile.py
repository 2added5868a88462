"""Sealed key files: owner only, one purpose, one passphrase."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto.keys import SealCost
from federation import keyfile, limits
from federation.errors import BadInput

PASSPHRASE = b"correct horse"


def _save(path: Path, secret: bytes = b"secret") -> Path:
    keyfile.save(path, secret, PASSPHRASE, purpose="test", cost=SealCost.MINIMAL)
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(st.binary(max_size=500))
def test_a_secret_reads_back_and_is_not_in_the_file(tmp_path: Path, secret: bytes) -> None:
    path = _save(tmp_path / "a.key", secret)
    assert keyfile.load(path, PASSPHRASE, purpose="test") == secret
    assert len(secret) < 24 or secret not in path.read_bytes()


def test_the_folder_is_on_the_disk_after_the_file_was_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, list[str]]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((folder, [p.name for p in tmp_path.iterdir()]))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    keyfile.write_private(tmp_path / "a.key", b"secret")
    assert synced == [(False, ["a.key.new"]), (True, ["a.key"])]


def test_only_the_owner_can_read(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["a.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o777])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = _save(tmp_path / "a.key")
    path.chmod(mode)
    with pytest.raises(BadInput, match=r"KEY_FILE_OPEN file=a\.key"):
        keyfile.load(path, PASSPHRASE, purpose="test")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"KEY_FILE_MISSING file=b\.key"):
        keyfile.load(tmp_path / "b.key", PASSPHRASE, purpose="test")


@pytest.mark.parametrize("passphrase", [b"wrong horse", b""])
def test_a_wrong_passphrase_is_told(tmp_path: Path, passphrase: bytes) -> None:
    path = _save(tmp_path / "a.key")
    with pytest.raises(BadInput, match="PASSPHRASE_WRONG"):
        keyfile.load(path, passphrase, purpose="test")


def test_a_key_opens_for_its_own_purpose_only(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.key")
    with pytest.raises(BadInput, match="PASSPHRASE_WRONG"):
        keyfile.load(path, PASSPHRASE, purpose="other")


@pytest.mark.parametrize("data", [b"", b"junk", b"HEDUI-SEAL" + bytes(100)])
def test_what_is_no_key_file_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.key"
    keyfile.write_private(path, data)
    with pytest.raises(BadInput, match="KEY_FILE_INVALID"):
        keyfile.load(path, PASSPHRASE, purpose="test")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    keyfile.write_private(path, bytes(limits.KEY_FILE_BYTES + 1))
    with pytest.raises(BadInput, match="KEY_FILE_INVALID"):
        keyfile.load(path, PASSPHRASE, purpose="test")


def test_writing_replaces_a_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    keyfile.write_private(path, b"first, and longer")
    keyfile.write_private(path, b"second")
    assert keyfile.read_private(path) == b"second"
