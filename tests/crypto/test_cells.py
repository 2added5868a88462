"""Sealed cells: they open in their place only, and only findable ones show who equals whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.cells import KEY_SIZE, OVERHEAD, Cells
from crypto.errors import BadElement, BadKey

KEY = bytes(range(KEY_SIZE))


@given(plain=st.binary(max_size=200), findable=st.booleans())
def test_what_is_sealed_opens_again(plain: bytes, findable: bool) -> None:
    cells = Cells(KEY, "person.name")
    sealed = cells.seal(plain, findable=findable)
    assert len(sealed) == len(plain) + OVERHEAD
    assert cells.open(sealed) == plain


def test_only_findable_cells_are_the_same_each_time() -> None:
    cells = Cells(KEY, "person.id_number")
    assert cells.seal(b"one", findable=True) == cells.seal(b"one", findable=True)
    assert cells.seal(b"one", findable=True) != cells.seal(b"two", findable=True)
    assert cells.seal(b"one") != cells.seal(b"one")


@pytest.mark.parametrize(("key", "place"), [(KEY, "other"), (KEY[::-1], "place")])
def test_no_other_place_and_no_other_key_opens_a_cell(key: bytes, place: str) -> None:
    with pytest.raises(BadElement):
        Cells(key, place).open(Cells(KEY, "place").seal(b"plain"))


@pytest.mark.parametrize("at", range(OVERHEAD + 5))
def test_an_altered_cell_does_not_open(at: int) -> None:
    cells = Cells(KEY, "place")
    sealed = bytearray(cells.seal(b"plain"))
    sealed[at] ^= 1
    with pytest.raises(BadElement):
        cells.open(bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(OVERHEAD - 1)])
def test_what_is_too_short_does_not_open(sealed: bytes) -> None:
    with pytest.raises(BadElement):
        Cells(KEY, "place").open(sealed)


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(BadKey):
        Cells(KEY[1:], "place")


def test_the_form_of_a_findable_cell_stays() -> None:
    sealed = Cells(KEY, "person.id_number").seal(b"79030119700312011X", findable=True)
    assert sealed.hex() == (
        "dae7f4b6cd323bb50b9db08a289a99518fc6e444e7513a7e"
        "2c792b3e6e8378ee6b2b52d96d0d4008353227d4ea8030ec4fa996c4d0fd3e388fd3"
    )
