"""A second signature suite for tests: ECDSA over P-256 by pyca/cryptography, deterministic."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto.errors import BadKey, BadSignature

_CURVE = ec.SECP256R1()
_ALGORITHM = ec.ECDSA(SHA256(), deterministic_signing=True)
_BELOW_ORDER = 2**255


@dataclass(frozen=True, slots=True)
class EcdsaP256:
    """Public keys are compressed points, secrets are scalars."""

    name: str = "ecdsa-p256"

    def admit(self, public: bytes) -> None:
        self._public(public)

    def expand(self, seed: bytes) -> tuple[bytes, bytes]:
        scalar = int.from_bytes(seed, "big") % _BELOW_ORDER + 1
        public = ec.derive_private_key(scalar, _CURVE).public_key()
        return (
            public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint),
            scalar.to_bytes(32, "big"),
        )

    def sign(self, secret: bytes, message: bytes) -> bytes:
        key = ec.derive_private_key(int.from_bytes(secret, "big"), _CURVE)
        return key.sign(message, _ALGORITHM)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> None:
        try:
            self._public(public).verify(signature, message, _ALGORITHM)
        except InvalidSignature as error:
            raise BadSignature("a signature does not hold") from error

    def _public(self, public: bytes) -> ec.EllipticCurvePublicKey:
        if len(public) != 33:
            raise BadKey("a compressed point has 33 bytes")
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public)
        except ValueError as error:
            raise BadKey("not a point of the curve") from error


ECDSA = EcdsaP256()
