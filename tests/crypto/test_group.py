"""The group's laws, its refusals, and what rbcl leaves behind."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import group
from crypto.errors import BadElement

ONE = (1).to_bytes(32, "little")
SCALARS = st.integers(1, group.ORDER - 1).map(lambda number: number.to_bytes(32, "little"))
ELEMENTS = st.binary(min_size=64, max_size=64).map(group.from_uniform).filter(any)
# RFC 9496 §A.1: the first multiples of the base point.
MULTIPLES = [
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
]
# RFC 9496 §A.2: encodings to refuse (non-canonical, negative, no square, no point).
BAD_ELEMENTS = [
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
]


def test_multiples_of_the_base_point() -> None:
    for number, expected in enumerate(MULTIPLES, 1):
        assert group.multiply_base(number.to_bytes(32, "little")).hex() == expected
    base, double, triple = map(bytes.fromhex, MULTIPLES)
    assert group.add(base, double) == triple
    assert group.multiply((3).to_bytes(32, "little"), base) == triple


@pytest.mark.parametrize("text", BAD_ELEMENTS)
def test_bad_encodings_are_refused(text: str) -> None:
    assert not group.is_element(bytes.fromhex(text))
    with pytest.raises(BadElement):
        group.multiply(ONE, bytes.fromhex(text))


@given(SCALARS, ELEMENTS)
def test_an_inverse_undoes_a_product(scalar: bytes, element: bytes) -> None:
    (inverse,) = group.invert_all([scalar])
    assert group.multiply(inverse, group.multiply(scalar, element)) == element
    assert group.is_element(element)
    assert group.is_scalar(scalar)


@given(st.lists(SCALARS, min_size=1, max_size=20))
def test_inverting_together_inverts_each(scalars: list[bytes]) -> None:
    for scalar, inverse in zip(scalars, group.invert_all(scalars), strict=True):
        assert group.multiply_scalars(scalar, inverse) == ONE
        number = pow(int.from_bytes(scalar, "little"), -1, group.ORDER)
        assert inverse == number.to_bytes(32, "little")


@given(st.lists(st.integers(1, 2**64), min_size=1, max_size=6))
def test_a_weighted_sum_of_the_base_is_the_base_times_the_sum(weights: list[int]) -> None:
    base = bytes.fromhex(MULTIPLES[0])
    encoded = [weight.to_bytes(32, "little") for weight in weights]
    total = sum(weights).to_bytes(32, "little")
    assert group.weighted_sum(encoded, [base] * len(weights)) == group.multiply_base(total)


@given(st.binary(min_size=64, max_size=64))
def test_reducing_is_the_remainder(data: bytes) -> None:
    number = int.from_bytes(data, "little") % group.ORDER
    assert group.reduce_scalar(data) == number.to_bytes(32, "little")


def test_elements_exclude_the_identity_and_other_lengths() -> None:
    base = bytes.fromhex(MULTIPLES[0])
    assert group.is_element(base)
    assert not group.is_element(bytes(32))
    assert not group.is_element(base[:31])
    assert not group.is_element(base + b"\x00")


def test_scalars_exclude_zero_and_what_is_not_reduced() -> None:
    assert group.is_scalar((group.ORDER - 1).to_bytes(32, "little"))
    assert not group.is_scalar(group.ORDER.to_bytes(32, "little"))
    assert not group.is_scalar(bytes(32))
    assert not group.is_scalar(ONE[:31])


def test_products_that_are_not_are_refused() -> None:
    base = bytes.fromhex(MULTIPLES[0])
    for scalar, element in ((bytes(32), base), (ONE, bytes(32)), (ONE[:31], base), (ONE, b"")):
        with pytest.raises(BadElement):
            group.multiply(scalar, element)
    for scalar in (bytes(32), ONE[:31]):
        with pytest.raises(BadElement):
            group.multiply_base(scalar)


def test_sums_and_inverses_of_nothing_are_refused() -> None:
    with pytest.raises(BadElement):
        group.weighted_sum([], [])
    with pytest.raises(BadElement):
        group.weighted_sum([ONE], [group.multiply_base(ONE)] * 2)
    with pytest.raises(BadElement, match="nothing"):
        group.invert_all([])
    with pytest.raises(BadElement, match="zero"):
        group.invert_all([ONE, bytes(32), ONE])


def imported_with_temporary_folder(folder: Path, code: str) -> None:
    environment = {"TMPDIR": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_the_unpacked_library_does_not_stay_behind(tmp_path: Path) -> None:
    imported_with_temporary_folder(tmp_path, "import rbcl")
    if not list(tmp_path.iterdir()):
        pytest.skip("this rbcl leaves nothing behind")
    for leftover in tmp_path.iterdir():
        leftover.unlink()
    imported_with_temporary_folder(
        tmp_path, "from crypto import group; group.multiply_base(b'\\1' + bytes(31))"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_is_installed_is_not_discarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "libsodium.so"
    installed.touch()
    monkeypatch.setattr(sys.modules["rbcl._sodium"], "lib_path", str(installed))
    group._discard_unpacked_library()
    assert installed.exists()
