"""The federation's certificate authority: X.509 certificates that name a party.

Knows pyca/cryptography's X.509. Does not know files or the manifest.
"""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from federation.errors import BadInput
from federation.wire.channel import TlsIdentity, tls_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A CA certificate and its key, PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


def make_authority(federation: str, now: int, days: int) -> Authority:
    """Make a self-signed ECDSA P-256 CA that may sign end certificates only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"{federation} CA")
    builder = (
        _builder(name, name, key.public_key(), now, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256())
    return Authority(certificate=_pem(certificate), key=_key_pem(key))


def new_key() -> bytes:
    """Draw an ECDSA P-256 key for connections, PEM."""
    return _key_pem(ec.generate_private_key(ec.SECP256R1()))


def issue(authority: Authority, party: str, now: int, days: int) -> TlsIdentity:
    """Make a key and its certificate, for client and server use, that names a party."""
    key = new_key()
    public = _private(key).public_key()
    return TlsIdentity(certificate=_certify(authority, party, public, now, days), key=key)


def request(key: bytes, party: str) -> bytes:
    """Ask for a certificate for a key that stays here (PKCS#10, PEM)."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(party))
    return builder.sign(_private(key), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def certify(authority: Authority, asked: bytes, party: str, now: int, days: int) -> bytes:
    """Issue what was asked for: of the request only the key counts. Gives PEM.

    Raises:
        BadInput: RENEWAL_INVALID: no request, not signed by its own key, or no ECDSA P-256 key.
    """
    try:
        csr = x509.load_pem_x509_csr(asked)
        key, signed = csr.public_key(), csr.is_signature_valid
    except ValueError as e:
        raise BadInput("RENEWAL_INVALID", party=party) from e
    if not isinstance(key, ec.EllipticCurvePublicKey) or not signed:
        raise BadInput("RENEWAL_INVALID", party=party)
    if key.curve.name != ec.SECP256R1.name:
        raise BadInput("RENEWAL_INVALID", party=party)
    return _certify(authority, party, key, now, days)


def fitting(listed: Iterable[bytes], key: bytes) -> bytes | None:
    """Find among DER certificates the one of a PEM key that lasts longest, as PEM."""
    public = _private(key).public_key()
    loaded = [x509.load_der_x509_certificate(one) for one in listed]
    mine = [one for one in loaded if one.public_key() == public]
    return _pem(max(mine, key=lambda one: one.not_valid_after_utc)) if mine else None


def issuers(authorities: bytes) -> list[bytes]:
    """Take a bundle of PEM certificates apart: the one that issues now stands first."""
    return [_pem(one) for one in x509.load_pem_x509_certificates(authorities)]


def issued_by(certificate: bytes, authority: bytes) -> bool:
    """Tell whether a PEM authority has signed a PEM certificate."""
    try:
        x509.load_pem_x509_certificate(certificate).verify_directly_issued_by(
            x509.load_pem_x509_certificate(authority)
        )
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def names(certificate: bytes, party: str) -> bool:
    """Tell whether a PEM certificate carries the party's name."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate)
        found = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (ValueError, x509.ExtensionNotFound):
        return False
    return tls_name(party) in found.value.get_values_for_type(x509.DNSName)


def pem(certificate: bytes) -> bytes:
    """Give the PEM form of a DER certificate."""
    return ssl.DER_cert_to_PEM_cert(certificate).encode()


def _certify(
    authority: Authority, party: str, key: ec.EllipticCurvePublicKey, now: int, days: int
) -> bytes:
    ca = x509.load_pem_x509_certificate(authority.certificate)
    ca_key = _private(authority.key)
    names = [
        x509.DNSName(tls_name(party)),
        x509.DNSName("localhost"),
        x509.IPAddress(ip_address("127.0.0.1")),
    ]
    builder = (
        _builder(_name(party), ca.subject, key, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
            critical=False,
        )
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            ),
            critical=False,
        )
    )
    return _pem(builder.sign(ca_key, hashes.SHA256()))


def _private(key: bytes) -> ec.EllipticCurvePrivateKey:
    loaded = serialization.load_pem_private_key(key, password=None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise TypeError("no ECDSA key")
    return loaded


def der(certificate: bytes) -> bytes:
    """Give a PEM certificate's DER form, as the manifest lists it."""
    return x509.load_pem_x509_certificate(certificate).public_bytes(serialization.Encoding.DER)


def expires(certificate: bytes) -> int:
    """Give the UTC second at which a PEM certificate ends."""
    loaded = x509.load_pem_x509_certificate(certificate)
    return int(loaded.not_valid_after_utc.timestamp())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: int, days: int
) -> x509.CertificateBuilder:
    start = datetime.fromtimestamp(now, UTC) - timedelta(minutes=5)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(datetime.fromtimestamp(now, UTC) + timedelta(days=days))
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
