"""The federation's CA, as the standard verifier of pyca sees it."""

import ssl
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from federation import certificates
from federation.certificates import Authority
from federation.errors import BadInput
from federation.wire.channel import TlsIdentity, tls_name

NOW = 1_795_000_000
DAY = 86_400
AUTHORITY = certificates.make_authority("test", NOW, 300)
TAX = certificates.issue(AUTHORITY, "bank_a", NOW, 100)


def _load(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def _verify(
    identity: TlsIdentity,
    name: str = "bank-a.hedui.internal",
    *,
    authority: Authority = AUTHORITY,
    now: int = NOW,
) -> None:
    builder = PolicyBuilder().store(Store([_load(authority.certificate)]))
    verifier = builder.time(datetime.fromtimestamp(now, UTC))
    server = verifier.build_server_verifier(x509.DNSName(name))
    server.verify(_load(identity.certificate), [])


def test_a_certificate_carries_its_party_s_name_and_no_other() -> None:
    certificate = _load(TAX.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [tls_name("bank_a"), "localhost"]
    usage = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert usage.ca is False


def test_a_certificate_is_issued_by_the_authority_for_the_time_said() -> None:
    certificate = _load(TAX.certificate)
    certificate.verify_directly_issued_by(_load(AUTHORITY.certificate))
    assert certificates.expires(TAX.certificate) == NOW + 100 * DAY
    assert certificate.not_valid_before_utc.timestamp() < NOW


def test_the_authority_signs_end_certificates_only() -> None:
    ca = _load(AUTHORITY.certificate)
    basic = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.digital_signature) == (True, False)


def test_another_authority_s_certificate_does_not_verify() -> None:
    other = certificates.make_authority("test", NOW, 300)
    stranger = certificates.issue(other, "bank_a", NOW, 100)
    with pytest.raises(InvalidSignature):
        _load(stranger.certificate).verify_directly_issued_by(_load(AUTHORITY.certificate))
    with pytest.raises(VerificationError):
        _verify(stranger)
    _verify(stranger, authority=other)


def test_the_manifest_lists_the_der_form() -> None:
    der = ssl.PEM_cert_to_DER_cert(TAX.certificate.decode())
    assert certificates.der(TAX.certificate) == der
    assert certificates.der(TAX.certificate) != certificates.der(AUTHORITY.certificate)


def test_two_certificates_of_one_party_differ() -> None:
    again = certificates.issue(AUTHORITY, "bank_a", NOW, 100)
    assert certificates.der(again.certificate) != certificates.der(TAX.certificate)


def test_the_key_belongs_to_the_certificate() -> None:
    key = serialization.load_pem_private_key(TAX.key, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == _load(TAX.certificate).public_key()


def test_no_key_shows_in_a_repr() -> None:
    for holder in (TAX, AUTHORITY):
        assert "PRIVATE" not in repr(holder)


def test_an_authority_with_another_kind_of_key_is_refused() -> None:
    wrong = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(TypeError, match="ECDSA"):
        certificates.issue(
            Authority(certificate=AUTHORITY.certificate, key=wrong), "bank_a", NOW, 100
        )


def test_pyca_s_verifier_accepts_name_and_time() -> None:
    _verify(TAX)


@pytest.mark.parametrize(
    ("name", "now"),
    [("tax.hedui.internal", NOW), ("bank-a.hedui.internal", NOW + 101 * DAY)],
)
def test_pyca_s_verifier_refuses_another_name_or_time(name: str, now: int) -> None:
    with pytest.raises(VerificationError):
        _verify(TAX, name, now=now)


# ---- certificates on request


def _csr(key: Any, *, spoil: bool = False) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody else")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    der = bytearray(made.public_bytes(serialization.Encoding.DER))
    der[-1] ^= spoil
    loaded = x509.load_der_x509_csr(bytes(der))
    return loaded.public_bytes(serialization.Encoding.PEM)


def test_of_a_request_only_the_key_counts() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    made = certificates.certify(AUTHORITY, _csr(key), "bank_a", NOW, 10)
    assert _load(made).public_key() == key.public_key()
    assert certificates.names(made, "bank_a")
    assert not certificates.names(made, "somebody else")


@pytest.mark.parametrize(
    "csr",
    [
        b"",
        b"-----BEGIN CERTIFICATE REQUEST-----\n",
        _csr(ec.generate_private_key(ec.SECP384R1())),
        _csr(rsa.generate_private_key(65537, 2048)),
        _csr(ec.generate_private_key(ec.SECP256R1()), spoil=True),
    ],
    ids=["empty", "garbage", "another curve", "RSA", "not signed by its key"],
)
def test_a_wrong_request_gets_no_certificate(csr: bytes) -> None:
    with pytest.raises(BadInput, match="RENEWAL_INVALID party=bank_a"):
        certificates.certify(AUTHORITY, csr, "bank_a", NOW, 10)


def test_a_key_finds_its_certificate_and_of_several_the_longest() -> None:
    key = certificates.new_key()
    asked = certificates.request(key, "bank_a")
    made = [certificates.certify(AUTHORITY, asked, "bank_a", NOW, days) for days in (10, 30, 20)]
    listed = [certificates.der(one) for one in (TAX.certificate, *made)]
    assert certificates.fitting(listed, key) == made[1]
    assert certificates.fitting(listed, TAX.key) == TAX.certificate
    assert certificates.fitting(listed, certificates.new_key()) is None


def test_an_authority_knows_its_own() -> None:
    other = certificates.make_authority("test", NOW, 300)
    assert certificates.issued_by(TAX.certificate, AUTHORITY.certificate)
    assert not certificates.issued_by(TAX.certificate, other.certificate)
    assert not certificates.issued_by(b"x", other.certificate)
    bundle = other.certificate + AUTHORITY.certificate
    assert certificates.issuers(bundle) == [other.certificate, AUTHORITY.certificate]


def test_what_has_no_name_names_nobody() -> None:
    assert not certificates.names(AUTHORITY.certificate, "test")
    assert not certificates.names(b"x", "test")
