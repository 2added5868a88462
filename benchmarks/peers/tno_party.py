"""Both parties of TNO's secure comparison in one process; run by the peers' own Python.

Run as ``python tno_party.py BITS PAILLIER DGK V``: the length of what is compared, then those of
the moduli and of DGK's primes v. Prints the keys' lengths as JSON, then for each line ``x y``
whether x <= y, the CPU seconds of both parties, and what of them was drawing randomness. Follows
the steps of the package's documentation; each ciphertext is randomised before it would be sent.
Imports nothing of this project.
"""

import importlib
import json
import secrets
import sys
import time
import warnings
from functools import partial
from typing import Any

paillier = importlib.import_module("tno.mpc.encryption_schemes.paillier.paillier")
dgk = importlib.import_module("tno.mpc.encryption_schemes.dgk.dgk")
gmpy2 = importlib.import_module("gmpy2")
utils = importlib.import_module("tno.mpc.encryption_schemes.utils")
comparison = importlib.import_module("tno.mpc.protocols.secure_comparison")
warnings.simplefilter("ignore")  # that fresh ciphertexts are worth less unsent


def prime(bits: int, longest: int) -> Any:
    """Draw a prime, or for more than so many bits any number.

    The package wants primes for the cofactors of p - 1 and q - 1 too, and looks for a minute
    or more. No step of a comparison knows whether they are.
    """
    drawn = secrets.randbits(bits) | 1 << (bits - 1)
    return gmpy2.mpz(drawn) if bits > longest else gmpy2.next_prime(drawn)


def keys(bits: int, modulus: int, dgk_modulus: int, v: int) -> tuple[Any, Any]:
    """Draw the keys of both schemes."""
    dgk.DGK.get_prime = staticmethod(partial(prime, longest=v))
    return paillier.Paillier.from_security_parameter(
        key_length=modulus
    ), dgk.DGK.from_security_parameter(
        v_bits=v, n_bits=dgk_modulus, u=utils.next_prime(1 << (bits + 2)), full_decryption=False
    )


class Fresh:
    """Randomises ciphertexts and counts the CPU seconds that it took."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.spent = 0.0

    def __call__(self, *ciphertexts: Any) -> None:
        """Randomise each."""
        before = time.process_time()
        for one in ciphertexts:
            one.randomize()
        self.spent += time.process_time() - before


def compare(x: Any, y: Any, bits: int, schemes: tuple[Any, Any], fresh: Fresh) -> Any:
    """Play all steps on two encrypted numbers; gives the encrypted outcome."""
    first, second = schemes
    alice, bob = comparison.Initiator, comparison.KeyHolder
    z_enc, r = alice.step_1(x, y, bits, first)
    fresh(z_enc)
    z, beta = bob.step_2(z_enc, bits, first)
    alpha = alice.step_3(r, bits)
    d_enc = bob.step_4a(z, second, first, bits)
    betas = bob.step_4b(beta, bits, second)
    fresh(d_enc, *betas)
    d_enc = alice.step_4c(d_enc, r, second, first)
    xored = alice.step_4d(alpha, betas)
    w, alpha_tilde = alice.step_4e(r, alpha, xored, d_enc, first)
    w = alice.step_4f(w)
    s, delta_a = alice.step_4g()
    c = alice.step_4h(s, alpha, alpha_tilde, d_enc, betas, w, delta_a, second)
    c = alice.step_4i(c, second)
    fresh(*c)
    delta_b = bob.step_4j(c, second)
    zeta_1, zeta_2, delta_b_enc = bob.step_5(z, bits, delta_b, first)
    fresh(zeta_1, zeta_2, delta_b_enc)
    below = alice.step_6(delta_a, delta_b_enc)
    return alice.step_7(zeta_1, zeta_2, r, bits, below, first)


def main(bits: int, *lengths: int) -> None:
    """Compare what standard input asks, line by line."""
    schemes = keys(bits, *lengths)
    first, second = schemes
    sizes = {"paillier": first.public_key.n.bit_length(), "dgk": second.public_key.n.bit_length()}
    print(json.dumps(sizes), flush=True)
    for line in sys.stdin:
        x, y = (first.unsafe_encrypt(int(number)) for number in line.split())
        fresh = Fresh()
        before = time.process_time()
        encrypted = compare(x, y, bits, schemes, fresh)
        spent = time.process_time() - before
        holds = int(first.decrypt(encrypted))
        said = {"holds": bool(holds), "cpu": spent, "randomness": fresh.spent}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
