"""The exact bytes that keep one use of a hash or key from another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import labels
from crypto.errors import BadElement

ID = "79030119700312011X"
FIELD = st.text(st.characters(exclude_characters="|", exclude_categories=["Cs"]), min_size=1)


def test_bytes_are_fixed() -> None:
    assert labels.voprf_info("tax", 2026) == b"hedui/voprf/v1|tax|2026"
    assert labels.id_input(ID) == b"id/v1|79030119700312011X"
    assert labels.name_input(ID, "王甲") == b"name/v1|79030119700312011X|" + "王甲".encode()
    assert (labels.LEAF, labels.NODE) == (b"\x00", b"\x01")


@given(FIELD, FIELD, FIELD, FIELD)
def test_different_fields_give_different_bytes(a: str, b: str, c: str, d: str) -> None:
    same = (a, b) == (c, d)
    assert (labels.name_input(a, b) == labels.name_input(c, d)) is same


@pytest.mark.parametrize("department", ["", "tax|2026"])
def test_info_refuses_a_department_that_could_be_misread(department: str) -> None:
    with pytest.raises(BadElement):
        labels.voprf_info(department, 2026)


def test_info_refuses_a_negative_epoch() -> None:
    with pytest.raises(BadElement, match="negative"):
        labels.voprf_info("tax", -1)


@pytest.mark.parametrize("id18", ["", "7903|", "\ud800"])
def test_id_refuses_what_could_be_misread(id18: str) -> None:
    with pytest.raises(BadElement):
        labels.id_input(id18)


@pytest.mark.parametrize(("id18", "name"), [(ID, ""), (ID, "王|甲"), ("a|b", "王"), ("", "王")])
def test_name_refuses_what_could_be_misread(id18: str, name: str) -> None:
    with pytest.raises(BadElement):
        labels.name_input(id18, name)


def test_inputs_end_at_the_length_the_standard_allows() -> None:
    longest = "x" * (labels.INPUT_MAX - len(b"id/v1|"))
    assert len(labels.id_input(longest)) == 2**16 - 1
    with pytest.raises(BadElement, match="65535"):
        labels.id_input(longest + "x")
    with pytest.raises(BadElement, match="65535"):
        labels.name_input(ID, longest)
