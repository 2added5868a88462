"""Passwords as they are kept."""

import pytest

from crypto import passwords
from crypto.errors import BadPassphrase
from crypto.keys import SealCost

KEPT = passwords.protect("门前小桥 three lamps", SealCost.MINIMAL)


def test_only_the_password_fits() -> None:
    assert passwords.fits("门前小桥 three lamps", KEPT)
    assert not passwords.fits("门前小桥 three lamp", KEPT)
    assert not passwords.fits("", KEPT)


def test_it_is_argon2id_with_a_salt_of_its_own() -> None:
    again = passwords.protect("门前小桥 three lamps", SealCost.MINIMAL)
    assert KEPT.startswith("$argon2id$v=19$")
    assert again != KEPT
    assert passwords.fits("门前小桥 three lamps", again)


def test_the_unicode_form_does_not_matter() -> None:
    kept = passwords.protect("caf\u00e9 au lait", SealCost.MINIMAL)
    assert passwords.fits("cafe\u0301 au lait", kept)


@pytest.mark.parametrize(
    "kept",
    ["", "plain", "$argon2id$v=19$", pytest.param(KEPT[:-3], id="cut"), "$2b$12$" + "a" * 53],
)
def test_what_is_no_protected_password_fits_nobody(kept: str) -> None:
    assert not passwords.fits("门前小桥 three lamps", kept)


@pytest.mark.parametrize("password", ["", "\ud800 lone half"])
def test_no_password_at_all(password: str) -> None:
    with pytest.raises(BadPassphrase):
        passwords.protect(password, SealCost.MINIMAL)
    assert not passwords.fits(password, KEPT)
