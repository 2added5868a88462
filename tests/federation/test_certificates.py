"""The federation's CA, as the standard verifier of pyca sees it."""

import ssl
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from federation import certificates
from federation.certificates import Authority
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
