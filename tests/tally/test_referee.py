"""The tally's keys: only for groups that name them, with departments whose keys can be used."""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from crypto import elgamal, masks
from crypto.errors import BadKey
from crypto.paillier import PrivateKey
from federation import founding
from federation.errors import BadInput, Refused
from federation.filling import Filler
from federation.group import Group
from tally import config, server
from tally.referee import Place, Referee, Secrets
from tests.tally.town import Town

OTHERS: list[Callable[[Group], Group]] = [
    lambda one: replace(one, tally=replace(one.tally, paillier=bytes(384))),
    lambda one: replace(one, tally=replace(one.tally, elgamal=bytes(32))),
    lambda one: replace(one, tally=replace(one.tally, mask=bytes(32))),
    lambda one: replace(
        one, departments=(replace(one.departments[0], mask=bytes(32)), *one.departments[1:])
    ),
]


@pytest.fixture
def referee(town: Town) -> Referee:
    return server.referee(town.parties["tally"], config.parse({"pool": 1}))


def test_our_own_groups_fit(town: Town, referee: Referee) -> None:
    for group in town.parties["tally"].manifest.groups.values():
        referee.check_group(group)


@pytest.mark.parametrize("other", OTHERS)
def test_a_group_of_other_keys_is_refused(
    town: Town, referee: Referee, other: Callable[[Group], Group]
) -> None:
    with pytest.raises(Refused, match="SUM_GROUP"):
        referee.check_group(other(town.group()))


def test_the_veil_differs_from_place_to_place(town: Town, referee: Referee) -> None:
    places = [Place(group=town.group(), run=os.urandom(32), rung="r") for _ in range(64)]
    veils = [referee._veil(one) for one in places]
    assert set(veils) == {0, 1}
    assert veils == [referee._veil(one) for one in places]


def test_keys_that_are_none_are_refused(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, _ = elgamal.key_pair(os.urandom)
    paillier = town.parties["tally"].secret(founding.PAILLIER_FILE, founding.PAILLIER)
    good = Secrets(paillier=paillier, elgamal=secret, mask=os.urandom(masks.KEY_SIZE))
    for wrong in (
        replace(good, paillier=bytes(384)),
        replace(good, elgamal=bytes(32)),
        replace(good, mask=b""),
    ):
        with pytest.raises(BadKey):
            Referee(wrong, 0)
    monkeypatch.setattr(PrivateKey, "from_bytes", _fail)
    with pytest.raises(BadInput, match="KEY_FILE_INVALID"):
        server.referee(town.parties["tally"], config.parse({}))


def _fail(_: bytes) -> None:
    raise BadKey("none")


def test_no_secret_is_shown(town: Town) -> None:
    secrets = Secrets(paillier=b"p" * 384, elgamal=b"e" * 32, mask=b"m" * 32)
    assert repr(secrets) == "Secrets()"


def test_a_pool_is_filled_in_the_background_and_no_further(referee: Referee) -> None:
    filler = Filler(referee.pool.fill_one)
    filler.start()
    for _ in range(2_000):
        if len(referee.pool) == 40:
            break
        filler._over.wait(0.005)
    filler._over.wait(0.1)
    filler.stop()
    assert len(referee.pool) == 40
    referee.pool.take()
    assert len(referee.pool) == 39
    Filler(referee.pool.fill_one).stop()
