"""OpenSSL as a second implementation: certificates, handshakes, signatures it must agree with."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto import envelope
from crypto.keys import SigningKey
from federation import certificates
from federation import party as parties
from federation.manifest import PartyRole
from federation.wire.channel import tls_name
from tests.support import twin as twins

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]


def openssl(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *words], input=stdin, capture_output=True, check=False)


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("system") / "federation"
    twins.make(folder)
    return folder


def test_certificates_chain_and_name_their_party(federation: Path, tmp_path: Path) -> None:
    ca = federation / "root" / "ca.pem"
    name = tls_name("public_security")
    opened = parties.load(federation / "public_security", PartyRole.NODE, twins.NOW)
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(opened.tls.certificate)
    at = ["-attime", str(twins.NOW)]
    good = openssl("verify", *at, "-CAfile", str(ca), "-verify_hostname", name, str(leaf))
    assert good.returncode == 0, good.stderr
    other = openssl("verify", *at, "-CAfile", str(ca), "-verify_hostname", "tax", str(leaf))
    assert b"hostname mismatch" in other.stdout + other.stderr


def test_a_stranger_does_not_chain(federation: Path, tmp_path: Path) -> None:
    stranger = certificates.make_authority("stranger", twins.NOW, 10)
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(certificates.issue(stranger, "public_security", twins.NOW, 10).certificate)
    ca = federation / "root" / "ca.pem"
    done = openssl("verify", "-attime", str(twins.NOW), "-CAfile", str(ca), str(leaf))
    assert done.returncode != 0


@pytest.mark.parametrize("spoil", [False, True])
def test_an_envelope_verifies(tmp_path: Path, spoil: bool) -> None:
    key = SigningKey.generate()
    signed = envelope.sign(b"payload", "text/plain", key)
    message = envelope.pae("text/plain", b"payload" + b"!" * spoil)
    public = Ed25519PublicKey.from_public_bytes(key.verify_key.raw)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, data in (("key", pem), ("sig", signed.signatures[0].sig), ("msg", message)):
        (tmp_path / name).write_bytes(data)
    words = ["-pubin", "-inkey", "key", "-rawin", "-in", "msg", "-sigfile", "sig"]
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", *words], cwd=tmp_path, capture_output=True, check=False
    )
    assert (done.returncode == 0) is not spoil
