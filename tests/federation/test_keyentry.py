"""A key's entry names its suite, and the key is what the entry says or nothing."""

import pytest

from crypto.errors import BadKey
from crypto.keys import SigningKey
from federation import keyentry
from federation.errors import PeerFault

KEY = SigningKey.from_seed(bytes(32)).verify_key
GOOD = keyentry.write(KEY, keyentry.SIGN)


def test_an_entry_reads_back() -> None:
    assert keyentry.read(GOOD, keyentry.SIGN) == KEY
    assert GOOD.keys() == {"kid", "suite", "use", "public"}


def test_an_entry_is_for_one_use() -> None:
    with pytest.raises(ValueError, match="key"):
        keyentry.read(GOOD, keyentry.ROOT)


@pytest.mark.parametrize("suite", ["sm2-sm3", "", "Ed25519", "x" * 1_000])
def test_an_unknown_suite_is_named_and_nothing_is_tried_instead(suite: str) -> None:
    with pytest.raises(PeerFault, match="SUITE_UNKNOWN") as caught:
        keyentry.read(GOOD | {"suite": suite}, keyentry.SIGN)
    assert caught.value.details == {"suite": suite[:32]}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"suite": 5}, ValueError),
        ({"suite": None}, ValueError),
        ({"kid": "0" * 32}, ValueError),
        ({"kid": None}, ValueError),
        ({"public": "AA"}, BadKey),
        ({"public": "%"}, PeerFault),
        ({"public": 5}, PeerFault),
        ({"more": 1}, PeerFault),
    ],
)
def test_an_entry_is_exact(change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        keyentry.read(GOOD | change, keyentry.SIGN)


@pytest.mark.parametrize("value", [None, [], "key", 5])
def test_what_is_no_object_is_no_entry(value: object) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        keyentry.read(value, keyentry.SIGN)
